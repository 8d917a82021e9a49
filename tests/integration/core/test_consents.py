"""Consents: without one that suffices nobody is called; one that is taken back stops calls."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns import consenting, stopping
from campaigns.access import CLI
from campaigns.compliance import read_rulebook, shipped_rules
from campaigns.consenting import NewConsent
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Account, Campaign
from campaigns.store import attempts, rules
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker, ended, said, tell

# A Tuesday at noon in New York, a holiday nowhere (2 March is one in Texas): inside everybody's
# hours. A year ahead, so that rules hold.
NOON = datetime(2027, 3, 9, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


CONSENT_RULE = {
    "code": "test.marketing",
    "title": "Recorded marketing needs consent in writing",
    "jurisdiction": "US",
    "purposes": ["marketing"],
    "voices": ["recorded"],
    "consent": "written",
    "source": "a rule of this test",
    "seen": "2026-11-28",
    "status": "secondary",
}


@pytest.fixture
def marketing(bench: Bench, account: Account, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign for which a rule needs consent in writing."""
    document = shipped_rules().content
    book = read_rulebook({**document, "rules": [*document["rules"], CONSENT_RULE]}, 7)
    monkeypatch.setattr(rules, "current_rulebook", lambda session: book)
    return bench.run(
        make_campaign, account, rule_set="house", purpose="marketing", voice="recorded"
    )


def give(bench: Bench, number: str, *, put_back: bool = False, **columns: Any) -> consenting.Given:
    values: dict[str, Any] = {
        "basis": "written",
        "given_at": NOON - 100 * HOUR,
        "evidence": "form 12",
    }
    one = NewConsent(number=number, **values | columns)
    return bench.run(consenting.give, [one], "cli", CLI, NOON - HOUR, put_back=put_back)


def queue(bench: Bench, campaign: Campaign, number: str, status: str = "queued") -> tuple[int, int]:
    """An attempt that rests on the number's one consent: the recipient's id, and its own."""
    consent_id = bench.value("SELECT id FROM consents WHERE number = :n", n=number)

    def made(session: Session) -> tuple[int, int]:
        person = make_recipient(session, campaign, numbers=[number], due=NOON - HOUR)
        return person.id, make_attempt(session, person, status, consent_id=consent_id).id

    return bench.run(made)


def state(bench: Bench, recipient_id: int) -> tuple[str, str | None]:
    row = bench.recipient(recipient_id)
    return row.status, row.reason


def claim(bench: Bench, account_id: int, ids: Sequence[int]) -> list[int]:
    """Which of the queued attempts a worker gets, all of them having their slot now."""
    bench.rows(
        "UPDATE attempts SET slot_at = clock_timestamp() - interval '10 ms', "
        "not_after = clock_timestamp() + interval '1 minute', "
        "open_until = clock_timestamp() + interval '1 hour' WHERE status = 'queued'"
    )
    with bench.engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        taken = attempts.claim_attempts(
            autocommit, account_id, ids, "w", live_allowed=False, period=0.01, window=1.0
        )
    return sorted(one.id for one in taken)


def test_without_the_consent_a_rule_needs_nobody_is_called(
    bench: Bench, ticker: Ticker, marketing: Campaign
) -> None:
    ticker.now = NOON
    agreed, weaker, none, revoked = (
        bench.run(make_recipient, marketing, due=NOON - HOUR) for _ in range(4)
    )
    give(bench, agreed.numbers[0])
    give(bench, weaker.numbers[0], basis="existing_relationship")
    give(bench, revoked.numbers[0])
    bench.rows(
        "UPDATE consents SET revoked_at = :now, revoked_by = 'Ada', revoked_why = 'letter' "
        "WHERE number = :n",
        now=NOON - HOUR,
        n=revoked.numbers[0],
    )
    assert ticker.tick().given == 1
    (row,) = bench.queued()
    assert row.recipient_id == agreed.id
    assert row.consent_id == bench.value(
        "SELECT id FROM consents WHERE basis = 'written' AND revoked_at IS NULL"
    )
    for one in (weaker, none, revoked):
        assert state(bench, one.id) == ("blocked", "consent")


def test_giving_it_later_puts_people_back_only_when_that_is_asked(
    bench: Bench, ticker: Ticker, marketing: Campaign
) -> None:
    ticker.now = NOON
    number = fiction_number()
    person = bench.run(make_recipient, marketing, numbers=[number], due=NOON - HOUR)
    ticker.tick()
    assert give(bench, number).put_back == 0
    assert state(bench, person.id) == ("blocked", "consent")
    again = give(bench, number, put_back=True)
    assert (again.recorded, again.put_back) == (0, 1)
    assert state(bench, person.id) == ("pending", "consent_given")
    assert ticker.tick(after=0.3).given == 1


def test_putting_back_leaves_the_opted_out_where_they_are(
    bench: Bench, ticker: Ticker, marketing: Campaign
) -> None:
    ticker.now = NOON
    number = fiction_number()
    person = bench.run(make_recipient, marketing, numbers=[number], due=NOON - HOUR)
    ticker.tick()
    bench.run(stopping.opt_out_number, number, "api", NOON)
    assert give(bench, number, put_back=True).put_back == 0
    assert state(bench, person.id)[0] == "blocked"


