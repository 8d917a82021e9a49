"""Connections to providers that are open before the call that needs one.

A claim is fresh for 50 ms, and a handshake may take longer than that: a call whose connection is
made first is too late for its claim. So a line can be opened ahead, and one on which nothing was
said yet is not closed when its request was too late, but kept for the next.
"""

import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, Self

import httpcore
import httpx

SocketOption = httpcore.SOCKET_OPTION
Address = tuple[str, int]


@dataclass(eq=False)
class _Line(httpcore.NetworkStream):
    """One connection that knows whether anything was said on it."""

    lines: "Lines"
    address: Address
    stream: httpcore.NetworkStream
    secured: bool = False
    spoken: bool = False
    kept_until: float = 0.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.spoken = True
        return self.stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.spoken = True
        self.stream.write(buffer, timeout)

    def close(self) -> None:
        if self.spoken or not self.lines.keep(self):
            self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        if not self.secured:
            self.spoken = True  # a handshake that fails leaves nothing to keep
            self.stream = self.stream.start_tls(ssl_context, server_hostname, timeout)
            self.secured, self.spoken = True, False
        return self

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)

    def stands(self) -> bool:
        """Whether the other side has neither closed it nor said anything by itself.

        Asked by reading, not by looking whether there is something to read: a TLS server sends
        session tickets after the handshake, and those are no sign of an end.
        """
        connection: socket.socket = self.stream.get_extra_info("socket")
        connection.settimeout(0)
        try:
            connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


@dataclass
class Lines(httpcore.NetworkBackend):
    """Opens connections, and keeps for `seconds` those on which nothing was said. Thread-safe."""

    seconds: float
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._spare: defaultdict[Address, list[_Line]] = defaultdict(list)
        self._closed = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """A spare line if there is one that stands, else a new connection."""
        address = host, port
        while line := self._take(address):
            if line.stands():
                return line
            line.stream.close()
        return _Line(
            self,
            address,
            self.backend.connect_tcp(host, port, timeout, local_address, socket_options),
        )

    def keep(self, line: _Line) -> bool:
        """Keep a line on which nothing was said; False when it is to be closed instead."""
        with self._lock:
            if self._closed:
                return False
            line.kept_until = monotonic() + self.seconds
            self._spare[line.address].append(line)
            return True

    def spare(self, address: Address) -> int:
        """How many lines wait for a request; those that waited too long are closed."""
        now = monotonic()
        with self._lock:
            waiting = self._spare[address]
            over = [line for line in waiting if line.kept_until <= now]
            self._spare[address] = left = [line for line in waiting if line.kept_until > now]
        for line in over:
            line.stream.close()
        return len(left)

    def close(self) -> None:
        """Close every spare line, and keep none from now on."""
        with self._lock:
            self._closed = True
            spare = [line for lines in self._spare.values() for line in lines]
            self._spare.clear()
        for line in spare:
            line.stream.close()

    def _take(self, address: Address) -> _Line | None:
        self.spare(address)
        with self._lock:
            waiting = self._spare[address]
            return waiting.pop() if waiting else None


class Transport(httpx.BaseTransport):
    """httpx's way to the wire, over lines: one pool, no retries, no proxies, HTTP/1.1.

    Failures are httpcore's own exceptions.
    """

    def __init__(self, lines: Lines, tls: ssl.SSLContext, connections: int) -> None:
        self._lines, self._tls = lines, tls
        tls.set_alpn_protocols(["http/1.1"])  # as the pool does, for lines opened ahead of it
        self._pool = httpcore.ConnectionPool(
            tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=lines.seconds,
            retries=0,
            network_backend=lines,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request on a line that is open, or on a new one."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                _core_url(request.url),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def warm_up(self, url: httpx.URL, timeout: float) -> None:
        """Open a line to the host of `url` if none is open and free. `timeout` is in seconds.

        Raises httpcore's exceptions and `OSError`; nothing of HTTP is written.
        """
        origin = _core_url(url).origin
        host, port = origin.host.decode(), int(origin.port)
        free = any(one.can_handle_request(origin) and one.is_idle() and not one.has_expired()
                   for one in self._pool.connections)  # fmt: skip
        if free or self._lines.spare((host, port)):
            return
        line = self._lines.connect_tcp(host, port, timeout)
        if origin.scheme == b"https":
            line = line.start_tls(self._tls, host, timeout)
        line.close()  # nothing was said on it, so it is kept

    def close(self) -> None:
        """Close every connection."""
        self._lines.close()
        self._pool.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self


class _Body(httpx.SyncByteStream):
    """The rest of an answer, read from its line."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
