"""After a refusal, and after a call that met silence: nobody calls before the rules let them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import null
from sqlalchemy.orm import Session

from campaigns import guarding
from campaigns.campaigning import resume_campaign
from campaigns.compliance import read_rulebook
from campaigns.models import Account, Campaign
from campaigns.stopping import opt_out
from campaigns.store import attempts, rules
from campaigns.store.opt_outs import NewOptOut
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker, ended, said, tell

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULE = {
    "title": "A rule of this test",
    "jurisdiction": "US",
    "voices": "all",
    "windows": "always",
    "source": "a rule of this test",
    "seen": "2026-11-28",
    "status": "secondary",
}
RULES = {
    "format": 1,
    "practice": {"windows": "always", "min_gap_seconds": 1},
    "rules": [
        {**RULE, "code": "test.refusal", "purposes": ["survey"], "cooloff_after_refusal_days": 60},
        {**RULE, "code": "test.silent", "purposes": ["debt"], "cooloff_after_abandoned_hours": 72},
        {
            **RULE,
            "code": "test.share",
            "purposes": ["marketing"],
            "abandon": {"percent": 3, "days": 30},
        },
        {**RULE, "code": "test.open", "purposes": ["informational"]},
    ],
}


@pytest.fixture(autouse=True)
def book(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rules, each for one purpose."""
    made = read_rulebook(RULES, 7)
    monkeypatch.setattr(rules, "current_rulebook", lambda session: made)


def campaign_for(bench: Bench, account: Account, purpose: str, **columns: Any) -> Campaign:
    return bench.run(
        make_campaign, account, rule_set="house", purpose=purpose, voice="recorded", **columns
    )


@pytest.fixture
def survey(bench: Bench, account: Account) -> Campaign:
    """Its rule wants 60 days without calls after a refusal."""
    return campaign_for(bench, account, "survey")


@pytest.fixture
def debt(bench: Bench, account: Account) -> Campaign:
    """Its rule wants 72 hours without calls after an abandoned one."""
    return campaign_for(bench, account, "debt")


@pytest.fixture
def news(bench: Bench, account: Account) -> Campaign:
    """Its rule wants nothing of the kind."""
    return campaign_for(bench, account, "informational")


def state(bench: Bench, recipient_id: int) -> tuple[str, str | None, datetime | None]:
    row = bench.recipient(recipient_id)
    return row.status, row.reason, row.next_attempt_at


def refuse(
    bench: Bench, number: str, at: datetime, *, campaign_id: int | None = None, **fields: Any
) -> None:
    one = NewOptOut(number, **fields)
    bench.run(opt_out, [one], "page", at, who="Ada", campaign_id=campaign_id)


# A refusal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["other campaign", "expired", "replaced", "prefix", "other number"])
def test_whoever_refused_is_not_called_for_so_many_days(
    bench: Bench, ticker: Ticker, survey: Campaign, news: Campaign, how: str
) -> None:
    numbers = [fiction_number(), fiction_number()]
    at = ticker.now - 10 * DAY
    if how == "other campaign":
        refuse(bench, numbers[0], at, campaign_id=news.id)
    elif how == "prefix":
        refuse(bench, numbers[0][:-2], at, is_prefix=True, expires_at=at + DAY)
    elif how == "other number":
        refuse(bench, numbers[1], at, expires_at=at + DAY)
    else:
        refuse(bench, numbers[0], at, expires_at=at + DAY)
    if how == "replaced":
        refuse(bench, numbers[0], at + HOUR, expires_at=at + 2 * DAY)
        at += HOUR
    waits = bench.run(make_recipient, survey, numbers=numbers)
    assert ticker.tick().given == 0
    assert state(bench, waits.id) == ("pending", "cooloff_refusal", at + 60 * DAY)
    ticker.now = at + 60 * DAY - timedelta(seconds=1)
    assert ticker.tick().given == 0
    assert ticker.tick(after=1.0).given == 1


def test_whom_the_rules_do_not_spare_is_called_after_an_opt_out_that_is_over(
    bench: Bench, ticker: Ticker, news: Campaign
) -> None:
    number = fiction_number()
    refuse(bench, number, ticker.now - 10 * DAY, expires_at=ticker.now - DAY)
    bench.run(make_recipient, news, numbers=[number])
    assert ticker.tick().given == 1


def test_what_was_undone_is_no_refusal_and_what_still_holds_blocks(
    bench: Bench, ticker: Ticker, survey: Campaign
) -> None:
    corrected, stopped = fiction_number(), fiction_number()
    for number in (corrected, stopped):
        refuse(bench, number, ticker.now - DAY)
    bench.rows(
        "UPDATE opt_outs SET lifted_at = now(), lifted_by = 'Ada', lifted_why = 'a wrong number' "
        "WHERE number = :n",
        n=corrected,
    )
    again = bench.run(make_recipient, survey, numbers=[corrected])
    never = bench.run(make_recipient, survey, numbers=[stopped])
    assert ticker.tick().given == 1
    assert state(bench, again.id)[0] == "in_flight"
    assert state(bench, never.id)[:2] == ("blocked", "opted out")


