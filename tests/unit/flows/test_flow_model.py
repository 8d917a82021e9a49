"""Call flows as stored values, the ready-made ones, and their previews."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow, Kind, Meaning, VoicemailPolicy
from campaigns.flows.preview import preview

MINIMAL: dict[str, Any] = {"kind": "announcement", "message": "The office is closed."}
FULL: dict[str, Any] = {
    "kind": "reminder",
    "message": "Hello {name}.",
    "prompt": "Press 1 or 9.",
    "answers": {
        "1": {"meaning": "confirm", "reply": "Thank you {name}."},
        "9": {"meaning": "opt_out", "reply": "You will not be called again."},
    },
    "voicemail": {"policy": "leave_message", "text": "Call us, {name}, on {day}."},
    "voice": "Polly.Joanna",
    "language": "en-GB",
    "max_duration": 120,
    "not_understood": "What?",
    "please_wait": "Wait.",
    "not_recorded": "Not recorded.",
    "goodbye": "Bye.",
}


@pytest.mark.parametrize("data", [MINIMAL, FULL])
def test_a_flow_survives_being_stored(data):
    flow = CallFlow.from_json(data)

    assert CallFlow.from_json(flow.to_json()) == flow


def test_defaults():
    flow = CallFlow.from_json(MINIMAL)

    assert flow.kind is Kind.ANNOUNCEMENT
    assert flow.max_duration == 300
    assert flow.voicemail.policy is VoicemailPolicy.HANG_UP
    assert flow.answers == {}
    assert flow.language == "en-US"


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(FULL)
    *parents, last = path.split("/")
    target = data
    for parent in parents:
        target = target[parent]
    target[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("kind", "poem", ["kind"]),
        ("message", "", ["message", "empty"]),
        ("message", "Hello {name", ["message", "brace"]),
        ("message", 7, ["message"]),
        ("message", None, ["message"]),
        ("message", "x" * 3000, ["message", "2000"]),
        ("prompt", None, ["prompt"]),
        ("answers", {}, ["prompt needs answers"]),
        ("answers", [], ["answers"]),
        ("answers/12", {"meaning": "confirm", "reply": "x"}, ["'12'", "key"]),
        ("answers/x", {"meaning": "confirm", "reply": "x"}, ["'x'", "key"]),
        ("answers/", {"meaning": "confirm", "reply": "x"}, ["key"]),
        ("answers/1/meaning", "bribe", ["answers.1.meaning"]),
        ("answers/1/reply", "{", ["answers.1.reply", "brace"]),
        ("answers/1/extra", 1, ["answers.1.extra"]),
        ("voicemail", {"policy": "leave_message"}, ["needs its text"]),
        ("voicemail", {"policy": "hang_up", "text": "x"}, ["leave_message"]),
        ("voicemail", {"policy": "shout"}, ["voicemail.policy"]),
        ("voice", "x${call.from}", ["voice"]),
        ("voice", "", ["voice"]),
        ("language", "english please", ["language"]),
        ("language", "en-US\n", ["language"]),
        ("max_duration", 29, ["max_duration", "30"]),
        ("max_duration", 14401, ["max_duration", "14400"]),
        ("max_duration", "300", ["max_duration"]),
        ("max_duration", True, ["max_duration"]),
        ("max_duration", 10**400, ["max_duration"]),
        ("goodbye", "", ["goodbye"]),
        ("surprise", 1, ["surprise"]),
    ],
)
def test_a_bad_flow_is_refused_at_its_place(path, value, words):
    with pytest.raises(InvalidInput) as caught:
        CallFlow.from_json(changed(path, value))

    for word in ["call flow cannot be used", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "data", [None, [], "x", 1, {}, {"message": object()}, {"message": float("nan")}, {1: {2: 3}}]
)
def test_what_is_no_flow_is_refused(data):
    with pytest.raises(InvalidInput):
        CallFlow.from_json(data)


def test_endless_nesting_is_refused():
    data: dict[str, Any] = {}
    data["message"] = data
    with pytest.raises(InvalidInput):
        CallFlow.from_json(data)


def test_a_flow_cannot_be_changed():
    flow = CallFlow.from_json(FULL)
    with pytest.raises(ValueError, match="frozen"):
        flow.message = "Something else."  # type: ignore[misc]


def test_columns_are_checked_in_every_text():
    flow = CallFlow.from_json(FULL)

    assert flow.columns() == ["name", "day"]
    flow.check_columns(["name", "day", "more"])
    with pytest.raises(InvalidInput, match="day"):
        flow.check_columns(["name"])


def test_the_reminder_says_and_understands_what_it_promises():
    flow = reminder_flow("Elm Street Dental", contact="+1 202 555 0100")

    assert {digit: answer.meaning for digit, answer in flow.answers.items()} == {
        "1": Meaning.CONFIRM,
        "2": Meaning.RESCHEDULE,
        "3": Meaning.CANCEL,
        "9": Meaning.OPT_OUT,
    }
    heard = preview(flow, {"name": "Ada", "appointment": "Monday at 9"})
    assert " ".join(heard.human) == (
        "Hello Ada, this is Elm Street Dental with a reminder of your appointment on Monday at 9. "
        "Press 1 to confirm, 2 to reschedule, 3 to cancel, "
        "or 9 if you do not want to be called again."
    )
    assert heard.voicemail == []
    assert "Please contact Elm Street Dental at +1 202 555 0100." in heard.not_recorded


@pytest.mark.parametrize("flow", [reminder_flow("A"), announcement_flow("Closed.")])
def test_only_the_opt_out_promises_silence(flow):
    promising = {digit for digit, answer in flow.answers.items() if "not be called" in answer.reply}
    meant = {digit for digit, answer in flow.answers.items() if answer.meaning is Meaning.OPT_OUT}
    assert promising == meant == {"9"}


def test_a_message_for_the_machine_asks_for_no_key():
    flow = reminder_flow("A", leave_message=True)
    heard = preview(flow, {"name": "Ada", "appointment": "Monday"})

    assert heard.voicemail == [
        "Hello, this is A with a reminder of your appointment on Monday.",
        "Thank you.",
    ]


def test_an_organisation_cannot_add_placeholders():
    flow = reminder_flow("Us {secret} {", contact="}{x}")

    assert flow.columns() == ["name", "appointment"]


@pytest.mark.parametrize("text", ["", "{", "x" * 2001])
def test_an_announcement_that_cannot_be_read_out(text):
    with pytest.raises(InvalidInput):
        announcement_flow(text)


def test_an_announcement_and_its_preview():
    flow = announcement_flow("Hi {name}! We moved.", organisation="Us", leave_message=True)
    heard = preview(flow, {"name": "Ada"})

    assert heard.human == [
        "Hi Ada!",
        "We moved.",
        "Press 9 if you do not want to be called again.",
    ]
    assert heard.voicemail == ["Hi Ada!", "We moved."]
    assert heard.keys == {"9": ["You will not be called again.", "Goodbye."]}
    assert heard.wrong_key == ["Sorry, I did not understand."]


def test_without_keys_nothing_can_go_wrong_with_keys():
    heard = preview(CallFlow.from_json(MINIMAL), {})

    assert (heard.keys, heard.wrong_key, heard.not_recorded) == ({}, [], [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(sorted(FULL)) | st.text(max_size=3), inner, max_size=6
            )
        ),
        max_leaves=15,
    )
)
def test_any_data_is_a_flow_or_refused(data):
    try:
        flow = CallFlow.from_json(data)
    except InvalidInput:
        return
    assert CallFlow.from_json(flow.to_json()) == flow
