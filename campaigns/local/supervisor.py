"""Child processes of `outdial up` and `outdial demo`: started, restarted, stopped in order.

Each child leads its own session, so a terminal's Ctrl-C reaches the supervisor alone, which
then stops the children. If the supervisor is SIGKILLed, the pipe of `campaigns.local.owner`
closes and the children end by themselves.
"""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from campaigns.errors import InvalidInput, NotAllowed, NotConfigured, Unavailable
from campaigns.local.logs import last_lines, open_log
from campaigns.local.owner import OWNER_FD
from campaigns.local.signals import SAME_PRESS, deferred_signals, termination_interrupts

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
SETTLED = 30.0  # seconds alive after which an end counts as the first one again
GRACE = 40.0  # a worker that waits for a provider's answer is gone after 35
RESERVE = 1.0  # seconds of the grace kept for each later group of the stop order
POLL = 0.05
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `{owner_fd}` in the command becomes the number of the owner's pipe.

    `env` is added to the supervisor's own environment. Children with a smaller `stop_order`
    are stopped first. With `restart` off an end is final and its exit code is kept.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    restart: bool = True
    stop_order: int = 0
    longest_delay: float | None = None  # seconds before a restart; None: the usual limit


@dataclass
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    restart_at: float | None = None
    exit_code: int | None = None