# A call that met silence ------------------------------------------------------------------------


def silent(bench: Bench, campaign: Campaign, number: str, at: datetime, **columns: Any) -> int:
    """A call that somebody answered, and to whom nothing was said."""
    return bench.run(made, campaign, number, at, **columns)


def made(session: Session, campaign: Campaign, number: str, at: datetime, **columns: Any) -> int:
    begun = at - timedelta(seconds=30)
    values: dict[str, Any] = {
        "disposition": "answered",
        "slot_at": begun,
        "claimed_at": begun,
        "answered_at": begun,
        "ended_at": at,
        "served_at": null(),
        "gate_inputs": {"country": "US", "zones": ["America/New_York"]},
    }
    person = make_recipient(session, campaign, numbers=[number], status="exhausted")
    return make_attempt(session, person, "ended", **values | columns).id


def test_a_number_whose_call_met_silence_is_left_alone_by_every_campaign_that_must(
    bench: Bench, ticker: Ticker, debt: Campaign, news: Campaign
) -> None:
    number = fiction_number()
    at = ticker.now - 10 * HOUR
    silent(bench, news, number, at)
    waits = bench.run(make_recipient, debt, numbers=[number])
    assert ticker.tick().given == 0
    assert state(bench, waits.id) == ("pending", "cooloff_abandoned", at + 72 * HOUR)
    ticker.now = at + 72 * HOUR
    assert ticker.tick().given == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"served_at": datetime.fromisoformat("2026-01-01T00:00:00Z")},
        {"disposition": "answered_machine"},
        {"answered_by": "machine"},
        {"answered_at": None, "disposition": "no_answer"},
        {"served_at": datetime.fromisoformat("1970-01-01T00:00:00Z")},  # nobody took note
    ],
    ids=["spoken to", "a machine", "heard to be a machine", "nobody answered", "not noted"],
)
def test_other_calls_were_not_abandoned(
    bench: Bench, ticker: Ticker, debt: Campaign, news: Campaign, columns: dict[str, Any]
) -> None:
    number = fiction_number()
    silent(bench, news, number, ticker.now - HOUR, **columns)
    bench.run(make_recipient, debt, numbers=[number])
    assert ticker.tick().given == 1


def test_attempts_are_planned_with_nothing_said_yet(
    bench: Bench, ticker: Ticker, debt: Campaign
) -> None:
    """So that a call is abandoned unless it is noted that something was said."""
    bench.run(make_recipient, debt)
    assert ticker.tick().given == 1
    (row,) = bench.queued()
    assert row.served_at is None
    assert row.gate_inputs["cooloffs"] == {"abandoned": 72 * 3600.0}


# Between the tick and the claim -----------------------------------------------------------------


def claim(bench: Bench, account: Account) -> list[int]:
    """The recipients whose queued attempts a worker gets, all of them having their slot now."""
    bench.rows(
        "UPDATE attempts SET slot_at = clock_timestamp() - interval '10 ms', "
        "not_after = clock_timestamp() + interval '1 minute', "
        "open_until = clock_timestamp() + interval '1 hour' WHERE status = 'queued'"
    )
    ids = [row.id for row in bench.queued() if row.status == "queued"]
    with bench.engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        taken = attempts.claim_attempts(
            autocommit, account.id, ids, "w", live_allowed=False, period=0.001, window=1.0
        )
    return [bench.attempt(one.id).recipient_id for one in taken]


def test_a_refusal_elsewhere_between_tick_and_claim_is_heeded_by_the_claim(
    bench: Bench, ticker: Ticker, account: Account, survey: Campaign, news: Campaign
) -> None:
    """It covers another campaign alone, so no gate of opt-outs asks about it."""
    elsewhere = campaign_for(bench, account, "informational")
    first, second = fiction_number(), fiction_number()
    spared = bench.run(make_recipient, survey, numbers=[first, second])
    called = bench.run(make_recipient, news)
    assert ticker.tick().given == 2
    refuse(bench, called.numbers[0], bench.now(), campaign_id=elsewhere.id)
    refuse(bench, second, bench.now(), campaign_id=elsewhere.id)
    assert claim(bench, account) == [called.id]
    (attempt,) = [row for row in bench.queued() if row.recipient_id == spared.id]
    assert attempt.status == "queued"  # the next tick lets it go, and asks again


