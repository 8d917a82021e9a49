"""What campaigns and installations are told in JSON: each is understood and kept, or refused."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import config
from campaigns.compliance import WeeklyWindows, allowed, next_allowed
from campaigns.compliance.holidays import Holidays
from campaigns.config import Settings
from campaigns.errors import NotConfigured
from campaigns.flows.model import KEYS, CallFlow
from campaigns.flows.text import fill
from campaigns.lifecycle import Disposition
from campaigns.recurring.rules import Rule, next_firings
from campaigns.retries import RETRYABLE, RetryAt, RetryPolicy, Stop, decide
from campaigns.retries.policy import LONGEST_WAIT, MOST_ATTEMPTS
from tests.fuzz.budget import calls_made, search, storable, understood
from tests.fuzz.words import NOW, ZONES, pieces, values

DAYS = ("mon", "tue", "fri", "sunday", "daily", "weekdays", "holidays", "closed on", "always")


@search(150)
@given(pieces(*DAYS, "09:00-17:30", "22:00-02:00", "US-CA", "2026-12-24", ";") | values(*DAYS))
def test_calling_windows(value):
    windows = understood(lambda: WeeklyWindows.parse(value))
    if windows is None:
        return
    assert WeeklyWindows.parse(json.loads(json.dumps(windows.serialise()))) == windows
    assert WeeklyWindows.parse(str(windows)) == windows
    for zone in ZONES:
        opens = next_allowed([windows], [zone], NOW)
        assert opens is None or (opens >= NOW and allowed([windows], [zone], opens))


@search(80)
@given(
    pieces("US", "DE-BY", "GB-ENG", "2026-12-24", "holidays", "and")
    | values("country", "dates", "subdivision")
)
def test_holidays(value):
    holidays = understood(lambda: Holidays.parse(value))
    if holidays is None:
        return
    assert Holidays.parse(json.loads(json.dumps(holidays.serialise()))) == holidays


RULE = ("kind", "cron", "days", "times", "every", "zone", "at", "weekly", "until", "timezone")


@search(120)
@given(values(*RULE) | st.fixed_dictionaries({}, optional={name: values(*RULE) for name in RULE}))
def test_recurrences(value):
    rule = understood(lambda: Rule.parse(value))
    if rule is None:
        return
    assert Rule.parse(json.loads(json.dumps(rule.serialise()))) == rule
    assert calls_made(lambda: next_firings(rule, NOW, 3)) < 2_000_000


POLICY = (
    "max_attempts",
    "waits",
    "busy",
    "no_answer",
    "machine_counts",
    "redial_unknown",
    "failed",
)
ENDINGS = sorted(RETRYABLE)
FLOW = (
    "kind",
    "text",
    "greeting",
    "answers",
    "voicemail",
    "language",
    "voice",
    "1",
    "9",
    "meaning",
)


# Mostly what may be written, so that much of it is understood.
counts = st.sampled_from([1, 3, 7, 20, 20, 0, 21, 1.5, True])
seconds = st.sampled_from([0, 60, 300, 86_400, 604_800, 604_801, -1, "3"])
endings = st.sampled_from(ENDINGS)
policies = st.fixed_dictionaries(
    {},
    optional={
        "waits": st.dictionaries(endings, st.lists(seconds, max_size=2), max_size=2),
        "limits": st.dictionaries(endings, counts, max_size=2),
        "per_number": st.lists(counts, max_size=2),
        "max_attempts": counts,
        "max_per_day": st.none() | counts,
        "jitter": st.sampled_from([0, 0.5, 1, 1.5, None]),
        "redial_unknown": st.booleans(),
    },
)


@search(120)
@given(policies | values(*POLICY))
def test_retry_policies(value):
    policy = understood(lambda: RetryPolicy.parse(value))
    if policy is None:
        return
    assert RetryPolicy.parse(json.loads(json.dumps(policy.serialise()))) == policy
    # What was written is what is kept, and no campaign calls anybody more often than that.
    written = policy.serialise()
    for name in value.keys() - {"waits", "limits", "per_number"}:
        assert (type(written[name]), written[name]) == (type(value[name]), value[name])
    assert 1 <= policy.max_attempts <= MOST_ATTEMPTS
    for waits in policy.waits.values():
        assert all(0 <= seconds <= LONGEST_WAIT for seconds in waits)
    for ending, calls in product(RETRYABLE, (1, policy.max_attempts, MOST_ATTEMPTS)):
        after = ended(policy, ending, calls)
        assert isinstance(after, Stop) or after.at >= NOW
        if calls >= policy.max_attempts:
            assert isinstance(after, Stop)


def ended(policy: RetryPolicy, ending: Disposition, calls: int) -> RetryAt | Stop:
    """What follows for somebody all of whose calls so far ended like this."""
    return decide(
        policy,
        ending,
        attempts_spent=calls,
        attempts_last_day=calls,
        now=NOW,
        numbers_left=0,
        fraction=0.5,
        ended_alike=calls,
    )


speeches = st.sampled_from(
    [
        "Hello {name}.",
        {"audio": "a" * 64},
        ["Hello.", {"audio": "0" * 64}],
        "\u0663 {",
        {"audio": 1},
    ]
)
flows = st.fixed_dictionaries(
    {"kind": st.sampled_from(["reminder", "announcement"]), "message": speeches},
    optional={
        "voicemail": st.fixed_dictionaries({"policy": st.just("leave_message"), "text": speeches}),
        "max_duration": st.sampled_from([30, 14_400, 29, "300"]),
        "language": st.sampled_from(["de", "en-GB", "pt-br-\n"]),
    },
)
replies = st.fixed_dictionaries(
    {"meaning": st.sampled_from(["confirm", "opt_out", "sing"]), "reply": speeches}
)
keys = st.sampled_from(["1", "9", "#", "10", "\u0663"])
asking = st.fixed_dictionaries(
    {"prompt": speeches, "answers": st.dictionaries(keys, replies, max_size=2)}
)
asked = st.builds(lambda flow, more: {**flow, **more}, flows, asking)


@search(120)
@given(flows | asked | values(*FLOW, "{name}", "reminder"))
def test_call_flows(value):
    flow = understood(lambda: CallFlow.from_json(value))
    if flow is None:
        return
    kept = json.loads(json.dumps(flow.to_json()))
    assert CallFlow.from_json(kept) == flow
    for name, written in value.items():  # nothing that was written is lost or read as another thing
        assert kept[name] == written or name == "voicemail"
    assert all(len(key) == 1 and key in KEYS for key in flow.answers)
    assert bool(flow.answers) == (flow.prompt is not None)
    spoken = [fill(text, dict.fromkeys(flow.columns(), "Ada")) for text in flow.texts()]
    assert all(text and "{" not in text and "}" not in text for text in spoken)


FIELDS = sorted(Settings.model_fields)


@search(100)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        pieces("1", "[", "]", '"', "{", "true", "http://", "nan", "inf", "1e400").filter(
            lambda text: "\0" not in text and storable(text)
        ),
        max_size=3,
    )
)
def test_settings(given_values):
    with pytest.MonkeyPatch.context() as environment:
        for name, value in given_values.items():
            environment.setenv(config.variable_of(name), value)
        config.settings.cache_clear()
        try:
            found = understood(config.settings, NotConfigured)
        finally:
            config.settings.cache_clear()
    # It is what was written, and where nothing was written the default.
    if found is not None:
        assert found.model_fields_set <= given_values.keys()
        for name, text in given_values.items():
            kept = getattr(found, name)
            assert not isinstance(kept, str) or kept in (text, Settings.model_fields[name].default)
            if isinstance(kept, float):
                assert kept == float(text)
                assert kept > 0
