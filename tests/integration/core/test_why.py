"""Why somebody is not called: the tick's own gates, asked about now and about any time before."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import gates, reporting, stopping
from campaigns.models import Account, Campaign
from campaigns.reporting import Surroundings
from campaigns.reporting.why_values import Why, WhyInCampaign
from campaigns.store.opt_outs import NewOptOut
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_caps import called, capped

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ask(bench: Bench, number: str, at: datetime | None = None, **named: Any) -> Why:
    """The answer now, or about `at`."""
    return bench.run(
        lambda s: reporting.why(s, number, bench.now(), Surroundings(), at=at, **named)
    )


def one(found: Why) -> WhyInCampaign:
    (only,) = found.campaigns
    return only


def verdict(found: WhyInCampaign, gate: str) -> Any:
    (only,) = [each for each in found.verdicts if each.gate == gate]
    return only


def opted(bench: Bench, number: str) -> None:
    bench.run(lambda s: stopping.opt_out_number(s, number, "api", bench.now()))


# What keeps somebody from being called, and what the tick makes of it. The tick and the question
# must say the same, whatever it is.
Set = dict[str, Any]
CASES: dict[str, tuple[str, Set]] = {
    "nothing": ("", {}),
    "opted out": ("opt_out", {}),
    "deadline": ("deadline", {"deadline_at": timedelta(minutes=-5)}),
    "attempts": ("attempts", {"attempts_spent": 3}),
    "day": ("daily_limit", {}),
    "busy": ("number_busy", {}),
    "gap": ("gap", {}),
    "cap": ("cap", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_question_and_the_tick_give_the_same_answer(
    bench: Bench, ticker: Ticker, account: Account, case: str
) -> None:
    gate, columns = CASES[case]
    campaign = bench.run(
        make_campaign,
        account,
        caps=capped((2, 24, "number")),
        retry_policy={"max_per_day": 1} if case == "day" else {},
    )
    changed = {
        name: ticker.now + value if isinstance(value, timedelta) else value
        for name, value in columns.items()
    }
    person = bench.run(make_recipient, campaign, **changed)
    number = person.numbers[0]
    if case == "opted out":
        opted(bench, number)
    elif case == "day":
        at = ticker.now - HOUR
        bench.run(make_attempt, person, "ended", claimed_at=at, ended_at=at)
    elif case == "busy":
        bench.run(
            lambda s: make_attempt(s, make_recipient(s, campaign, numbers=[number]), "ringing")
        )
    elif case == "gap":
        called(bench, campaign, number, ticker.now - HOUR, ended_at=ticker.now + HOUR)
    elif case == "cap":
        for hours in (2, 3):
            called(bench, campaign, number, ticker.now - hours * HOUR)
    ticker.now = bench.now()
    told = next(each for each in ask(bench, number).campaigns if each.recipient_id == person.id)
    assert (told.decides or "") == gate
    ticker.tick()
    row = bench.recipient(person.id)
    if not gate:
        assert row.status == "in_flight"
        return
    said = verdict(told, gate)
    refused = gates.Verdict(gate, False, "")
    assert row.reason == gates.reason_of(refused)
    assert row.status == (said.fate or "pending")
    if said.until is not None:
        assert abs(row.next_attempt_at - said.until) < timedelta(seconds=5)


def test_every_campaign_that_has_the_number_is_told_about(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    number = fiction_number()
    paused = bench.run(make_campaign, account, status="paused", status_reason="by Ada")
    for each in (campaign, paused):
        bench.run(make_recipient, each, numbers=[number])
    found = ask(bench, number)
    assert {each.decides for each in found.campaigns} == {None, "campaign"}
    assert found.sentence == "2 campaigns have this number; 1 of them may call it at that time."
    only = ask(bench, number, campaign_id=paused.id)
    assert one(only).sentence == "Is not called: the campaign is paused: by Ada."
    assert ask(bench, fiction_number()).campaigns == []


def test_it_says_when_the_next_call_is_possible(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    narrow = bench.run(make_campaign, account, caps=capped((1, 24, "number")))
    number = fiction_number()
    called(bench, narrow, number, ticker.now - HOUR)
    bench.run(make_recipient, narrow, numbers=[number])
    told = next(each for each in ask(bench, number).campaigns if each.decides == "cap")
    assert told.next_eligible_at == ticker.now - HOUR + DAY
    assert "the campaign's own cap allows 1 call within 1 day" in told.sentence
    assert "Next possible in 23 hours" in told.sentence
    assert "in New York" in (told.next_eligible_local or "")


# The past ---------------------------------------------------------------------------------------


def test_an_opt_out_that_was_undone_since_is_told_about_its_time(
    bench: Bench, campaign: Campaign
) -> None:
    person = bench.run(make_recipient, campaign)
    number = person.numbers[0]
    before = bench.now()
    bench.rows("UPDATE recipients SET created_at = now() - interval '1 day'")
    opted(bench, number)
    during = bench.now()
    bench.rows(
        "UPDATE opt_outs SET lifted_at = clock_timestamp(), lifted_by = 'Ada', lifted_why = 'asked'"
    )
    after = bench.now()
    bench.rows("UPDATE recipients SET status = 'pending', reason = NULL, next_attempt_at = now()")
    told = [verdict(one(ask(bench, number, at)), "opt_out") for at in (before, during, after)]
    assert [each.passed for each in told] == [True, False, True]
    assert not any(each.as_of_today for each in told)


def test_a_campaign_that_was_paused_then_is_told_so_although_it_runs_now(
    bench: Bench, campaign: Campaign
) -> None:
    number = bench.run(make_recipient, campaign).numbers[0]
    bench.rows("UPDATE recipients SET created_at = now() - interval '1 day'")
    ran = bench.now()
    bench.rows("UPDATE campaigns SET status = 'paused'")
    paused = bench.now()
    bench.rows("UPDATE campaigns SET status = 'running'")
    for at, passed in ((ran, True), (paused, False)):
        told = verdict(one(ask(bench, number, at)), "campaign")
        assert (told.passed, told.as_of_today) == (passed, False)
    early = verdict(one(ask(bench, number, ran - DAY)), "campaign")
    assert early.as_of_today  # the books of this campaign begin later


def test_calls_count_as_they_stood_then(bench: Bench, ticker: Ticker, account: Account) -> None:
    once = bench.run(make_campaign, account, caps=capped((1, 24, "number")))
    number = fiction_number()
    made = ticker.now - 10 * HOUR
    called(bench, once, number, made)
    person = bench.run(make_recipient, once, numbers=[number])
    bench.rows("UPDATE recipients SET created_at = now() - interval '9 days'")

    def told(at: datetime) -> WhyInCampaign:
        found = ask(bench, number, at).campaigns
        return next(each for each in found if each.recipient_id == person.id)

    assert verdict(told(made - HOUR), "cap").passed
    assert verdict(told(made + timedelta(seconds=30)), "number_busy").passed is False
    assert verdict(told(made + HOUR), "cap").passed is False
    assert told(made + HOUR).next_eligible_at is None  # nobody asks the past what comes next
    assert verdict(told(made - HOUR), "web").as_of_today


def test_whoever_was_on_the_phone_then_was_being_called(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    person = bench.run(make_recipient, campaign, status="completed")
    at = ticker.now - HOUR
    times = {"claimed_at": at, "ended_at": at + timedelta(minutes=2), "created_at": at}
    attempt = bench.run(make_attempt, person, "ended", **times)
    bench.rows("UPDATE recipients SET created_at = now() - interval '1 day', updated_at = now()")
    during = one(ask(bench, person.numbers[0], at + timedelta(minutes=1)))
    assert f"attempt {attempt.id}" in verdict(during, "recipient").evidence
    earlier = one(ask(bench, person.numbers[0], ticker.now - 25 * HOUR))
    assert "not in the campaign yet" in verdict(earlier, "recipient").evidence


def test_a_prefix_is_named_as_what_covers_the_number(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    person = bench.run(make_recipient, campaign)
    prefix = person.numbers[0][:7]
    new = [NewOptOut(prefix, is_prefix=True, evidence="a school")]
    bench.run(lambda s: stopping.opt_out(s, new, "page", bench.now(), who="Ada"))
    told = verdict(one(ask(bench, person.numbers[0])), "opt_out")
    assert f"{prefix}* is opted out everywhere" in told.evidence
    assert "a school" in told.evidence
