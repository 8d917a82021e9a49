"""Which rules bind whom: by place, purpose, voice, line and date."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compliance import (
    ConsentNeed,
    Hours,
    Line,
    Place,
    PostalAddress,
    Purpose,
    Rule,
    Rulebook,
    Voice,
    WeeklyWindows,
    place_of,
    read_rulebook,
    shipped_rulebook,
    why_unknown,
    zone_named,
)
from campaigns.errors import InvalidInput

BOOK = shipped_rulebook()
MONDAY = datetime(2026, 11, 30, 17, tzinfo=UTC)  # noon in New York

FLORIDA, NEW_YORK, TORONTO = "+13055550123", "+12125550123", "+14165550123"
PARIS, LONDON, BERLIN, SYDNEY = "+33140205050", "+442079460123", "+493023125123", "+61255501234"


def local(zone: str, text: str) -> datetime:
    """An instant by a wall clock, such as "2026-12-07 20:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone_named(zone)).astimezone(UTC)


def may(
    number: str, at: datetime, rule_set: str = "law", purpose: Purpose | None = None, **where: str
) -> bool:
    address = PostalAddress(**where) if where else None
    place = place_of(number, address=address)
    return BOOK.hours(rule_set, place, purpose, Voice.RECORDED).allowed(at)


@pytest.mark.parametrize(
    ("number", "zone", "wall", "law"),
    [
        (NEW_YORK, "America/New_York", "2026-12-07 08:00", True),
        (NEW_YORK, "America/New_York", "2026-12-07 07:59", False),
        (NEW_YORK, "America/New_York", "2026-12-07 20:59", True),
        (NEW_YORK, "America/New_York", "2026-12-07 21:00", False),
        (NEW_YORK, "America/New_York", "2026-12-06 12:00", True),  # a Sunday
        (FLORIDA, "America/New_York", "2026-12-07 19:59", True),
        (FLORIDA, "America/New_York", "2026-12-07 20:00", False),
        ("+14055550123", "America/Chicago", "2026-12-07 20:30", False),  # Oklahoma
        ("+12065550123", "America/Los_Angeles", "2026-12-07 20:30", False),  # Washington
        ("+14105550123", "America/New_York", "2026-12-07 20:30", False),  # Maryland
        ("+15025550123", "America/New_York", "2026-12-07 09:30", False),  # Kentucky
        ("+14015550123", "America/New_York", "2026-12-05 12:00", False),  # Rhode Island, Saturday
        ("+13345550123", "America/Chicago", "2026-12-25 12:00", False),  # Alabama, Christmas
        (TORONTO, "America/Toronto", "2026-12-07 21:29", True),
        (TORONTO, "America/Toronto", "2026-12-07 21:30", False),
        (TORONTO, "America/Toronto", "2026-12-05 18:00", False),  # a Saturday
        (TORONTO, "America/Toronto", "2026-12-06 10:00", True),
        (LONDON, "Europe/London", "2026-12-07 20:00", False),
        (LONDON, "Europe/London", "2026-12-06 12:00", False),
        (SYDNEY, "Australia/Perth", "2026-12-07 16:59", True),  # 19:59 in Sydney
        (SYDNEY, "Australia/Perth", "2026-12-07 17:00", False),
        (BERLIN, "Europe/Berlin", "2026-12-07 19:59", True),
        (BERLIN, "Europe/Berlin", "2026-12-06 12:00", False),  # the law is silent: house hours
        ("+97714000000", "Asia/Kathmandu", "2026-12-07 12:00", True),
    ],
)
def test_hours_of_the_sources(number: str, zone: str, wall: str, law: bool):
    assert may(number, local(zone, wall)) is law


def test_house_rules_are_never_wider_than_the_law():
    for number in (NEW_YORK, FLORIDA, TORONTO, PARIS, LONDON, BERLIN, SYDNEY):
        for purpose in (*Purpose, None):
            for hour in range(7 * 24):
                at = MONDAY + timedelta(hours=hour)
                assert may(number, at, "law", purpose) or not may(number, at, "house", purpose)


