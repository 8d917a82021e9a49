"""Recurring campaigns: made again and again, each time from their list as it is then."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaigns import recurring
from campaigns.access import Permission
from campaigns.importing import ImportOptions
from campaigns.models import Recurrence, RecurrenceFiring
from campaigns.recurring import NewRecurrence, Reader, Rule
from campaigns.recurring.plans import MOST_GRACE_HOURS, MOST_RUN_HOURS
from campaigns.web.api.shapes import (
    CONFLICT,
    LARGEST_ID,
    NOT_FOUND,
    Before,
    BoundedRoute,
    Id,
    Limit,
    Page,
)
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    NowDep,
    SessionDep,
    SettingsDep,
    SnapshotDep,
)

router = APIRouter(prefix="/recurrences", tags=["recurrences"], route_class=BoundedRoute)

RUN_CAMPAIGNS = [needs(Permission.RUN_CAMPAIGNS)]
SEE = [needs(Permission.SEE)]
_SHOWN_AHEAD = 5


class RecurrenceIn(BaseModel):
    """Which campaign recurs, when, and where its list is read each time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "campaign_id": 12,
                    "rule": {
                        "days": ["mon", "tue", "wed", "thu", "fri"],
                        "times": ["09:00"],
                        "zone": "America/New_York",
                        "holidays": "US",
                    },
                    "source": {"url": "https://example.org/exports/appointments.csv"},
                }
            ]
        },
    )

    campaign_id: int = Field(
        ge=1,
        le=LARGEST_ID,
        description="Its settings, and the version of its call flow, are copied at each firing. A "
        "draft serves as well as a campaign that ran; the campaign itself stays as it is.",
    )
    rule: dict[str, Any] = Field(
        description="`days` (mon to sun; unset: all) and `times` (HH:MM), or `cron` (five fields), "
        "in the wall time of `zone`. `holidays` are days on which it does not fire. `starts_on` "
        "and `ends_on` (the last day) are dates. A wall time that occurs twice when clocks change "
        "fires once, and so does one that is skipped: as much later as clocks skip."
    )
    source: dict[str, Any] = Field(
        description="`file`: a path below the directory of lists, or `url`: an https address on "
        "the public internet."
    )
    unchanged: Literal["run", "skip"] | None = Field(
        None,
        description="When the list is the same, byte by byte, as at the last firing. Unset: a "
        "reminder runs, since nobody is called twice about one appointment; an announcement is "
        "skipped.",
    )
    grace_hours: float = Field(
        4.0,
        gt=0,
        le=MOST_GRACE_HOURS,
        allow_inf_nan=False,
        description="How late a firing may be, after an outage or while its list cannot be read.",
    )
    run_hours: float | None = Field(
        None,
        gt=0,
        le=MOST_RUN_HOURS,
        allow_inf_nan=False,
        description="After which a campaign that it starts ends. Unset: as the copied campaign.",
    )
    options: ImportOptions = Field(
        default_factory=ImportOptions, description="How its lists are read; the rest is guessed."
    )


class FiringAhead(BaseModel):
    """A firing that is to come."""

    wall_time: str = Field(examples=["2026-11-24T09:00"])
    at: datetime


class FiringView(BaseModel):
    """What became of a firing."""

    id: int
    wall_time: str = Field(examples=["2026-11-24T09:00"])
    due_at: datetime
    status: str = Field(description="waiting, running, started, skipped, missed or failed")
    reason: str | None
    campaign_id: int | None = Field(description="The campaign that it made.")
    import_id: int | None
    tries: int
    next_try_at: datetime | None
    finished_at: datetime | None


class RecurrenceView(BaseModel):
    """A recurring campaign."""

    id: int
    campaign_id: int
    status: str = Field(description="active, paused or ended")
    sentence: str = Field(description="The rule in words.")
    rule: dict[str, Any]
    source: str = Field(description="Where its list is read; what may be a password is left out.")
    unchanged: str
    grace_hours: float
    run_hours: float | None
    options: dict[str, Any]
    problem: str | None = Field(description="Why its last firing failed, until one succeeds.")
    next: list[FiringAhead]
    created_at: datetime


