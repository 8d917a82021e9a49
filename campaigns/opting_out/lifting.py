"""Undoing an opt-out: somebody who had said stop may be called again, and the log says why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import auditing, phrases
from campaigns.access import Actor
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.opting_out.looking_up import find
from campaigns.opting_out.reading import LONGEST_REASON
from campaigns.store import dispatch, gate, opt_outs
from campaigns.store.opt_outs import OptOutRow


@dataclass(frozen=True, slots=True)
class Lifted:
    """An opt-out that was undone, and how many people wait for their call again because of it."""

    opt_out: OptOutRow
    put_back: int


def lift(
    session: Session, opt_out_id: int, actor: Actor, why: str, now: datetime, *, put_back: bool
) -> Lifted:
    """Undo an opt-out. The row stays, with who undid it and why.

    People whom it has blocked stay blocked unless `put_back`: then those in campaigns that are not
    over, whom nothing else has opted out, wait for their call again. Raises `NotFound`,
    `NotAllowed` for one that is not in force, and `InvalidInput` without a reason.
    """
    reason = why.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidInput(
            f"Say why, in at most {LONGEST_REASON} characters: somebody asked not to be called. "
            "Nothing was changed."
        )
    # An opt-out of the same number that came at this moment would find this row in force, leave it
    # as it is, and be lost with it. So the two take turns.
    gate.close_gate(session)
    one = find(session, opt_out_id)
    state = one.state(now)
    if state != "live":
        raise NotAllowed(f"This opt-out is {state}, so there is nothing to undo.")
    opt_outs.mark_lifted(session, one.id, actor.name, reason, now)
    campaigns = opt_outs.put_people_back(session, one, now) if put_back else {}
    back = sum(campaigns.values())
    auditing.record(
        session,
        actor,
        "opt_out.lift",
        f"opt_out:{one.id}",
        now,
        before={"number": one.shown, "source": one.source, "evidence": one.evidence},
        after={"lifted_why": reason, "put_back": back},
    )
    undid = f"{actor.subject} undid an opt-out"
    if not campaigns:
        dispatch.write_log(session, f"{undid}.", now, campaign_id=one.campaign_id)
    for campaign_id, people in campaigns.items():
        waits = "waits" if people == 1 else "wait"
        told = f"{undid}: {phrases.people(people)} {waits} for a call again."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    return Lifted(find(session, opt_out_id), back)


def count_blocked(session: Session, one: OptOutRow) -> int:
    """How many people in campaigns that are not over are blocked and have such a number."""
    return opt_outs.count_people_blocked_by(session, one)
