"""Lists and people that are given to a campaign: noted in the audit log and told in its own log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from campaigns import auditing, importing, phrases
from campaigns.access import Actor
from campaigns.importing import PushedRecipient, PushResult, Summary
from campaigns.models import Import
from campaigns.store import dispatch


def note_import(
    session: Session,
    row: Import,
    verb: Literal["create", "confirm", "discard"],
    actor: Actor,
    now: datetime,
    **more: Any,
) -> None:
    """Write down that somebody handed a list in, had it imported, or discarded it."""
    after = {"campaign": row.campaign_id, "file": row.file_name, "status": row.status} | more
    auditing.record(session, actor, f"import.{verb}", f"import:{row.id}", now, after=after)
    told = f"{actor.subject} {_what(row, verb)}"
    dispatch.write_log(session, told, now, campaign_id=row.campaign_id)


def undo_import(session: Session, import_id: int, actor: Actor, now: datetime) -> Summary:
    """Take everybody out again whom a list brought in, as `importing.undo` does."""
    told = importing.undo(session, import_id, now, by=actor)
    row = importing.find(session, import_id)
    after = {
        "campaign": row.campaign_id,
        "file": row.file_name,
        "status": told.status,
        "people": told.rows_imported,
    }
    auditing.record(session, actor, "import.undo", f"import:{row.id}", now, after=after)
    return told


def push_recipients(
    session: Session,
    campaign_id: int,
    rows: Sequence[PushedRecipient],
    actor: Actor,
    now: datetime,
    default_country: str | None = None,
) -> PushResult:
    """Add people to a campaign that is not over, as `importing.push_recipients` does."""
    result = importing.push_recipients(session, campaign_id, rows, now, default_country)
    if result.created:
        subject, after = f"campaign:{campaign_id}", {"people": result.created}
        auditing.record(session, actor, "recipient.push", subject, now, after=after)
        people = phrases.people(result.created)
        told = f"{actor.subject} added {people}."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    return result


def _what(row: Import, verb: str) -> str:
    file = f"“{row.file_name}”"
    if verb == "create" and row.status == "uploaded":
        return f"uploaded {file}. Nothing of it is imported until that is confirmed."
    if verb == "create":
        return f"handed in {file} to be imported."
    if verb == "confirm":
        return f"had {file} imported."
    return f"discarded {file}. Nothing of it was imported."
