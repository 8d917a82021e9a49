"""Rules for people without consent: exactly those who have one are spared them, and why says so."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns import reporting, stopping
from campaigns.compliance import read_rulebook
from campaigns.models import Account, Campaign
from campaigns.reporting import Surroundings
from campaigns.store import rules
from campaigns.store.consents import NewConsent, insert_consents
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker

# A Tuesday in New York: noon, and ten in the evening.
NOON = datetime(2027, 3, 9, 17, 0, tzinfo=UTC)
LATE = datetime(2027, 3, 10, 3, 0, tzinfo=UTC)
MORNING = datetime(2027, 3, 10, 15, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_LINES = itertools.cycle(range(100, 200))


def new_york_number() -> str:
    """A number that is of New York whichever tests ran before: its area code binds it too."""
    return f"+1212555{next(_LINES):04d}"


RULE = {
    "title": "A rule of this test",
    "jurisdiction": "US",
    "purposes": ["reminder"],
    "voices": "all",
    "source": "a rule of this test",
    "seen": "2026-11-28",
    "status": "secondary",
}
RULES = {
    "format": 1,
    "practice": {"windows": "always", "min_gap_seconds": 1},
    "rules": [
        {**RULE, "code": "test.open", "windows": "always"},
        {
            **RULE,
            "code": "test.without",
            "consent": "none",
            "only_without_consent": True,
            "consent_max_age_days": 365,
            "windows": "daily 10:00-20:00",
            "caps": [{"n": 1, "days": 7, "scope": "number"}],
        },
    ],
}


@pytest.fixture
def reminders(bench: Bench, account: Account, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign that a rule binds for people without consent."""
    made = read_rulebook(RULES, 7)
    monkeypatch.setattr(rules, "current_rulebook", lambda session: made)
    return bench.run(make_campaign, account, rule_set="house", purpose="reminder", voice="recorded")


def agreed(bench: Bench, campaign: Campaign, **columns: Any) -> tuple[int, str]:
    """Somebody due who has given a consent, or something like it."""
    number = new_york_number()
    values: dict[str, Any] = {"basis": "express", "given_at": NOON - DAY, "evidence": "form"}
    bench.run(insert_consents, [NewConsent(number, **values | columns)], "cli", NOON, who="Ada")
    return bench.run(make_recipient, campaign, numbers=[number], due=NOON - HOUR).id, number


def decides(bench: Bench, recipient_id: int, now: datetime) -> str | None:
    found = bench.run(reporting.why_of_recipient, recipient_id, now, Surroundings())
    # The processes of this test give no signs of life, and nobody asks about those here.
    refused = [one for one in found.verdicts if not one.passed]
    return next((one.gate for one in refused if one.gate not in ("web", "public_url")), None)


def test_the_hours_of_such_a_rule_bind_whoever_has_no_consent_that_counts(
    bench: Bench, ticker: Ticker, reminders: Campaign
) -> None:
    free, _ = agreed(bench, reminders)
    bound = [
        bench.run(make_recipient, reminders, numbers=[new_york_number()], due=NOON - HOUR).id,
        agreed(bench, reminders, basis="existing_relationship")[0],
        agreed(bench, reminders, given_at=NOON - 400 * DAY)[0],
        agreed(bench, reminders, purpose="marketing")[0],
        agreed(bench, reminders, expires_at=NOON)[0],
    ]
    assert decides(bench, free, LATE) is None
    assert {decides(bench, one, LATE) for one in bound} == {"hours"}
    ticker.now = LATE
    assert ticker.tick().given == 1
    (row,) = bench.queued()
    assert row.recipient_id == free
    for one in bound:
        waits = bench.recipient(one)
        assert (waits.status, waits.reason) == ("pending", "hours")
        assert waits.next_attempt_at == MORNING
    ticker.now = MORNING
    assert ticker.tick().given > 0


def test_so_do_its_caps(bench: Bench, ticker: Ticker, reminders: Campaign) -> None:
    free, number = agreed(bench, reminders)
    bound = bench.run(make_recipient, reminders, numbers=[new_york_number()], due=NOON - HOUR)
    for called in (number, bound.numbers[0]):
        someone = bench.run(make_recipient, reminders, numbers=[called], status="exhausted")
        at = NOON - 2 * DAY
        bench.run(make_attempt, someone, "ended", claimed_at=at, slot_at=at, ended_at=at)
    assert (decides(bench, free, NOON), decides(bench, bound.id, NOON)) == (None, "cap")
    ticker.now = NOON
    assert ticker.tick().given == 1
    assert bench.recipient(free).status == "in_flight"
    assert bench.recipient(bound.id).reason == "cap"


def test_the_call_rests_on_that_consent_and_ends_with_it(
    bench: Bench, ticker: Ticker, reminders: Campaign
) -> None:
    free, _ = agreed(bench, reminders, expires_at=LATE + HOUR)
    ticker.now = LATE
    assert ticker.tick().given == 1
    (row,) = bench.queued()
    assert row.open_until == LATE + HOUR
    assert row.gate_inputs["rules"] == ["test.open"]
    consent_id = bench.value("SELECT id FROM consents")
    assert row.consent_id == consent_id
    bench.run(stopping.revoke_consents, [consent_id], "Ada", "letter", LATE)
    assert bench.attempt(row.id).status == "cancelled"
    ticker.tick(after=1.0)
    assert bench.recipient(free).next_attempt_at == MORNING
