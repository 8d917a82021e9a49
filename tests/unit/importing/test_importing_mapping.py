import keyword
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.headers import identifiers, looks_like_telephone
from campaigns.importing.mapping import ImportOptions, Mapping, Samples, map_columns

PHONE = "(202) 555-0123"


def mapped(header: str, *rows: str, reminder: bool = False, **options: Any) -> Mapping:
    headers = header.split("|")
    table = [row.split("|") for row in rows]
    return map_columns(
        headers,
        Samples(headers, table),
        ImportOptions(**options),
        default_country="US",
        reminder=reminder,
    )


@pytest.mark.parametrize(
    "header",
    [
        *("phone", "Phone Number", "PHONE_NUMBER", "phoneNumber", "Mobile", "cell phone", "Tel."),
        *("Téléphone", "Teléfono", "telefone", "Handy", "Rufnummer", "celular", "Móvil", "GSM"),
        *("Telefonnummer", "Phone 1 - Value", "Home phone", "Telefoonnummer", "msisdn"),
    ],
)
def test_telephone_columns_are_known_by_many_names(header):
    assert mapped(f"id|{header}", f"17|{PHONE}").phone_columns == (header,)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(("Phone type", "home"), ("Fax", PHONE), ("phone verified date", "2026-01-05")),
        *(("Emergency contact phone", PHONE), ("Phone country code", "1"), ("phone", "see notes")),
        *(("order number", "2025550123"), ("mobile app", "yes"), ("Agent phone", PHONE)),
    ],
)
def test_what_only_sounds_like_a_telephone_column_is_not_guessed(header, value):
    with pytest.raises(NotARecipientList, match="No column with telephone numbers"):
        mapped(f"name|{header}", f"Ana|{value}")


def test_weak_names_count_only_with_values_and_without_better_ones():
    assert mapped("name|Number", f"Ana|{PHONE}").phone_columns == ("Number",)
    assert mapped("Numéro|phone", f"2025550123|{PHONE}").phone_columns == ("phone",)
    with pytest.raises(NotARecipientList):
        mapped("name|number", "Ana|17")
    with pytest.raises(NotARecipientList):
        mapped("name|number", "Ana|")


def test_telephone_columns_come_in_the_order_to_call_them():
    row = "|".join([PHONE] * 5)
    found = mapped("Phone 3|Landline|Mobile|Phone 2|Phone", row).phone_columns
    assert found == ("Mobile", "Phone", "Landline", "Phone 2", "Phone 3")


def test_a_blank_second_telephone_column_is_still_one():
    assert mapped("phone|phone 2", f"{PHONE}|").phone_columns == ("phone", "phone 2")


def test_a_missing_telephone_column_lists_what_there_is():
    with pytest.raises(NotARecipientList, match=r"'first name', 'city'"):
        mapped("first name|city", "Ana|Lima")


def test_overrides_win_and_forgive_case_and_spaces():
    mapping = mapped(
        "phone|Tel  B|who|tz|zeit",
        f"{PHONE}|{PHONE}|Ana|x|y",
        phone_columns=("tel b", "PHONE", "phone"),
        name_column="Who",
        zone_column="zeit",
        default_country="gb",
    )
    assert mapping.phone_columns == ("Tel  B", "phone")
    assert (mapping.name_column, mapping.zone_column) == ("who", "zeit")
    assert mapping.default_country == "GB"


@pytest.mark.parametrize(
    "option",
    [
        {"phone_columns": ("nope",)},
        *({name: "nope"} for name in ("name_column", "zone_column", "time_column")),
        {"appointment_column": "nope"},
    ],
)
def test_an_override_that_names_no_column_lists_what_there_is(option):
    with pytest.raises(InvalidInput, match=r"no column 'nope'\. The columns are: 'phone', 'name'"):
        mapped("phone|name", f"{PHONE}|Ana", **option)


def test_unknown_options_and_zones_are_refused():
    with pytest.raises(ValueError, match="phone_colums"):
        ImportOptions(phone_colums=("phone",))  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="time zone"):
        mapped("phone", PHONE, appointment_zone="Atlantis")


@pytest.mark.parametrize("given_as", ["\t", "tab", "Tab "])
def test_a_delimiter_is_named_or_given(given_as):
    assert ImportOptions(delimiter=given_as).delimiter == "\t"
    assert ImportOptions(delimiter="semicolon").delimiter == ";"
    assert ImportOptions(delimiter="pipe").delimiter == "|"
    assert ImportOptions(delimiter="colon").delimiter == "colon"


def test_more_than_ten_asked_telephone_columns_are_refused():
    header = "|".join(f"c{n}" for n in range(11))
    with pytest.raises(InvalidInput, match="at most 10"):
        mapped(header, "|".join("1" * 11), phone_columns=tuple(header.split("|")))


def test_time_zone_columns_are_guessed():
    assert mapped("phone|Time_Zone", f"{PHONE}|nonsense").zone_column == "Time_Zone"
    assert mapped("phone|zone", f"{PHONE}|Europe/Paris").zone_column == "zone"
    assert mapped("phone|zone", f"{PHONE}|north").zone_column is None


def test_a_reminder_needs_an_appointment_column():
    assert mapped("phone|Termin", f"{PHONE}|x 5", reminder=True).appointment_column == "Termin"
    best = mapped("date|phone|appointment", f"1|{PHONE}|2", reminder=True)
    assert best.appointment_column == "appointment"
    with pytest.raises(NotARecipientList, match="date and time of the appointment"):
        mapped("phone|name", f"{PHONE}|Ana", reminder=True)
    assert mapped("phone|appointment", f"{PHONE}|x 5").appointment_column is None


def test_a_separate_time_column_is_found_only_when_dates_have_no_time():
    both = mapped("phone|date|time", f"{PHONE}|2026-11-24|15:30", reminder=True)
    assert (both.appointment_column, both.time_column) == ("date", "time")
    one = mapped("phone|date|time", f"{PHONE}|2026-11-24 15:30|3 pm", reminder=True)
    assert one.time_column is None


def test_names_are_guessed_best_first():
    assert mapped("phone|First Name|Full name", f"{PHONE}|A|B").name_column == "Full name"
    assert mapped("phone|Vorname", f"{PHONE}|A").name_column == "Vorname"
    assert mapped("phone|city", f"{PHONE}|A").name_column is None


def test_field_names_can_be_used_in_placeholders():
    headers = ["First Name", "Größe", "Prénom", "first_name", "Телефон", "2nd phone", "%%", "a__b"]
    assert identifiers(headers) == (
        *("first_name", "grosse", "prenom", "first_name_2", "column_5", "column_2nd_phone"),
        *("column_7", "a_b"),
    )


@given(st.lists(st.text(max_size=80), max_size=30))
def test_field_names_are_always_distinct_identifiers(headers):
    found = identifiers(headers)
    assert len(set(found)) == len(headers)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found)
    assert all(name.isidentifier() for name in found if not keyword.iskeyword(name))


@pytest.mark.parametrize(
    "text",
    [
        *("+1 202 555 0123", "2025550123", "(202) 555-0123", "202.555.0123", "2.025550123E+09"),
        *("020 7946 0018", "'+12025550123", "202-555-0123 x12", "+1 (202) 555-0123 ext. 4"),
    ],
)
def test_values_that_are_meant_as_telephone_numbers(text):
    assert looks_like_telephone(text)


@pytest.mark.parametrize("text", ["", "17", "2026-01-05", "05/01/2026", "home", "Ana", "12:30"])
def test_values_that_are_not(text):
    assert not looks_like_telephone(text)
