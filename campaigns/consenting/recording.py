"""Consents recorded, looked up and taken back, each change in the audit log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns import auditing, stopping
from campaigns.access import Actor
from campaigns.consenting.reading import Said, consents_of_file
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from campaigns.opting_out import Unreadable, read_search
from campaigns.store import consents
from campaigns.store.consents import ConsentRow, NewConsent

# Consents of a request or of a piece of a file: each is one transaction.
BATCH = 500
MOST_TOLD = 1000
LONGEST_REASON = 500  # characters


@dataclass(frozen=True, slots=True)
class Given:
    """What was recorded: how many are new, who revoked since, and who waits for a call again."""

    recorded: int
    revoked_since: list[str]
    put_back: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A consent that was revoked, and the calls to be taken back after the commit."""

    consent: ConsentRow
    recalled: list[int]


@dataclass(slots=True)
class ImportReport:
    """What became of a file: lines with a consent, how many are new, and those left out."""

    read: int = 0
    recorded: int = 0
    put_back: int = 0
    revoked_since: int = 0
    unreadable_count: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def already(self) -> int:
        """Lines whose consent was there before, or stood in the file twice."""
        return self.read - self.recorded - self.revoked_since

    @property
    def sentence(self) -> str:
        """What happened, for the person who imported."""
        told = f"{self.recorded:,} {_were(self.recorded, 'consent')} recorded"
        if self.already > 0:
            told += f", {self.already:,} {'was' if self.already == 1 else 'were'} there already"
        if self.revoked_since:
            told += f"; {self.revoked_since:,} left out, because the person has taken it back since"
        if self.put_back:
            people = "person waits" if self.put_back == 1 else "people wait"
            told += f"; {self.put_back:,} {people} for a call again"
        if self.unreadable_count:
            lines = "line" if self.unreadable_count == 1 else "lines"
            told += f"; {self.unreadable_count:,} {lines} could not be used"
        return f"{told}."


def _were(count: int, noun: str) -> str:
    return f"{noun} was" if count == 1 else f"{noun}s were"


def give(
    session: Session,
    new: Sequence[NewConsent],
    source: str,
    actor: Actor,
    now: datetime,
    *,
    put_back: bool = False,
) -> Given:
    """Record consents. With `put_back`, people whom want of one had blocked wait for their call.

    A consent from before its revocation is left out, whichever list it comes from. Raises
    `InvalidInput` for more than `BATCH`.
    """
    if len(new) > BATCH:
        raise InvalidInput(f"At most {BATCH} consents at a time, not {len(new):,}.")
    recorded, back, revoked = _record(session, new, source, actor, now, put_back=put_back)
    after = {
        "numbers": [one.number for one in new],
        "basis": sorted({one.basis for one in new}),
        "evidence": sorted({one.evidence for one in new}),
        "recorded": recorded,
        "put_back": back,
    }
    auditing.record(session, actor, "consent.add", "consents", now, after=after)
    return Given(recorded, revoked, back)


def _record(
    session: Session,
    new: Sequence[NewConsent],
    source: str,
    actor: Actor,
    now: datetime,
    *,
    put_back: bool,
) -> tuple[int, int, list[str]]:
    recorded, revoked = consents.insert_consents(session, new, source, now, who=actor.name)
    numbers = sorted({one.number for one in new} - set(revoked))
    back = consents.put_people_back(session, numbers, now) if put_back and numbers else 0
    return recorded, back, revoked


def import_file(
    engine: Engine,
    path: Path,
    otherwise: Said,
    actor: Actor,
    *,
    country: str,
    put_back: bool = False,
) -> ImportReport:
    """Record every consent in a file, in pieces. Owns its transactions.

    A file that was broken off may be handed in again: nothing is recorded twice. Raises
    `Unavailable` when the database goes away in between, with how far it got.
    """
    report = ImportReport()
    with transaction(engine) as session:
        now = database_now(session)
    try:
        for piece in _pieces(consents_of_file(path, otherwise, country, now)):
            usable = list(_usable(piece, report))
            with transaction(engine) as session:
                recorded, back, revoked = _record(
                    session, usable, "import", actor, database_now(session), put_back=put_back
                )
            report.read += len(usable)
            report.recorded += recorded
            report.put_back += back
            report.revoked_since += sum(one.number in revoked for one in usable)
        with transaction(engine) as session:
            _audit(session, actor, report, path.name)
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The database went away after {report.recorded:,} consents were recorded. They are "
            "kept. Hand the file in again: nothing is recorded twice."
        ) from error
    return report


def _pieces(
    found: Iterator[NewConsent | Unreadable],
) -> Iterator[list[NewConsent | Unreadable]]:
    while piece := list(islice(found, BATCH)):
        yield piece


def _usable(piece: Sequence[NewConsent | Unreadable], report: ImportReport) -> Iterator[NewConsent]:
    for one in piece:
        if isinstance(one, NewConsent):
            yield one
            continue
        report.unreadable_count += 1
        if len(report.unreadable) < MOST_TOLD:
            report.unreadable.append(one)


def _audit(session: Session, actor: Actor, report: ImportReport, name: str) -> None:
    after = {
        "file": name,
        "read": report.read,
        "recorded": report.recorded,
        "put_back": report.put_back,
        "unreadable": report.unreadable_count,
    }
    now = database_now(session)
    auditing.record(session, actor, "consent.import", "consents", now, after=after)


def revoke(session: Session, consent_id: int, actor: Actor, why: str, now: datetime) -> Taken:
    """Take a consent back: what rests on it and is not answered yet is stopped.

    Raises `NotFound`, `NotAllowed` for one that was revoked before, `InvalidInput` without a
    reason.
    """
    reason = why.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidInput(
            f"Say why, in at most {LONGEST_REASON} characters, such as “letter of 3 March”. "
            "Nothing was changed."
        )
    one = find(session, consent_id)
    done = stopping.revoke_consents(session, [consent_id], actor.name, reason, now)
    if not done.ids:
        raise NotAllowed("This consent is revoked already, so there is nothing to take back.")
    auditing.record(
        session,
        actor,
        "consent.revoke",
        f"consent:{consent_id}",
        now,
        before={"number": one.number, "basis": one.basis, "evidence": one.evidence},
        after={"revoked_why": reason},
    )
    return Taken(find(session, consent_id), done.recalled)


def find(session: Session, consent_id: int) -> ConsentRow:
    """One consent, whatever became of it; raises `NotFound`."""
    found = consents.find_consent(session, consent_id)
    if found is None:
        raise NotFound(f"There is no consent {consent_id}.")
    return found


def search(
    session: Session, text: str, country: str, before: int | None, limit: int
) -> list[ConsentRow]:
    """Consents, newest first, older than `before`: of a number, of how it begins or ends, or all.

    Raises `InvalidInput` for what cannot be looked for.
    """
    wanted = read_search(text, country)
    return consents.search_consents(session, wanted.found, wanted.number, before, limit)


def count_waiting(session: Session, number: str) -> int:
    """How many people with this number are blocked for want of a consent."""
    return consents.count_people_without_consent(session, [number])
