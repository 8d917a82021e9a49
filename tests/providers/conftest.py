"""SignalWire on a transport of ours: a test says what the wire answers and sees what was sent."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from campaigns.config import Settings
from campaigns.providers.base import Credentials
from campaigns.providers.http import make_client
from campaigns.providers.signalwire import SignalWire

Handler = Callable[[httpx.Request], httpx.Response]

CREDENTIALS = Credentials(
    base_url="https://example.signalwire.com",
    project_id="project",
    api_token="token",
    signing_key="PSK_test",
)
# What the provider's clock shows unless a test says otherwise; "" leaves the header out.
NOON = "Sun, 01 Mar 2026 12:00:00 GMT"


@dataclass
class Wire:
    """A provider whose requests end at `answer`."""

    answer: Handler = field(default=lambda request: httpx.Response(200, json={"id": "call-1"}))
    requests: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = make_client(Settings(), httpx.MockTransport(self._handle))
        self.provider = SignalWire(CREDENTIALS, self.client)

    def replies(self, status: int, body: Any = None, **headers: str) -> "Wire":
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"date": NOON, **headers}
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        self.answer = lambda request: httpx.Response(status, content=content, headers=named)
        return self

    def raises(self, error: Exception) -> "Wire":
        def fail(request: httpx.Request) -> httpx.Response:
            raise error

        self.answer = fail
        return self

    def sent(self) -> Any:
        """The decoded body of the only request."""
        (request,) = self.requests
        return json.loads(request.content)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.client.close()
