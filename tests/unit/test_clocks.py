"""How instants are written, on whose clock, and that no page has words of its own for them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import campaigns
from campaigns import clocks

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 11, 23, 14, 0, 5, tzinfo=UTC)


def test_a_stored_text_names_its_clock_and_a_page_does_not():
    assert clocks.written(AT) == "Mon 23 Nov 2026, 14:00 UTC"
    assert clocks.on_clock(AT, NEW_YORK, seconds=True) == "Mon 23 Nov 2026, 09:00:05"


@given(
    st.integers(946_684_800, 7_226_582_400).map(lambda at: datetime.fromtimestamp(at, UTC)),
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Kathmandu", "UTC"]),
    st.booleans(),
)
def test_what_is_written_in_utc_is_retold_on_a_clock(at, zone, seconds):
    here = ZoneInfo(zone)
    text = f"Nobody calls before {clocks.written(at, seconds=seconds)}, or after."
    told = clocks.on_clock(at, here, seconds=seconds)
    assert clocks.retold(text, here) == f"Nobody calls before {told}, or after."


@pytest.mark.parametrize(
    "text",
    [
        "UTC",
        "at 14:00 UTC",
        "Mon 31 Feb 2026, 14:00 UTC",
        "Mon 23 Nov 2026, 14:00 UTC+1x",
        "Mon 23",
    ],
)
def test_what_is_no_such_instant_stays(text):
    expected = text if "UTC+" not in text else "Mon 23 Nov 2026, 09:00+1x"
    assert clocks.retold(text, NEW_YORK) == expected


def test_a_person_in_doubtful_zones_has_every_clock_once():
    zones = ["America/New_York", "America/Toronto", "America/Chicago"]
    assert clocks.there_in_short(AT, zones) == "Mon 09:00 in New York or Mon 08:00 in Chicago"
    assert clocks.there(AT, zones[:1]) == "Mon 23 Nov 2026, 09:00 in New York"
    assert clocks.there(AT, []) is None
    assert clocks.there_in_short(None, zones) == ""
    many = [f"Etc/GMT+{n}" for n in range(5)]
    assert clocks.there_in_short(AT, many).endswith(" or another time elsewhere")


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("UTC", "UTC"), ("Asia/Kathmandu", "UTC+05:45"), ("America/New_York", "UTC-05:00")],
)
def test_an_offset_is_told(zone, offset):
    assert clocks.offset_of(AT, ZoneInfo(zone)) == offset
    assert clocks.offset_of(AT + timedelta(days=200), ZoneInfo("Europe/London")) == "UTC+01:00"


def test_no_page_words_an_instant_by_itself():
    """A day with its time, and abbreviations of zones, are worded in one module."""
    root = Path(campaigns.__file__).parent
    sources = [*root.rglob("*.py"), *(root / "web" / "templates").rglob("*.html")]
    own = re.compile(r"%b.*%H|%H.*%b|%Z|tzname|timeZoneName")
    found = {str(p.relative_to(root)) for p in sources if own.search(p.read_text())}
    assert found == {"clocks.py"}
