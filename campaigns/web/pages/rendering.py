"""How a page is made: the templates, what each of them is given, and the note from the page before.

return render(request, "optouts/list.html", page=page)
return redirect(request, "/opt-outs", said="The number will not be called again.")
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import Response

from campaigns import clocks
from campaigns.access import Permission
from campaigns.reporting import words
from campaigns.web.auth import FORM_FIELD, Viewer, is_secure

_WEB = Path(__file__).resolve().parent.parent
STATIC = _WEB / "static"
NOTE_COOKIE = "outdial_note"
NOTE_SECONDS = 60
THEME_COOKIE = "outdial_theme"


class NavLink(NamedTuple):
    """A line of the menu; shown to whoever has the permission."""

    href: str
    icon: str
    label: str
    permission: Permission = Permission.SEE


MENU: Sequence[tuple[str, Sequence[NavLink]]] = (
    (
        "",
        (
            NavLink("/", "home", "Overview"),
            NavLink("/campaigns", "speakerphone", "Campaigns"),
            NavLink("/recipients", "users", "Recipients"),
            NavLink("/doubt", "zoom-question", "In doubt"),
            NavLink("/why", "help-circle", "Why not called", Permission.SEE_NUMBERS),
        ),
    ),
    (
        "Lists",
        (
            NavLink("/opt-outs", "phone-off", "Opt-outs"),
            NavLink("/consents", "clipboard-list", "Consents"),
            NavLink("/rules", "clock", "Calling rules"),
            NavLink("/imports", "file-spreadsheet", "Imports"),
        ),
    ),
    (
        "Settings",
        (
            NavLink("/accounts", "phone-outgoing", "Accounts", Permission.ADMINISTER),
            NavLink("/users", "user", "Users", Permission.ADMINISTER),
            NavLink("/keys", "key", "API keys", Permission.ADMINISTER),
            NavLink("/webhooks", "webhook", "Webhooks", Permission.ADMINISTER),
            NavLink("/audit", "history", "Audit log", Permission.ADMINISTER),
        ),
    ),
)


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. Every template may use `viewer` (None when nobody is signed in), `menu`, `note`."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    note = _note(request)
    given = {
        "request": request,
        "viewer": viewer,
        "status": status,
        "menu": _menu(viewer),
        "note": note,
        "theme": _theme(request),
        "csrf_field": lambda: _form_field(viewer.csrf if viewer is not None else ""),
        **context,
    }
    text = templates().get_template(template).render(given)
    response = HTMLResponse(text, status_code=status)
    if note is not None:
        response.delete_cookie(NOTE_COOKIE, path="/")
    return response


def redirect(request: Request, to: str, *, said: str | None = None) -> Response:
    """On to another page after a change; `said` is told there, once."""
    if request.headers.get("hx-request") == "true":
        response = Response(status_code=200, headers={"HX-Redirect": to})
    else:
        response = RedirectResponse(to, status_code=303)
    if said is not None:
        sealed = request.app.state.vault.seal_note(said)
        response.set_cookie(
            NOTE_COOKIE,
            sealed,
            max_age=NOTE_SECONDS,
            path="/",
            httponly=True,
            samesite="lax",
            secure=is_secure(request),
        )
    return response


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates: everything escaped, every unknown name an error."""
    environment = Environment(
        loader=FileSystemLoader(_WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "reason": words.reason,
        "calls": words.calls,
        "people": words.people,
        "number": lambda value: f"{value:,}",
        "when": _when,
        "ago": words.ago,
        "place": clocks.place,
    }
    environment.tests |= {"told_by": _told_by}
    environment.globals |= {"static": static_url}
    return environment


@lru_cache(maxsize=256)
def static_url(name: str) -> str:
    """The address of a file below static/, which changes whenever the file does."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _told_by(part: str, whole: str) -> bool:
    """Whether a sentence says nothing that is not in the other one; as live.js judges it."""
    return part.removeprefix("The ").rstrip(".") in whole


@pass_context
def _when(context: Context, at: datetime | None, *, seconds: bool = False) -> Markup | str:
    """An instant on the viewer's clock, with the exact instant for machines."""
    if at is None:
        return "—"
    viewer: Viewer | None = context.get("viewer")
    zone = viewer.zone if viewer is not None else clocks.UTC_ZONE
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), clocks.offset_of(at, zone), clocks.on_clock(at, zone, seconds=seconds)
    )


def _menu(viewer: Viewer | None) -> list[tuple[str, list[NavLink]]]:
    if viewer is None:
        return []
    shown = [
        (name, [link for link in links if viewer.may(link.permission)]) for name, links in MENU
    ]
    return [(name, links) for name, links in shown if links]


def _note(request: Request) -> str | None:
    sealed = request.cookies.get(NOTE_COOKIE)
    if sealed is None:
        return None
    note: str | None = request.app.state.vault.open_note(sealed, NOTE_SECONDS)
    return note


def _theme(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return theme if theme in ("light", "dark") else "auto"


def _form_field(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, token)
