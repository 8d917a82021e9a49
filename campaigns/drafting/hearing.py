"""What one person of a draft would hear, as text; nothing is stored and nobody is called."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audio import facts_of
from campaigns.callbacks import fields_of
from campaigns.flows.model import CallFlow
from campaigns.flows.preview import Preview, preview
from campaigns.flows.text import LONGEST_TEMPLATE, fill
from campaigns.store import campaigns as campaign_rows
from campaigns.store import drafts
from campaigns.store.drafts import PersonRow

# Who hears it as long as there is no list.
SOMEBODY = {"name": "Alex Morgan", "appointment": "Tuesday 24 November at 3:30 PM"}
_BRACES = str.maketrans("{}", "()")


@dataclass(frozen=True, slots=True)
class Heard:
    """One person's call as text. `number` is empty for somebody made up.

    `missing` are columns that the texts name and this person has no value in.
    """

    preview: Preview
    name: str
    number: str
    person_id: int
    has_previous: bool
    has_next: bool
    missing: list[str]
    fields: dict[str, str]


def columns_of(session: Session, campaign_id: int, kind: str) -> list[str]:
    """The columns that texts may name: those that every imported list has."""
    lists = campaign_rows.columns_of_imports(session, campaign_id)
    shared = [name for name in lists[0] if all(name in one for one in lists)] if lists else ["name"]
    computed = ["appointment"] if kind == "reminder" else []
    return list(dict.fromkeys([*shared, *computed]))


def hear(
    session: Session, campaign_id: int, flow: CallFlow, person_id: int = 0, step: int = 0
) -> Heard:
    """The call of a person of the list, or of the next (1) or the previous one (-1)."""
    person = _person(session, campaign_id, person_id, step)
    audio = facts_of(session, flow.audio())
    if person is None:
        told = preview(flow, SOMEBODY, audio)
        missing = [name for name in flow.columns() if name not in SOMEBODY]
        return Heard(told, SOMEBODY["name"], "", 0, False, False, missing, dict(SOMEBODY))
    fields = fields_of(person)
    return Heard(
        preview=preview(flow, fields, audio),
        name=fields.get("name", ""),
        number=person.number,
        person_id=person.id,
        has_previous=drafts.person_before(session, campaign_id, person.id) is not None,
        has_next=drafts.person_after(session, campaign_id, person.id) is not None,
        missing=[name for name in flow.columns() if not fields.get(name, "").strip()],
        fields=fields,
    )


def as_heard_by(flow: CallFlow, fields: dict[str, str]) -> CallFlow:
    """The flow with one person's values in its texts, for a call to somebody else."""

    def filled(text: str) -> str:
        plain = fill(text, fields).translate(_BRACES)[:LONGEST_TEMPLATE].strip()
        return plain or "There is no text."

    def said(speech: Any) -> Any:
        if isinstance(speech, list):
            return [said(part) for part in speech]
        return filled(speech) if isinstance(speech, str) else speech

    data = flow.to_json()
    for place in ("message", "prompt", "not_understood", "please_wait", "not_recorded", "goodbye"):
        data[place] = said(data[place])
    for answer in data["answers"].values():
        answer["reply"] = said(answer["reply"])
    data["voicemail"]["text"] = said(data["voicemail"]["text"])
    return CallFlow.from_json(data)


def _person(session: Session, campaign_id: int, person_id: int, step: int) -> PersonRow | None:
    """Who is asked for; at either end of the list it stays with the last one there is."""
    if step < 0:
        found = drafts.person_before(session, campaign_id, person_id)
    else:
        found = drafts.person_after(session, campaign_id, person_id - (0 if step else 1))
    if found is None and person_id:
        found = drafts.person_before(session, campaign_id, person_id + 1)
    return found or drafts.person_after(session, campaign_id, 0)
