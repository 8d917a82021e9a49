"""Step two: what people hear, shown as it will be heard, and a call to one's own phone."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import audio
from campaigns.access import Permission
from campaigns.drafting import CampaignEdit, edit_draft, explained, is_written, settings_of
from campaigns.drafting.hearing import Heard, columns_of, hear
from campaigns.drafting.wording import Wording
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow, VoicemailPolicy
from campaigns.flows.preview import length_in_words
from campaigns.links import audio_path
from campaigns.models import Account, CallerId, Campaign, Flow
from campaigns.store.campaigns import columns_of_imports
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.rendering import render
from campaigns.web.pages.wizard.forms import Entries, EntriesDep, in_short, note_refusal
from campaigns.web.pages.wizard.frame import (
    DraftDep,
    after_save,
    is_draft,
    show_step,
    to_its_page,
)

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/message",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

LANGUAGES = (
    ("en-US", "English (United States)"),
    ("en-GB", "English (United Kingdom)"),
    ("en-AU", "English (Australia)"),
    ("es-US", "Spanish (United States)"),
    ("es-ES", "Spanish (Spain)"),
    ("es-MX", "Spanish (Mexico)"),
    ("fr-FR", "French (France)"),
    ("fr-CA", "French (Canada)"),
    ("de-DE", "German"),
    ("it-IT", "Italian"),
    ("nl-NL", "Dutch"),
    ("pl-PL", "Polish"),
    ("pt-BR", "Portuguese (Brazil)"),
    ("pt-PT", "Portuguese (Portugal)"),
)
KEY_WORDS = {
    "confirm": "confirms",
    "reschedule": "asks for another time",
    "cancel": "cancels",
    "opt_out": "is never called again",
}
_FIELDS = ("organisation", "contact", "message", "audio", "voicemail_text", "voice")
AUDIO_SHOWN = 100
PURPOSES = [
    ("reminder", "To remind of an appointment"),
    ("informational", "To inform, with nothing to sell"),
    ("marketing", "To sell or to advertise"),
    ("debt", "About a debt"),
    ("survey", "To ask for opinions"),
    ("emergency", "Danger to health or safety"),
]
VOICES = [
    ("recorded", "A recording, or a text read out by a machine"),
    ("ai", "An AI that talks with them"),
    ("live", "A living person"),
]
# What the field is called that holds the reply to a key.
REPLY = "reply."
BUILTIN_KEYS = ("1", "2", "3", "9")


@dataclass(frozen=True, slots=True)
class Listening:
    """The preview: a person's call, or why there is nothing to be heard yet."""

    heard: Heard | None
    flow: CallFlow | None
    problem: str = ""


