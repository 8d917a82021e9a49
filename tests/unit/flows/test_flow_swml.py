"""SWML documents: valid for the provider, harmless for any field, and never losing a key.

An interpreter (conftest) runs them, so most tests say what a callee hears and what is reported to
us, not how the document is written.
"""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow, Meaning
from campaigns.flows.swml import (
    FlowLinks,
    render_confirmation,
    render_hang_up,
    render_no_longer_valid,
    render_opening,
)

FIELDS = {"name": "Ada", "appointment": "Monday at 9"}
SILENT = CallFlow.from_json({"kind": "announcement", "message": "Closed."})
ODD_KEYS = CallFlow.from_json(
    {
        "kind": "reminder",
        "message": "Hello {name}.",
        "prompt": "Press a key.",
        "answers": {k: {"meaning": "confirm", "reply": f"{{name}} {k}."} for k in "0123456789*#"},
        "voice": "Polly.Joanna",
        "language": "de-DE",
        "max_duration": 90,
    }
)
FLOWS = {
    "reminder": reminder_flow("Elm Street Dental"),
    "reminder with message": reminder_flow("Elm Street Dental", leave_message=True),
    "announcement": announcement_flow("The office of {name} is closed."),
    "announcement with message": announcement_flow("Closed.", leave_message=True, voice="x"),
    "silent": SILENT,
    "odd keys": ODD_KEYS,
}
every_flow = pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS.keys())


def schema() -> Any:
    spec = find_spec("signalwire")
    assert spec is not None
    assert spec.origin is not None
    return json.loads((Path(spec.origin).parent / "schema.json").read_text())


VALIDATOR = Draft202012Validator(schema())


def documents(flow: CallFlow, fields: dict[str, str], links: FlowLinks) -> Iterator[Any]:
    yield render_opening(flow, fields, links)
    yield from (render_confirmation(flow, digit, fields) for digit in flow.answers)
    yield render_hang_up()
    yield render_no_longer_valid()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if not isinstance(value, str):
            yield from strings(inner) if isinstance(inner, str | dict | list) else ()


REMINDER = FLOWS["reminder"]


@every_flow
def test_every_document_is_valid_for_the_provider(flow, links):
    for document in documents(flow, FIELDS, links):
        VALIDATOR.validate(document)
        assert json.loads(json.dumps(document)) == document


def test_the_schema_would_notice(links):
    """The check above must be able to fail."""
    broken = render_opening(REMINDER, FIELDS, links)
    broken["sections"]["main"].append({"say": {"text": "x"}})

    assert list(VALIDATOR.iter_errors(broken))


HOSTILE = st.sampled_from(
    ["${call.from}", "%{vars.x}", "$${a}", "{", "}", "\n", '"}],"x":[{', "say:", "http://x.example"]
)


@settings(max_examples=30, deadline=None)  # the schema is large and checked in pure Python
@given(
    flow=st.sampled_from([flow for name, flow in FLOWS.items() if name != "odd keys"]),
    fields=st.dictionaries(
        st.sampled_from(["name", "appointment"]),
        st.lists(st.text(max_size=30) | HOSTILE, max_size=5).map("".join),
    ),
)
def test_no_value_of_a_field_can_change_a_document(flow, fields, links):
    plain = list(documents(flow, FIELDS, links))
    for document, expected in zip(documents(flow, fields, links), plain, strict=True):
        VALIDATOR.validate(document)
        spoken = [text for text in strings(document) if text.startswith("say:")]
        assert not any(sign in text for text in spoken for sign in "{}\n\r\u2028\x00")
        assert silenced(document) == silenced(expected)


def silenced(document: Any) -> str:
    return re.sub(r'"say:(?:[^"\\]|\\.)*"', '"say:"', json.dumps(document))


def test_a_value_next_to_a_dollar_sign_does_not_become_a_variable(links):
    flow = CallFlow.from_json({"kind": "announcement", "message": "You owe ${amount} or %{rate}."})
    document = render_opening(flow, {"amount": "{call.from}", "rate": "{vars.x}"}, links)

    assert "${" not in json.dumps(document)
    assert "%{" not in json.dumps(document)


@every_flow
def test_labels_are_unique_and_every_goto_finds_its_own_at_the_top_of_its_section(flow, links):
    sections = render_opening(flow, FIELDS, links)["sections"]
    labels = [
        (step["label"], name)
        for name, steps in sections.items()
        for step in steps
        if "label" in step
    ]
    assert len({label for label, _ in labels}) == len(labels)
    for name, steps in sections.items():
        gotos = [step["goto"]["label"] for step in steps if "goto" in step]
        assert all((label, name) in labels for label in gotos)
        assert json.dumps(steps).count('"goto"') == len(gotos)


@every_flow
def test_the_length_of_the_call_is_limited(flow, call):
    assert call(flow).limit == flow.max_duration


def test_a_person_hears_message_and_prompt_three_times_then_goodbye(call):
    callee = call(REMINDER)

    message = "Hello Ada, this is Elm Street Dental with a reminder of your appointment on "
    assert callee.heard[0] == message + "Monday at 9."
    assert callee.heard[1].startswith("Press 1 to confirm")
    assert callee.heard == [*callee.heard[:2] * 3, "Goodbye."]
    assert (callee.end, callee.reported) == ("hang-up", [])


@pytest.mark.parametrize("detects", ["human", "unknown", "detecting", "error"])
def test_whoever_may_be_a_person_is_spoken_to(detects, links, call):
    assert call(REMINDER, keys=["1"], detects=detects).end == links.said_url("1")