def test_the_area_code_and_the_address_both_bind():
    at = local("America/New_York", "2026-12-07 20:30")
    assert may(NEW_YORK, at)
    assert not may(NEW_YORK, at, state="FL")
    assert not may(NEW_YORK, at, state="Florida")
    assert not may(NEW_YORK, at, postal_code="33101")
    assert not may(FLORIDA, at, state="NY")
    assert place_of(FLORIDA, address=PostalAddress(state="NY")).subdivisions == ("FL", "NY")


def test_a_us_number_of_no_known_state_is_bound_by_every_state():
    everywhere = Place("US", place_of("+18005550123").subdivisions, ("America/New_York",))
    hours = BOOK.hours("law", everywhere, None, None)
    assert len(everywhere.subdivisions) == 51
    assert not hours.allowed(local("America/New_York", "2026-12-07 09:30"))  # Kentucky
    assert not hours.allowed(local("America/New_York", "2026-12-07 18:30"))  # Rhode Island
    assert hours.allowed(local("America/New_York", "2026-12-07 12:00"))


@pytest.mark.parametrize("number", ["+18005550123", "+881000000000", "+19995550123"])
def test_who_may_be_anywhere_is_never_allowed(number: str):
    for rule_set in ("law", "house", "practice"):
        hours = BOOK.hours(rule_set, place_of(number), None, None)
        assert not hours.allowed(MONDAY)
        assert hours.next_allowed(MONDAY) is None
        assert hours.open_until(MONDAY) is None


def test_an_unknown_country_is_never_allowed_whatever_its_zone():
    place = Place(None, (), ("America/New_York",))
    assert not BOOK.hours("law", place, None, None).allowed(MONDAY)


def test_a_number_and_an_address_of_two_countries_have_no_place():
    assert not place_of(TORONTO, address=PostalAddress(country="US", state="FL")).known
    assert not place_of(NEW_YORK, address=PostalAddress(postal_code="09012")).known  # army post
    assert place_of(NEW_YORK, address=PostalAddress(state="Puerto Rico")).known


def test_a_zone_that_the_address_does_not_know_binds_beside_it():
    address = PostalAddress(state="TX")
    place = place_of(NEW_YORK, zone="America/Los_Angeles", address=address)
    assert set(place.zones) == {"America/Chicago", "America/Denver", "America/Los_Angeles"}
    assert place_of(NEW_YORK, zone="America/Denver", address=address).zones == ("America/Denver",)


@pytest.mark.parametrize(
    ("code", "zones"),
    [
        ("79901", ("America/Denver",)),  # El Paso is not on the time of the rest of Texas
        ("78701-1234", ("America/Chicago",)),
        ("32501", ("America/Chicago",)),  # the west of Florida
        ("86503", ("America/Denver",)),  # Navajo Nation keeps summer time, Arizona does not
        ("00000", ("America/New_York",)),  # nobody's: the number decides
    ],
)
def test_a_postal_code_tells_the_zone(code: str, zones: tuple[str, ...]):
    assert place_of(NEW_YORK, address=PostalAddress(postal_code=code)).zones == zones


def test_a_canadian_postal_code_tells_the_province():
    address = PostalAddress(postal_code="A1B 2C3")
    place = place_of(TORONTO, address=address)
    assert place.subdivisions == ("NL", "ON")
    assert "America/St_Johns" in place.zones


