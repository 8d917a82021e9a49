"""Telephony providers: one adapter each, all behind `campaigns.providers.base.Provider`."""

from collections.abc import Callable
from functools import lru_cache

from campaigns.calls import CallEvent
from campaigns.errors import InvalidInput
from campaigns.providers.base import CredentialCheck, Credentials, Provider
from campaigns.providers.signalwire import SignalWire, checking
from campaigns.providers.signalwire.events import parse_events

# Reading a notification needs no account, so a webhook can be stored before anything is looked up.
PARSERS: dict[str, Callable[[bytes, str], list[CallEvent]]] = {SignalWire.name: parse_events}
ADAPTERS: dict[str, Callable[[Credentials], Provider]] = {SignalWire.name: SignalWire}
CHECKS: dict[str, Callable[[Credentials], CredentialCheck]] = {
    SignalWire.name: checking.check_credentials
}


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


def check_credentials(name: str, credentials: Credentials) -> CredentialCheck:
    """Ask a provider whether it knows these credentials; harmless, and never raises for I/O."""
    return CHECKS[name](credentials)
