"""Failures counted within one process."""

from typing import Any

import pytest

from campaigns.throttling import Limit, Throttle, network_of

LOGIN = Limit("login:ada", 3)
PLACE = Limit("address:192.0.2.1", 5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> Any:
    return Clock()


@pytest.fixture
def throttle(clock) -> Any:
    return Throttle(None, window=900, clock=clock)


def failed(throttle, *limits) -> Any:
    return throttle.begin(limits).wait


def test_so_many_failures_are_allowed_and_the_next_is_not(throttle):
    assert [failed(throttle, LOGIN, PLACE) for _ in range(3)] == [0, 0, 0]
    assert failed(throttle, LOGIN, PLACE) == 900


def test_the_window_slides(throttle, clock):
    for _ in range(3):
        failed(throttle, LOGIN)
        clock.now += 100
    assert failed(throttle, LOGIN) == 600
    clock.now += 601
    assert failed(throttle, LOGIN) == 0
    assert failed(throttle, LOGIN) == 99


def test_a_refused_try_counts_under_no_limit(throttle):
    for _ in range(3):
        failed(throttle, LOGIN)
    for _ in range(10):
        failed(throttle, LOGIN, PLACE)
    assert [failed(throttle, PLACE) for _ in range(6)] == [0, 0, 0, 0, 0, 900]


def test_a_success_is_no_failure_and_forgets_those_of_its_login(throttle):
    for _ in range(2):
        failed(throttle, LOGIN, PLACE)
    good = throttle.begin([LOGIN, PLACE])
    throttle.succeeded(good, forget=[LOGIN])
    assert [failed(throttle, LOGIN) for _ in range(4)] == [0, 0, 0, 900]
    # The address keeps its two failures: one's own account buys no more guesses at others'.
    assert [failed(throttle, PLACE) for _ in range(4)] == [0, 0, 0, 900]


def test_names_are_kept_as_digests_only():
    assert "ada" not in LOGIN.key


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_host_that_picks_its_own_addresses_is_one(address, counted):
    assert network_of(address) == counted
