"""How each reminder of a campaign went: who was due for it, was called, was reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class StageRow:
    """People of one reminder, each once."""

    stage: int
    due: int
    called: int
    reached: int


def people_by_stage(
    session: Session,
    campaign_id: int,
    offsets: Sequence[float],
    now: datetime,
    *,
    machines_too: bool,
) -> list[StageRow]:
    """Counted from the rows, so only for who asks: it costs as much as there are people.

    Due are those whose time for a reminder has come and who have not answered an earlier one;
    reached those who answered it, with `machines_too` also by a machine.
    """
    rows = session.execute(
        text("""
            WITH due AS (
                SELECT s.stage, count(*) AS people
                FROM recipients r
                JOIN unnest(CAST(:offsets AS double precision[])) WITH ORDINALITY
                    AS o (seconds, place) ON true
                CROSS JOIN LATERAL (SELECT CAST(o.place - 1 AS integer) AS stage) s
                WHERE r.campaign_id = :id AND r.appointment_at IS NOT NULL
                  AND r.appointment_cancelled_at IS NULL AND r.status <> 'removed'
                  AND (r.stage > s.stage OR (r.stage = s.stage
                       AND r.appointment_at - make_interval(secs => o.seconds) <= :now))
                GROUP BY s.stage
            ), made AS (
                SELECT stage, count(DISTINCT recipient_id) AS called,
                       count(DISTINCT recipient_id) FILTER (
                           WHERE disposition = ANY (:answered)) AS reached
                FROM attempts
                WHERE campaign_id = :id AND status NOT IN ('queued', 'cancelled')
                GROUP BY stage
            )
            SELECT CAST(n.stage AS integer), coalesce(due.people, 0), coalesce(made.called, 0),
                   coalesce(made.reached, 0)
            FROM generate_series(0, :last) AS n (stage)
            LEFT JOIN due USING (stage) LEFT JOIN made USING (stage) ORDER BY n.stage
        """),
        {
            "id": campaign_id,
            "offsets": list(offsets),
            "last": len(offsets) - 1,
            "now": now,
            "answered": [
                *("answered_human", "answered", "opted_out"),
                *(["answered_machine"] if machines_too else []),
            ],
        },
    )
    return [StageRow(*row) for row in rows]
