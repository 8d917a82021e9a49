"""The audit log, read by its indexes: by who did it, to what, or of which kind."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session

from campaigns.models import AuditEntry

# Entries get their numbers nearly in the order of their times; so many may be the other way round.
NEARLY = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for; what is None does not matter.

    `actor_kind` alone is everybody of that kind. `action` is one (`campaign.pause`) or all about a
    noun (`campaign`).
    """

    actor_kind: str | None = None
    actor_id: int | None = None
    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def read_audit_log(
    session: Session, wanted: Wanted, before: int | None, limit: int
) -> list[AuditEntry]:
    """Entries with an id below `before`, newest first."""
    query = select(AuditEntry).where(*_conditions(session, wanted))
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)))


def known_actions(session: Session) -> list[str]:
    """Every action there is, one step through the index for each."""
    found = session.scalars(
        text("""
            WITH RECURSIVE known AS (
                (SELECT action FROM audit_log ORDER BY action LIMIT 1)
                UNION ALL
                SELECT (SELECT action FROM audit_log WHERE action > known.action
                        ORDER BY action LIMIT 1)
                FROM known WHERE known.action IS NOT NULL)
            SELECT action FROM known WHERE action IS NOT NULL
        """)
    )
    return list(found)


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.actor_kind is not None:
        found.append(AuditEntry.actor_kind == wanted.actor_kind)
    if wanted.actor_id is not None:
        found.append(AuditEntry.actor_id == wanted.actor_id)
    elif wanted.actor_kind in ("cli", "system"):
        found.append(AuditEntry.actor_id.is_(None))
    if wanted.subject is not None:
        found.append(AuditEntry.subject == wanted.subject)
    if wanted.action is not None and "." in wanted.action:
        found.append(AuditEntry.action == wanted.action)
    elif wanted.action is not None:
        found.append(AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True))
    if wanted.since is not None:
        found += [AuditEntry.at >= wanted.since, AuditEntry.id >= _first_id(session, wanted.since)]
    if wanted.until is not None:
        found += [AuditEntry.at < wanted.until, AuditEntry.id <= _last_id(session, wanted.until)]
    return found


def _first_id(session: Session, since: datetime) -> int:
    """No entry at or after `since` has a lower id."""
    query = select(AuditEntry.id).where(AuditEntry.at >= since).order_by(AuditEntry.at).limit(1)
    return (session.scalar(query) or 0) - NEARLY


def _last_id(session: Session, until: datetime) -> int:
    """No entry before `until` has a higher id."""
    query = (
        select(AuditEntry.id).where(AuditEntry.at < until).order_by(AuditEntry.at.desc()).limit(1)
    )
    return (session.scalar(query) or 0) + NEARLY