class Supervisor:
    """Use as a context manager: leaving it, for whatever reason, stops every child.

    Inside, SIGTERM and SIGHUP raise KeyboardInterrupt like Ctrl-C (main thread only).
    Children print to `data_dir/logs/NAME.log`. `say` receives one line per unexpected end.
    """

    def __init__(self, data_dir: Path, *, say: Callable[[str], None] | None = None) -> None:
        self._logs = data_dir.expanduser().resolve() / "logs"
        self._say = say or logging.getLogger(__name__).warning
        self._children: dict[str, _Child] = {}
        self._pipe: tuple[int, int] | None = None
        self._signals = ExitStack()

    def __enter__(self) -> "Supervisor":
        self._signals.enter_context(termination_interrupts())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._signals.close()

    def log_path(self, name: str) -> Path:
        """Where the child's output goes."""
        return self._logs / f"{name}.log"

    def start(self, spec: ChildSpec) -> int:
        """Start a child and give its pid.

        Raises NotConfigured when the program cannot be run, InvalidInput for a name that is no
        file name or an empty command, NotAllowed when a child of that name is running.
        """
        if not _NAME.fullmatch(spec.name) or not spec.command:
            raise InvalidInput(f"A child needs a plain name and a command, not {spec.name!r}.")
        if spec.name in self._children and self._children[spec.name].exit_code is None:
            raise NotAllowed(f"{spec.name} is already running under this supervisor.")
        child = _Child(spec)
        try:
            self._spawn(child)
        except OSError as error:
            raise NotConfigured(f"{spec.name} cannot be started: {error}") from error
        self._children[spec.name] = child
        return self.pids()[spec.name]

    def pids(self) -> dict[str, int]:
        """The children that run now; one waiting for its restart is missing."""
        return {name: c.process.pid for name, c in self._children.items() if c.process}

    def exit_codes(self) -> dict[str, int]:
        """Children that ended for good (`restart` off); negative: the signal that killed it."""
        ended = self._children.items()
        return {name: c.exit_code for name, c in ended if c.exit_code is not None}

    def poll(self) -> None:
        """Notice what ended and start again what is due. Call it often; it does not wait."""
        for child in self._children.values():
            if child.process and child.process.poll() is not None:
                self._ended(child, child.process)
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._restart(child)

    def end(self, name: str, grace: float = GRACE) -> None:
        """Stop one child for good, as `stop` does; it may be started again."""
        child = self._children.pop(name, None)
        if child is not None:
            self._stop_group([child], time.monotonic() + grace, lambda: False)

    def end_frozen(self, name: str, why: str) -> None:
        """SIGKILL a child that hangs; `poll` starts it again. Nothing for one that does not run."""
        child = self._children.get(name)
        if child is not None and child.process is not None:
            self._say(f"{name} hangs ({why}); ending it")
            _kill_group(child.process)

    def wait_until(self, ready: Callable[[], bool], *, timeout: float, what: str) -> None:
        """Poll until `ready()`. Raises Unavailable, naming `what`, after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.poll()
            if time.monotonic() > deadline:
                raise Unavailable(f"{what} was not ready within {timeout:g} s.{self._trouble()}")
            time.sleep(POLL)

    def run(self, until: Callable[[], bool] | None = None) -> bool:
        """Keep the children running until `until()` (True) or a stop signal (False)."""
        try:
            while not (until and until()):
                self.poll()
                time.sleep(POLL)
        except KeyboardInterrupt:
            return False
        return True

    def stop(self, grace: float = GRACE) -> None:
        """Stop all children, smallest `stop_order` first, within about `grace` seconds.

        Then, or at a further stop signal, what remains is SIGKILLed with its process group.
        """
        began = time.monotonic()
        with deferred_signals() as noted:

            def hurried() -> bool:
                return any(at - began > SAME_PRESS for _, at in noted)

            orders = sorted({c.spec.stop_order for c in self._children.values()})
            for later, order in zip(reversed(range(len(orders))), orders, strict=True):
                group = [c for c in self._children.values() if c.spec.stop_order == order]
                self._stop_group(group, began + grace - later * RESERVE, hurried)
            self._children.clear()
            self._close_pipe()

    def _stop_group(
        self, group: list[_Child], deadline: float, hurried: Callable[[], bool]
    ) -> None:
        running = [c.process for c in group if c.process]
        for child in group:
            if child.process:
                _signal(child.process, child.spec.stop_signal)
        while any(p.poll() is None for p in running):
            if hurried() or time.monotonic() > deadline:
                break
            time.sleep(POLL)
        for process in running:
            _kill_group(process)
            process.wait()

    def _spawn(self, child: _Child) -> None:
        if self._pipe is None:
            self._pipe = os.pipe()  # neither end is inherited unless named in pass_fds
        fd = self._pipe[0]
        with open_log(self.log_path(child.spec.name)) as output:
            child.process = subprocess.Popen(
                [part.replace("{owner_fd}", str(fd)) for part in child.spec.command],
                env={**os.environ, **child.spec.env, OWNER_FD: str(fd)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(fd,),
            )
        child.started, child.restart_at, child.exit_code = time.monotonic(), None, None

    def _ended(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        """What the child forked goes with it: two generations must not work side by side."""
        _kill_group(process)
        child.process = None
        lived = time.monotonic() - child.started
        if not child.spec.restart:
            child.exit_code = process.returncode
            return
        if lived >= SETTLED:
            child.delay = FIRST_DELAY
        self._plan_restart(child, f"{_ending(process.returncode)} after {lived:.1f} s")

    def _restart(self, child: _Child) -> None:
        try:
            self._spawn(child)
        except OSError as error:
            self._plan_restart(child, f"could not be started ({error})")

    def _plan_restart(self, child: _Child, happened: str) -> None:
        child.restart_at = time.monotonic() + child.delay
        name = child.spec.name
        self._say(
            f"{name} {happened}; starting it again in {child.delay:g} s, see {self.log_path(name)}"
        )
        child.delay = min(child.delay * 2, child.spec.longest_delay or LONGEST_DELAY)

    def _trouble(self) -> str:
        """For an error message: who is down, and the last words in its log."""
        down = [name for name, c in self._children.items() if c.process is None]
        said = [f"{name} is down:\n{last_lines(self.log_path(name))}" for name in down]
        return "".join(f" {each}" for each in said)

    def _close_pipe(self) -> None:
        if self._pipe:
            for fd in self._pipe:
                os.close(fd)
            self._pipe = None


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _signal(process: subprocess.Popen[bytes], signum: int) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signum)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and what it forked; an empty group is no error (macOS: EPERM)."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
