"""What reports count. Every number is a query over rows; nothing here changes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """Pending recipients that wait for the same thing: how many, and when the first is due."""

    wait: str  # due, hours, retry, later
    people: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptGroup:
    """Attempts of one campaign that stand alike."""

    status: str
    disposition: str | None
    cancel_reason: str | None
    attempts: int
    spent: int
    in_doubt: int
    ever_in_doubt: int
    refused: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """One UTC hour of slots: how many were given, and what came of them."""

    hour: datetime
    attempts: int
    calls: int
    answered: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """One key with its meaning, and how many people pressed it: ever, and as their last word."""

    digit: str
    meaning: str
    presses: int
    latest: int


def read_one_snapshot(session: Session) -> None:
    """Let every query of this transaction see the same instant, so that sums add up.

    Must be the transaction's first statement. Nothing can be written in it afterwards.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def recipients_by_status(session: Session, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Per campaign, how many recipients have which status."""
    rows = session.execute(
        text("""
            SELECT campaign_id, status, count(*) FROM recipients
            WHERE campaign_id = ANY (:ids) GROUP BY campaign_id, status
        """),
        {"ids": list(ids)},
    )
    found: dict[int, dict[str, int]] = {campaign_id: {} for campaign_id in ids}
    for campaign_id, status, people in rows:
        found[campaign_id][status] = people
    return found


def pending_zone_keys(session: Session, campaign_id: int) -> list[int]:
    """The zone keys under which anybody of the campaign waits, each found by one index look-up."""
    rows = session.execute(
        text("""
            SELECT z.id FROM zone_keys z
            WHERE EXISTS (SELECT 1 FROM recipients r
                WHERE r.campaign_id = :id AND r.zone_key = z.id AND r.status = 'pending')
            ORDER BY z.id
        """),
        {"id": campaign_id},
    )
    return [row[0] for row in rows]


def waiting_recipients(
    session: Session, campaign_id: int, now: datetime, closed: Mapping[int, datetime | None]
) -> list[WaitingGroup]:
    """Who is pending, by what they wait for.

    `closed` has the zone keys that are closed now, with the instant at which each opens (`None`:
    not in sight). Somebody under a closed key waits for the hours when they could be called as
    soon as it opens; without a known zone nobody is called.
    """
    rows = session.execute(
        text("""
            WITH waiting AS (
                SELECT r.next_attempt_at AS at, CASE
                    WHEN (c.zone_key IS NOT NULL OR r.zone_key IS NULL)
                        AND r.next_attempt_at <= coalesce(c.opens_at, 'infinity') THEN 'hours'
                    WHEN r.next_attempt_at <= :now THEN 'due'
                    WHEN r.retry THEN 'retry'
                    ELSE 'later' END AS wait
                FROM recipients r
                LEFT JOIN unnest(CAST(:keys AS integer[]), CAST(:opens AS timestamptz[]))
                    AS c (zone_key, opens_at) ON c.zone_key = r.zone_key
                WHERE r.campaign_id = :id AND r.status = 'pending'
            )
            SELECT wait, count(*), min(at) FROM waiting GROUP BY wait ORDER BY wait
        """),
        {"id": campaign_id, "now": now, "keys": list(closed), "opens": list(closed.values())},
    )
    return [WaitingGroup(*row) for row in rows]


def reasons_of_recipients(session: Session, campaign_id: int) -> dict[str, dict[str, int]]:
    """Per status, the reasons that recipients stand there for and how many share each."""
    rows = session.execute(
        text("""
            SELECT status, coalesce(reason, ''), count(*) FROM recipients
            WHERE campaign_id = :id GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
        """),
        {"id": campaign_id},
    )
    found: dict[str, dict[str, int]] = {}
    for status, reason, people in rows:
        if reason:
            found.setdefault(status, {})[reason] = people
    return found


