"""A TCP proxy that misbehaves on demand: it stands before the servers a drill tortures.

Everything runs on one event loop in a thread of its own, so that a drill which is busy killing
processes slows nobody down. Faults are switched from any thread.
"""

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # linger for no time at all: close with a reset
CONNECT_SECONDS = 2.0
# A statement that is prepared is sent by its name from then on.
_PREPARED = re.compile(rb"(_pg3_[0-9]+)\0[^\0]*claim_attempts\(")

Target = tuple[str, int] | Path


@dataclass(eq=False, slots=True)
class _Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    thawed: asyncio.Event = field(default_factory=asyncio.Event)
    claim_names: set[bytes] = field(default_factory=set)
    doomed: bool = False

    def abort(self) -> None:
        """Reset both ends."""
        for writer in (self.client, self.server):
            connection = writer.get_extra_info("socket")
            if connection is not None:
                with suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self.thawed.set()


class Proxy:
    """One listening port in front of one server, or of several that take turns."""

    def __init__(self, name: str, targets: Sequence[Target]) -> None:
        self.name, self._targets = name, list(targets)
        self.port = 0
        self.latency = 0.0  # seconds for each piece, in each direction
        self.away = False
        self.counts: Counter[str] = Counter()
        self._links: set[_Link] = set()
        self._turn = 0
        self._cuts = 0
        self._claim_cuts = 0
        self._server: asyncio.Server | None = None

    # Called from other threads through `Proxies`.

    def reset(self, share: float = 1.0) -> int:
        """Reset a share of the connections there are; returns how many."""
        links = [link for link in self._links if random.random() < share]
        for link in links:
            link.abort()
        self.counts["reset"] += len(links)
        return len(links)

    async def half_open(self, seconds: float, share: float) -> int:
        """A share of the connections passes nothing on any more, and is reset in the end."""
        links = [link for link in self._links if random.random() < share]
        for link in links:
            link.thawed.clear()
        self.counts["half_open"] += len(links)
        await asyncio.sleep(seconds)
        for link in links:
            link.abort()
        return len(links)

    def cut_commits(self, commits: int, claims: int) -> None:
        """Reset the connection of the next commits and claims when the server has answered."""
        self._cuts, self._claim_cuts = commits, claims

    # On the loop.

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = None if self.away else await self._connect()
        if found is None:
            _Link(writer, writer).abort()
            return
        server_reader, server = found
        link = _Link(writer, server)
        link.thawed.set()
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, reader, server, from_client=True),
                self._pump(link, server_reader, writer, from_client=False),
            )
        except OSError:
            link.abort()
        finally:
            self._links.discard(link)
            for end in (writer, server):
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the next server that takes one."""
        for _ in self._targets:
            target = self._targets[self._turn % len(self._targets)]
            self._turn += 1
            opening = (
                asyncio.open_unix_connection(str(target))
                if isinstance(target, Path)
                else asyncio.open_connection(*target)
            )
            with suppress(OSError, TimeoutError):
                return await asyncio.wait_for(opening, CONNECT_SECONDS)
        return None

    async def _pump(
        self,
        link: _Link,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        from_client: bool,
    ) -> None:
        while piece := await source.read(CHUNK):
            if self.latency:
                await asyncio.sleep(self.latency)
            await link.thawed.wait()
            if from_client and self._shall_cut(link, piece):
                link.doomed = True
            elif not from_client and link.doomed:
                # The server has done it, and the client will never know.
                link.abort()
                return
            sink.write(piece)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    def _shall_cut(self, link: _Link, piece: bytes) -> bool:
        if piece[:1] == b"P" and (prepared := _PREPARED.search(piece)):
            link.claim_names.add(prepared[1] + b"\0")
        if self._cuts and piece[:1] == b"Q" and b"COMMIT" in piece:
            self._cuts -= 1
            self.counts["commit_lost"] += 1
            return True
        claims = b"claim_attempts(" in piece or any(name in piece for name in link.claim_names)
        if self._claim_cuts and claims:
            self._claim_cuts -= 1
            self.counts["claim_lost"] += 1
            return True
        return False


class Proxies:
    """The loop and the proxies on it. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxies", daemon=True)
        self._all: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for proxy in self._all:
            self.wait(proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def open(self, name: str, *targets: Target) -> Proxy:
        """A new proxy that listens."""
        proxy = Proxy(name, targets)
        self.wait(proxy.start())
        self._all.append(proxy)
        return proxy

    def call(self, function: Callable[[], Any]) -> None:
        """Do something on the loop, soon."""
        self._loop.call_soon_threadsafe(function)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Begin something on the loop that takes a while."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the loop and wait for it."""
        return self.spawn(work).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda _loop, _context: None)  # resets, all of them wanted
        self._loop.run_forever()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()
