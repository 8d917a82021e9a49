"""Where a webhook may be sent: to the public internet, judged anew each time, and nowhere else."""

from typing import Any

import httpcore
import pytest

from campaigns.notifying.addresses import AddressRefused, GuardedBackend, check_url, is_public

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Network:
    """Stands where the plain backend is: remembers whither, and reaches nobody."""

    def __init__(self, *unreachable: str) -> None:
        self.asked: list[str] = []
        self.unreachable = unreachable

    def connect_tcp(self, host: str, *_args: Any) -> httpcore.NetworkStream:
        self.asked.append(host)
        if host in self.unreachable:
            raise httpcore.ConnectError("nobody there")
        return httpcore.MockStream([])


def backend(*answers: list[str], network: Any) -> GuardedBackend:
    """A backend whose resolver gives these answers, one after the other."""
    left = list(answers)
    made = GuardedBackend(lambda *_: left.pop(0), allow_private=False, seconds=5)
    made._plain = network
    return made


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1"),
        *("fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:127.0.0.1"),
        *("::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::"),
        *("2002:a00:1::1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        *("2001:0:7f00:1::", "not an address", ""),
    ],
)
def test_an_address_off_the_public_internet_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, PUBLIC_6, "1.1.1.1", f"::ffff:{PUBLIC}", "64:ff9b::1.1.1.1"]
)
def test_a_public_address_is_not(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("https:///path", "whole address"),
        ("example.org/hook", "whole address"),
        ("https://ann:secret@example.org/", "name and password"),
        ("https://@example.org/", "name and password"),
        ("https://example.org:22/", "443 or 8443"),
        ("https://example.org:99999/", "cannot be read"),
        ("https://example.org/#top", "after #"),
        ("https://example.org/a b", "spaces"),
        ("https://example.org/\r\nX: y", "spaces"),
        ("https://müller.example/", "ASCII"),
        ("https://example.org/" + "x" * 2000, "at most 2000"),
        ("https://127.0.0.1/", "not on the public internet"),
        ("https://127.1/", "not on the public internet"),
        ("https://2130706433/", "not on the public internet"),
        ("https://0x7f000001/", "not on the public internet"),
        ("https://[::1]/", "not on the public internet"),
        ("https://[::ffff:10.0.0.1]:8443/", "not on the public internet"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_a_reason(url, said):
    with pytest.raises(AddressRefused, match=said):
        check_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    ["https://example.org/hook?key=1", "https://example.org:8443/", f"https://{PUBLIC}:443/x"],
)
def test_an_address_on_the_internet_is_kept_as_it_is(url):
    assert check_url(url, allow_private=False) == url


def test_in_development_this_machine_may_be_told():
    assert check_url("http://127.0.0.1:9999/hook", allow_private=True)
    with pytest.raises(AddressRefused):
        check_url("ftp://127.0.0.1/", allow_private=True)
    with pytest.raises(AddressRefused, match="name and password"):
        check_url("http://a:b@127.0.0.1/", allow_private=True)


def test_the_connection_goes_to_the_address_that_was_judged():
    network = Network()
    backend([PUBLIC], network=network).connect_tcp("hooks.example", 443)
    assert network.asked == [PUBLIC]


def test_a_name_that_turns_private_is_refused_then():
    network = Network()
    rebinding = backend([PUBLIC], ["127.0.0.1"], network=network)
    rebinding.connect_tcp("hooks.example", 443)
    with pytest.raises(AddressRefused, match=r"hooks\.example leads to 127\.0\.0\.1"):
        rebinding.connect_tcp("hooks.example", 443)
    assert network.asked == [PUBLIC]


def test_one_private_address_among_public_ones_refuses_them_all():
    network = Network()
    with pytest.raises(AddressRefused):
        backend([PUBLIC, "10.0.0.1"], network=network).connect_tcp("hooks.example", 443)
    assert network.asked == []


def test_the_next_address_is_tried_when_one_does_not_answer():
    network = Network(PUBLIC_6)
    backend([PUBLIC_6, PUBLIC], network=network).connect_tcp("hooks.example", 443)
    assert network.asked == [PUBLIC_6, PUBLIC]


@pytest.mark.parametrize("addresses", [[], [PUBLIC]])
def test_a_host_that_is_not_there_is_a_failure_to_connect(addresses):
    with pytest.raises(httpcore.ConnectError):
        backend(addresses, network=Network(PUBLIC)).connect_tcp("hooks.example", 443)


def test_a_name_that_cannot_be_resolved_is_a_failure_to_connect():
    def unknown(_host, _port):
        raise OSError("no such name")

    with pytest.raises(httpcore.ConnectError, match=r"hooks\.example has no address"):
        GuardedBackend(unknown, allow_private=False, seconds=5).connect_tcp("hooks.example", 443)
