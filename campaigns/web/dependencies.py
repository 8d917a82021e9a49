"""What endpoints stand on: one transaction per request, and hints that go out after its commit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from campaigns import idempotency
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.errors import NotFound
from campaigns.reporting import Surroundings, read_one_snapshot
from campaigns.web.once import OnceDep


@dataclass(slots=True)
class AfterCommit:
    """What is to be told to the workers once the request's transaction has committed.

    A hint sent before would find the old rows, and be lost.
    """

    recalled: list[int] = field(default_factory=list)
    sends: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def recall(self, attempt_ids: Sequence[int]) -> None:
        """These attempts' calls are wanted back."""
        self.recalled += attempt_ids

    def send(self, task: str, *args: Any) -> None:
        """Send the hint `task(*args)`."""
        self.sends.append((task, args))


def _after_commit(request: Request) -> Iterator[AfterCommit]:
    later = AfterCommit()
    yield later  # an endpoint that raises ends this here, and nothing is sent
    hints = request.app.state.hints
    if later.recalled:
        hints.recall(later.recalled)
    for task, args in later.sends:
        hints.send(task, *args)


# Scope "function": over before the answer leaves, so that who reads 200 finds it committed.
AfterCommitDep = Annotated[AfterCommit, Depends(_after_commit, scope="function")]


def _session(request: Request, _later: AfterCommitDep, once: OnceDep) -> Iterator[Session]:
    with transaction(request.app.state.engine) as session:
        yield session
        if once is not None:
            idempotency.note_effect(session, once)


SessionDep = Annotated[Session, Depends(_session, scope="function")]


def _snapshot(request: Request) -> Iterator[Session]:
    with transaction(request.app.state.engine) as session:
        read_one_snapshot(session)
        yield session


SnapshotDep = Annotated[Session, Depends(_snapshot, scope="function")]


def _now(session: SessionDep) -> datetime:
    return database_now(session)


def _snapshot_now(session: SnapshotDep) -> datetime:
    return database_now(session)


NowDep = Annotated[datetime, Depends(_now, scope="function")]
SnapshotNowDep = Annotated[datetime, Depends(_snapshot_now, scope="function")]


def _settings(request: Request) -> Settings:
    config: Settings = request.app.state.settings
    return config


SettingsDep = Annotated[Settings, Depends(_settings)]


def _surroundings(config: SettingsDep) -> Surroundings:
    return Surroundings.of(config)


SurroundingsDep = Annotated[Surroundings, Depends(_surroundings)]


def require_page_host(request: Request, config: SettingsDep) -> None:
    """Raise `NotFound` under any name but those the pages may be shown under.

    A tunnel that carries provider callbacks must not publish the pages. A proxy that rewrites the
    name tells the one it was asked under, and that one counts as well.
    """
    named = [request.headers.get("host", "")]
    named += request.headers.get("x-forwarded-host", "").split(",")
    allowed = {_bare(host) for host in config.page_hosts}
    if not {_bare(name) for name in named if name.strip()} <= allowed or not named[0]:
        raise NotFound("There is nothing at this address.")


def _bare(host: str) -> str:
    """A host name without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name
