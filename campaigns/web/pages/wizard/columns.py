"""The choices about a file that a person makes before it is imported."""

from functools import lru_cache
from typing import Any, NamedTuple

from phonenumbers import SUPPORTED_REGIONS

from campaigns.compliance import holiday_calendars, zone_named
from campaigns.errors import InvalidInput
from campaigns.importing import Examination, ImportOptions
from campaigns.reminders import FORMATS
from campaigns.web.pages.wizard.forms import Entries

DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
ENCODINGS = ("UTF-8", "UTF-16 LE", "UTF-16 BE", "Windows-1252")
PHONES_OFFERED = 5
# What a column may be, as the option that asks for it and the words for it.
_SINGLE = {
    "name": ("name_column", "Name"),
    "appointment": ("appointment_column", "Appointment, date and time"),
    "time": ("time_column", "Appointment, time of day"),
    "appointment_id": ("appointment_id_column", "Appointment, its number or name"),
    "zone": ("zone_column", "Time zone"),
    "postal_code": ("postal_code_column", "Postal code"),
    "state": ("state_column", "State or province"),
    "country": ("country_column", "Country"),
}
# Places with telephone numbers of their own that no calendar of holidays names.
_UNNAMED = {"AC": "Ascension Island", "TA": "Tristan Da Cunha"}
COMMON_ZONES = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Phoenix"),
    *("America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "America/Toronto"),
    *("America/Mexico_City", "America/Bogota", "America/Sao_Paulo", "Europe/London"),
    *("Europe/Dublin", "Europe/Lisbon", "Europe/Madrid", "Europe/Paris", "Europe/Berlin"),
    *("Europe/Rome", "Europe/Warsaw", "Europe/Athens", "Europe/Istanbul", "Africa/Lagos"),
    *("Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo"),
    *("Australia/Perth", "Australia/Brisbane", "Australia/Sydney", "Pacific/Auckland"),
)


class ShownColumn(NamedTuple):
    """A column of the file with what it is taken for. `role` is a value of the select."""

    place: int
    header: str
    field: str
    role: str
    reason: str
    examples: list[str]


def roles(reminder: bool) -> list[tuple[str, str]]:
    """What a column may be taken for, as values and words."""
    phones = [
        (f"phone{place}", "Phone number" if place == 1 else f"Phone number {place}")
        for place in range(1, PHONES_OFFERED + 1)
    ]
    rest = [
        (role, words)
        for role, (_, words) in _SINGLE.items()
        if reminder or role not in ("appointment", "time", "appointment_id")
    ]
    return [("text", "Text to speak, or nothing"), *phones, *rest]


def shown_columns(found: Examination, asked: ImportOptions) -> list[ShownColumn]:
    """The columns of an examined file, each with the role it has now."""
    chosen = {
        header: f"phone{place}" for place, header in enumerate(asked.phone_columns or (), start=1)
    }
    for role, (option, _) in _SINGLE.items():
        if getattr(asked, option) is not None:
            chosen[getattr(asked, option)] = role
    return [
        ShownColumn(
            place,
            guess.header,
            guess.field,
            # What was chosen is shown as chosen, even while the file as a whole cannot be used.
            chosen.get(guess.header)
            or (f"phone{guess.place}" if guess.meaning == "phone" else guess.meaning),
            guess.reason,
            guess.examples,
        )
        for place, guess in enumerate(found.columns)
    ]


def asked_options(entries: Entries) -> ImportOptions:
    """What the form asks for. What was guessed and not touched stays a guess."""
    reading = _reading(entries)
    # Other columns than those that were shown cannot be what was chosen.
    same_columns = entries.text("read_as") == read_as(reading)
    asked: dict[str, Any] = {
        "delimiter": reading["delimiter"],
        "encoding": reading["encoding"],
        "header": reading["header"],
        "sheet": reading["sheet"],
        "default_country": entries.text("country") or None,
        "appointment_zone": _appointment_zone(entries),
        "date_format": _date_format(entries),
        "moved": "add" if entries.text("moved") == "add" else None,
        "missing": "cancel" if entries.text("missing") == "cancel" else None,
    }
    if same_columns:
        asked |= _columns(entries)
    try:
        return ImportOptions.model_validate(asked)
    except ValueError as error:
        entries.trouble = str(error)
        return ImportOptions()


