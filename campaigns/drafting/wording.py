"""What people hear, as it is asked for, and the call flow that comes of it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow, VoicemailPolicy

Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
NOT_WRITTEN = "This call has no text yet."


class Wording(BaseModel):
    """The texts of a campaign, or a whole flow in their place."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    organisation: str = Field(
        "", max_length=200, description="Who is calling, as it is spoken. A reminder needs it."
    )
    contact: str = Field(
        "", max_length=200, description="How to reach the organisation, as it is spoken."
    )
    message: str | None = Field(
        None,
        description="What is said, with `{columns}` of the list in it. Unset: for a reminder, the "
        "built-in text with `{name}` and `{appointment}`.",
    )
    audio: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="An uploaded audio, by its SHA-256, that is played as the message."
    )
    voicemail: VoicemailPolicy = Field(
        VoicemailPolicy.HANG_UP, description="What to do when a machine answers."
    )
    voicemail_text: str | None = Field(
        None, description="What is left on a machine. Unset: the built-in text."
    )
    replies: dict[Key, Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        default_factory=dict,
        description="What is said after a key, by key, in place of the built-in reply. The key "
        "must be one that the built-in flow asks for.",
        examples=[{"1": "Thank you. We look forward to seeing you."}],
    )
    language: str = Field("en-US", description="Language of the voice.")
    voice: str | None = Field(None, description="The provider's name of a voice.")
    flow: dict[str, Any] | None = Field(
        None, description="A whole call flow, in place of the texts above."
    )

    def flow_for(self, kind: str) -> CallFlow:
        """The call flow of these texts. Raises `InvalidInput` for what does not go together."""
        if self.flow is not None:
            given = (self.message, self.audio, self.voicemail_text)
            if any(one is not None for one in given) or self.replies:
                raise InvalidInput("Give either a whole call flow, or a message; not both.")
            return CallFlow.from_json(self.flow)
        if self.audio is not None and self.message is not None:
            raise InvalidInput("Give either a message or an audio; not both.")
        leave = self.voicemail is VoicemailPolicy.LEAVE_MESSAGE
        if self.voicemail_text is not None and not leave:
            raise InvalidInput("A voicemail text is only said when voicemail is leave_message.")
        changes: dict[str, Any] = {}
        if self.audio is not None:
            changes["message"] = {"audio": self.audio}
            if leave and kind == "announcement":
                changes["voicemail"] = {"policy": self.voicemail, "text": changes["message"]}
        if self.voicemail_text is not None:
            changes["voicemail"] = {"policy": self.voicemail, "text": self.voicemail_text}
        if kind == "announcement":
            return self._replying(_changed(self._announcement(leave=leave), changes))
        if self.message is not None:
            changes["message"] = self.message
        return self._replying(_changed(self._reminder(leave=leave), changes))

    def _replying(self, flow: CallFlow) -> CallFlow:
        """The flow with its keys answered as asked."""
        if not self.replies:
            return flow
        answers = flow.to_json()["answers"]
        unknown = sorted(set(self.replies) - set(answers))
        if unknown:
            raise InvalidInput(
                f"There is no key {unknown[0]} in this call; its keys are {', '.join(answers)}."
            )
        for key, reply in self.replies.items():
            answers[key]["reply"] = reply
        return _changed(flow, {"answers": answers})

    def _announcement(self, *, leave: bool) -> CallFlow:
        if not self.message and self.audio is None:
            raise InvalidInput("An announcement needs a message.")
        return announcement_flow(
            self.message or NOT_WRITTEN,
            organisation=self.organisation,
            contact=self.contact,
            leave_message=leave,
            language=self.language,
            voice=self.voice,
        )

    def _reminder(self, *, leave: bool) -> CallFlow:
        if not self.organisation:
            raise InvalidInput("A reminder needs the organisation's name: people ask who calls.")
        return reminder_flow(
            self.organisation,
            contact=self.contact,
            leave_message=leave,
            language=self.language,
            voice=self.voice,
        )

    def kept(self) -> dict[str, Any] | None:
        """The texts as a draft keeps them; None for a whole flow, which is kept as a flow."""
        if self.flow is not None:
            return None
        wanted = set(Wording.model_fields) - {"flow"}
        return self.model_dump(mode="json", include=wanted)


def flow_without_texts(kind: str) -> CallFlow:
    """What stands in a draft until its texts are written. Such a campaign is never started."""
    return CallFlow.from_json({"kind": kind, "message": NOT_WRITTEN})


def _changed(flow: CallFlow, changes: Mapping[str, Any]) -> CallFlow:
    return CallFlow.from_json({**flow.to_json(), **changes}) if changes else flow
