"""Who is due is read by deadline at the same price however many wait, due or not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store import recipients
from campaigns.store.recipients import MOST_LOOKED_AT, due_recipients
from tests.integration.scale.plans import capture

NOW = datetime.fromisoformat("2030-06-01T12:00:00+00:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def waiting(filled: Any) -> Iterator[tuple[Session, int, int]]:
    """The big campaign's people, all of them waiting, in a transaction that is rolled back."""
    with Session(filled.engine) as session:
        session.execute(text("ALTER TABLE recipients DISABLE TRIGGER USER"))  # no triggers
        key = session.execute(text("SELECT min(id) FROM zone_keys")).scalar_one()
        yield session, filled.big, key
        session.rollback()


def fill(session: Session, campaign: int, key: int, next_at: str, deadline: str) -> None:
    """Everybody's times, as expressions of `n`, their place in seconds."""
    session.execute(
        text(f"""
            UPDATE recipients r SET status = 'pending', zone_key = :key, attempts_spent = 0,
                next_attempt_at = CAST(:now AS timestamptz) + make_interval(secs => {next_at}),
                deadline_at = CAST(:now AS timestamptz) + make_interval(secs => {deadline})
            FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM recipients
                  WHERE campaign_id = :campaign) o
            WHERE o.id = r.id
        """),
        {"campaign": campaign, "key": key, "now": NOW},
    )
    session.execute(text("ANALYZE recipients"))


def plan_of(session: Session, campaign: int, key: int) -> tuple[list[Any], dict[str, float]]:
    """What is read for ten calls, and what reading it costs: rows looked at, by kind of scan."""
    engine = session.get_bind()
    assert not isinstance(engine, str)
    with capture(engine) as issued:  # type: ignore[arg-type]
        found = due_recipients(
            session, campaign, [key], NOW, retry=False, limit=10, by_deadline=True
        )
    (one,) = issued
    told = session.connection().exec_driver_sql(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {one.statement}", one.values
    )
    costs: dict[str, float] = {}

    def walk(node: dict[str, Any]) -> None:
        seen = node.get("Rows Removed by Filter", 0) + node["Actual Rows"]
        costs[node["Node Type"]] = max(costs.get(node["Node Type"], 0), seen * node["Actual Loops"])
        for child in node.get("Plans", []):
            walk(child)

    plan = told.scalar_one()
    walk(plan[0]["Plan"])
    return found, costs


@pytest.mark.parametrize(
    ("next_at", "deadline", "expected"),
    [
        # All due, the nearest deadlines last in the order of their times.
        ("-n", "(1000000 - n)", 10),
        # Nobody due.
        ("n", "n + 7200", 0),
        # Half due, among near deadlines that are not.
        ("CASE WHEN n % 2 = 0 THEN -n ELSE n END", "n", 10),
    ],
)
def test_reading_by_deadline_costs_the_same_however_many_wait(
    waiting: tuple[Session, int, int], next_at: str, deadline: str, expected: int
) -> None:
    session, campaign, key = waiting
    fill(session, campaign, key, next_at, deadline)
    found, costs = plan_of(session, campaign, key)
    assert len(found) == expected
    assert "Seq Scan" not in costs
    assert max(costs.values()) <= MOST_LOOKED_AT + 20
    if expected:
        (nearest,) = session.execute(
            text("""
                SELECT array_agg(d.deadline_at) FROM (
                    SELECT deadline_at FROM recipients
                    WHERE campaign_id = :campaign AND status = 'pending'
                      AND next_attempt_at <= :now ORDER BY deadline_at LIMIT 10) d
            """),
            {"campaign": campaign, "now": NOW},
        ).one()
        assert [one.deadline_at for one in found] == nearest


def test_people_are_never_forgotten_behind_near_deadlines_that_wait(
    waiting: tuple[Session, int, int],
) -> None:
    """When more people with nearer deadlines wait for later than are looked at, who has been due
    for longest is called."""
    session, campaign, key = waiting
    fill(session, campaign, key, f"CASE WHEN n <= {2 * MOST_LOOKED_AT} THEN 60 ELSE -n END", "n")
    found, costs = plan_of(session, campaign, key)
    assert len(found) == 10
    assert max(costs.values()) <= MOST_LOOKED_AT + 20


def test_what_is_read_is_locked_and_in_order(waiting: tuple[Session, int, int]) -> None:
    session, campaign, key = waiting
    fill(session, campaign, key, "-n", "n")
    found = recipients.due_recipients(
        session, campaign, [key], NOW, retry=False, limit=3, by_deadline=True
    )
    skipped = recipients.due_recipients(
        session,
        campaign,
        [key],
        NOW,
        retry=False,
        limit=3,
        skip=[one.id for one in found],
        by_deadline=True,
    )
    deadlines = [one.deadline_at for one in (*found, *skipped)]
    assert deadlines == [NOW + timedelta(seconds=n) for n in range(1, 7)]
