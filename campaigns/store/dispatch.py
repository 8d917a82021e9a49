"""What the tick reads and writes about the system as a whole: lease, heartbeats, limits, pacing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.pacing import Slowdown
from campaigns.store.campaigns import ON_SUBJECT


@dataclass(frozen=True, slots=True)
class AccountLoad:
    """One account that may be dialled through, with its limits and what is open on it now."""

    id: int
    cps: float
    max_concurrent: int
    max_waiting: int
    next_free: datetime | None
    time_scale: float
    pacing_group: str | None
    group_cps: float | None
    group_next_free: datetime | None
    open_calls: int
    waiting_calls: int
    slots_last_second: int
    slots_missed: int
    last_slot_at: datetime | None
    live: bool
    turns: int
    slowed_part: float | None
    slowed_at: datetime | None

    @property
    def slowed(self) -> Slowdown | None:
        """What refusals have left of its rate."""
        return Slowdown.of(self.slowed_part, self.slowed_at)


@dataclass(frozen=True, slots=True)
class RunningCampaign:
    """One running campaign, locked, as the tick needs it."""

    id: int
    account_id: int
    local_presence: bool
    max_cps: float | None
    next_free: datetime | None
    weight: float
    vtime: float
    ramp: dict[str, Any] | None
    ramp_since: datetime | None
    rule_set: str
    windows: dict[str, Any]
    retry_policy: dict[str, Any]
    purpose: str
    voice: str
    subject: str | None
    caps: list[dict[str, Any]]
    same_subject: list[int]
    name: str
    status: str
    starts_at: datetime | None
    ends_at: datetime | None
    account: str
    account_status: str
    live: bool
    backoff_until: datetime | None
    reminds: bool
    household: str
    served: int  # slots, ever


def renew_lease(session: Session, holder: str, term: int, seconds: float) -> bool:
    """Push the lease's end ahead, if it is still ours: same holder, same term, not yet expired.

    Done inside the tick's own transaction: a leader that froze and came back finds its term gone
    and rolls everything back.
    """
    return bool(
        session.execute(
            text("""
                UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :seconds)
                WHERE name = 'scheduler' AND holder = :holder AND term = :term
                  AND expires_at > clock_timestamp()
                RETURNING true
            """),
            {"holder": holder, "term": term, "seconds": seconds},
        ).scalar_one_or_none()
    )


def take_lease(session: Session, holder: str, seconds: float) -> int | None:
    """Become leader under a new term if nobody leads; None while somebody does.

    The current leader's row lock is not waited for: whoever holds it is alive and ticking. A lease
    that would last for longer than any is from before the clock was put back.
    """
    # Asked first, because an insert that conflicts waits for the leader's tick to end.
    session.execute(
        text("""
            INSERT INTO leases (name, holder, term, expires_at)
            SELECT 'scheduler', '', 0, '-infinity'
            WHERE NOT EXISTS (SELECT 1 FROM leases WHERE name = 'scheduler')
            ON CONFLICT DO NOTHING
        """)
    )
    free = session.execute(
        text("""
            SELECT term FROM leases
            WHERE name = 'scheduler' AND (expires_at < clock_timestamp()
                OR expires_at > clock_timestamp() + 4 * make_interval(secs => :seconds))
            FOR UPDATE SKIP LOCKED
        """),
        {"seconds": seconds},
    ).scalar_one_or_none()
    if free is None:
        return None
    return int(
        session.execute(
            text("""
                UPDATE leases SET holder = :holder, term = term + 1,
                    expires_at = clock_timestamp() + make_interval(secs => :seconds)
                WHERE name = 'scheduler' RETURNING term
            """),
            {"holder": holder, "seconds": seconds},
        ).scalar_one()
    )


def give_up_lease(session: Session, holder: str, term: int) -> None:
    """Let the next scheduler lead at once, at a clean shutdown."""
    session.execute(
        text("""
            UPDATE leases SET expires_at = '-infinity'
            WHERE name = 'scheduler' AND holder = :holder AND term = :term
        """),
        {"holder": holder, "term": term},
    )


def beat(session: Session, name: str, kind: str, *, ready: bool, detail: Mapping[str, Any]) -> None:
    """A sign of life of one process, or of a probe, stamped by the database."""
    session.execute(
        text("""
            INSERT INTO heartbeats (name, kind, at, ready, detail)
            VALUES (:name, :kind, clock_timestamp(), :ready, CAST(:detail AS jsonb))
            ON CONFLICT (name) DO UPDATE
            SET at = EXCLUDED.at, ready = EXCLUDED.ready, detail = EXCLUDED.detail
        """),
        {"name": name, "kind": kind, "ready": ready, "detail": json.dumps(detail)},
    )


def forget_heartbeat(session: Session, name: str) -> None:
    """This process leaves on purpose."""
    session.execute(text("DELETE FROM heartbeats WHERE name = :name"), {"name": name})


def forget_old_heartbeats(session: Session, before: datetime) -> None:
    """Drop the signs of life of processes that are long gone."""
    session.execute(text("DELETE FROM heartbeats WHERE at < :before"), {"before": before})


def fresh_heartbeats(session: Session, kind: str, since: datetime) -> int:
    """How many processes of a kind were alive and ready since `since`."""
    return int(
        session.execute(
            text("SELECT count(*) FROM heartbeats WHERE kind = :kind AND ready AND at > :since"),
            {"kind": kind, "since": since},
        ).scalar_one()
    )


def heartbeats(session: Session) -> Sequence[tuple[str, str, datetime, bool, dict[str, Any]]]:
    """Every sign of life, newest first, for `doctor` and the pages."""
    rows = session.execute(
        text("SELECT name, kind, at, ready, detail FROM heartbeats ORDER BY at DESC")
    )
    return [(r[0], r[1], r[2], r[3], r[4]) for r in rows]


def dialing_enabled(session: Session) -> bool:
    """Whether the kill switch lets anything be dialled."""
    return bool(
        session.execute(text("SELECT enabled FROM dialing_switch")).scalar_one_or_none() or False
    )


def dialling_switched_off(session: Session) -> list[tuple[str, str | None]]:
    """The kill switch when it is off, with the reason somebody gave; empty while it is on."""
    rows = session.execute(text("SELECT reason FROM dialing_switch WHERE NOT enabled"))
    return [("dialling is switched off", row[0]) for row in rows]


def set_dialing_switch(session: Session, *, enabled: bool, reason: str | None) -> None:
    """Set the kill switch."""
    session.execute(
        text("UPDATE dialing_switch SET enabled = :enabled, reason = :reason"),
        {"enabled": enabled, "reason": reason},
    )


def lock_running_campaigns(
    session: Session, now: datetime, live_allowed: bool
) -> list[RunningCampaign]:
    """Running campaigns on accounts that may dial now, locked against a pause in mid-tick.

    A pause waits for this transaction and then sees, and cancels, what it queued. The other way
    round nothing is waited for: a campaign that somebody holds at this instant is left out of the
    tick, so that it stops no other campaign, and so that a tick that holds overdue attempts can
    never be waiting for a pause that wants them.
    """
    rows = session.execute(
        text(f"""
            SELECT c.id, c.account_id, c.local_presence, c.max_cps, c.next_free,
                   c.weight, c.vtime, c.ramp, c.ramp_since, c.rule_set, c.windows,
                   c.retry_policy, c.purpose, c.voice, c.subject, c.caps, {ON_SUBJECT},
                   c.name, c.status, c.starts_at, c.ends_at,
                   k.name, k.status, k.live, k.backoff_until,
                   c.kind = 'reminder', c.household, c.served
            FROM campaigns c
            JOIN accounts k ON k.id = c.account_id
            WHERE c.status = 'running' AND k.status = 'active'
              AND (k.backoff_until IS NULL OR k.backoff_until <= :now)
              AND (c.ends_at IS NULL OR c.ends_at > :now)
              AND (NOT k.live OR :live_allowed)
            ORDER BY c.id
            FOR NO KEY UPDATE OF c SKIP LOCKED
        """),
        {"now": now, "live_allowed": live_allowed},
    )
    return [RunningCampaign(*row) for row in rows]


def account_loads(
    session: Session, ids: Sequence[int], now: datetime, waiting_since: datetime, grace: float
) -> list[AccountLoad]:
    """Limits and load of accounts, locked: the tick is the only writer of pacing state.

    An account that is being paused or is backing off at this instant is left out. The slots of
    the last second are those of the second that ended with the latest slot that is due: however
    far apart the slots are, there is always one to judge by.

    Waiting calls are those the provider may still hold in a queue of its own: claimed, not yet
    ringing, and claimed since `waiting_since`; older ones are in doubt and count as open only.
    """
    rows = session.execute(
        text("""
            SELECT k.id, k.cps, k.max_concurrent, k.max_waiting, k.next_free, k.time_scale,
                   k.pacing_group, g.cps, g.next_free,
                   coalesce(load.open, 0), coalesce(load.waiting, 0),
                   coalesce(slots.given, 0), coalesce(slots.missed, 0), slots.last,
                   k.live, k.turns, k.slowed_part, k.slowed_at
            FROM accounts k
            LEFT JOIN pacing_groups g ON g.name = k.pacing_group
            LEFT JOIN LATERAL (
                SELECT count(*) AS open,
                       count(*) FILTER (WHERE a.status = 'queued'
                            OR (a.status = 'dialing' AND a.claimed_at > :waiting_since)) AS waiting
                FROM attempts a
                WHERE a.account_id = k.id
                  AND a.status IN ('queued', 'dialing', 'ringing', 'in_progress')
            ) load ON true
            LEFT JOIN LATERAL (
                SELECT max(a.slot_at) AS at FROM attempts a
                WHERE a.account_id = k.id AND a.slot_at <= :due
            ) latest ON true
            LEFT JOIN LATERAL (
                SELECT count(*) FILTER (WHERE a.slot_at <= :due) AS given, max(a.slot_at) AS last,
                       count(*) FILTER (WHERE a.slot_at <= :due AND (a.status = 'queued'
                            OR a.cancel_reason = 'late_slot')) AS missed
                FROM (
                    -- Read from the end of its index: where the second begins is not known to
                    -- the planner, which would expect a third of the table otherwise.
                    SELECT slot_at, status, cancel_reason FROM attempts
                    WHERE account_id = k.id
                      AND slot_at > coalesce(latest.at, CAST(:due AS timestamptz))
                          - interval '1 second'
                    ORDER BY slot_at DESC LIMIT 5000
                ) a
            ) slots ON true
            WHERE k.id = ANY (:ids) AND k.status = 'active'
              AND (k.backoff_until IS NULL OR k.backoff_until <= :now)
            ORDER BY k.next_free NULLS FIRST, k.id
            FOR NO KEY UPDATE OF k SKIP LOCKED
        """),
        {
            "ids": list(ids),
            "now": now,
            "waiting_since": waiting_since,
            "due": now - timedelta(seconds=grace),
        },
    )
    return [AccountLoad(*row) for row in rows]


def save_account_pacing(
    session: Session, account_id: int, next_free: datetime | None, turns: int
) -> None:
    """Where the account's next slot may fall, and how many were shared out by now."""
    session.execute(
        text("UPDATE accounts SET next_free = :at, turns = :turns WHERE id = :id"),
        {"id": account_id, "at": next_free, "turns": turns},
    )


