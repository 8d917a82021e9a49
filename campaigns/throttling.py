"""How often somebody may try: failures counted over the last quarter of an hour, for all processes.

Each try is counted before its password is looked at, so that many at once are not one too many,
and taken back when it succeeds. While Redis is away each process counts for itself: a limit always
holds.
"""

import hashlib
import ipaddress
import logging
import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

log = logging.getLogger(__name__)

WINDOW = 900.0  # seconds
PREFIX = "outdial:tries:"
MOST_KEYS = 20_000  # counted in this process; the oldest is forgotten first
REDIS_SECONDS = 0.5
ASK_REDIS_AGAIN = 5.0  # seconds after it did not answer

# All or nothing: a try is noted under each of its keys, or under none and the wait is told.
_TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local window, wait = tonumber(ARGV[1]), 0
for place, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    local limit = tonumber(ARGV[2 + place])
    if redis.call('ZCARD', key) >= limit then
        local oldest = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')
        wait = math.max(wait, tonumber(oldest[2]) + window - now)
    end
end
if wait > 0 then return tostring(wait) end
for _, key in ipairs(KEYS) do
    redis.call('ZADD', key, now, ARGV[2])
    redis.call('EXPIRE', key, math.ceil(window))
end
return '0'
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` failures of `whom` within the window."""

    whom: str
    tries: int

    @property
    def key(self) -> str:
        """Where they are counted. Not the plain text: people type passwords into login fields."""
        return PREFIX + hashlib.sha256(self.whom.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted, or the whole seconds to wait before one is allowed."""

    wait: int
    name: str
    limits: tuple[Limit, ...]


class Throttle:
    """Counts tries in Redis, or in this process while there is none. Thread-safe."""

    def __init__(
        self,
        redis_url: str | None,
        *,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = (
            redis.Redis.from_url(
                redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
            )
            if redis_url
            else None
        )
        self._window, self._clock = window, clock
        self._away_until = float("-inf")
        self._here = _Counted(window, clock)

    def begin(self, limits: Sequence[Limit]) -> Try:
        """Count a try under every limit; `wait` is above 0, and nothing counted, if one is hit."""
        name = secrets.token_hex(8)
        wait = self._ask_redis(name, limits)
        if wait is None:
            wait = self._here.take(name, limits)
        return Try(math.ceil(wait), name, tuple(limits))

    def succeeded(self, one: Try, *, forget: Sequence[Limit] = ()) -> None:
        """Take a try back, and forget every failure under `forget`."""
        self._here.give_back(one, forget)
        if self._redis is None or self._clock() < self._away_until:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for limit in one.limits:
                    pipe.zrem(limit.key, one.name)
                if forget:
                    pipe.delete(*(limit.key for limit in forget))
                pipe.execute()
        except redis.RedisError as error:
            self._redis_is_away(error)

    def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            self._redis.close()

    def _ask_redis(self, name: str, limits: Sequence[Limit]) -> float | None:
        if self._redis is None or self._clock() < self._away_until:
            return None
        keys = [limit.key for limit in limits]
        tries = [limit.tries for limit in limits]
        try:
            answer = self._redis.eval(_TAKE, len(keys), *keys, self._window, name, *tries)
            return float(answer)
        except (redis.RedisError, TypeError, ValueError) as error:
            self._redis_is_away(error)
            return None

    def _redis_is_away(self, error: Exception) -> None:
        log.warning("tries are counted in this process alone: %s", type(error).__name__)
        self._away_until = self._clock() + ASK_REDIS_AGAIN


class _Counted:
    """The same count within one process, of at most `MOST_KEYS` keys."""

    def __init__(self, window: float, clock: Callable[[], float]) -> None:
        self._window, self._clock = window, clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, dict[str, float]] = OrderedDict()

    def take(self, name: str, limits: Sequence[Limit]) -> float:
        with self._lock:
            now, wait = self._clock(), 0.0
            for limit in limits:
                known = self._fresh(limit.key, now)
                if len(known) >= limit.tries:
                    wait = max(wait, sorted(known.values())[-limit.tries] + self._window - now)
            if wait <= 0:
                for limit in limits:
                    self._tries.setdefault(limit.key, {})[name] = now
                    self._tries.move_to_end(limit.key)
            while len(self._tries) > MOST_KEYS:
                self._tries.popitem(last=False)
            return wait

    def give_back(self, one: Try, forget: Sequence[Limit]) -> None:
        with self._lock:
            for limit in one.limits:
                self._tries.get(limit.key, {}).pop(one.name, None)
            for limit in forget:
                self._tries.pop(limit.key, None)

    def _fresh(self, key: str, now: float) -> dict[str, float]:
        known = self._tries.get(key, {})
        fresh = {name: at for name, at in known.items() if at > now - self._window}
        if fresh:
            self._tries[key] = fresh
        else:
            self._tries.pop(key, None)
        return fresh


def network_of(address: str) -> str:
    """Whose tries are counted together: an IPv4 address, or the 64 bits an IPv6 host is given."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