@router.post("", status_code=201, responses=NOT_FOUND | CONFLICT, dependencies=RUN_CAMPAIGNS)
def create_recurrence(
    body: RecurrenceIn, session: SessionDep, now: NowDep, viewer: ViewerDep, config: SettingsDep
) -> RecurrenceView:
    """Let a campaign recur: at each firing its list is read anew and a child campaign starts."""
    new = NewRecurrence(**{name: getattr(body, name) for name in RecurrenceIn.model_fields})
    row = recurring.create_recurrence(session, new, Reader.of(config), viewer.actor, now)
    return recurrence_view(row)


@router.get("", dependencies=SEE)
def list_recurrences(
    session: SnapshotDep,
    after: Before = None,
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    limit: Limit = 50,
) -> Page[RecurrenceView]:
    """Recurring campaigns, newest first."""
    found = recurring.list_recurrences(session, after, limit, campaign_id)
    items = [recurrence_view(row) for row in found]
    return Page(items=items, next=found[-1].id if len(found) == limit else None)


@router.get("/{recurrence_id}", responses=NOT_FOUND, dependencies=SEE)
def get_recurrence(recurrence_id: Id, session: SnapshotDep) -> RecurrenceView:
    """One recurring campaign."""
    return recurrence_view(recurring.recurrence_by_id(session, recurrence_id))


@router.get("/{recurrence_id}/next", responses=NOT_FOUND, dependencies=SEE)
def get_next_firings(
    recurrence_id: Id,
    session: SnapshotDep,
    n: Annotated[int, Query(ge=1, le=100, description="How many.")] = 10,
) -> Page[FiringAhead]:
    """When it fires next; nothing while it is paused."""
    row = recurring.recurrence_by_id(session, recurrence_id)
    return Page(items=_ahead(row, n))


@router.get("/{recurrence_id}/firings", responses=NOT_FOUND, dependencies=SEE)
def list_firings(
    recurrence_id: Id,
    session: SnapshotDep,
    before: Annotated[AwareDatetime | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> Page[FiringView]:
    """What became of its firings, the latest first."""
    found = recurring.list_firings(session, recurrence_id, before, limit)
    following = found[-1].due_at.isoformat() if len(found) == limit else None
    return Page(items=[_firing(row) for row in found], next=following)


@router.post("/{recurrence_id}/pause", responses=NOT_FOUND | CONFLICT, dependencies=RUN_CAMPAIGNS)
def pause_recurrence(
    recurrence_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> RecurrenceView:
    """Let it not fire until it is resumed. Campaigns that it has started go on."""
    return recurrence_view(recurring.pause_recurrence(session, recurrence_id, viewer.actor, now))


@router.post("/{recurrence_id}/resume", responses=NOT_FOUND | CONFLICT, dependencies=RUN_CAMPAIGNS)
def resume_recurrence(
    recurrence_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> RecurrenceView:
    """Let it fire again; what it missed meanwhile is not made up for."""
    return recurrence_view(recurring.resume_recurrence(session, recurrence_id, viewer.actor, now))


@router.delete("/{recurrence_id}", responses=NOT_FOUND, dependencies=RUN_CAMPAIGNS)
def end_recurrence(
    recurrence_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> RecurrenceView:
    """End it for good. Campaigns that it has started, and its history, stay."""
    return recurrence_view(recurring.end_recurrence(session, recurrence_id, viewer.actor, now))


def recurrence_view(row: Recurrence) -> RecurrenceView:
    """A recurrence as programs and pages see it."""
    same = (
        *("id", "campaign_id", "status", "rule", "unchanged", "grace_hours", "run_hours"),
        *("options", "problem", "created_at"),
    )
    return RecurrenceView(
        **{name: getattr(row, name) for name in same},
        sentence=str(Rule.parse(row.rule)),
        source=str(recurring.source_of(row)),
        next=_ahead(row, _SHOWN_AHEAD),
    )


def _ahead(row: Recurrence, n: int) -> list[FiringAhead]:
    return [FiringAhead(wall_time=one.key, at=one.at) for one in recurring.upcoming(row, n)]


def _firing(row: RecurrenceFiring) -> FiringView:
    same = set(FiringView.model_fields) - {"wall_time"}
    return FiringView(**{name: getattr(row, name) for name in same}, wall_time=row.fire_key)
