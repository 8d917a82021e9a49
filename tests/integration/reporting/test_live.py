"""Live pages: one look a second for all who watch, the same for each, and an end when told."""

import asyncio
import itertools
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from campaigns import api_keys
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.errors import NotFound
from campaigns.vault import Vault
from campaigns.web import live, problems
from campaigns.web.watching import Message, Watcher, Watchers
from tests.integration.reporting.seed import SECRET, make_recipient, make_running_campaign

WATCHERS = 200
UPDATES = 3


def make_served(engine, redis_url, tmp_path) -> FastAPI:
    app = FastAPI(lifespan=live.watching)
    app.state.settings = Settings(data_dir=tmp_path, redis_url=redis_url)
    app.state.engine = engine
    app.state.vault = Vault(SECRET)
    problems.install(app)
    app.include_router(live.router)
    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[tuple[str, uvicorn.Server, threading.Thread]]:
    """A real server on loopback."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=20))
    app.state.stopping = lambda: server.should_exit
    started = threading.Event()
    main_loop = server.main_loop

    async def announced() -> None:
        started.set()
        await main_loop()

    server.main_loop = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server, thread
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


@pytest.fixture
def watched(engine, servers, tmp_path):
    campaign_id = make_running_campaign(engine, people=3)
    with transaction(engine) as session:
        key = api_keys.create_key(session, "watcher").token
    app = make_served(engine, servers.redis_url, tmp_path)
    with serving(app) as (url, server, thread):
        yield app, url, server, thread, campaign_id, {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def client(url: str, headers: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=60, trust_env=False
    ) as opened:
        yield opened


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Events as they come: name and data."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, line.removeprefix("data: ")


async def some_updates(opened: httpx.AsyncClient, path: str, count: int) -> list[str]:
    async with opened.stream("GET", path) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        seen: list[str] = []
        async for name, data in events(response):
            assert name == "update", data
            seen.append(data)
            if len(seen) == count:
                break
        return seen


def test_two_hundred_watchers_cost_one_query_a_second_and_see_the_same(watched):
    app, url, _, _, campaign_id, headers = watched
    statements: list[str] = []

    def count(_conn, _cursor, statement, *_):
        statements.append(statement)

    event.listen(app.state.looks.engine, "before_cursor_execute", count)

    async def watch_all() -> list[list[str]]:
        async with client(url, headers) as opened:
            return await asyncio.gather(
                *(
                    some_updates(opened, f"/live/campaigns/{campaign_id}", UPDATES)
                    for _ in range(WATCHERS)
                )
            )

    seen = asyncio.run(watch_all())

    assert [len(one) for one in seen] == [UPDATES] * WATCHERS
    by_instant: dict[str, set[str]] = {}
    for data in itertools.chain.from_iterable(seen):
        by_instant.setdefault(json.loads(data)["as_of"], set()).add(data)
    assert all(len(same) == 1 for same in by_instant.values())
    # One statement is one look. The first look is taken twice; the last may have come too late.
    assert len(by_instant) <= len(statements) <= len(by_instant) + 2
    first, *_, last = sorted(datetime.fromisoformat(at) for at in by_instant)
    assert len(by_instant) - 2 <= (last - first).total_seconds()


def test_watchers_see_what_changes_without_asking_again(watched, engine):
    _, url, _, _, campaign_id, headers = watched

    async def watch() -> tuple[int, int]:
        async with (
            client(url, headers) as opened,
            opened.stream("GET", f"/live/campaigns/{campaign_id}") as response,
        ):
            stream = events(response)
            _, before = await anext(stream)
            with transaction(engine) as session:
                make_recipient(session, campaign_id, 50)
            async for _, data in stream:
                total = json.loads(data)["recipients"]["total"]
                if total != json.loads(before)["recipients"]["total"]:
                    return json.loads(before)["recipients"]["total"], total
            raise AssertionError("the stream ended")

    assert asyncio.run(watch()) == (3, 4)


def test_the_overview_is_watched_too(watched):
    _, url, _, _, campaign_id, headers = watched

    async def watch() -> list[str]:
        async with client(url, headers) as opened:
            return await some_updates(opened, "/live/overview", 1)

    (data,) = asyncio.run(watch())
    shown = json.loads(data)
    assert [one["id"] for one in shown["campaigns"]] == [campaign_id]
    assert shown["campaigns"][0]["sentence"].startswith("Running, but nobody is called")
    assert {line["part"] for line in shown["health"]["lines"]} >= {"Scheduler", "Database"}


@pytest.mark.parametrize("campaign_id", [999_999, 2**63, -1])
def test_a_campaign_that_does_not_exist_is_not_found(watched, campaign_id):
    _, url, _, _, _, headers = watched
    found = httpx.get(
        f"{url}/live/campaigns/{campaign_id}", headers=headers, timeout=60, trust_env=False
    )
    assert found.status_code == 404


def test_who_does_not_sign_in_sees_nothing(watched):
    _, url, _, _, campaign_id, _ = watched
    headers = {"Authorization": "Bearer wrong"}
    found = httpx.get(
        f"{url}/live/campaigns/{campaign_id}", headers=headers, timeout=60, trust_env=False
    )
    assert found.status_code == 401


def test_a_server_that_stops_ends_the_streams_and_does_not_hang(watched):
    _, url, server, thread, campaign_id, headers = watched

    async def watch() -> int:
        async with (
            client(url, headers) as opened,
            opened.stream("GET", f"/live/campaigns/{campaign_id}") as response,
        ):
            count = 0
            async for _ in events(response):
                count += 1
                server.should_exit = True
            return count

    assert asyncio.run(watch()) >= 1  # the stream ended as one that is complete
    thread.join(15)  # less than the time after which the server would cut it off
    assert not thread.is_alive()


def test_a_watcher_that_leaves_is_forgotten_and_nobody_looks_any_more(watched):
    app, url, _, _, campaign_id, headers = watched

    async def watch() -> None:
        async with client(url, headers) as opened:
            await some_updates(opened, f"/live/campaigns/{campaign_id}", 1)

    asyncio.run(watch())
    waiting = threading.Event()
    for _ in range(300):
        if not app.state.watchers.topics():
            break
        waiting.wait(0.05)
    assert app.state.watchers.topics() == []


def test_who_may_not_watch_any_more_is_told_and_left(watched, monkeypatch, engine):
    _, url, _, _, campaign_id, headers = watched
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0.1)

    async def watch() -> list[str]:
        async with (
            client(url, headers) as opened,
            opened.stream("GET", f"/live/campaigns/{campaign_id}") as response,
        ):
            names = []
            async for name, _ in events(response):
                names.append(name)
                with transaction(engine) as session:
                    session.execute(text("UPDATE api_keys SET revoked_at = now()"))
            return names

    names = asyncio.run(watch())
    assert names[0] == "update"
    assert names[-1] == "signed-out"


def test_a_quiet_stream_is_kept_open_by_comments(watched, monkeypatch):
    _, url, _, _, campaign_id, headers = watched
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)

    async def watch() -> str:
        async with (
            client(url, headers) as opened,
            opened.stream("GET", f"/live/campaigns/{campaign_id}") as response,
        ):
            got = ""
            async for piece in response.aiter_text():
                got += piece
                if ": still here" in got:
                    return got
            return got

    got = asyncio.run(watch())
    assert got.startswith("retry: 3000\n\n")
    assert ": still here\n\n" in got


class Counting:
    """Looks that cost nothing, counted; every one differs."""

    def __init__(self) -> None:
        self.looks = 0
        self.raises: list[Exception] = []

    def __call__(self, topic: str) -> str:
        self.looks += 1
        if self.raises:
            raise self.raises.pop(0)
        return f"{topic} {self.looks}"


async def come(watcher: Watcher) -> Message:
    """The next message, which must come."""
    message = await watcher.next(30)
    assert message is not None
    return message


async def taken(watchers: Watchers, count: int) -> list[str]:
    with watchers.watch("overview") as watcher:
        got: list[str] = []
        while len(got) < count:
            message = await watcher.next(30)
            if message is not None:
                got.append(message.data)
        return got


def test_of_several_processes_one_looks_and_tells_the_others(servers):
    look = Counting()

    async def watch() -> list[list[str]]:
        every = [Watchers(look, servers.redis_url) for _ in range(3)]
        try:
            return await asyncio.gather(*(taken(one, 4) for one in every))
        finally:
            await asyncio.gather(*(one.close() for one in every))

    seen = asyncio.run(watch())
    distinct = set(itertools.chain.from_iterable(seen))
    assert look.looks <= len(distinct) + 1
    assert len(distinct) <= 4 + 2  # each saw four, and nearly always the same four


def test_without_redis_each_process_looks_for_itself():
    async def watch() -> list[int]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        looks = [Counting(), Counting()]
        every = [Watchers(look, f"redis://127.0.0.1:{port}/0") for look in looks]
        try:
            await asyncio.gather(*(taken(one, 2) for one in every))
        finally:
            await asyncio.gather(*(one.close() for one in every))
        return [look.looks for look in looks]

    assert all(looks >= 2 for looks in asyncio.run(watch()))


def test_trouble_with_the_database_is_said_and_over_when_it_is_over():
    look = Counting()
    look.raises = [OperationalError("SELECT", {}, Exception("away"))]

    async def watch() -> list[str]:
        watchers = Watchers(look, None)
        try:
            with watchers.watch("overview") as watcher:
                return [(await come(watcher)).event for _ in range(2)]
        finally:
            await watchers.close()

    assert asyncio.run(watch()) == ["trouble", "update"]


def test_a_slow_watcher_gets_the_newest_look_only():
    look = Counting()

    async def watch() -> tuple[str, str]:
        watchers = Watchers(look, None)
        try:
            with watchers.watch("overview") as slow:
                quick = await taken(watchers, 3)
                return (await come(slow)).data, quick[-1]
        finally:
            await watchers.close()

    slow, newest = asyncio.run(watch())
    assert slow == newest


def test_what_does_not_exist_ends_the_watch():
    look = Counting()
    look.raises = [NotFound("There is no campaign 7.")]

    async def watch() -> tuple[str, str, bool]:
        watchers = Watchers(look, None)
        try:
            with watchers.watch("campaign:7") as watcher:
                message = await come(watcher)
                return message.event, message.sentence, watcher.stopped
        finally:
            await watchers.close()

    assert asyncio.run(watch()) == ("gone", "There is no campaign 7.", True)
