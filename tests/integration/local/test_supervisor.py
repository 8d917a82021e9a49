"""The supervisor: children are restarted, stopped in order, and never survive it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from campaigns.errors import InvalidInput, NotAllowed, NotConfigured, Unavailable
from campaigns.local import ChildSpec, Supervisor, termination_interrupts
from campaigns.local.logs import LARGEST
from campaigns.local.processes import wait_for
from campaigns.local.signals import SAME_PRESS
from tests.integration.local.conftest import ROOT, is_gone, mentioning

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = os.fork()
print("up", grandchild, flush=True) if grandchild else None
time.sleep(600)
"""
LISTED = """
import signal, sys, time
def end(signum, frame):
    open(sys.argv[2], "a").write(sys.argv[1] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
OWNED = """
import signal, sys, time
from campaigns.local.owner import exit_with_owner
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
exit_with_owner(grace=0.3)
print("up", flush=True)
time.sleep(600)
"""
# Started by a test as a process of its own: children, then work until a signal comes.
SUPERVISING = """
import sys
from pathlib import Path
from campaigns.local import ChildSpec, Supervisor

home, owned, listed, kinds = Path(sys.argv[1]), *sys.argv[2:5]
try:
    with Supervisor(home) as supervisor:
        for name in kinds.split():
            command = [sys.executable, "-c", owned, name, str(home)]
            supervisor.start(ChildSpec(name=name, command=command, stop_order=7))
        reader = ["/bin/sh", "-c", "echo up; read line <&{owner_fd}; exit 0", "sh", str(home)]
        supervisor.start(ChildSpec(name="reader", command=reader, restart=False))
        for name, order in (("last", 9), ("first", 0), ("middle", 5)):
            command = [sys.executable, "-c", listed, name, str(home / "ended")]
            supervisor.start(ChildSpec(name=name, command=command, stop_order=order))
        def up():
            logs = [supervisor.log_path(name) for name in supervisor.pids()]
            return all(log.read_text().startswith("up") for log in logs)
        supervisor.wait_until(up, timeout=30, what="Every child")
        print(*supervisor.pids().values(), flush=True)
        interrupted = not supervisor.run()
except KeyboardInterrupt:  # it came before the wait for it
    interrupted = True
