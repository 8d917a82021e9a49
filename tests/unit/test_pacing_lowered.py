"""Rates that are lowered for a while: after a refusal, and while a campaign grows to its rate."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.pacing import (
    GENTLE_RAMP,
    NO_RAMP,
    REGAIN_SECONDS,
    SLOWEST_PART,
    Ramp,
    Slowdown,
    halve,
    ramp_of,
    ramped_cps,
    slowed_cps,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_refusal_halves_the_rate_and_it_grows_back_by_the_same_amount_each_second():
    slowed = halve(None, NOW, later(1))
    assert slowed == Slowdown(0.5, later(1))
    assert slowed_cps(8, slowed, NOW) == 4  # it does not grow while the account rests
    rates = [slowed_cps(8, slowed, later(1 + n * REGAIN_SECONDS / 8)) for n in range(5)]
    assert rates == pytest.approx([4, 5, 6, 7, 8])
    assert slowed.over_at == later(1 + REGAIN_SECONDS / 2)
    assert slowed_cps(8, slowed, later(10_000)) == 8


def test_a_second_refusal_halves_what_was_regained():
    slowed = halve(halve(None, NOW, NOW), later(REGAIN_SECONDS / 4), NOW)
    assert slowed == Slowdown(0.375, later(REGAIN_SECONDS / 4))


def test_an_account_is_never_halved_to_nothing():
    slowed = None
    for n in range(20):
        slowed = halve(slowed, later(n / 10), NOW)
    assert slowed is not None
    assert slowed.part == SLOWEST_PART


def test_without_a_refusal_the_rate_is_the_accounts():
    assert slowed_cps(3.0, None, NOW) == 3.0


@given(
    st.floats(0.01, 500),
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 60)), max_size=8),
    st.floats(0, 400),
)
def test_no_history_of_refusals_raises_a_rate(cps, refusals, waited):
    now, slowed = NOW, None
    for pause, rest in refusals:
        now += timedelta(seconds=pause)
        before = slowed_cps(cps, slowed, now)
        slowed = halve(slowed, now, now + timedelta(seconds=rest))
        assert slowed_cps(cps, slowed, now) <= max(before / 2, cps * SLOWEST_PART) + 1e-9
    after = slowed_cps(cps, slowed, now + timedelta(seconds=waited))
    assert cps * SLOWEST_PART <= after <= cps
    if slowed is not None and now + timedelta(seconds=waited) >= slowed.over_at:
        assert after == pytest.approx(cps)


def test_a_campaign_grows_to_its_rate():
    ramp = Ramp(0.2, 600)
    parts = [ramp.part(NOW, later(n * 150)) for n in range(5)]
    assert parts == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert ramp.part(NOW, later(100_000)) == 1.0
    assert ramp.part(later(5), NOW) == 0.2  # a clock that went back: as at its start


def test_a_ramp_of_no_length_and_one_that_never_began_hold_nothing_back():
    assert NO_RAMP.part(NOW, NOW) == 1.0
    assert Ramp(0.1, 600).part(None, NOW) == 1.0


def test_the_default_is_gentle_with_real_people_only():
    assert ramp_of(None, live=True) == GENTLE_RAMP
    assert ramp_of(None, live=False) == NO_RAMP
    assert ramp_of({"start": 0.5, "seconds": 60}, live=True) == Ramp(0.5, 60)


def test_a_ramp_is_a_part_of_the_campaigns_rate_or_of_its_accounts():
    ramp = Ramp(0.25, 100)
    assert ramped_cps(8.0, 20.0, ramp, NOW, NOW) == 2.0
    assert ramped_cps(None, 20.0, ramp, NOW, NOW) == 5.0
    assert ramped_cps(80.0, 20.0, ramp, NOW, NOW) == 5.0
    assert ramped_cps(None, 20.0, ramp, NOW, later(100)) is None
    assert ramped_cps(8.0, 20.0, ramp, NOW, later(100)) == 8.0


def test_a_ramp_reads_back_what_it_stores():
    assert Ramp.parse(Ramp(0.3, 60).serialise()) == Ramp(0.3, 60)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        {},
        {"start": 0.5},
        {"start": 0, "seconds": 60},
        {"start": 1.5, "seconds": 60},
        {"start": "0.5", "seconds": 60},
        {"start": True, "seconds": 60},
        {"start": 0.5, "seconds": -1},
        {"start": 0.5, "seconds": float("inf")},
        {"start": 0.5, "seconds": 8 * 86400},
        {"start": 0.5, "seconds": 60, "more": 1},
    ],
)
def test_a_senseless_ramp_is_refused(value):
    with pytest.raises(InvalidInput, match="ramp"):
        Ramp.parse(value)
