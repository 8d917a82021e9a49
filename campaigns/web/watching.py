"""One look a second for all who watch the same thing, in this process and in all others.

A topic is what is watched: the overview or one campaign. While anybody watches it, a loop takes
one look a second, in a thread, and every watcher gets the same text. Of several web processes the
one that takes the topic's short lock in Redis looks, and tells the others; without Redis each
looks for itself. A watcher that is slow gets the newest look only.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import redis.asyncio
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.errors import NotFound

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
# A little less than a look's turn, so that who looked last can look again in time.
LOCK_MILLISECONDS = 950
# How long a process that may not look waits for what another one saw.
PATIENCE_SECONDS = 2.5
# After trouble with Redis a process looks for itself for so long before it asks again.
REDIS_REST_SECONDS = 5.0
STOP_CHECK_SECONDS = 0.2
# A topic nobody watches is kept for so long: a page that is loaded again finds it going on.
LINGER_SECONDS = 2.0
PREFIX = "outdial:live:"
TROUBLE = (
    "The database does not answer, so nothing here changes at the moment. "
    "What is shown was true when it last did; it goes on by itself."
)

# Given a topic, what is seen now as JSON. Raises `NotFound` or `SQLAlchemyError`.
Look = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Message:
    """One event for watchers: `update`, `trouble` or, as their last, `gone`."""

    event: str
    data: str

    @classmethod
    def saying(cls, event: str, sentence: str) -> "Message":
        """An event that is a sentence."""
        return cls(event, json.dumps({"sentence": sentence}))

    @property
    def sentence(self) -> str:
        """The sentence of an event that is one."""
        return str(json.loads(self.data)["sentence"])

    def encoded(self) -> bytes:
        """As a server-sent event; the data has no line breaks."""
        return f"event: {self.event}\ndata: {self.data}\n\n".encode()


class Watcher:
    """One who watches: holds the newest message that was not taken yet."""

    def __init__(self) -> None:
        self._newest: Message | None = None
        self._come = asyncio.Event()
        self.stopped = False

    def give(self, message: Message) -> None:
        """Put a message in the place of one that was not taken."""
        self._newest = message
        self._come.set()

    def stop(self) -> None:
        """No more will come."""
        self.stopped = True
        self._come.set()

    async def next(self, timeout: float) -> Message | None:
        """The newest message; None when none came in `timeout` seconds, or none will come."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._come.wait(), timeout)
        message, self._newest = self._newest, None
        if not self.stopped:
            self._come.clear()
        return message


@dataclass(slots=True)
class _Topic:
    watchers: set[Watcher] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None
    latest: Message | None = None
    heard_at: float = float("-inf")


