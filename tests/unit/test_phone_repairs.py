"""What spreadsheets do to numbers: put right only where every digit is there, and then told."""

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import country_code_for_region

from campaigns.errors import NotAPhoneNumber
from campaigns.phone import ReadNumber, Reason, Repair, read_number, read_numbers

COUNTRIES = ("US", "GB", "DE", "AU", "IT", "AR", "BR", "MX", "FR")


def reason_of(text: str, country: str = "US") -> str:
    with pytest.raises(NotAPhoneNumber) as refused:
        read_numbers(text, country)
    return refused.value.reason


@pytest.mark.parametrize(
    ("text", "country", "number", "repairs"),
    [
        ("1.2025550143E+10", "US", "+12025550143", {Repair.EXPONENT, Repair.LOST_PLUS}),
        ("1,2025550143e+10", "US", "+12025550143", {Repair.EXPONENT, Repair.LOST_PLUS}),
        ("+1.2025550143E10", "US", "+12025550143", {Repair.EXPONENT}),
        ("12.025550143E+9", "US", "+12025550143", {Repair.EXPONENT, Repair.LOST_PLUS}),
        ("2.025550143000E+9", "US", "+12025550143", {Repair.EXPONENT}),
        ("4.42079460123E+11", "GB", "+442079460123", {Repair.EXPONENT, Repair.LOST_PLUS}),
        ("2025550143.0", "US", "+12025550143", {Repair.TRAILING_ZERO}),
        ("2025550143,00", "US", "+12025550143", {Repair.TRAILING_ZERO}),
        ("442079460123", "GB", "+442079460123", {Repair.LOST_PLUS}),
        ("493023125123", "DE", "+493023125123", {Repair.LOST_PLUS}),
        ("12025550143", "US", "+12025550143", {Repair.LOST_PLUS}),
        ("1 202 555 0143", "US", "+12025550143", set()),
        ("2079460123", "GB", "+442079460123", set()),
        ("\uff12\uff10\uff12 555 0143", "US", "+12025550143", {Repair.OTHER_DIGITS}),
        ("\u202a2025550143\u202c", "US", "+12025550143", {Repair.INVISIBLE_MARKS}),
        ("202\u00a0555\u00ad0143", "US", "+12025550143", {Repair.INVISIBLE_MARKS}),
        ("\ufeff202\u200b5550143", "US", "+12025550143", {Repair.INVISIBLE_MARKS}),
        ("+44 (0)20 7946 0123", "US", "+442079460123", {Repair.TRUNK_ZERO}),
        ("0044 20 7946 0123", "US", "+442079460123", {Repair.DOUBLE_ZERO}),
        ("+39 (0)6 12345678", "US", "+390612345678", set()),  # Italy dials that zero
        ("+12025550143", "DE", "+12025550143", set()),
    ],
)
def test_what_kept_its_digits_is_read_and_the_repair_is_named(text, country, number, repairs):
    read = read_number(text, country)
    assert read.number == number
    assert set(read.repairs) == repairs


@pytest.mark.parametrize(
    ("text", "country", "reason"),
    [
        ("1.20256E+10", "US", Reason.DIGITS_LOST),
        ("1,20256E+10", "US", Reason.DIGITS_LOST),
        ("1.202555014E+10", "US", Reason.DIGITS_LOST),  # a last 0 and a lost digit look alike
        ("1E+10", "US", Reason.DIGITS_LOST),
        ("4.42079E+11", "GB", Reason.DIGITS_LOST),
        ("1.20255501435E+10", "US", Reason.DAMAGED_BY_SPREADSHEET),
        ("-2.025550143E+9", "US", Reason.DAMAGED_BY_SPREADSHEET),
        ("1.2E+99", "US", Reason.DAMAGED_BY_SPREADSHEET),
        ("442079460123", "US", Reason.PLUS_LOST),
        ("4.42079460123E+11", "US", Reason.PLUS_LOST),
        ("0343 15 555 1234", "AR", Reason.REWRITTEN),
        ("202 555 0143 ext. 5", "US", Reason.EXTENSION),
        ("2025550143;ext=5", "US", Reason.EXTENSION),
        ("202 555 01²3", "US", Reason.NOT_A_NUMBER),
    ],
)
def test_what_may_have_lost_digits_is_refused_with_its_own_reason(text, country, reason):
    assert reason_of(text, country) == reason


