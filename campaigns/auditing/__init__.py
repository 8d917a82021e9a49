"""The audit log: who changed what, when, with what was before and after.

recording  an entry, in the transaction of its change
reading    pages of entries
words      entries as sentences
"""

from campaigns.auditing.reading import AuditLine, actions, read
from campaigns.auditing.recording import record
from campaigns.auditing.words import noun_of, thing
from campaigns.store.audit import Wanted

__all__ = ["AuditLine", "Wanted", "actions", "noun_of", "read", "record", "thing"]
