"""Reading telephone numbers: what is accepted, what is refused and with which reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.phone import Reason, is_fictional, mask, parse_number


def reason_of(text: str, country: str = "US") -> str:
    with pytest.raises(NotAPhoneNumber) as refused:
        parse_number(text, country)
    assert refused.value.reason in set(Reason)
    assert str(refused.value)
    return refused.value.reason


def number_or_reason(text: str, country: str) -> str:
    try:
        return parse_number(text, country)
    except NotAPhoneNumber as refused:
        return refused.reason


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+1 (202) 555-0100", "GB", "+12025550100"),
        ("202.555.0100", "US", "+12025550100"),
        ("(202) 555-0100", "us", "+12025550100"),
        ("1-202-555-0100", "US", "+12025550100"),
        ("12025550100", "US", "+12025550100"),
        ("[202] 555 0100", "US", "+12025550100"),
        ("(+1) 202 555 0100", "GB", "+12025550100"),
        ("001 202 555 0100", "GB", "+12025550100"),
        ("2025550100,", "US", "+12025550100"),
        ("'+12025550100", "US", "+12025550100"),
        ("tel:+1-202-555-0100", "US", "+12025550100"),
        ("TEL: 202 555 0100", "US", "+12025550100"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("44 (0)20 7946 0123", "GB", "+442079460123"),
        ("+44 (0)20 7946 0123", "US", "+442079460123"),
        ("+44 (0)1632/960123", "US", "+441632960123"),
        ("0044 20 7946 0123", "GB", "+442079460123"),
        ("0044 20 7946 0123", "US", "+442079460123"),
        ("(0044) 20 7946 0123", "US", "+442079460123"),
        ("011 44 20 7946 0123", "US", "+442079460123"),
        ("0011 44 20 7946 0123", "AU", "+442079460123"),
        ("0044 7700 900123", "US", "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("030/23125123", "DE", "+493023125123"),
        ("+49 (0)30 / 23125123", "US", "+493023125123"),
        ("0049 30/23125123", "US", "+493023125123"),
        ("0491 570 006", "AU", "+61491570006"),
        ("020 912 3456", "IE", "+353209123456"),
    ],
)
def test_the_usual_ways_of_writing_a_number(text, country, expected):
    assert parse_number(text, country) == expected


@pytest.mark.parametrize(
    "text",
    [
        "＋１ （２０２） ５５５－０１００",  # noqa: RUF001 - full-width signs are the point
        "\u202a+1\u00a0202\u2011555\u20110100\u202c",  # direction marks, no-break space and hyphen
        "+1\u200b202\u2007555\u20130100\ufeff",  # zero-width space, figure space, dash, BOM
        "".join(chr(0x0660 + int(digit)) for digit in "2025550100"),
        "202 555 \N{MINUS SIGN} 0100",
        "\t202\t555 0100\r\n",
    ],
)
def test_digits_and_signs_of_other_scripts_are_read(text):
    assert parse_number(text, "US") == "+12025550100"


@pytest.mark.parametrize("text", ["", "   ", "\u200b\ufeff", "\r\n", "'", "tel:", ",;"])
def test_nothing_is_empty(text):
    assert reason_of(text) == "empty"


@pytest.mark.parametrize(
    "text",
    [
        *("n/a", "-", "+", "(", "none", "\x00", "2025550100\x00", "*672025550100", "202+5550100"),
        *("202 555 01²0", "½½½½½½½½½½", "0" * 101, "9" * 100_000, "é" * 5000),
    ],
)
def test_what_is_no_number_at_all(text):
    assert reason_of(text) == "not_a_number"


def test_two_plus_signs_are_two_numbers():
    assert reason_of("++") == "two_numbers"
    assert reason_of("+12025550100 +12025550101") == "two_numbers"


@pytest.mark.parametrize(
    "text", ["1-800-FLOWERS", "555-FAKE", "202 555 0100 (mobile)", "202555O100"]
)
def test_letters_are_refused(text):
    assert reason_of(text) == "letters"


@pytest.mark.parametrize(
    "text",
    [
        *("-2.02E9", "-2.025550100E+9", "1.20255501005E+10", "0.12025550100E+11", "1.2E-3"),
        *("########", "12,025,550,100"),
    ],
)
def test_what_a_spreadsheet_did_is_named(text):
    assert reason_of(text) == "damaged_by_spreadsheet"


@pytest.mark.parametrize(
    "text",
    [
        "2025550100,2025550101",
        "2025550100; 2025550101",
        "2025550100\n2025550101",
        "2025550100\r2025550101",
        "2025550100 | 2025550101",
        "2025550100 & 2025550101",
        "2025550100 or 2025550101",
        "2025550100/2025550101",
        "(202) 555-0100 / 01",
    ],
)
def test_two_numbers_in_one_cell_are_refused(text):
    assert reason_of(text) == "two_numbers"


@pytest.mark.parametrize(
    "text",
    [
        "202 555 0100 x12",
        "2025550100x12",
        "+1 202 555 0100 ext. 12",
        "+1 (202) 555-0100 Extension: 1234",
        "2025550100 #12",
        "2025550100;ext=12",
        "2025550100,,12",
    ],
)
def test_an_extension_has_its_own_reason(text):
    assert reason_of(text) == "extension"


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("911", "US"),
        ("911", "GB"),
        ("9-1-1", "US"),
        ("9 1 1", "US"),
        ("+911", "US"),
        ("1911", "US"),
        ("+1911", "US"),
        ("+1 911", "DE"),
        ("001911", "US"),
        ("0911", "US"),
        ("९११", "US"),
        ("９１１", "US"),  # noqa: RUF001 - full-width digits are the point
        ("112", "DE"),
        ("0112", "DE"),
        ("+49 112", "US"),
        ("999", "US"),
        ("+44999", "US"),
        ("0044 999", "US"),
        ("44999", "GB"),
        ("110", "US"),
        ("000", "AU"),
    ],
)
def test_emergency_numbers_of_any_country_in_any_form(text, country):
    assert reason_of(text, country) == "emergency"


@pytest.mark.parametrize(
    ("text", "country", "reason"),
    [
        ("+1 900 555 0123", "US", "premium"),
        ("0909 8790123", "GB", "premium"),
        ("+1 800 555 0123", "US", "toll_free"),
        ("(888) 555-0123", "US", "toll_free"),
        ("08081 570123", "GB", "toll_free"),
        ("03069 990123", "GB", "other_type"),
        ("+1 500 555 0123", "US", "other_type"),
        ("411", "US", "short_number"),
        ("988", "US", "short_number"),
        ("00", "US", "short_number"),
        ("5550123", "US", "no_area_code"),
        ("555-0123", "CA", "no_area_code"),
        ("+1 202 555", "US", "invalid"),
        ("1234567890", "US", "invalid"),
        ("+1 2025550100 5", "US", "invalid"),
        ("2025550100 2025550101", "US", "invalid"),
        ("+999 555 0100 00", "US", "invalid"),
        ("0000000000", "US", "invalid"),
        ("00999 555 01000", "US", "invalid"),
    ],
)
def test_numbers_that_are_never_called(text, country, reason):
    assert reason_of(text, country) == reason


@pytest.mark.parametrize("country", ["ZZ", "", "USA", "1", "\x00"])
def test_an_unknown_country_is_not_blamed_on_the_number(country):
    with pytest.raises(InvalidInput, match="country") as refused:
        parse_number("2025550100", country)
    assert not isinstance(refused.value, NotAPhoneNumber)


def test_the_message_names_the_text_but_stays_short_and_printable():
    with pytest.raises(NotAPhoneNumber, match="“411”"):
        parse_number("411", "US")
    with pytest.raises(NotAPhoneNumber) as refused:
        parse_number("2025550100\n2025550101\x1b[2J" + "9" * 5000, "US")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


@settings(deadline=None)
@given(st.text(max_size=120), st.sampled_from(["US", "GB", "DE", "AU"]))
def test_any_text_gives_a_number_or_a_reason(text, country):
    outcome = number_or_reason(text, country)
    if outcome not in set(Reason):
        assert outcome.startswith("+")
        assert outcome[1:].isdecimal()
        assert parse_number(outcome, "US") == outcome


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-() ./x,;", max_size=30))
def test_what_is_accepted_reads_the_same_again(text):
    outcome = number_or_reason(text, "US")
    if outcome not in set(Reason):
        assert parse_number(outcome, "GB") == outcome
        assert "".join(filter(str.isdigit, text)).endswith(outcome[-7:])


@pytest.mark.parametrize(
    "number",
    [
        *("+12025550100", "+14235550199", "+15555550123", "+18765550142"),
        *("+442079460000", "+441134960999", "+441914980001", "+442896496001", "+442920180001"),
        *("+441632960123", "+443069990123", "+447700900123", "+448081570123", "+449098790123"),
        *("+493023125000", "+496990009999", "+494066969123", "+492214710123", "+498999998123"),
        *("+4915228817386", "+4915228895456", "+4915254599371", "+491713920000", "+491713920099"),
        *("+491729925904", "+491729968532", "+491729973185", "+491749091317", "+491749464308"),
        *("+4917604069000", "+4917604069099"),
        *("+33199001234", "+33261911234", "+33353011234", "+33465711234", "+33536491234"),
        *("+33639981234", "+61255501234", "+61370101234", "+61770100000", "+61855509999"),
        *("+61491570006", "+61491571804", "+61491573087", "+61491578888", "+61491579455"),
        *("+353209101234", "+46313900600", "+46406280499", "+46846500400", "+46980319299"),
        *("+46701740605", "+46701740699"),
    ],
)
def test_numbers_reserved_for_fiction(number):
    assert is_fictional(number)


@pytest.mark.parametrize(
    "number",
    [
        *("+12025550099", "+12025550200", "+12025551212", "+11025550100", "12025550100"),
        *("+120255501000", "+442079461000", "+447700901000", "+491713920100", "+46701740604"),
        *("+61491570007", "", "+", "+1202555010\u0660"),
    ],
)
def test_neighbours_of_fiction_are_not_fiction(number):
    assert not is_fictional(number)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+15555550123", "+1555***0123"),
        ("+447700900123", "+4477***0123"),
        ("+491713920", "+49***20"),
        ("+4912", "***"),
        ("2025550100", "***"),
        ("", "***"),
    ],
)
def test_masks_hide_the_middle(number, shown):
    assert mask(number) == shown
