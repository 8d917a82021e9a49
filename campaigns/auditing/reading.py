"""Reading: pages of the log, newest first, of one person, one thing, one kind of change."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns.auditing import words
from campaigns.auditing.words import Change
from campaigns.models import AuditEntry
from campaigns.store import audit
from campaigns.store.audit import Wanted


class AuditLine(BaseModel):
    """One change: who, when, what, with what was before and after."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: datetime
    actor_kind: str = Field(description="user, key, cli or system")
    actor_id: int | None = Field(description="The user's or the key's.")
    actor_name: str
    action: str = Field(examples=["campaign.pause"])
    subject: str = Field(examples=["campaign:12"])
    sentence: str = Field(examples=["Ada Lovelace paused campaign 12."])
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def changes(self) -> list[Change]:
        """What is another now, value by value."""
        return words.changes(self.before, self.after)


def read(session: Session, wanted: Wanted, before: int | None, limit: int) -> list[AuditLine]:
    """Entries older than `before`, newest first."""
    return [_line(entry) for entry in audit.read_audit_log(session, wanted, before, limit)]


def actions(session: Session) -> list[str]:
    """Every kind of change that the log has."""
    return audit.known_actions(session)


def _line(entry: AuditEntry) -> AuditLine:
    name = words.name_in(entry.before, entry.after)
    return AuditLine(
        id=entry.id,
        at=entry.at,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=entry.subject,
        sentence=words.sentence(entry.actor_name, entry.action, entry.subject, name),
        before=entry.before,
        after=entry.after,
    )
