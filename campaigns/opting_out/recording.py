"""Opt-outs recorded: a few in the caller's transaction, or a whole file in many of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns import auditing, phrases, stopping
from campaigns.access import Actor
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotFound, Unavailable
from campaigns.models import Campaign
from campaigns.opting_out.reading import Line, Unreadable, lines_of_file, read_line
from campaigns.stopping import OptedOut
from campaigns.store import dispatch
from campaigns.store.opt_outs import NewOptOut

# One transaction holds the gate against every claim, so a long list goes in pieces.
BATCH = 500
# Lines of a file that are told one by one; the others are only counted.
MOST_TOLD = 1000


@dataclass(slots=True)
class ImportReport:
    """What became of a file: lines with a number, how many of them are new, and the bad ones."""

    read: int = 0
    recorded: int = 0
    recalled: int = 0
    unreadable_count: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def already(self) -> int:
        """Lines whose number was opted out before, or stood in the file twice."""
        return self.read - self.recorded

    @property
    def sentence(self) -> str:
        """What happened, for the person who imported."""
        told = f"{self.recorded:,} {_were(self.recorded, 'opt-out')} recorded"
        if self.already:
            told += f", {self.already:,} {'was' if self.already == 1 else 'were'} there already"
        if self.unreadable_count:
            lines = "line" if self.unreadable_count == 1 else "lines"
            told += f"; {self.unreadable_count:,} {lines} could not be read"
        return f"{told}."


def _were(count: int, noun: str) -> str:
    return f"{noun} was" if count == 1 else f"{noun}s were"


def opt_out(
    session: Session,
    wanted: Sequence[NewOptOut],
    source: str,
    actor: Actor,
    now: datetime,
    *,
    campaign_id: int | None = None,
) -> OptedOut:
    """Never call these again, in that campaign or anywhere; in the audit log under `actor`.

    Raises `NotFound` for an unknown campaign and `InvalidInput` for more than `BATCH`: split a
    longer list, a transaction for each piece.
    """
    if len(wanted) > BATCH:
        raise InvalidInput(f"At most {BATCH} numbers at a time, not {len(wanted):,}.")
    check_campaign(session, campaign_id)
    done = stopping.opt_out(session, wanted, source, now, who=actor.name, campaign_id=campaign_id)
    subject = f"campaign:{campaign_id}" if campaign_id is not None else "everywhere"
    after = {
        "numbers": [one.shown for one in wanted],
        "source": source,
        "evidence": sorted({one.evidence for one in wanted if one.evidence}),
        "recorded": done.recorded,
    }
    auditing.record(session, actor, "opt_out.add", subject, now, after=after)
    _tell(session, actor, done.recorded, now, campaign_id)
    return done


def _tell(
    session: Session, actor: Actor, recorded: int, now: datetime, campaign_id: int | None
) -> None:
    """In the log of the campaign that they hold for, or of everything."""
    if recorded:
        where = "of this campaign" if campaign_id is not None else "of everything"
        told = f"{actor.subject} recorded {phrases.some(recorded, 'opt-out')} {where}."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)


def check_campaign(session: Session, campaign_id: int | None) -> None:
    """Raise `NotFound` when an opt-out is to hold for a campaign that there is not."""
    if campaign_id is not None and session.get(Campaign, campaign_id) is None:
        raise NotFound(f"There is no campaign {campaign_id}. Nothing was recorded.")


def import_file(
    engine: Engine,
    path: Path,
    actor: Actor,
    *,
    country: str,
    evidence: str,
    expires_at: datetime | None = None,
    campaign_id: int | None = None,
    recall: Callable[[Sequence[int]], None],
) -> ImportReport:
    """Record every number in a file, in pieces of `BATCH` that each hold the gate only briefly.

    Owns its transactions, unlike other use cases. What a line does not say itself (`reason`,
    `expires_at`) is `evidence` and `expires_at`. `recall` is told after each commit which calls
    are wanted back. A file that was broken off may be handed in again: nothing is recorded twice.
    Raises `Unavailable` when the database goes away in between, with how far it got.
    """
    report = ImportReport()
    with transaction(engine) as session:
        now = database_now(session)
        check_campaign(session, campaign_id)
    try:
        for lines in _pieces(lines_of_file(path)):
            wanted = list(_readable(lines, report, country, now))
            whole = [
                replace(
                    one,
                    expires_at=one.expires_at or expires_at,
                    evidence=one.evidence or evidence,
                )
                for one in wanted
            ]
            with transaction(engine) as session:
                done = stopping.opt_out(
                    session,
                    whole,
                    "import",
                    database_now(session),
                    who=actor.name,
                    campaign_id=campaign_id,
                )
            recall(done.recalled)
            report.read += len(whole)
            report.recorded += done.recorded
            report.recalled += len(done.recalled)
        with transaction(engine) as session:
            _audit(session, actor, report, evidence, campaign_id)
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The database went away after {report.recorded:,} opt-outs were recorded. They are "
            "kept. Hand the file in again: nothing is recorded twice."
        ) from error
    return report


def _pieces(lines: Iterator[Line | Unreadable]) -> Iterator[list[Line | Unreadable]]:
    while piece := list(islice(lines, BATCH)):
        yield piece


def _readable(
    lines: Sequence[Line | Unreadable], report: ImportReport, country: str, now: datetime
) -> Iterator[NewOptOut]:
    for line in lines:
        read = line if isinstance(line, Unreadable) else read_line(line, country, now)
        if isinstance(read, NewOptOut):
            yield read
            continue
        report.unreadable_count += 1
        if len(report.unreadable) < MOST_TOLD:
            report.unreadable.append(read)


def _audit(
    session: Session, actor: Actor, report: ImportReport, evidence: str, campaign_id: int | None
) -> None:
    subject = f"campaign:{campaign_id}" if campaign_id is not None else "everywhere"
    after = {
        "evidence": evidence,
        "read": report.read,
        "recorded": report.recorded,
        "unreadable": report.unreadable_count,
    }
    now = database_now(session)
    auditing.record(session, actor, "opt_out.import", subject, now, after=after)
    _tell(session, actor, report.recorded, now, campaign_id)
