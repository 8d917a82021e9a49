"""HTTP to providers: one client per process, one exchange at a time, and what a failure proves.

A POST that places a call must never be repeated, so the client retries nothing and follows
nothing; and every failure is sorted by the only question that matters: could a byte have left?
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from typing import Any

import httpcore
import httpx

from campaigns.config import Settings, settings
from campaigns.providers.lines import Lines, Transport

# Shorter than any provider's own idle limit: a connection that dies while we reuse it is a read
# error, and a read error leaves a call in doubt.
KEEPALIVE_EXPIRY = 4.0  # seconds
WRITE_TIMEOUT = 2.0  # seconds
POOL_TIMEOUT = 0.5  # seconds
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; a full page of 1,000 voice logs stays well below
LONGEST_ANSWER = 30.0  # seconds for a whole body, since the read timeout starts anew at each chunk

NEVER_WRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
)
UNREACHABLE = (httpcore.NetworkError, httpcore.TimeoutException, OSError, httpx.InvalidURL)
# What httpcore tells a request's `trace` when a line is ready and the first byte comes next.
BEFORE_THE_FIRST_BYTE = "http11.send_request_headers.started"

_clients: dict[int, "ProviderClient"] = {}
_lock = threading.Lock()


class NotSent(Exception):
    """The request provably never left this machine."""


class TooLate(NotSent):
    """It was no longer to be sent when a line was ready; not a byte has left."""


class NoAnswer(Exception):
    """The request may have left, and no complete answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return 200 <= self.status < 300


class ProviderClient(httpx.Client):
    """An httpx client that can open a line before there is a request for it."""

    def __init__(self, transport: httpx.BaseTransport, **options: Any) -> None:
        super().__init__(transport=transport, **options)
        self._lines = transport if isinstance(transport, Transport) else None

    def warm_up(self, url: str) -> None:
        """Open a line to the host of `url` if none is open and free. Never raises for I/O.

        A call must leave within 50 ms of its claim, and a handshake may take longer.
        """
        if self._lines is not None:
            with suppress(*UNREACHABLE):
                self._lines.warm_up(httpx.URL(url), self.timeout.connect or POOL_TIMEOUT)


def shared_client(config: Settings | None = None) -> ProviderClient:
    """The client of this process, made on first use and safe on any number of threads.

    Keyed by process id, because a forked child must not write on its parent's connections.
    """
    with _lock:
        client = _clients.get(os.getpid())
        if client is None or client.is_closed:
            client = _clients[os.getpid()] = make_client(config or settings())
        return client


def make_client(config: Settings, transport: httpx.BaseTransport | None = None) -> ProviderClient:
    """A client with a connection for each dialling thread. `transport` is for tests."""
    return ProviderClient(
        transport or default_transport(config.dial_threads),
        timeout=httpx.Timeout(
            connect=config.connect_timeout,
            read=config.read_timeout,
            write=WRITE_TIMEOUT,
            pool=POOL_TIMEOUT,
        ),
        follow_redirects=False,
        trust_env=False,
        # The client is shared by all accounts: what one provider sets must not reach another.
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        # A compressed answer could grow past any limit while it is unpacked.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


def default_transport(connections: int) -> Transport:
    """The way to providers' real hosts, trusting whom the certifi package trusts."""
    return Transport(
        Lines(KEEPALIVE_EXPIRY), httpx.create_ssl_context(trust_env=False), connections
    )


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    auth: tuple[str, str],
    json: Mapping[str, Any] | None = None,
    params: Mapping[str, str] | None = None,
    still: Callable[[], bool] | None = None,
) -> Reply:
    """Send one request once and read the whole answer.

    `still` is asked when a line is ready and the first byte comes next; when it says no, nothing
    is written. Raises `TooLate` then, `NotSent` when no byte can have left for another reason,
    and `NoAnswer` for every other failure, of whatever kind: what cannot be explained must count
    as sent.
    """

    def trace(event: str, _info: Mapping[str, Any]) -> None:
        if still is not None and event == BEFORE_THE_FIRST_BYTE and not still():
            raise TooLate("its time was over when a line was ready")

    try:
        request = client.build_request(
            method, url, json=json, params=params, extensions={"trace": trace}
        )
    except Exception as error:  # nothing has a connection yet, so nothing can have been written
        raise NotSent(_phrase(error)) from error
    try:
        with closing(client.send(request, auth=auth, stream=True)) as response:
            return Reply(response.status_code, response.headers, _read(response))
    except TooLate:
        raise
    except NEVER_WRITTEN as error:
        raise NotSent(_phrase(error)) from error
    except Exception as error:
        raise NoAnswer(_phrase(error)) from error


def _read(response: httpx.Response) -> bytes:
    deadline = monotonic() + LONGEST_ANSWER
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise httpx.ReadError(f"the answer is larger than {LARGEST_ANSWER} bytes")
        if monotonic() > deadline:
            raise httpx.ReadError(f"the answer took longer than {LONGEST_ANSWER:.0f} seconds")
        chunks.append(chunk)
    return b"".join(chunks)


def _phrase(error: Exception) -> str:
    """The kind of error and its message; httpx leaves many messages empty."""
    name = type(error).__name__
    return f"{name}: {error}"[:300] if str(error) else name