def test_a_call_that_turns_out_silent_between_tick_and_claim_is_heeded_by_the_claim(
    bench: Bench, ticker: Ticker, account: Account, debt: Campaign, news: Campaign
) -> None:
    """`answered` comes after the end of a call, when the number has its next slot already."""
    numbers = [fiction_number(), fiction_number()]
    late = [
        silent(bench, news, number, ticker.now - HOUR, answered_at=None, disposition="no_answer")
        for number in numbers
    ]
    bench.run(make_recipient, debt, numbers=[numbers[0]])
    called = bench.run(make_recipient, debt, numbers=[numbers[1]])
    assert ticker.tick().given == 2
    tell(bench, late[0], said("answered"))
    assert bench.attempt(late[0]).answered_at is not None
    assert claim(bench, account) == [called.id]


# A campaign whose calls meet silence ------------------------------------------------------------


def spoken(bench: Bench, campaign: Campaign, count: int, at: datetime) -> None:
    """Calls in which something was said."""

    def act(session: Session) -> None:
        for _ in range(count):
            made(session, campaign, fiction_number(), at, served_at=at)

    bench.run(act)


def silences(bench: Bench, campaign: Campaign, ats: Sequence[datetime]) -> None:
    for at in ats:
        silent(bench, campaign, fiction_number(), at)


@pytest.fixture
def marketing(bench: Bench, account: Account) -> Campaign:
    """Its rule allows 3 % abandoned within 30 days."""
    return campaign_for(bench, account, "marketing")


def test_a_campaign_of_which_too_many_calls_meet_silence_pauses_itself(
    bench: Bench, account: Account, marketing: Campaign, news: Campaign
) -> None:
    now = bench.now()
    for campaign in (marketing, news):
        spoken(bench, campaign, 97, now - DAY)
        silences(bench, campaign, [now - DAY] * 3)
    assert guarding.watch(bench.engine) == []
    assert bench.value("SELECT status FROM campaigns WHERE id = :i", i=marketing.id) == "running"
    silences(bench, marketing, [now - HOUR])
    dialing = bench.run(lambda s: make_attempt(s, make_recipient(s, marketing), "dialing"))
    assert guarding.watch(bench.engine) == [dialing.id]
    (row,) = bench.rows("SELECT * FROM campaigns WHERE id = :i", i=marketing.id)
    assert (row.status, row.paused_itself) == ("paused", True)
    told = (
        "4 of the 101 calls that people answered in 30 days met silence, 4.0 %, and the rule "
        "test.share allows 3 %."
    )
    assert told in row.status_reason
    (log,) = bench.rows("SELECT sentence FROM campaign_log")
    assert told in log.sentence
    assert bench.value("SELECT status FROM campaigns WHERE id = :i", i=news.id) == "running"
    assert guarding.watch(bench.engine) == []


def test_whoever_resumes_it_gets_as_far_as_further_silence(
    bench: Bench, account: Account, marketing: Campaign
) -> None:
    now = bench.now()
    spoken(bench, marketing, 50, now - DAY)
    silences(bench, marketing, [now - DAY] * 5)
    guarding.watch(bench.engine)
    bench.run(lambda s: resume_campaign(s, marketing.id, bench.now()))
    guarding.watch(bench.engine)
    assert bench.value("SELECT status FROM campaigns") == "running"
    silences(bench, marketing, [bench.now()] * 2)
    guarding.watch(bench.engine)
    assert bench.value("SELECT status FROM campaigns") == "running"
    silences(bench, marketing, [bench.now()])
    guarding.watch(bench.engine)
    assert bench.value("SELECT status FROM campaigns") == "paused"


def test_what_was_before_the_rules_days_counts_no_more(
    bench: Bench, account: Account, marketing: Campaign
) -> None:
    now = bench.now()
    spoken(bench, marketing, 60, now - DAY)
    silences(bench, marketing, [now - 32 * DAY] * 20)
    guarding.watch(bench.engine)
    assert bench.value("SELECT status FROM campaigns") == "running"
    silences(bench, marketing, [now - 29 * DAY] * 3)
    guarding.watch(bench.engine)
    assert bench.value("SELECT status FROM campaigns") == "paused"


def test_a_call_that_is_taken_back_as_it_is_answered_was_abandoned(
    bench: Bench, ticker: Ticker, account: Account, debt: Campaign, news: Campaign
) -> None:
    """Whoever picked up was hung up on: a call like any other that met silence."""
    person = bench.run(make_recipient, news)
    attempt = bench.run(make_attempt, person, "ringing", served_at=null())
    tell(bench, attempt.id, said("answered"))
    tell(bench, attempt.id, ended("canceled"))
    waits = bench.run(make_recipient, debt, numbers=list(person.numbers))
    assert ticker.tick(after=60.0).given == 0
    assert state(bench, waits.id)[1] == "cooloff_abandoned"
