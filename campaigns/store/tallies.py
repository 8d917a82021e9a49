"""Tallies: how many rows of a campaign stand alike, kept by triggers as deltas and folded.

What a tally counts, and what stands in its key, is said in `models.tallies` and in migration 0004.
A tally as it is now is its total plus the deltas that are not folded yet, read in one statement.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# One at a time folds, so that no two wait for each other's totals.
FOLD_LOCK = 7420003
# The tally of minutes is kept this long; reports show an hour of it.
MINUTES_KEPT = 120
# Proved is only what no fold can be dropping at the same time.
MINUTES_PROVED = 90


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows of a campaign have one key."""

    campaign_id: int
    tally: str
    key: list[str]
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A tally that is not what its rows are."""

    tally: str
    key: list[str]
    counted: int
    kept: int


# For a list of campaigns and of tallies. Used as it stands, and inside the live statements.
#
# Each tally of each campaign is looked up by itself (`OFFSET 0` keeps it so): a planner that does
# not know how long the lists are would rather read everything there is.
TALLIES_SQL = """
    SELECT campaign_id, tally, key, CAST(sum(n) AS bigint) AS n
    FROM unnest(CAST(:ids AS bigint[])) AS i (campaign_id)
    CROSS JOIN unnest(CAST(:tallies AS text[])) AS k (tally)
    CROSS JOIN LATERAL (
        (SELECT key, n FROM campaign_tallies t
         WHERE t.campaign_id = i.campaign_id AND t.tally = k.tally OFFSET 0)
        UNION ALL
        (SELECT key, n FROM tally_deltas d
         WHERE d.campaign_id = i.campaign_id AND d.tally = k.tally OFFSET 0)
    ) parts
    GROUP BY campaign_id, tally, key HAVING sum(n) <> 0
    ORDER BY campaign_id, tally, key
