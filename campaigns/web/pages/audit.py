"""The audit log: who changed what, when, with what was before and after."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from campaigns import api_keys, auditing, users
from campaigns.access import Permission
from campaigns.auditing import Wanted
from campaigns.web.api.shapes import LARGEST_ID, BoundedRoute
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import SnapshotDep, SnapshotNowDep
from campaigns.web.pages.rendering import render

router = APIRouter(prefix="/audit", route_class=BoundedRoute)

PAGE = 50
KINDS = {"cli": "The command line", "system": "Outdial itself"}
# Where a thing of the log has a page; the others are only named.
PAGES = {"campaign": "/campaigns/", "account": "/accounts/", "user": "/users/"}
Text = Annotated[str, Query(max_length=200)]


@router.get("", dependencies=[needs(Permission.ADMINISTER)])
def show(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    viewer: ViewerDep,
    who: Text = "",
    about: Text = "",
    action: Text = "",
    since: Text = "",
    until: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """Changes, newest first; of one person, one thing, one kind, some days."""
    days = {
        name: day if _midnight(viewer, day) else ""
        for name, day in (("since", since), ("until", until))
    }
    asked = {"who": who, "about": about, "action": action, **days}
    found = auditing.read(session, _wanted(viewer, asked), _id(before), PAGE + 1)
    shown, more = found[:PAGE], len(found) > PAGE
    older = {name: value for name, value in asked.items() if value}
    return render(
        request,
        "audit/list.html",
        rows=shown,
        asked=asked,
        filtered=bool(older),
        people=_people(session, now),
        actions=[(one, _said(one)) for one in auditing.actions(session)],
        pages=PAGES,
        older=f"/audit?{urlencode({**older, 'before': shown[-1].id})}" if more else "",
    )


def _wanted(viewer: Viewer, asked: dict[str, str]) -> Wanted:
    kind, _, ident = asked["who"].partition(":")
    subject = ":".join(asked["about"].strip().lower().split(maxsplit=1))
    since, until = _midnight(viewer, asked["since"]), _midnight(viewer, asked["until"], days=1)
    return Wanted(
        actor_kind=kind if kind in ("user", "key", *KINDS) else None,
        actor_id=_id(ident),
        subject=subject or None,
        action=asked["action"] or None,
        since=since,
        until=until,
    )


def _people(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Who may have changed something, as choices."""
    found = [(f"user:{one.user.id}", one.user.name) for one in users.list_users(session, now)]
    found += [(f"key:{row.id}", f"API key {row.name}") for row in api_keys.list_keys(session)]
    return [("", "Anybody"), *found, *KINDS.items()]


def _said(action: str) -> str:
    noun, _, verb = action.partition(".")
    return f"{auditing.noun_of(noun)}: {verb.replace('_', ' ')}"


def _midnight(viewer: Viewer, day: str, *, days: int = 0) -> datetime | None:
    """The beginning of a day on the viewer's clock; None for what is no day."""
    try:
        found = date.fromisoformat(day) + timedelta(days=days)
        return datetime.combine(found, time(), viewer.zone)
    except (ValueError, OverflowError):
        return None


def _id(text: str) -> int | None:
    found = int(text[:19]) if text.isascii() and text.isdigit() else 0
    return found if 0 < found <= LARGEST_ID else None
