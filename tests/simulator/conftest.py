"""A real simulator process, the product it calls back to, and the official client."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from signalwire.rest import RestClient

JSON = dict[str, Any]

PROJECT, TOKEN, SIGNING_KEY = "test-project", "test-token", "PSK_test"
SCALE = 0.004
CALLER = "+12025550199"
PATIENCE = 10.0  # seconds until a wait for something that must come is given up


def swml(*steps: Any, **sections: list[Any]) -> JSON:
    return {"version": "1.0.0", "sections": {"main": list(steps), **sections}}


@dataclass
class Received:
    """One request as the product got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """One answer of the product."""

    body: Any = b""
    status: int = 200
    content_type: str = "application/json"
    pause: float = 0.0


@dataclass
class Product:
    """A small HTTP server in place of the product. `pages` maps a path to what it answers."""

    url: str
    pages: dict[str, Any] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def reply_to(self, request: Received) -> Reply:
        self.received.append(request)
        page = self.pages.get(request.path.partition("?")[0], Reply())
        if isinstance(page, list):
            page = page.pop(0) if len(page) > 1 else page[0]
        if callable(page):
            page = page(request)
        return page if isinstance(page, Reply) else Reply(page)

    def at(self, prefix: str) -> list[Received]:
        return [request for request in list(self.received) if request.path.startswith(prefix)]

    def states(self, prefix: str = "/hooks") -> list[str]:
        """The states told by nested status callbacks, in the order they arrived."""
        return [request.json["params"]["call_state"] for request in self.at(prefix)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, headers, body, time.monotonic())
        reply = self.server.product.reply_to(request)
        time.sleep(reply.pause)
        raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_PUT = do_DELETE = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    product: Product

    def __init__(self, product: Product) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.product = product
        self.product.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._open.discard(request)

    def hang_up(self) -> None:
        """End the connections that the simulator keeps for its next callback."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        until(lambda: not self._open)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections cut by the simulator are part of the tests."""


class Carrier:
    """A running simulator, spoken to over HTTP."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url = url
        self.process = process
        self.http = httpx.Client(base_url=url, auth=(PROJECT, TOKEN), timeout=5)

    def post(self, command: str, params: Any, **top: Any) -> httpx.Response:
        body = {"command": command, "params": params, **top}
        return self.http.post("/api/calling/calls", json=body)

    def dial(self, to: str, product: Product | None = None, **params: Any) -> httpx.Response:
        known: JSON = {"from": CALLER, "to": to}
        if product is not None:
            known |= {"url": f"{product.url}/flows/token-1234"}
            known |= {"status_url": f"{product.url}/hooks/signalwire/token-1234"}
            known |= {"status_events": ["ringing", "answered", "ended"], "timeout": 30}
        return self.post("dial", {**known, **params})

    def knobs(self, **changes: Any) -> None:
        assert self.http.post("/simulator/knobs", json=changes).status_code == 200

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query).json()

    def rows(self) -> list[JSON]:
        calls: list[JSON] = self.get("/simulator/calls")["calls"]
        return calls

    def faults(self) -> dict[str, int]:
        counts: dict[str, int] = self.get("/simulator/faults")
        return counts

    def summary(self) -> JSON:
        summary: JSON = self.get("/simulator/summary")
        return summary

    def row_when(self, ready: Callable[[JSON], Any], number: int = -1) -> JSON:
        """The newest row (or another) as soon as it is as wanted."""
        found: list[JSON] = until(lambda: [r for r in self.rows()[number:][:1] if ready(r)])
        return found[0]

    def ended(self, number: int = -1) -> JSON:
        """The row of a call when it has ended and its callbacks have been tried or lost."""
        return self.row_when(
            lambda row: (
                row["ended_at"]
                and all(
                    note["ok"] is not None or str(note["fault"]).startswith("lose")
                    for note in row["events_sent"]
                )
            ),
            number,
        )


def until(look: Callable[[], Any]) -> Any:
    """What `look` returns as soon as it is truthy; fails the test when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return seen


def start(*arguments: str, **options: Any) -> Carrier:
    """Start `python -m simulator` and wait until it says where it listens."""
    known = ("--project", PROJECT, "--token", TOKEN, "--signing-key", SIGNING_KEY)
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", *known, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout is not None
    return Carrier(json.loads(process.stdout.readline())["listening"], process)


def stop(carrier: Carrier) -> None:
    carrier.http.close()
    if carrier.process.poll() is None:
        carrier.process.send_signal(signal.SIGTERM)
    carrier.process.wait(timeout=PATIENCE)
    assert carrier.process.stdout is not None
    carrier.process.stdout.close()


@pytest.fixture(scope="session")
def _running() -> Iterator[Carrier]:
    carrier = start("--time-scale", str(SCALE))
    yield carrier
    stop(carrier)


@pytest.fixture
def carrier(_running: Carrier) -> Iterator[Carrier]:
    """The session's simulator, forgetful of earlier tests; it must not break in this one."""
    _running.http.post("/simulator/reset")
    yield _running
    assert _running.summary()["internal_errors"] == 0


@pytest.fixture
def start_carrier() -> Iterator[Callable[..., Carrier]]:
    """Starts further simulators, each stopped at the end of the test."""
    started: list[Carrier] = []

    def starter(*arguments: str, **options: Any) -> Carrier:
        started.append(start(*arguments, **options))
        return started[-1]

    yield starter
    for carrier in started:
        stop(carrier)


@pytest.fixture
def product() -> Iterator[Product]:
    server = _Server(Product(""))
    server.product.pages["/flows/token-1234"] = swml({"play": {"url": "say: Hello."}})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    yield server.product
    server.shutdown()
    thread.join()
    server.hang_up()
    server.server_close()


@pytest.fixture
def sdk(carrier: Carrier) -> RestClient:
    """The official client, unmodified."""
    return RestClient(project=PROJECT, token=TOKEN, host=carrier.url.removeprefix("http://"))


@pytest.fixture
def document() -> Callable[..., JSON]:
    """Builds a SWML document from the steps of `main` and further sections by name."""
    return swml


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture
def reply() -> type[Reply]:
    """What the product answers when a page is more than a body."""
    return Reply
