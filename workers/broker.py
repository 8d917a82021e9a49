"""The broker as workers reach it: Redis, with one more sign that a connection is gone."""

from kombu.transport import redis

from campaigns.config import Settings


class Transport(redis.Transport):
    """Redis, with what kombu 5.7 raises when a message is acknowledged, or put back, through a
    channel whose connection is gone: `'NoneType' object has no attribute ...`.

    As an error of the connection it makes the worker connect again; as any other it ends it.
    """

    connection_errors = (*redis.Transport.connection_errors, AttributeError)


def broker_of(config: Settings) -> str:
    """The URL of the broker."""
    return config.broker_url or str(config.redis_url)


def transport_for(broker_url: str) -> str | None:
    """The transport to be named for that broker; None for kombu's own, by the URL."""
    plain = broker_url.startswith(("redis://", "rediss://"))
    return f"{__name__}:{Transport.__name__}" if plain else None