@router.get("")
def show_message(request: Request, campaign: DraftDep, session: SessionDep) -> Response:
    """The texts, and beside them how the first person of the list hears them."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    return _page(request, session, campaign, _values(session, campaign), Entries())


@router.post("")
def save_message(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Keep the texts and go on."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    _check(entries, campaign.kind)
    if not entries.refused:
        try:
            edit = _edit(entries, campaign.kind)
            _check_columns(session, campaign, flow_of_form(session, campaign, entries))
            edit_draft(session, campaign.id, edit, viewer.actor, now, seen="message")
        except InvalidInput as refusal:
            note_refusal(entries, refusal, _field_of(refusal, entries))
        except NotAllowed as refusal:
            entries.trouble = str(refusal)
        else:
            return after_save(request, campaign, "message", entries.text("do"))
    return _page(request, session, campaign, _typed(entries), entries, status=422)


@router.post("/heard")
def show_heard(
    request: Request, campaign: DraftDep, entries: EntriesDep, session: SessionDep
) -> HTMLResponse:
    """How what is typed would be heard, by the person that is asked for."""
    found = _listen(session, campaign, entries)
    return render(
        request, "wizard/heard.html", campaign=campaign, listening=found, key_words=KEY_WORDS
    )


def flow_of_form(session: Session, campaign: Campaign, entries: Entries) -> CallFlow | None:
    """What is heard by what is typed, or kept if nothing is; None while nothing is written.

    Raises `InvalidInput` for texts that cannot be used.
    """
    changes = _edit(entries, campaign.kind).changes() if entries.values else {}
    texts = {name: value for name, value in changes.items() if name in Wording.model_fields}
    if not texts:
        return flow_as_kept(session, campaign)
    return Wording.model_validate(texts).flow_for(campaign.kind)


def flow_as_kept(session: Session, campaign: Campaign) -> CallFlow | None:
    """What is heard as it is kept now; None while it is not written."""
    if not is_written(campaign):
        return None
    return CallFlow.from_json(session.get_one(Flow, campaign.flow_id).definition)


def _page(
    request: Request,
    session: Session,
    campaign: Campaign,
    values: dict[str, Any],
    entries: Entries,
    *,
    status: int = 200,
) -> HTMLResponse:
    caller_ids = session.scalars(
        select(CallerId.number).where(CallerId.account_id == campaign.account_id)
    ).all()
    return show_step(
        request,
        session,
        campaign,
        "message",
        status=status,
        form=values,
        errors=entries.errors,
        trouble=entries.trouble,
        recordings=[
            (
                one.sha256,
                one.name,
                length_in_words(one.seconds),
                audio_path(one.id, one.media_type, request.app.state.vault),
            )
            for one in audio.list_audio(session, None, AUDIO_SHOWN)
        ],
        columns=columns_of(session, campaign.id, campaign.kind),
        languages=_languages(values["language"]),
        caller_ids=[(one, one) for one in caller_ids],
        purposes=PURPOSES,
        voice_types=VOICES,
        builtin=_builtin_message(values["organisation"]),
        builtin_replies=_builtin_replies(campaign.kind),
        listening=_listen(session, campaign, entries),
        key_words=KEY_WORDS,
        test=None,
        test_problem="",
        to=entries.text("to"),
        live=session.get_one(Account, campaign.account_id).live,
    )


def _values(session: Session, campaign: Campaign) -> dict[str, Any]:
    kept = settings_of(session, campaign)
    return {
        **{name: kept.get(name) or "" for name in _FIELDS},
        "text": _kind_of_text(kept, campaign.kind),
        "voicemail": kept.get("voicemail") or VoicemailPolicy.HANG_UP.value,
        "language": kept.get("language") or "en-US",
        "replies": kept.get("replies") or {},
        "caller_id": kept["caller_id"],
        "purpose": kept["purpose"],
        "voice_type": kept["voice_type"],
        "more_caller_ids": kept["more_caller_ids"],
        "local_presence": kept["local_presence"],
        "whole_flow": kept.get("flow") is not None,
    }


def _kind_of_text(kept: dict[str, Any], kind: str) -> str:
    for name, text in (("flow", "flow"), ("audio", "audio"), ("message", "own")):
        if kept.get(name):
            return text
    return "builtin" if kind == "reminder" else "own"


def _typed(entries: Entries) -> dict[str, Any]:
    return {
        **{name: entries.values.get(name, "") for name in _FIELDS},
        "text": entries.text("text") or "own",
        "voicemail": entries.text("voicemail") or VoicemailPolicy.HANG_UP.value,
        "language": entries.text("language") or "en-US",
        "replies": _replies(entries),
        "caller_id": entries.text("caller_id"),
        "purpose": entries.text("purpose"),
        "voice_type": entries.text("voice_type"),
        "more_caller_ids": entries.every("more_caller_ids"),
        "local_presence": entries.has("local_presence"),
        "whole_flow": entries.has("whole_flow"),
    }


def _edit(entries: Entries, kind: str) -> CampaignEdit:
    """What the form asks for; a whole flow that was given from outside stays when it says so."""
    asked: dict[str, Any] = {}
    if entries.text("caller_id"):
        asked["caller_id"] = entries.text("caller_id")
        asked["more_caller_ids"] = entries.every("more_caller_ids")
        asked["local_presence"] = entries.has("local_presence")
    for name in ("purpose", "voice_type"):
        if entries.text(name):
            asked[name] = entries.text(name)
    if entries.text("text") == "flow":
        return _validated(asked)
    leave = entries.text("voicemail") == VoicemailPolicy.LEAVE_MESSAGE
    own = entries.text("text") == "own" or (
        kind == "announcement" and entries.text("text") != "audio"
    )
    asked |= {
        "organisation": entries.text("organisation")[:200],
        "contact": entries.text("contact")[:200],
        "message": (entries.text("message") or None) if own else None,
        "audio": (entries.text("audio") or None) if entries.text("text") == "audio" else None,
        "voicemail": "leave_message" if leave else "hang_up",
        "voicemail_text": (entries.text("voicemail_text") or None) if leave else None,
        "replies": _replies(entries),
        "language": entries.text("language") or "en-US",
        "voice": entries.text("voice") or None,
    }
    return _validated(asked)


def _validated(asked: dict[str, Any]) -> CampaignEdit:
    try:
        return CampaignEdit.model_validate(asked)
    except ValidationError as error:
        raise InvalidInput(explained(error)) from error


def _replies(entries: Entries) -> dict[str, str]:
    """What is said after each key in words of one's own, by key."""
    typed = ((key, entries.text(f"{REPLY}{key}")) for key in BUILTIN_KEYS)
    return {key: text for key, text in typed if text}


