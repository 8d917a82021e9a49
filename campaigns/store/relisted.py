"""A list that was read anew: whose appointment is at another time in it, and who is not in it.

All of it looks at the staging table of an import, before its rows are stored.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Relisted:
    """A recipient whose appointment stands in the list at another time."""

    recipient_id: int
    campaign_id: int
    number: str
    appointment_at: datetime
    fields: dict[str, Any]


_HERE = """
    SELECT r.id, r.campaign_id, split_part(r.dedupe_key, '|', 1) AS number, r.appointment_at,
           r.appointment_key, r.appointment_cancelled_at, r.status
    FROM recipients r
    WHERE r.campaign_id = :campaign AND r.appointment_at > :now
"""
# Of the other campaigns that the same recurrence has made, those that still call.
_ELSEWHERE = """
    SELECT DISTINCT r.id, r.campaign_id, split_part(r.dedupe_key, '|', 1) AS number,
           r.appointment_at, r.appointment_key, r.appointment_cancelled_at, r.status
    FROM staged_recipients s
    JOIN reminded_appointments m
        ON m.recurrence_id = :recurrence AND m.number = s.numbers[1] AND m.appointment_at > :now
    JOIN recipients r ON r.id = m.recipient_id AND r.appointment_at = m.appointment_at
    JOIN campaigns c ON c.id = r.campaign_id
    WHERE r.campaign_id <> :campaign AND c.status IN ('scheduled', 'running', 'paused')
"""
# An appointment is known by what the list calls it. Where lists do not call it anything, one that
# is the only one ahead of its person, both before and in the list, is the same at another time.
_MOVED = """
    WITH theirs AS (
        SELECT * FROM ({known}) known
        WHERE status IN ('pending', 'in_flight', 'completed', 'exhausted', 'expired')
           OR (status = 'removed' AND appointment_cancelled_at IS NOT NULL)
    ), listed AS (
        SELECT line, numbers[1] AS number, appointment_at, appointment_key
        FROM staged_recipients WHERE appointment_at > :now
    ), by_key AS (
        SELECT DISTINCT ON (t.id) t.id, t.campaign_id, l.line
        FROM theirs t JOIN listed l ON l.appointment_key = t.appointment_key
        WHERE l.appointment_at <> t.appointment_at ORDER BY t.id, l.line
    ), one_of_theirs AS (
        SELECT number, min(id) AS id, min(campaign_id) AS campaign_id, min(appointment_at) AS at
        FROM theirs
        WHERE appointment_cancelled_at IS NULL GROUP BY number
        HAVING count(*) = 1 AND bool_and(appointment_key IS NULL)
    ), one_listed AS (
        SELECT number, min(line) AS line, min(appointment_at) AS at FROM listed
        GROUP BY number HAVING count(*) = 1 AND bool_and(appointment_key IS NULL)
    ), found AS (
        SELECT id, campaign_id, line FROM by_key
        UNION SELECT t.id, t.campaign_id, l.line
        FROM one_of_theirs t JOIN one_listed l USING (number)
        WHERE t.at <> l.at AND :by_person
    ), taken AS (
        DELETE FROM staged_recipients s USING found f WHERE s.line = f.line
        RETURNING f.id, f.campaign_id, s.numbers[1] AS number, s.appointment_at, s.fields
    )
    SELECT DISTINCT ON (id) id, campaign_id, number, appointment_at, fields FROM taken ORDER BY id
"""


def take_moved(
    session: Session, campaign_id: int, now: datetime, *, by_person: bool
) -> list[Relisted]:
    """Take the staged rows out that are appointments of the campaign at another time.

    `by_person`: also where the list has no name for appointments.
    """
    values = {"campaign": campaign_id, "now": now, "by_person": by_person}
    with _two_lists_side_by_side(session):
        rows = session.execute(text(_MOVED.format(known=_HERE)), values)
    return [Relisted(*row) for row in rows]


def take_moved_elsewhere(
    session: Session, campaign_id: int, recurrence_id: int, now: datetime, *, by_person: bool
) -> list[Relisted]:
    """The same of appointments that an earlier campaign of the recurrence has taken on and still
    calls about."""
    values = {
        "campaign": campaign_id,
        "recurrence": recurrence_id,
        "now": now,
        "by_person": by_person,
    }
    rows = session.execute(text(_MOVED.format(known=_ELSEWHERE)), values)
    return [Relisted(*row) for row in rows]


def not_in_list(session: Session, campaign_id: int, now: datetime) -> list[int]:
    """Recipients whose appointment lies ahead and does not stand in the list any more.

    Before the moved ones are taken out of the list, and the stored ones from it.
    """
    with _two_lists_side_by_side(session):
        rows = session.execute(
            text("""
                SELECT r.id FROM recipients r
                WHERE r.campaign_id = :campaign AND r.appointment_at > :now
                  AND r.appointment_cancelled_at IS NULL AND r.status NOT IN ('removed', 'blocked')
                  AND NOT EXISTS (SELECT 1 FROM staged_recipients s
                        WHERE s.dedupe_key = r.dedupe_key)
                  AND NOT EXISTS (SELECT 1 FROM staged_recipients s
                        WHERE s.appointment_key = r.appointment_key)
                ORDER BY r.id
            """),
            {"campaign": campaign_id, "now": now},
        )
    return [row[0] for row in rows]


def has_appointments_ahead(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether anybody in the campaign has an appointment that is not over."""
    return bool(
        session.execute(
            text("""
                SELECT EXISTS (SELECT 1 FROM recipients
                    WHERE campaign_id = :campaign AND appointment_at > :now)
            """),
            {"campaign": campaign_id, "now": now},
        ).scalar_one()
    )


@contextmanager
def _two_lists_side_by_side(session: Session) -> Iterator[None]:
    """Compare lists by hashing or sorting them. Of people who came a minute ago the planner has no
    statistics; taking them for one or two, it would read the whole staging table for each."""
    session.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    session.execute(text("SET LOCAL enable_nestloop = on"))


def renew_fields(session: Session, relisted: list[Relisted]) -> None:
    """What the list says of these people now is what they hear."""
    for one in relisted:
        session.execute(
            text("UPDATE recipients SET fields = CAST(:fields AS jsonb) WHERE id = :id"),
            {"id": one.recipient_id, "fields": json.dumps(one.fields, ensure_ascii=False)},
        )
