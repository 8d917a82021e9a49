"""A free port is one that can be listened on now."""

import socket

import pytest

from campaigns.errors import NotConfigured
from campaigns.local import free_port


def listening(port: int = 0) -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def test_a_free_preferred_port_is_given():
    with listening() as probe:
        port = probe.getsockname()[1]
    assert free_port("127.0.0.1", port) == port


def test_a_taken_port_leads_to_another_that_can_be_bound():
    with listening() as taken:
        port = free_port("127.0.0.1", taken.getsockname()[1])
        assert port != taken.getsockname()[1]
        listening(port).close()


def test_no_preference_gives_any():
    listening(free_port("127.0.0.1")).close()


def test_the_last_port_of_all_may_be_asked_for():
    assert 0 < free_port("127.0.0.1", 65535) <= 65535


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_refused(host):
    with pytest.raises(NotConfigured, match=host):
        free_port(host, 8000)
