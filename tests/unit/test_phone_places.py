"""Where a number may be: a safe union of zones, and its country."""

import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from campaigns.compliance import zone_named
from campaigns.errors import NotAPhoneNumber
from campaigns.phone import country_of, possible_zones


def test_an_area_code_gives_the_zones_of_all_its_exchanges():
    # The table's default for 423 is Chicago, an hour too late for its eastern exchanges.
    assert possible_zones("+14235550100") == ("America/Chicago", "America/New_York")
    assert possible_zones("+12025550100") == ("America/New_York",)


def test_an_area_code_with_exchanges_but_no_default_is_known():
    assert set(possible_zones("+12085550100")) >= {"America/Boise", "America/Los_Angeles"}


def test_a_mobile_number_may_be_anywhere_in_its_country():
    zones = possible_zones("+61491570006")
    assert {"Australia/Perth", "Australia/Sydney", "Australia/Lord_Howe"} <= set(zones)
    assert list(zones) == sorted(set(zones))
    assert "Europe/London" in possible_zones("+447700900123")


@pytest.mark.parametrize(
    "number",
    [
        "+18005550100",  # toll-free
        "+448081570123",
        "+80055501000",  # toll-free of no country
        "+881000000000",  # satellite
        "+15555550123",  # an area code that is not assigned
        "+99955501000",  # no such calling code
        *("", "+", "+1", "abc", "+1202555010x", "12025550100", "+12025550100\n", "+0123456789"),
    ],
)
def test_what_is_unknown_has_no_zone(number):
    assert possible_zones(number) == ()


def test_every_zone_of_the_table_can_be_loaded():
    names = {zone for zones in TIMEZONE_DATA.values() for zone in zones}
    assert {zone_named(name).key for name in names} == names


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550100", "US"),
        ("+14165550100", "CA"),
        ("+18765550100", "JM"),
        ("+442079460123", "GB"),
        ("+447700900123", "GB"),  # unassigned, so only its calling code is known
        ("+493023125123", "DE"),
        ("+80055501000", "001"),
    ],
)
def test_countries(number, country):
    assert country_of(number) == country


@pytest.mark.parametrize("text", ["", "2025550100", "+999555010000", "+1"])
def test_the_country_of_no_number_is_an_error(text):
    with pytest.raises(NotAPhoneNumber):
        country_of(text)
