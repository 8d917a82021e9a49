"""Where a request comes from, as far as that can be believed."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from fastapi import FastAPI, Request

from campaigns.config import Settings
from campaigns.errors import TooManyRequests
from campaigns.throttling import Limit, Throttle

RATE_SECONDS = 60.0


def client_address(request: Request) -> str:
    """The address of who asks: of the connection, or the one that a trusted proxy vouches for.

    `X-Forwarded-For` is read from its end, where our own proxies have written; whatever stands in
    front of the first address that is none of theirs may be invented.
    """
    config: Settings = request.app.state.settings
    address = request.client.host if request.client is not None else ""
    trusted = tuple(config.trusted_proxies)
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while trusted and _is_one_of(address, trusted) and hops and hops[-1].strip():
        address = hops.pop().strip()
    return address


def throttle_of(app: FastAPI) -> Throttle:
    """The application's count of failed sign-ins, made on first use."""
    if not hasattr(app.state, "throttle"):
        app.state.throttle = Throttle(app.state.settings.redis_url)
    found: Throttle = app.state.throttle
    return found


def _is_one_of(address: str, trusted: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _networks(tuple(trusted)))


@lru_cache(maxsize=8)
def _networks(
    trusted: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in trusted)


def check_rate(request: Request, key_id: int) -> None:
    """Count a request of an API key; raises `TooManyRequests` over `OUTDIAL_API_RATE` a minute."""
    app = request.app
    if not hasattr(app.state, "api_throttle"):
        app.state.api_throttle = Throttle(app.state.settings.redis_url, window=RATE_SECONDS)
    throttle: Throttle = app.state.api_throttle
    rate = app.state.settings.api_rate
    wait = throttle.begin([Limit(f"api key {key_id}", rate)]).wait
    if wait > 0:
        raise TooManyRequests(
            f"This key may ask {rate:,} times a minute. Nothing was changed. "
            f"Ask again in {wait} seconds.",
            retry_after=wait,
        )
