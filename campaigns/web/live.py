"""Live pages by server-sent events: one statement a second and topic, however many watch.

event: update   what the page shows, as JSON (`CampaignLive`, `OverviewLive`)
event: trouble  the database is away; a sentence says so
event: gone     what was watched does not exist; the last event
event: signed-out  whoever watches may not any more; the last event
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator

from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import Engine
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from campaigns.access import Actor, Permission
from campaigns.db import engine_for
from campaigns.errors import NotFound, OutdialError, SignInNeeded, TooManyRequests
from campaigns.reporting import Surroundings, Watch
from campaigns.web.auth import current_viewer, needs, still_allowed
from campaigns.web.dependencies import require_page_host
from campaigns.web.watching import Message, Watcher, Watchers

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 3000
RECHECK_SECONDS = 60.0
FIRST_LOOK_SECONDS = 5.0
OVERVIEW = "overview"
# At a time, of one user or one key, in each process: more than anybody has pages open.
MOST_STREAMS = {"user": 30, "key": 300}

router = APIRouter(include_in_schema=False, dependencies=[Depends(require_page_host)])


class Looks:
    """Takes looks at topics, each by one statement on a connection of its own.

    Connections are not asked whether they are alive before each look, which would be a second
    statement: a look that fails is trouble for one second, and the next one is on a new one.
    """

    def __init__(self, engine: Engine, around: Surroundings) -> None:
        self.engine = engine
        self._around = around
        self._lock = threading.Lock()
        self._watches: dict[str, tuple[threading.Lock, Watch]] = {}

    @classmethod
    def on(cls, url: str, around: Surroundings) -> "Looks":
        """Looks at the database at `url`."""
        made = engine_for(url, pool_size=4, application_name="outdial-live", pre_ping=False)
        return cls(made.execution_options(isolation_level="AUTOCOMMIT"), around)

    def look(self, topic: str) -> str:
        """What is seen at `topic` now, as JSON."""
        with self._lock:
            lock, watch = self._watches.setdefault(topic, (threading.Lock(), Watch()))
        with lock, self.engine.connect() as connection:
            if topic == OVERVIEW:
                return watch.overview(connection, self._around).model_dump_json()
            campaign_id = int(topic.removeprefix("campaign:"))
            try:
                return watch.campaign(connection, campaign_id, self._around).model_dump_json()
            except NotFound:
                with self._lock:  # whoever asks for what there never was leaves nothing behind
                    self._watches.pop(topic, None)
                raise

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


class EventStream(Response):
    """What a watcher gets until they go, may not watch any more, or the server stops."""

    media_type = "text/event-stream"

    def __init__(
        self,
        watchers: Watchers,
        topic: str,
        actor: Actor,
        allowed: Callable[[], None],
        first: Message | None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._watchers, self._topic, self._actor = watchers, topic, actor
        self._allowed, self._first = allowed, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until there is a reason to end. Raises `TooManyRequests`."""
        with self._seat(), self._watchers.watch(self._topic) as watcher:
            await send(
                {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
            )
            gone = asyncio.ensure_future(_gone(receive, watcher))
            try:
                async for chunk in self._chunks(watcher):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            finally:
                gone.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await gone
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @contextlib.contextmanager
    def _seat(self) -> Iterator[None]:
        """One of the streams that whoever asks may have open at a time."""
        taken, who = self._watchers.taken, (self._actor.kind, self._actor.id)
        if taken[who] >= MOST_STREAMS[self._actor.kind]:
            raise TooManyRequests(
                "You have too many live pages open. Close some of them, and load this one again.",
                retry_after=RETRY_MILLISECONDS // 1000,
            )
        taken[who] += 1
        try:
            yield
        finally:
            taken[who] -= 1
            if not taken[who]:
                del taken[who]

    async def _chunks(self, watcher: Watcher) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        if self._first is not None:
            yield self._first.encoded()
        heard = checked = loop.time()
        while not watcher.stopped:
            soon = min(heard + HEARTBEAT_SECONDS, checked + RECHECK_SECONDS) - loop.time()
            message = await watcher.next(max(soon, 0.0))
            if message is not None and message is not self._first:
                heard = loop.time()
                yield message.encoded()
            if loop.time() >= checked + RECHECK_SECONDS:
                checked = loop.time()
                try:
                    await asyncio.to_thread(self._allowed)
                except OutdialError as refused:
                    yield Message.saying("signed-out", str(refused)).encoded()
                    return
            if loop.time() >= heard + HEARTBEAT_SECONDS:
                heard = loop.time()
                yield b": still here\n\n"


async def _gone(receive: Receive, watcher: Watcher) -> None:
    """Stop the watcher when the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.stop()


@router.get("/live/overview", dependencies=[needs(Permission.SEE)])
async def watch_overview(request: Request) -> Response:
    """The overview, every second."""
    return await _stream(request, OVERVIEW)


@router.get("/live/campaigns/{campaign_id}", dependencies=[needs(Permission.SEE)])
async def watch_campaign(request: Request, campaign_id: int) -> Response:
    """One campaign, every second. Raises `NotFound`."""
    if not 0 < campaign_id < 2**63:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return await _stream(request, f"campaign:{campaign_id}")


async def _stream(request: Request, topic: str) -> Response:
    watchers: Watchers = request.app.state.watchers
    with watchers.watch(topic) as watcher:  # whether it exists is told by its first look
        first = await watcher.next(FIRST_LOOK_SECONDS)
    if first is not None and first.event == "gone":
        raise NotFound(first.sentence)
    actor = current_viewer(request).actor
    return EventStream(watchers, topic, actor, lambda: _check(request), first)


def _check(request: Request) -> None:
    """Raise `SignInNeeded` once who watches may not any more."""
    if not still_allowed(request, Permission.SEE):
        raise SignInNeeded("You are signed out. Sign in again to go on watching.")


@contextlib.asynccontextmanager
async def watching(app: FastAPI) -> AsyncIterator[None]:
    """Watchers for as long as the application lives. `app.state.stopping`, when there is one,
    says whether the server was told to stop; streams end then."""
    config = app.state.settings
    looks = Looks.on(
        app.state.engine.url.render_as_string(hide_password=False), Surroundings.of(config)
    )
    stopping: Callable[[], bool] = getattr(app.state, "stopping", bool)
    app.state.watchers = Watchers(looks.look, config.redis_url, stopping)
    app.state.looks = looks
    try:
        yield
    finally:
        await app.state.watchers.close()
        looks.close()


__all__ = ["EventStream", "Looks", "router", "watching"]
