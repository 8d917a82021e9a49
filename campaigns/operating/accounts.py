"""What people do to an account: add, change, pause, switch off, check its credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import auditing, phrases, provisioning
from campaigns.access import SYSTEM, Actor
from campaigns.campaigning import account_named
from campaigns.db import transaction
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.models import Account
from campaigns.providers import check_credentials
from campaigns.providers.base import CredentialCheck
from campaigns.provisioning import NewAccount, check_address, credentials_of
from campaigns.safety import SafetyPolicy
from campaigns.stopping import pause_account, switch_account_off
from campaigns.store import accounts as rows
from campaigns.store import dispatch, gate
from campaigns.vault import Vault


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is to be another; None stays as it is. Secrets are never shown, so also only replaced.

    `cps` is calls per second. `safety` names what is to be another in its safety stop.
    """

    base_url: str | None = None
    project_id: str | None = None
    api_token: str | None = field(default=None, repr=False)
    signing_key: str | None = field(default=None, repr=False)
    live: bool | None = None
    cps: float | None = None
    max_concurrent: int | None = None
    max_waiting: int | None = None
    safety: Mapping[str, Any] | None = None


def add_account(
    session: Session,
    new: NewAccount,
    vault: Vault,
    actor: Actor,
    now: datetime,
    *,
    hosts: Sequence[str] = provisioning.PROVIDER_HOSTS,
) -> Account:
    """Add an account with its caller ids; raises `InvalidInput` or `NotAllowed`."""
    account = provisioning.add_account(session, new, vault, hosts=hosts)
    after = _described(session, account)
    subject = f"account:{account.id}"
    auditing.record(session, actor, "account.add", subject, now, after=after)
    told = f"{actor.subject} added the account {account.name}."
    dispatch.write_log(session, told, now, account_id=account.id)
    return account


def change_account(
    session: Session,
    account_id: int,
    change: AccountChange,
    vault: Vault,
    actor: Actor,
    now: datetime,
    *,
    hosts: Sequence[str] = provisioning.PROVIDER_HOSTS,
) -> Account:
    """Change what is given; processes that dial follow within seconds.

    Raises `NotFound`, `InvalidInput` or `NotAllowed`; then nothing was changed.
    """
    account = account_by_id(session, account_id, lock=True)
    before = _described(session, account)
    live = account.live if change.live is None else change.live
    if live != account.live and rows.account_has_campaigns(session, account_id):
        raise NotAllowed(
            "This account has campaigns, whose rules were chosen for it as it is. Nothing was "
            "changed. Add another account instead."
        )
    if change.base_url is not None or live != account.live:
        url = (change.base_url or account.base_url).strip().rstrip("/")
        check_address(url, live=live, hosts=hosts)
        account.base_url = url
    if live and account.time_scale != 1:
        raise InvalidInput("A live account's waits cannot be scaled. Nothing was changed.")
    account.live = live
    for name in ("project_id", "cps", "max_concurrent", "max_waiting"):
        value = getattr(change, name)
        if value is not None:
            setattr(account, name, value.strip() if isinstance(value, str) else value)
    if not account.project_id:
        raise InvalidInput("An account needs a project id. Nothing was changed.")
    if change.safety is not None:
        policy = SafetyPolicy.parse({**(account.safety or {}), **change.safety})
        account.safety = policy.serialise()
    replaced = _replace_secrets(account, change, vault)
    session.flush()
    after = _described(session, account) | dict.fromkeys(replaced, "a new one")
    if after != before:
        _record(session, account, "account.change", actor, now, before, after)
        what = [name.replace("_", " ") for name in after if after[name] != before.get(name)]
        told = f"{actor.subject} changed the account {account.name}: {phrases.listed(what)}."
        dispatch.write_log(session, told, now, account_id=account.id)
    return account


def pause_account_named(
    session: Session, name: str, why: str, now: datetime, *, actor: Actor = SYSTEM
) -> list[int]:
    """Stop dialling through an account; returns the calls to be recalled after the commit.

    Calls that ring or are answered go on. Raises `NotFound`.
    """
    gate.close_gate(session)
    account = account_named(session, name)
    before = {"status": account.status}
    sentence = f"The account was paused by {actor.by}: {why}."
    recalled = pause_account(session, account.id, sentence, now, by_itself=False)
    session.refresh(account)
    after = {"status": account.status, "why": why}
    _record(session, account, "account.pause", actor, now, before, after)
    return recalled


def switch_account_off_named(
    session: Session, name: str, why: str, actor: Actor, now: datetime
) -> list[int]:
    """Take an account out of use; returns the calls to be recalled after the commit.

    Unlike a paused one it does not stand out as something to be put right. Raises `NotFound`.
    """
    gate.close_gate(session)
    account = account_named(session, name)
    before = {"status": account.status}
    sentence = f"The account was switched off by {actor.by}: {why}."
    recalled = switch_account_off(session, account.id, sentence, now)
    session.refresh(account)
    after = {"status": account.status, "why": why}
    _record(session, account, "account.off", actor, now, before, after)
    return recalled


def resume_account(session: Session, name: str, actor: Actor, now: datetime) -> Account:
    """Let an account dial again, after what had paused it was put right. Raises `NotFound`."""
    account = account_named(session, name)
    before = {"status": account.status}
    rows.restart_account(session, account.id, now)
    told = f"The account {account.name} was resumed by {actor.by}."
    dispatch.write_log(session, told, now, account_id=account.id)
    session.refresh(account)
    after = {"status": account.status}
    _record(session, account, "account.resume", actor, now, before, after)
    return account


def check_account(engine: Engine, account_id: int, vault: Vault) -> CredentialCheck:
    """Ask the provider whether it knows these credentials; no call is placed, nothing is changed.

    Owns its transaction: none may be open while a provider is waited for. Raises `NotFound`.
    """
    with transaction(engine) as session:
        account = account_by_id(session, account_id)
        credentials = credentials_of(account, vault)
    return check_credentials(account.provider, credentials)


def account_by_id(session: Session, account_id: int, *, lock: bool = False) -> Account:
    """The account; raises `NotFound`."""
    account = rows.find_account(session, account_id, lock=lock)
    if account is None:
        raise NotFound(f"There is no account {account_id}.")
    return account


def _replace_secrets(account: Account, change: AccountChange, vault: Vault) -> list[str]:
    """Encrypt what is new beside what stays; returns the names of what was replaced."""
    new = {name: getattr(change, name) for name in ("api_token", "signing_key")}
    given = {name: value.strip() for name, value in new.items() if value and value.strip()}
    if given:
        account.credentials = vault.encrypt(vault.decrypt(account.credentials) | given)
    return sorted(given)


def _record(
    session: Session,
    account: Account,
    action: str,
    actor: Actor,
    now: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    subject = f"account:{account.id}"
    named = {"name": account.name}
    auditing.record(session, actor, action, subject, now, before=before, after=named | after)


def _described(session: Session, account: Account) -> dict[str, Any]:
    """An account for the audit log, without its secrets."""
    secret = {"api_token", "signing_key"}
    shown = ["provider", *(one.name for one in fields(AccountChange) if one.name not in secret)]
    return {name: getattr(account, name) for name in shown} | _caller_ids(session, account)


def _caller_ids(session: Session, account: Account) -> dict[str, Any]:
    return {"caller_ids": rows.caller_ids_of(session, account.id)}