def read_as(reading: dict[str, Any]) -> str:
    """The choices on which the columns of a file depend, as one text."""
    return "/".join(str(reading[key]) for key in ("delimiter", "encoding", "header", "sheet"))


def chosen_of(
    asked: ImportOptions, found: Examination | None, default_country: str
) -> dict[str, Any]:
    """What the form shows as chosen."""
    delimiter = found.delimiter if found is not None else None
    reading = {
        "delimiter": _delimiter_name(asked.delimiter),
        "encoding": asked.encoding,
        "header": asked.header,
        "sheet": asked.sheet,
    }
    return {
        **{key: "" if value is None else value for key, value in reading.items()},
        "header": {None: "", True: "yes", False: "no"}[asked.header],
        "found_delimiter": _delimiter_name(delimiter) or "",
        "country": asked.default_country or default_country,
        "appointment_zone": asked.appointment_zone or "",
        "date_format": asked.date_format or "",
        "moved": asked.moved or "move",
        "missing": asked.missing or "keep",
        "read_as": read_as(reading),
        "asked": ",".join(
            name
            for name in ("phone_columns", *(option for option, _ in _SINGLE.values()))
            if getattr(asked, name) is not None
        ),
        "formats": list(FORMATS),
        "delimiters": list(DELIMITER_NAMES.values()),
        "encodings": list(ENCODINGS),
        "zones": COMMON_ZONES,
    }


@lru_cache(maxsize=1)
def country_choices() -> list[tuple[str, str]]:
    """Every country that has telephone numbers, by name."""
    names = {one.country: one.name for one in holiday_calendars()}
    return sorted(
        ((code, names.get(code) or _UNNAMED.get(code, code)) for code in SUPPORTED_REGIONS),
        key=lambda pair: pair[1],
    )


def _reading(entries: Entries) -> dict[str, Any]:
    header = entries.text("header")
    return {
        "delimiter": entries.text("delimiter") or None,
        "encoding": entries.text("encoding") or None,
        "header": None if header not in ("yes", "no") else header == "yes",
        "sheet": entries.text("sheet") or None,
    }


def _date_format(entries: Entries) -> str | None:
    code = entries.text("date_format")
    if code and code not in FORMATS:
        entries.refuse("date_format", "choose one of the formats")
        return None
    return code or None


def _columns(entries: Entries) -> dict[str, Any]:
    """The options about columns that somebody touched, now or before."""
    now, shown = _roles(entries, "role"), _roles(entries, "shown")
    before = set(entries.text("asked").split(","))
    asked: dict[str, Any] = {}
    phones = _phones(now)
    for role in sorted({role for role in now.values() if role.startswith("phone")}):
        _require_one(entries, [header for header, one in now.items() if one == role])
    if "phone_columns" in before or phones != _phones(shown):
        asked["phone_columns"] = phones or None
    for role, (option, _) in _SINGLE.items():
        chosen = [header for header, one in now.items() if one == role]
        _require_one(entries, chosen)
        if option in before or chosen != [header for header, one in shown.items() if one == role]:
            asked[option] = chosen[0] if chosen else None
    return asked


def _require_one(entries: Entries, headers: list[str]) -> None:
    if len(headers) > 1:
        listed = " and ".join(f"“{header[:40]}”" for header in headers[:3])
        entries.refuse("columns", f"only one column can be this: {listed}")


def _appointment_zone(entries: Entries) -> str | None:
    """The name of a zone as it is spelt; None when nothing was typed or it is no zone."""
    typed = entries.text("appointment_zone")
    if not typed:
        return None
    try:
        return zone_named(typed).key
    except InvalidInput as refusal:
        entries.refuse("appointment_zone", str(refusal))
        return None


def _roles(entries: Entries, prefix: str) -> dict[str, str]:
    headers = entries.every("column")
    return {
        header: entries.text(f"{prefix}{place}")
        for place, header in enumerate(headers)
        if entries.text(f"{prefix}{place}")
    }


def _phones(chosen: dict[str, str]) -> tuple[str, ...]:
    phones = [(role, header) for header, role in chosen.items() if role.startswith("phone")]
    return tuple(header for _, header in sorted(phones, key=lambda pair: pair[0]))


def _delimiter_name(delimiter: str | None) -> str | None:
    return None if delimiter is None else DELIMITER_NAMES.get(delimiter, delimiter)