def test_a_number_with_two_readings_is_refused():
    # A mobile number behind its country code, or one in the town whose area code begins so.
    assert reason_of("4915228817386", "DE") == Reason.AMBIGUOUS
    assert read_number("+4915228817386", "DE").number == "+4915228817386"
    assert read_number("04915228817386", "DE").number == "+494915228817386"


@pytest.mark.parametrize(
    "text",
    [
        *("2025550143; 2025550199", "2025550143/2025550199", "2025550143, 2025550199"),
        *("2025550143 or 2025550199", "+12025550143 +12025550199", "2025550143\n2025550199"),
        *("(202) 555-0143 | (202) 555-0199", "2025550143; n/a; 2025550199; 12"),
        "1.2025550143E+10; 2025550199.0",
    ],
)
def test_two_numbers_in_one_cell_are_both_kept_in_order(text):
    found = read_numbers(text, "US")
    assert [read.number for read in found] == ["+12025550143", "+12025550199"]
    assert all(Repair.SEVERAL_NUMBERS in read.repairs for read in found)


@pytest.mark.parametrize(
    ("text", "country", "numbers"),
    [
        # The second one is in Berlin as well: by itself it would be a number in Dortmund.
        ("030 23125001, 23125002", "DE", ["+493023125001"]),
        ("+49 30 23125001; 23125002", "DE", ["+493023125001"]),
        ("08-465 004 01 or 465 004 02", "SE", ["+46846500401"]),
        ("030 23125001, 030 23125002", "DE", ["+493023125001", "+493023125002"]),
        ("7700 900123, 020 7946 0018", "GB", ["+447700900123", "+442079460018"]),
        ("+1 202 555 0143, 202 555 0144", "US", ["+12025550143", "+12025550144"]),
    ],
)
def test_what_follows_a_whole_number_without_its_area_code_is_not_dialled(text, country, numbers):
    assert [read.number for read in read_numbers(text, country)] == numbers


def test_numbers_of_which_only_the_last_local_part_can_be_told_are_refused():
    assert reason_of("030/23125001/030/23125002", "DE")


def test_the_same_number_twice_in_a_cell_is_one():
    assert [read.number for read in read_numbers("2025550143; +1 202 555 0143", "US")] == [
        "+12025550143"
    ]


def test_two_bad_numbers_in_a_cell_are_refused_for_the_first():
    assert reason_of("1 900 555 0123; 1 800 555 0123") == Reason.PREMIUM


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


def digits_in(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if unicodedata.category(c) == "Nd")


written = st.one_of(
    st.text(alphabet="0123456789+-() ./x,;eE\u00a0\u200b\uff11\uff12\n", max_size=40),
    st.builds(
        lambda digits, form: form.format(d=digits, head=digits[0], tail=digits[1:], n=len(digits)),
        st.text(alphabet="0123456789", min_size=7, max_size=14),
        st.sampled_from(
            [
                *("{d}", "+{d}", "00{d}", "{d}.0", "{head}.{tail}E+{n}", "0{d}", "+44 (0){d}"),
                *("{d}; {d}", "{d}/{head}{tail}", "9 15 {d}", "15{d}", "\ufeff{d}", "({d})"),
            ]
        ),
    ),
)


@settings(deadline=None, max_examples=400)
@given(written, st.sampled_from(COUNTRIES))
def test_every_digit_that_would_be_dialled_was_written(text, country):
    try:
        found = read_numbers(text, country)
    except NotAPhoneNumber:
        return
    code = str(country_code_for_region(country))
    for read in found:
        assert is_subsequence(read.number[1:], code + digits_in(text))


@settings(deadline=None)
@given(st.integers(200, 999), st.integers(0, 99), st.integers(1, 6))
def test_an_exponent_that_dropped_digits_is_never_filled_up(area, line, dropped):
    digits = f"1{area}55501{line:02}"
    kept = f"{digits[0]}.{digits[1:]}E+10"
    lost = f"{digits[0]}.{digits[1:-dropped]}E+10"
    assert reason_of(lost) == Reason.DIGITS_LOST
    with suppress(NotAPhoneNumber):  # some area codes belong to companies, or to nobody
        assert read_number(kept, "US").number == f"+{digits}"


def test_what_stands_beside_a_good_number_and_is_none_is_told():
    (one,) = read_numbers("+12025550143; 202555014", "US")
    assert one == ReadNumber("+12025550143", (Repair.LEFT_OUT,))
    first, second = read_numbers("+12025550143; +12025550144; +1202555", "US")
    assert first.repairs == (Repair.LEFT_OUT, Repair.SEVERAL_NUMBERS)
    assert second.repairs == (Repair.SEVERAL_NUMBERS,)