print("interrupted" if interrupted else "?", flush=True)
"""


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    with Supervisor(tmp_path, say=said.append) as supervisor:
        yield supervisor


@pytest.fixture
def supervising(tmp_path):
    """Start a supervisor in another process; gives it and the pids of its children, of which
    all but the last three watch their owner."""
    started = []

    def start(kinds: str) -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISING, str(tmp_path), OWNED, LISTED, kinds],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        started.append((process, pids))
        return process, pids

    yield start
    for process, pids in started:
        process.kill()
        process.communicate()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def polled(supervisor: Supervisor, ready: Callable[[], bool]) -> None:
    supervisor.wait_until(ready, timeout=20, what="What the test waits for")


def said_in(supervisor: Supervisor, name: str, word: str) -> Callable[[], bool]:
    return lambda: word in supervisor.log_path(name).read_text()


def test_a_killed_child_is_started_again_and_one_line_says_so(supervisor, said):
    first = supervisor.start(ChildSpec(name="web", command=SLEEP))
    assert supervisor.pids() == {"web": first}
    os.kill(first, signal.SIGKILL)
    polled(supervisor, lambda: supervisor.pids().get("web", first) != first)
    assert not psutil.pid_exists(first)  # not even a zombie
    [line] = said
    assert line.startswith("web was killed by SIGKILL after")
    assert "starting it again in 0.2 s" in line
    assert "\n" not in line


def test_a_child_that_ends_at_once_is_started_again_ever_more_slowly(supervisor, said):
    supervisor.start(ChildSpec(name="web", command=["/bin/sh", "-c", "exit 3"]))
    polled(supervisor, lambda: len(said) == 3)
    assert all(line.startswith("web ended with exit code 3") for line in said)
    delays = [line.partition("again in ")[2].partition(" s")[0] for line in said]
    assert delays == ["0.2", "0.4", "0.8"]


def test_delays_stop_growing_and_a_long_life_resets_them(supervisor, said, monkeypatch):
    monkeypatch.setattr("campaigns.local.supervisor.LONGEST_DELAY", 0.3)
    supervisor.start(ChildSpec(name="web", command=["/bin/sh", "-c", "exit 0"]))
    polled(supervisor, lambda: len(said) == 3)
    assert ["again in 0.3 s" in line for line in said] == [False, True, True]
    monkeypatch.setattr("campaigns.local.supervisor.SETTLED", 0.0)
    polled(supervisor, lambda: len(said) == 4)
    assert "again in 0.2 s" in said[3]


def test_what_a_dead_child_forked_does_not_live_beside_its_successor(supervisor):
    first = supervisor.start(ChildSpec(name="worker", command=[sys.executable, "-c", STUBBORN]))
    polled(supervisor, said_in(supervisor, "worker", "up"))
    grandchild = int(supervisor.log_path("worker").read_text().split()[1])
    os.kill(first, signal.SIGKILL)
    polled(supervisor, lambda: supervisor.pids().get("worker", first) != first)
    assert wait_for(lambda: is_gone(grandchild), 5.0)
    supervisor.stop(grace=0.0)


def test_an_end_is_final_without_restart(supervisor, said):
    supervisor.start(ChildSpec(name="once", command=["/bin/sh", "-c", "exit 7"], restart=False))
    polled(supervisor, lambda: "once" in supervisor.exit_codes())
    assert supervisor.exit_codes() == {"once": 7}
    assert supervisor.pids() == {}
    assert said == []
    supervisor.start(ChildSpec(name="once", command=SLEEP, restart=False))
    assert supervisor.exit_codes() == {}


def test_stop_ends_the_stubborn_with_their_whole_group(supervisor):
    pid = supervisor.start(ChildSpec(name="worker", command=[sys.executable, "-c", STUBBORN]))
    polled(supervisor, said_in(supervisor, "worker", "up"))
    grandchild = int(supervisor.log_path("worker").read_text().split()[1])
    supervisor.stop(grace=0.3)
    assert not psutil.pid_exists(pid)
    assert wait_for(lambda: is_gone(grandchild), 5.0)
    assert supervisor.pids() == {}
    supervisor.stop()  # nothing left to do


def test_an_error_inside_stops_the_children_too(tmp_path):
    pids = []

    def fail() -> None:
        with Supervisor(tmp_path) as supervisor:
            pids.append(supervisor.start(ChildSpec(name="web", command=SLEEP)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not psutil.pid_exists(pids[0])


def test_children_lead_their_own_session_so_ctrl_c_does_not_reach_them(supervisor):
    pid = supervisor.start(ChildSpec(name="web", command=SLEEP))
    assert os.getsid(pid) == os.getpgid(pid) == pid


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_stops_the_children_in_order(supervising, tmp_path, signum):
    process, pids = supervising("willing")
    process.send_signal(signum)
    process.send_signal(signum)  # a wrapper may deliver one press twice; nothing is hurried
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert process.returncode == 0
    assert (tmp_path / "ended").read_text().split() == ["first", "middle", "last"]
    assert all(is_gone(pid) for pid in pids)
    assert mentioning(tmp_path) == []


def test_a_second_press_ends_the_stubborn_at_once(supervising, tmp_path):
    process, pids = supervising("stubborn")
    process.send_signal(signal.SIGINT)
    assert wait_for(lambda: is_gone(pids[-1]), 10.0)  # the stubborn one is next
    time.sleep(SAME_PRESS + 0.1)
    assert not is_gone(pids[0])
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == "interrupted\n"
    assert all(is_gone(pid) for pid in pids)


def test_the_stop_order_is_kept(supervisor, tmp_path):
    for name, order in (("last", 9), ("first", 0), ("middle", 5)):
        command = [sys.executable, "-c", LISTED, name, str(tmp_path / "ended")]
        supervisor.start(ChildSpec(name=name, command=command, stop_order=order))
    for name in ("last", "first", "middle"):
        polled(supervisor, said_in(supervisor, name, "up"))
    supervisor.stop()
    assert (tmp_path / "ended").read_text().split() == ["first", "middle", "last"]


def test_children_end_when_the_supervisor_is_killed(supervising):
    process, pids = supervising("willing stubborn")
    process.kill()
    assert wait_for(lambda: all(map(is_gone, pids[:-3])), 10.0)
    assert not any(map(is_gone, pids[-3:]))  # these do not watch, so the pipe made the others end


def test_a_child_without_owner_or_with_a_wrong_one_lives_on():
    for value in ("", "none", "-1", "0", "999999", str(10**30)):
        script = (
            "import threading; from campaigns.local.owner import exit_with_owner;"
            "exit_with_owner(grace=0.0);"
            "print([t.name for t in threading.enumerate()])"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "OUTDIAL_OWNER_FD": value},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "['MainThread']\n"


def test_the_owner_module_needs_no_database_driver():
    script = (
        "import sys, campaigns.local.owner; print('psycopg' in sys.modules, 'redis' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"


def test_the_environment_is_added_to_and_the_pipe_only_readable(supervisor):
    script = (
        "import fcntl, os; fd = int(os.environ['OUTDIAL_OWNER_FD']);"
        "print(os.environ['ADDED'], 'PATH' in os.environ, "
        "fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY)"
    )
    spec = ChildSpec(
        name="env", command=[sys.executable, "-c", script], env={"ADDED": "yes"}, restart=False
    )
    supervisor.start(spec)
    polled(supervisor, lambda: "env" in supervisor.exit_codes())
    words = supervisor.log_path("env").read_text().split()
    assert words == ["yes", "True", "True"]


def test_logs_are_appended_to_and_renamed_when_large(supervisor):
    log: Path = supervisor.log_path("talk")
    log.parent.mkdir()
    log.write_text("before\n")
    say = ChildSpec(name="talk", command=["/bin/sh", "-c", "echo out; echo err >&2"], restart=False)
    supervisor.start(say)
    polled(supervisor, lambda: "talk" in supervisor.exit_codes())
    assert log.read_text() == "before\nout\nerr\n"
    with log.open("ab") as large:
        large.truncate(LARGEST + 1)
    supervisor.start(say)
    polled(supervisor, lambda: "talk" in supervisor.exit_codes())
    assert log.read_text() == "out\nerr\n"
    assert log.with_name("talk.log.1").stat().st_size == LARGEST + 1


@pytest.mark.parametrize("name", ["", "../web", "a/b", "A B", ".hidden", "x" * 65, "web\n"])
def test_a_name_that_is_no_file_name_is_refused(supervisor, name):
    with pytest.raises(InvalidInput, match="plain name"):
        supervisor.start(ChildSpec(name=name, command=SLEEP))
    assert supervisor.pids() == {}


def test_what_cannot_be_started_is_refused(supervisor, tmp_path):
    with pytest.raises(NotConfigured, match="ghost cannot be started"):
        supervisor.start(ChildSpec(name="ghost", command=[str(tmp_path / "missing")]))
    with pytest.raises(InvalidInput):
        supervisor.start(ChildSpec(name="empty", command=[]))
    supervisor.start(ChildSpec(name="web", command=SLEEP))
    with pytest.raises(NotAllowed, match="already running"):
        supervisor.start(ChildSpec(name="web", command=SLEEP))


def test_a_program_that_disappeared_is_tried_again(supervisor, said, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    supervisor.start(ChildSpec(name="web", command=[str(program)]))
    program.unlink()
    polled(supervisor, lambda: any("could not be started" in line for line in said))


def test_waiting_in_vain_names_what_and_shows_the_log(supervisor):
    command = ["/bin/sh", "-c", "echo port 8000 is taken; exit 1"]
    supervisor.start(ChildSpec(name="web", command=command, restart=False))
    polled(supervisor, lambda: "web" in supervisor.exit_codes())
    with pytest.raises(Unavailable, match=r"The page was not ready(.|\n)*port 8000 is taken"):
        supervisor.wait_until(lambda: False, timeout=0.1, what="The page")


def test_run_ends_when_told(supervisor):
    supervisor.start(ChildSpec(name="once", command=["/bin/sh", "-c", "exit 0"], restart=False))
    assert supervisor.run(until=lambda: bool(supervisor.exit_codes()))


def test_termination_runs_the_clean_up_and_ignored_signals_stay_ignored():
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), termination_interrupts():
        signal.raise_signal(signal.SIGTERM)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_interrupts():
            signal.raise_signal(signal.SIGHUP)  # under nohup nothing happens
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_supervisor_works_outside_the_main_thread(tmp_path):
    ended = []

    def supervise() -> None:
        with Supervisor(tmp_path) as supervisor:
            supervisor.start(ChildSpec(name="web", command=SLEEP))
        ended.append(True)

    thread = threading.Thread(target=supervise)
    thread.start()
    thread.join(30)
    assert ended == [True]
