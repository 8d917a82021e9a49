"""TLS to an address that was judged: the name is asked for, sent and checked."""

import ssl

import pytest

from campaigns.notifying.posting import Poster
from tests.integration.notifying.certificates import contexts_for
from tests.integration.notifying.receiver import Receiver


@pytest.fixture
def tls(tmp_path):
    return contexts_for("hooks.example", tmp_path)


@pytest.fixture
def names(tls):
    """The names that were asked for, in the order of the handshakes."""
    asked = []
    tls[0].sni_callback = lambda _socket, name, _context: asked.append(name)
    return asked


@pytest.fixture
def secure(tls, names):
    made = Receiver(tls[0])
    yield made
    made.close()


def poster(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], addresses: list[str], *, allow_private: bool = True
) -> Poster:
    return Poster(lambda *_: addresses, allow_private=allow_private, tls=tls[1])


def test_the_certificate_is_that_of_the_name_whatever_the_address(tls, secure, names):
    url = f"https://hooks.example:{secure.port}/in?x=1"
    reply = poster(tls, ["127.0.0.1"]).post(url, "{}", {"webhook-id": "msg_1"})
    assert (reply.status, reply.error) == (200, None)
    assert names == ["hooks.example"]
    (received,) = secure.received
    assert received.headers["host"] == f"hooks.example:{secure.port}"
    assert (received.path, received.body) == ("/in?x=1", "{}")


def test_a_certificate_of_another_name_is_refused(tls, secure):
    url = f"https://other.example:{secure.port}/"
    reply = poster(tls, ["127.0.0.1"]).post(url, "{}", {})
    assert reply.status is None
    assert "certificate" in (reply.error or "")
    assert secure.received == []


def test_a_name_that_leads_here_is_refused_before_anything_is_sent(tls, names):
    reply = poster(tls, ["127.0.0.1"], allow_private=False).post("https://hooks.example/", "{}", {})
    assert reply.status is None
    assert "not on the public internet" in (reply.error or "")
    assert names == []


def test_an_address_written_as_plain_http_is_refused_at_delivery_too(tls):
    reply = poster(tls, ["93.184.215.14"], allow_private=False).post(
        "http://hooks.example/", "", {}
    )
    assert "https://" in (reply.error or "")
