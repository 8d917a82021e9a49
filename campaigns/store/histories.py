"""Campaigns, recipients and attempts as people look at them: lists by key, histories in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign with the names of what it refers to."""

    id: int
    name: str
    kind: str
    status: str
    status_reason: str | None
    account: str
    account_status: str
    account_reason: str | None
    live: bool
    caller_id: str
    rule_set: str
    windows: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    max_cps: float | None
    weight: float
    ring_timeout: int
    retry_policy: dict[str, Any]
    reminder: dict[str, Any] | None
    household: str
    default_country: str
    flow: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    purpose: str
    voice: str
    subject: str | None
    account_cps: float
    group_cps: float | None
    callers_cps: float | None  # of all its caller ids that may be shown; None: no limit of theirs
    slowed_part: float | None
    slowed_at: datetime | None
    ramp: dict[str, Any] | None
    ramp_since: datetime | None
    share: float | None  # of its account beside the campaigns that run; None: it does not run
    caller_ids: list[str]
    callers_paused: int
    callers_used_up: int
    local_presence: bool
    late_risk: str | None  # whom nobody may be able to call in time, in words
    caps: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """A recipient as its row has it."""

    id: int
    campaign_id: int
    status: str
    reason: str | None
    numbers: list[str]
    number_index: int
    fields: dict[str, Any]
    zone: str | None
    address: dict[str, Any] | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    stage: int
    attempts_spent: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as its row has it."""

    id: int
    recipient_id: int
    campaign_id: int
    n: int
    number: str
    stage: int
    caller_id: str
    status: str
    disposition: str | None
    answered_by: str | None
    end_reason: str | None
    cancel_reason: str | None
    spent: bool
    slot_at: datetime
    claimed_at: datetime | None
    accepted_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    provider_call_id: str | None
    in_doubt_at: datetime | None
    doubt_reason: str | None
    recall_reason: str | None
    incident: str | None
    rule_version: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """One notification that was stored for an attempt, and what came of it."""

    attempt_id: int
    kind: str
    source: str
    received_at: datetime
    verdict: str | None


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """One keypress."""

    attempt_id: int
    digit: str
    meaning: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogRow:
    """One sentence of the log."""

    id: int
    at: datetime
    campaign_id: int | None
    account_id: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its secrets, with its caller ids and the calls alive on it."""

    id: int
    name: str
    provider: str
    base_url: str
    project_id: str
    live: bool
    status: str
    status_reason: str | None
    cps: float
    max_concurrent: int
    max_waiting: int
    pacing_group: str | None
    time_scale: float
    backoff_until: datetime | None
    slowed_part: float | None
    slowed_at: datetime | None
    group_cps: float | None
    safety: dict[str, Any] | None
    numbers: list[dict[str, Any]]
    live_calls: int


CAMPAIGN_SQL = """
    SELECT c.id, c.name, c.kind, c.status, c.status_reason, k.name AS account,
           k.status AS account_status, k.status_reason AS account_reason,
           k.live, n.number AS caller_id, c.rule_set, c.windows, c.starts_at, c.ends_at,
           c.max_cps, c.weight, c.ring_timeout, c.retry_policy, c.reminder, c.household,
           c.default_country,
           f.definition AS flow, c.created_at, c.started_at, c.finished_at,
           c.purpose, c.voice, c.subject,
           k.cps AS account_cps, g.cps AS group_cps, pool.cps AS callers_cps,
           k.slowed_part, k.slowed_at, c.ramp, c.ramp_since,
           CASE WHEN c.status = 'running' THEN c.weight / (
                SELECT sum(o.weight) FROM campaigns o
                WHERE o.account_id = c.account_id AND o.status = 'running') END AS share,
           pool.numbers AS caller_ids, pool.paused AS callers_paused,
           pool.used_up AS callers_used_up, c.local_presence,
           (SELECT l.sentence FROM late_risks l
            WHERE l.campaign_id = c.id AND c.status = 'running') AS late_risk,
           c.caps
    FROM campaigns c
    JOIN accounts k ON k.id = c.account_id
    LEFT JOIN pacing_groups g ON g.name = k.pacing_group
    JOIN caller_ids n ON n.id = c.caller_id_id
    JOIN flows f ON f.id = c.flow_id
    JOIN LATERAL (
        SELECT array_agg(p.number ORDER BY p.id <> c.caller_id_id, p.id) AS numbers,
               count(*) FILTER (WHERE p.status = 'paused') AS paused,
               count(*) FILTER (WHERE p.status = 'active' AND p.max_per_day IS NOT NULL
                                AND p.day_left <= 0) AS used_up,
               CASE WHEN NOT bool_or(p.status = 'active' AND p.cps IS NULL)
                    THEN sum(p.cps) FILTER (WHERE p.status = 'active') END AS cps
        FROM caller_ids p
        WHERE p.id = c.caller_id_id OR p.id IN (
            SELECT caller_id_id FROM campaign_caller_ids WHERE campaign_id = c.id)
    ) pool ON true
"""

