"""A list that is imported once more: appointments at other times move, and those that are gone are
counted, or cancelled where that is asked for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.appointments import cancel_appointments, move_appointments
from campaigns.importing.mapping import ImportOptions
from campaigns.importing.persons import dedupe_key
from campaigns.store import dispatch, recurrences, relisted
from campaigns.store.appointments import Move
from campaigns.store.relisted import Relisted


@dataclass(frozen=True, slots=True)
class Relisting:
    """Appointments that stand in the list at another time, and people who are not in it."""

    moved: list[Relisted]
    missing: list[int]


def compare(session: Session, campaign_id: int, options: ImportOptions, now: datetime) -> Relisting:
    """Take what was moved out of the staged rows, and find who is missing from them."""
    missing = relisted.not_in_list(session, campaign_id, now)
    by_person = options.moved != "add"
    moved = relisted.take_moved(session, campaign_id, now, by_person=by_person)
    recurrence_id = recurrences.recurrence_of_child(session, campaign_id)
    if recurrence_id is not None:
        moved += relisted.take_moved_elsewhere(
            session, campaign_id, recurrence_id, now, by_person=by_person
        )
    here = {one.recipient_id for one in moved}
    return Relisting(moved, [one for one in missing if one not in here])


def apply(
    session: Session, campaign_id: int, found: Relisting, options: ImportOptions, now: datetime
) -> int:
    """Move and cancel; returns how many appointments were moved. Closes the gate, so it comes last.

    Calls that are to be taken back are asked for by the sweeper.
    """
    moves = [
        Move(one.recipient_id, one.appointment_at, dedupe_key(one.number, one.appointment_at))
        for one in found.moved
    ]
    done = move_appointments(session, moves, now).recipients
    relisted.renew_fields(session, [one for one in found.moved if one.recipient_id in set(done)])
    for campaign in {one.campaign_id for one in found.moved}:
        mine = [one.recipient_id for one in found.moved if one.campaign_id == campaign]
        changed = sorted(set(mine) & set(done))
        recurrences.note_these_are_reminded(session, campaign, changed)
        if changed:
            told = f"{_appointments(len(changed))} moved: a list has them at other times."
            dispatch.write_log(session, told, now, campaign_id=campaign)
    if options.missing == "cancel" and found.missing:
        gone = cancel_appointments(session, found.missing, now).recipients
        told = f"{_appointments(len(gone))} cancelled: the list does not have them any more."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    return len(done)


def _appointments(count: int) -> str:
    return "1 appointment was" if count == 1 else f"{count:,} appointments were"
