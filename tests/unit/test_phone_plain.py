"""Numbers read at a glance: never another reading than the long way has."""

from contextlib import contextmanager
from random import Random
from unittest.mock import patch

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import NotAPhoneNumber
from campaigns.phone import ReadNumber, read_number, reading
from campaigns.phone.plain import plain_number

COUNTRIES = ("US", "CA", "GB", "DE", "FR", "AR", "MX", "IT", "AU")
NEARLY = r"(\+1[ -]?)?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{1,5}"


@contextmanager
def the_long_way():
    with patch.object(reading, "plain_number", lambda text, country: None):
        yield


def check(text: str, country: str) -> bool:
    """Whether the text is plain; fails when the long way reads it differently."""
    plain = plain_number(text, country)
    if plain is None:
        return False
    with the_long_way():
        try:
            long = read_number(text, country)
        except NotAPhoneNumber as refused:
            pytest.fail(f"{text!r} of {country} is {plain} at a glance, and {refused.reason}")
    assert long == ReadNumber(plain, ()), text
    return True


@pytest.mark.parametrize(
    "text", ["+12025550143", "+1 202-555-0143", "(202) 555-0143", "202.555.0143", "2025550143"]
)
def test_the_usual_ways_are_plain(text):
    assert plain_number(text, "US") == "+12025550143"
    assert check(text, "US")


@pytest.mark.parametrize(
    "text",
    [
        *("202555.0000", "+493023125123.0", "202-555-0143 x12", "+44 (0)20 7946 0123", "5550143"),
        *("+18005550143", "+19005550143", "12025550143", "0202 555 0143", "+1 202 555 0143 0"),
        *("+447700900123", "(202 555-0143", "２０２５５５０１４３", "", "+", "+1"),  # noqa: RUF001
    ],
)
def test_what_needs_a_second_look_is_not_plain(text):
    assert plain_number(text, "US") is None


def test_north_american_area_codes_read_alike_both_ways():
    """Each area code there could be, with exchanges of every kind."""
    draw = Random(7)
    plain = 0
    for area in range(200, 1000):
        for exchange in (211, 500, 555, draw.randrange(200, 1000)):
            plain += check(f"{area}{exchange}{draw.randrange(10_000):04}", "US")
    assert plain > 1_000


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_numbers_of_every_calling_code_read_alike_both_ways(code):
    draw = Random(code)
    for _ in range(12):
        national = "".join(draw.choices("0123456789", k=draw.randrange(5, 13)))
        check(f"+{code}{national}", "US")
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        for kind in (0, 1, 3, 6, 7):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                check(phonenumbers.format_number(example, 0), "US")


@settings(max_examples=300, deadline=None)
@given(st.text("+0123456789 .-()", max_size=20), st.sampled_from(COUNTRIES))
def test_signs_in_any_order_are_not_misread(text, country):
    check(text, country)


@settings(max_examples=300, deadline=None)
@given(
    st.from_regex(r"(\+1[ -]?)?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{1,5}", fullmatch=True)
)
def test_near_misses_of_north_american_numbers_are_not_misread(text):
    check(text, "US")
