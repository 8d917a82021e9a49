"""Everything that must stop calls: opt-out, consent revoked, pause, account off, caller id paused.

Each closes the gate first, so that it is ordered before or after every claim and never during
one. Then it cancels what is queued and asks for the unanswered rest back. The ids returned are
calls to be recalled at the provider once the transaction has committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.access import SYSTEM, Actor
from campaigns.outcomes import release_cancelled
from campaigns.store import (
    accounts,
    attempts,
    caller_ids,
    consents,
    dispatch,
    gate,
    opt_outs,
    recalls,
)
from campaigns.store.opt_outs import NewOptOut

# Sources by which the person said so themselves.
SAID_BY_THE_PERSON = frozenset({"keypress", "verbal"})


@dataclass(frozen=True, slots=True)
class OptedOut:
    """How many opt-outs are new, and the calls to be taken back after the commit."""

    recorded: int
    recalled: list[int]


def opt_out(
    session: Session,
    new: Sequence[NewOptOut],
    source: str,
    now: datetime,
    *,
    who: str | None = None,
    campaign_id: int | None = None,
    attempt_id: int | None = None,
) -> OptedOut:
    """Never call these numbers and prefixes, in that campaign and its family, or anywhere.

    Once this commits nothing to them is claimed. Doing it twice keeps the first record, unless the
    second is stronger. Calls in progress are left to end.
    """
    gate.close_gate(session)
    recorded = opt_outs.insert_opt_outs(
        session, new, source, now, who=who, campaign_id=campaign_id, attempt_id=attempt_id
    )
    numbers = [one.number for one in new if not one.is_prefix]
    prefixes = [one.number for one in new if one.is_prefix]
    cancelled = attempts.cancel_queued_attempts_of(
        session,
        now,
        "opted_out",
        numbers=numbers,
        prefixes=prefixes,
        campaign_id=campaign_id,
        family=True,
    )
    recalled = recalls.request_recall_of_numbers(
        session, numbers, "opted_out", now, prefixes=prefixes, campaign_id=campaign_id
    )
    release_cancelled(session, cancelled, now)
    if source in SAID_BY_THE_PERSON and campaign_id is None:
        # Who says stop takes back whatever they had agreed to; to be called again they agree anew.
        recalled += revoke_consents(
            session,
            consents.live_consents_of(session, numbers),
            who or "the person called",
            f"opted out: {source}",
            now,
        ).recalled
    return OptedOut(recorded, recalled)


@dataclass(frozen=True, slots=True)
class Revoked:
    """The consents that were taken back, and the calls to be recalled after the commit."""

    ids: list[int]
    recalled: list[int]


def revoke_consents(
    session: Session, ids: Sequence[int], by: str, why: str, now: datetime
) -> Revoked:
    """Take consents back. Once this commits nothing that rests on them is claimed.

    What is queued on them is cancelled, and the next tick judges those people again: another
    consent may do. Unanswered calls are asked back; calls in progress are left to end.
    """
    gate.close_gate(session)
    revoked = consents.revoke_consents(session, ids, by, why, now)
    cancelled = attempts.cancel_queued_attempts_of(session, now, "consent", consents=revoked)
    recalled = recalls.request_recall_of_consents(session, revoked, "consent", now)
    release_cancelled(session, cancelled, now)
    return Revoked(revoked, recalled)


def opt_out_number(
    session: Session,
    number: str,
    source: str,
    now: datetime,
    *,
    evidence: str | None = None,
    attempt_id: int | None = None,
) -> list[int]:
    """Never call `number` (E.164) again; returns the calls to be recalled after the commit."""
    new = [NewOptOut(number, evidence=evidence)]
    return opt_out(session, new, source, now, attempt_id=attempt_id).recalled


def opt_out_numbers(
    session: Session, numbers: Sequence[str], source: str, evidence: str, now: datetime
) -> list[int]:
    """Never call many numbers again; returns the calls to be recalled after the commit."""
    new = [NewOptOut(number, evidence=evidence) for number in numbers]
    return opt_out(session, new, source, now).recalled


def halt_campaign(
    session: Session, campaign_id: int, reason: str, now: datetime, *, ringing_too: bool
) -> list[int]:
    """Cancel a campaign's queued attempts and recall its calls; the caller has closed the gate.

    Pause leaves ringing calls alone; stop takes everything unanswered back.
    """
    cancelled = attempts.cancel_queued_attempts_of(session, now, reason, campaign_id=campaign_id)
    recalled = recalls.request_recall_of_campaign(
        session, campaign_id, reason, now, ringing_too=ringing_too
    )
    release_cancelled(session, cancelled, now)
    return recalled


def pause_account(
    session: Session, account_id: int, sentence: str, now: datetime, *, by_itself: bool = True
) -> list[int]:
    """Stop dialling through an account and say why; the caller has closed the gate.

    Unless a person asked for it (`by_itself` false), a mail goes out with this transaction.
    """
    return _stop_account(session, account_id, "paused", sentence, now, by_itself=by_itself)


def switch_account_off(
    session: Session, account_id: int, sentence: str, now: datetime
) -> list[int]:
    """Take an account out of use and say why; the caller has closed the gate."""
    return _stop_account(session, account_id, "off", sentence, now, by_itself=False)


def _stop_account(
    session: Session, account_id: int, status: str, sentence: str, now: datetime, *, by_itself: bool
) -> list[int]:
    if not accounts.stop_account(session, account_id, status, sentence, by_itself=by_itself):
        return []
    dispatch.write_log(session, sentence, now, account_id=account_id)
    cancelled = attempts.cancel_queued_attempts_of(
        session, now, "account_fault", account_id=account_id
    )
    recalled = recalls.request_recall_of_account(session, account_id, "account_fault", now)
    release_cancelled(session, cancelled, now)
    return recalled


def pause_caller_id(
    session: Session, caller_id_id: int, sentence: str, now: datetime, *, by_itself: bool = True
) -> list[int]:
    """Show a caller id in no further call and say why; the caller has closed the gate.

    Campaigns that have others go on with them. Unless a person asked for it (`by_itself` false),
    a mail goes out with this transaction.
    """
    account_id = caller_ids.stop_caller_id(session, caller_id_id, sentence, by_itself=by_itself)
    if account_id is None:
        return []
    dispatch.write_log(session, sentence, now, account_id=account_id)
    cancelled = attempts.cancel_queued_attempts_of(
        session, now, "caller_paused", account_id=account_id, caller_id_id=caller_id_id
    )
    recalled = recalls.request_recall_of_caller_id(session, caller_id_id, "caller_paused", now)
    release_cancelled(session, cancelled, now)
    return recalled


def switch_dialling_off(
    session: Session, why: str, now: datetime, *, by: Actor = SYSTEM
) -> list[int]:
    """The kill switch: once this commits nothing is dialled by anybody, through any account."""
    gate.close_gate(session)
    dispatch.set_dialing_switch(session, enabled=False, reason=why)
    reason = "" if why == f"by {by.name}" else f": {why}"  # said once who did it
    told = f"Dialling was switched off everywhere by {by.by}{reason}."
    dispatch.write_log(session, told, now)
    cancelled = attempts.cancel_queued_attempts_of(session, now, "paused")
    release_cancelled(session, cancelled, now)
    return recalls.request_recall_of_everything(session, "switched off", now)


def switch_dialling_on(session: Session, now: datetime, *, by: Actor = SYSTEM) -> None:
    """Let running campaigns dial again."""
    dispatch.set_dialing_switch(session, enabled=True, reason=None)
    dispatch.write_log(session, f"Dialling was switched on again by {by.by}.", now)
