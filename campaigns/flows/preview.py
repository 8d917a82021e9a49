"""What a call will sound like, as text, for people who write flows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.flows.model import CallFlow
from campaigns.flows.text import fill

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Preview:
    """Sentences in the order they are heard.

    `human` is heard until a key is pressed, `voicemail` is left on a machine (empty: we hang up),
    `keys` follows each key, `wrong_key` a key without a meaning and `not_recorded` a choice that
    could not be kept.
    """

    human: list[str]
    voicemail: list[str]
    keys: dict[str, list[str]]
    wrong_key: list[str]
    not_recorded: list[str]


def preview(flow: CallFlow, fields: Mapping[str, str]) -> Preview:
    """The flow as one recipient would hear it."""

    def heard(*templates: str | None) -> list[str]:
        texts = (fill(template, fields) for template in templates if template is not None)
        return [sentence for text in texts for sentence in _SENTENCE_END.split(text) if sentence]

    return Preview(
        human=heard(flow.message, flow.prompt),
        voicemail=heard(flow.voicemail.text),
        keys={digit: heard(answer.reply) for digit, answer in flow.answers.items()},
        wrong_key=heard(flow.not_understood) if flow.answers else [],
        not_recorded=heard(flow.not_recorded) if flow.answers else [],
    )
