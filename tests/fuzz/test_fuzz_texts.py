"""Texts and values that people write: each is understood or refused, and says so."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import audio, config
from campaigns.compliance import WeeklyWindows, allowed, next_allowed
from campaigns.compliance.holidays import Holidays
from campaigns.compliance.zones import zone_named
from campaigns.config import Settings
from campaigns.errors import NotConfigured, NotFound
from campaigns.flows.model import CallFlow
from campaigns.flows.text import check_template, fill
from campaigns.importing.dates import appointment_text, date_candidates, is_date, is_time
from campaigns.notifying.addresses import AddressRefused, check_url
from campaigns.opting_out.looking_up import read_search
from campaigns.opting_out.reading import read_until
from campaigns.phone import read_numbers
from campaigns.phone.masking import mask_numbers_in
from campaigns.recurring.cron import Cron
from campaigns.recurring.rules import Rule, next_firings
from campaigns.recurring.sources import Source
from campaigns.reminders import (
    FORMATS,
    ReminderRule,
    detect_date_format,
    due_times,
    parse_appointment,
    spoken_time,
)
from campaigns.retries import RetryPolicy
from campaigns.vault import Vault
from tests.factories import SECRET
from tests.fuzz.budget import calls_made, search, storable, understood

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Pacific/Kiritimati", "Africa/Monrovia", "Australia/Lord_Howe"]


def pieces(*words: str) -> st.SearchStrategy[str]:
    """Texts of the words that a parser knows, of signs, digits of any script, and of anything."""
    odd = [
        "",
        " ",
        "\0",
        "\n",
        "-",
        "/",
        ":",
        ",",
        ".",
        "+",
        "'",
        "\u0663",
        "\uff11",
        "\u200f",
        "²",
    ]
    one = st.sampled_from([*words, *odd]) | st.text(max_size=3) | st.integers(-1, 10**12).map(str)
    return st.lists(one, max_size=9).map("".join) | st.lists(one, max_size=7).map(" ".join)


def values(*names: str) -> st.SearchStrategy[Any]:
    """JSON of any form, in which the names that a parser looks for come up often."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from([*names, "08:00", "24:00", "2026-12-24", "US", "1e9", "\ud800", "\0"])
        | st.text(max_size=6)
    )
    keys = st.sampled_from([*names]) | st.text(max_size=4)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )


DAYS = ("mon", "tue", "fri", "sunday", "daily", "weekdays", "holidays", "closed on", "always")
dates = pieces(
    *(
        "2026",
        "11",
        "24",
        "0001-01-01",
        "9999-12-31",
        "23:59:59",
        "00:00",
        "12:30",
        "3:30 PM",
        "AM",
    ),
    *("T", "Z", "+14:00", "-23:59", "+99:99", "24.11.2026", "11/24/2026", "46350.6458", "0,5"),
)


@search(150)
@given(pieces(*DAYS, "09:00-17:30", "22:00-02:00", "US-CA", "2026-12-24", ";") | values(*DAYS))
def test_calling_windows(value):
    windows = understood(lambda: WeeklyWindows.parse(value))
    if windows is None:
        return
    assert WeeklyWindows.parse(json.loads(json.dumps(windows.serialise()))) == windows
    assert WeeklyWindows.parse(str(windows)) == windows
    for zone in ZONES:
        opens = next_allowed([windows], [zone], NOW)
        assert opens is None or (opens >= NOW and allowed([windows], [zone], opens))


@search(80)
@given(
    pieces("US", "DE-BY", "GB-ENG", "2026-12-24", "holidays", "and")
    | values("country", "dates", "subdivision")
)
def test_holidays(value):
    holidays = understood(lambda: Holidays.parse(value))
    if holidays is None:
        return
    assert Holidays.parse(json.loads(json.dumps(holidays.serialise()))) == holidays


@search(200)
@given(
    dates,
    st.sampled_from([*FORMATS, "", "YYYY"]),
    st.sampled_from([*ZONES, "", "Mars", None, "../x", "\0"]),
)
def test_appointments(text, code, zone):
    at = understood(lambda: parse_appointment(text, code, zone))
    if at is None:
        return
    assert at.utcoffset() == timedelta(0)
    due_times(ReminderRule.once(366 * 86400.0), at, NOW)
    if zone:
        assert spoken_time(at, zone)


@search(100)
@given(st.lists(dates, max_size=4), st.sampled_from([1900, 1904]))
def test_dates_of_lists(texts, system):
    assert understood(lambda: detect_date_format(texts)) in (*FORMATS, None)
    date_candidates(texts)
    for text in texts:
        is_date(text), is_time(text)
        appointment_text(text, texts[0], system)