_LAST_ID = 2**63 - 1

_RECIPIENT_COLUMNS = ", ".join(RecipientRow.__slots__)
_ATTEMPT_COLUMNS = ", ".join(
    "f.number" if name == "caller_id" else f"a.{name}" for name in AttemptRow.__slots__
)


def find_campaign(session: Session, campaign_id: int) -> CampaignRow | None:
    """One campaign."""
    row = session.execute(
        text(f"{CAMPAIGN_SQL} WHERE c.id = :id"), {"id": campaign_id}
    ).one_or_none()
    return None if row is None else CampaignRow(*row)


def list_campaigns(
    session: Session, before: int | None, limit: int, *, status: str | None = None
) -> list[CampaignRow]:
    """Campaigns, newest first, older than `before`."""
    wanted = "AND c.status = :status" if status is not None else ""
    rows = session.execute(
        text(f"""
            {CAMPAIGN_SQL} WHERE c.id < :before {wanted} ORDER BY c.id DESC LIMIT :limit
        """),
        {"before": before or _LAST_ID, "limit": limit, "status": status},
    )
    return [CampaignRow(*row) for row in rows]


# Active campaigns first, then drafts, then what is over; newest first. Test calls are shown only
# while they are under way. `:after_rank` and `:after_id` are those of the last one seen.
SHOWN_SQL = f"""
    SELECT campaigns_.* FROM ({CAMPAIGN_SQL}) campaigns_
    CROSS JOIN LATERAL (SELECT CASE
        WHEN campaigns_.status IN ('running', 'paused', 'scheduled') THEN 0
        WHEN campaigns_.status = 'draft' THEN 1 ELSE 2 END AS rank) r
    WHERE (campaigns_.kind <> 'test' OR campaigns_.status IN ('running', 'paused'))
      AND (r.rank, -campaigns_.id) > (:after_rank, -CAST(:after_id AS bigint))
    ORDER BY r.rank, campaigns_.id DESC LIMIT :shown
"""


def shown_campaigns(
    session: Session, limit: int, after: tuple[int, int] | None = None
) -> list[CampaignRow]:
    """Campaigns for a page: active ones first, then drafts, then what is over; newest first.

    `after` is the rank (0 active, 1 draft, 2 over) and the id of the last one seen.
    """
    rows = session.execute(text(SHOWN_SQL), {"shown": limit, **shown_values(after)})
    return [CampaignRow(*row) for row in rows]


def shown_values(after: tuple[int, int] | None = None) -> dict[str, int]:
    """The place in the list of `SHOWN_SQL`; its beginning by default."""
    rank, campaign_id = after or (-1, 0)
    return {"after_rank": rank, "after_id": campaign_id}


def find_recipient(session: Session, recipient_id: int) -> RecipientRow | None:
    """One recipient."""
    row = session.execute(
        text(f"SELECT {_RECIPIENT_COLUMNS} FROM recipients WHERE id = :id"), {"id": recipient_id}
    ).one_or_none()
    return None if row is None else RecipientRow(*row)


