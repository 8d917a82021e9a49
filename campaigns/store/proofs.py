"""Evidence about what was dialled, read again from the rows. Nothing in here writes.

Every proof is one statement over all rows that returns those which break it: an id and a sentence.
Run them in one transaction of `begin_proving`, so that all of them speak of one instant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store import tallies
from campaigns.store.tallies import Difference


@dataclass(frozen=True, slots=True)
class Claim:
    """One proof: what it counts, and which of them break it. `about` names the ids."""

    name: str
    says: str
    about: str
    counted: str
    broken: str


@dataclass(frozen=True, slots=True)
class DialledMinute:
    """Calls of one campaign to one place that were claimed within one minute, under one rule."""

    rule_version: str
    rule_set: str
    windows: dict[str, Any]
    purpose: str
    voice: str
    zone: str | None
    address: dict[str, Any] | None
    consented: bool  # they rest on consents
    number: str  # one of those in the same area code, in North America
    minute: datetime
    calls: int
    an_attempt: int


_CLAIMED = "SELECT count(*) FROM attempts WHERE claimed_at IS NOT NULL"
# Without calls that a restored database had forgotten: `outdial reconcile` booked them from the
# provider's log, and how they were claimed is lost.
_OURS = "claimed_at IS NOT NULL AND claimed_by <> 'reconcile'"
_COUNT_OURS = f"SELECT count(*) FROM attempts WHERE {_OURS}"

# What a claim saw of a campaign, of its account and of the switch: the last of each before it.
# Rows from before there was a history have none, and are counted by `calls_without_history`.
_AT_THE_CLAIM = """
    LEFT JOIN LATERAL (
        SELECT g.value FROM gate_history g
        WHERE g.kind = 'campaign' AND g.subject_id = a.campaign_id AND g.at <= a.claimed_at
        ORDER BY g.at DESC, g.id DESC LIMIT 1) c ON true
    LEFT JOIN LATERAL (
        SELECT g.value FROM gate_history g
        WHERE g.kind = 'account' AND g.subject_id = a.account_id AND g.at <= a.claimed_at
        ORDER BY g.at DESC, g.id DESC LIMIT 1) k ON true
    LEFT JOIN LATERAL (
        SELECT g.value FROM gate_history g
        WHERE g.kind = 'switch' AND g.at <= a.claimed_at
        ORDER BY g.at DESC, g.id DESC LIMIT 1) s ON true
"""

# From the instant under the gate on; an older row has only the start of its transaction, which
# may have waited for the gate.
_IN_FORCE = """
    a.claimed_at > coalesce(o.in_force_at, o.created_at + interval '15 seconds')
    AND (o.campaign_id IS NULL OR o.campaign_id = a.campaign_id OR o.family_id =
         (SELECT f.family_id FROM campaigns f WHERE f.id = a.campaign_id))
    AND (o.expires_at IS NULL OR a.claimed_at < o.expires_at)
    AND (o.lifted_at IS NULL OR a.claimed_at < o.lifted_at)
    AND (o.replaced_at IS NULL OR a.claimed_at < o.replaced_at)
