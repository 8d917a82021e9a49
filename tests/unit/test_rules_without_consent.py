"""Rules for people who have not consented: whom they bind, and whom a consent spares them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.compliance import (
    ConsentNeed,
    Purpose,
    Rulebook,
    Voice,
    WeeklyWindows,
    place_of,
    read_rulebook,
)

PARIS = place_of("+33140205050")
NIGHT = datetime(2026, 12, 1, 21, tzinfo=UTC)  # ten in the evening in Paris
OPEN = {"code": "a.hours", "windows": "always", "min_gap_hours": 1}
SPARED = {
    "code": "a.without",
    "consent": "none",
    "only_without_consent": True,
    "windows": "daily 10:00-20:00",
    "caps": [{"n": 1, "days": 1, "scope": "number"}],
}


def book(*rules: dict[str, Any]) -> Rulebook:
    filled = [
        {
            "title": "A rule of this test",
            "jurisdiction": "FR",
            "purposes": "ordinary",
            "voices": "all",
            "source": "a rule of this test",
            "seen": "2026-11-28",
            "status": "secondary",
        }
        | rule
        for rule in rules
    ]
    practice = {"windows": "always", "min_gap_seconds": 1}
    return read_rulebook({"format": 1, "practice": practice, "rules": filled}, 1)


def test_without_a_consent_it_binds_and_with_one_its_hours_and_caps_fall_away() -> None:
    made = book(OPEN, SPARED)
    asked = ("house", PARIS, Purpose.SURVEY, Voice.LIVE)
    bound, freer = (made.applied(*asked, NIGHT, consented=one) for one in (False, True))
    assert (bound.codes, freer.codes) == (("a.hours", "a.without"), ("a.hours",))
    assert (len(bound.caps), freer.caps) == (1, ())
    assert (bound.min_gap, freer.min_gap) == (3600.0, 3600.0)
    assert (bound.spared_by, freer.spared_by) == (ConsentNeed.NONE, ConsentNeed.EXPRESS)
    assert not made.hours(*asked).allowed(NIGHT)
    assert made.hours(*asked, consented=True).allowed(NIGHT)
    assert WeeklyWindows.parse("daily 10:00-20:00") not in freer.windows


@pytest.mark.parametrize(
    ("says", "spared_by", "age"),
    [
        ({}, ConsentNeed.EXPRESS, None),
        ({"consent": "written"}, ConsentNeed.WRITTEN, None),
        ({"consent_max_age_days": 30}, ConsentNeed.EXPRESS, 30 * 86400.0),
    ],
)
def test_the_rule_says_which_consent_counts(
    says: dict[str, Any], spared_by: ConsentNeed, age: float | None
) -> None:
    made = book(OPEN, SPARED | says)
    freer = made.applied("house", PARIS, Purpose.SURVEY, Voice.LIVE, NIGHT, consented=True)
    assert (freer.spared_by, freer.duties.consent_max_age) == (spared_by, age)
    assert freer.duties.consent is ConsentNeed.NONE


def test_where_everybody_must_have_consented_nobody_is_spared_anything() -> None:
    """Whoever has not is not called at all, so nothing is left for such a rule to bind."""
    made = book(OPEN, SPARED, {"code": "a.asks", "consent": "written"})
    for consented in (False, True):
        found = made.applied("house", PARIS, Purpose.SURVEY, Voice.LIVE, NIGHT, consented=consented)
        assert found.codes == ("a.asks", "a.hours")
        assert found.spared_by is ConsentNeed.NONE
