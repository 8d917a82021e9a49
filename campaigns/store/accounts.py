"""Accounts: their caller ids, and how they fare with their providers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from campaigns.models import Account, Attempt, CallerId, Campaign, CampaignCallerId
from campaigns.pacing import Slowdown


def find_account(session: Session, account_id: int, *, lock: bool = False) -> Account | None:
    """The account, whose row is locked until the transaction ends if that is asked for."""
    mode = {"key_share": True} if lock else None
    return session.get(Account, account_id, with_for_update=mode, populate_existing=lock)


def account_has_campaigns(session: Session, account_id: int) -> bool:
    """Whether there ever was a campaign that calls through it."""
    return bool(session.scalar(select(exists().where(Campaign.account_id == account_id))))


def caller_ids_of(session: Session, account_id: int) -> list[str]:
    """The numbers an account may present, the first one first."""
    query = select(CallerId.number).where(CallerId.account_id == account_id).order_by(CallerId.id)
    return list(session.scalars(query))


def find_caller_id(
    session: Session, account_id: int, number: str, *, lock: bool = False
) -> CallerId | None:
    """One of them by its number; locked until the transaction ends if that is asked for."""
    query = select(CallerId).where(CallerId.account_id == account_id, CallerId.number == number)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(query).first()


def caller_id_is_used(session: Session, caller_id_id: int) -> bool:
    """Whether a campaign has it, or a call was placed with it."""
    campaign = exists().where(Campaign.caller_id_id == caller_id_id)
    pool = exists().where(CampaignCallerId.caller_id_id == caller_id_id)
    attempt = exists().where(Attempt.caller_id_id == caller_id_id)
    return bool(session.scalar(select(campaign | pool | attempt)))


def back_off_account(session: Session, account_id: int, until: datetime, level: int) -> None:
    """No slots and no claims for the account until `until`; `level` is how often in a row."""
    session.execute(
        text("""
            UPDATE accounts
            SET backoff_until = greatest(backoff_until, :until), backoff_level = least(:level, 20)
            WHERE id = :id
        """),
        {"id": account_id, "until": until, "level": level},
    )


def slow_account(session: Session, account_id: int, slowed: Slowdown) -> None:
    """Let an account whose provider refuses call at a part of its rate. Its row is locked."""
    session.execute(
        text("UPDATE accounts SET slowed_part = :part, slowed_at = :at WHERE id = :id"),
        {"id": account_id, "part": slowed.part, "at": slowed.at},
    )


def accounts_at_full_rate_again(
    session: Session, now: datetime, regain_seconds: float
) -> list[tuple[int, str, float]]:
    """Forget the slowdowns that are over; returns each account's id, name and rate."""
    rows = session.execute(
        text("""
            WITH over AS (
                SELECT id FROM accounts
                WHERE slowed_at + make_interval(secs => (1 - slowed_part) * :regain) <= :now
                FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE accounts k SET slowed_part = NULL, slowed_at = NULL
            FROM over WHERE k.id = over.id RETURNING k.id, k.name, k.cps
        """),
        {"now": now, "regain": regain_seconds},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def forgive_account(session: Session, account_id: int) -> None:
    """A call was accepted: the next trouble starts from the shortest back-off again."""
    session.execute(
        text("UPDATE accounts SET backoff_level = 0 WHERE id = :id AND backoff_level > 0"),
        {"id": account_id},
    )


@dataclass(frozen=True, slots=True)
class AccountPressure:
    """What refusals have done to an account: times in a row, its rest, what is left of its rate."""

    name: str
    cps: float
    level: int
    rest_until: datetime | None
    slowed_part: float | None
    slowed_at: datetime | None

    @property
    def slowed(self) -> Slowdown | None:
        """What refusals have left of its rate."""
        return Slowdown.of(self.slowed_part, self.slowed_at)


def lock_account(session: Session, account_id: int) -> AccountPressure:
    """How the account has fared with its provider; its row is locked."""
    row = session.execute(
        text("""
            SELECT name, cps, backoff_level, backoff_until, slowed_part, slowed_at
            FROM accounts WHERE id = :id FOR NO KEY UPDATE
        """),
        {"id": account_id},
    ).one()
    return AccountPressure(*row)


def stop_account(
    session: Session, account_id: int, status: str, reason: str, *, by_itself: bool
) -> bool:
    """Pause an account or switch it off. Returns False when it was not active. Hold the gate."""
    return bool(
        session.execute(
            text("""
                UPDATE accounts
                SET status = :status, status_reason = :reason, paused_itself = :by_itself
                WHERE id = :id AND status <> 'off' AND status <> :status RETURNING true
            """),
            {"id": account_id, "status": status, "reason": reason, "by_itself": by_itself},
        ).scalar_one_or_none()
    )


def restart_account(session: Session, account_id: int, now: datetime) -> None:
    """Let an account dial again, at its full rate; its calls so far are not held against it."""
    session.execute(
        text("""
            UPDATE accounts SET status = 'active', status_reason = NULL, paused_itself = false,
                backoff_until = NULL, backoff_level = 0, slowed_part = NULL, slowed_at = NULL,
                judged_from = :now
            WHERE id = :id
        """),
        {"id": account_id, "now": now},
    )
