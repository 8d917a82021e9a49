"""What every provider callback has in common: a bounded body, a token, a signature."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from campaigns.errors import Unauthorized
from campaigns.providers.base import Signature
from campaigns.provisioning import Carrier

# Providers' events are a few kilobytes; anything larger is not one.
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request from a provider: its raw bytes, as they were signed."""

    body: bytes
    content_type: str
    url: str
    headers: dict[str, str]


async def incoming(request: Request) -> Incoming:
    """Read the body, at most 64 KB of it; the URL is the public one, as the provider signed it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "The body is larger than 64 KB; nothing was stored.")
    query = f"?{request.url.query}" if request.url.query else ""
    return Incoming(
        body=body,
        content_type=request.headers.get("content-type", ""),
        url=f"{request.app.state.public_url}{request.url.path}{query}",
        headers=dict(request.headers),
    )


IncomingDep = Annotated[Incoming, Depends(incoming)]


def check_signature(carrier: Carrier, message: Incoming) -> None:
    """Raise `Unauthorized` for a signature that is there and wrong.

    Providers do not sign every callback, so without one the token in the address stands alone.
    """
    found = carrier.provider.check_signature(message.url, message.body, message.headers)
    if found is Signature.WRONG:
        raise Unauthorized("The signature does not fit; nothing was stored.")
