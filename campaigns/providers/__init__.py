"""Telephony providers: one adapter each, all behind `campaigns.providers.base.Provider`."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from campaigns.calls import CallEvent, LoggedCall
from campaigns.errors import InvalidInput
from campaigns.providers.base import CredentialCheck, Credentials, Provider
from campaigns.providers.signalwire import SignalWire, checking, logs
from campaigns.providers.signalwire.events import parse_events

# Reading a notification needs no account, so a webhook can be stored before anything is looked up.
PARSERS: dict[str, Callable[[bytes, str], list[CallEvent]]] = {SignalWire.name: parse_events}
ADAPTERS: dict[str, Callable[[Credentials], Provider]] = {SignalWire.name: SignalWire}
CHECKS: dict[str, Callable[[Credentials], CredentialCheck]] = {
    SignalWire.name: checking.check_credentials
}
LISTS: dict[str, Callable[[Credentials, datetime], list[LoggedCall]]] = {
    SignalWire.name: logs.calls_since
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


def list_calls(name: str, credentials: Credentials, since: datetime) -> list[LoggedCall]:
    """Every call of an account that was made since; raises `Unavailable` unless all are told."""
    return LISTS[name](credentials, since)
