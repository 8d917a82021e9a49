"""The call flow: a message, keys that mean something, and what to do with a machine.

What is heard is a text to be spoken, `{"audio": "<sha-256>"}` for an uploaded audio, or a list of
both that are heard one after the other. Flows are provider-neutral; `campaigns.flows.swml` renders
them for SignalWire. They are stored as JSON and never changed: an edit makes a new version.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from campaigns.calls import JSON
from campaigns.errors import InvalidInput
from campaigns.flows.text import check_fields, check_template, placeholders
from campaigns.misfits import misfit

SHORTEST_CALL, LONGEST_CALL = 30, 14_400  # seconds; the upper one is SignalWire's own limit
KEYS = "0123456789*#"
MOST_PARTS = 10  # of one speech


class Kind(StrEnum):
    """What the call is for."""

    REMINDER = "reminder"
    ANNOUNCEMENT = "announcement"


class Meaning(StrEnum):
    """What a key means to us, whatever is said about it."""

    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    OPT_OUT = "opt_out"


class VoicemailPolicy(StrEnum):
    """What to do when a machine answers."""

    HANG_UP = "hang_up"
    LEAVE_MESSAGE = "leave_message"


def _template(text: str) -> str:
    try:
        check_template(text)
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    return text


Template = Annotated[str, AfterValidator(_template)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Audio(_Value):
    """An uploaded audio, by the SHA-256 of its bytes in hex."""

    audio: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _form(value: Any) -> str:
    """Which form a speech has; its tag begins with a sign that no field does."""
    if isinstance(value, list | tuple):
        return "~parts"
    return "~audio" if isinstance(value, dict | Audio) else "~text"


_Text = Annotated[Template, Tag("~text")]
_Audio = Annotated[Audio, Tag("~audio")]
_Part = Annotated[_Text | _Audio, Discriminator(_form)]
_Parts = Annotated[tuple[_Part, ...], Field(min_length=1, max_length=MOST_PARTS), Tag("~parts")]
# What is said: a text, an audio, or both in turn.
Speech = Annotated[_Text | _Audio | _Parts, Discriminator(_form)]


def parts_of(speech: str | Audio | tuple[str | Audio, ...]) -> tuple[str | Audio, ...]:
    """The texts and audios of a speech, in the order in which they are heard."""
    return speech if isinstance(speech, tuple) else (speech,)


class Answer(_Value):
    """One key: what it means, and what is said once that is safely recorded."""

    meaning: Meaning
    reply: Speech


class Voicemail(_Value):
    """What to do when a machine answers; `text` belongs to leaving a message only."""

    policy: VoicemailPolicy = VoicemailPolicy.HANG_UP
    text: Speech | None = None

    @model_validator(mode="after")
    def _text_goes_with_message(self) -> Self:
        leaves_message = self.policy is VoicemailPolicy.LEAVE_MESSAGE
        if leaves_message and self.text is None:
            raise ValueError("leaving a message needs its text")
        if not leaves_message and self.text is not None:
            raise ValueError("a text is only said when the policy is leave_message")
        return self


class CallFlow(_Value):
    """What a call says and understands. `max_duration` is seconds from the answer on.

    `message` is followed by `prompt`; without answers there is no prompt and no listening. The
    last four texts are said when no key was understood, while a choice is being recorded again,
    when it could not be recorded, and when nobody pressed anything.
    """

    kind: Kind
    message: Speech
    prompt: Speech | None = None
    answers: Mapping[str, Answer] = Field(default_factory=dict)
    voicemail: Voicemail = Voicemail()
    voice: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._:-]{1,100}$")] | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] = "en-US"
    max_duration: Annotated[int, Field(ge=SHORTEST_CALL, le=LONGEST_CALL)] = 300
    not_understood: Speech = "Sorry, I did not understand."
    please_wait: Speech = "One moment, please."
    not_recorded: Speech = (
        "We are sorry, your choice could not be recorded. Please contact us directly. Goodbye."
    )
    goodbye: Speech = "Goodbye."

    @model_validator(mode="after")
    def _keys_and_prompt_go_together(self) -> Self:
        for digit in self.answers:
            if len(digit) != 1 or digit not in KEYS:
                raise ValueError(f"{digit[:20]!r} is not a key of a telephone: use one of {KEYS}")
        if bool(self.answers) != (self.prompt is not None):
            raise ValueError(
                "a prompt needs answers, and answers need a prompt that names the keys"
            )
        return self

    @classmethod
    def from_json(cls, data: object) -> Self:
        """A flow from decoded JSON. Raises `InvalidInput` that names every place and problem."""
        try:
            # By way of text, since only JSON text may give an enumeration by its value and yet
            # keep "300" from passing as a number.
            return cls.model_validate_json(json.dumps(data, allow_nan=False))
        except ValidationError as error:
            raise InvalidInput(f"The call flow cannot be used: {_explained(error)}.") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput("The call flow cannot be used: it is not JSON.") from error

    def to_json(self) -> JSON:
        """The flow as JSON-ready data; `from_json` gives the same flow back."""
        return self.model_dump(mode="json")

    def _parts(self) -> Iterator[str | Audio]:
        optional = (self.prompt, self.voicemail.text)
        yield from parts_of(self.message)
        for speech in (
            *(speech for speech in optional if speech is not None),
            *(answer.reply for answer in self.answers.values()),
            *(self.not_understood, self.please_wait, self.not_recorded, self.goodbye),
        ):
            yield from parts_of(speech)

    def texts(self) -> Iterator[str]:
        """Every template in the flow."""
        return (part for part in self._parts() if isinstance(part, str))

    def audio(self) -> list[str]:
        """The SHA-256 of every audio in the flow, each once."""
        return list(dict.fromkeys(p.audio for p in self._parts() if isinstance(p, Audio)))

    def columns(self) -> list[str]:
        """The columns that the flow's texts name, each once."""
        named = (name for text in self.texts() for name in placeholders(text))
        return list(dict.fromkeys(named))

    def check_columns(self, available_columns: list[str]) -> None:
        """Raise `InvalidInput` when a text names a column that the list does not have."""
        for text in self.texts():
            check_fields(text, available_columns)


def _explained(error: ValidationError) -> str:
    problems = []
    for item in error.errors(include_url=False):
        named = (str(part) for part in item["loc"] if not str(part).startswith("~"))
        place = ".".join(named) or "flow"
        problems.append(f"{place}: {misfit(item)}")
    return "; ".join(problems)[:1000]
