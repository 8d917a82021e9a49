"""Whether the database went back in time.

Four witnesses, none of which lies inside what a backup holds: a mark that every scheduler keeps in
its data directory and in its memory; the identity of the cluster, its timeline and the database,
which a dump that is read into another one does not have; `outdial backup restore` itself; and a
provider that tells of a call by a token of ours for an attempt that the database never had.
"""

import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from campaigns.db import database_now
from campaigns.outcomes import release_cancelled
from campaigns.store import dispatch, gate, installation
from campaigns.store.attempts import Cancelled
from campaigns.store.installation import Reached, Restoration

log = logging.getLogger(__name__)
FILE = "high_water.json"
SWITCHED_OFF = "the database was restored; run `outdial reconcile`"


@dataclass(frozen=True, slots=True)
class HighWater:
    """The furthest mark that is known outside the database."""

    mark: int = 0

    @classmethod
    def read(cls, directory: Path) -> "HighWater":
        """As the data directory has it; nothing when there is no file that can be read."""
        try:
            return cls(int(json.loads((directory / FILE).read_text())["mark"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, directory: Path) -> None:
        """Keep it in the data directory; a disk that is full costs a witness, not the process."""
        draft = directory / f"{FILE}.{os.getpid()}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"mark": self.mark}))
            draft.replace(directory / FILE)
        except OSError as error:
            log.warning("the mark of the database is not kept: %s", error)


def why_it_went_back(reached: Reached, outside: HighWater) -> str | None:
    """Why the database must be another one than was known, or an older state of it. Pure."""
    if reached.mark < outside.mark:
        return "The database is in an older state than it was: a backup or a snapshot was restored."
    if reached.known is not None and reached.known != reached.identity:
        return (
            "The database is in another place, or on another timeline, than it was: a dump was "
            "read in, or a standby took over."
        )
    return None


def look(session: Session, outside: HighWater) -> HighWater:
    """Mark the database, unless it went back: then nothing is dialled until it is reconciled.

    Returns the mark to be kept outside once this is committed.
    """
    found = installation.reached(session)
    why = why_it_went_back(found, outside)
    if why is not None and installation.open_restoration(session) is None:
        note_restored(session, why)
    return HighWater(installation.advance_mark(session, found.identity, outside.mark))


def note_restored(session: Session, why: str, lost_since: datetime | None = None) -> Restoration:
    """Let nobody be dialled until the database was reconciled. Does nothing more when it waits
    for that already.

    Calls that were under way when the backup was made are asked about as ever; they are over.
    """
    gate.close_gate(session)
    before = installation.open_restoration(session)
    if before is not None:
        return before
    now = database_now(session)
    noted = installation.insert_restoration(session, why, lost_since, SWITCHED_OFF)
    dispatch.set_dialing_switch(session, enabled=False, reason=SWITCHED_OFF)
    dispatch.write_log(
        session,
        f"{why} What was done since {noted.lost_since:%Y-%m-%d %H:%M:%S} UTC is not known here. "
        "Nobody is dialled before `outdial reconcile` has asked the providers.",
        now,
    )
    queued = installation.cancel_everything_queued(session, "paused", now)
    release_cancelled(session, [Cancelled(*row) for row in queued], now)
    installation.skip_lost_attempt_ids(session)
    log.error("%s Nobody is dialled before `outdial reconcile`.", why)
    return noted


def note_lost_attempt(session: Session, attempt_id: int) -> None:
    """A provider tells of a call by a token of ours, and there is no such attempt.

    One that was deleted proves nothing; one that is still to come was made by a later state.
    """
    if attempt_id > installation.latest_attempt_id(session):
        note_restored(
            session,
            f"A provider tells of attempt {attempt_id}, which this database never had: it was "
            "restored from a backup.",
        )
