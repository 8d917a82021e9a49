"""Telephony providers: one adapter each, all behind `campaigns.providers.base.Provider`."""

from collections.abc import Callable
from functools import lru_cache

from campaigns.calls import CallEvent
from campaigns.errors import InvalidInput
from campaigns.providers.base import Credentials, Provider
from campaigns.providers.signalwire import SignalWire
from campaigns.providers.signalwire.events import parse_events

# Reading a notification needs no account, so a webhook can be stored before anything is looked up.
PARSERS: dict[str, Callable[[bytes, str], list[CallEvent]]] = {SignalWire.name: parse_events}
ADAPTERS: dict[str, Callable[[Credentials], Provider]] = {SignalWire.name: SignalWire}


@lru_cache(maxsize=256)
def provider_for(name: str, credentials: Credentials) -> Provider:
    """The adapter for one account, made once per process and credentials.

    Raises `InvalidInput` for a provider that does not exist.
    """
    adapter = ADAPTERS.get(name)
    if adapter is None:
        raise InvalidInput(
            f"There is no provider called {name!r}. Known providers: {', '.join(sorted(ADAPTERS))}."
        )
    return adapter(credentials)
