"""The calls that bear on whether a number may be called again: those that count, and who holds it.

A call counts when it was made or may have been made: in doubt counts, cancelled does not, and
neither does one that was taken back before it rang.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models.attempts import ABANDONED_SQL


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back calls of one scope are read: at most `most` of them, made after `since`."""

    most: int
    since: datetime


@dataclass(frozen=True, slots=True)
class CountedCall:
    """One call, and why it was read: `number`, `subject`, `person`, `last` (ended), `abandoned` or
    `holding`."""

    person: int
    why: str
    attempt_id: int
    at: datetime


# Counts and holders come from one statement, so from one snapshot: nobody can be let through
# because a call ended between the two. Only the leader's tick makes attempts, one tick at a time,
# so a number that nobody holds here is held by nobody until this transaction has held it.
_CALLS = """
    WITH asked AS (
        SELECT * FROM unnest(CAST(:people AS bigint[]), CAST(:numbers AS text[]))
            AS p (person, number)
    )
    SELECT asked.person, 'number', c.id, c.claimed_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.claimed_at FROM attempts a
        WHERE a.number = asked.number AND a.spent AND a.claimed_at > :number_since
          AND a.claimed_at <= CAST(:upto AS timestamptz)
        ORDER BY a.claimed_at DESC LIMIT :number_most
    ) c
    UNION ALL
    SELECT asked.person, 'subject', c.id, c.claimed_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.claimed_at FROM attempts a
        WHERE a.number = asked.number AND a.spent AND a.claimed_at > :subject_since
          AND a.claimed_at <= CAST(:upto AS timestamptz)
          AND a.campaign_id = ANY (CAST(:campaigns AS bigint[]))
        ORDER BY a.claimed_at DESC LIMIT :subject_most
    ) c
    UNION ALL
    SELECT asked.person, 'person', c.id, c.claimed_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.claimed_at FROM attempts a
        WHERE a.recipient_id = asked.person AND a.spent AND a.claimed_at > :person_since
          AND a.claimed_at <= CAST(:upto AS timestamptz)
        ORDER BY a.claimed_at DESC LIMIT :person_most
    ) c
    UNION ALL
    SELECT asked.person, 'last', c.id, c.ended_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.ended_at FROM attempts a
        WHERE a.number = asked.number AND a.status = 'ended' AND a.spent
          AND a.ended_at <= CAST(:upto AS timestamptz)
        ORDER BY a.ended_at DESC LIMIT 1
    ) c
    UNION ALL
    SELECT asked.person, 'abandoned', c.id, c.ended_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.ended_at FROM attempts a
        WHERE a.number = asked.number AND {abandoned}
          AND a.ended_at > CAST(:abandoned_since AS timestamptz)
          AND a.ended_at <= CAST(:upto AS timestamptz)
        ORDER BY a.ended_at DESC LIMIT 1
    ) c
    UNION ALL
    {holding}
"""
_HELD_NOW = """
    SELECT asked.person, 'holding', n.attempt_id, clock_timestamp()
    FROM asked JOIN attempt_numbers n ON n.number = asked.number AND n.live
"""
_HELD_THEN = """
    SELECT asked.person, 'holding', c.id, c.claimed_at
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.claimed_at FROM attempts a
        WHERE a.number = asked.number AND a.claimed_at <= CAST(:upto AS timestamptz)
          AND (a.ended_at IS NULL OR a.ended_at > CAST(:upto AS timestamptz))
        ORDER BY a.claimed_at DESC LIMIT 1
    ) c
"""


def calls_that_count(
    session: Session,
    people: Sequence[tuple[int, str]],
    *,
    number: Reach,
    subject: Reach,
    person: Reach,
    abandoned_since: datetime | None = None,
    campaigns: Sequence[int] = (),
    then: datetime | None = None,
) -> list[CountedCall]:
    """For each person (recipient id and number) the calls of each scope, newest first.

    The last abandoned one is among them if it ended after `abandoned_since`; None: not asked for.
    `campaigns` are those on the same subject. `then`: as it was at that instant; else now, and
    what was claimed since the transaction began is in it too.
    """
    statement = _CALLS.format(
        holding=_HELD_NOW if then is None else _HELD_THEN, abandoned=ABANDONED_SQL
    )
    rows = session.execute(
        text(statement),
        {
            "people": [each[0] for each in people],
            "numbers": [each[1] for each in people],
            "campaigns": list(campaigns),
            "number_since": number.since,
            "number_most": number.most,
            "subject_since": subject.since,
            "subject_most": subject.most,
            "person_since": person.since,
            "person_most": person.most,
            "abandoned_since": "infinity" if abandoned_since is None else abandoned_since,
            "upto": "infinity" if then is None else then,
        },
    )
    return [CountedCall(row[0], row[1], row[2], row[3]) for row in rows]
