import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import country_code_for_region

from campaigns.compliance import Place
from campaigns.importing.mapping import ImportOptions, Samples, map_columns
from campaigns.importing.rows import Accepted, Rejected, RowReader
from campaigns.lifecycle import RecipientStatus
from campaigns.reminders import ReminderRule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULE = ReminderRule.once(86_400, 3_600)
FORMAT = "YYYY-MM-DD HH:MM"
NEW_YORK, TWO_ZONES, TOLL_FREE = "+12025550123", "+14235550100", "+18005550100"


def reader(
    header: str, *, live: bool = False, reminder: ReminderRule | None = None, **options: Any
) -> RowReader:
    headers = header.split("|")
    mapping = map_columns(
        headers,
        Samples(headers, []),
        ImportOptions(**options),
        default_country="US",
        reminder=reminder is not None,
    )
    return RowReader(mapping, live=live, reminder=reminder, now=NOW)


def read(header: str, row: str, **settings: Any) -> Any:
    return reader(header, **settings).read(row.split("|"))


def test_a_row_becomes_a_recipient_due_now():
    recipient = read("First Name|Phone|City", " Ana |(202) 555-0123| Lima ")
    assert recipient == Accepted(
        numbers=(NEW_YORK,),
        fields={
            "first_name": "Ana",
            "phone": "(202) 555-0123",
            "city": "Lima",
            "name": "Ana",
        },
        zone=None,
        address=None,
        place=Place("US", ("DC",), ("America/New_York",)),
        status=RecipientStatus.PENDING,
        reason=None,
        due_at=NOW,
        deadline_at=None,
        appointment_at=None,
        stage=0,
        appointment_key=None,
        dedupe_key=NEW_YORK,
    )


def test_a_column_called_name_is_not_replaced():
    recipient = read("phone|full name|name", f"{NEW_YORK}|Ana Li|Ana", name_column="full name")
    assert recipient.fields["name"] == "Ana"


def test_numbers_keep_their_order_and_stand_once():
    row = f"{NEW_YORK}|+442079460018|202-555-0123| "
    recipient = read("phone|phone 2|phone 3|phone 4", row)
    assert recipient.numbers == (NEW_YORK, "+442079460018")


def test_a_bad_number_does_not_cost_a_recipient_with_a_good_one():
    recipient = read("phone|phone 2", f"not known|{NEW_YORK}")
    assert recipient.numbers == (NEW_YORK,)
    assert recipient.dedupe_key == NEW_YORK
    assert recipient.fields["phone"] == "not known"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("|", "no_number"),
        ("  |\t", "no_number"),
        ("911|not known", "emergency"),
        ("not known|911", "not_a_number"),
        ("+1 900 555 0100|", "premium"),
        ("+1 800 555 0100|", "toll_free"),
        ("555-0100|", "no_area_code"),
        ("1.555E+10|", "digits_lost"),
    ],
)
def test_without_a_good_number_the_first_one_says_why(row, reason):
    verdict = read("phone|phone 2", row)
    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason
    assert verdict.detail.endswith(".")


def test_live_accounts_refuse_numbers_reserved_for_fiction():
    assert read("phone", NEW_YORK, live=True).reason == "fictional"
    assert read("phone", NEW_YORK, live=False).numbers == (NEW_YORK,)


def test_a_given_zone_wins_and_an_unknown_one_rejects():
    given_zone = read("phone|time zone", f"{NEW_YORK}|america/los angeles")
    assert given_zone.zone == "America/Los_Angeles"
    assert given_zone.place.zones == ("America/Los_Angeles",)
    assert read("phone|time zone", f"{NEW_YORK}|").place.zones == ("America/New_York",)
    assert read("phone|time zone", f"{NEW_YORK}|EST").reason == "unknown_time_zone"


def test_a_number_of_no_known_zone_is_for_review():
    unassigned = "+12005550100"
    recipient = read("phone|time zone", f"{unassigned}|")
    assert (recipient.status, recipient.reason) == (RecipientStatus.REVIEW, "time zone unknown")
    assert recipient.due_at is None
    settled = read("phone|time zone", f"{unassigned}|Europe/Paris")
    assert settled.status == RecipientStatus.PENDING


def test_a_reminder_is_due_before_its_appointment():
    row = f"{NEW_YORK}|2026-11-24 15:30"
    recipient = read("phone|appointment", row, reminder=RULE, date_format=FORMAT)
    appointment = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    assert recipient.appointment_at == appointment
    assert recipient.due_at == appointment - timedelta(days=1)
    assert recipient.deadline_at == appointment - timedelta(hours=1)
    assert recipient.dedupe_key == f"{NEW_YORK}|2026-11-24T20:30:00+00:00"


def test_a_reminder_past_its_deadline_is_expired_from_the_start():
    row = f"{NEW_YORK}|2026-11-21 07:30"
    recipient = read("phone|appointment", row, reminder=RULE, date_format=FORMAT)
    assert (recipient.status, recipient.reason) == (RecipientStatus.EXPIRED, "deadline passed")
    assert recipient.due_at is None


