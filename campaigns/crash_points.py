"""Named places between two durable writes, at which a drill lets a process die or freeze.

A crash point is reached by `crash_point("after_claim")` and is nothing at all unless this process
was started with OUTDIAL_CRASH_POINTS, a list of `NAME:PROBABILITY[:kill|:stop=SECONDS]` (`any`
stands for every name). `kill` is SIGKILL to oneself; `stop` is SIGSTOP, and whoever reads the note
lets the process go on (`outdial drill` does). Never set it on an installation that calls people:
nobody would be called twice, but nothing would be finished either.

With OUTDIAL_CRASH_TOKENS, a directory, a point strikes only by taking away a file of its name,
whose text is the action; so a drill decides how often, and when, and no two processes strike for
one file. What struck and what was merely reached is noted there.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POINTS: dict[str, str] = {
    "before_claim": "a worker has waited for slots and is about to claim them",
    "after_claim": "the claim is committed, nothing is posted",
    "before_post": "a claimed call is about to be posted, if the claim is still fresh",
    "after_post": "the provider has answered, nothing is recorded",
    "after_record": "the answer is recorded, a recall that it makes due is not sent",
    "before_cancel": "nothing was posted and the worker's own cancel is not written",
    "event_stored": "a provider's event is stored and not applied",
    "event_applied": "an event is applied and not answered",
    "leftover_applied": "the sweeper has applied a stored event that somebody had left",
    "keypress_stored": "a keypress is committed and not answered",
    "import_progress": "a file is being read; its progress is written, its rows are not",
    "import_staged": "a file is read; none of its rows is a recipient yet",
    "import_stored": "a file's rows are recipients, not committed",
    "lease_taken": "a scheduler has begun to lead and has not ticked",
    "tick_before_commit": "slots are given, not committed",
    "tick_after_commit": "slots are committed, no hint is sent",
    "recall_requested": "calls are wanted back by a commit, nobody is told",
    "recall_noted": "it is noted that a call is being taken back, the provider is not asked",
    "recall_sent": "the provider was asked to cancel a call, what it said is not noted",
    "look_up_answered": "the provider told about a silent call, nothing of it is written",
    "look_up_stored": "what a look-up found is stored and not applied",
}
ANY = "any"
SPECIFICATION = "OUTDIAL_CRASH_POINTS"
TOKENS = "OUTDIAL_CRASH_TOKENS"
SEED = "OUTDIAL_CRASH_SEED"
NOTES = "struck.log"
CLOCK = "clock_offset"


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens at a point: `stop` is the seconds of a freeze, None for a kill."""

    stop: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Strike":
        """`kill` or `stop=SECONDS`; raises ValueError."""
        if text == "kill":
            return cls()
        name, _, seconds = text.partition("=")
        if name != "stop":
            raise ValueError(f"{text!r} is no strike: kill, or stop=SECONDS")
        return cls(float(seconds))

    def __str__(self) -> str:
        return "kill" if self.stop is None else f"stop={self.stop:g}"


@dataclass(frozen=True, slots=True)
class Note:
    """One line about a point that struck."""

    point: str
    strike: Strike
    pid: int

    @classmethod
    def parse(cls, line: str) -> "Note":
        """A line of the notes; raises ValueError for what is none."""
        point, strike, pid = line.split()
        return cls(point, Strike.parse(strike), int(pid))

    @classmethod
    def parse_all(cls, text: str) -> "list[Note]":
        """All of them, without what was written in part: then nothing has struck."""
        lines = [line for line in text.splitlines() if len(line.split()) == 3]
        return [cls.parse(line) for line in lines]


def parse(specification: str) -> dict[str, tuple[float, Strike]]:
    """Names with their probabilities and strikes; raises ValueError naming what is wrong."""
    found: dict[str, tuple[float, Strike]] = {}
    for part in filter(None, specification.split(",")):
        name, _, rest = part.strip().partition(":")
        probability, _, action = rest.partition(":")
        if name != ANY and name not in POINTS:
            raise ValueError(f"there is no crash point {name!r}")
        found[name] = float(probability or 1), Strike.parse(action or "kill")
    return found


def _nothing(name: str) -> None:
    """What every point is unless the environment says otherwise."""


class _Armed:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._wanted = parse(environment[SPECIFICATION])
        self._tokens = Path(environment[TOKENS]) if environment.get(TOKENS) else None
        # Processes that were started alike must not all strike at the same count.
        self._dice = random.Random(f"{environment.get(SEED, '1')}:{os.getpid()}:{time.time_ns()}")
        self._reached: set[str] = set()

    def __call__(self, name: str) -> None:
        """Strike, or note once that the point was reached."""
        assert name in POINTS, name
        if name not in self._reached:
            self._reached.add(name)
            self._note_reached(name)
        probability, strike = self._wanted.get(name) or self._wanted.get(ANY) or (0.0, Strike())
        if self._dice.random() >= probability:
            return
        if self._tokens is not None:
            taken = self._take(self._tokens / name)
            if taken is None:
                return
            strike = taken
        self._strike(name, strike)

    def _note_reached(self, name: str) -> None:
        if self._tokens is not None:
            with suppress(OSError):
                (self._tokens / f"{name}.reached").touch()

    @staticmethod
    def _take(token: Path) -> Strike | None:
        """The strike of a token that this process alone has taken."""
        mine = token.with_name(f"{token.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            token.rename(mine)
            return Strike.parse(mine.read_text())
        except (OSError, ValueError):
            return None

    def _strike(self, name: str, strike: Strike) -> None:
        if self._tokens is not None and not _note(self._tokens / NOTES, f"{name} {strike}"):
            return  # the disk is full: nobody would know of it, and let go on whoever is frozen
        os.kill(os.getpid(), signal.SIGKILL if strike.stop is None else signal.SIGSTOP)


def _note(path: Path, what: str) -> bool:
    """Write down what is about to happen to this process; False when it could not be, or in part.

    On a line of its own, whatever stands before it.
    """
    line = f"\n{what} {os.getpid()}\n".encode()
    try:
        notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            return os.write(notes, line) == len(line)
        finally:
            os.close(notes)
    except OSError:
        return False


def resolve(environment: Mapping[str, str]) -> Callable[[str], None]:
    """What reaching a point does under this environment."""
    return _Armed(environment) if environment.get(SPECIFICATION) else _nothing


# Decided once, when the process starts: switched off, a point costs an empty call.
crash_point: Callable[[str], None] = resolve(os.environ)


def wall_clock() -> float:
    """This machine's clock, in seconds since 1970. A drill may put it wrong for one process.

    A file among its tokens has lines of a process id, 0 for all, and the seconds to add.
    """
    if _clock_file is None:
        return time.time()
    try:
        lines = [line.split() for line in _clock_file.read_text().splitlines()]
    except OSError:
        return time.time()
    mine = ("0", str(os.getpid()))
    return time.time() + sum(float(offset) for pid, offset in lines if pid in mine)


_clock_file = Path(os.environ[TOKENS]) / CLOCK if os.environ.get(TOKENS) else None
