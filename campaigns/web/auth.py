"""Who asks, and whether they may: every route passes through `needs`, or is `public` by name.

A program shows an API key in its `Authorization` header. A browser has a session cookie, and what
changes something must also carry the form token, which no other site can read.
"""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from campaigns import api_keys, clocks, signing_in
from campaigns.access import Actor, Permission, Role
from campaigns.compliance import zone_named
from campaigns.db import database_now, transaction
from campaigns.errors import Forbidden, NewPasswordNeeded, OutdialError, SignInNeeded
from campaigns.web.clients import check_rate

SESSION_COOKIE = "outdial_session"
# With this prefix a browser takes the cookie only over TLS and never from another host.
SECURE_SESSION_COOKIE = "__Host-outdial_session"
ZONE_COOKIE = "outdial_zone"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_FIELD = "csrf"
FORM_HEADER = "x-csrf-token"
# Numbers that everybody who is called sees or hears.
OWN_NUMBERS = frozenset({"caller_id", "caller_ids", "more_caller_ids", "flow"})

_bearer = HTTPBearer(auto_error=False, description="An API key: `outdial key create NAME`.")


V = TypeVar("V", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at this page or made this request, and on what clock."""

    actor: Actor
    zone: ZoneInfo
    csrf: str = field(default="", repr=False)
    must_change_password: bool = False

    def may(self, permission: Permission | str) -> bool:
        """Whether this viewer may do it; for templates also by the permission's name."""
        return self.actor.may(Permission(permission))

    def number(self, number: str) -> str:
        """A telephone number as this viewer may see it."""
        return self.actor.number(number)

    def text(self, text: str) -> str:
        """A text as this viewer may see it: with the telephone numbers in it, or masked."""
        return self.actor.text(text)

    def told(self, text: str) -> str:
        """A sentence on a page: as this viewer may see it, and on the viewer's clock."""
        return clocks.retold(self.text(text), self.zone)

    def shown(self, view: V) -> V:
        """A report as this viewer may see it: with every telephone number in it, or masked."""
        if self.may(Permission.SEE_NUMBERS):
            return view
        masked: V = self._masked(view)
        return masked

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, BaseModel):
            # Of a view that is about numbers of ours, which says so itself, those too.
            ours = OWN_NUMBERS | getattr(type(value), "OURS", frozenset())
            changed = {name: self._masked(one) for name, one in value if name not in ours}
            return value.model_copy(update=changed)
        if isinstance(value, Mapping):
            # A heading may be a number: that of a list without headings is its first row.
            return {self._masked(key): self._masked(one) for key, one in value.items()}
        return [self._masked(one) for one in value] if isinstance(value, list | tuple) else value


async def _form_token_of(request: Request) -> str | None:
    """The form token a request carries: in a header, the query, or a field of a plain form."""
    if request.method in SAFE_METHODS or "authorization" in request.headers:
        return None
    found = request.headers.get(FORM_HEADER) or request.query_params.get(FORM_FIELD)
    kind = request.headers.get("content-type", "")
    # A multipart body is a file on its way in: it is read as it comes, once, by who stores it.
    if found is None and kind.startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get(FORM_FIELD)
        found = value if isinstance(value, str) else None
    return found


class Needs:
    """A dependency: the request is by somebody who may do this, and meant by them."""

    def __init__(self, permission: Permission, *, before_new_password: bool = False) -> None:
        self.permission = permission
        self.before_new_password = before_new_password

    def __call__(
        self,
        request: Request,
        _shown: Annotated[Any, Security(_bearer)],
        form_token: Annotated[str | None, Depends(_form_token_of)],
    ) -> None:
        """Raise `Unauthorized`, `SignInNeeded`, `Forbidden` or `NewPasswordNeeded`.

        Else note who it is.
        """
        viewer = _viewer_of(request)
        request.state.viewer = viewer
        if viewer.actor.kind == "key" and viewer.actor.id is not None:
            check_rate(request, viewer.actor.id)
        if viewer.actor.kind == "user" and request.method not in SAFE_METHODS:
            check_form(request, viewer.csrf, form_token)
        if viewer.must_change_password and not self.before_new_password:
            raise NewPasswordNeeded("Choose a password of your own first. Nothing was changed.")
        viewer.actor.check(self.permission)


