"""Lines that are open before the call, over real sockets, plain and with TLS."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpcore
import pytest

from campaigns.calls import Answer, CallRequest
from campaigns.config import Settings
from campaigns.providers.base import Credentials
from campaigns.providers.http import make_client
from campaigns.providers.lines import Lines, Transport
from campaigns.providers.signalwire import SignalWire
from tests.integration.notifying.certificates import contexts_for
from tests.providers.still import always, never

REQUEST = CallRequest(
    to="+12025550101",
    caller_id="+12025550199",
    flow_url="https://calls.example.com/flows/t",
    status_url="https://calls.example.com/hooks/t",
    ring_timeout=20,
)
KEPT = 4.0  # seconds


class Accepting(BaseHTTPRequestHandler):
    """Accepts every call."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        self.server.calls += 1
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"id": "call-%d"}' % self.server.calls
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Counts calls, and keeps the sockets so that a test can close them."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Accepting)
        self.calls = 0
        self.accepted: list[Any] = []
        self._tls = tls

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        self.accepted.append(connection)
        return connection, address


class Slow(httpcore.SyncBackend):
    """Connections that take a while; each is counted."""

    def __init__(self) -> None:
        self.made, self.seconds = 0, 0.0

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        time.sleep(self.seconds)
        self.made += 1
        return super().connect_tcp(*args, **options)


class Stage:
    """A provider, the server behind it, and the network between them."""

    def __init__(self, scheme: str, folder: Path) -> None:
        inner, outer = contexts_for("localhost", folder)
        self.server = Server(inner if scheme == "https" else None)
        self.network = Slow()
        self.lines = Lines(KEPT, self.network)
        self.client = make_client(Settings(), Transport(self.lines, outer, 8))
        self.address = "localhost", self.server.server_port
        credentials = Credentials(f"{scheme}://localhost:{self.server.server_port}", "p", "t")
        self.provider = SignalWire(credentials, self.client)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def spare(self) -> int:
        return self.lines.spare(self.address)

    def close(self) -> None:
        self.client.close()
        self.server.shutdown()
        self._thread.join()
        for connection in self.server.accepted:
            connection.close()
        self.server.server_close()


@pytest.fixture(params=["http", "https"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(request.param, tmp_path)
    yield stage
    stage.close()


def test_what_is_too_late_once_connected_is_not_written_and_its_line_is_kept(stage: Stage) -> None:
    stage.network.seconds = 0.2
    latest = time.monotonic() + 0.1
    answer = stage.provider.place_call(REQUEST, lambda: time.monotonic() < latest)
    assert answer.answer is Answer.TOO_LATE
    assert stage.server.calls == 0
    assert stage.spare() == 1

    stage.network.seconds = 30.0
    latest = time.monotonic() + 20.0  # less than a connection takes
    answer = stage.provider.place_call(REQUEST, lambda: time.monotonic() < latest)
    assert answer.answer is Answer.ACCEPTED
    assert (stage.server.calls, stage.network.made, stage.spare()) == (1, 1, 0)


def test_too_late_again_and_again_needs_one_connection(stage: Stage) -> None:
    answers = {stage.provider.place_call(REQUEST, never).answer for _ in range(20)}
    assert answers == {Answer.TOO_LATE}
    assert (stage.server.calls, stage.network.made) == (0, 1)


def test_a_line_opened_ahead_is_the_one_that_is_used(stage: Stage) -> None:
    stage.provider.warm_up()
    stage.provider.warm_up()
    assert (stage.network.made, stage.spare()) == (1, 1)
    assert stage.provider.place_call(REQUEST, always).answer is Answer.ACCEPTED
    stage.provider.warm_up()  # that line is free again
    assert stage.provider.place_call(REQUEST, always).answer is Answer.ACCEPTED
    assert (stage.server.calls, stage.network.made, stage.spare()) == (2, 1, 0)


def test_a_line_that_the_other_side_closed_is_not_used(stage: Stage) -> None:
    stage.provider.warm_up()
    while not stage.server.accepted:
        time.sleep(0.01)
    stage.server.shutdown_request(stage.server.accepted[0])
    time.sleep(0.1)  # until the end of it has arrived
    assert stage.provider.place_call(REQUEST, always).answer is Answer.ACCEPTED
    assert (stage.server.calls, stage.network.made) == (1, 2)


def test_a_line_that_waited_too_long_is_closed(stage: Stage) -> None:
    stage.lines.seconds = 0.0
    stage.provider.warm_up()
    assert stage.spare() == 0
    assert stage.provider.place_call(REQUEST, always).answer is Answer.ACCEPTED
    assert stage.network.made == 2


def test_nobody_there_is_no_error_of_warming_up(stage: Stage) -> None:
    stage.close()
    stage.provider.warm_up()
    assert stage.spare() == 0


def test_a_client_that_is_closed_keeps_no_line(stage: Stage) -> None:
    stage.provider.warm_up()
    stage.client.close()
    assert stage.spare() == 0