def test_france_before_and_since_the_eleventh_of_august():
    def consent(day: str) -> ConsentNeed:
        at = local("Europe/Paris", f"{day} 12:00")
        applied = BOOK.applied("law", place_of(PARIS), Purpose.MARKETING, Voice.LIVE, at)
        return applied.duties.consent

    assert consent("2026-08-10") is ConsentNeed.NONE
    assert consent("2026-08-11") is ConsentNeed.OPTIN_PROOF
    for day in ("2026-08-10", "2026-08-11"):
        lunch = local("Europe/Paris", f"{day} 13:30")
        assert not may(PARIS, lunch, purpose=Purpose.MARKETING)
        assert may(PARIS, lunch, purpose=Purpose.REMINDER)


def test_consents_by_purpose_and_voice():
    def need(purpose: Purpose, voice: Voice, line: Line = Line.UNKNOWN) -> ConsentNeed:
        place = Place("US", ("NY",), ("America/New_York",), line)
        return BOOK.applied("law", place, purpose, voice, MONDAY).duties.consent

    assert need(Purpose.MARKETING, Voice.RECORDED) is ConsentNeed.WRITTEN
    assert need(Purpose.MARKETING, Voice.AI, Line.LANDLINE) is ConsentNeed.WRITTEN
    assert need(Purpose.REMINDER, Voice.RECORDED) is ConsentNeed.EXPRESS
    assert need(Purpose.REMINDER, Voice.LIVE) is ConsentNeed.NONE
    assert need(Purpose.REMINDER, Voice.RECORDED, Line.LANDLINE) is ConsentNeed.NONE
    assert need(Purpose.EMERGENCY, Voice.RECORDED) is ConsentNeed.NONE


def test_a_cap_for_calls_without_consent_does_not_bind_those_with_consent():
    def caps(line: Line) -> set[str]:
        place = Place("US", ("NY",), ("America/New_York",), line)
        applied = BOOK.applied("law", place, Purpose.INFORMATIONAL, Voice.RECORDED, MONDAY)
        return {cap.rule for cap in applied.caps}

    assert "us.fcc.exempt_residential" in caps(Line.LANDLINE)
    assert "us.fcc.exempt_residential" not in caps(Line.UNKNOWN)


def test_house_rules_fill_what_the_law_leaves_silent():
    law = BOOK.applied("law", place_of(BERLIN), Purpose.REMINDER, Voice.RECORDED, MONDAY)
    assert law.codes == ("house.anywhere", "house.revocation")
    assert law.min_gap == 4 * 3600
    assert law.duties.min_ring_seconds == 25
    assert law.close_early == 0.0
    new_york = BOOK.applied("law", place_of(NEW_YORK), Purpose.DEBT, Voice.LIVE, MONDAY)
    assert {cap.rule for cap in new_york.caps} == {"us.regulation_f"}
    house = BOOK.applied("house", place_of(NEW_YORK), Purpose.DEBT, Voice.LIVE, MONDAY)
    assert {cap.rule for cap in house.caps} == {"us.regulation_f", "house.anywhere"}
    assert house.close_early == 300


def test_no_call_is_begun_in_the_last_five_minutes():
    hours = BOOK.hours("house", place_of(LONDON), Purpose.REMINDER, Voice.RECORDED)
    end = local("Europe/London", "2026-12-07 20:00")
    assert hours.allowed(end - timedelta(minutes=5, seconds=1))
    assert not hours.allowed(end - timedelta(minutes=5))
    assert hours.open_until(end - timedelta(hours=1)) == end - timedelta(minutes=5)
    assert hours.next_allowed(end - timedelta(minutes=5)) == local(
        "Europe/London", "2026-12-08 09:00"
    )


def test_territories_are_bound_by_the_rules_of_their_country():
    at = local("America/Puerto_Rico", "2026-12-07 21:30")
    assert not may("+17875550123", at)
    applied = BOOK.applied("law", place_of("+17875550123"), Purpose.DEBT, Voice.LIVE, at)
    assert "us.tcpa.hours" in applied.codes