def _check(entries: Entries, kind: str) -> None:
    """What a person forgets, said beside its field before anything else."""
    if entries.text("text") == "flow":
        return
    for name in ("organisation", "contact"):
        if len(entries.text(name)) > 200:
            entries.refuse(name, "at most 200 characters")
    if kind == "reminder" and not entries.text("organisation"):
        entries.refuse("organisation", "a reminder names who is calling: people ask")
    if entries.text("text") == "audio":
        if not entries.text("audio"):
            entries.refuse("audio", "choose a recording, or upload one")
    elif (kind == "announcement" or entries.text("text") == "own") and not entries.text("message"):
        entries.refuse("message", "write what people hear")


def _check_columns(session: Session, campaign: Campaign, flow: CallFlow | None) -> None:
    """Raise `InvalidInput` when a text names a column that one of the imported lists lacks."""
    if flow is None:
        return
    computed = ["appointment"] if campaign.kind == "reminder" else []
    for columns in columns_of_imports(session, campaign.id):
        flow.check_columns([*columns, *computed])


def _field_of(refusal: InvalidInput, entries: Entries) -> list[str]:
    """The field that a refused flow is about."""
    told = str(refusal)
    if "no such column" in told:
        return ["message" if entries.text("message") else "voicemail_text"]
    for place, name in (
        ("voicemail", "voicemail_text"),
        ("voice:", "voice"),
        ("language:", "language"),
        ("message:", "message"),
        *((f"answers.{key}", f"{REPLY}{key}") for key in BUILTIN_KEYS),
    ):
        if f" {place}" in told and entries.has(name):
            return [name]
    return []


def _listen(session: Session, campaign: Campaign, entries: Entries) -> Listening:
    try:
        flow = flow_of_form(session, campaign, entries)
    except InvalidInput as problem:
        return Listening(None, None, in_short(str(problem)))
    if flow is None:
        return Listening(None, None)
    person, step = _asked_person(entries)
    return Listening(hear(session, campaign.id, flow, person, step), flow)


def _asked_person(entries: Entries) -> tuple[int, int]:
    """A recipient's id and the step from there, as a button says it: "12", "next", "previous"."""
    shown = entries.text("person_id")
    person = int(shown) if shown.isdigit() and len(shown) < 18 else 0
    return person, {"next": 1, "previous": -1}.get(entries.text("person"), 0)


def _languages(chosen: str) -> list[tuple[str, str]]:
    known = list(LANGUAGES)
    return known if chosen in dict(known) else [*known, (chosen, chosen)]


def _builtin_message(organisation: str) -> str:
    return str(reminder_flow(organisation.strip()[:200] or "your organisation").message)


def _builtin_replies(kind: str) -> list[tuple[str, str, str]]:
    """The keys that the built-in flow asks for: each with what it means and what is answered."""
    flow = reminder_flow("us") if kind == "reminder" else announcement_flow(".")
    return [
        (key, KEY_WORDS[answer.meaning], str(answer.reply)) for key, answer in flow.answers.items()
    ]