def nearest_deadlines(session: Session, now: datetime, until: datetime) -> dict[int, datetime]:
    """The nearest deadline before `until` of people who are due, by campaign.

    Of all who wait the thousand nearest are looked at: who comes behind them is in no hurry yet.
    """
    rows = session.execute(
        text("""
            SELECT campaign_id, min(deadline_at) FROM (
                SELECT campaign_id, deadline_at, next_attempt_at FROM recipients
                WHERE status = 'pending' AND next_attempt_at IS NOT NULL
                  AND deadline_at > :now AND deadline_at < :until
                ORDER BY deadline_at LIMIT 1000
            ) near WHERE next_attempt_at <= :now GROUP BY campaign_id
        """),
        {"now": now, "until": until},
    )
    return {row[0]: row[1] for row in rows}


def save_group_pacing(session: Session, group: str, next_free: datetime | None) -> None:
    """Where the pacing group's next slot may fall."""
    session.execute(
        text("UPDATE pacing_groups SET next_free = :at WHERE name = :name"),
        {"name": group, "at": next_free},
    )


def save_campaign_pacing(
    session: Session, campaign_id: int, next_free: datetime | None, vtime: float, served: int
) -> None:
    """Where the campaign's next slot may fall, how far it has used its share, and how many slots
    it has had."""
    session.execute(
        text("""
            UPDATE campaigns SET next_free = :at, vtime = :vtime, served = :served WHERE id = :id
        """),
        {"id": campaign_id, "at": next_free, "vtime": vtime, "served": served},
    )


def write_log(
    session: Session,
    sentence: str,
    now: datetime,
    *,
    campaign_id: int | None = None,
    account_id: int | None = None,
) -> None:
    """One plain sentence for the people who run the campaign."""
    session.execute(
        text("""
            INSERT INTO campaign_log (at, campaign_id, account_id, sentence)
            VALUES (:at, :campaign, :account, :sentence)
        """),
        {"at": now, "campaign": campaign_id, "account": account_id, "sentence": sentence},
    )
