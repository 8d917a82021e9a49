"""The shared client over real sockets: what a refused, silent or broken connection proves."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx
import pytest

from campaigns.calls import Answer, CallRequest
from campaigns.config import Settings
from campaigns.errors import InvalidInput
from campaigns.providers import provider_for
from campaigns.providers.base import Credentials
from campaigns.providers.http import (
    KEEPALIVE_EXPIRY,
    NoAnswer,
    NotSent,
    exchange,
    make_client,
    shared_client,
)
from campaigns.providers.signalwire import SignalWire
from tests.providers.still import always

REQUEST = CallRequest(
    to="+12025550101",
    caller_id="+12025550199",
    flow_url="https://calls.example.com/flows/t",
    status_url="https://calls.example.com/hooks/t",
    ring_timeout=20,
)
AUTH = ("project", "token")


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that gives its first connection to `serve`, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def place_call(url: str, **settings: float) -> Answer:
    with make_client(Settings(**settings)) as client:  # type: ignore[arg-type]
        return SignalWire(Credentials(url, *AUTH), client).place_call(REQUEST, always).answer


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert place_call(f"http://127.0.0.1:{port}") is Answer.NOT_SENT


@pytest.mark.parametrize("url", ["gopher://example.com", "http://", "nonsense", "http://h:99999"])
def test_an_address_that_cannot_be_used_is_not_sent(url):
    assert place_call(url) is Answer.NOT_SENT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_connection_that_breaks_after_the_request_leaves_doubt(answer):
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with listening(serve) as url:
        assert place_call(url) is Answer.IN_DOUBT


def test_silence_after_the_request_leaves_doubt():
    release = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        release.wait(10)

    with listening(serve) as url:
        answer = place_call(url, read_timeout=0.1)
        release.set()
    assert answer is Answer.IN_DOUBT


def test_a_redirect_is_not_followed():
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(
            b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )

    with listening(serve) as url:
        assert place_call(url) is Answer.IN_DOUBT


class Counting(BaseHTTPRequestHandler):
    """Accepts every call with a new id and sets a cookie."""

    protocol_version = "HTTP/1.1"
    numbers: Iterator[int]
    seen: list[str | None]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["cookie"])
        body = f'{{"id": "call-{next(self.numbers)}"}}'.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "account=one")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the usual 5 would reset some of the connections made at once


def test_sixty_four_threads_share_one_client_and_no_cookies():
    seen: list[str | None] = []
    handler = type("Handler", (Counting,), {"seen": seen, "numbers": count()})
    with (
        Server(("127.0.0.1", 0), handler) as server,
        make_client(Settings(dial_threads=64)) as client,
        ThreadPoolExecutor(64) as pool,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        credentials = Credentials(f"http://127.0.0.1:{server.server_port}", *AUTH)
        provider = SignalWire(credentials, client)
        answers = list(
            pool.map(lambda request: provider.place_call(request, always), [REQUEST] * 256)
        )
        client.close()
        server.shutdown()
        thread.join()

    assert {(answer.answer, answer.http_status) for answer in answers} == {(Answer.ACCEPTED, 200)}
    assert len({answer.provider_call_id for answer in answers}) == 256
    assert len(seen) == 256
    assert set(seen) == {None}


def test_a_body_that_is_no_json_is_never_sent():
    with make_client(Settings()) as client, pytest.raises(NotSent):
        exchange(client, "POST", "http://127.0.0.1:1/", auth=AUTH, json={"a": float("nan")})


def test_an_answer_that_cannot_be_decoded_is_no_answer():
    transport = httpx.MockTransport(
        lambda request: httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")
        )
    )
    with make_client(Settings(), transport) as client, pytest.raises(NoAnswer, match="Decoding"):
        exchange(client, "GET", "http://127.0.0.1:1/", auth=AUTH)


def test_one_client_per_process_with_our_limits():
    shared_client(Settings()).close()  # another test's, if there is one
    client = shared_client(Settings(connect_timeout=1.5, read_timeout=7.0))
    try:
        assert shared_client() is client
        assert client.timeout == httpx.Timeout(connect=1.5, read=7.0, write=2.0, pool=0.5)
        assert not client.follow_redirects
        assert not client.trust_env
        assert KEEPALIVE_EXPIRY < 5
    finally:
        client.close()
    renewed = shared_client(Settings())
    assert renewed is not client
    renewed.close()


def test_a_provider_is_made_once_per_account():
    first = Credentials("https://one.example.com", *AUTH)
    second = Credentials("https://one.example.com", "project", "other token")

    assert provider_for("signalwire", first) is provider_for("signalwire", first)
    assert provider_for("signalwire", first) is not provider_for("signalwire", second)


@pytest.mark.parametrize("name", ["", "SignalWire", "carrier-pigeon"])
def test_an_unknown_provider_is_refused_by_name(name):
    with pytest.raises(InvalidInput, match="signalwire"):
        provider_for(name, Credentials("https://one.example.com", *AUTH))
