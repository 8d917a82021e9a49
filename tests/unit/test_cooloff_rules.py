"""Which cool-offs, abandon limits and days to honour a revocation bind: the strictest of all."""

from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.compliance import (
    Cooloffs,
    Purpose,
    Rulebook,
    Voice,
    needs_of,
    place_of,
    read_rulebook,
    shipped_rulebook,
)

PARIS, LONDON, NEW_YORK, TORONTO = "+33140205050", "+442079460123", "+12125550123", "+14165550123"
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
BOOK = shipped_rulebook()
DAY, HOUR = 86400.0, 3600.0


def rule(code: str, **says: Any) -> dict[str, Any]:
    return {
        "code": code,
        "title": "A rule of this test",
        "jurisdiction": "FR",
        "purposes": "ordinary",
        "voices": "all",
        "source": "a rule of this test",
        "seen": "2026-11-28",
        "status": "secondary",
    } | says


def book(*rules: dict[str, Any]) -> Rulebook:
    practice = {"windows": "always", "min_gap_seconds": 1}
    return read_rulebook({"format": 1, "practice": practice, "rules": list(rules)}, 1)


@pytest.mark.parametrize(
    ("number", "purpose", "cooloffs"),
    [
        (PARIS, Purpose.MARKETING, Cooloffs(refusal=60 * DAY)),
        (PARIS, Purpose.REMINDER, Cooloffs()),
        (LONDON, Purpose.REMINDER, Cooloffs(abandoned=72 * HOUR)),
        (LONDON, Purpose.EMERGENCY, Cooloffs()),
        (NEW_YORK, Purpose.MARKETING, Cooloffs()),
    ],
)
@pytest.mark.parametrize("rule_set", ["house", "law"])
def test_the_shipped_cool_offs_bind_where_they_hold(
    rule_set: str, number: str, purpose: Purpose, cooloffs: Cooloffs
) -> None:
    found = BOOK.applied(rule_set, place_of(number), purpose, Voice.RECORDED, NOW)
    assert found.cooloffs == cooloffs


def test_of_those_that_bind_the_longest_counts() -> None:
    made = book(
        rule("a.one", cooloff_after_refusal_days=10, cooloff_after_abandoned_hours=24),
        rule("a.two", cooloff_after_refusal_days=30, cooloff_after_abandoned_hours=2),
        rule("a.else", jurisdiction="DE", cooloff_after_refusal_days=99),
    )
    found = made.applied("house", place_of(PARIS), Purpose.SURVEY, Voice.LIVE, NOW)
    assert found.cooloffs == Cooloffs(refusal=30 * DAY, abandoned=24 * HOUR)


def test_practice_knows_none_of_them() -> None:
    found = BOOK.applied("practice", place_of(PARIS), Purpose.MARKETING, Voice.RECORDED, NOW)
    assert (found.cooloffs, found.abandon) == (Cooloffs(), ())


@pytest.mark.parametrize(
    ("number", "limits"), [(NEW_YORK, [(3, 30)]), (TORONTO, [(5, 30)]), (LONDON, [])]
)
def test_the_limits_of_abandoned_calls_are_those_of_the_place(
    number: str, limits: list[tuple[float, int]]
) -> None:
    found = BOOK.applied("law", place_of(number), Purpose.MARKETING, Voice.LIVE, NOW)
    assert [(one.percent, one.days) for one in found.abandon] == limits


def test_what_is_needed_is_said_in_short_words() -> None:
    paris = BOOK.applied("house", place_of(PARIS), Purpose.MARKETING, Voice.LIVE, NOW)
    assert {"cooloff_refusal:60d", "revocation:0d"} <= set(needs_of(paris))
    london = BOOK.applied("law", place_of(LONDON), Purpose.SURVEY, Voice.LIVE, NOW)
    assert "cooloff_abandoned:72h" in needs_of(london)
    new_york = BOOK.applied("law", place_of(NEW_YORK), Purpose.MARKETING, Voice.LIVE, NOW)
    assert {"abandoned:3%/30d", "revocation:10d"} <= set(needs_of(new_york))
    ours = BOOK.applied("house", place_of(NEW_YORK), Purpose.MARKETING, Voice.LIVE, NOW)
    assert "revocation:0d" in needs_of(ours)  # ours is stricter
