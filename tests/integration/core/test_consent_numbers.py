"""Consent over all of a person's numbers: who lacks it on one is called on the next that has it."""

from typing import Any

import pytest

from campaigns import reporting
from campaigns.compliance import read_rulebook
from campaigns.models import Account, Campaign
from campaigns.reporting import Surroundings
from campaigns.store import rules
from campaigns.store.consents import NewConsent, insert_consents
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_consents import HOUR, NOON
from tests.integration.core.test_spared_by_consent import RULE, new_york_number

RULES = {
    "format": 1,
    "practice": {"windows": "always", "min_gap_seconds": 1},
    "rules": [
        {**RULE, "code": "test.open", "jurisdiction": "*", "windows": "always"},
        {**RULE, "code": "test.asks", "consent": "express"},
    ],
}
PARIS = "+33140205050"


@pytest.fixture
def asking(bench: Bench, account: Account, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign that a rule of the US binds, by which everybody must have consented."""
    made = read_rulebook(RULES, 7)
    monkeypatch.setattr(rules, "current_rulebook", lambda session: made)
    return bench.run(make_campaign, account, rule_set="house", purpose="reminder", voice="recorded")


def agree(bench: Bench, number: str, **columns: Any) -> None:
    values: dict[str, Any] = {"basis": "express", "given_at": NOON - HOUR, "evidence": "form"}
    bench.run(insert_consents, [NewConsent(number, **values | columns)], "cli", NOON, who="Ada")


def judged(bench: Bench, recipient_id: int) -> tuple[str, bool, str | None]:
    """The number that is judged now, whether consent lets it through, and the note."""
    found = bench.run(reporting.why_of_recipient, recipient_id, NOON, Surroundings())
    (consent,) = [one for one in found.verdicts if one.gate == "consent"]
    return found.number, consent.passed, found.note


def test_the_next_number_in_order_with_a_consent_has_its_turn(
    bench: Bench, ticker: Ticker, asking: Campaign
) -> None:
    numbers = [new_york_number() for _ in range(4)]
    agree(bench, numbers[2])
    agree(bench, numbers[3])
    person = bench.run(make_recipient, asking, numbers=numbers, due=NOON - HOUR)
    assert judged(bench, person.id) == (
        numbers[2],
        True,
        f"It is the turn of another number, {numbers[2]}.",
    )
    ticker.now = NOON
    assert ticker.tick().given == 0
    row = bench.recipient(person.id)
    assert (row.status, row.reason, row.number_index) == ("pending", "other_number", 2)
    assert ticker.tick(after=0.3).given == 1
    (attempt,) = bench.queued()
    assert attempt.number == numbers[2]
    assert attempt.consent_id == bench.value("SELECT min(id) FROM consents")


def test_nobody_is_blocked_before_the_last_of_their_numbers_and_then_everybody(
    bench: Bench, ticker: Ticker, asking: Campaign
) -> None:
    numbers = [new_york_number() for _ in range(3)]
    agree(bench, numbers[0], expires_at=NOON)
    agree(bench, numbers[1], basis="existing_relationship")
    person = bench.run(make_recipient, asking, numbers=numbers, due=NOON - HOUR)
    assert judged(bench, person.id) == (numbers[0], False, None)
    ticker.now = NOON
    ticker.tick()
    row = bench.recipient(person.id)
    assert (row.status, row.reason, row.number_index) == ("blocked", "consent", 0)


def test_the_turn_goes_round_from_the_last_number_to_the_first(
    bench: Bench, ticker: Ticker, asking: Campaign
) -> None:
    numbers = [new_york_number(), new_york_number()]
    agree(bench, numbers[0])
    person = bench.run(make_recipient, asking, numbers=numbers, number_index=1, due=NOON - HOUR)
    ticker.now = NOON
    ticker.tick()
    assert bench.recipient(person.id).number_index == 0


def test_each_number_needs_what_the_rules_of_its_own_place_ask_for(
    bench: Bench, ticker: Ticker, asking: Campaign
) -> None:
    """In France nothing asks for consent; the hours of that number are those of France."""
    person = bench.run(
        make_recipient, asking, numbers=[new_york_number(), PARIS], zone=None, due=NOON - HOUR
    )
    ticker.now = NOON
    ticker.tick()
    row = bench.recipient(person.id)
    assert (row.status, row.number_index) == ("pending", 1)
    zones = bench.value("SELECT zones FROM zone_keys WHERE id = :id", id=row.zone_key)
    assert zones == ["Europe/Paris"]
    assert ticker.tick(after=0.3).given == 1


def test_a_number_that_was_called_as_often_as_allowed_has_no_turn(
    bench: Bench, ticker: Ticker, account: Account, asking: Campaign
) -> None:
    bench.set("campaigns", asking.id, retry_policy='{"per_number": [2, 1]}')
    numbers = [new_york_number(), new_york_number()]
    agree(bench, numbers[1])
    person = bench.run(make_recipient, asking, numbers=numbers, due=NOON - HOUR, attempts_spent=1)
    at = NOON - 2 * HOUR
    bench.run(make_attempt, person, "ended", number=numbers[1], claimed_at=at, ended_at=at)
    ticker.now = NOON
    ticker.tick()
    assert bench.recipient(person.id).status == "blocked"


def test_a_number_that_nobody_can_place_has_no_turn(
    bench: Bench, ticker: Ticker, asking: Campaign
) -> None:
    toll_free = "+18005550123"
    agree(bench, toll_free)
    person = bench.run(
        make_recipient, asking, numbers=[new_york_number(), toll_free], zone=None, due=NOON - HOUR
    )
    ticker.now = NOON
    ticker.tick()
    row = bench.recipient(person.id)
    assert (row.status, row.reason) == ("blocked", "consent")
