"""Embedded servers: shared, adopted, repaired, and never left behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from celery import Celery
from sqlalchemy import create_engine, make_url

from campaigns.errors import NotConfigured, Unavailable
from campaigns.local import ServerUrls, embedded_servers, revive_servers, server_status
from campaigns.local.processes import birth_mark, wait_for
from tests.integration.local.conftest import ROOT, is_gone, mentioning, nothing_runs


def ask(database_url: str, query: str) -> object:
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def ping(redis_url: str) -> bool:
    with redis.Redis.from_url(redis_url) as client:
        return bool(client.ping())


def running_pids(home: Path) -> tuple[int, int]:
    status = server_status(home)
    assert status.postgres.pid
    assert status.redis.pid
    return status.postgres.pid, status.redis.pid


def test_the_last_user_stops_the_servers(tmp_path, start_user):
    first, second = start_user(tmp_path), start_user(tmp_path)
    joined = first.joined()
    assert second.joined() == joined
    assert first.leave() == 0
    assert ask(joined[0], "SELECT 1") == 1
    assert ping(joined[1])
    assert second.leave() == 0
    assert nothing_runs(tmp_path, *joined[2])
    assert not list(tmp_path.glob("postgres/postmaster.pid"))


def test_three_processes_at_the_same_instant_share_one_pair(tmp_path, start_user):
    users = [start_user(tmp_path) for _ in range(3)]
    joined = [user.joined() for user in users]
    assert joined[0] == joined[1] == joined[2]
    assert len(server_status(tmp_path).users) == 3
    assert [user.leave() for user in users] == [0, 0, 0]
    assert nothing_runs(tmp_path, *joined[0][2])


def test_servers_of_a_killed_owner_are_adopted_and_then_stopped(tmp_path, start_user):
    owner = start_user(tmp_path)
    joined = owner.joined()
    owner.end_by(signal.SIGKILL)
    assert ask(joined[0], "SELECT 1") == 1
    assert server_status(tmp_path).users == ()
    adopter = start_user(tmp_path)
    assert adopter.joined() == joined
    assert adopter.leave() == 0
    assert nothing_runs(tmp_path, *joined[2])


def test_ctrl_c_ends_the_user_and_it_stops_the_servers_itself(tmp_path, start_user):
    user = start_user(tmp_path)
    pids = user.joined()[2]
    for pid in pids:  # the terminal's Ctrl-C goes to the user's session, not to theirs
        assert os.getsid(pid) != os.getsid(user.process.pid)
    assert user.end_by(signal.SIGINT) == 130
    assert nothing_runs(tmp_path, *pids)


def test_killed_servers_come_back_at_the_same_addresses_with_the_data(tmp_path, start_user):
    witness = start_user(tmp_path)
    database_url, redis_url, pids = witness.joined()
    ask(database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with embedded_servers(tmp_path) as urls:
        assert urls == ServerUrls(database_url, redis_url)
        assert not set(running_pids(tmp_path)) & set(pids)
        assert ask(database_url, "SELECT answer FROM kept") == 42
        assert ping(redis_url)
    assert witness.leave() == 0
    assert nothing_runs(tmp_path)


def test_revive_starts_only_what_died(tmp_path):
    with embedded_servers(tmp_path) as urls:
        assert revive_servers(tmp_path) == ()
        postgres_pid, redis_pid = running_pids(tmp_path)
        os.kill(redis_pid, signal.SIGKILL)
        assert wait_for(lambda: is_gone(redis_pid), 5.0)
        assert revive_servers(tmp_path) == ("redis",)
        assert ping(urls.redis_url)
        assert running_pids(tmp_path)[0] == postgres_pid
    assert nothing_runs(tmp_path)
    assert revive_servers(tmp_path) == ()  # nothing should run, so nothing is started


def test_the_server_survives_an_immediate_restart_by_pg_ctl(tmp_path):
    with embedded_servers(tmp_path, redis=False) as urls:
        server = server_status(tmp_path).postgres
        restart = [server.pg_ctl, "restart", "-w", "-m", "immediate", "-D", server.pgdata]
        subprocess.run(
            [*map(str, restart), "-l", str(server.log)],
            user=server.os_user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            check=True,
        )
        assert ask(urls.database_url, "SHOW max_connections") == "200"
        assert server_status(tmp_path).postgres.pid != server.pid
    assert nothing_runs(tmp_path)


def test_a_second_use_in_one_process_does_not_stop_the_first(tmp_path):
    with embedded_servers(tmp_path) as outer:
        with embedded_servers(tmp_path) as inner:
            assert inner == outer
        assert ask(outer.database_url, "SELECT 1") == 1
        assert ping(outer.redis_url)
    assert nothing_runs(tmp_path)


def test_only_what_was_asked_for_is_started(tmp_path):
    with embedded_servers(tmp_path, postgres=False) as urls:
        assert urls.database_url == ""
        assert ping(urls.redis_url)
        assert server_status(tmp_path).postgres.pid is None
        with embedded_servers(tmp_path, redis=False) as later:
            assert later.redis_url == ""
            assert ask(later.database_url, "SELECT 1") == 1
    assert nothing_runs(tmp_path)


def test_two_data_directories_do_not_meet(tmp_path):
    with embedded_servers(tmp_path / "a") as a, embedded_servers(tmp_path / "b") as b:
        assert a.database_url != b.database_url
        assert a.redis_url != b.redis_url
        ask(a.database_url, "CREATE TABLE only_in_a ()")
        assert ask(b.database_url, "SELECT to_regclass('only_in_a')") is None
    assert nothing_runs(tmp_path)


def test_an_initdb_killed_half_way_is_started_again(tmp_path, start_user):
    owner = start_user(tmp_path)
    found: list[psutil.Process] = []

    def initdb_works() -> bool:
        children = psutil.Process(owner.process.pid).children()
        with suppress(psutil.Error):  # it may end while we look
            found.extend(child for child in children if child.name() == "initdb")
        return bool(found) and bool(list(tmp_path.glob("postgres.partial-*/global")))

    assert wait_for(initdb_works, 20.0)
    owner.process.send_signal(signal.SIGKILL)
    for initdb in found:
        with suppress(psutil.NoSuchProcess):  # it went with its owner
            initdb.kill()
    with embedded_servers(tmp_path, redis=False) as urls:
        assert ask(urls.database_url, "SELECT 1") == 1
    assert not list(tmp_path.glob("postgres.partial-*"))
    owner.process.communicate()
    assert nothing_runs(tmp_path)


def test_an_unknown_directory_in_the_place_of_the_cluster_is_kept(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "precious").write_text("kept")
    with embedded_servers(tmp_path, redis=False) as urls:
        assert ask(urls.database_url, "SELECT 1") == 1
    [moved] = tmp_path.glob("postgres.unfinished-*/postgres/precious")
    assert moved.read_text() == "kept"


def test_a_cluster_of_another_version_is_refused_and_untouched(tmp_path):
    (tmp_path / "postgres" / "global").mkdir(parents=True)
    (tmp_path / "postgres" / "global" / "pg_control").write_bytes(b"")
    (tmp_path / "postgres" / "PG_VERSION").write_text("15\n")
    with (
        pytest.raises(NotConfigured, match="made by PostgreSQL 15"),
        embedded_servers(tmp_path),
    ):
        pass
    assert (tmp_path / "postgres" / "PG_VERSION").read_text() == "15\n"
    assert server_status(tmp_path).users == ()
    assert nothing_runs(tmp_path)


def test_recycled_process_numbers_do_not_count(tmp_path):
    """A dead user's and a dead server's number now belong to other live processes."""
    with embedded_servers(tmp_path, redis=False):
        pass
    dead_user = {"pid": os.getpid(), "mark": "another boot/1", "token": "dead"}
    (tmp_path / "servers.json").write_text(json.dumps({"users": [dead_user]}))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n/nowhere\n1\n5432\n")
        with embedded_servers(tmp_path, redis=False) as urls:
            assert ask(urls.database_url, "SELECT 1") == 1
            assert len(server_status(tmp_path).users) == 1
        assert other.poll() is None
        other.communicate(b"\n")
    assert nothing_runs(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 4096,
        b'{"users": [{"pid": -1}]}',
        b'{"redis": {"port": 99999999}}',
        b"[" * 5000,
        b'{"users": [{"pid": 99999999999999999999, "mark": "x", "token": "x"}]}',
    ],
    ids=["empty", "zeros", "negative", "no-port", "deep", "huge-pid"],
)
def test_a_damaged_record_reads_as_nobody(tmp_path, content):
    (tmp_path / "servers.json").write_bytes(content)
    status = server_status(tmp_path)
    assert status.users == ()
    assert status.redis.pid is None


def test_a_running_cluster_is_found_again_when_the_record_is_lost(tmp_path, start_user):
    owner = start_user(tmp_path)
    database_url, _, pids = owner.joined()
    os.kill(pids[1], signal.SIGKILL)
    owner.end_by(signal.SIGKILL)
    (tmp_path / "servers.json").unlink()
    with embedded_servers(tmp_path) as urls:
        assert urls.database_url == database_url
        assert running_pids(tmp_path)[0] == pids[0]
    assert nothing_runs(tmp_path, *pids)


def test_a_deleted_socket_directory_is_replaced(tmp_path, start_user):
    owner = start_user(tmp_path)
    database_url, _, pids = owner.joined()
    socket_dir = Path(str(make_url(database_url).query["host"]))
    for path in socket_dir.iterdir():
        path.unlink()
    socket_dir.rmdir()
    with embedded_servers(tmp_path) as urls:
        assert ask(urls.database_url, "SELECT 1") == 1
        assert is_gone(pids[0])
    assert owner.leave() == 0
    assert nothing_runs(tmp_path)


def test_a_long_hostile_path_and_a_misleading_environment_work(tmp_path, start_user):
    home = tmp_path / "a $(touch owned) '\"; ü" / ("x" * 150)
    environment = {"PGPORT": "1", "PGDATA": "/nonexistent", "PGHOST": "invalid.test"}
    user = start_user(home, **environment)
    assert ask(user.joined()[0], "SELECT 1") == 1
    assert user.leave() == 0
    assert not list(tmp_path.rglob("owned"))
    assert nothing_runs(home)


def test_the_servers_are_private_and_set_up_as_promised(tmp_path):
    home = tmp_path / "data"
    with embedded_servers(home) as urls:
        settings = (
            "listen_addresses",
            "fsync",
            "synchronous_commit",
            "timezone",
            "server_encoding",
        )
        shown = [ask(urls.database_url, f"SHOW {name}") for name in settings]
        assert shown == ["", "on", "on", "UTC", "UTF8"]
        assert ask(urls.database_url, "SHOW is_superuser") == "off"
        assert ask(urls.database_url, "SELECT lower('ÄÉ')") == "äé"
        socket_dir = Path(str(make_url(urls.database_url).query["host"]))
        for private in (socket_dir, home / "postgres", home / "redis"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert home.stat().st_mode & 0o007 == 0
        with redis.Redis.from_url(urls.redis_url) as client:
            names = ("save", "appendonly", "maxmemory-policy", "bind")
            kept = [client.config_get(name)[name] for name in names]
        assert kept == ["", "no", "noeviction", "127.0.0.1"]
        port = make_url(urls.redis_url).port or 0
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(64).startswith(b"-NOAUTH")
    assert not socket_dir.exists()


def test_sqlalchemy_and_celery_accept_the_addresses(tmp_path):
    with embedded_servers(tmp_path) as urls:
        engine = create_engine(urls.database_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar() == "outdial"
        engine.dispose()
        celery = Celery(broker=urls.redis_url)
        with celery.connection() as broker, broker.SimpleQueue("hints") as queue:
            queue.put({"attempt": 1})
            assert queue.get(timeout=5).payload == {"attempt": 1}


def test_a_server_that_cannot_start_says_why_and_leaves_no_user(tmp_path, monkeypatch):
    monkeypatch.setattr("campaigns.local.postgres_server.SETTINGS", {"no_such_setting": "1"})
    with pytest.raises(Unavailable, match="no_such_setting"), embedded_servers(tmp_path):
        pass
    assert server_status(tmp_path).users == ()
    assert nothing_runs(tmp_path)


def test_a_file_in_the_place_of_the_data_directory_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    with (
        pytest.raises(NotConfigured, match="data directory"),
        embedded_servers(tmp_path / "data"),
    ):
        pass


def test_status_of_a_missing_directory_changes_nothing(tmp_path):
    status = server_status(tmp_path / "missing")
    assert (status.postgres.pid, status.redis.pid, status.users) == (None, None, ())
    assert not (tmp_path / "missing").exists()


def test_a_dead_or_impossible_process_has_no_birth_mark():
    with subprocess.Popen([sys.executable, "-c", ""], cwd=ROOT) as process:
        process.wait()
    assert birth_mark(process.pid) is None
    assert birth_mark(-1) is None
    assert birth_mark(10**30) is None
    assert birth_mark(os.getpid()) == birth_mark(os.getpid())


def test_this_file_can_see_a_process_that_is_left_behind(tmp_path):
    """The search for leftovers must be able to find one."""
    command = [sys.executable, "-c", "input()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as left:
        assert len(mentioning(tmp_path)) == 1
        assert not is_gone(left.pid)
        left.communicate(b"\n")