def test_an_appointment_is_never_planned_in_a_guessed_zone():
    ask = {"reminder": RULE, "date_format": FORMAT}
    row = f"{TWO_ZONES}|2026-11-24 15:30"
    assert read("phone|appointment", row, **ask).reason == "time_zone_needed"
    assert read("phone|appointment", f"{row}-05:00", **ask).reason == "time_zone_needed"
    certain = read("phone|appointment", f"{NEW_YORK}|2026-11-24 14:30-06:00", **ask)
    assert certain.appointment_at == datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    with_zone = read("phone|appointment", row, appointment_zone="America/Denver", **ask)
    assert with_zone.appointment_at == datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
    assert with_zone.place.zones == ("America/Chicago", "America/New_York")
    assert with_zone.fields["appointment_zone"] == "America/Denver"
    nowhere = "+12005550100|2026-11-24 15:30"
    assert read("phone|appointment", nowhere, **ask).reason == "bad_appointment"


def test_zones_that_agree_on_the_appointment_are_enough():
    row = "+442079460018|2026-11-24 15:30"
    recipient = read("phone|appointment", row, reminder=RULE, date_format=FORMAT)
    assert recipient.appointment_at == datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


def test_date_and_time_may_stand_apart():
    recipient = read(
        "phone|day|hour",
        f"{NEW_YORK}|2026-11-24|15:30",
        reminder=RULE,
        date_format=FORMAT,
        appointment_column="day",
        time_column="hour",
    )
    assert recipient.appointment_at == datetime(2026, 11, 24, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_appointment"),
        ("to be agreed", "bad_appointment"),
        ("2026-02-30 15:30", "bad_appointment"),
        ("24/11/2026 15:30", "bad_appointment"),
    ],
)
def test_an_unusable_appointment_rejects_its_row(text, reason):
    row = f"{NEW_YORK}|{text}"
    assert read("phone|date", row, reminder=RULE, date_format=FORMAT).reason == reason


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40), st.booleans())
def test_no_text_makes_a_row_raise(phone, zone, date, live):
    for rule in (None, RULE):
        subject = reader(
            "phone|time zone|appointment", live=live, reminder=rule, date_format=FORMAT
        )
        verdict = subject.read([phone, zone, date])
        if isinstance(verdict, Accepted):
            assert (verdict.status == RecipientStatus.PENDING) == (verdict.due_at is not None)
            assert verdict.numbers


cell_text = st.text(alphabet="0123456789+-() ./x,;eE'\u200b\uff11\n", max_size=30)


@given(st.lists(cell_text, min_size=2, max_size=2), st.sampled_from(["US", "GB", "DE", "IT", "AR"]))
def test_every_number_of_a_recipient_comes_out_of_its_own_cells(cells, country):
    """One number is never put together from two cells, nor from anywhere else."""
    found = reader("phone|phone 2", default_country=country).read(cells)
    if not isinstance(found, Accepted):
        return
    code = str(country_code_for_region(country))
    written = [
        code + "".join(str(unicodedata.decimal(c)) for c in cell if c.isdecimal()) for cell in cells
    ]
    for number in found.numbers:
        assert any(is_subsequence(number[1:], digits) for digits in written)


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


def test_two_numbers_of_one_cell_come_before_those_of_the_next():
    recipient = read("phone|phone 2", "202-555-0143 / 202-555-0144|202 555 0145")
    assert recipient.numbers == ("+12025550143", "+12025550144", "+12025550145")
    assert [repair.kind for repair in recipient.repairs] == ["several_numbers"]
    assert recipient.repairs[0].after == "+12025550143, +12025550144"


def test_a_recipient_has_at_most_ten_numbers():
    cells = "; ".join(f"+1202555010{n}" for n in range(10)) + "|+12025550110"
    assert len(read("phone|phone 2", cells).numbers) == 10


def test_a_repair_shows_what_nobody_could_see():
    recipient = read("phone", "202\u200b555\u00a00143")
    assert recipient.repairs[0].before == "202<U+200B>555 0143"


def test_addresses_in_a_list_decide_zones_and_states():
    by_code = read("phone|zip", f"{NEW_YORK}|79901", postal_code_column="zip")
    assert by_code.place.zones == ("America/Denver",)
    assert by_code.place.subdivisions == ("DC", "TX")
    assert by_code.address.as_json() == {"postal_code": "79901"}
    by_state = read(
        "phone|State|Country",
        f"{NEW_YORK}|Florida|USA",
        state_column="State",
        country_column="Country",
    )
    assert by_state.place.subdivisions == ("DC", "FL")
    abroad = read("phone|country", f"{NEW_YORK}|Canada", country_column="country")
    assert (abroad.status, abroad.reason) == (RecipientStatus.REVIEW, "countries_differ")
    assert read("phone|zip", f"{NEW_YORK}|", postal_code_column="zip").address is None