"""


# One tally of one campaign whose keys begin with an hour, from that of `:since` on.
_FROM_HOUR = """
    campaign_id = :id AND tally = {tally} AND key >= ARRAY[to_char(
        CAST(:since AS timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24')] COLLATE "C"
"""


def summed_since(tally: str) -> str:
    """SQL for one tally of campaign `:id` whose keys begin with an hour, from that of `:since`."""
    mine = _FROM_HOUR.format(tally=f"'{tally}'")
    return f"""
        SELECT key, CAST(sum(n) AS bigint) AS n FROM (
            (SELECT key, n FROM campaign_tallies WHERE {mine} OFFSET 0)
            UNION ALL (SELECT key, n FROM tally_deltas WHERE {mine} OFFSET 0)
        ) parts GROUP BY key
    """


def read_tallies(session: Session, ids: Sequence[int], tallies: Sequence[str]) -> list[Tally]:
    """These tallies of these campaigns, as of this statement."""
    rows = session.execute(text(TALLIES_SQL), {"ids": list(ids), "tallies": list(tallies)})
    return [Tally(*row) for row in rows]


def sum_of_all_campaigns(session: Session, tally: str) -> list[tuple[list[str], int]]:
    """One tally over every campaign there is: keys with their counts."""
    rows = session.execute(
        text("""
            SELECT parts.key, CAST(sum(parts.n) AS bigint)
            FROM campaigns c CROSS JOIN LATERAL (
                (SELECT key, n FROM campaign_tallies t
                 WHERE t.campaign_id = c.id AND t.tally = :tally OFFSET 0)
                UNION ALL
                (SELECT key, n FROM tally_deltas d
                 WHERE d.campaign_id = c.id AND d.tally = :tally OFFSET 0)
            ) parts
            GROUP BY parts.key HAVING sum(parts.n) <> 0 ORDER BY parts.key
        """),
        {"tally": tally},
    )
    return [(row[0], row[1]) for row in rows]


def fold_deltas(session: Session, limit: int = 50_000) -> int:
    """Add the oldest deltas to their totals; returns how many, 0 while somebody else folds.

    A reader sees each delta exactly once: before this commits as a delta, after it in the total.
    """
    mine = session.execute(
        text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": FOLD_LOCK}
    ).scalar_one()
    if not mine:
        return 0
    row = session.execute(
        text("""
            WITH gone AS (
                DELETE FROM tally_deltas WHERE id <= (
                    SELECT max(id) FROM (SELECT id FROM tally_deltas ORDER BY id LIMIT :limit) d)
                RETURNING campaign_id, tally, key, n
            ), folded AS (
                INSERT INTO campaign_tallies AS t (campaign_id, tally, key, n)
                SELECT campaign_id, tally, key, sum(n) FROM gone
                GROUP BY campaign_id, tally, key HAVING sum(n) <> 0
                ON CONFLICT (campaign_id, tally, key) DO UPDATE SET n = t.n + EXCLUDED.n
                RETURNING t.campaign_id, t.n
            )
            SELECT (SELECT count(*) FROM gone),
                   ARRAY(SELECT DISTINCT campaign_id FROM folded WHERE n = 0)
        """),
        {"limit": limit},
    ).one()
    if row[1]:
        session.execute(
            text("DELETE FROM campaign_tallies WHERE n = 0 AND campaign_id = ANY (:ids)"),
            {"ids": row[1]},
        )
    return int(row[0])


def forget_old_minutes(session: Session, now: datetime) -> None:
    """Drop the minutes that no report shows any more. Only who folds may do it."""
    if not session.execute(
        text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": FOLD_LOCK}
    ).scalar_one():
        return
    session.execute(
        text("""
            DELETE FROM campaign_tallies t USING campaigns c
            WHERE t.campaign_id = c.id AND t.tally = 'minutes'
              AND t.key < ARRAY[to_char(CAST(:now AS timestamptz) AT TIME ZONE 'UTC'
                    - make_interval(mins => :kept), 'YYYY-MM-DD"T"HH24:MI')] COLLATE "C"
        """),
        {"now": now, "kept": MINUTES_KEPT},
    )


def only_prover(session: Session) -> None:
    """Be the only one who proves until this transaction ends; raises when somebody else does.

    Must be the transaction's first statement after its isolation level: it takes no snapshot, so
    whatever an earlier prover put right is seen.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    session.execute(text("LOCK TABLE tally_proofs IN SHARE ROW EXCLUSIVE MODE NOWAIT"))
    session.execute(text("SET LOCAL statement_timeout = '300s'"))


def longest_unproved(session: Session) -> int | None:
    """The campaign whose tallies were not compared with its rows for the longest time."""
    return session.execute(
        text("""
            SELECT c.id FROM campaigns c LEFT JOIN tally_proofs p ON p.campaign_id = c.id
            ORDER BY p.proved_at NULLS FIRST, c.id LIMIT 1
        """)
    ).scalar_one_or_none()


# Written without a look at the triggers: each count says in its own words what a report means.
_RECOUNT = {
    "recipients": """
        SELECT ARRAY[status, CASE WHEN attempts_spent > 0 THEN 'true' ELSE 'false' END,
                     substring(coalesce(reason, '') for 200)] AS key
        FROM recipients WHERE campaign_id = :id""",
    "zones": """
        SELECT ARRAY[CAST(zone_key AS text),
                     CASE WHEN attempts_spent > 0 THEN 'true' ELSE 'false' END] AS key
        FROM recipients WHERE campaign_id = :id AND next_attempt_at IS NOT NULL""",
    "waiting": """
        SELECT ARRAY[CAST(zone_key AS text),
                     CASE WHEN attempts_spent > 0 THEN 'true' ELSE 'false' END,
                     replace(substring(CAST(next_attempt_at AT TIME ZONE 'UTC' AS text) for 15),
                             ' ', 'T')] AS key
        FROM recipients WHERE campaign_id = :id AND next_attempt_at IS NOT NULL""",
    "columns": """
        SELECT ARRAY[f.key] AS key FROM recipients r CROSS JOIN LATERAL jsonb_each(r.fields) f
        WHERE r.campaign_id = :id AND r.import_id IS NULL""",
    "attempts": """
        SELECT ARRAY[status, coalesce(disposition, ''), coalesce(cancel_reason, ''),
                     CASE WHEN spent THEN 'true' ELSE 'false' END,
                     CASE WHEN in_doubt_at IS NULL THEN 'false' ELSE 'true' END,
                     CASE WHEN claimed_at IS NOT NULL
                           AND coalesce(CAST(accepted_at AS text), provider_call_id) IS NULL
                           AND (disposition = 'invalid_number'
                                OR cancel_reason IN ('congested', 'account_fault'))
                          THEN 'true' ELSE 'false' END,
                     CASE WHEN answered_at IS NOT NULL THEN 'answered'
                          WHEN ringing_at IS NOT NULL THEN 'rang' ELSE '' END] AS key
        FROM attempts WHERE campaign_id = :id""",
    "hours": """
        SELECT ARRAY[replace(substring(CAST(slot_at AT TIME ZONE 'UTC' AS text) for 13), ' ', 'T'),
                     CASE WHEN status = 'ended' THEN disposition
                          WHEN status IN ('dialing', 'ringing', 'in_progress') THEN 'live'
                          ELSE status END,
                     CASE WHEN answered_at IS NULL THEN 'false' ELSE 'true' END] AS key
        FROM attempts WHERE campaign_id = :id""",
    "abandoned": """
        SELECT ARRAY[replace(substring(CAST(slot_at AT TIME ZONE 'UTC' AS text) for 13), ' ', 'T')]
            AS key
        FROM attempts
        WHERE campaign_id = :id AND disposition <> 'answered_machine' AND served_at IS NULL
          AND answered_at IS NOT NULL AND coalesce(answered_by, 'human') IN ('human', 'unknown')""",
    "minutes": """
        SELECT ARRAY[replace(substring(CAST(claimed_at AT TIME ZONE 'UTC' AS text) for 16),
                             ' ', 'T')] AS key
        FROM attempts
        WHERE campaign_id = :id AND status IN ('dialing', 'ringing', 'in_progress', 'ended')
          AND slot_at > CAST(:now AS timestamptz) - make_interval(mins => :kept)
          AND claimed_at >= date_trunc('minute', CAST(:now AS timestamptz))
              - make_interval(mins => :proved)""",
    "answers": "SELECT ARRAY[digit, meaning] AS key FROM responses WHERE campaign_id = :id",
    "latest": """
        SELECT ARRAY[last.digit, last.meaning] AS key FROM (
            SELECT digit, meaning, row_number() OVER (
                PARTITION BY recipient_id ORDER BY at DESC, id DESC) AS age
            FROM responses WHERE campaign_id = :id) last
        WHERE last.age = 1""",
}


def differences(session: Session, campaign_id: int, now: datetime) -> Iterator[list[Difference]]:
    """Where a campaign's tallies and its rows differ, tally by tally. Reads all of its rows.

    Needs a transaction of one snapshot, in which rows, totals and deltas are of one instant.
    """
    for tally, rows in _RECOUNT.items():
        yield [
            Difference(tally, *row)
            for row in session.execute(
                text(
                    f"""
                    WITH counted AS (
                        SELECT key COLLATE "C" AS key, count(*) AS n FROM ({rows}) r GROUP BY 1
                    ), kept AS (
                        SELECT key, sum(n) AS n FROM (
                            SELECT key, n FROM campaign_tallies
                            WHERE campaign_id = :id AND tally = :tally
                            UNION ALL SELECT key, n FROM tally_deltas
                            WHERE campaign_id = :id AND tally = :tally
                        ) parts
                        WHERE tally_is_proved GROUP BY key
                    )
                    SELECT key, CAST(coalesce(c.n, 0) AS bigint), CAST(coalesce(k.n, 0) AS bigint)
                    FROM counted c FULL JOIN kept k USING (key)
                    WHERE coalesce(c.n, 0) <> coalesce(k.n, 0) ORDER BY key
                """.replace("tally_is_proved", _PROVED if tally == "minutes" else "true")
                ),
                {
                    "id": campaign_id,
                    "tally": tally,
                    "now": now,
                    "kept": MINUTES_KEPT,
                    "proved": MINUTES_PROVED,
                },
            )
        ]


_PROVED = """
    key >= ARRAY[to_char(CAST(:now AS timestamptz) AT TIME ZONE 'UTC'
        - make_interval(mins => :proved), 'YYYY-MM-DD"T"HH24:MI')]
"""


def put_right(session: Session, campaign_id: int, found: Sequence[Difference]) -> None:
    """Make up for differences by deltas, which whatever happens meanwhile does not disturb."""
    for one in found:
        session.execute(
            text("""
                INSERT INTO tally_deltas (campaign_id, tally, key, n)
                VALUES (:id, :tally, CAST(:key AS text[]), :n)
            """),
            {
                "id": campaign_id,
                "tally": one.tally,
                "key": one.key,
                "n": one.counted - one.kept,
            },
        )


def note_proved(session: Session, campaign_id: int, found: int, now: datetime) -> None:
    """A campaign's tallies were compared with its rows, and so many differed."""
    session.execute(
        text("""
            INSERT INTO tally_proofs (campaign_id, proved_at, differences)
            VALUES (:id, :now, :found)
            ON CONFLICT (campaign_id) DO UPDATE
            SET proved_at = EXCLUDED.proved_at, differences = EXCLUDED.differences
        """),
        {"id": campaign_id, "now": now, "found": found},
    )
