"""Each gate refuses by itself, says why and until when; and the first refusal decides."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import gates
from campaigns.compliance import CapScope, ConsentNeed, Cooloffs, Duties, WeeklyWindows
from campaigns.errors import InvalidInput
from campaigns.gates import Call, Calls, Facts, OptOutFact, Verdict, judging
from campaigns.lifecycle import RecipientStatus
from tests.unit.gates.knowing import (
    CHICAGO,
    NEW_YORK,
    NOON,
    NUMBER,
    ago,
    allowed,
    but,
    calls,
    cap,
    hours,
    rules,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FROM_NOON = WeeklyWindows.parse("daily 12:00-20:00")
STOPPED = OptOutFact(4, NUMBER, ago(days=2), "keypress", evidence="key 9 during attempt 8")
COOLOFFS = Cooloffs(refusal=60 * 86400.0, abandoned=72 * 3600.0)

# gate: what makes it refuse, words of its evidence, when it opens by itself, what becomes of them
REFUSALS: dict[str, tuple[dict[str, Any], str, datetime | None, RecipientStatus | None]] = {
    "dialling": (
        {"installation": {"dialling": False, "off_reason": "lunch"}},
        "switched off for the whole installation: lunch.",
        None,
        None,
    ),
    "web": ({"installation": {"web_alive": False}}, "no web process", None, None),
    "public_url": ({"installation": {"url_answers": False}}, "public URL", None, None),
    "account": (
        {"account": {"backoff_until": NOON + HOUR}},
        "carrier is backing off and dials again in 1 hour",
        NOON + HOUR,
        None,
    ),
    "campaign": (
        {"campaign": {"status": "paused", "status_reason": "by Ada"}},
        "the campaign is paused: by Ada",
        None,
        None,
    ),
    "recipient": (
        {"person": {"next_attempt_at": NOON + HOUR, "reason": "after busy"}},
        "due at Tue 3 Mar 2026, 18:00 UTC (after busy)",
        NOON + HOUR,
        None,
    ),
    "opt_out": (
        {"person": {"opt_outs": (STOPPED,)}},
        f"{NUMBER} is opted out everywhere since Sun 1 Mar 2026, 17:00 UTC (opt-out 4, pressed in "
        "a call, key 9 during attempt 8).",
        None,
        RecipientStatus.BLOCKED,
    ),
    "consent": (
        {"rules": {"duties": Duties(consent=ConsentNeed.WRITTEN)}},
        "the rules us-hours need written consent for reminder calls for",
        None,
        RecipientStatus.BLOCKED,
    ),
    "deadline": (
        {"person": {"deadline_at": NOON}},
        "the deadline was Tue 3 Mar 2026, 17:00 UTC",
        None,
        RecipientStatus.EXPIRED,
    ),
    "attempts": (
        {"person": {"attempts_spent": 3}},
        "3 of 3 attempts were made",
        None,
        RecipientStatus.EXHAUSTED,
    ),
    "cooloff_refusal": (
        {"rules": {"cooloffs": COOLOFFS}, "person": {"refused": STOPPED}},
        f"they refused at Sun 1 Mar 2026, 17:00 UTC (opt-out 4 of {NUMBER}), and the rules "
        "us-hours want 60 days without calls after that",
        ago(days=2) + 60 * DAY,
        None,
    ),
    "daily_limit": (
        {"campaign": {"max_per_day": 1}, "calls": {"to_person": calls(ago(hours=20))}},
        "the campaign's daily limit allows 1 call within 1 day to one person",
        ago(hours=20) + DAY,
        None,
    ),
    "number_busy": (
        {"calls": {"holding": 12}},
        f"attempt 12 is on its way to {NUMBER}",
        NOON + timedelta(seconds=15),
        None,
    ),
    "cooloff_abandoned": (
        {"rules": {"cooloffs": COOLOFFS}, "calls": {"last_abandoned": Call(8, ago(hours=10))}},
        "attempt 8 to +12125550123 was answered, nobody heard anything, and it ended at Tue 3 Mar "
        "2026, 07:00 UTC; the rules us-hours want 3 days without calls after that",
        ago(hours=10) + 3 * DAY,
        None,
    ),
    "gap": (
        {"rules": {"min_gap": 4 * 3600.0}, "calls": {"last_ended": Call(8, ago(hours=1))}},
        "attempt 8 to +12125550123 ended at Tue 3 Mar 2026, 16:00 UTC, and the rules us-hours "
        "want 4 hours between two calls",
        NOON + 3 * HOUR,
        None,
    ),
    "cap": (
        {
            "rules": {"caps": (cap(2, hours=24),)},
            "calls": {"to_number": calls(ago(hours=1), ago(hours=20), ago(hours=23))},
        },
        "us-cap allows 2 calls within 1 day to +12125550123, and these count: attempt 1 at Tue 3 "
        "Mar 2026, 16:00 UTC and attempt 2 at Mon 2 Mar 2026, 21:00 UTC",
        ago(hours=20) + DAY,
        None,
    ),
    "place": ({"place": {"country": None}}, "in which country", None, RecipientStatus.REVIEW),
    "hours": (
        {
            "place": {"zones": (NEW_YORK, CHICAGO)},
            "hours": hours(NEW_YORK, CHICAGO, windows=FROM_NOON),
            "rules": {"windows": (FROM_NOON,)},
        },
        "it is Tue 3 Mar 2026, 12:00 in New York or Tue 3 Mar 2026, 11:00 in Chicago; the rules "
        "us-hours are closed in America/Chicago; open again Tue 3 Mar 2026, 13:00 in New York",
        NOON + HOUR,
        None,
    ),
}


def of(facts: Facts, gate: str, at: datetime = NOON) -> Verdict:
    (found,) = [one for one in gates.judge(facts, at) if one.gate == gate]
    return found


def test_whoever_may_be_called_passes_every_gate_with_evidence() -> None:
    verdicts = gates.judge(allowed(), NOON)
    assert [one.gate for one in verdicts] == [name for name, _ in gates.GATES]
    assert all(one.passed and one.evidence.endswith(".") for one in verdicts)
    assert gates.first_refusal(allowed(), NOON) is None
    assert gates.next_eligible(allowed(), NOON) == NOON


def test_there_is_a_case_for_every_gate() -> None:
    assert list(REFUSALS) == [name for name, _ in (*gates.STANDING, *gates.PERSONAL)]


@pytest.mark.parametrize("gate", REFUSALS)
def test_each_gate_refuses_alone(gate: str) -> None:
    parts, told, until, fate = REFUSALS[gate]
    verdicts = gates.judge(but(**parts), NOON)
    assert [one.gate for one in verdicts if not one.passed] == [gate]
    refused = of(but(**parts), gate)
    assert told.lower() in refused.evidence.lower()
    assert refused.evidence.endswith(".")
    assert (refused.until, refused.fate) == (until, fate)
    assert gates.first_refusal(but(**parts), NOON) == refused


def test_the_earlier_gate_decides() -> None:
    for first, second in itertools.combinations(REFUSALS, 2):
        parts: dict[str, Any] = {}
        for name, value in (*REFUSALS[first][0].items(), *REFUSALS[second][0].items()):
            parts[name] = parts.get(name, {}) | value if isinstance(value, dict) else value
        refused = gates.first_refusal(but(**parts), NOON)
        assert refused is not None, (first, second)
        assert refused.gate == first, (first, second)


def test_a_gate_that_fails_calls_nobody_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(facts: Facts, now: datetime) -> Verdict:
        raise ZeroDivisionError("a mistake in a gate")

    refused = gates.first_refusal(allowed(), NOON, (("gap", broken),))
    assert refused is not None
    assert not refused.passed
    assert (refused.until, refused.fate) == (None, None)
    assert gates.next_eligible(allowed(), NOON) is not None
    assert "a mistake in a gate" in caplog.text


def test_what_cannot_be_told_is_for_review() -> None:
    def unreadable(facts: Facts, now: datetime) -> Verdict:
        raise InvalidInput("“Mars/Base” is not a time zone.")

    refused = gates.first_refusal(allowed(), NOON, (("hours", unreadable),))
    assert refused is not None
    assert refused.fate is RecipientStatus.REVIEW
    assert "Mars/Base" in refused.evidence


# What the gates are asked about -----------------------------------------------------------------


def test_a_live_account_needs_that_to_be_allowed() -> None:
    facts = but(account={"live": True})
    assert "OUTDIAL_LIVE_DIALLING" in of(facts, "account").evidence
    assert of(but(account={"live": True}, installation={"live_allowed": True}), "account").passed


def test_a_campaign_that_has_not_begun_says_when_it_starts() -> None:
    facts = but(campaign={"status": "scheduled", "starts_at": NOON + DAY})
    assert of(facts, "campaign").until == NOON + DAY
    assert not of(but(campaign={"ends_at": NOON}), "campaign").passed


@pytest.mark.parametrize("status", ["in_flight", "completed", "removed", "review"])
def test_nobody_is_called_who_does_not_wait_for_it(status: str) -> None:
    refused = of(but(person={"status": RecipientStatus(status)}), "recipient")
    assert not refused.passed
    assert (refused.fate is None) == (status == "in_flight")


def test_signs_of_life_of_the_past_are_not_known_and_do_not_refuse() -> None:
    unknown = {"web_alive": None, "url_answers": None}
    then = but(installation=unknown, past=True)
    for gate in ("web", "public_url"):
        assert of(then, gate).passed
        assert of(then, gate).as_of_today
        assert not of(but(installation=unknown), gate).passed  # now, what is unknown is no


def test_what_was_worked_out_before_is_believed_only_until_its_end() -> None:
    closed = hours(NEW_YORK)
    night = datetime.fromisoformat("2026-03-04T03:00+00:00")
    assert of(but(hours=closed, open_until=night + HOUR), "hours", night).passed
    assert not of(but(hours=closed, open_until=night), "hours", night).passed


def test_a_window_that_closes_soon_gives_no_call_any_more() -> None:
    at = datetime.fromisoformat("2026-03-04T00:57+00:00")  # three minutes to eight in New York
    early = but(hours=hours(NEW_YORK, early=300.0), rules=rules(close_early=300.0))
    refused = of(early, "hours", at)
    assert not refused.passed
    assert refused.until == datetime.fromisoformat("2026-03-04T14:00+00:00")


def test_the_next_eligible_time_heeds_every_gate() -> None:
    """The gap ends in the evening, so the next call is in the morning."""
    gap_ends = datetime.fromisoformat("2026-03-04T02:00+00:00")
    facts = but(
        rules=rules(min_gap=4 * 3600.0),
        calls=Calls(last_ended=Call(8, gap_ends - timedelta(hours=4))),
    )
    opens = datetime.fromisoformat("2026-03-04T14:00+00:00")
    at = gap_ends - timedelta(hours=1)
    assert gates.next_eligible(facts, at) == opens
    assert gates.next_eligible(but(campaign={"status": "paused"}), NOON) is None
    assert gates.next_eligible(but(person={"opt_outs": (STOPPED,)}), NOON) is None


def test_a_full_account_is_told_and_keeps_nobody_from_being_eligible() -> None:
    pace = gates.Pace(0, "All 5 calls are in use.", NOON + timedelta(seconds=1))
    refused = of(but(pace=pace), "pace")
    assert (refused.passed, refused.evidence) == (False, "All 5 calls are in use.")
    assert gates.next_eligible(but(pace=pace), NOON) == NOON
    assert "pace" not in dict(judging.PERSONAL)


def test_a_number_and_an_address_apart_are_told_by_both_their_countries() -> None:
    refused = of(but(place={"country": None, "zones": (), "apart": ("FR", "DE")}), "place")
    assert refused.fate is RecipientStatus.REVIEW
    assert "is a number of FR" in refused.evidence
    assert "is in DE" in refused.evidence


@pytest.mark.parametrize(
    ("gate", "fact", "least"),
    [
        ("cooloff_refusal", {"person": {"refused": STOPPED}}, Cooloffs(refusal=2 * 86400.0)),
        (
            "cooloff_abandoned",
            {"calls": {"last_abandoned": Call(8, ago(days=2))}},
            Cooloffs(abandoned=2 * 86400.0),
        ),
    ],
)
def test_a_cool_off_is_over_to_the_second_and_shorter_in_practice(
    gate: str, fact: dict[str, Any], least: Cooloffs
) -> None:
    second = timedelta(seconds=1)
    facts = but(rules=rules(cooloffs=least), **fact)
    assert of(facts, gate).passed
    assert not of(facts, gate, NOON - second).passed
    assert of(but(**fact), gate).passed  # no rule asks for one
    assert of(but(rules=rules(cooloffs=least)), gate).passed  # nothing has happened
    shorter = but(rules=rules(cooloffs=least), account={"time_scale": 0.5}, **fact)
    assert of(shorter, gate, NOON - DAY).passed
    refused = of(shorter, gate, NOON - DAY - second)
    assert refused.until == NOON - DAY
    assert "times 0.5 on this account" in refused.evidence


def test_the_scopes_of_caps_count_different_calls() -> None:
    mine = Calls(
        to_number=calls(ago(hours=1), ago(hours=2)),
        about_subject=calls(ago(hours=2)),
        to_person=calls(),
    )
    for scope, full in (
        (CapScope.NUMBER, True),
        (CapScope.NUMBER_AND_SUBJECT, False),
        (CapScope.RECIPIENT, False),
    ):
        facts = but(rules=rules(caps=(cap(2, hours=24, scope=scope),)), calls=mine)
        assert of(facts, "cap").passed is not full
