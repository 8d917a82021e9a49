"""Which column means what: guessed from its name, backed by its values, overridden by options."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing import headers as names
from campaigns.importing.sniffing import DELIMITERS

MAX_PHONE_COLUMNS = 10
_BACKED_SHARE = 0.5  # of the values of a column with a telling name
_WEAK_BACKED_SHARE = 0.8  # of the values of a column whose name alone says little


class ImportOptions(BaseModel):
    """What the person who imports may decide; whatever is left out is guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone_columns: tuple[str, ...] | None = Field(
        None, description="Columns with telephone numbers, in the order in which to call them."
    )
    name_column: str | None = Field(None, description="Column with the recipient's name.")
    zone_column: str | None = Field(None, description="Column with IANA time zone names.")
    appointment_column: str | None = Field(
        None, description="Column with the date and time a reminder is about."
    )
    time_column: str | None = Field(
        None, description="Column with the time of day, when the appointment column has only dates."
    )
    date_format: str | None = Field(None, description="Format code of the appointment column.")
    appointment_zone: str | None = Field(
        None,
        description="IANA time zone in which appointments are written. Unset: the recipient's own.",
    )
    default_country: str | None = Field(
        None, description="ISO 3166 country of numbers without a country code."
    )
    delimiter: str | None = Field(
        None, description="What stands between cells: comma, semicolon, tab, or the character."
    )

    @field_validator("delimiter")
    @classmethod
    def _delimiter_by_name(cls, value: str | None) -> str | None:
        """A tab is hard to type, so names do as well; what is unknown is refused on reading."""
        by_name = {name: character for character, name in DELIMITERS.items()}
        return value if value is None else by_name.get(value.strip().lower(), value)


@dataclass(frozen=True, slots=True)
class Mapping:
    """What every column means. Columns are named by their headers; `fields` are the names that
    placeholders use, one per header."""

    headers: tuple[str, ...]
    fields: tuple[str, ...]
    phone_columns: tuple[str, ...]
    name_column: str | None
    zone_column: str | None
    appointment_column: str | None
    time_column: str | None
    date_format: str | None
    appointment_zone: str | None
    default_country: str

    def position(self, header: str | None) -> int | None:
        """Where a column stands in a row."""
        return None if header is None else self.headers.index(header)

    def as_json(self) -> dict[str, Any]:
        """The mapping as it is stored and shown."""
        return asdict(self)


