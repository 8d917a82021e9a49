"""The calling rules as people and programs meet them.

asking    may this number be called now? The same answer for the command, the API and the page
listing   what applies where, from which source, since when
adopting  new versions of the rules come with a release, and hold from their commit on
"""

from campaigns.ruling.adopting import (
    VersionView,
    adopt_shipped_rules,
    put_rules_in_force,
    versions,
)
from campaigns.ruling.asking import AnswerView, Asked, ask
from campaigns.ruling.listing import RuleView, list_rules

__all__ = [
    "AnswerView",
    "Asked",
    "RuleView",
    "VersionView",
    "adopt_shipped_rules",
    "ask",
    "list_rules",
    "put_rules_in_force",
    "versions",
]
