"""A connection to the broker that breaks while a message is held does not end the worker."""

import logging
from collections.abc import Callable
from uuid import uuid4

import pytest
from kombu.connection import Connection
from kombu.message import Message

from campaigns.hints import celery_settings
from campaigns.local import ServerUrls
from workers.broker import transport_for

log = logging.getLogger(__name__)


@pytest.fixture
def held(servers: ServerUrls) -> Callable[[str | None], tuple[Connection, Message]]:
    """A message that was taken through a connection that is gone since."""

    def hold(transport: str | None) -> tuple[Connection, Message]:
        options = celery_settings(servers.redis_url)["broker_transport_options"]
        connection = Connection(servers.redis_url, transport=transport, transport_options=options)
        queue = connection.SimpleQueue(f"queue-{uuid4().hex}")
        queue.put([1])
        message = queue.get(timeout=5)
        channel = message.channel
        assert channel.qos._delivered, "nothing is held"
        channel.qos._on_collect.cancel()  # at the end of this process it would try once more
        channel._pool = channel._async_pool = None
        channel.connection.client = None
        return connection, message

    return hold


def test_an_acknowledgement_fails_as_a_connection_does(held, servers: ServerUrls) -> None:
    connection, message = held(transport_for(servers.redis_url))
    message.ack_log_error(log, connection.connection_errors)
    assert not message.acknowledged


def test_what_is_held_and_cannot_be_put_back_fails_as_a_connection_does(
    held, servers: ServerUrls
) -> None:
    """Celery ignores that when it closes a connection, and nothing else."""
    connection, message = held(transport_for(servers.redis_url))
    with pytest.raises(connection.connection_errors, match="hostname"):
        message.channel.qos.restore_unacked_once()


def test_kombu_alone_would_end_the_worker(held) -> None:
    """When this fails kombu has been mended, and `workers.broker` is not needed any more."""
    connection, message = held(None)
    with pytest.raises(AttributeError, match="NoneType"):
        message.ack_log_error(log, connection.connection_errors)


@pytest.mark.parametrize("scheme", ["sentinel", "redis+socket", "memory"])
def test_other_brokers_are_left_to_kombu(scheme: str) -> None:
    assert transport_for(f"{scheme}://a:1/0") is None
