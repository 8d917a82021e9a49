"""`outdial doctor`: what is used, what is wrong, and whether the public URL answers."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import redis
import typer
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrations, reporting
from campaigns.cli.output import JsonOption, show_json, show_table
from campaigns.config import Settings, settings
from campaigns.db import database_now, engine_for, transaction
from campaigns.errors import OutdialError
from campaigns.links import public_url_of
from campaigns.local import server_status
from campaigns.models import Account, CallerId
from campaigns.pacing import Slowdown, slowed_cps
from campaigns.publicity import probe_public_url
from campaigns.reporting import Surroundings
from campaigns.store import dispatch
from campaigns.vault import SECRET_FILE, Vault, secret_of

# A back-off this fresh is worth telling; it may be over by the time somebody reads of it.
BACKED_OFF = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: well (True), wrong (False), or simply so (None)."""

    what: str
    well: bool | None
    told: str


def doctor(as_json: JsonOption = False) -> None:
    """Say what is used and what is wrong. Starts nothing and changes nothing."""
    findings = list(examine(settings()))
    if as_json:
        show_json({"well": all_well(findings), "findings": [asdict(f) for f in findings]})
    else:
        marks = {True: "ok", False: "WRONG", None: ""}
        show_table(("", "what", ""), [(marks[f.well], f.what, f.told) for f in findings], "")
    raise typer.Exit(0 if all_well(findings) else 1)


def all_well(findings: list[Finding]) -> bool:
    """Whether nothing was found wrong."""
    return all(finding.well is not False for finding in findings)


def examine(config: Settings) -> Iterator[Finding]:
    """Everything worth knowing, the foundations first."""
    database_url, redis_url = config.database_url, config.broker_url or config.redis_url
    if database_url is None or redis_url is None:
        status = server_status(config.data_dir)
        yield Finding("data directory", None, str(config.data_dir.resolve()))
        if database_url is None:
            running = status.postgres.pid is not None
            database_url = status.postgres.url if running else None
            yield _embedded("PostgreSQL", running, status.postgres.version)
        if redis_url is None:
            redis_url = status.redis.url if status.redis.pid is not None else None
            yield _embedded("Redis", redis_url is not None, status.redis.version)
    if database_url is not None:
        yield from _database(database_url, config)
    if redis_url is not None:
        yield _redis(redis_url)
    yield from _secret_and_url(config)
    yield Finding(
        "live dialling",
        None,
        "on: accounts marked live place real calls"
        if config.live_dialling
        else "off: only simulator accounts dial (OUTDIAL_LIVE_DIALLING)",
    )


def _embedded(name: str, running: bool, version: str | None) -> Finding:
    told = f"embedded, {version or 'starting'}" if running else "embedded, not running"
    return Finding(name, True if running else None, told)


def _database(url: str, config: Settings) -> Iterator[Finding]:
    engine = engine_for(url, pool_size=1)
    try:
        with transaction(engine) as session:
            version = session.execute(text("SHOW server_version")).scalar_one()
            yield Finding("database", True, f"PostgreSQL {version} answers")
            pending = migrations.pending_migrations(session.connection())
            if pending:
                told = f"not up to date: run `outdial migrate` ({', '.join(pending)})"
                yield Finding("tables", False, told)
                return
            yield Finding("tables", True, "up to date")
            health = reporting.system_health(
                session, database_now(session), Surroundings.of(config)
            )
            for line in health.lines:
                yield Finding(line.part.lower(), line.ok, line.sentence)
            if health.blocked is not None:
                yield Finding("calls", False, f"nobody is called: {health.blocked}")
            for what, why in dispatch.dialling_switched_off(session):
                yield Finding("kill switch", False, f"{what}{f': {why}' if why else ''}")
            for account in session.scalars(select(Account).order_by(Account.id)):
                yield _account(account, database_now(session))
            paused = select(CallerId).where(CallerId.status == "paused").order_by(CallerId.id)
            for one in session.scalars(paused):
                yield Finding(f"caller id {one.number}", False, one.status_reason or "paused")
    except SQLAlchemyError as error:
        yield Finding("database", False, f"does not answer ({type(error).__name__})")
    finally:
        engine.dispose()


def _account(account: Account, now: datetime) -> Finding:
    what = f"account {account.name}"
    if account.status != "active":
        return Finding(what, False, account.status_reason or account.status)
    if account.backoff_until is not None and account.backoff_until > now - BACKED_OFF:
        told = f"its provider at {account.base_url} was busy or did not answer a moment ago"
        return Finding(what, False, told)
    slowed = Slowdown.of(account.slowed_part, account.slowed_at)
    if slowed is not None and slowed.part_at(now) < 1:
        rate = f"{slowed_cps(account.cps, slowed, now):.3g} of {account.cps:g} calls a second"
        return Finding(what, None, f"{rate}, since its provider refused calls; it grows back")
    return Finding(what, True, f"{account.provider}, {account.cps:g} calls a second")


def _redis(url: str) -> Finding:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return Finding("broker", None, "not Redis; not examined")
    try:
        with closing(redis.Redis.from_url(url, socket_timeout=3)) as client:
            policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
    except (redis.RedisError, OSError) as error:
        return Finding("redis", False, f"does not answer ({type(error).__name__})")
    if policy != "noeviction":
        return Finding("redis", False, f"answers, but may drop messages: maxmemory-policy {policy}")
    return Finding("redis", True, "answers")


def _running_at(config: Settings) -> str | None:
    """Where `outdial up` of this data directory answers, when it took another port."""
    note = config.data_dir / "up.lock"
    if config.public_url is not None or not note.exists():
        return None
    return note.read_text().strip() or None


def _secret_and_url(config: Settings) -> Iterator[Finding]:
    url = _running_at(config) or public_url_of(config)
    if config.secret_key is None and not (config.data_dir / SECRET_FILE).exists():
        yield Finding("secret key", None, "none yet; the first start makes one")
        return
    try:
        vault = Vault(secret_of(config))
    except OutdialError as error:
        yield Finding("secret key", False, str(error))
        return
    answers, told = probe_public_url(url, vault)
    yield Finding("public URL", answers, told)
    if config.live_dialling and not url.startswith("https://"):
        yield Finding("public URL", False, f"{url} cannot be reached by a provider: use https")
