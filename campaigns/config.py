"""Settings: one class, from the environment with the prefix OUTDIAL_, each with unit and bounds.

`docs/settings.md` is generated from this file and `make check` fails when it is out of date.
"""

import ipaddress
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from campaigns.errors import NotConfigured
from campaigns.misfits import misfit

PREFIX = "OUTDIAL_"
Seconds = Annotated[float, Field(gt=0)]


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


IpNetwork = Annotated[str, AfterValidator(_network)]


class Settings(BaseSettings):
    """Everything an operator can set. Unset database and Redis URLs mean the embedded servers."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: str | None = Field(
        None,
        description="PostgreSQL 15 or newer, as `postgresql://user:password@host/name`. "
        "Unset: the embedded server in the data directory.",
    )
    redis_url: str | None = Field(
        None, description="Redis, as `redis://host:port/0`. Unset: the embedded server."
    )
    broker_url: str | None = Field(
        None, description="Celery's broker. Unset: the same server as `OUTDIAL_REDIS_URL`."
    )
    data_dir: Path = Field(
        Path(".outdial"),
        description="Where the embedded servers, uploads and generated secrets live.",
    )
    public_url: str | None = Field(
        None,
        description="Where the provider reaches this installation (call flows and webhooks), "
        "without a trailing slash. Unset: the web process on loopback, enough for the simulator.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs attempt tokens and encrypts credentials; 32 or more characters. "
        "Unset: generated once and kept in the data directory.",
    )
    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8000, description="Port of the web process. `outdial up` takes the next free one if taken."
    )
    page_hosts: list[str] = Field(
        ["127.0.0.1", "localhost", "[::1]"],
        description="Host names (JSON list) under which the pages are shown. Provider callbacks "
        "are answered under any name, so a tunnel does not publish the pages.",
    )
    trusted_proxies: list[IpNetwork] = Field(
        [],
        description="Addresses or networks (JSON list) of reverse proxies whose `X-Forwarded-For` "
        "names the client. Failed sign-ins are counted by that address.",
    )
    admin_login: str = Field(
        "admin", description="Login of the first user, who is made in an empty database."
    )
    admin_password: SecretStr | None = Field(
        None,
        description="Password of the first user. Unset: one is made up and printed once.",
    )
    api_rate: Annotated[int, Field(ge=1)] = Field(
        600, description="Requests a minute that one API key may make."
    )
    provider_hosts: list[str] = Field(
        ["*.signalwire.com"],
        description="Hosts (JSON list; `*.` stands for anything in front) to which the address of "
        "an account may lead. A simulator on this machine is always allowed.",
    )
    live_dialling: bool = Field(
        False,
        description="Allow accounts marked live to place real calls. Off: they never dial.",
    )
    time_scale: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="Scales call durations, waits, quarantine and gaps of simulator accounts; "
        "never slots, and never a live account.",
    )
    quarantine: Seconds = Field(
        900.0,
        description="Seconds an attempt in doubt holds its number before look-ups may declare "
        "that no call was placed. Never below 900 on a live account.",
    )
    tick_interval: Seconds = Field(0.25, description="Seconds between scheduler ticks.")
    lookahead: Seconds = Field(0.7, description="Seconds ahead of now in which slots are given.")
    slot_grace: Seconds = Field(0.25, description="Seconds after its slot that a claim is refused.")
    lease: Seconds = Field(3.0, description="Seconds a scheduler leads without renewing its lease.")
    heartbeat_limit: Seconds = Field(
        3.0, description="Seconds without a web heartbeat after which no slot is given."
    )
    drain: Annotated[float, Field(ge=0, le=30)] = Field(
        15.0,
        description="Seconds for which a web process that was told to end goes on answering while "
        "calls are under way and no other web process is there.",
    )
    claim_freshness: Seconds = Field(
        0.05, description="Seconds (boot-time clock) within which a claimed call must be posted."
    )
    dial_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        64, description="Threads of one dial worker that wait for the provider's answers."
    )
    connect_timeout: Seconds = Field(2.0, description="Seconds to connect to a provider.")
    read_timeout: Seconds = Field(10.0, description="Seconds to wait for a provider's answer.")
    default_country: Annotated[str, Field(min_length=2, max_length=2)] = Field(
        "US", description="Country (ISO 3166) of numbers written without a country code."
    )
    max_upload_mb: Annotated[int, Field(ge=1)] = Field(200, description="Largest upload, in MB.")
    sources_dir: Path | None = Field(
        None,
        description="Directory below which recurring campaigns read their lists anew. Unset: they "
        "read from https addresses only. Every import worker must see it.",
    )
    webhook_allow_private: bool = Field(
        False,
        description="Send webhooks, and read recurring campaigns' lists, over plain http and in "
        "private networks too. For development only: whoever may add one could reach what only "
        "this machine can reach.",
    )
    webhook_keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="Days for which webhook deliveries and their events are kept."
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server for notices, as `smtp://user:password@host:587` (STARTTLS) or "
        "`smtps://...`. Unset: no mail is sent.",
    )
    mail_from: str | None = Field(None, description="Sender of notices.")
    mail_to: list[str] = Field(
        [],
        description="Who is told by mail when something pauses by itself, as a JSON list.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    simulator_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8090, description="Port of the bundled simulator, on loopback. 0: any free one."
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once from the environment.

    Raises `NotConfigured` naming every variable that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{variable_of(str(item['loc'][0]))}: {misfit(item)}" for item in error.errors()
        )
        raise NotConfigured(f"The environment cannot be used. {problems}.") from error
    except SettingsError as error:  # a value that should be JSON and is not
        told = re.sub(r'"(\w+)"', lambda found: variable_of(found[1]), str(error))
        raise NotConfigured(f"The environment cannot be used: {told} (it must be JSON).") from error


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{field.upper()}"
