"""Call flows as SWML, the documents that SignalWire runs on a call.

Documents are built as values, never as text, so nothing that is said can become a step. What a key
means is never decided by the document: it reports the key to us (`request`), and only our own
answer to a `transfer`, given after the commit, says that it was recorded.

Facts from SignalWire's SWML reference that shape these documents:

- `goto` finds labels of its own section only, and a document with an unknown label is rejected as
  a whole: so labels and gotos stand at the top of a section, one section per key.
- `goto` and `transfer` share a budget of 32 per call, 8 without input from the callee; exceeding
  it ends the call. So a choice is reported again by repeated steps and only a few jumps.
- the limit of a goto is kept per label and shared by all gotos to it; past it the goto is skipped.
- `switch.variable` is a bare name; an unmatched switch without a default is an error.
- a condition sees variables as `vars.name`; a bare name that is not set is a script error.
- whether an HTTP error makes `request_result` "failed" is not said, so the code is looked at too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.calls import JSON
from campaigns.errors import InvalidInput
from campaigns.flows.model import CallFlow, VoicemailPolicy
from campaigns.flows.text import fill

Steps = list[JSON]
Fields = Mapping[str, str]

ASK_AGAIN = 2  # more times, whether nothing or a wrong key was pressed
KEY_WAIT = 6.0  # seconds from the end of the prompt to the first key

# Reporting a key: one round is a try before each wait, and a goto starts the round again. 24 tries
# in some 80 seconds when we refuse at once, in 3.5 minutes when every request times out, which
# leaves room for the message within five minutes. With `ASK_AGAIN` and the transfers into the
# key's section and to the confirmation this stays below 8 jumps.
WAITS = (1_000, 1_000, 2_000, 3_000, 5_000, 8_000)  # milliseconds
MORE_ROUNDS = 3
WAIT_IS_EXPLAINED_AFTER = 2  # tries; somebody who hears nothing hangs up
REQUEST_TIMEOUT = 5  # seconds
CONNECT_TIMEOUT = 2  # seconds
RECORDED = (
    "vars.request_result == 'success' && "
    "vars.request_response_code >= 200 && vars.request_response_code < 300"
)

# The defaults of `detect_machine` leave a person in silence for four to seven seconds.
FIRST_VOICE = 2.5  # seconds to wait for a voice at all
END_OF_VOICE = 0.8  # seconds of silence that end an utterance
DETECTION_LIMIT = 6.0  # seconds when we only want to know
MESSAGE_LIMIT = 30.0  # seconds when we wait for the end of a machine's greeting

_BRACES = str.maketrans("{}", "  ")
_SECTION_NAMES = {"*": "star", "#": "pound"}


@dataclass(frozen=True, slots=True)
class FlowLinks:
    """Where a document sends its callee's choices; all absolute URLs that carry the token.

    `key_url` is POSTed to and records a key, `said_url` serves the confirmation of a recorded
    key, `hook_url` receives what the answering-machine detection found.
    """

    key_url: Callable[[str], str]
    said_url: Callable[[str], str]
    hook_url: str


def render_opening(flow: CallFlow, fields: Fields, links: FlowLinks) -> JSON:
    """The document a call starts with."""
    main: Steps = [
        {"answer": {"max_duration": flow.max_duration}},
        _detect(flow, links),
        _machine(flow, fields),
    ]
    if not flow.answers:
        return _document([*main, _play(flow, fields, flow.message), _HANG_UP])
    sections = {section_of(digit): _record(flow, fields, digit, links) for digit in flow.answers}
    return _document([*main, *_ask(flow, fields)], **sections)


def render_confirmation(flow: CallFlow, digit: str, fields: Fields) -> JSON:
    """What is said once a key is recorded. Raises `InvalidInput` for a key without a meaning."""
    answer = flow.answers.get(digit)
    if answer is None:
        raise InvalidInput(f"The key {digit[:20]!r} means nothing in this call flow.")
    return _document([_play(flow, fields, answer.reply), _HANG_UP])


def render_hang_up() -> JSON:
    """A document that says nothing and ends the call."""
    return _document([_HANG_UP])


def render_no_longer_valid() -> JSON:
    """For a call that must not go on: recalled, superseded or opted out. It ends in silence."""
    return render_hang_up()


def section_of(digit: str) -> str:
    """The name of the section that records a key."""
    return f"key_{_SECTION_NAMES.get(digit, digit)}"


_HANG_UP: JSON = {"hangup": {}}


def _document(main: Steps, **sections: Steps) -> JSON:
    return {"version": "1.0.0", "sections": {"main": main, **sections}}


def _detect(flow: CallFlow, links: FlowLinks) -> JSON:
    leaves_message = flow.voicemail.policy is VoicemailPolicy.LEAVE_MESSAGE
    return {
        "detect_machine": {
            "wait": True,
            "detect_message_end": leaves_message,
            "initial_timeout": FIRST_VOICE,
            "end_silence_timeout": END_OF_VOICE,
            "timeout": MESSAGE_LIMIT if leaves_message else DETECTION_LIMIT,
            "status_url": links.hook_url,
        }
    }


def _machine(flow: CallFlow, fields: Fields) -> JSON:
    """Only a sure machine is treated as one: an undecided detection is talked to."""
    message = flow.voicemail.text
    said = [] if message is None else [_play(flow, fields, message)]
    return {
        "cond": [
            {"when": "vars.detect_result == 'machine'", "then": [*said, _HANG_UP]},
            {"when": "vars.detect_result == 'fax'", "then": [_HANG_UP]},
        ]
    }


def _ask(flow: CallFlow, fields: Fields) -> Steps:
    """Message and prompt, again when nothing useful was pressed, then goodbye."""
    wrong_key = {
        "when": "vars.prompt_result != 'no_input'",
        "then": [_play(flow, fields, flow.not_understood)],
    }
    return [
        {"label": "ask"},
        {
            "prompt": {
                "play": [_say(fields, flow.message), _say(fields, flow.prompt or "")],
                "max_digits": 1,
                "initial_timeout": KEY_WAIT,
                **_voice(flow),
            }
        },
        {
            "switch": {
                "variable": "prompt_value",
                "case": {
                    digit: [{"transfer": {"dest": section_of(digit)}}] for digit in flow.answers
                },
                "default": [{"cond": [wrong_key]}],
            }
        },
        {"goto": {"label": "ask", "max": ASK_AGAIN}},
        _play(flow, fields, flow.goodbye),
        _HANG_UP,
    ]


def _record(flow: CallFlow, fields: Fields, digit: str, links: FlowLinks) -> Steps:
    """Report a key until we say that it is recorded; only then is it confirmed."""
    label = f"record_{section_of(digit)}"
    steps: Steps = [{"set": {"digit": digit}}, {"label": label}]
    for tries, wait in enumerate(WAITS, start=1):
        steps += [*_report(digit, links), {"sleep": {"duration": wait}}]
        if tries == WAIT_IS_EXPLAINED_AFTER:
            steps.append(_play(flow, fields, flow.please_wait))
    return [
        *steps,
        {"goto": {"label": label, "max": MORE_ROUNDS}},
        _play(flow, fields, flow.not_recorded),
        _HANG_UP,
    ]


def _report(digit: str, links: FlowLinks) -> Steps:
    request: JSON = {
        "url": links.key_url(digit),
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": {"call": "${call.call_id}", "digit": digit},
        "timeout": REQUEST_TIMEOUT,
        "connect_timeout": CONNECT_TIMEOUT,
        "save_variables": True,
    }
    confirm = {"when": RECORDED, "then": [{"transfer": {"dest": links.said_url(digit)}}]}
    return [{"request": request}, {"cond": [confirm]}]


def _play(flow: CallFlow, fields: Fields, template: str) -> JSON:
    return {"play": {"url": _say(fields, template), **_voice(flow)}}


def _say(fields: Fields, template: str) -> str:
    """A text as a sound. SWML replaces `${...}` and `%{...}` anywhere, so no brace may remain."""
    return f"say:{' '.join(fill(template, fields).translate(_BRACES).split())}"


def _voice(flow: CallFlow) -> dict[str, Any]:
    voice = {} if flow.voice is None else {"say_voice": flow.voice}
    return {"say_language": flow.language, **voice}
