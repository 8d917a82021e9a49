"""The form of one person: what it shows, and what is asked for by it."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from campaigns.changing import PersonChange
from campaigns.compliance import zone_named
from campaigns.drafting import problems_of
from campaigns.errors import InvalidInput
from campaigns.importing import PushedRecipient
from campaigns.reporting.values import RecipientHistory
from campaigns.web.pages.campaign_changes import instant_of
from campaigns.web.pages.wizard.forms import Entries

# What a form's field is called when it holds one of the campaign's own columns.
COLUMN = "column."
_LABELS = {
    "numbers": "the number",
    "name": "the name",
    "zone": "the time zone",
    "appointment_at": "the appointment",
}


def values_of(person: RecipientHistory) -> dict[str, str]:
    """A person as the form shows them."""
    appointment = person.appointment_at
    shown = appointment.astimezone(clock_of(person)) if appointment is not None else None
    return {
        "numbers": "\n".join(person.numbers),
        "name": str(person.fields.get("name") or ""),
        "zone": person.zone or "",
        "appointment_at": f"{shown:%Y-%m-%dT%H:%M}" if shown is not None else "",
        **{f"{COLUMN}{key}": str(value) for key, value in person.fields.items() if key != "name"},
    }


def version_of(person: RecipientHistory) -> str:
    """What the form shows of a person, in short: the same while nobody has changed it."""
    shown = json.dumps(values_of(person), sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


def changed_since(entries: Entries, person: RecipientHistory) -> str:
    """What somebody else has changed since the form was shown; empty when nothing was."""
    seen = entries.text("seen")
    if not seen or seen == version_of(person):
        return ""
    now = values_of(person)
    different = [
        f"{_LABELS.get(name, name.removeprefix(COLUMN))} is now “{' '.join(value.split())[:80]}”"
        for name, value in now.items()
        if value.strip() != entries.values.get(name, "").strip()
    ]
    told = f" What differs from your entries: {'; '.join(different)}." if different else ""
    return (
        "Somebody changed this person after you had opened the form, so nothing was kept. Your "
        f"entries are below.{told} Keep the changes again to put yours in their place."
    )


def clock_of(person: RecipientHistory) -> ZoneInfo:
    """The clock of the first zone the person may be in."""
    return zone_named(person.zones[0]) if person.zones else ZoneInfo("UTC")


def asked_person(entries: Entries, zone: ZoneInfo) -> PushedRecipient | None:
    """A person to be added; None when something cannot be used."""
    asked = _asked(entries)
    if not asked["numbers"]:
        entries.refuse("numbers", "Give at least one telephone number")
        return None
    appointment = _appointment(entries, asked.get("zone"), zone)
    if entries.refused:
        return None
    asked["fields"] = {key: value for key, value in asked["fields"].items() if value}
    person: PushedRecipient | None = _valid(
        PushedRecipient, entries, {**asked, "appointment_at": appointment}
    )
    return person


def asked_change(entries: Entries, person: RecipientHistory) -> PersonChange | None:
    """What differs from what there is; None when something cannot be used."""
    asked, before = _asked(entries), values_of(person)
    if not asked["numbers"]:
        entries.refuse("numbers", "Give at least one telephone number")
        return None
    change: dict[str, Any] = {"call_again": entries.has("call_again")}
    if asked["numbers"] != person.numbers:
        change["numbers"] = asked["numbers"]
    if (asked["zone"] or "") != before["zone"]:
        change["zone"] = asked["zone"] or ""
    if (asked["name"] or "") != before["name"]:
        change["name"] = asked["name"] or ""
    moved = {
        key: value
        for key, value in asked["fields"].items()
        if value != before.get(f"{COLUMN}{key}", "")
    }
    if moved:
        change["fields"] = moved
    if entries.text("appointment_at") != before["appointment_at"]:
        change["appointment_at"] = _appointment(entries, None, clock_of(person))
    return None if entries.refused else _valid(PersonChange, entries, change)


def _asked(entries: Entries) -> dict[str, Any]:
    lines: Sequence[str] = entries.values.get("numbers", "").splitlines()
    return {
        "numbers": [line.strip() for line in lines if line.strip()],
        "name": entries.text("name") or None,
        "zone": entries.text("zone") or None,
        "fields": {
            key.removeprefix(COLUMN): value.strip()
            for key, value in entries.values.items()
            if key.startswith(COLUMN)
        },
    }


def _appointment(entries: Entries, given: str | None, otherwise: ZoneInfo) -> datetime | None:
    try:
        zone = zone_named(given) if given else otherwise
    except InvalidInput as problem:
        entries.refuse("zone", str(problem))
        return None
    try:
        return instant_of(entries.text("appointment_at"), zone)
    except InvalidInput as problem:
        entries.refuse("appointment_at", str(problem))
        return None


def _valid(model: type[Any], entries: Entries, values: dict[str, Any]) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for name, problem in problems_of(error).items():
            entries.refuse(name.split(".", maxsplit=1)[0], problem)
        return None
