"""Sessions: a browser signs in with a password and is known by a random token from then on.

A password is compared while no transaction is open: it takes a tenth of a second, and longer when
many do it. So signing in and changing the password own their transactions, unlike other use cases.
"""

import hashlib
import logging
import math
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import auditing, passwords
from campaigns.access import Actor, Role
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, SignInNeeded, TooManyRequests, Unauthorized
from campaigns.models import SignedInSession, User
from campaigns.store import people
from campaigns.throttling import Limit, Throttle, Try, network_of

log = logging.getLogger(__name__)

LONGEST = timedelta(days=7)  # then the password is asked for again, whatever happened
IDLE = timedelta(hours=12)  # as long may nobody look at a page
# Writing down every single request would be a write per request.
SEEN_NOTED_EVERY = timedelta(minutes=1)
# Failures within a quarter of an hour: of a login from one address, of an address (which many
# people may share), and of a login from wherever, which bounds what many addresses can guess
# together. A browser by which the login has signed in before is counted by itself, so that no
# stranger can lock anybody out of theirs.
FAILURES_OF_A_LOGIN = 10
FAILURES_OF_AN_ADDRESS = 30
FAILURES_FROM_EVERYWHERE = 50
_WRONG = "The login or the password is wrong."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user in a browser. `session_sha256` names the session without opening it."""

    actor: Actor
    zone: str | None
    session_sha256: bytes
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class Browser:
    """Who knocks: the client's address, what its browser calls itself, its session so far, and
    the browser's name if the login that is tried has signed in by it before."""

    address: str
    user_agent: str | None = None
    token: str | None = field(default=None, repr=False)
    known_as: str | None = None


def sign_in(engine: Engine, throttle: Throttle, login: str, password: str, browser: Browser) -> str:
    """Check a password and begin a session; returns the session's token, shown to nobody else.

    Raises `Unauthorized`, in the same words and after the same time whether the login or the
    password was wrong, and `TooManyRequests` after too many failures.
    """
    plain = plain_login(login)
    counted = _count_try(throttle, plain, browser)
    with transaction(engine) as session:
        user = people.find_user_by_login(session, plain)
    kept = user.password_hash if user is not None else passwords.nobodys_hash()
    right = _compare(throttle, counted, kept, password)
    if user is None or not user.active or not right:
        log.warning("a sign-in was refused, address %s", browser.address)
        raise Unauthorized(_WRONG)
    new = passwords.hash_password(password) if passwords.is_outdated(kept) else kept
    with transaction(engine) as session:
        now = database_now(session)
        user = _unchanged_user(session, user.id, kept)
        user.password_hash, user.signed_in_at = new, now
        if browser.token:  # never a session that somebody may have known before
            people.end_session(session, digest(browser.token))
        token = begin_session(session, user, now, user_agent=browser.user_agent)
    throttle.succeeded(counted, forget=_limits(plain, browser)[:1])
    log.info("user %d signed in", user.id)
    return token


def change_password(
    engine: Engine, throttle: Throttle, actor: Actor, old: str, new: str, browser: Browser
) -> str:
    """Give the signed-in user a new password; every session ends and a new one's token returns.

    Raises `Unauthorized` when `old` is wrong, `InvalidInput` when `new` is not good enough, and
    `TooManyRequests` after too many failures; then the old password stays.
    """
    assert actor.kind == "user", "only people have passwords"
    assert actor.id is not None, "only people have passwords"
    with transaction(engine) as session:
        user = session.get_one(User, actor.id)
    kept = user.password_hash
    counted = _count_try(throttle, user.login, browser)
    if not _compare(throttle, counted, kept, old):
        raise Unauthorized("The present password is wrong. The password was not changed.")
    throttle.succeeded(counted)
    if new == old:
        raise InvalidInput("The new password is the present one. Choose another.")
    passwords.check_password(new, words=[user.login, user.name])
    made = passwords.hash_password(new)
    with transaction(engine) as session:
        now = database_now(session)
        user = _unchanged_user(session, user.id, kept)
        user.password_hash, user.must_change_password = made, False
        people.end_sessions_of(session, user.id)
        auditing.record(session, actor, "user.change_password", f"user:{user.id}", now)
        return begin_session(session, user, now, user_agent=browser.user_agent)


