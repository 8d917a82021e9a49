"""Consents as people hand them in, look them up, and take them back.

reading    a line of a file or a few words: a number, what it rests on, since when, for what
recording  a few at once, or a file in pieces; on request people blocked for want of one come back
"""

from campaigns.consenting.reading import COLUMNS, Said, read_given, read_said
from campaigns.consenting.recording import (
    Given,
    ImportReport,
    Taken,
    count_waiting,
    find,
    give,
    import_file,
    revoke,
    search,
)
from campaigns.store.consents import ConsentRow, NewConsent

__all__ = [
    "COLUMNS",
    "ConsentRow",
    "Given",
    "ImportReport",
    "NewConsent",
    "Said",
    "Taken",
    "count_waiting",
    "find",
    "give",
    "import_file",
    "read_given",
    "read_said",
    "revoke",
    "search",
]
