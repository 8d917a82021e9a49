"""Everything that must stop calls: opt-out, pause, stop, account off.

Each closes the gate first, so that it is ordered before or after every claim and never during
one. Then it cancels what is queued and asks for the unanswered rest back. The ids returned are
calls to be recalled at the provider once the transaction has committed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.outcomes import release_cancelled
from campaigns.store import attempts, dispatch, gate, opt_outs, recalls


def opt_out_number(
    session: Session,
    number: str,
    source: str,
    now: datetime,
    *,
    evidence: str | None = None,
    attempt_id: int | None = None,
) -> list[int]:
    """Never call `number` (E.164) again. Once this commits nothing to it is claimed.

    Doing it twice keeps the first record. Calls in progress are left to end.
    """
    gate.close_gate(session)
    opt_outs.insert_opt_out(session, number, source, evidence, attempt_id)
    cancelled = attempts.cancel_queued_attempts_of(session, now, "opted_out", numbers=[number])
    recalled = recalls.request_recall_of_numbers(session, [number], "opted_out", now)
    release_cancelled(session, cancelled, now)
    return recalled


def opt_out_numbers(
    session: Session, numbers: Sequence[str], source: str, evidence: str, now: datetime
) -> list[int]:
    """Opt out many numbers at once, as from a file."""
    gate.close_gate(session)
    opt_outs.insert_opt_outs(session, numbers, source, evidence)
    cancelled = attempts.cancel_queued_attempts_of(session, now, "opted_out", numbers=numbers)
    recalled = recalls.request_recall_of_numbers(session, numbers, "opted_out", now)
    release_cancelled(session, cancelled, now)
    return recalled


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


def pause_account(session: Session, account_id: int, sentence: str, now: datetime) -> list[int]:
    """Stop dialling through an account and say why; the caller has closed the gate."""
    if not dispatch.stop_account(session, account_id, "paused", sentence):
        return []
    dispatch.write_log(session, sentence, now, account_id=account_id)
    cancelled = attempts.cancel_queued_attempts_of(
        session, now, "account_fault", account_id=account_id
    )
    recalled = recalls.request_recall_of_account(session, account_id, "account_fault", now)
    release_cancelled(session, cancelled, now)
    return recalled


def switch_dialling_off(session: Session, why: str, now: datetime) -> list[int]:
    """The kill switch: once this commits nothing is dialled by anybody, through any account."""
    gate.close_gate(session)
    dispatch.set_dialing_switch(session, enabled=False, reason=why)
    dispatch.write_log(session, f"Dialling was switched off everywhere: {why}.", now)
    cancelled = attempts.cancel_queued_attempts_of(session, now, "paused")
    release_cancelled(session, cancelled, now)
    return recalls.request_recall_of_everything(session, "switched off", now)


def switch_dialling_on(session: Session, now: datetime) -> None:
    """Let running campaigns dial again."""
    dispatch.set_dialing_switch(session, enabled=True, reason=None)
    dispatch.write_log(session, "Dialling was switched on again.", now)
