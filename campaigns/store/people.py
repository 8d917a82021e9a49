"""Users and the browsers they are signed in with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from campaigns.models import SignedInSession, User

# Beside the gate's (7420001): held while it is decided whether somebody must be the first user.
FIRST_USER_LOCK = 7420011


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user, and in how many browsers they are signed in."""

    user: User
    sessions: int


def find_user_by_login(session: Session, login: str) -> User | None:
    """The user with this login, given in lower case."""
    return session.scalars(select(User).where(User.login == login)).first()


def find_user(session: Session, user_id: int, *, lock: bool = False) -> User | None:
    """The user, whose row is locked until the transaction ends if that is asked for."""
    mode = {"key_share": True} if lock else None
    return session.get(User, user_id, with_for_update=mode, populate_existing=lock)


def list_users(session: Session, now: datetime) -> list[UserRow]:
    """Every user by login, those who are switched off last."""
    counts = (
        select(SignedInSession.user_id, func.count().label("sessions"))
        .where(SignedInSession.expires_at > now)
        .group_by(SignedInSession.user_id)
        .subquery()
    )
    query = (
        select(User, func.coalesce(counts.c.sessions, 0))
        .outerjoin(counts, counts.c.user_id == User.id)
        .order_by(User.active.desc(), User.login)
    )
    return [UserRow(user, sessions) for user, sessions in session.execute(query)]


def nobody_is_a_user_yet(session: Session) -> bool:
    """Whether there is no user; who asks at the same time is told once this transaction ended."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_USER_LOCK})
    return not session.execute(text("SELECT EXISTS (SELECT 1 FROM users)")).scalar_one()


def lock_active_admins(session: Session) -> Sequence[int]:
    """The ids of the administrators who can sign in; their rows stay locked until the end."""
    return list(
        session.scalars(
            text("SELECT id FROM users WHERE role = 'admin' AND active ORDER BY id FOR UPDATE")
        )
    )


def find_session(
    session: Session, token_sha256: bytes, now: datetime
) -> tuple[SignedInSession, User] | None:
    """A session that is not over, with its user, unless that user was switched off."""
    row = session.execute(
        select(SignedInSession, User)
        .join(User, User.id == SignedInSession.user_id)
        .where(SignedInSession.token_sha256 == token_sha256)
        .where(SignedInSession.expires_at > now, User.active)
    ).first()
    return (row[0], row[1]) if row is not None else None


def sessions_of(
    session: Session, user_id: int, now: datetime, seen_after: datetime
) -> list[SignedInSession]:
    """The browsers in which a user is signed in, the one used last first."""
    query = (
        select(SignedInSession)
        .where(SignedInSession.user_id == user_id)
        .where(SignedInSession.expires_at > now, SignedInSession.seen_at > seen_after)
        .order_by(SignedInSession.seen_at.desc(), SignedInSession.id.desc())
    )
    return list(session.scalars(query))


def end_session(session: Session, token_sha256: bytes) -> None:
    """Sign one browser out."""
    session.execute(
        text("DELETE FROM sessions WHERE token_sha256 = :token"), {"token": token_sha256}
    )


def end_sessions_of(session: Session, user_id: int) -> int:
    """Sign a user out everywhere; returns in how many browsers that was."""
    ended = session.execute(
        text("DELETE FROM sessions WHERE user_id = :user RETURNING id"), {"user": user_id}
    )
    return len(ended.all())


def forget_ended_sessions(session: Session, now: datetime, seen_before: datetime) -> int:
    """Delete sessions that are over; returns how many."""
    forgotten = session.execute(
        text("""
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE expires_at <= :now OR seen_at < :seen_before
                LIMIT 1000 FOR UPDATE SKIP LOCKED)
            RETURNING id
        """),
        {"now": now, "seen_before": seen_before},
    )
    return len(forgotten.all())