def test_practice_allows_everything_known():
    applied = BOOK.applied("practice", place_of(FLORIDA), Purpose.MARKETING, Voice.AI, MONDAY)
    assert (applied.codes, applied.min_gap, applied.caps) == (("practice",), 1.0, ())
    assert BOOK.hours("practice", place_of(FLORIDA), None, None).allowed(MONDAY)


def test_an_unknown_rule_set_is_an_error():
    with pytest.raises(InvalidInput, match="Known"):
        BOOK.hours("mine", place_of(FLORIDA), None, None)


def test_a_campaign_narrows_and_never_widens():
    whole = WeeklyWindows.parse("always")
    evening = WeeklyWindows.parse("daily 19:00-23:00")
    place = place_of(LONDON)
    rules = BOOK.hours("house", place, Purpose.REMINDER, Voice.RECORDED)
    wide = BOOK.hours("house", place, Purpose.REMINDER, Voice.RECORDED, whole)
    narrow = BOOK.hours("house", place, Purpose.REMINDER, Voice.RECORDED, evening)
    for quarter in range(7 * 96):
        at = MONDAY + timedelta(minutes=15 * quarter)
        assert wide.allowed(at) == rules.allowed(at)
        assert rules.allowed(at) or not narrow.allowed(at)


RULES = st.builds(
    lambda windows, purposes, since, until, state, n, status: {
        "status": status,
        "windows": windows,
        "purposes": purposes,
        "effective_from": min(since, until).isoformat(),
        "effective_to": max(since, until).isoformat(),
        "subdivision": state,
        "caps": [{"n": n, "days": 1, "scope": "number"}],
    },
    st.sampled_from(
        ["daily 08:00-21:00", "mon-fri 10:00-13:00 14:00-20:00", "daily 22:00-06:00", "always"]
    ),
    st.sampled_from(["all", "ordinary", ["marketing"], ["reminder", "debt"]]),
    st.dates(date(2026, 11, 25), date(2026, 12, 10)),
    st.dates(date(2026, 11, 25), date(2026, 12, 10)),
    st.sampled_from([None, "NY", "FL"]),
    st.integers(1, 9),
    st.sampled_from(["secondary", "house"]),
)
PLACES = st.sampled_from(
    [
        Place("US", ("NY",), ("America/New_York",)),
        Place("US", ("FL",), ("America/Chicago", "America/New_York")),
        Place("US", ("FL", "NY"), ("America/Los_Angeles", "Pacific/Honolulu")),
        Place("FR", (), ("Europe/Paris",)),
    ]
)
INSTANTS = st.datetimes(
    datetime(2026, 11, 24),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2026, 12, 12),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def book_of(rows: Sequence[Mapping[str, object]]) -> Rulebook:
    plain = {
        "title": "A rule of a test",
        "jurisdiction": "US",
        "voices": "all",
        "source": "test",
        "seen": "2026-11-28",
    }
    return read_rulebook(
        {"rules": [plain | {"code": f"us.r{n}"} | dict(row) for n, row in enumerate(rows)]}, 1
    )


@given(st.lists(RULES, min_size=1, max_size=4), RULES, PLACES, INSTANTS, st.sampled_from(Purpose))
def test_another_rule_never_opens_an_instant_nor_raises_a_cap(rows, more, place, at, purpose):
    before, after = book_of(rows), book_of([*rows, more])
    # Among house rules alone, a law that speaks takes the place of what had filled its silence.
    filled = any(row["status"] == "house" for row in [*rows, more])
    for rule_set in ("house",) if filled else ("house", "law"):
        narrow = after.hours(rule_set, place, purpose, Voice.LIVE)
        wide = before.hours(rule_set, place, purpose, Voice.LIVE)
        bound = before.applied(rule_set, place, purpose, Voice.LIVE, at)
        if bound.windows:  # where nothing spoke before, nothing was allowed either
            assert wide.allowed(at) or not narrow.allowed(at)
        caps = {(cap.scope, cap.seconds): cap.n for cap in bound.caps}
        for cap in after.applied(rule_set, place, purpose, Voice.LIVE, at).caps:
            assert cap.n <= caps.get((cap.scope, cap.seconds), cap.n)


