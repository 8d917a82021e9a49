"""Faults of time and space: clocks that are wrong, disks that are full."""

import resource
from contextlib import suppress
from datetime import timedelta

import psutil

from campaigns.drill.faults.registry import fault
from campaigns.drill.stage import Stage


@fault("clock", rest=3)
def clock_jumps(stage: Stage) -> str | None:
    """The clocks are put ahead, as on one machine: once by an hour, else by minutes."""
    left = MOST_AHEAD - stage.clock.offset
    by = timedelta(hours=1) if not stage.clock.offset else timedelta(seconds=120)
    if by > left:
        return None
    stage.no_voice(5)
    stage.clock.jump(by)
    stage.set_clocks()
    return f"{by.total_seconds():g} s ahead"


# People in open hours stay in open hours for two hours more.
MOST_AHEAD = timedelta(hours=1, minutes=50)


@fault("clock")
def worker_clock_is_off(stage: Stage) -> str | None:
    """One worker's own clock is five seconds off: it must not dial, and the others must."""
    names = stage.running("dial")
    if not names:
        return None
    name, offset = stage.rng.choice(names), stage.rng.choice((-5, 5))
    stage.set_clocks(stage.pid(name), offset)
    stage.later(5, stage.set_clocks)
    return f"{name} by {offset} s for 5 s"


@fault("disk", rest=8)
def disk_full_under_postgres(stage: Stage) -> str | None:
    """No file of the server may grow: it cannot write its log, panics, and comes back."""
    found = stage.postgres_processes()
    if not found:
        return None
    stage.no_voice(10)
    for process in found:
        with suppress(psutil.Error, OSError):
            process.rlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))

    def room_again() -> None:
        for process in stage.postgres_processes():
            with suppress(psutil.Error, OSError):
                process.rlimit(
                    resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                )

    stage.later(3, room_again)
    return f"{len(found)} processes, for 3 s"


@fault("disk", rest=2)
def disk_full_under_the_web(stage: Stage) -> str | None:
    """Neither uploads nor logs can be written by one web process."""
    names = stage.running("web")
    if not names:
        return None
    process = psutil.Process(stage.pid(stage.rng.choice(names)))
    process.rlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))

    def room_again() -> None:
        with suppress(psutil.Error, OSError):
            process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    stage.later(4, room_again)
    return "one process, for 4 s"
