"""The calling rules that are in force, and every version of them that ever was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from campaigns.compliance import Rulebook, UnreadableRules, read_rulebook

VERSION_SQL = "SELECT version FROM rule_activations ORDER BY n DESC LIMIT 1"

# Versions never change, so each is read once by a process; the digest tells databases apart.
_read: dict[tuple[int, str], Rulebook] = {}


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of the rules: when it came, and when and by whom it was last put in force."""

    version: int
    digest: str
    seeded_at: datetime
    activated_at: datetime | None
    activated_by: str | None


@dataclass(frozen=True, slots=True)
class ClaimedUnderRules:
    """A call that was handed to the provider and does not ring yet, with its campaign's rules."""

    attempt_id: int
    number: str
    zone: str | None
    address: dict[str, Any] | None
    rule_set: str
    windows: dict[str, Any]
    purpose: str
    voice: str


def current_rulebook(session: Session | Connection) -> Rulebook:
    """The rules in force, by one small query.

    Raises `UnreadableRules` when there are none or they cannot be read: then nobody is called.
    """
    row = session.execute(
        text(f"""
            SELECT version, digest FROM calling_rules WHERE version = ({VERSION_SQL})
        """)
    ).one_or_none()
    if row is None:
        raise UnreadableRules(
            "There are no calling rules in this database, so nobody is called. Run "
            "`outdial migrate`."
        )
    return _rulebook(session, row[0], row[1])


def rulebook_in_force_at(session: Session | Connection, at: datetime) -> Rulebook | None:
    """The rules that were in force at an instant; None when there were none yet."""
    version = session.execute(
        text("SELECT version FROM rule_activations WHERE at <= :at ORDER BY n DESC LIMIT 1"),
        {"at": at},
    ).scalar_one_or_none()
    return None if version is None else rulebook_of(session, version)


def rulebook_of(session: Session | Connection, version: int) -> Rulebook:
    """The rules of one version, in force or not any more. Raises `UnreadableRules`."""
    digest = session.execute(
        text("SELECT digest FROM calling_rules WHERE version = :version"), {"version": version}
    ).scalar_one_or_none()
    if digest is None:
        raise UnreadableRules(f"There are no calling rules of version {version}.")
    return _rulebook(session, version, digest)


def _rulebook(session: Session | Connection, version: int, digest: str) -> Rulebook:
    known = _read.get((version, digest))
    if known is None:
        document = session.execute(
            text("SELECT document FROM calling_rules WHERE version = :version"),
            {"version": version},
        ).scalar_one()
        known = _read[version, digest] = read_rulebook(document, version)
    return known


def version_in_force(session: Session) -> int | None:
    """The version that binds now."""
    found: int | None = session.execute(text(VERSION_SQL)).scalar_one_or_none()
    return found


def version_with_digest(session: Session, digest: str) -> int | None:
    """The version whose document has this digest, if it was ever seeded."""
    found: int | None = session.execute(
        text("SELECT version FROM calling_rules WHERE digest = :digest"), {"digest": digest}
    ).scalar_one_or_none()
    return found


def add_rules(session: Session, document: Mapping[str, Any], digest: str, now: datetime) -> int:
    """Keep a new version of the rules and return its number; it is not in force yet.

    Hold the gate: two processes that start together would make two versions of one document.
    """
    added: int = session.execute(
        text("""
            INSERT INTO calling_rules (version, digest, document, seeded_at)
            SELECT coalesce(max(version), 0) + 1, :digest, CAST(:document AS jsonb), :now
            FROM calling_rules RETURNING version
        """),
        {"digest": digest, "document": json.dumps(document), "now": now},
    ).scalar_one()
    return added


def put_in_force(session: Session, version: int, who: str | None, now: datetime) -> None:
    """From this commit on a version of the rules binds. Hold the gate."""
    session.execute(
        text("""
            INSERT INTO rule_activations (n, version, at, who)
            SELECT coalesce(max(n), 0) + 1, :version, :now, :who FROM rule_activations
        """),
        {"version": version, "now": now, "who": who},
    )


def versions_of_rules(session: Session) -> list[RuleVersion]:
    """Every version, newest first."""
    rows = session.execute(
        text("""
            SELECT c.version, c.digest, c.seeded_at, a.at, a.who FROM calling_rules c
            LEFT JOIN LATERAL (
                SELECT at, who FROM rule_activations WHERE version = c.version
                ORDER BY n DESC LIMIT 1
            ) a ON true
            ORDER BY c.version DESC
        """)
    )
    return [RuleVersion(*row) for row in rows]


def calls_not_ringing(session: Session) -> list[ClaimedUnderRules]:
    """Every call that could still be taken back unheard. Hold the gate first."""
    rows = session.execute(
        text("""
            SELECT a.id, a.number, r.zone, r.address, c.rule_set, c.windows, c.purpose, c.voice
            FROM attempts a
            JOIN recipients r ON r.id = a.recipient_id
            JOIN campaigns c ON c.id = a.campaign_id
            WHERE a.status = 'dialing' AND a.recall_requested_at IS NULL
        """)
    )
    return [ClaimedUnderRules(*row) for row in rows]