def attempt_groups(session: Session, campaign_id: int) -> list[AttemptGroup]:
    """Every attempt of a campaign, counted by how it stands.

    Refused are those the provider said no to before there was a call: an answer about the number,
    about the account, or that it had no room.
    """
    rows = session.execute(
        text("""
            SELECT status, disposition, cancel_reason, count(*), count(*) FILTER (WHERE spent),
                count(*) FILTER (WHERE in_doubt_at IS NOT NULL
                    AND status IN ('dialing', 'ringing', 'in_progress')),
                count(*) FILTER (WHERE in_doubt_at IS NOT NULL),
                count(*) FILTER (WHERE accepted_at IS NULL AND provider_call_id IS NULL
                    AND claimed_at IS NOT NULL
                    AND (disposition = 'invalid_number'
                         OR cancel_reason IN ('congested', 'account_fault')))
            FROM attempts WHERE campaign_id = :id
            GROUP BY status, disposition, cancel_reason
        """),
        {"id": campaign_id},
    )
    return [AttemptGroup(*row) for row in rows]


def attempts_per_hour(session: Session, campaign_id: int) -> list[HourCount]:
    """A campaign's attempts by the UTC hour of their slots, oldest first."""
    rows = session.execute(
        text("""
            SELECT date_trunc('hour', slot_at, 'UTC'), count(*),
                count(*) FILTER (WHERE status NOT IN ('queued', 'cancelled')),
                count(*) FILTER (WHERE answered_at IS NOT NULL
                    AND status NOT IN ('queued', 'cancelled')),
                count(*) FILTER (WHERE status = 'cancelled')
            FROM attempts WHERE campaign_id = :id GROUP BY 1 ORDER BY 1
        """),
        {"id": campaign_id},
    )
    return [HourCount(*row) for row in rows]


def answers(session: Session, ids: Sequence[int]) -> dict[int, list[AnswerCount]]:
    """Per campaign, the keys pressed: how often ever, and how often as a recipient's last word."""
    rows = session.execute(
        text("""
            WITH pressed AS (
                SELECT campaign_id, digit, meaning, row_number() OVER (
                    PARTITION BY recipient_id ORDER BY at DESC, id DESC) AS age
                FROM responses WHERE campaign_id = ANY (:ids)
            )
            SELECT campaign_id, digit, meaning, count(*), count(*) FILTER (WHERE age = 1)
            FROM pressed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """),
        {"ids": list(ids)},
    )
    found: dict[int, list[AnswerCount]] = {campaign_id: [] for campaign_id in ids}
    for campaign_id, *count in rows:
        found[campaign_id].append(AnswerCount(*count))
    return found


def live_calls(session: Session, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Per campaign, the attempts that may have somebody on the phone now, by status."""
    rows = session.execute(
        text("""
            SELECT campaign_id, status, count(*) FROM attempts
            WHERE campaign_id = ANY (:ids) AND status IN ('dialing', 'ringing', 'in_progress')
            GROUP BY campaign_id, status
        """),
        {"ids": list(ids)},
    )
    found: dict[int, dict[str, int]] = {campaign_id: {} for campaign_id in ids}
    for campaign_id, status, calls in rows:
        found[campaign_id][status] = calls
    return found


def calls_in_last_minute(session: Session, ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Per campaign, the calls begun within the minute before `now`."""
    rows = session.execute(
        text("""
            SELECT campaign_id, count(*) FROM attempts
            WHERE campaign_id = ANY (:ids) AND status NOT IN ('queued', 'cancelled')
              AND slot_at > CAST(:now AS timestamptz) - interval '2 minutes'
              AND claimed_at > CAST(:now AS timestamptz) - interval '1 minute'
            GROUP BY campaign_id
        """),
        {"ids": list(ids), "now": now},
    )
    return {row[0]: row[1] for row in rows}


def retrying_recipients(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """Per campaign, who was called before and waits to be called again."""
    rows = session.execute(
        text("""
            SELECT campaign_id, count(*) FROM recipients
            WHERE campaign_id = ANY (:ids) AND status = 'pending' AND retry GROUP BY campaign_id
        """),
        {"ids": list(ids)},
    )
    return {row[0]: row[1] for row in rows}
