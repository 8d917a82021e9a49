"""Since when the database's clock has run evenly."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dialing import SteadyClock

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_process_trusts_no_wait_that_it_has_not_seen() -> None:
    assert SteadyClock().steady_since(NOW, 100.0, None) == NOW


def test_a_clock_that_runs_evenly_is_steady_from_the_first_look_on() -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0, None)
    for seconds in (1, 2, 60, 3600, 86_400):
        # A little too fast, as clocks are.
        assert clock.steady_since(after(seconds * 1.0005), 100.0 + seconds, NOW) == NOW


@pytest.mark.parametrize("step", [3600.0, 3.0, -3.0])
def test_a_step_of_the_clock_begins_everything_anew(step: float) -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0, None)
    assert clock.steady_since(after(10 + step), 110.0, None) == after(10 + step)
    assert clock.steady_since(after(20 + step), 120.0, None) == after(10 + step)


def test_a_clock_that_was_put_back_is_steady_when_it_is_beyond_what_it_has_shown() -> None:
    """Until then a time may be that of an attempt from before the step, or of one from after it."""
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0, None)
    clock.steady_since(after(10), 110.0, after(9))
    for seconds in (-3590, -3000, 5, 20, 3600):
        assert clock.steady_since(after(seconds), 3710.0 + seconds, None) == after(10)


def test_what_is_on_record_tells_of_a_step_that_nobody_saw() -> None:
    clock = SteadyClock()
    assert clock.steady_since(NOW, 100.0, after(-1)) == NOW
    begun = SteadyClock()
    assert begun.steady_since(NOW, 100.0, after(1800)) == after(1800)
    assert begun.steady_since(after(10), 110.0, after(1800)) == after(1800)
    assert begun.steady_since(after(2000), 2100.0, after(1999)) == after(1800)


def test_what_was_shown_once_is_not_forgotten_when_less_is_on_record() -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0, None)
    clock.steady_since(after(60), 160.0, after(50))
    assert clock.steady_since(after(-3000), 161.0, after(50)) == after(60)
    assert clock.steady_since(after(-2990), 171.0, after(50)) == after(60)
    assert clock.steady_since(after(100), 3261.0, after(50)) == after(60)


def test_many_steps_too_small_to_be_seen_are_seen_together() -> None:
    """As a clock that is slewed: right to a second from one look to the next, and minutes wrong."""
    clock = SteadyClock()
    clock.steady_since(NOW, 0.0, None)
    since = [clock.steady_since(after(1.09 * n), float(n), None) for n in range(1, 1000)]
    assert since[5] == NOW
    assert len(set(since)) > 50
    assert all(after(1.09 * n) - one < timedelta(seconds=30) for n, one in enumerate(since, 1))


def test_a_process_that_was_frozen_has_seen_the_time_pass() -> None:
    clock = SteadyClock()
    clock.steady_since(NOW, 100.0, None)
    assert clock.steady_since(after(900), 1000.0, NOW) == NOW
