"""People as their gates need them, now and at an instant that is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A recipient with their campaign and its account, as the rows have them now."""

    id: int
    numbers: list[str]
    number_index: int
    status: str
    reason: str | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    attempts_spent: int
    stage: int
    zone: str | None
    address: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    campaign_id: int
    campaign_name: str
    campaign_status: str
    campaign_reason: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    windows: dict[str, Any]
    rule_set: str
    purpose: str
    voice: str
    subject: str | None
    caps: list[dict[str, Any]]
    retry_policy: dict[str, Any]
    account_id: int
    account_name: str
    account_status: str
    account_reason: str | None
    live: bool
    backoff_until: datetime | None
    time_scale: float

    @property
    def number(self) -> str:
        """The number whose turn it is."""
        return self.numbers[self.number_index]


def people_to_judge(session: Session, ids: Sequence[int]) -> list[JudgedRow]:
    """These recipients with their campaigns and accounts, newest first."""
    rows = session.execute(
        text("""
            SELECT r.id, r.numbers, r.number_index, r.status, r.reason, r.next_attempt_at,
                   r.deadline_at, r.attempts_spent, r.stage, r.zone, r.address, r.created_at,
                   r.updated_at, c.id, c.name, c.status, c.status_reason, c.starts_at, c.ends_at,
                   c.windows, c.rule_set, c.purpose, c.voice, c.subject, c.caps, c.retry_policy,
                   k.id, k.name, k.status, k.status_reason, k.live, k.backoff_until, k.time_scale
            FROM recipients r
            JOIN campaigns c ON c.id = r.campaign_id
            JOIN accounts k ON k.id = c.account_id
            WHERE r.id = ANY (:ids) ORDER BY r.id DESC
        """),
        {"ids": list(ids)},
    )
    return [JudgedRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Switch:
    """The kill switch."""

    enabled: bool
    reason: str | None


def kill_switch(session: Session) -> Switch:
    """Whether anything may be dialled, and why not."""
    row = session.execute(text("SELECT enabled, reason FROM dialing_switch")).one_or_none()
    return Switch(False, "its row is missing") if row is None else Switch(row[0], row[1])


def gates_then(
    session: Session, kind: str, subject_ids: Sequence[int], at: datetime
) -> dict[int, dict[str, Any]]:
    """What a gate's history has about campaigns, accounts or the switch at an instant.

    Nothing about those of which the books begin later.
    """
    rows = session.execute(
        text("""
            SELECT s.id, h.value FROM unnest(CAST(:ids AS bigint[])) AS s (id)
            CROSS JOIN LATERAL (
                SELECT value FROM gate_history
                WHERE kind = :kind AND subject_id = s.id AND at <= :at
                ORDER BY at DESC, id DESC LIMIT 1
            ) h
        """),
        {"kind": kind, "ids": list(subject_ids), "at": at},
    )
    return {row[0]: row[1] for row in rows}


def attempts_counted_by(session: Session, recipient_id: int, stage: int, at: datetime) -> int:
    """How many attempts of that stage counted against a recipient at an instant."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM attempts
                WHERE recipient_id = :id AND stage = :stage AND spent AND claimed_at <= :at
            """),
            {"id": recipient_id, "stage": stage, "at": at},
        ).scalar_one()
    )


def attempt_live_at(session: Session, recipient_id: int, at: datetime) -> int | None:
    """The attempt that was queued or under way for a recipient at an instant."""
    return session.execute(
        text("""
            SELECT id FROM attempts
            WHERE recipient_id = :id AND created_at <= :at AND (ended_at IS NULL OR ended_at > :at)
            ORDER BY id DESC LIMIT 1
        """),
        {"id": recipient_id, "at": at},
    ).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Queue:
    """How full an account is, and how many people of a campaign are due before somebody."""

    cps: float
    max_concurrent: int
    open_calls: int
    max_waiting: int
    waiting_calls: int
    people_before: int


# As many people as are counted one by one; to count a million would cost more than it tells.
MOST_BEFORE = 500


def queue_of(
    session: Session, account_id: int, campaign_id: int, due_at: datetime, waiting_since: datetime
) -> Queue:
    """The load of an account, and who of a campaign is due before `due_at`, up to `MOST_BEFORE`."""
    row = session.execute(
        text("""
            SELECT k.cps, k.max_concurrent, coalesce(load.open, 0), k.max_waiting,
                   coalesce(load.waiting, 0),
                   (SELECT count(*) FROM (
                        -- Asked for each zone key, so that the index finds them one by one.
                        SELECT 1 FROM zone_keys z CROSS JOIN (VALUES (true), (false)) t (again)
                        CROSS JOIN LATERAL (
                            SELECT 1 FROM recipients r
                            WHERE r.campaign_id = :campaign AND r.zone_key = z.id
                              AND r.retry = t.again AND r.status = 'pending'
                              AND r.next_attempt_at < :due LIMIT :most) one
                        LIMIT :most) before)
            FROM accounts k
            LEFT JOIN LATERAL (
                SELECT count(*) AS open,
                       count(*) FILTER (WHERE a.status = 'queued' OR (
                            a.status = 'dialing' AND a.claimed_at > :waiting_since)) AS waiting
                FROM attempts a WHERE a.account_id = k.id
                  AND a.status IN ('queued', 'dialing', 'ringing', 'in_progress')
            ) load ON true
            WHERE k.id = :account
        """),
        {
            "account": account_id,
            "campaign": campaign_id,
            "due": due_at,
            "waiting_since": waiting_since,
            "most": MOST_BEFORE,
        },
    ).one()
    return Queue(*row)
