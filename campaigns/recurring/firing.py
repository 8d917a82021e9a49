"""Firings: noted when they are due, and carried out by an import worker.

A firing reads the list anew, makes a child campaign, imports into it and starts it. It is one row,
tried by one process at a time; whoever takes over from a process that died goes on where it was.
No database session is held while the list is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import campaigning, importing
from campaigns.clocks import written
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, OutdialError
from campaigns.importing import Fingerprint, ImportOptions, Summary
from campaigns.models import Import, Recurrence, RecurrenceFiring
from campaigns.recurring.plans import recurrence_by_id, source_of, stop_never_started
from campaigns.recurring.rules import Firing, Rule, next_firings
from campaigns.recurring.sources import Reader, SourceFailed
from campaigns.store import dispatch, imports
from campaigns.store import recurrences as rows

FIRST_WAIT = timedelta(minutes=1)  # doubling at each failure
LONGEST_WAIT = timedelta(minutes=15)
MISSED_KEPT = 20  # rows of missed firings that one look at the clock writes, the latest ones
_READ_AHEAD = 100
READING = "lists"  # below the data directory: lists while they are read


class _Over(Exception):
    """A firing comes to its end without a call: `status`, the reason, and what was read."""

    def __init__(self, status: str, reason: str, sha256: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.sha256 = status, reason, sha256


class _Dropped(Exception):
    """Somebody paused or ended the recurrence meanwhile, and the firing with it."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A firing that is being carried out, with what is needed of its recurrence."""

    firing: RecurrenceFiring
    recurrence: Recurrence

    @property
    def deadline(self) -> datetime:
        """Until when it may be tried."""
        return self.firing.due_at + timedelta(hours=self.recurrence.grace_hours)


def note_due_firings(session: Session, now: datetime) -> int:
    """Note what has come due, and when each recurrence is due next; returns how many are to run.

    After a time in which nothing worked only the latest firing of a recurrence is carried out, and
    only if it is not too late; the others are missed, and the log says so.
    """
    return sum(_note_due(session, row, now) for row in rows.lock_due_recurrences(session, now))


def _note_due(session: Session, row: Recurrence, now: datetime) -> bool:
    try:
        rule = Rule.parse(row.rule)
    except InvalidInput as problem:  # a zone or a calendar that is not known any more
        row.status, row.next_key, row.next_at = "paused", None, None
        row.problem = str(problem)
        _log(session, row, f"The recurrence was paused: {problem}", now)
        return False
    due, following = _due(rule, row, now)
    last = due[-1]
    late = now - last.at > timedelta(hours=row.grace_hours)
    missed = due if late else due[:-1]
    why = f"noticed on {written(now)}, too late"
    for firing in missed[-MISSED_KEPT:]:
        rows.insert_firing(session, row.id, firing.key, firing.at, now, missed=why)
    if missed:
        _log_missed(session, row, missed, now)
    noted = not late and rows.insert_firing(session, row.id, last.key, last.at, now, missed=None)
    if following is None:
        row.status, row.next_key, row.next_at = "ended", None, None
        _log(session, row, "The recurrence has ended: it has no further firing.", now)
    else:
        row.next_key, row.next_at = following.key, following.at
    session.flush()
    return noted


def _due(rule: Rule, row: Recurrence, now: datetime) -> tuple[list[Firing], Firing | None]:
    """The firings that are due, the known one first, and the one after them."""
    assert row.next_at is not None, "only active recurrences are due"
    assert row.next_key is not None, "only active recurrences are due"
    due = [Firing(row.next_key, row.next_at)]
    while True:
        ahead = next_firings(rule, due[-1].at, _READ_AHEAD)
        passed = [firing for firing in ahead if firing.at <= now]
        due += passed
        if len(passed) < len(ahead) or not ahead:
            return due, ahead[len(passed)] if len(passed) < len(ahead) else None


