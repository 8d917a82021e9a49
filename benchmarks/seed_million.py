"""Fill a database as months of calling would: `python -m benchmarks.seed_million URL`.

Twelve campaigns, one of which has nine tenths of everything; recipients in every status; attempts
over five days of eight hours and in the last minutes; answers, events, a log. Every number is
reserved for fiction. The triggers are on, as they always are.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from campaigns import migrations, tallying
from campaigns.compliance import WeeklyWindows
from campaigns.db import engine_for

CHUNK = 50_000  # recipients of one statement
CAMPAIGNS = 12
LIVE = 60  # calls alive now
LAST_MINUTES = 200  # calls begun within the last two minutes

_FIRST = ["Ada", "Ben", "Carla", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo", "Kim", "Lea"]
_LAST = ["Smith", "Jones", "Garcia", "Miller", "Davis", "Lopez", "Wilson", "Moore", "Lee", "Clark"]
_ZONES = [["America/New_York"], ["America/Chicago"], ["America/Los_Angeles"], ["America/Denver"]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much to make."""

    recipients: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made: the ids of the campaigns, the first of which is the largest."""

    campaigns: list[int]
    recipients: int
    attempts: int


Told = Callable[[str], None]


def seed(engine: Engine, size: Size, told: Told = lambda _: None) -> Seeded:
    """Fill an empty, migrated database. Takes minutes for millions of rows."""
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
        connection.commit()
        campaigns = _campaigns(connection)
        _timed(told, "recipients", lambda: _recipients(connection, size, campaigns))
        _timed(told, "attempts", lambda: _attempts(connection, size))
        _timed(told, "what hangs on them", lambda: _rest(connection, campaigns))
        connection.commit()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        _timed(told, "fold", lambda: _fold(engine))
        _timed(told, "vacuum analyze", lambda: connection.execute(text("VACUUM ANALYZE")))
        made = [
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("recipients", "attempts")
        ]
    return Seeded(campaigns, *made)


def _timed(told: Told, what: str, act: Callable[[], object]) -> None:
    began = time.monotonic()
    act()
    told(f"{what}: {time.monotonic() - began:.1f} s")


def _fold(engine: Engine) -> None:
    while tallying.fold(engine):
        pass
    tallying.forget_old_minutes(engine)


def _campaigns(connection: Connection) -> list[int]:
    account = connection.execute(
        text("""
            INSERT INTO accounts (name, provider, base_url, project_id, credentials, cps,
                                  max_concurrent)
            VALUES ('seed', 'signalwire', 'http://127.0.0.1:9', 'seed', '', 50, 500) RETURNING id
        """)
    ).scalar_one()
    caller = connection.execute(
        text(
            "INSERT INTO caller_ids (account_id, number) VALUES (:a, '+12125550100') RETURNING id"
        ),
        {"a": account},
    ).scalar_one()
    flow = connection.execute(
        text("INSERT INTO flows (name, version, definition) VALUES ('s', 1, :d) RETURNING id"),
        {"d": json.dumps({"answers": {}})},
    ).scalar_one()
    for zones in _ZONES:
        connection.execute(
            text("INSERT INTO zone_keys (country, zones) VALUES ('US', :z)"), {"z": zones}
        )
    rows = connection.execute(
        text("""
            INSERT INTO campaigns (name, kind, status, account_id, caller_id_id, flow_id, rule_set,
                                   windows, retry_policy, started_at)
            SELECT 'Campaign ' || n, 'announcement',
                (ARRAY['running', 'running', 'paused', 'completed', 'draft'])[1 + (n - 1) % 5],
                :account, :caller, :flow, 'practice', '{"days": {}}', '{}', now()
            FROM generate_series(1, :count) n RETURNING id
        """),
        {"account": account, "caller": caller, "flow": flow, "count": CAMPAIGNS},
    )
    ids = list(rows.scalars())
    connection.execute(text("UPDATE campaigns SET windows = :w"), {"w": _always()})
    connection.execute(
        text("""
            INSERT INTO campaign_log (at, campaign_id, sentence)
            SELECT now() - make_interval(secs => n), (CAST(:ids AS bigint[]))[1 + n % 12],
                   'Something happened.'
            FROM generate_series(1, 6000) n
        """),
        {"ids": ids},
    )
    connection.commit()
    return ids


def _always() -> str:
    return json.dumps(WeeklyWindows.parse("always").serialise())


def _recipients(connection: Connection, size: Size, campaigns: list[int]) -> None:
    """Who: by their place, so that every run makes the same people."""
    for first in range(0, size.recipients, CHUNK):
        connection.execute(
            text("""
                INSERT INTO recipients (campaign_id, dedupe_key, numbers, fields, zone, zone_key,
                    status, reason, next_attempt_at, deadline_at, attempts_spent, import_id)
                SELECT
                    CASE WHEN i % 10 < 9 THEN (CAST(:campaigns AS bigint[]))[1]
                         ELSE (CAST(:campaigns AS bigint[]))[2 + i / 10 % 11] END,
                    'row ' || i,
                    ARRAY[format('+1%s555%s', 200 + i / 100 % 800, lpad((100 + i % 100)::text,
                                                                        4, '0'))],
                    jsonb_build_object('name', (CAST(:first AS text[]))[1 + i % 12] || ' '
                        || (CAST(:last AS text[]))[1 + i / 12 % 10], 'city', 'Springfield'),
                    NULL, 1 + i % 4, s.status,
                    CASE s.status WHEN 'completed' THEN 'answered by a person'
                        WHEN 'exhausted' THEN 'all 3 attempts were made'
                        WHEN 'blocked' THEN 'opted out' WHEN 'expired' THEN 'deadline passed'
                        WHEN 'review' THEN 'time zone unknown'
                        ELSE CASE WHEN s.again THEN 'after no_answer' END END,
                    CASE WHEN s.status = 'pending' THEN now() + CASE
                        WHEN s.again THEN make_interval(secs => i % 500000 - 3000)
                        WHEN i % 5 = 0 THEN make_interval(hours => i / 5 % 100)
                        ELSE interval '-1 hour' END END,
                    CASE WHEN i % 7 = 0 THEN now() + interval '9 days' END,
                    CASE WHEN s.status = 'pending' AND NOT s.again THEN 0 ELSE 1 + i % 3 END,
                    NULL
                FROM generate_series(CAST(:from_ AS int), CAST(:to_ AS int)) i
                CROSS JOIN LATERAL (SELECT
                    CASE WHEN i % 100 < 35 THEN 'completed' WHEN i % 100 < 50 THEN 'exhausted'
                         WHEN i % 100 < 52 THEN 'blocked' WHEN i % 100 < 55 THEN 'expired'
                         WHEN i % 100 < 56 THEN 'review' ELSE 'pending' END AS status,
                    i % 100 >= 78 AS again) s
            """),
            {
                "campaigns": campaigns,
                "first": _FIRST,
                "last": _LAST,
                "from_": first,
                "to_": min(first + CHUNK, size.recipients) - 1,
            },
        )
        connection.commit()


def _attempts(connection: Connection, size: Size) -> None:
    """Calls to whoever was called: as many each as make up the number wanted."""
    called, last = connection.execute(
        text("SELECT count(*) FILTER (WHERE attempts_spent > 0), max(id) FROM recipients")
    ).one()
    each = max(size.attempts // max(called, 1), 1)
    more = (size.attempts - each * called) / max(called, 1)
    for first in range(0, last, CHUNK // 2):
        connection.execute(
            text("""
                INSERT INTO attempts (recipient_id, campaign_id, account_id, caller_id_id, n,
                    number, status, slot_at, not_after, open_until, rule_version, claimed_at,
                    claimed_by, accepted_at, provider_call_id, ringing_at, answered_at, ended_at,
                    disposition, cancel_reason, spent, in_doubt_at, provisional, served_at)
                SELECT r.id, r.campaign_id, c.account_id, c.caller_id_id, n, r.numbers[1],
                    d.status, t.at, t.at + interval '1 second', t.at + interval '8 hours',
                    'practice@1', t.at, 'seed', t.at,
                    format('call-%s-%s', r.id, n), t.at + interval '2 seconds',
                    CASE WHEN d.disposition LIKE 'answered%' THEN t.at + interval '9 seconds' END,
                    t.at + interval '40 seconds', d.disposition, d.cancel_reason,
                    d.status <> 'cancelled',
                    CASE WHEN (r.id + n) % 997 = 0 THEN t.at END,
                    coalesce(d.disposition = 'unknown', false),
                    -- Of those that people answered, one in fifty met silence.
                    CASE WHEN (r.id + n) % 350 <> 2 THEN t.at END
                FROM recipients r
                JOIN campaigns c ON c.id = r.campaign_id
                CROSS JOIN LATERAL generate_series(1, :each + CASE
                    WHEN (r.id * 7919 % 1000) < :more * 1000 THEN 1 ELSE 0 END) n
                CROSS JOIN LATERAL (SELECT date_trunc('day', now()) - make_interval(
                    days => 1 + (r.id + n)::int % 5, hours => -9 - r.id::int / 5 % 8,
                    secs => -(r.id * 37 + n * 11)::int % 3600) AS at) t
                CROSS JOIN LATERAL (SELECT
                    CASE WHEN (r.id + 3 * n) % 20 = 0 THEN 'cancelled' ELSE 'ended' END AS status,
                    CASE WHEN (r.id + 3 * n) % 20 = 0 THEN NULL
                         WHEN (r.id + n) % 5003 = 0 THEN 'unknown'
                         ELSE (ARRAY['no_answer', 'busy', 'answered_human', 'answered_machine',
                            'no_answer', 'failed', 'rejected'])[1 + (r.id + n) % 7] END
                        AS disposition,
                    CASE WHEN (r.id + 3 * n) % 20 = 0 THEN 'late_slot' END AS cancel_reason) d
                WHERE r.id > :first AND r.id <= :until AND r.attempts_spent > 0
            """),
            {"first": first, "until": first + CHUNK // 2, "each": each, "more": more},
        )
        connection.commit()


def _rest(connection: Connection, campaigns: list[int]) -> None:
    for statement in (
        # Calls of the last two minutes, and those alive.
        f"""
            UPDATE attempts SET slot_at = now() - make_interval(secs => id % 110),
                claimed_at = now() - make_interval(secs => id % 110)
            WHERE id IN (SELECT id FROM attempts WHERE campaign_id = {campaigns[0]}
                AND status = 'ended' ORDER BY id DESC LIMIT {LAST_MINUTES})
        """,
        f"""
            WITH chosen AS (
                SELECT DISTINCT ON (numbers[1]) id FROM (
                    SELECT id, numbers FROM recipients WHERE status = 'pending' AND retry
                    AND campaign_id = {campaigns[0]} ORDER BY id LIMIT 5000) r
                LIMIT {LIVE}
            ), flown AS (
                UPDATE recipients SET status = 'in_flight', next_attempt_at = NULL, reason = NULL
                FROM chosen WHERE recipients.id = chosen.id RETURNING recipients.*
            )
            INSERT INTO attempts (recipient_id, campaign_id, account_id, caller_id_id, n, number,
                status, slot_at, not_after, open_until, rule_version, claimed_at, claimed_by,
                in_doubt_at)
            SELECT f.id, f.campaign_id, c.account_id, c.caller_id_id, 9, f.numbers[1],
                (ARRAY['dialing', 'ringing', 'in_progress'])[1 + f.id % 3], now(), now(), now(),
                'practice@1', now(), 'seed', CASE WHEN f.id % 20 = 0 THEN now() END
            FROM flown f JOIN campaigns c ON c.id = f.campaign_id
        """,
        """
            INSERT INTO attempt_numbers (attempt_id, number, live)
            SELECT id, number, status IN ('dialing', 'ringing', 'in_progress') FROM attempts
        """,
        """
            INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at)
            SELECT id, recipient_id, campaign_id, k.digit, k.meaning, answered_at
            FROM attempts a CROSS JOIN LATERAL (SELECT
                (ARRAY['1', '2', '3', '9'])[1 + a.id % 4] AS digit,
                (ARRAY['confirm', 'reschedule', 'cancel', 'opt_out'])[1 + a.id % 4] AS meaning) k
            WHERE disposition = 'answered_human' AND a.id % 3 < 2
        """,
        """
            INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw, received_at,
                                     applied_at, verdict)
            SELECT id, 'webhook', 'ended', 'end', '{}', '', ended_at, ended_at, 'applied'
            FROM attempts WHERE status = 'ended' AND id % 4 = 0
        """,
    ):
        connection.execute(text(statement))
        connection.commit()


def main() -> None:
    """Seed the database that is named, migrating it first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty PostgreSQL database")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--attempts", type=int, default=3_000_000)
    given = parser.parse_args()
    engine = engine_for(given.url)
    migrations.upgrade(engine)

    def told(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    made = seed(engine, Size(given.recipients, given.attempts), told)
    told(f"{made.recipients:,} recipients, {made.attempts:,} attempts")


if __name__ == "__main__":
    main()
