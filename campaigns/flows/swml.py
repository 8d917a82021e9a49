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
- a sound is `say:...` or an http(s) address; `play` takes one as `url` or several as `urls`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.calls import JSON
from campaigns.errors import InvalidInput
from campaigns.flows.model import Audio, CallFlow, VoicemailPolicy, parts_of
from campaigns.flows.text import fill

Steps = list[JSON]
Fields = Mapping[str, str]
AudioUrl = Callable[[str], str | None]
Speech = str | Audio | tuple[str | Audio, ...]

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


def no_audio(_sha256: str) -> None:
    """For flows without audio."""


@dataclass(frozen=True, slots=True)
class FlowLinks:
    """Where a document sends its callee's choices; all absolute URLs that carry the token.

    `key_url` is POSTed to and records a key, `said_url` serves the confirmation of a recorded
    key, `hook_url` receives what the answering-machine detection found. `audio_url` is where an
    audio is fetched, by its SHA-256; what it has no address for is left out of the call.
    """

    key_url: Callable[[str], str]
    said_url: Callable[[str], str]
    hook_url: str
    audio_url: AudioUrl = no_audio


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Makes sounds of what a flow says to one recipient."""

    flow: CallFlow
    fields: Fields
    audio_url: AudioUrl

    def sounds(self, *speeches: Speech | None) -> list[str]:
        parts = (part for speech in speeches if speech is not None for part in parts_of(speech))
        sounds = (self._sound(part) for part in parts)
        # Never empty, which would be an error of the document.
        return [sound for sound in sounds if sound is not None] or ["silence: 0.1"]

    def play(self, speech: Speech) -> JSON:
        sounds = self.sounds(speech)
        played: JSON = {"url": sounds[0]} if len(sounds) == 1 else {"urls": sounds}
        return {"play": {**played, **self.voice()}}

    def voice(self) -> dict[str, Any]:
        voice = {} if self.flow.voice is None else {"say_voice": self.flow.voice}
        return {"say_language": self.flow.language, **voice}

    def _sound(self, part: str | Audio) -> str | None:
        """SWML replaces `${...}` and `%{...}` anywhere, so no brace may remain in a text."""
        if isinstance(part, Audio):
            return self.audio_url(part.audio)
        return f"say:{' '.join(fill(part, self.fields).translate(_BRACES).split())}"


def render_opening(flow: CallFlow, fields: Fields, links: FlowLinks) -> JSON:
    """The document a call starts with."""
    speaker = _Speaker(flow, fields, links.audio_url)
    main: Steps = [
        {"answer": {"max_duration": flow.max_duration}},
        _detect(flow, links),
        _machine(flow, speaker),
    ]
    if not flow.answers:
        return _document([*main, speaker.play(flow.message), _HANG_UP])
    sections = {section_of(digit): _record(flow, speaker, digit, links) for digit in flow.answers}
    return _document([*main, *_ask(flow, speaker)], **sections)


def render_confirmation(
    flow: CallFlow, digit: str, fields: Fields, audio_url: AudioUrl = no_audio
) -> JSON:
    """What is said once a key is recorded. Raises `InvalidInput` for a key without a meaning."""
    answer = flow.answers.get(digit)
    if answer is None:
        raise InvalidInput(f"The key {digit[:20]!r} means nothing in this call flow.")
    return _document([_Speaker(flow, fields, audio_url).play(answer.reply), _HANG_UP])


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


def _machine(flow: CallFlow, speaker: _Speaker) -> JSON:
    """Only a sure machine is treated as one: an undecided detection is talked to."""
    message = flow.voicemail.text
    said = [] if message is None else [speaker.play(message)]
    return {
        "cond": [
            {"when": "vars.detect_result == 'machine'", "then": [*said, _HANG_UP]},
            {"when": "vars.detect_result == 'fax'", "then": [_HANG_UP]},
        ]
    }


def _ask(flow: CallFlow, speaker: _Speaker) -> Steps:
    """Message and prompt, again when nothing useful was pressed, then goodbye."""
    wrong_key = {
        "when": "vars.prompt_result != 'no_input'",
        "then": [speaker.play(flow.not_understood)],
    }
    return [
        {"label": "ask"},
        {
            "prompt": {
                "play": speaker.sounds(flow.message, flow.prompt),
                "max_digits": 1,
                "initial_timeout": KEY_WAIT,
                **speaker.voice(),
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
        speaker.play(flow.goodbye),
        _HANG_UP,
    ]


def _record(flow: CallFlow, speaker: _Speaker, digit: str, links: FlowLinks) -> Steps:
    """Report a key until we say that it is recorded; only then is it confirmed."""
    label = f"record_{section_of(digit)}"
    steps: Steps = [{"set": {"digit": digit}}, {"label": label}]
    for tries, wait in enumerate(WAITS, start=1):
        steps += [*_report(digit, links), {"sleep": {"duration": wait}}]
        if tries == WAIT_IS_EXPLAINED_AFTER:
            steps.append(speaker.play(flow.please_wait))
    return [
        *steps,
        {"goto": {"label": label, "max": MORE_ROUNDS}},
        speaker.play(flow.not_recorded),
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