"""

_OVERLAP = """
    SELECT id, format('was claimed at %s while an earlier attempt was alive until %s',
                      claimed_at, before)
    FROM (
        SELECT a.id, a.claimed_at,
               max(coalesce(a.ended_at, 'infinity')) OVER (
                   PARTITION BY {whose} ORDER BY a.claimed_at, a.id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM attempts a {joined} WHERE a.{ours}
    ) alive WHERE claimed_at < before
"""

_NUMBERS = "JOIN attempt_numbers n ON n.attempt_id = a.id"

CLAIMS = (
    Claim(
        "posted_once",
        "no attempt stands for more than one call",
        "attempt",
        _CLAIMED,
        """
        SELECT attempt_id, format('has %s calls: %s', count(*), string_agg(call, ', '))
        FROM (
            -- Without events that came to the wrong address: those of another attempt's call.
            SELECT e.attempt_id, e.event ->> 'provider_call_id' AS call
            FROM call_events e JOIN attempts a ON a.id = e.attempt_id
            WHERE e.event ->> 'provider_call_id' IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM attempts o WHERE o.account_id = a.account_id
                    AND o.provider_call_id = e.event ->> 'provider_call_id' AND o.id <> a.id)
            UNION
            SELECT id, provider_call_id FROM attempts WHERE provider_call_id IS NOT NULL
        ) calls GROUP BY attempt_id HAVING count(*) > 1
        """,
    ),
    Claim(
        "one_live_per_recipient",
        "nobody had two attempts at a time",
        "attempt",
        _COUNT_OURS,
        _OVERLAP.format(ours=_OURS, whose="a.recipient_id", joined=""),
    ),
    Claim(
        "one_live_per_number",
        "no number was on two attempts at a time, over all campaigns",
        "attempt",
        _COUNT_OURS,
        _OVERLAP.format(
            ours=_OURS, whose="n.number", joined="JOIN attempt_numbers n ON n.attempt_id = a.id"
        ),
    ),
    Claim(
        "held_number",
        "whatever was dialled was held by its attempt alone, and is free again",
        "attempt",
        _COUNT_OURS,
        f"""
        SELECT a.id, CASE WHEN n.attempt_id IS NULL THEN 'did not hold the number it called'
                          ELSE format('is %s and holds its number all the same', a.status) END
        FROM attempts a LEFT JOIN attempt_numbers n
            ON n.attempt_id = a.id AND n.number = a.number
        WHERE a.{_OURS}
          AND (n.attempt_id IS NULL
               OR n.live <> (a.status IN ('queued', 'dialing', 'ringing', 'in_progress')))
        """,
    ),
    Claim(
        "in_slot",
        "every call was claimed in its slot and before its calling window closed",
        "attempt",
        _COUNT_OURS,
        f"""
        SELECT id, format('was claimed at %s; slot %s to %s, open until %s',
                          claimed_at, slot_at, not_after, open_until)
        FROM attempts
        WHERE {_OURS} AND NOT (
            slot_at <= claimed_at AND claimed_at < not_after AND claimed_at < open_until)
        """,
    ),
    Claim(
        "campaign_running",
        "every call was claimed while its campaign ran, its account was active and nobody had"
        " switched dialling off",
        "attempt",
        _COUNT_OURS,
        f"""
        SELECT a.id, format('was claimed at %s; campaign %s until %s, account %s, switch %s',
            a.claimed_at, c.value ->> 'status', coalesce(c.value ->> 'ends_at', 'its end'),
            k.value ->> 'status', coalesce(s.value ->> 'enabled', 'true'))
        FROM attempts a {_AT_THE_CLAIM}
        WHERE a.{_OURS}
          AND (c.value ->> 'status' <> 'running' OR k.value ->> 'status' <> 'active'
               OR s.value ->> 'enabled' = 'false'
               OR CAST(c.value ->> 'ends_at' AS timestamptz) <= a.claimed_at)
        """,
    ),
    Claim(
        "not_opted_out",
        "nobody was called after an opt-out of the number that was in force",
        "attempt",
        _CLAIMED,
        f"""
        SELECT a.id, format('was claimed at %s; opt-out %s (%s) is in force since %s',
                            a.claimed_at, o.id, o.source, coalesce(o.in_force_at, o.created_at))
        FROM attempts a
        JOIN opt_outs o ON o.number = a.number AND NOT o.is_prefix AND {_IN_FORCE}
        WHERE a.claimed_at IS NOT NULL
        UNION ALL
        SELECT a.id, format('was claimed at %s; opt-out %s of a prefix is in force since %s',
                            a.claimed_at, o.id, coalesce(o.in_force_at, o.created_at))
        FROM opt_outs o JOIN attempts a ON starts_with(a.number, o.number) AND {_IN_FORCE}
        WHERE o.is_prefix AND a.claimed_at IS NOT NULL
        UNION ALL
        -- Another number of the same person, unless somebody has changed the entry since.
        SELECT a.id, format('was claimed at %s; opt-out %s of another number of that person',
                            a.claimed_at, o.id)
        FROM recipients r CROSS JOIN LATERAL unnest(r.numbers) AS other (number)
        JOIN attempts a ON a.recipient_id = r.id AND a.number <> other.number
        JOIN opt_outs o ON o.number = other.number AND NOT o.is_prefix AND {_IN_FORCE}
        WHERE cardinality(r.numbers) > 1 AND a.claimed_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM audit_log l
                WHERE l.subject = 'recipient:' || r.id AND l.at > a.claimed_at)
        """,
    ),
    Claim(
        "before_deadline",
        "nobody was called after it was too late for them",
        "attempt",
        _CLAIMED,
        # An appointment that was moved since has another deadline than the one that was asked.
        """
        SELECT a.id, format('was claimed at %s, after the deadline %s', a.claimed_at, r.deadline_at)
        FROM attempts a JOIN recipients r ON r.id = a.recipient_id
        WHERE a.claimed_at >= r.deadline_at
          AND NOT EXISTS (SELECT 1 FROM audit_log l
                WHERE l.subject = 'recipient:' || r.id AND l.at > a.claimed_at)
        """,
    ),
    Claim(
        "keypress_kept",
        "whoever pressed the key for it is on the list of opt-outs",
        "attempt",
        "SELECT count(*) FROM responses WHERE meaning = 'opt_out'",
        """
        SELECT p.attempt_id, 'asked not to be called again and is on no list'
        FROM responses p JOIN attempts a ON a.id = p.attempt_id
        WHERE p.meaning = 'opt_out' AND NOT EXISTS (
            SELECT 1 FROM opt_outs o WHERE o.number = a.number AND o.campaign_id IS NULL)
        """,
    ),
    Claim(
        "nobody_forgotten",
        "whoever is being called has one live attempt, and nobody else has one",
        "recipient",
        "SELECT count(*) FROM recipients",
        """
        SELECT r.id, format('is %s with %s live attempts', r.status, count(a.id))
        FROM recipients r LEFT JOIN attempts a ON a.recipient_id = r.id
            AND a.status IN ('queued', 'dialing', 'ringing', 'in_progress')
        WHERE r.status = 'in_flight' OR a.id IS NOT NULL
        GROUP BY r.id HAVING count(a.id) <> 1 OR r.status <> 'in_flight'
        """,
    ),
    Claim(
        "attempts_counted",
        "what counts against a person is the number of their attempts that count",
        "recipient",
        "SELECT count(*) FROM recipients",
        """
        SELECT r.id, format('has used up %s attempts and has %s', r.attempts_spent,
                            count(a.id))
        FROM recipients r LEFT JOIN attempts a ON a.recipient_id = r.id AND a.spent
            AND a.claimed_at > coalesce(r.counted_from, '-infinity')
        WHERE r.status <> 'in_flight'
        GROUP BY r.id HAVING r.attempts_spent <> count(a.id)
        """,
    ),
    Claim(
        "events_applied",
        "every event that was stored was considered",
        "event",
        "SELECT count(*) FROM call_events",
        """
        SELECT id, format('was stored at %s and never applied', received_at) FROM call_events
        WHERE applied_at IS NULL AND received_at < now() - interval '60 seconds'
        """,
    ),
    Claim(
        "no_incident",
        "no call exists that was believed not to",
        "attempt",
        _CLAIMED,
        "SELECT id, incident FROM attempts WHERE incident IS NOT NULL",
    ),
)


def begin_proving(session: Session) -> None:
    """One snapshot for everything that follows, in which nothing can be written.

    Must be the transaction's first statement. Proofs over many rows take their time.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    session.execute(text("SET LOCAL statement_timeout = 0"))
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def count(session: Session, claim: Claim) -> int:
    """How many rows the proof is about."""
    return int(session.execute(text(claim.counted)).scalar_one())


