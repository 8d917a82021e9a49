"""`outdial ready PROCESS`: whether a process on this machine can do its work, for health checks."""

import socket
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import httpx
import typer
from sqlalchemy.exc import SQLAlchemyError

from campaigns.cli.output import JsonOption, complain, show_json
from campaigns.config import Settings, settings
from campaigns.db import engine_for, transaction
from campaigns.errors import Unavailable
from campaigns.local import server_status
from campaigns.store import signs
from campaigns.store.signs import Sign

FRESH_SECONDS = 10.0
LOOK_SECONDS = 4.0


class Process(StrEnum):
    """The processes there are."""

    WEB = "web"
    WORKER = "worker"
    IMPORTS = "imports"
    SCHEDULER = "scheduler"


KINDS = {Process.WORKER: "dial", Process.IMPORTS: "imports", Process.SCHEDULER: "scheduler"}


def ready(
    process: Annotated[Process, typer.Argument(help="Which process.")],
    anywhere: Annotated[bool, typer.Option(help="On any host, not only this one.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say whether a process can do its work. Exit code 1 when none that is asked for can."""
    problems = problems_of(settings(), process, anywhere=anywhere)
    if as_json:
        show_json({"process": process.value, "ready": not problems, "problems": problems})
    elif problems:
        complain(f"The {process.value} process is not ready. {' '.join(problems)}")
    else:
        typer.echo("ready")
    raise typer.Exit(1 if problems else 0)


def problems_of(config: Settings, process: Process, *, anywhere: bool = False) -> list[str]:
    """What keeps a process of this host, or of any, from its work, in sentences."""
    if process is Process.WEB:
        return _web(config)
    return _by_heartbeat(config, KINDS[process], None if anywhere else socket.gethostname())


def _web(config: Settings) -> list[str]:
    """The web process answers for itself."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host
    url = f"http://{host}:{config.port}/readyz"
    try:
        answer = httpx.get(url, timeout=LOOK_SECONDS, trust_env=False)
        told: Mapping[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return [f"{url} does not answer ({type(error).__name__})."]
    return [f"{part}: {why}." for part, why in told.items() if part != "ready"]


def _by_heartbeat(config: Settings, kind: str, host: str | None) -> list[str]:
    """The others write down how they are. One that is ready is enough."""
    found = [
        sign
        for sign in _signs(config)
        if sign.kind == kind and host in (None, sign.host) and sign.age < FRESH_SECONDS
    ]
    if not found:
        return [f"None gave a sign of life within {FRESH_SECONDS:.0f} seconds."]
    if any(sign.ready for sign in found):
        return []
    return list(dict.fromkeys(problem for sign in found for problem in sign.problems))


def _signs(config: Settings) -> list[Sign]:
    url = config.database_url or server_status(config.data_dir).postgres.url
    if not url:
        raise Unavailable("The embedded PostgreSQL is not running.")
    engine = engine_for(url, pool_size=1)
    try:
        with transaction(engine) as session:
            return signs.signs_of_life(session)
    except SQLAlchemyError as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}).") from error
    finally:
        engine.dispose()
