"""SignalWire's words for states and ends of calls, and what each means to us.

The same thing is spelled differently in the REST callbacks, the SWML callbacks, the voice logs and
the Twilio-compatible callbacks (`noAnswer`, `no_answer`, `no-answer`, `timeout`), so every word is
first brought to one spelling: lower case, underscores. Sources: SignalWire documents (call states,
`connect` status callbacks, voice log statuses, cXML call statuses) and the constants of the
official Python SDK.
"""

import re

from campaigns.calls import AnsweredBy, EventKind
from campaigns.lifecycle import ANSWERED, Disposition

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

STATES: dict[str, EventKind] = {
    "queued": EventKind.CREATED,
    "initiated": EventKind.CREATED,
    "created": EventKind.CREATED,
    "ringing": EventKind.RINGING,
    "answered": EventKind.ANSWERED,
    "in_progress": EventKind.ANSWERED,
    "joined": EventKind.ANSWERED,
    # An unanswered call also passes through this state, so it proves neither ringing nor answer.
    "ending": EventKind.OTHER,
    "ended": EventKind.ENDED,
    "completed": EventKind.ENDED,
    "busy": EventKind.ENDED,
    "no_answer": EventKind.ENDED,
    "failed": EventKind.ENDED,
    "canceled": EventKind.ENDED,
    "cancelled": EventKind.ENDED,
}

END_REASONS: dict[str, Disposition] = {
    "busy": Disposition.BUSY,
    "no_answer": Disposition.NO_ANSWER,
    "timeout": Disposition.NO_ANSWER,
    "decline": Disposition.REJECTED,
    "declined": Disposition.REJECTED,
    "cancel": Disposition.CANCELED,
    "canceled": Disposition.CANCELED,
    "cancelled": Disposition.CANCELED,
    "abandoned": Disposition.CANCELED,
    "not_found": Disposition.INVALID_NUMBER,
    "error": Disposition.FAILED,
    "failed": Disposition.FAILED,
    "max_duration": Disposition.ANSWERED,  # only a call that was answered reaches its limit
}

# These say that nobody picked up, whatever the duration: some providers count the ringing into it.
UNANSWERED = frozenset(
    {
        Disposition.BUSY,
        Disposition.NO_ANSWER,
        Disposition.REJECTED,
        Disposition.CANCELED,
        Disposition.INVALID_NUMBER,
    }
)

# SIP answers that make a plain "failed" more precise (RFC 3261, section 21).
SIP_ANSWERS: dict[str, Disposition] = {
    "404": Disposition.INVALID_NUMBER,
    "410": Disposition.INVALID_NUMBER,
    "484": Disposition.INVALID_NUMBER,
    "604": Disposition.INVALID_NUMBER,
    "503": Disposition.CARRIER_CONGESTION,
}

DETECTIONS: dict[str, AnsweredBy] = {
    "human": AnsweredBy.HUMAN,
    "machine": AnsweredBy.MACHINE,
    "machine_start": AnsweredBy.MACHINE,
    "machine_end_beep": AnsweredBy.MACHINE,
    "machine_end_silence": AnsweredBy.MACHINE,
    "machine_end_other": AnsweredBy.MACHINE,
    # Ready and not ready tell whether a machine's greeting is over: there is a machine.
    "ready": AnsweredBy.MACHINE,
    "not_ready": AnsweredBy.MACHINE,
    "fax": AnsweredBy.FAX,
    "ced": AnsweredBy.FAX,
    "cng": AnsweredBy.FAX,
    "unknown": AnsweredBy.UNKNOWN,
}

_BY_WHOM = {
    AnsweredBy.HUMAN: Disposition.ANSWERED_HUMAN,
    AnsweredBy.MACHINE: Disposition.ANSWERED_MACHINE,
    AnsweredBy.FAX: Disposition.ANSWERED_MACHINE,
}


def plain(word: str) -> str:
    """One spelling for a word: `noAnswer`, `no-answer` and `NO_ANSWER` become `no_answer`."""
    hyphens = re.sub(r"[\s-]+", "_", word.strip())
    spelled = hyphens if hyphens.isupper() else _HUMP.sub("_", hyphens)
    return spelled.lower()


def how_it_ended(
    words: tuple[str, ...],
    *,
    answer_time: bool = False,
    duration: float | None = None,
    answered_by: AnsweredBy | None = None,
    sip_answer: str = "",
) -> Disposition:
    """The disposition that the facts of one notification or record prove.

    `words` are plain words, most telling first (end reason, then state). An answer time beats
    every word; a duration above zero beats only words that do not deny an answer; a hang-up
    without either is UNKNOWN, because unanswered calls are hung up too.
    """
    said = next((END_REASONS[word] for word in words if word in END_REASONS), Disposition.UNKNOWN)
    talked = duration is not None and duration > 0 and said not in UNANSWERED
    if answer_time or talked or said in ANSWERED:
        return _BY_WHOM.get(answered_by or AnsweredBy.UNKNOWN, Disposition.ANSWERED)
    if said is Disposition.FAILED:
        return SIP_ANSWERS.get(sip_answer, said)
    return said
