"""New versions of the rules: kept for ever, in force from their commit on, one at a time."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import auditing, compliance
from campaigns.access import SYSTEM, Actor
from campaigns.compliance import PostalAddress, Rulebook, shipped_rules
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.outcomes import release_cancelled
from campaigns.store import attempts, changes, dispatch, gate, rules
from campaigns.store.rules import ClaimedUnderRules

log = logging.getLogger(__name__)

RULES_CHANGED = "rules_changed"


def adopt_shipped_rules(engine: Engine) -> int | None:
    """Put the rules that come with this code in force, unless this database knows them already.

    Returns their version when they are new. An older release that is started again finds its own
    rules known and leaves the newer ones in force.
    """
    shipped = shipped_rules()
    with transaction(engine) as session:
        if rules.version_with_digest(session, shipped.digest) is not None:
            return None
        gate.close_gate(session)
        if rules.version_with_digest(session, shipped.digest) is not None:
            return None  # another process was first
        now = database_now(session)
        version = rules.add_rules(session, shipped.content, shipped.digest, now)
        _put_in_force(session, version, SYSTEM, now)
    log.info("calling rules of version %d are in force", version)
    return version


def put_rules_in_force(session: Session, version: int, actor: Actor, now: datetime) -> list[int]:
    """Let a known version bind from this commit on; returns the calls to be recalled after it.

    Raises `UnreadableRules` for one that is not there or that this code cannot read.
    """
    gate.close_gate(session)
    return _put_in_force(session, version, actor, now)


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of the rules in this installation."""

    version: int
    seeded_at: datetime
    activated_at: datetime | None
    activated_by: str | None
    in_force: bool


def versions(session: Session) -> list[VersionView]:
    """Every version there was, newest first."""
    now_in_force = rules.version_in_force(session)
    return [
        VersionView(
            one.version,
            one.seeded_at,
            one.activated_at,
            one.activated_by,
            one.version == now_in_force,
        )
        for one in rules.versions_of_rules(session)
    ]


def _put_in_force(session: Session, version: int, actor: Actor, now: datetime) -> list[int]:
    """The caller has closed the gate. What is queued is due again at once, under the new rules."""
    book = rules.rulebook_of(session, version)
    rules.put_in_force(session, version, None if actor is SYSTEM else actor.name, now)
    queued = attempts.cancel_queued_attempts_of(session, now, RULES_CHANGED)
    release_cancelled(session, queued, now)
    shut = [
        call.attempt_id
        for call in rules.calls_not_ringing(session)
        if not _allowed(book, call, now)
    ]
    changes.request_recall(session, shut, RULES_CHANGED, now)
    by = "with this release" if actor is SYSTEM else f"by {actor.by}"
    dispatch.write_log(session, f"Calling rules of version {version} were put in force {by}.", now)
    auditing.record(
        session, actor, "rules.activate", f"rules:{version}", now, after={"version": version}
    )
    return shut


def _allowed(book: Rulebook, call: ClaimedUnderRules, now: datetime) -> bool:
    """Whether a call that does not ring yet may; not when nobody can tell."""
    try:
        address = PostalAddress.from_json(call.address)
        place = compliance.place_of(call.number, zone=call.zone, address=address)
        return compliance.hours_for(book, call, place).allowed(now)
    except InvalidInput:
        return False
