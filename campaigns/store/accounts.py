"""Accounts and their caller ids."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from campaigns.models import Account, Attempt, CallerId, Campaign


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


def find_caller_id(session: Session, account_id: int, number: str) -> CallerId | None:
    """One of them by its number."""
    query = select(CallerId).where(CallerId.account_id == account_id, CallerId.number == number)
    return session.scalars(query).first()


def caller_id_is_used(session: Session, caller_id_id: int) -> bool:
    """Whether a campaign has it, or a call was placed with it."""
    campaign = exists().where(Campaign.caller_id_id == caller_id_id)
    attempt = exists().where(Attempt.caller_id_id == caller_id_id)
    return bool(session.scalar(select(campaign | attempt)))
