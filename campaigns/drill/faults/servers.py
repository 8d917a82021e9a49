"""Faults of Redis, of PostgreSQL, and of the network to them and to the carrier."""

import os
import signal
from contextlib import suppress
from typing import Any

import psycopg
import redis
from sqlalchemy import text

from campaigns.db import transaction
from campaigns.drill.faults.registry import fault
from campaigns.drill.proxy import Proxy
from campaigns.drill.stage import Stage

# Redis.


@fault("redis")
def redis_wiped(stage: Stage) -> str | None:
    with stage.on_redis() as client:
        client.flushall()
    return "everything in it"


@fault("redis", rest=3)
def redis_restarted(stage: Stage) -> str | None:
    with stage.on_redis() as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGKILL)
    return f"process {pid}"


@fault("redis", rest=4)
def redis_full(stage: Stage) -> str | None:
    with stage.on_redis() as client:
        client.config_set("maxmemory", "1mb")

    def room_again() -> None:
        with suppress(redis.RedisError), stage.on_redis() as client:
            client.config_set("maxmemory", "0")

    stage.later(4, room_again)
    return "1 MB for 4 s"


@fault("redis", rest=5)
def redis_away(stage: Stage) -> str | None:
    seconds = min(60.0, stage.options.seconds / 8)
    _take_away(stage, stage.redis, seconds)
    return f"{seconds:.0f} s"


@fault("redis")
def redis_connections_reset(stage: Stage) -> str | None:
    return _reset(stage, stage.redis)


@fault("redis")
def redis_half_open(stage: Stage) -> str | None:
    return _half_open(stage, stage.redis, 5)


# PostgreSQL. While it is away nobody can be told anything: calls already made are silent.


@fault("postgres", rest=6)
def postgres_crashed(stage: Stage) -> str | None:
    """An immediate shutdown: every backend dies where it stands; then it starts again."""
    found = stage.postgres_processes()
    if not found:
        return None
    stage.no_voice(8)
    found[0].send_signal(signal.SIGQUIT)
    return f"process {found[0].pid}"


@fault("postgres", rest=2)
def backends_terminated(stage: Stage) -> str | None:
    stage.no_voice(3)
    with transaction(stage.engine) as session:
        ended = session.execute(
            text("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE usename = current_user AND pid <> pg_backend_pid() AND random() < 0.4
            """)
        ).all()
    return f"{len(ended)} backends"


@fault("postgres", rest=2)
def commit_answers_lost(stage: Stage) -> str | None:
    """What is committed is committed, and whoever asked for it does not know."""
    stage.no_voice(4)
    stage.proxies.call(lambda: stage.database.cut_commits(4, 2))
    stage.later(4, lambda: stage.proxies.call(lambda: stage.database.cut_commits(0, 0)))
    return "4 commits and 2 claims"


@fault("postgres", rest=4)
def postgres_slow(stage: Stage) -> str | None:
    stage.no_voice(6)
    stage.database.latency = 0.15
    stage.later(3, lambda: setattr(stage.database, "latency", 0.0))
    return "0.3 s more for each statement, for 3 s"


@fault("postgres", rest=4)
def postgres_connections_used_up(stage: Stage) -> str | None:
    """Nobody gets a new connection, and some have just lost theirs."""
    stage.no_voice(6)
    held: list[psycopg.Connection[Any]] = []
    url = stage.stack.servers.database_url
    with suppress(psycopg.Error):
        held.extend(psycopg.connect(url, connect_timeout=2) for _ in range(250))
    told = backends_terminated(stage) if held else None

    def let_go() -> None:
        for connection in held:
            connection.close()

    stage.later(3, let_go)
    return f"{len(held)} held for 3 s, {told}"


@fault("postgres", rest=2)
def postgres_connections_reset(stage: Stage) -> str | None:
    stage.no_voice(3)
    return _reset(stage, stage.database)


@fault("postgres", rest=4)
def postgres_half_open(stage: Stage) -> str | None:
    stage.no_voice(8)
    return _half_open(stage, stage.database, 4)


@fault("postgres", rest=5)
def postgres_away(stage: Stage) -> str | None:
    stage.no_voice(7)
    _take_away(stage, stage.database, 3)
    return "3 s"


# The network to the carrier.


@fault("network", rest=1)
def carrier_slow(stage: Stage) -> str | None:
    stage.carrier.latency = CARRIER_LATENCY
    stage.later(3, lambda: setattr(stage.carrier, "latency", 0.0))
    return f"{CARRIER_LATENCY:g} s more in each direction, for 3 s"


@fault("network", rest=1)
def carrier_connections_reset(stage: Stage) -> str | None:
    return _reset(stage, stage.carrier)


@fault("network", rest=2)
def carrier_half_open(stage: Stage) -> str | None:
    return _half_open(stage, stage.carrier, 5)


@fault("network", rest=2)
def carrier_away(stage: Stage) -> str | None:
    _take_away(stage, stage.carrier, 2)
    return "2 s"


CARRIER_LATENCY = 0.1


def _reset(stage: Stage, proxy: Proxy) -> str | None:
    stage.proxies.call(lambda: proxy.reset(0.6))
    return "six in ten connections"


def _half_open(stage: Stage, proxy: Proxy, seconds: float) -> str | None:
    stage.proxies.spawn(proxy.half_open(seconds, 0.4))
    return f"four in ten connections, for {seconds:g} s"


def _take_away(stage: Stage, proxy: Proxy, seconds: float) -> None:
    proxy.away = True
    stage.proxies.call(lambda: proxy.reset(1.0))
    stage.later(seconds, lambda: setattr(proxy, "away", False))