def broken(session: Session, claim: Claim) -> Iterator[tuple[int, str]]:
    """The rows that break it, as they are found."""
    found = session.execute(text(claim.broken).execution_options(stream_results=True))
    for row in found:
        yield row[0], row[1]


def calls_without_history(session: Session) -> int:
    """Calls from before it was noted when campaigns were running."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM attempts a WHERE a.claimed_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM gate_history g WHERE g.kind = 'campaign'
                    AND g.subject_id = a.campaign_id AND g.at <= a.claimed_at)
            """)
        ).scalar_one()
    )


def dialled_minutes(session: Session) -> Iterator[DialledMinute]:
    """Everything that was claimed, a minute of one place at a time: windows end on minutes."""
    rows = session.execute(
        text(f"""
            SELECT a.rule_version, c.value ->> 'rule_set', c.value -> 'windows',
                   coalesce(c.value ->> 'purpose', m.purpose),
                   coalesce(c.value ->> 'voice', m.voice), r.zone, r.address,
                   a.consent_id IS NOT NULL,
                   -- The area code says all that is asked of a North American number.
                   CASE WHEN a.number LIKE '+1%' THEN left(a.number, 5) || '5550100'
                       ELSE a.number END,
                   date_trunc('minute', a.claimed_at, 'UTC'), count(*), min(a.id)
            FROM attempts a JOIN recipients r ON r.id = a.recipient_id
            JOIN campaigns m ON m.id = a.campaign_id {_AT_THE_CLAIM}
            WHERE a.{_OURS} AND c.value IS NOT NULL
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        """).execution_options(stream_results=True)
    )
    for row in rows:
        yield DialledMinute(*row)


def campaign_ids(session: Session) -> list[int]:
    """Every campaign there is."""
    return [row[0] for row in session.execute(text("SELECT id FROM campaigns ORDER BY id"))]


def counters_that_differ(session: Session, campaign_id: int, now: datetime) -> Iterator[Difference]:
    """Counters of one campaign that are not what its rows are."""
    for differing in tallies.differences(session, campaign_id, now):
        yield from differing