@every_flow
@pytest.mark.parametrize("detects", ["machine", "fax"])
def test_machines_hear_their_message_or_nothing(flow, detects, call):
    callee = call(flow, detects=detects)
    expected = [flow.voicemail.text] if flow.voicemail.text and detects == "machine" else []

    assert len(callee.heard) == len(expected)
    assert callee.end == "hang-up"


def test_waiting_for_the_end_of_a_greeting_only_when_there_is_something_to_leave(links):
    def detector(name: str) -> Any:
        return render_opening(FLOWS[name], FIELDS, links)["sections"]["main"][1]["detect_machine"]

    assert detector("reminder")["detect_message_end"] is False
    assert detector("reminder with message")["detect_message_end"] is True
    assert detector("reminder")["wait"] is True
    assert detector("reminder")["status_url"] == links.hook_url
    assert detector("reminder")["initial_timeout"] < 4.5


@every_flow
def test_each_key_is_reported_once_and_confirmed_by_our_own_document(flow, links, call):
    for digit in flow.answers:
        callee = call(flow, keys=[digit])

        assert callee.reported == [(links.key_url(digit), digit, digit)]
        assert callee.end == links.said_url(digit)
        assert len(callee.heard) == 2, "nothing is said before it is recorded"


def test_a_report_names_the_call_and_does_not_wait_for_ever(links):
    document = render_opening(REMINDER, FIELDS, links)
    request = next(step["request"] for step in document["sections"]["key_9"] if "request" in step)

    assert request["body"] == {"call": "${call.call_id}", "digit": "9"}
    assert (request["method"], request["timeout"], request["connect_timeout"]) == ("POST", 5, 2)
    assert request["save_variables"] is True


@pytest.mark.parametrize("reply", [None, 500, 503, 401, 302, 404])
@pytest.mark.parametrize("failed_result", ["failed", "success"])
@pytest.mark.parametrize("failures", [1, 5, 6, 7, 23])
def test_a_key_is_reported_until_it_is_recorded(reply, failed_result, failures, links, call):
    callee = call(
        REMINDER, keys=["9"], replies=[reply] * failures + [204], failed_result=failed_result
    )
    assert len(callee.reported) == failures + 1
    assert set(callee.reported) == {(links.key_url("9"), "9", "9")}
    assert callee.end == links.said_url("9")
    assert not any("not be called again" in text for text in callee.heard[2:])


@pytest.mark.parametrize("keys", [["9"], ["", "", "9"], ["5", "5", "9"], ["5", "", "9"]])
def test_a_key_that_cannot_be_recorded_is_admitted(keys, call):
    """Also after the prompt was repeated as often as it is, the jumps suffice."""
    callee = call(REMINDER, keys=keys, replies=[None])

    assert callee.end == "hang-up"
    assert isinstance(REMINDER.not_recorded, str)
    assert callee.heard[-1] == REMINDER.not_recorded.strip()
    assert "could not be recorded" in callee.heard[-1]
    assert len(callee.reported) == 24
    assert callee.waited == 80_000
    assert callee.heard.count("One moment, please.") == 4


def test_the_worst_case_ends_before_the_call_is_cut(call):
    callee = call(REMINDER, keys=["9"], replies=[None])

    assert callee.waited / 1000 + 5 * len(callee.reported) < REMINDER.max_duration - 60


def test_a_wrong_key_is_answered_and_asked_again(links, call):
    callee = call(REMINDER, keys=["5", "1"])

    assert callee.heard[2] == "Sorry, I did not understand."
    assert callee.end == links.said_url("1")


def test_silence_after_a_wrong_key_is_not_scolded(call):
    callee = call(REMINDER, keys=["5", "", ""])

    assert callee.heard.count("Sorry, I did not understand.") == 1
    assert callee.heard[-1] == "Goodbye."


def test_wrong_keys_do_not_go_on_for_ever(call):
    callee = call(REMINDER, keys=["5"] * 99)

    assert callee.heard.count("Sorry, I did not understand.") == 3
    assert callee.end == "hang-up"


def test_a_flow_without_keys_says_its_message_and_hangs_up(call):
    callee = call(SILENT)

    assert (callee.heard, callee.end) == (["Closed."], "hang-up")


def test_voice_and_language_are_used_for_everything_that_is_said(links):
    document = json.dumps(render_opening(ODD_KEYS, FIELDS, links))

    assert document.count('"say_language": "de-DE"') == document.count('"say_voice"')
    assert '"say_language": "en-US"' not in document


def test_only_the_confirmation_of_an_opt_out_promises_silence(listen):
    for flow in FLOWS.values():
        for digit, answer in flow.answers.items():
            callee = listen(render_confirmation(flow, digit, FIELDS))
            promises = "You will not be called again." in callee.heard[0]
            assert promises == (answer.meaning is Meaning.OPT_OUT)
            assert callee.end == "hang-up"


@pytest.mark.parametrize("digit", ["5", "", "11", "x" * 999])
def test_a_key_without_a_meaning_has_no_confirmation(digit):
    with pytest.raises(InvalidInput):
        render_confirmation(REMINDER, digit, FIELDS)


def test_what_is_void_hangs_up_without_a_word(listen):
    for document in (render_hang_up(), render_no_longer_valid()):
        callee = listen(document)
        assert (callee.heard, callee.reported, callee.end) == ([], [], "hang-up")