def plain_login(login: str) -> str:
    """A login as it is compared, whatever the case it is typed in."""
    return login.strip().lower()


def _count_try(throttle: Throttle, login: str, browser: Browser) -> Try:
    """Note a try before it is looked at; raises `TooManyRequests` when there were too many."""
    counted = throttle.begin(_limits(login, browser))
    if counted.wait:
        minutes = math.ceil(counted.wait / 60)
        raise TooManyRequests(
            "There were too many wrong passwords. Try again in "
            f"{minutes} {'minute' if minutes == 1 else 'minutes'}. If you have forgotten yours, "
            "an administrator can give you a new one.",
            retry_after=counted.wait,
        )
    return counted


def _limits(login: str, browser: Browser) -> list[Limit]:
    """Under what a try is counted; the first is its own, which a success forgets."""
    if browser.known_as is not None:
        return [Limit(f"browser:{browser.known_as}", FAILURES_OF_A_LOGIN)]
    network = network_of(browser.address)
    return [
        Limit(f"login:{login} from {network}", FAILURES_OF_A_LOGIN),
        Limit(f"address:{network}", FAILURES_OF_AN_ADDRESS),
        Limit(f"login:{login}", FAILURES_FROM_EVERYWHERE),
    ]


def _compare(throttle: Throttle, counted: Try, kept: str, password: str) -> bool:
    try:
        return passwords.password_matches(kept, password)
    except TooManyRequests:  # it was not looked at, so it was no failure
        throttle.succeeded(counted)
        raise


def _unchanged_user(session: Session, user_id: int, kept: str) -> User:
    """The user, locked, unless something happened to them while the password was compared."""
    user = people.find_user(session, user_id, lock=True)
    if user is None or not user.active or user.password_hash != kept:
        raise Unauthorized(_WRONG)
    return user


def begin_session(
    session: Session, user: User, now: datetime, *, user_agent: str | None = None
) -> str:
    """A new session of a user, whose password was checked; returns its token."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignedInSession(
            token_sha256=digest(token),
            user_id=user.id,
            seen_at=now,
            expires_at=now + LONGEST,
            user_agent=_printable(user_agent),
        )
    )
    session.flush()
    return token


def recognise(
    session: Session, token: str | None, now: datetime, *, in_use: bool = True
) -> SignedIn:
    """Whose session this is; raises `SignInNeeded` when it is nobody's, or is over.

    Unless `in_use`, this does not count as using it.
    """
    found = people.find_session(session, digest(token or ""), now) if token else None
    if found is None or found[0].seen_at < now - IDLE:
        raise SignInNeeded("Sign in first.")
    row, user = found
    if in_use and row.seen_at < now - SEEN_NOTED_EVERY:
        row.seen_at = now
    actor = Actor("user", user.name, Role(user.role), user.id)
    return SignedIn(actor, user.zone, row.token_sha256, user.must_change_password)


def sessions_of(session: Session, user_id: int, now: datetime) -> list[SignedInSession]:
    """The browsers in which a user is signed in, the one used last first."""
    return people.sessions_of(session, user_id, now, now - IDLE)


def sign_out(session: Session, token: str) -> None:
    """End the session of this token, if it is one."""
    people.end_session(session, digest(token))


def forget_ended_sessions(session: Session, now: datetime) -> int:
    """Delete some sessions that are over; returns how many."""
    return people.forget_ended_sessions(session, now, now - IDLE)


def new_visitor() -> str:
    """A name for a browser in which nobody is signed in yet."""
    return secrets.token_urlsafe(24)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _printable(text: str | None) -> str | None:
    return "".join(sign for sign in text[:200] if sign.isprintable()) if text else None
