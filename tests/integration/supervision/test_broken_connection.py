"""A connection to the broker that breaks while a message is held does not end the worker."""

from uuid import uuid4

import pytest
from kombu.connection import Connection
from kombu.transport.redis import Channel

from campaigns.local import ServerUrls
from workers.app import app


def held_by_a_broken_channel(redis_url: str) -> Channel:
    """A channel that has taken a message, could not acknowledge it, and lost its connection."""
    connection = Connection(redis_url, transport_options=app.conf.broker_transport_options)
    queue = connection.SimpleQueue(f"queue-{uuid4().hex}")
    queue.put([1])
    queue.get(timeout=5)
    channel = connection.default_channel
    assert isinstance(channel, Channel)
    assert channel.qos._delivered, "nothing is held"
    channel.connection.client = None
    channel._pool = channel._async_pool = None
    return channel


def test_a_message_that_is_held_is_left_where_it_is(servers: ServerUrls) -> None:
    held_by_a_broken_channel(servers.redis_url).qos.restore_unacked_once()


def test_kombu_would_put_it_back_and_fail(
    servers: ServerUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails kombu has been mended, and `workers.app` need not forbid it any more."""
    monkeypatch.setattr(Channel, "do_restore", True)
    with pytest.raises(AttributeError, match="hostname"):
        held_by_a_broken_channel(servers.redis_url).qos.restore_unacked_once()
