"""Flows that are ready to use: an appointment reminder and an announcement."""

from campaigns.calls import JSON
from campaigns.flows.model import CallFlow, Kind, Meaning, VoicemailPolicy
from campaigns.flows.text import one_line

# A text, an audio, or both in turn, as JSON.
Said = str | JSON | list[str | JSON]

OPT_OUT_REPLY = "You will not be called again. Goodbye."
OPT_OUT_KEY = "9"


def reminder_flow(
    organisation: str,
    *,
    contact: str = "",
    leave_message: bool = False,
    language: str = "en-US",
    voice: str | None = None,
) -> CallFlow:
    """A reminder that reads the columns `name` and `appointment`.

    `contact` is how to reach the organisation, as it shall be spoken. Raises `InvalidInput` for an
    organisation that cannot be named.
    """
    name = _spoken(organisation)
    reminder = f"this is {name} with a reminder of your appointment on {{appointment}}."
    return CallFlow.from_json(
        {
            "kind": Kind.REMINDER,
            "message": f"Hello {{name}}, {reminder}",
            "prompt": "Press 1 to confirm, 2 to reschedule, 3 to cancel, "
            "or 9 if you do not want to be called again.",
            "answers": {
                "1": _answer(Meaning.CONFIRM, "Thank you. Your appointment is confirmed. Goodbye."),
                "2": _answer(
                    Meaning.RESCHEDULE,
                    "Thank you. We will contact you to find a new time. Goodbye.",
                ),
                "3": _answer(Meaning.CANCEL, "Thank you. We have noted that you cancel. Goodbye."),
                OPT_OUT_KEY: _answer(Meaning.OPT_OUT, OPT_OUT_REPLY),
            },
            "voicemail": _voicemail(f"Hello, {reminder} Thank you." if leave_message else None),
            "not_recorded": _not_recorded(name, contact),
            "language": language,
            "voice": voice,
        }
    )


def announcement_flow(
    text: Said,
    *,
    organisation: str = "",
    contact: str = "",
    leave_message: bool = False,
    language: str = "en-US",
    voice: str | None = None,
) -> CallFlow:
    """What is read out or played; 9 opts out. Raises `InvalidInput` for what cannot be used."""
    return CallFlow.from_json(
        {
            "kind": Kind.ANNOUNCEMENT,
            "message": text,
            "prompt": "Press 9 if you do not want to be called again.",
            "answers": {OPT_OUT_KEY: _answer(Meaning.OPT_OUT, OPT_OUT_REPLY)},
            "voicemail": _voicemail(text if leave_message else None),
            "not_recorded": _not_recorded(_spoken(organisation) or "us", contact),
            "language": language,
            "voice": voice,
        }
    )


def _answer(meaning: Meaning, reply: str) -> JSON:
    return {"meaning": meaning, "reply": reply}


def _voicemail(text: Said | None) -> JSON:
    if text is None:
        return {"policy": VoicemailPolicy.HANG_UP}
    return {"policy": VoicemailPolicy.LEAVE_MESSAGE, "text": text}


def _not_recorded(name: str, contact: str) -> str:
    way = f" at {_spoken(contact)}" if _spoken(contact) else " directly"
    return f"We are sorry, your choice could not be recorded. Please contact {name}{way}. Goodbye."


def _spoken(text: str) -> str:
    """A name put into a template: its braces would otherwise be placeholders."""
    return one_line(text.replace("{", " ").replace("}", " "))
