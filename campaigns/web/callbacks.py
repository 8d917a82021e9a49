"""What every provider callback has in common: a bounded body, a token, a signature.

Callbacks are plain routes rather than API endpoints: a call causes half a dozen of them, and
they need no argument parsing, no schema and no documentation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaigns.errors import Unauthorized
from campaigns.providers.base import Signature

# Providers' events are a few kilobytes; anything larger is not one.
MOST_BYTES = 64 * 1024
SIGNATURE_HEADERS = (
    "x-signalwire-signature",
    "x-signalwire-sha256-signature",
    "x-twilio-signature",
)


@dataclass(frozen=True, slots=True)
class Callback:
    """One request from a provider: its raw bytes, as they were signed, and where it came."""

    body: bytes
    content_type: str
    url: str
    headers: dict[str, str]
    path: dict[str, str]
    state: State

    @property
    def signed(self) -> bool:
        """Whether the provider signed it; not every callback is."""
        return any(name in self.headers for name in SIGNATURE_HEADERS)

    @property
    def engine(self) -> Engine:
        """The process's engine."""
        engine: Engine = self.state.engine
        return engine

    def attempt_id(self) -> int:
        """The attempt whose token is in the address; raises `NotFound`."""
        attempt_id: int = self.state.vault.attempt_of(self.path["token"])
        return attempt_id

    def check_signature(self, account_id: int) -> None:
        """Raise `Unauthorized` for a signature that is there and wrong.

        Without one the token in the address stands alone: providers sign only some callbacks.
        """
        if not self.signed:
            return
        provider = self.state.carriers.of(account_id).provider
        if provider.check_signature(self.url, self.body, self.headers) is Signature.WRONG:
            raise Unauthorized("The signature does not fit; nothing was stored.")


def callback_route(
    path: str, handle: Callable[[Callback], Response], methods: tuple[str, ...] = ("POST",)
) -> Route:
    """A route whose body is read here and which is then handled on a thread."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(handle, await _read(request))

    return Route(path, endpoint, methods=list(methods), include_in_schema=False)


async def _read(request: Request) -> Callback:
    """Read at most 64 KB; the URL is the public one, as the provider knows and signs it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "The body is larger than 64 KB; nothing was stored.")
    query = f"?{request.url.query}" if request.url.query else ""
    state = request.app.state
    return Callback(
        body=bytes(body),
        content_type=request.headers.get("content-type", ""),
        url=f"{state.public_url}{request.url.path}{query}",
        headers=dict(request.headers),
        path={name: str(value) for name, value in request.path_params.items()},
        state=state,
    )
