"""Our requests to the product: one pooled HTTP client with the carrier's time-outs.

Redirects are never followed and nothing is retried in here; what a failure means is for the
caller to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

# Callbacks: 2 s to connect, 5 s to read, 15 s in all, as cXML's callbacks are documented.
CALLBACK_TIMEOUT = ClientTimeout(total=15, sock_connect=2, sock_read=5)
DOCUMENT_TIMEOUT = ClientTimeout(total=10)
# Idle connections are dropped before any common server drops them, for a reused connection
# that the other side has just closed loses the request.
IDLE_SECONDS = 3.0
MOST_CONNECTIONS = 256


class Unreachable(Exception):
    """No HTTP answer came: connection, time-out or protocol trouble."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are in lower case."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Wire:
    """The client. Open it inside the running loop and close it there."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "Outdial-Simulator"},
            skip_auto_headers=("Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: ClientTimeout,
    ) -> Reply:
        """One request, as given. Raises `Unreachable` when no answer comes."""
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return Reply(
                    response.status,
                    response.headers.get("Content-Type", ""),
                    {name.lower(): value for name, value in response.headers.items()},
                    await response.read(),
                )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:200]) from error
