"""When somebody last asked not to be called, whatever became of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store.opt_outs import OPT_OUT_ROW_SQL, SHORTEST_PREFIX, OptOutRow


def latest_refusals(
    session: Session, numbers: Sequence[str], since: datetime, known_by: datetime | None = None
) -> dict[str, OptOutRow]:
    """For each number the latest opt-out of it after `since` that nobody has undone.

    Of any scope, and also one whose time is over or that another one has replaced: the person
    asked. `known_by`: as the books had it at that instant.
    """
    rows = session.execute(
        text(f"""
            SELECT n.number, l.* FROM unnest(CAST(:numbers AS text[])) AS n (number)
            CROSS JOIN LATERAL (
                {OPT_OUT_ROW_SQL} WHERE o.number = ANY (ARRAY(
                        SELECT left(n.number, size)
                        FROM generate_series({SHORTEST_PREFIX}, length(n.number)) AS size))
                  AND (o.is_prefix OR o.number = n.number)
                  AND o.created_at > :since
                  AND (CAST(:known_by AS timestamptz) IS NULL
                       OR coalesce(o.in_force_at, o.created_at) <= :known_by)
                  AND (o.lifted_at IS NULL OR o.lifted_at > CAST(:known_by AS timestamptz))
                ORDER BY o.created_at DESC, o.id DESC LIMIT 1
            ) l
        """),
        {"numbers": sorted(set(numbers)), "since": since, "known_by": known_by},
    )
    return {row[0]: OptOutRow(*row[1:]) for row in rows}
