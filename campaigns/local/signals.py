"""Signals of a terminal and of a service manager, turned into an orderly end."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Wrappers such as `uv run` deliver one Ctrl-C twice; only a later one is a press of its own.
SAME_PRESS = 1.0  # seconds


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so clean-up work runs.

    Without it SIGTERM ends Python on the spot and embedded servers wait for the next process. A
    signal within a second of the one before is its echo and does not interrupt the clean-up.
    """
    last = float("-inf")

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > SAME_PRESS:
            raise KeyboardInterrupt(signal.Signals(signum).name)

    with _handling(STOP_SIGNALS, interrupt):
        yield


@contextmanager
def deferred_signals() -> Iterator[list[tuple[signal.Signals, float]]]:
    """Inside, stop signals are only noted, as (signal, monotonic time); the caller decides."""
    noted: list[tuple[signal.Signals, float]] = []

    def note(signum: int, frame: FrameType | None) -> None:
        noted.append((signal.Signals(signum), time.monotonic()))

    with _handling(STOP_SIGNALS, note):
        yield noted


@contextmanager
def _handling(
    signals: tuple[signal.Signals, ...], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle `signals`, except ignored ones (nohup); outside the main thread change nothing."""
    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {s: signal.getsignal(s) for s in signals}
    # None means a handler that was not installed from Python and could not be put back.
    changed = {s: old for s, old in previous.items() if old not in (None, signal.SIG_IGN)}
    try:
        for signum in changed:
            signal.signal(signum, handler)
        yield
    finally:
        for signum, old in changed.items():
            signal.signal(signum, old)
