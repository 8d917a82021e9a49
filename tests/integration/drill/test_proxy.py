"""The fault proxy: each fault does to a connection what it says, and nothing to the server."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from campaigns.db import engine_for, transaction
from campaigns.drill.proxy import Proxies, Proxy
from campaigns.local import ServerUrls
from campaigns.store.attempts import claim_attempts
from tests.factories import make_account, make_attempt, make_campaign, make_recipient


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with Proxies() as found:
        yield found


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that says back what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while heard := connection.recv(100):
                    connection.sendall(heard)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()
    server.close()
    # A thread that waits in accept() is woken by a last connection.
    thread.join(0.1)


def said_back(connection: socket.socket, word: bytes = b"hello") -> bytes:
    connection.sendall(word)
    return connection.recv(100)


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_it_passes_on_and_takes_the_next_server_when_one_is_gone(proxies, echo) -> None:
    nobody = socket.create_server(("127.0.0.1", 0))
    gone = nobody.getsockname()
    nobody.close()
    proxy = proxies.open("web", gone, echo)
    for _ in range(3):
        with connected(proxy) as connection:
            assert said_back(connection) == b"hello"


def test_a_reset_ends_connections_and_the_next_one_works(proxies, echo) -> None:
    proxy = proxies.open("web", echo)
    with connected(proxy) as connection:
        assert said_back(connection) == b"hello"
        proxies.call(proxy.reset)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    with connected(proxy) as connection:
        assert said_back(connection) == b"hello"


def test_who_is_away_takes_no_connection(proxies, echo) -> None:
    proxy = proxies.open("web", echo)
    proxy.away = True
    with pytest.raises(ConnectionResetError), connected(proxy) as connection:
        connection.recv(100)
    proxy.away = False
    with connected(proxy) as connection:
        assert said_back(connection) == b"hello"


def test_a_half_open_connection_says_nothing_and_is_reset(proxies, echo) -> None:
    proxy = proxies.open("web", echo)
    with connected(proxy) as connection:
        assert said_back(connection) == b"hello"
        done = proxies.spawn(proxy.half_open(2.0, 1.0))
        connection.settimeout(0.2)
        connection.sendall(b"anybody?")
        with pytest.raises(TimeoutError):
            connection.recv(100)
        assert done.result(10) == 1
        connection.settimeout(5)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


@pytest.fixture
def cut(proxies, servers: ServerUrls, engine: Engine) -> Iterator[tuple[Engine, Proxy]]:
    """An engine on the test's database that goes through a proxy."""
    query = parse_qs(urlsplit(servers.database_url).query)
    proxy = proxies.open("database", Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}")
    url = make_url(engine.url.render_as_string(hide_password=False)).set(
        drivername="postgresql", host="127.0.0.1", port=proxy.port, query={}
    )
    through = engine_for(url.render_as_string(hide_password=False), pool_size=2)
    yield through, proxy
    through.dispose()


def test_a_commit_whose_answer_is_lost_is_committed(proxies, cut, engine: Engine) -> None:
    through, proxy = cut
    with transaction(through) as session:
        make_account(session, name="answered")
    proxies.call(lambda: proxy.cut_commits(1, 0))
    with pytest.raises(OperationalError), transaction(through) as session:
        make_account(session, name="lost")
    with transaction(engine) as session:
        names = session.execute(text("SELECT name FROM accounts ORDER BY id")).scalars().all()
    assert names == ["answered", "lost"]
    assert proxy.counts["commit_lost"] == 1


@pytest.mark.parametrize("claims_before", [0, 8])  # psycopg prepares what it has sent five times
def test_a_claim_whose_answer_is_lost_is_a_claim(
    proxies, cut, engine: Engine, claims_before: int
) -> None:
    through, proxy = cut
    with transaction(engine) as session:
        account = make_account(session)
        campaign = make_campaign(session, account)
        attempt = make_attempt(session, make_recipient(session, campaign))
    autocommit = through.execution_options(isolation_level="AUTOCOMMIT")
    how: dict[str, Any] = {"live_allowed": False, "period": 0.01, "window": 1.0}
    with autocommit.connect() as connection:
        for _ in range(claims_before):
            assert claim_attempts(connection, account.id, [10**9], "worker", **how) == []
        proxies.call(lambda: proxy.cut_commits(0, 1))
        with pytest.raises((OperationalError, psycopg.OperationalError)):
            claim_attempts(connection, account.id, [attempt.id], "worker", **how)
        connection.invalidate()
    with transaction(engine) as session:
        status = session.execute(text("SELECT status FROM attempts")).scalar_one()
    assert status == "dialing"
    assert proxy.counts["claim_lost"] == 1