class Public:
    """A dependency that does nothing but say that anybody may ask this."""

    def __call__(self) -> None:
        """Let everybody in."""


public = Depends(Public())


def needs(permission: Permission, *, before_new_password: bool = False) -> Any:
    """For `dependencies=[...]` of a route: only who has this permission is let in.

    Who has a password that somebody else gave them is sent to choose their own, except where
    `before_new_password` says that they can do this with the old one.
    """
    chosen = Needs(permission, before_new_password=before_new_password)
    return Depends(chosen, scope="function")


def still_allowed(request: Request, permission: Permission) -> bool:
    """Whether who began this request may go on: signed in, not switched off, of the same role.

    For answers that last, asked again while they do; it asks the database, so on a thread. It does
    not count as using the session: a page left open must not keep somebody signed in for ever.
    """
    try:
        viewer = _viewer_of(request, in_use=False)
    except OutdialError:
        return False
    return viewer.may(permission) and not viewer.must_change_password


def note_viewer(request: Request) -> None:
    """Note who asks for an address that nothing stands at, so that its page has the menu.

    Nobody is refused here, and a database that is away only costs the menu.
    """
    if getattr(request.state, "viewer", None) is None:
        with suppress(OutdialError, SQLAlchemyError):
            request.state.viewer = _viewer_of(request, in_use=False)


def current_viewer(request: Request) -> Viewer:
    """Who asks, of a route that has `needs`."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is None:
        raise OutdialError("This address does not say who may use it. Nothing was changed.")
    return viewer


ViewerDep = Annotated[Viewer, Depends(current_viewer, scope="function")]


def check_form(request: Request, expected: str, shown: str | None) -> None:
    """Raise `Forbidden` unless a change was asked for by one of our own pages."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    forwarded = request.headers.get("x-forwarded-host")
    if foreign and origin is not None and forwarded is not None:
        foreign = urlsplit(origin).netloc != forwarded
    if site not in ("same-origin", "none") or foreign:
        raise Forbidden("The request came from another site. Nothing was changed.")
    if not expected or shown is None or not _same(expected, shown):
        raise Forbidden(
            "The form was too old, or not from this page. Nothing was changed. "
            "Go back, reload the page and send it again."
        )


def session_token(request: Request) -> str | None:
    """The session's token in this browser's cookie.

    Over TLS only in the one that no other host of the same domain can have set.
    """
    return request.cookies.get(SECURE_SESSION_COOKIE if is_secure(request) else SESSION_COOKIE)


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser its session; over TLS in a cookie that TLS alone carries."""
    secure = is_secure(request)
    response.set_cookie(
        SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        token,
        max_age=int(signing_in.LONGEST.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def drop_session_cookie(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    response.delete_cookie(
        SECURE_SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=True
    )


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to the proxy in front of us."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return (forwarded or request.url.scheme) == "https"


def browser_zone(request: Request) -> ZoneInfo | None:
    """The zone the browser says it is in."""
    return _zone(request.cookies.get(ZONE_COOKIE))


def _viewer_of(request: Request, *, in_use: bool = True) -> Viewer:
    header = request.headers.get("authorization")
    with transaction(request.app.state.engine) as session:
        now = database_now(session)
        if header is not None or not session_token(request):
            if header is None and not _is_api(request):
                raise SignInNeeded("Sign in first.")
            key = api_keys.authenticate(session, header, now)
            return Viewer(Actor("key", key.name, Role(key.role), key.id), ZoneInfo("UTC"))
        found = signing_in.recognise(session, session_token(request), now, in_use=in_use)
    zone = _zone(found.zone) or browser_zone(request) or ZoneInfo("UTC")
    csrf = request.app.state.vault.form_token(found.session_sha256)
    return Viewer(found.actor, zone, csrf, found.must_change_password)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return zone_named(name) if name else None
    except OutdialError:
        return None


def _same(one: str, other: str) -> bool:
    # Not `==`: how long it takes would tell how much of a guess was right.
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogateescape"))