def _log_missed(session: Session, row: Recurrence, missed: list[Firing], now: datetime) -> None:
    named = _words(missed[0].key)
    if len(missed) > 1:
        named = f"{len(missed)} firings from {named} to {_words(missed[-1].key)} were"
    else:
        named = f"The firing of {named} was"
    _log(session, row, f"{named} missed: nothing was running then. Nobody was called.", now)


def run_firing(engine: Engine, firing_id: int, reader: Reader, data_dir: Path) -> str | None:
    """Carry out a firing; returns its status, or None when it was not this process's to try.

    May be called again at any time. Only faults of the machinery are raised; the firing is then
    tried again by whoever is told next.
    """
    with rows.alone_with_firing(engine, firing_id) as alone:
        task = _begun(engine, firing_id) if alone else None
        if task is None:
            return None
        try:
            return _carried_out(engine, task, reader, data_dir)
        except SourceFailed as failure:
            return _put_off(engine, task, str(failure))
        except _Over as end:
            return _finish(engine, task, end)
        except _Dropped:
            return "skipped"


def _carried_out(engine: Engine, task: _Task, reader: Reader, data_dir: Path) -> str:
    _check_time(engine, task)
    with _room_for_list(data_dir) as path:
        file_name = reader.read(source_of(task.recurrence), path)
        summary = _imported(engine, task, path, file_name)
    if summary.rows_imported:
        _start(engine, task, summary)
        return "started"
    return _give_up_empty(engine, task, summary)


def _begun(engine: Engine, firing_id: int) -> _Task | None:
    with transaction(engine) as session:
        firing = rows.begin_firing(session, firing_id, database_now(session))
        if firing is None:
            return None
        return _Task(firing, recurrence_by_id(session, firing.recurrence_id))


def _check_time(engine: Engine, task: _Task) -> None:
    with transaction(engine) as session:
        now = database_now(session)
    if now > task.deadline:
        reason = task.firing.reason or "it could not be carried out in time"
        raise _Over("failed", reason)


@contextmanager
def _room_for_list(data_dir: Path) -> Iterator[Path]:
    """A name for a file that is gone when the block ends."""
    path = data_dir / READING / uuid4().hex
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SourceFailed(f"There is no room for the list: {error.strerror}.") from error
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _imported(engine: Engine, task: _Task, path: Path, file_name: str) -> Summary:
    """Import the list that was read into the firing's child campaign."""
    file = importing.fingerprint(path)
    with transaction(engine) as session:
        _check_still_wanted(session, task)
        _check_changed(session, task, file)
        child_id = task.firing.campaign_id or _make_child(session, task)
        _take_back_other_list(session, task, file)
        try:
            row = importing.register(
                session,
                child_id,
                file_name=file_name,
                file=file,
                options=ImportOptions.model_validate(task.recurrence.options),
            ).row
        except OutdialError as refusal:
            raise _Over("failed", str(refusal)) from refusal
        rows.note_what_was_read(
            session,
            task.firing.id,
            campaign_id=child_id,
            import_id=row.id,
            sha256=file.sha256,
        )
        task.firing.campaign_id, import_id = child_id, row.id
    summary = importing.run(engine, import_id, path)
    if summary.status != "done":
        raise SourceFailed(summary.sentence)
    return summary


def _check_still_wanted(session: Session, task: _Task) -> None:
    """Raise `_Dropped` when the firing is over; whoever pauses from now on waits for us."""
    recurrence_by_id(session, task.recurrence.id, lock=True)
    if not rows.is_open(session, task.firing.id):
        raise _Dropped


def _check_changed(session: Session, task: _Task, file: Fingerprint) -> None:
    firing, row = task.firing, task.recurrence
    if row.unchanged == "run" or firing.campaign_id is not None:
        return
    if rows.last_content(session, row.id, firing.due_at) == file.sha256:
        raise _Over("skipped", "the list is the same as at the last firing", file.sha256)


