"""People who share a telephone number."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Together:
    """A number of a recipient at which somebody else was reached about the same thing."""

    recipient_id: int
    number: str
    reached_id: int


def reached_together(
    session: Session, campaign_id: int, ids: Sequence[int], dispositions: Sequence[str]
) -> list[Together]:
    """Which numbers of these recipients a call of the campaign to somebody else has reached.

    About the same thing: both were called about the same appointment, or about none, and by the
    same of its reminders. `dispositions` are the endings that count as reached.
    """
    rows = session.execute(
        text("""
            SELECT r.id, n.number, met.recipient_id
            FROM recipients r
            CROSS JOIN LATERAL unnest(r.numbers) AS n (number)
            CROSS JOIN LATERAL (
                SELECT a.recipient_id FROM attempts a JOIN recipients o ON o.id = a.recipient_id
                WHERE a.number = n.number AND a.ended_at IS NOT NULL
                  AND a.campaign_id = :campaign AND a.recipient_id <> r.id
                  AND a.disposition = ANY (CAST(:dispositions AS text[])) AND a.stage = r.stage
                  AND o.appointment_at IS NOT DISTINCT FROM r.appointment_at
                ORDER BY a.ended_at DESC LIMIT 1
            ) met
            WHERE r.id = ANY (:ids)
        """),
        {"campaign": campaign_id, "ids": list(ids), "dispositions": list(dispositions)},
    )
    return [Together(*row) for row in rows]