def _by_hand(rows: tuple[Rule, ...], place: Place, purpose: Purpose, at: datetime) -> bool:
    """The same question asked row by row, in each zone on its own date."""
    spoke = False
    for zone in place.zones:
        wall = at.astimezone(zone_named(zone))
        mine = [
            row
            for row in rows
            if row.jurisdiction == place.country
            and (row.subdivision is None or row.subdivision in place.subdivisions)
            and purpose in row.purposes
            and row.holds_on(wall.date())
            and row.windows is not None
        ]
        spoke = bool(mine)
        if not mine or not all(row.windows and row.windows.inside(wall) for row in mine):
            return False
    return spoke


@given(st.lists(RULES, min_size=1, max_size=4), PLACES, INSTANTS, st.sampled_from(Purpose))
def test_allowed_is_every_window_of_its_date_in_every_zone(rows, place, at, purpose):
    book = book_of(rows)
    hours = book.hours("house", place, purpose, Voice.LIVE)
    assert hours.allowed(at) == _by_hand(book.rules, place, purpose, at)


@given(st.lists(RULES, min_size=1, max_size=4), PLACES, INSTANTS, st.sampled_from(Purpose))
def test_the_next_allowed_instant_is_the_earliest_and_keeps_its_own_dates_rules(
    rows, place, at, purpose
):
    book = book_of(rows)
    hours = book.hours("house", place, purpose, Voice.LIVE)
    found = hours.next_allowed(at)
    probes = [at + timedelta(minutes=7 * n) for n in range(7 * 24 * 9)]
    first = next((one for one in probes if _by_hand(book.rules, place, purpose, one)), None)
    if found is None:
        assert first is None
        return
    assert _by_hand(book.rules, place, purpose, found)
    assert found >= at
    assert first is None or found <= first
    if found > at:
        assert not _by_hand(book.rules, place, purpose, found - timedelta(seconds=1))
    until = hours.open_until(found)
    assert until is not None
    assert until > found


def test_a_rule_that_begins_at_midnight_is_kept_by_what_is_planned_the_evening_before():
    rows = [
        {"windows": "daily 08:00-22:00", "purposes": "all", "effective_to": "2026-11-30"}
        | {"status": "secondary"},
        {"windows": "daily 12:00-14:00", "purposes": "all", "effective_from": "2026-12-01"}
        | {"status": "secondary"},
    ]
    place = Place("US", ("NY",), ("America/New_York",))
    hours: Hours = book_of(rows).hours("house", place, Purpose.DEBT, Voice.LIVE)
    evening = local("America/New_York", "2026-11-30 22:00")
    assert hours.next_allowed(evening) == local("America/New_York", "2026-12-01 12:00")


@pytest.mark.parametrize("zone", [None, "Europe/Paris", "Europe/Berlin"])
def test_a_number_and_an_address_of_two_countries_are_for_review_naming_both(
    zone: str | None,
) -> None:
    place = place_of(PARIS, zone=zone, address=PostalAddress(country="Germany"))
    assert not place.known
    assert place.apart == ("FR", "DE")
    assert place.unknown_as == "countries_differ"
    told = why_unknown(place, PARIS)
    assert f"{PARIS} is a number of FR, and the address given with it is in DE" in told
    assert not BOOK.hours("law", place, Purpose.REMINDER, Voice.RECORDED).allowed(MONDAY)


def test_a_number_and_an_address_of_one_country_are_not_apart() -> None:
    same = place_of(PARIS, address=PostalAddress(country="France"))
    assert (same.known, same.apart) == (True, None)
    assert place_of("+18005550123").unknown_as == "time zone unknown"
    puerto_rico = place_of(NEW_YORK, address=PostalAddress(country="PR"))
    assert puerto_rico.apart is None