def list_recipients(
    session: Session, campaign_id: int, status: str | None, after: int, limit: int
) -> list[RecipientRow]:
    """Recipients of a campaign in the order of their ids, from the first one after `after`."""
    wanted = "AND status = :status" if status is not None else ""
    rows = session.execute(
        text(f"""
            SELECT {_RECIPIENT_COLUMNS} FROM recipients
            WHERE campaign_id = :campaign {wanted} AND id > :after ORDER BY id LIMIT :limit
        """),
        {"campaign": campaign_id, "status": status, "after": after, "limit": limit},
    )
    return [RecipientRow(*row) for row in rows]


def recipients_by_id(session: Session, ids: Sequence[int]) -> list[RecipientRow]:
    """Some recipients, in the order of their ids."""
    rows = session.execute(
        text(f"""
            SELECT {_RECIPIENT_COLUMNS} FROM recipients WHERE id = ANY (:ids)
            ORDER BY id
        """),
        {"ids": list(ids)},
    )
    return [RecipientRow(*row) for row in rows]


def attempts_of(session: Session, recipient_id: int) -> list[AttemptRow]:
    """A recipient's attempts, first one first."""
    return _attempts(session, "a.recipient_id = :id", recipient_id)


def find_attempt(session: Session, attempt_id: int) -> AttemptRow | None:
    """One attempt."""
    return next(iter(_attempts(session, "a.id = :id", attempt_id)), None)


def _attempts(session: Session, condition: str, value: int) -> list[AttemptRow]:
    rows = session.execute(
        text(f"""
            SELECT {_ATTEMPT_COLUMNS} FROM attempts a JOIN caller_ids f ON f.id = a.caller_id_id
            WHERE {condition} ORDER BY a.n, a.id
        """),
        {"id": value},
    )
    return [AttemptRow(*row) for row in rows]


def events_of(session: Session, attempt_ids: Sequence[int]) -> list[EventRow]:
    """What was stored for these attempts, in the order in which it arrived."""
    rows = session.execute(
        text("""
            SELECT attempt_id, kind, source, received_at, verdict FROM call_events
            WHERE attempt_id = ANY (:ids) ORDER BY id
        """),
        {"ids": list(attempt_ids)},
    )
    return [EventRow(*row) for row in rows]


def responses_of(session: Session, attempt_ids: Sequence[int]) -> list[ResponseRow]:
    """What was pressed during these attempts, in order."""
    rows = session.execute(
        text("""
            SELECT attempt_id, digit, meaning, at FROM responses
            WHERE attempt_id = ANY (:ids) ORDER BY at, id
        """),
        {"ids": list(attempt_ids)},
    )
    return [ResponseRow(*row) for row in rows]


def read_log(
    session: Session, before: int | None, limit: int, *, campaign_id: int | None = None
) -> list[LogRow]:
    """Sentences of the log, newest first, older than `before`; of one campaign or of all."""
    wanted = "AND campaign_id = :campaign" if campaign_id is not None else ""
    rows = session.execute(
        text(f"""
            SELECT id, at, campaign_id, account_id, sentence FROM campaign_log
            WHERE id < :before {wanted} ORDER BY id DESC LIMIT :limit
        """),
        {"before": before or _LAST_ID, "limit": limit, "campaign": campaign_id},
    )
    return [LogRow(*row) for row in rows]


def list_accounts(session: Session) -> list[AccountRow]:
    """Every account by name."""
    rows = session.execute(
        text("""
            SELECT k.id, k.name, k.provider, k.base_url, k.project_id, k.live, k.status,
                   k.status_reason, k.cps, k.max_concurrent, k.max_waiting, k.pacing_group,
                   k.time_scale, k.backoff_until, k.slowed_part, k.slowed_at,
                   (SELECT g.cps FROM pacing_groups g WHERE g.name = k.pacing_group), k.safety,
                   (SELECT coalesce(json_agg(json_build_object('number', f.number,
                            'status', f.status, 'status_reason', f.status_reason, 'cps', f.cps,
                            'max_per_day', f.max_per_day) ORDER BY f.id), '[]')
                        FROM caller_ids f WHERE f.account_id = k.id),
                   (SELECT count(*) FROM attempts a WHERE a.account_id = k.id
                        AND a.status IN ('dialing', 'ringing', 'in_progress'))
            FROM accounts k ORDER BY k.name
        """)
    )
    return [AccountRow(*row) for row in rows]
