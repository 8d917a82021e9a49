"""Lengths and calling hours as people write them and read them."""

import pytest

from campaigns.compliance import WeeklyWindows
from campaigns.drafting.hours_in_words import whole_sentence
from campaigns.drafting.lengths import length_in_words, length_text, roughly, seconds_of


@pytest.mark.parametrize(
    ("seconds", "text", "words"),
    [
        (0, "0s", "no time"),
        (45, "45s", "45 seconds"),
        (300, "5m", "5 minutes"),
        (3600, "1h", "1 hour"),
        (5400, "90m", "90 minutes"),
        (86400, "24h", "24 hours"),
        (129600, "36h", "36 hours"),
        (172800, "2d", "2 days"),
        (273600, "3d 4h", "3 days 4 hours"),
        (90061, "1d 1h 1m 1s", "1 day 1 hour 1 minute 1 second"),
    ],
)
def test_a_length_is_read_back_to_the_same(seconds, text, words):
    assert length_text(seconds) == text
    assert length_in_words(seconds) == words
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (10, "less than a minute"),
        (60, "about 1 minute"),
        (3500, "about 1 hour"),
        (20000, "about 6 hours"),
        (200000, "about 2 days"),
    ],
)
def test_a_rough_length_has_one_unit(seconds, told):
    assert roughly(seconds) == told


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ("always", "Around the clock, every day, in each recipient's own time."),
        ("mon-fri 09:00-17:30", "Mon–Fri 9:00–17:30, in each recipient's own time."),  # noqa: RUF001
        (
            "mon-tue 09:00-12:00 14:00-18:00, thu 09:00-12:00 14:00-18:00, sat 10:00-00:00",
            "Mon, Tue and Thu 9:00–12:00 and 14:00–18:00 and Sat 10:00–24:00, "  # noqa: RUF001
            "in each recipient's own time.",
        ),
        (
            "daily 20:00-02:00",
            "Every day 20:00–2:00 the next day, in each recipient's own time.",  # noqa: RUF001
        ),
        (
            "daily 09:00-17:00, closed on US-CA, 2026-12-24",
            "Every day 9:00–17:00, in each recipient's own time; "  # noqa: RUF001
            "not on public holidays in United States (CA) and 24 Dec 2026.",
        ),
    ],
)
def test_hours_are_one_sentence(hours, sentence):
    assert whole_sentence(WeeklyWindows.parse(hours)) == sentence
