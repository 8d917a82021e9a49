"""Texts and values that people write: each is understood or refused, and says so."""

import re
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import audio
from campaigns.compliance.zones import zone_named, zone_names
from campaigns.errors import NotFound
from campaigns.flows.text import LONGEST_TEXT, check_template, fill, one_line, placeholders
from campaigns.importing.dates import appointment_text, date_candidates, is_date, is_time
from campaigns.notifying.addresses import AddressRefused, check_url, is_public
from campaigns.opting_out.looking_up import read_search
from campaigns.opting_out.reading import read_until
from campaigns.phone import read_numbers
from campaigns.phone.masking import mask_numbers_in
from campaigns.recurring.cron import Cron
from campaigns.recurring.sources import Source
from campaigns.reminders import (
    FORMATS,
    ReminderRule,
    detect_date_format,
    due_times,
    parse_appointment,
    spoken_time,
)
from campaigns.vault import Vault
from tests.factories import SECRET
from tests.fuzz.budget import search, understood
from tests.fuzz.words import NOW, ZONES, pieces
from tests.sounds import wav

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


@search(120)
@given(pieces("*", "*/5", "1-5", "0", "9", "l", "mon", "jan", "59", ",", "?"))
def test_cron(text):
    cron = understood(lambda: Cron.parse(text))
    if cron is None:
        return
    assert isinstance(cron.falls_on(NOW.date()), bool)


@search(120)
@given(pieces("{", "}", "{name}", "{{", "{0}", "{a.b}", "%s", "{appointment}"), st.text(max_size=5))
def test_texts_with_places(text, name):
    filled = fill(text, {"name": name})
    assert filled == one_line(filled)
    assert len(filled) <= LONGEST_TEXT

    def checked() -> object:
        check_template(text)
        return text

    if understood(checked) is not None:
        whole = fill(text, dict.fromkeys(placeholders(text), "Ada"))
        assert "{" not in whole
        assert "}" not in whole


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
    url = understood(lambda: check_url(text, allow_private=private), AddressRefused)
    if url is not None:
        assert url == text  # it is sent to as it was written, or not at all
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.username is None
        assert private or (parts.scheme, parts.port or 443) in (("https", 443), ("https", 8443))
        host = parts.hostname
        assert private or is_public(host) or not re.fullmatch(r"[0-9a-fx.:]+", host)
    for place in ("url", "file"):
        source = understood(partial(Source.parse, {place: text}, allow_private=private))
        if source is not None:
            assert Source.parse(source.serialise(), allow_private=private) == source
            below = PurePosixPath("/lists", source.file or "list")
            assert below.is_relative_to("/lists")
            assert ".." not in below.parts
            assert source.file is not None or url is not None, "what no webhook may reach is read"


@search(60)
@given(
    pieces(*ZONES, "Etc/", "..", "posixrules", "America")
    | st.sampled_from([*ZONES, "Etc/GMT+12", "america/new york", " utc ", "EST", "GMT", "UTC/"])
)
def test_zones(text):
    zone = understood(lambda: zone_named(text))
    if zone is None:
        return
    assert zone.key in zone_names()
    assert zone.key.lower() == text.strip().replace(" ", "_").lower()
    assert zone_named(zone.key).key == zone.key
    offset = NOW.astimezone(zone).utcoffset()
    assert offset is not None
    assert abs(offset) <= timedelta(hours=14)


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
    st.sampled_from(
        [b"RIFF", b"ID3", b"\xff\xfb\x90\x00", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"", wav(0.01)]
    ),
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 255)), max_size=3),
)
def test_audio(start, rest, changes):
    data = bytearray(start + rest)
    for place, byte in changes:
        if place < len(data):
            data[place] = byte
    found = understood(lambda: audio.look_into(bytes(data)))
    if found is None:
        return
    assert found.media_type == ("audio/wav" if data[:4] == b"RIFF" else "audio/mpeg")
    # Never more sound than so many bytes can hold: 8 kHz of 8 bits, or 8 kbit/s of MP3.
    assert 0 < found.seconds <= min(audio.MOST_SECONDS, len(data) / 1000)