class Samples:
    """The first rows of a list, read by column."""

    def __init__(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._headers, self._rows = headers, rows
        self._values = {
            header: [cells[i].strip() for cells in rows if cells[i].strip()]
            for i, header in enumerate(headers)
        }

    def of(self, header: str) -> list[str]:
        """The values of a column that are not blank."""
        return self._values[header]

    def together(self, first: str, second: str | None) -> list[str]:
        """The values of a column, each followed by the second column's value in the same row."""
        if second is None:
            return self.of(first)
        i, j = self._headers.index(first), self._headers.index(second)
        return [f"{row[i]} {row[j]}" for row in self._rows if row[i].strip()]

    def back(self, header: str, test: Callable[[str], bool], share: float) -> bool:
        """Whether at least `share` of a column's values pass. Blank ones speak against nothing."""
        values = self._values[header]
        return sum(map(test, values)) >= share * len(values)


def map_columns(
    headers: Sequence[str],
    samples: Samples,
    options: ImportOptions,
    *,
    default_country: str,
    reminder: bool,
) -> Mapping:
    """The mapping that `options` ask for, the rest guessed. The date format stays as asked.

    Raises `InvalidInput` for an option that names no column and `NotARecipientList` when there
    is no telephone column, or none with appointments where a reminder needs one; both list the
    columns that there are.
    """
    asked = _Asked(headers, options)
    phones = asked.phone_columns() or _guess_phones(headers, samples)
    if not phones:
        raise NotARecipientList(
            f"No column with telephone numbers was found. Nothing was imported. {_listed(headers)} "
            "Name the telephone columns if one of these is meant."
        )
    free = [header for header in headers if header not in phones]
    appointment = asked.column("appointment_column")
    if appointment is None and reminder:
        appointment = _guess_appointment(headers, free, samples)
    time_of_day = asked.column("time_column")
    if time_of_day is None and appointment is not None:
        time_of_day = _guess_time_of_day(appointment, free, samples)
    return Mapping(
        headers=tuple(headers),
        fields=names.identifiers(headers),
        phone_columns=phones,
        name_column=asked.column("name_column") or _first_called(free, names.PERSON_NAMES),
        zone_column=asked.column("zone_column") or _guess_zone(free, samples),
        appointment_column=appointment,
        time_column=time_of_day,
        date_format=options.date_format,
        appointment_zone=_checked_zone(options.appointment_zone),
        default_country=(options.default_country or default_country).strip().upper(),
    )


def _checked_zone(name: str | None) -> str | None:
    return None if name is None else zone_named(name).key


class _Asked:
    """The columns that options name, found among the headers whatever their case or spacing."""

    def __init__(self, headers: Sequence[str], options: ImportOptions) -> None:
        self._headers = headers
        self._options = options
        self._by_name = {" ".join(header.split()).casefold(): header for header in headers}

    def column(self, option: str) -> str | None:
        name: str | None = getattr(self._options, option)
        return None if name is None else self._found(name)

    def phone_columns(self) -> tuple[str, ...]:
        asked = self._options.phone_columns or ()
        if len(asked) > MAX_PHONE_COLUMNS:
            raise InvalidInput(
                f"{len(asked)} telephone columns were named; a recipient has at most "
                f"{MAX_PHONE_COLUMNS} numbers."
            )
        return tuple(dict.fromkeys(map(self._found, asked)))

    def _found(self, name: str) -> str:
        found = self._by_name.get(" ".join(name.split()).casefold())
        if found is None:
            raise InvalidInput(f"There is no column {name[:80]!r}. {_listed(self._headers)}")
        return found


def _guess_phones(headers: Sequence[str], samples: Samples) -> tuple[str, ...]:
    ranked = _ranked(headers, names.phone_rank, samples, _BACKED_SHARE)
    if not ranked:
        ranked = _ranked(
            [header for header in headers if samples.of(header)],
            names.weak_phone_rank,
            samples,
            _WEAK_BACKED_SHARE,
        )
    return ranked[:MAX_PHONE_COLUMNS]


def _ranked(
    headers: Iterable[str],
    rank: Callable[[str], int | None],
    samples: Samples,
    share: float,
) -> tuple[str, ...]:
    """The columns with a rank whose values are numbers: lowest rank first, then as they stand."""
    found = [
        (place, position, header)
        for position, header in enumerate(headers)
        if (place := rank(header)) is not None
        and samples.back(header, names.looks_like_telephone, share)
    ]
    return tuple(header for _, _, header in sorted(found))


def _guess_zone(headers: Sequence[str], samples: Samples) -> str | None:
    # Under a plain name the values are not asked: a zone that is given but not understood must
    # reject its row, not be passed over.
    certain = _first_called(headers, tuple(names.ZONE_NAMES))
    if certain is not None:
        return certain
    weak = _first_called(headers, tuple(names.WEAK_ZONE_NAMES))
    return weak if weak and samples.of(weak) and samples.back(weak, _is_zone, 1.0) else None


def _is_zone(text: str) -> bool:
    try:
        zone_named(text)
    except InvalidInput:
        return False
    return True


def _guess_appointment(headers: Sequence[str], free: Sequence[str], samples: Samples) -> str:
    dated = [header for header in free if samples.back(header, _has_digits, _BACKED_SHARE)]
    found = _first_called(dated, names.APPOINTMENT_NAMES)
    if found is None:
        raise NotARecipientList(
            "A reminder needs a column with the date and time of the appointment, and none was "
            f"found. Nothing was imported. {_listed(headers)}"
        )
    return found


def _guess_time_of_day(appointment: str, free: Sequence[str], samples: Samples) -> str | None:
    """A column of times, when the appointments have none."""
    if samples.back(appointment, names.has_time_of_day, _BACKED_SHARE):
        return None
    timed = [
        header
        for header in free
        if header != appointment
        and samples.of(header)
        and samples.back(header, names.has_time_of_day, _BACKED_SHARE)
    ]
    return _first_called(timed, names.TIME_NAMES)


def _has_digits(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _first_called(headers: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column whose name comes first in `wanted`."""
    by_name = {names.folded(header): header for header in reversed(headers)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _listed(headers: Sequence[str]) -> str:
    shown = ", ".join(repr(header[:40]) for header in headers[:30])
    more = f" and {len(headers) - 30} more" if len(headers) > 30 else ""
    return f"The columns are: {shown}{more}."
