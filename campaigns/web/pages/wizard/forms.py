"""What is in a form, read so that nothing of it is lost when something cannot be used."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.datastructures import FormData

from campaigns.drafting import CampaignEdit, problems_of
from campaigns.errors import InvalidInput

_PLACE = re.compile(r"^(?:The call flow|This) cannot be used: [\w.]+: ")


class Problems(dict[str, str]):
    """What is wrong, by field; "" for a field with which nothing is."""

    def __missing__(self, name: str) -> str:
        """Nothing is wrong with it."""
        return ""


@dataclass(slots=True)
class Entries:
    """The values of a form as they were typed, and what is wrong with them by field."""

    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    errors: Problems = field(default_factory=Problems)
    trouble: str = ""

    def text(self, name: str) -> str:
        """A value without the blanks around it; "" when there is none."""
        return self.values.get(name, "").strip()

    def every(self, name: str) -> list[str]:
        """All values under one name."""
        return self.lists.get(name, [])

    def has(self, name: str) -> bool:
        """Whether a box is ticked, or a field is there at all."""
        return name in self.values

    @property
    def refused(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.errors or self.trouble)

    def refuse(self, name: str, problem: str) -> None:
        """Say what is wrong with one field; the first problem of a field is kept."""
        self.errors.setdefault(name, f"{problem[:1].upper()}{problem[1:].rstrip('.')}.")


async def _entries(request: Request) -> Entries:
    form: FormData = await request.form()
    lists: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            lists.setdefault(name, []).append(value.replace("\0", ""))
    return Entries({name: values[-1] for name, values in lists.items()}, lists)


EntriesDep = Annotated[Entries, Depends(_entries)]


def edit_of(entries: Entries, asked: Mapping[str, Any], fields: Mapping[str, str]) -> CampaignEdit:
    """The change that a form asks for; problems are noted beside their fields.

    `fields` names the form's field of a setting where it is another one.
    """
    try:
        return CampaignEdit.model_validate(dict(asked))
    except ValidationError as error:
        for place, problem in problems_of(error).items():
            name = place.split(".", maxsplit=1)[0]
            entries.refuse(fields.get(name, name), problem)
    return CampaignEdit()


def moment(entries: Entries, name: str, zone: ZoneInfo) -> datetime | None:
    """A date and time typed on the clock of `zone`; None when it is empty or cannot be used."""
    text = entries.text(name)
    if not text:
        return None
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        entries.refuse(name, "this is not a date and time")
        return None
    if wall.tzinfo is not None:
        return wall
    local = wall.replace(tzinfo=zone)
    if not 2000 <= local.year <= 2199:
        entries.refuse(name, "this is a year that cannot be meant")
        return None
    back = datetime.fromtimestamp(local.timestamp(), zone).replace(tzinfo=None)
    if back != wall:
        entries.refuse(name, f"clocks in {zone.key} skip this time; choose another")
        return None
    return local


def local_value(at: datetime | None, zone: ZoneInfo) -> str:
    """An instant as an input for date and time shows it."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if at is not None else ""


def number(entries: Entries, name: str, *, whole: bool = False) -> float | None:
    """A number as people type it; None when it is empty or cannot be used."""
    text = entries.text(name).replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
        if not -1e9 < value < 1e9 or (whole and value != int(value)):
            raise ValueError
    except ValueError:
        entries.refuse(name, "type a whole number" if whole else "type a number")
        return None
    return value


def note_refusal(entries: Entries, refusal: InvalidInput, names: Iterable[str] = ()) -> None:
    """Say a refusal beside the one field it is about, or above the form."""
    name = next(iter(names), None)
    if name is not None:
        entries.refuse(name, in_short(str(refusal)))
    else:
        entries.trouble = in_short(str(refusal))


def in_short(told: str) -> str:
    """A refusal without the name of the part of the flow: it is said where that part is."""
    plain = _PLACE.sub("", told)
    return f"{plain[:1].upper()}{plain[1:]}"