class Watchers:
    """All watchers of this process. Belongs to one event loop."""

    def __init__(
        self, look: Look, redis_url: str | None, stopping: Callable[[], bool] = bool
    ) -> None:
        self._look, self._stopping = look, stopping
        self._me = secrets.token_hex(8)
        self._topics: dict[str, _Topic] = {}
        # Streams that are open, by the kind and the id of who watches.
        self.taken: Counter[tuple[str, int | None]] = Counter()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="live")
        self._redis_url = redis_url
        self._redis: redis.asyncio.Redis | None = None
        self._redis_rest_until = float("-inf")
        self._background: list[asyncio.Task[None]] = []
        self._closed = False

    @contextlib.contextmanager
    def watch(self, topic: str) -> Iterator[Watcher]:
        """Watch `topic` for as long as the block lasts; what was seen last comes at once."""
        watcher = Watcher()
        if self._closed or self._stopping():
            watcher.stop()
            yield watcher
            return
        self._start_background()
        found = self._topics.setdefault(topic, _Topic())
        found.watchers.add(watcher)
        if found.latest is not None and time.monotonic() - found.heard_at < LINGER_SECONDS:
            watcher.give(found.latest)
        if found.task is None:
            found.task = asyncio.get_running_loop().create_task(self._run(topic, found))
        try:
            yield watcher
        finally:
            found.watchers.discard(watcher)

    def topics(self) -> list[str]:
        """What is watched in this process, or was until a moment ago."""
        return sorted(self._topics)

    def stop(self) -> None:
        """End every watch, so that the server can stop."""
        self._closed = True
        for found in self._topics.values():
            for watcher in found.watchers:
                watcher.stop()
            if found.task is not None:
                found.task.cancel()
        self._topics.clear()

    async def close(self) -> None:
        """Let go of everything. The looks that are under way are waited for."""
        self.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._redis is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()
        await asyncio.to_thread(self._pool.shutdown)

    def _start_background(self) -> None:
        if self._background:
            return
        loop = asyncio.get_running_loop()
        self._background.append(loop.create_task(self._watch_server()))
        if self._redis_url is not None:
            self._redis = redis.asyncio.from_url(
                self._redis_url,
                socket_timeout=1.0,
                socket_connect_timeout=1.0,
                health_check_interval=10,
                decode_responses=True,
            )
            self._background.append(loop.create_task(self._listen(self._redis)))

    async def _watch_server(self) -> None:
        """A server that is told to stop waits for its answers to end: these must end first."""
        while not self._stopping():
            await asyncio.sleep(STOP_CHECK_SECONDS)
        self.stop()

    async def _run(self, topic: str, found: _Topic) -> None:
        watched_at = time.monotonic()
        while found.watchers or time.monotonic() - watched_at < LINGER_SECONDS:
            began = time.monotonic()
            if found.watchers:
                watched_at = began
                message = await self._turn(topic, found)
                if message is not None:
                    self._deliver(found, message)
            await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))
        self._topics.pop(topic, None)

    async def _turn(self, topic: str, found: _Topic) -> Message | None:
        """This process's look, if it is its turn; None when another process looks."""
        mine = await self._my_turn(topic)
        if mine is False and time.monotonic() - found.heard_at < PATIENCE_SECONDS:
            return None
        if mine is False and found.heard_at == float("-inf"):
            found.heard_at = time.monotonic()  # somebody else looks: what they see is on its way
            return None
        loop = asyncio.get_running_loop()
        message = await loop.run_in_executor(self._pool, self._seen, topic)
        if mine:
            await self._tell(topic, message)
        return message

    def _seen(self, topic: str) -> Message:
        try:
            return Message("update", self._look(topic))
        except NotFound as missing:
            return Message.saying("gone", str(missing))
        except SQLAlchemyError as error:
            log.warning("no look at %s: %s", topic, type(error).__name__)
            return Message.saying("trouble", TROUBLE)
        except Exception:  # whoever watches must be told rather than left with an old picture
            log.exception("no look at %s", topic)
            return Message.saying("trouble", TROUBLE)

    @staticmethod
    def _deliver(found: _Topic, message: Message) -> None:
        found.latest, found.heard_at = message, time.monotonic()
        for watcher in found.watchers:
            watcher.give(message)
            if message.event == "gone":
                watcher.stop()

    async def _my_turn(self, topic: str) -> bool | None:
        """Whether this process looks; None: Redis cannot say, so each looks for itself."""
        if self._redis is None or time.monotonic() < self._redis_rest_until:
            return None
        try:
            taken = await self._redis.set(
                f"{PREFIX}lock:{topic}", self._me, nx=True, px=LOCK_MILLISECONDS
            )
        except (RedisError, OSError) as error:
            self._rest(error)
            return None
        return bool(taken)

    async def _tell(self, topic: str, message: Message) -> None:
        if self._redis is None:
            return
        told = json.dumps({"from": self._me, "event": message.event, "data": message.data})
        try:
            await self._redis.publish(f"{PREFIX}topic:{topic}", told)
        except (RedisError, OSError) as error:
            self._rest(error)

    def _rest(self, error: Exception) -> None:
        log.warning("live updates go on without Redis: %s", type(error).__name__)
        self._redis_rest_until = time.monotonic() + REDIS_REST_SECONDS

    async def _listen(self, server: "redis.asyncio.Redis") -> None:
        """Hand on what other processes saw, as long as this process has watchers at all."""
        while True:
            try:
                async with server.pubsub() as heard:
                    await heard.psubscribe(f"{PREFIX}topic:*")
                    while True:
                        # With a time-out, or a connection that went silent would never be missed.
                        item = await heard.get_message(
                            ignore_subscribe_messages=True, timeout=EVERY_SECONDS
                        )
                        if item is not None:
                            self._hear(item["channel"], item["data"])
            except (RedisError, OSError) as error:
                self._rest(error)
                await asyncio.sleep(REDIS_REST_SECONDS)

    def _hear(self, channel: str, told: str) -> None:
        found = self._topics.get(channel.removeprefix(f"{PREFIX}topic:"))
        said = json.loads(told)
        if found is not None and said["from"] != self._me:
            self._deliver(found, Message(said["event"], said["data"]))
