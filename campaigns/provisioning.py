"""Accounts: added with their caller ids, and turned into something that can place a call."""

import ipaddress
import math
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns import phone
from campaigns.calls import CallRequest
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.links import Links
from campaigns.models import Account, CallerId, PacingGroup
from campaigns.providers import provider_for
from campaigns.providers.base import Credentials, Provider
from campaigns.store.attempts import Claimed
from campaigns.vault import Vault

CREDENTIALS_KEPT_SECONDS = 5.0
# A caller id may be a toll-free or short-lived number that we would never call, so only its form
# is checked here; the provider says whether the account may present it.
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# Where a live account's requests, and its token, may go.
PROVIDER_HOSTS = ("*.signalwire.com",)
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Carrier:
    """One account's provider, and how to ask it for a call."""

    provider: Provider
    links_of: Callable[[int], Links]
    live: bool

    def request(self, one: Claimed) -> CallRequest:
        """The call for a claimed attempt. A live account refuses numbers reserved for fiction."""
        if self.live and phone.is_fictional(one.number):
            raise NotAllowed("A number reserved for fiction is not dialled on a live account.")
        links = self.links_of(one.id)
        return CallRequest(
            to=one.number,
            caller_id=one.caller_id,
            flow_url=links.flow,
            fallback_url=links.flow,
            status_url=links.hook,
            ring_timeout=one.ring_timeout,
            variables={"outdial_attempt": links.token},
        )


class Carriers:
    """Every account's carrier, looked up once and again when its row has changed."""

    def __init__(self, engine: Engine, vault: Vault, public_url: str) -> None:
        self._engine, self._vault, self._public_url = engine, vault, public_url
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, tuple[object, ...], Carrier]] = {}

    def of(self, account_id: int) -> Carrier:
        """The account's carrier; raises `NotFound`.

        The row is read again every few seconds only: a claim is fresh for 50 ms, and a query
        between it and the POST would eat into that.
        """
        known = self._known.get(account_id)
        if known is not None and time.monotonic() - known[0] < CREDENTIALS_KEPT_SECONDS:
            return known[2]
        with Session(self._engine) as session:
            account = session.get(Account, account_id)
            if account is None:
                raise NotFound(f"There is no account {account_id}.")
            made_of = (
                *(account.provider, account.base_url, account.project_id),
                *(account.credentials, account.live),
            )
            with self._lock:
                same = known is not None and known[1] == made_of
                carrier = known[2] if known is not None and same else self._make(account)
                self._known[account_id] = time.monotonic(), made_of, carrier
            return carrier

    def _make(self, account: Account) -> Carrier:
        name = account.provider
        return Carrier(
            provider=provider_for(name, credentials_of(account, self._vault)),
            links_of=lambda attempt: Links.of(attempt, name, self._public_url, self._vault),
            live=account.live,
        )


def credentials_of(account: Account, vault: Vault) -> Credentials:
    """The account's credentials, decrypted."""
    secret = vault.decrypt(account.credentials)
    return Credentials(
        base_url=account.base_url,
        project_id=account.project_id,
        api_token=secret["api_token"],
        signing_key=secret.get("signing_key") or None,
    )


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is needed to add an account. `cps` is calls per second.

    `pacing_group` names a limit that several accounts share, as those of one SignalWire Space do;
    the first account of a group sets its rate.
    """

    name: str
    provider: str
    base_url: str
    project_id: str
    api_token: str = field(repr=False)
    caller_ids: tuple[str, ...]
    signing_key: str = field(default="", repr=False)
    live: bool = True
    cps: float = 1.0
    max_concurrent: int = 20
    max_waiting: int | None = None  # two seconds of calls, and no fewer than ten
    time_scale: float = 1.0
    pacing_group: str | None = None


def _group(session: Session, new: NewAccount) -> str | None:
    """The pacing group of a new account, made when it is the first one."""
    if not new.pacing_group:
        return None
    if session.get(PacingGroup, new.pacing_group) is None:
        session.add(PacingGroup(name=new.pacing_group, cps=new.cps))
        session.flush()
    return new.pacing_group


def add_account(
    session: Session,
    new: NewAccount,
    vault: Vault,
    *,
    hosts: Sequence[str] = PROVIDER_HOSTS,
) -> Account:
    """Add an account with its caller ids; raises `InvalidInput` for what cannot be right.

    `hosts` are those to which its address may lead.
    """
    if not new.caller_ids:
        raise InvalidInput("An account needs at least one caller id. Nothing was added.")
    if session.scalars(select(Account).where(Account.name == new.name)).first() is not None:
        raise NotAllowed(f"There is an account called {new.name!r} already. Nothing was added.")
    check_address(new.base_url, live=new.live, hosts=hosts)
    if new.live and new.time_scale != 1:
        raise InvalidInput("A live account's waits cannot be scaled. Nothing was added.")
    numbers = [check_caller_id(number) for number in new.caller_ids]
    account = Account(
        name=new.name,
        provider=new.provider,
        base_url=new.base_url.rstrip("/"),
        project_id=new.project_id,
        credentials=vault.encrypt({"api_token": new.api_token, "signing_key": new.signing_key}),
        live=new.live,
        cps=new.cps,
        max_concurrent=new.max_concurrent,
        max_waiting=new.max_waiting or max(10, math.ceil(2 * new.cps)),
        time_scale=new.time_scale,
        pacing_group=_group(session, new),
    )
    provider_for(new.provider, credentials_of(account, vault))  # a known provider, or an error
    session.add(account)
    session.flush()
    session.add_all(CallerId(account_id=account.id, number=number) for number in numbers)
    session.flush()
    return account


def check_caller_id(number: str) -> str:
    """The number as it is presented; raises `InvalidInput` unless it can be one."""
    plain = number.strip()
    if not E164.fullmatch(plain):
        raise InvalidInput(
            f"{plain[:40]!r} is no caller id: write it like +15550100123. Nothing was changed."
        )
    return plain


def check_address(base_url: str, *, live: bool, hosts: Sequence[str]) -> None:
    """Raise `InvalidInput` unless an account's requests may go to this address.

    A live account's go to a known provider over https alone, the others' to a simulator on this
    machine: whoever may add an account must not make us knock at other doors.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise InvalidInput(f"The address cannot be read: {error}. Nothing was changed.") from error
    if live and parts.scheme != "https":
        raise InvalidInput("A provider's address begins with https://. Nothing was changed.")
    if not live and parts.scheme == "https":
        raise InvalidInput(
            "An account that is not live is for the simulator, and https:// leads to a real "
            "provider. Nothing was changed; leave the account live, or give the simulator's "
            "address."
        )
    if parts.scheme not in ("http", "https") or not (_HOST.fullmatch(host) or host == "::1"):
        raise InvalidInput(
            f"{base_url[:100]!r} is no address: write it like https://example.signalwire.com. "
            "Nothing was changed."
        )
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise InvalidInput(
            "Give the address alone, as https://example.signalwire.com, without a path or a "
            "password. Nothing was changed."
        )
    known = any(_is_host(host, pattern.lower()) for pattern in hosts)
    if not known and (live or not _is_this_machine(host)):
        raise InvalidInput(
            f"{host} is no provider that Outdial knows ({', '.join(hosts)}). Nothing was changed. "
            "OUTDIAL_PROVIDER_HOSTS allows others."
        )


def _is_host(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
