"""Recurrences as people arrange them: made, looked at, paused, resumed, ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import Actor
from campaigns.campaigning import campaign_by_id, stop_campaign
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.importing import ImportOptions
from campaigns.models import Campaign, Recurrence, RecurrenceFiring
from campaigns.recurring.rules import Firing, Rule, next_firings
from campaigns.recurring.sources import Reader, Source
from campaigns.store import dispatch
from campaigns.store import recurrences as rows

MOST_GRACE_HOURS = 7 * 24.0
MOST_RUN_HOURS = 366 * 24.0


@dataclass(frozen=True, slots=True)
class NewRecurrence:
    """A campaign that shall recur: its settings, and its flow, are copied at each firing.

    `unchanged` says what a list does that is the same, byte by byte, as at the last firing: "run"
    or "skip". Unset: a reminder runs, since nobody is called twice about one appointment; an
    announcement is skipped, since an export that broke would call everybody again.
    `grace_hours` is how late a firing may be; `run_hours` after which a child campaign ends.
    """

    campaign_id: int
    rule: object
    source: object
    unchanged: str | None = None
    grace_hours: float = 4.0
    run_hours: float | None = None
    options: ImportOptions = field(default_factory=ImportOptions)


def create_recurrence(
    session: Session, new: NewRecurrence, reader: Reader, actor: Actor, now: datetime
) -> Recurrence:
    """Let a campaign recur. Raises `InvalidInput`, `NotAllowed`, `NotFound`; then nothing exists.

    The campaign itself stays as it is; a draft serves as well as one that ran.
    """
    campaign = campaign_by_id(session, new.campaign_id, lock=True)
    _check_campaign(session, campaign)
    _check_hours(new)
    rule, source = Rule.parse(new.rule), reader.check(new.source)
    first = _next(rule, now)
    unchanged = new.unchanged or ("run" if campaign.kind == "reminder" else "skip")
    if unchanged not in ("run", "skip"):
        raise InvalidInput("With an unchanged list a recurrence either runs or skips.")
    row = Recurrence(
        campaign_id=campaign.id,
        rule=rule.serialise(),
        source=source.serialise(),
        options=new.options.model_dump(mode="json", exclude_none=True),
        unchanged=unchanged,
        grace_hours=new.grace_hours,
        run_hours=new.run_hours,
        next_key=first.key,
        next_at=first.at,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    _note(session, row, actor, "recurrence.create", now, after=_facts(row))
    told = f"{actor.subject} lets the campaign recur: {rule}, with the list from {source}."
    _log(session, row, told, now)
    return row


def recurrence_by_id(session: Session, recurrence_id: int, *, lock: bool = False) -> Recurrence:
    """The recurrence; raises `NotFound`."""
    found = rows.find_recurrence(session, recurrence_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no recurrence {recurrence_id}.")
    return found


def recurrence_of_campaign(session: Session, campaign_id: int) -> Recurrence | None:
    """The recurrence of a campaign that has not ended, if it has one."""
    return rows.find_live_recurrence_of(session, campaign_id)


def list_recurrences(
    session: Session, before: int | None = None, limit: int = 50, campaign_id: int | None = None
) -> list[Recurrence]:
    """Recurrences, newest first; `before` is the last one seen."""
    return rows.list_recurrences(session, before, limit, campaign_id)


def list_firings(
    session: Session, recurrence_id: int, before: datetime | None = None, limit: int = 50
) -> list[RecurrenceFiring]:
    """What became of the firings, the latest first. Raises `NotFound`."""
    recurrence_by_id(session, recurrence_id)
    return rows.list_firings(session, recurrence_id, before, limit)


def upcoming(row: Recurrence, n: int) -> list[Firing]:
    """When it fires next, in order; nothing unless it is active."""
    if row.status != "active" or row.next_at is None or row.next_key is None:
        return []
    first = Firing(row.next_key, row.next_at)
    return [first, *next_firings(Rule.parse(row.rule), first.at, n - 1)][:n]


def pause_recurrence(
    session: Session, recurrence_id: int, actor: Actor, now: datetime
) -> Recurrence:
    """Let it not fire until it is resumed. Campaigns that it has started go on."""
    row = recurrence_by_id(session, recurrence_id, lock=True)
    if row.status != "active":
        raise NotAllowed(f"The recurrence is {row.status}, not active. Nothing was changed.")
    _halt(session, row, "paused", "the recurrence was paused", actor, now)
    _log(session, row, f"The recurrence was paused by {actor.by}.", now)
    return row


def resume_recurrence(
    session: Session, recurrence_id: int, actor: Actor, now: datetime
) -> Recurrence:
    """Let it fire again, from its next time on: what it missed meanwhile is not made up for."""
    row = recurrence_by_id(session, recurrence_id, lock=True)
    if row.status != "paused":
        raise NotAllowed(f"The recurrence is {row.status}, not paused. Nothing was changed.")
    first = _next(Rule.parse(row.rule), now)
    row.status, row.next_key, row.next_at = "active", first.key, first.at
    session.flush()
    _note(
        session,
        row,
        actor,
        "recurrence.resume",
        now,
        before={"status": "paused"},
        after={"status": "active"},
    )
    _log(session, row, f"The recurrence was resumed by {actor.by}.", now)
    return row


def end_recurrence(session: Session, recurrence_id: int, actor: Actor, now: datetime) -> Recurrence:
    """End it for good. Campaigns that it has started, and its history, stay."""
    row = recurrence_by_id(session, recurrence_id, lock=True)
    if row.status == "ended":
        return row
    _halt(session, row, "ended", "the recurrence was ended", actor, now)
    _log(session, row, f"The recurrence was ended by {actor.by}.", now)
    return row


def stop_never_started(session: Session, recurrence_id: int, now: datetime) -> None:
    """Stop the drafts of firings that are over: who is in them is left to the next firing.

    Started later by hand as well, such a draft would call them twice.
    """
    for campaign_id in rows.children_never_started(session, recurrence_id):
        stop_campaign(session, campaign_id, now, "its firing did not start it")


def _halt(
    session: Session, row: Recurrence, status: str, reason: str, actor: Actor, now: datetime
) -> None:
    before = {"status": row.status}
    row.status, row.next_key, row.next_at = status, None, None
    session.flush()
    rows.drop_open_firings(session, row.id, reason, now)
    stop_never_started(session, row.id, now)
    action = "recurrence.pause" if status == "paused" else "recurrence.end"
    _note(session, row, actor, action, now, before=before, after={"status": status})


def _check_campaign(session: Session, campaign: Campaign) -> None:
    if campaign.kind == "test":
        raise NotAllowed("A test call cannot recur.")
    if campaign.draft is not None and not campaign.draft.get("written", True):
        raise NotAllowed("It is not written yet what people hear. Write it, then let it recur.")
    if rows.find_live_recurrence_of(session, campaign.id) is not None:
        raise NotAllowed(
            f"“{campaign.name}” recurs already. Nothing was changed. End that recurrence first."
        )
    if rows.recurrence_of_child(session, campaign.id) is not None:
        raise NotAllowed(
            f"“{campaign.name}” was made by a recurrence, so it cannot recur itself. "
            "Nothing was changed."
        )


def _check_hours(new: NewRecurrence) -> None:
    if not 0 < new.grace_hours <= MOST_GRACE_HOURS:
        raise InvalidInput(f"A firing may be late by up to {MOST_GRACE_HOURS:g} hours.")
    if new.run_hours is not None and not 0 < new.run_hours <= MOST_RUN_HOURS:
        raise InvalidInput(f"A campaign may run for up to {MOST_RUN_HOURS:g} hours.")


def _next(rule: Rule, now: datetime) -> Firing:
    found = next_firings(rule, now, 1)
    if not found:
        raise InvalidInput(f"This would never fire: {rule}. Nothing was changed.")
    return found[0]


def source_of(row: Recurrence) -> Source:
    """Where its list is read."""
    return Source(**row.source)


def _facts(row: Recurrence) -> dict[str, Any]:
    names = ("campaign_id", "rule", "options", "unchanged", "grace_hours", "run_hours")
    return {name: getattr(row, name) for name in names} | {"source": str(source_of(row))}


def _note(
    session: Session,
    row: Recurrence,
    actor: Actor,
    action: str,
    now: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    auditing.record(session, actor, action, f"recurrence:{row.id}", now, before=before, after=after)


def _log(session: Session, row: Recurrence, sentence: str, now: datetime) -> None:
    dispatch.write_log(session, sentence, now, campaign_id=row.campaign_id)
