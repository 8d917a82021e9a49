"""What people do to an account's caller ids: add, limit, pause, resume, remove."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing, phrases
from campaigns.access import Actor
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.models import Account, CallerId
from campaigns.operating.accounts import account_by_id
from campaigns.provisioning import check_caller_id
from campaigns.stopping import pause_caller_id as stop_showing
from campaigns.store import accounts as rows
from campaigns.store import caller_ids, dispatch, gate

MOST_PER_DAY = 100_000


@dataclass(frozen=True, slots=True)
class CallerIdLimits:
    """What one number may be used for: calls a second, and calls in any 24 hours; None: no limit
    of its own."""

    cps: float | None = None
    max_per_day: int | None = None

    def check(self) -> None:
        """Raise `InvalidInput` for what is no limit."""
        if self.cps is not None and not 0 < self.cps <= 1000:
            raise InvalidInput(
                "Calls per second are above 0 and at most 1,000. Nothing was changed."
            )
        if self.max_per_day is not None and not 1 <= self.max_per_day <= MOST_PER_DAY:
            raise InvalidInput(
                f"Calls a day are from 1 to {MOST_PER_DAY:,}, or unlimited. Nothing was changed."
            )


def add_caller_id(
    session: Session,
    account_id: int,
    number: str,
    actor: Actor,
    now: datetime,
    limits: CallerIdLimits | None = None,
) -> Account:
    """Give an account one more number to present; raises `InvalidInput` or `NotAllowed`."""
    account = account_by_id(session, account_id, lock=True)
    plain, limits = check_caller_id(number), limits or CallerIdLimits()
    limits.check()
    before = _numbers(session, account)
    if plain in before["caller_ids"]:
        raise NotAllowed(f"{plain} is a caller id of {account.name} already. Nothing was changed.")
    session.add(
        CallerId(
            account_id=account_id, number=plain, cps=limits.cps, max_per_day=limits.max_per_day
        )
    )
    session.flush()
    after = _numbers(session, account)
    _record(session, account, "account.add_caller_id", actor, now, before, after)
    _log(session, account_id, f"{actor.subject} added the caller id {plain}.", now)
    return account


def remove_caller_id(
    session: Session, account_id: int, number: str, actor: Actor, now: datetime
) -> Account:
    """Take a number from an account.

    Raises `NotFound`, and `NotAllowed` when a campaign or a call has presented it, or none would
    be left.
    """
    account = account_by_id(session, account_id, lock=True)
    row = _caller_id(session, account, number)
    before = _numbers(session, account)
    if len(before["caller_ids"]) == 1:
        raise NotAllowed(
            f"{row.number} is the only caller id of {account.name}, and it needs one. Nothing was "
            "changed. Add another one first."
        )
    if rows.caller_id_is_used(session, row.id):
        raise NotAllowed(
            f"{row.number} is used by a campaign, or was shown in calls that are still on record. "
            "Nothing was changed. It can be paused."
        )
    gone = row.number
    session.delete(row)
    session.flush()
    after = _numbers(session, account)
    _record(session, account, "account.remove_caller_id", actor, now, before, after)
    _log(session, account_id, f"{actor.subject} removed the caller id {gone}.", now)
    return account


def limit_caller_id(
    session: Session,
    account_id: int,
    number: str,
    limits: CallerIdLimits,
    actor: Actor,
    now: datetime,
) -> Account:
    """Set how much a number may be used, from the next tick on. Raises `NotFound` or
    `InvalidInput`; then nothing was changed."""
    limits.check()
    account = account_by_id(session, account_id)
    row = _caller_id(session, account, number, lock=True)
    before = {"cps": row.cps, "max_per_day": row.max_per_day}
    row.cps, row.max_per_day, row.day_counted_at = limits.cps, limits.max_per_day, None
    session.flush()
    after = {"cps": row.cps, "max_per_day": row.max_per_day}
    if before != after:
        named = {"caller_id": row.number}
        _record(
            session, account, "account.limit_caller_id", actor, now, named | before, named | after
        )
        told = f"{actor.subject} limited the caller id {row.number} to {_limits(limits)}."
        _log(session, account_id, told, now)
    return account


def pause_caller_id(
    session: Session, account_id: int, number: str, why: str, actor: Actor, now: datetime
) -> list[int]:
    """Show a number in no further call; returns the calls to be recalled after the commit.

    Campaigns that have others go on with them. Raises `NotFound`.
    """
    gate.close_gate(session)
    account = account_by_id(session, account_id)
    row = _caller_id(session, account, number)
    before = {"caller_id": row.number, "status": row.status}
    reason = f": {why}" if why else ""
    sentence = f"The caller id {row.number} was paused by {actor.by}{reason}."
    recalled = stop_showing(session, row.id, sentence, now, by_itself=False)
    after = {"caller_id": row.number, "status": "paused", "why": why}
    _record(session, account, "account.pause_caller_id", actor, now, before, after)
    return recalled


def resume_caller_id(
    session: Session, account_id: int, number: str, actor: Actor, now: datetime
) -> Account:
    """Let a number be shown again; its calls so far are not held against it. Raises `NotFound`."""
    account = account_by_id(session, account_id)
    row = _caller_id(session, account, number)
    if caller_ids.restart_caller_id(session, row.id, now):
        told = f"The caller id {row.number} was resumed by {actor.by}."
        _log(session, account_id, told, now)
        after = {"caller_id": row.number, "status": "active"}
        before = {"caller_id": row.number, "status": "paused"}
        _record(session, account, "account.resume_caller_id", actor, now, before, after)
    session.expire(row)
    return account


def _caller_id(session: Session, account: Account, number: str, *, lock: bool = False) -> CallerId:
    row = rows.find_caller_id(session, account.id, number.strip(), lock=lock)
    if row is None:
        raise NotFound(f"{number[:40]} is no caller id of {account.name}. Nothing was changed.")
    return row


def _numbers(session: Session, account: Account) -> dict[str, Any]:
    return {"caller_ids": rows.caller_ids_of(session, account.id)}


def _limits(limits: CallerIdLimits) -> str:
    told = []
    if limits.cps is not None:
        told.append(f"{limits.cps:g} calls a second")
    if limits.max_per_day is not None:
        told.append(f"{limits.max_per_day:,} calls a day")
    return phrases.listed(told) if told else "what its account allows"


def _log(session: Session, account_id: int, sentence: str, now: datetime) -> None:
    dispatch.write_log(session, sentence, now, account_id=account_id)


def _record(
    session: Session,
    account: Account,
    action: str,
    actor: Actor,
    now: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    subject, named = f"account:{account.id}", {"name": account.name}
    auditing.record(session, actor, action, subject, now, before=before, after=named | after)