def _make_child(session: Session, task: _Task) -> int:
    row, firing = task.recurrence, task.firing
    template = campaigning.campaign_by_id(session, row.campaign_id)
    ends_at = None
    if row.run_hours is not None:
        ends_at = database_now(session) + timedelta(hours=row.run_hours)
    name = f"{template.name[:170]}, {_words(firing.fire_key)}"
    return rows.copy_campaign(session, template.id, {"name": name, "ends_at": ends_at})


def _take_back_other_list(session: Session, task: _Task, file: Fingerprint) -> None:
    """What an earlier try has imported of another content goes: one list makes one campaign."""
    if task.firing.import_id is None:
        return
    former = session.get(Import, task.firing.import_id, populate_existing=True)
    if former is None or former.file_sha256 == file.sha256:
        return
    if former.status == "done":
        importing.undo(session, former.id, database_now(session))
    elif former.status in ("waiting", "running"):
        imports.fail_import(session, former.id, "The list was read anew instead.")


def _start(engine: Engine, task: _Task, summary: Summary) -> None:
    """Start the child campaign, in the transaction that ends the firing."""
    firing, child_id = task.firing, task.firing.campaign_id
    assert child_id is not None, "imported into"
    with transaction(engine) as session:
        now = database_now(session)
        _check_still_wanted(session, task)
        try:
            campaigning.start_campaign(session, child_id, now)
        except OutdialError as refusal:
            raise _Over("failed", f"campaign {child_id} was not started: {refusal}") from refusal
        rows.set_problem(session, task.recurrence.id, None)
        rows.finish_firing(session, firing.id, "started", summary.sentence, now)
        sentence = f"The firing of {_words(firing.fire_key)} started campaign {child_id}."
        _log(session, task.recurrence, f"{sentence} {summary.sentence}", now)


def _give_up_empty(engine: Engine, task: _Task, summary: Summary) -> str:
    """A list without anybody to call, or with nobody new, starts nothing."""
    assert task.firing.campaign_id is not None, "imported into"
    with transaction(engine) as session:
        now = database_now(session)
        _check_still_wanted(session, task)
        why = "its list brought nobody to call"
        campaigning.stop_campaign(session, task.firing.campaign_id, now, why)
        return _end(session, task, _Over("skipped", summary.sentence), now)


def _put_off(engine: Engine, task: _Task, reason: str) -> str:
    """Try again later, unless that would be too late."""
    firing = task.firing
    wait = min(FIRST_WAIT * 2 ** min(firing.tries - 1, 10), LONGEST_WAIT)
    with transaction(engine) as session:
        now = database_now(session)
        if now + wait > task.deadline:
            return _end(session, task, _Over("failed", reason), now)
        rows.set_problem(session, task.recurrence.id, reason)
        rows.put_off_firing(session, firing.id, reason, now + wait)
        if reason != firing.reason:
            until = written(task.deadline)
            told = f"The firing of {_words(firing.fire_key)} waits for its list. {reason}"
            _log(session, task.recurrence, f"{told} It is tried again until {until}.", now)
    return "waiting"


def _finish(engine: Engine, task: _Task, end: _Over) -> str:
    with transaction(engine) as session:
        return _end(session, task, end, database_now(session))


def _end(session: Session, task: _Task, end: _Over, now: datetime) -> str:
    failed = end.status == "failed"
    # The recurrence first, as whoever pauses it does.
    rows.set_problem(session, task.recurrence.id, end.reason if failed else None)
    rows.finish_firing(session, task.firing.id, end.status, end.reason, now, sha256=end.sha256)
    stop_never_started(session, task.recurrence.id, now)
    told = f"The firing of {_words(task.firing.fire_key)}"
    how = "failed" if failed else "was skipped"
    _log(
        session, task.recurrence, f"{told} {how}: {end.reason.rstrip('.')}. Nobody was called.", now
    )
    return end.status


def _words(key: str) -> str:
    """A wall time as people read it."""
    return key.replace("T", " ")


def _log(session: Session, row: Recurrence, sentence: str, now: datetime) -> None:
    dispatch.write_log(session, sentence, now, campaign_id=row.campaign_id)