@search(100)
@given(dates)
def test_ends_of_opt_outs(text):
    until = understood(lambda: read_until(text, NOW))
    assert until is None or until > NOW


NUMBERS = (
    *("+1", "202", "555", "0143", "(202)", "001", "x12", "ext.", "tel:", "e164", "1.2E+10", " or "),
    *("+44 20 7946 0018", "911", "FLOWERS", "\uff10\uff11", ";", "#", "*"),
)


@search(200)
@given(pieces(*NUMBERS), st.sampled_from(["US", "GB", "DE", "IT", "us", "ZZ", "", "ABCD"]))
def test_telephone_numbers(text, country):
    for one in understood(lambda: read_numbers(text, country)) or ():
        assert one.number.startswith("+")
        assert one.number[1:].isascii()
        assert one.number[1:].isdigit()
    assert isinstance(mask_numbers_in(text), str)
    understood(lambda: read_search(text, country))


RULE = ("kind", "cron", "days", "times", "every", "zone", "at", "weekly", "until", "timezone")


@search(120)
@given(pieces("*", "*/5", "1-5", "0", "9", "l", "mon", "jan", "59", ",", "?"))
def test_cron(text):
    cron = understood(lambda: Cron.parse(text))
    if cron is None:
        return
    assert isinstance(cron.falls_on(NOW.date()), bool)


@search(120)
@given(values(*RULE) | st.fixed_dictionaries({}, optional={name: values(*RULE) for name in RULE}))
def test_recurrences(value):
    rule = understood(lambda: Rule.parse(value))
    if rule is None:
        return
    assert Rule.parse(json.loads(json.dumps(rule.serialise()))) == rule
    assert calls_made(lambda: next_firings(rule, NOW, 3)) < 2_000_000


POLICY = (
    "max_attempts",
    "waits",
    "busy",
    "no_answer",
    "machine_counts",
    "redial_unknown",
    "failed",
)
FLOW = (
    "kind",
    "text",
    "greeting",
    "answers",
    "voicemail",
    "language",
    "voice",
    "1",
    "9",
    "meaning",
)


@search(120)
@given(values(*POLICY))
def test_retry_policies(value):
    understood(lambda: RetryPolicy.parse(value))


@search(120)
@given(values(*FLOW, "{name}", "reminder"))
def test_call_flows(value):
    understood(lambda: CallFlow.from_json(value))


@search(120)
@given(pieces("{", "}", "{name}", "{{", "{0}", "{a.b}", "%s", "{appointment}"), st.text(max_size=5))
def test_texts_with_places(text, name):
    understood(lambda: check_template(text))
    assert isinstance(fill(text, {"name": name}), str)


@search(120)
@given(
    pieces(
        "https://",
        "http:",
        "user@",
        "[::1]",
        "127.0.0.1",
        "0x7f.1",
        "example.org",
        ":443",
        "#",
        "?",
        "@",
        "\\",
        "xn--",
        "。",
    ),
    st.booleans(),
)
def test_addresses(text, private):
    understood(lambda: check_url(text, allow_private=private), AddressRefused)
    understood(lambda: Source.parse({"url": text}, allow_private=private))
    understood(lambda: Source.parse({"path": text}, allow_private=private))


@search(60)
@given(pieces(*ZONES, "Etc/", "..", "posixrules", "America"))
def test_zones(text):
    understood(lambda: zone_named(text))


@search(80)
@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_tokens(text):
    vault = Vault(SECRET)
    for open_it in (vault.attempt_of, vault.audio_of):
        with pytest.raises(NotFound):
            open_it(text)
    assert vault.open_note(text, 60) is None


@search(100)
@given(
    st.sampled_from([b"RIFF", b"ID3", b"\xff\xfb\x90\x00", b"RIFF\xff\xff\xff\xffWAVEfmt ", b""]),
    st.binary(max_size=200),
)
def test_audio(start, rest):
    understood(lambda: audio.look_into(start + rest))


FIELDS = sorted(Settings.model_fields)


@search(100)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        pieces("1", "[", "]", '"', "{", "true", "http://", "nan", "inf", "1e400").filter(
            lambda text: "\0" not in text and storable(text)
        ),
        max_size=3,
    )
)
def test_settings(given_values):
    with pytest.MonkeyPatch.context() as environment:
        for name, value in given_values.items():
            environment.setenv(config.variable_of(name), value)
        config.settings.cache_clear()
        try:
            understood(config.settings, NotConfigured)
        finally:
            config.settings.cache_clear()