def test_after_a_revocation_commits_nothing_that_rests_on_it_is_claimed(
    bench: Bench, ticker: Ticker, account: Account, marketing: Campaign
) -> None:
    ticker.now = NOON
    kept, gone = (bench.run(make_recipient, marketing, due=NOON - HOUR) for _ in range(2))
    for one in (kept, gone):
        give(bench, one.numbers[0])
    assert ticker.tick().given == 2
    ids = [row.id for row in bench.queued()]
    # Behind the code's back, so that only the claim itself can find it out.
    bench.rows(
        "UPDATE consents SET revoked_at = now(), revoked_by = 'Ada', revoked_why = 'letter' "
        "WHERE number = :n",
        n=gone.numbers[0],
    )
    bench.rows("UPDATE consents SET given_at = now() - interval '1 day'")
    taken = claim(bench, account.id, ids)
    assert [bench.attempt(one).recipient_id for one in taken] == [kept.id]


def test_a_consent_that_lapsed_since_the_tick_is_not_claimed(
    bench: Bench, account: Account, marketing: Campaign
) -> None:
    number = fiction_number()
    give(bench, number, given_at=NOON - 9999 * HOUR, expires_at=NOON - 9998 * HOUR)
    _, attempt = queue(bench, marketing, number)
    assert claim(bench, account.id, [attempt]) == []
    bench.rows("UPDATE consents SET expires_at = 'infinity'")
    assert claim(bench, account.id, [attempt]) == [attempt]


def test_revoking_cancels_what_is_queued_and_takes_back_what_is_unanswered(
    bench: Bench, ticker: Ticker, marketing: Campaign
) -> None:
    ticker.now = NOON
    people, made = {}, {}
    for status in ("queued", "dialing", "ringing", "in_progress"):
        number = fiction_number()
        give(bench, number)
        people[status], made[status] = queue(bench, marketing, number, status)
    ids = [row.id for row in bench.rows("SELECT id FROM consents")]
    recalled = {
        call
        for one in ids
        for call in bench.run(consenting.revoke, one, CLI, "letter", NOON).recalled
    }
    assert recalled == {made["dialing"], made["ringing"]}
    queued = bench.attempt(made["queued"])
    assert (queued.status, queued.cancel_reason) == ("cancelled", "consent")
    assert bench.attempt(made["in_progress"]).recall_requested_at is None
    # The next tick judges again whoever was not called, and finds no consent.
    assert state(bench, people["queued"]) == ("pending", "consent")
    tell(bench, made["dialing"], said("created"))
    tell(bench, made["dialing"], ended("canceled"))
    assert bench.attempt(made["dialing"]).spent is False
    ticker.tick()
    for status in ("queued", "dialing"):
        assert state(bench, people[status]) == ("blocked", "consent")


def test_another_consent_keeps_somebody_callable(
    bench: Bench, ticker: Ticker, marketing: Campaign
) -> None:
    ticker.now = NOON
    person = bench.run(make_recipient, marketing, due=NOON - HOUR)
    number = person.numbers[0]
    give(bench, number)
    give(bench, number, basis="optin_proof", given_at=NOON - 50 * HOUR)
    ticker.tick()
    (row,) = bench.queued()
    bench.run(consenting.revoke, row.consent_id, CLI, "letter", NOON)
    assert ticker.tick(after=0.3).given == 1
    (again,) = bench.rows("SELECT * FROM attempts WHERE status = 'queued'")
    assert again.consent_id not in (None, row.consent_id)


@pytest.mark.parametrize(
    ("source", "takes_back"), [("keypress", True), ("verbal", True), ("import", False)]
)
def test_who_says_stop_takes_their_consents_back(
    bench: Bench, source: str, takes_back: bool
) -> None:
    number = fiction_number()
    give(bench, number)

    def stop(session: Session) -> None:
        stopping.opt_out_number(session, number, source, NOON, evidence="key 9")

    bench.run(stop)
    (row,) = bench.rows("SELECT * FROM consents")
    assert (row.revoked_at is not None) is takes_back
    if takes_back:
        assert row.revoked_why == f"opted out: {source}"


def test_a_list_from_before_a_revocation_brings_no_consent_back(bench: Bench) -> None:
    number = fiction_number()
    give(bench, number)
    bench.run(consenting.revoke, bench.value("SELECT id FROM consents"), CLI, "letter", NOON)
    old = give(bench, number, given_at=NOON - 50 * HOUR, evidence="the same old list")
    assert (old.recorded, old.revoked_since) == (0, [number])
    new = give(bench, number, given_at=NOON + HOUR)
    assert (new.recorded, new.revoked_since) == (1, [])


def test_nor_does_one_from_before_the_person_pressed_stop(bench: Bench) -> None:
    number = fiction_number()
    bench.run(stopping.opt_out_number, number, "keypress", NOON)
    assert give(bench, number).revoked_since == [number]


def test_a_consent_is_revoked_once_and_with_a_reason(bench: Bench) -> None:
    give(bench, fiction_number())
    one = bench.value("SELECT id FROM consents")
    with pytest.raises(InvalidInput, match="Say why"):
        bench.run(consenting.revoke, one, CLI, " ", NOON)
    bench.run(consenting.revoke, one, CLI, "letter", NOON)
    with pytest.raises(NotAllowed, match="revoked already"):
        bench.run(consenting.revoke, one, CLI, "letter", NOON)
    actions = [row.action for row in bench.rows("SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["consent.add", "consent.revoke"]
