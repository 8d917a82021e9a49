"""Since when the database's clock has run evenly."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dialing import SteadyClock

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_process_trusts_no_wait_that_it_has_not_seen() -> None:
    assert SteadyClock().steady_since(NOW, 100.0) == NOW


def test_a_clock_that_runs_evenly_is_steady_from_the_first_look_on() -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0)
    for seconds in (1, 2, 60, 3600, 86_400):
        # A little too fast, as clocks are.
        assert clock.steady_since(after(seconds * 1.0005), 100.0 + seconds) == NOW


@pytest.mark.parametrize("step", [3600.0, 3.0, -3.0, -3600.0])
def test_a_step_of_the_clock_begins_everything_anew(step: float) -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0)
    assert clock.steady_since(after(10 + step), 110.0) == after(10 + step)
    assert clock.steady_since(after(20 + step), 120.0) == after(10 + step)


def test_a_process_that_was_frozen_has_seen_the_time_pass() -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0)
    assert clock.steady_since(after(900), 1000.0) == NOW
