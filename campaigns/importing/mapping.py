"""Which column means what: guessed from its name, backed by its values, overridden by options."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing import headers as names
from campaigns.importing.guessing import GuessByName, GuessByValue, listed
from campaigns.importing.reading import Reading
from campaigns.importing.samples import MAX_PHONE_COLUMNS, Samples
from campaigns.importing.sniffing import DELIMITERS


class ImportOptions(BaseModel):
    """What the person who imports may decide; whatever is left out is guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone_columns: tuple[str, ...] | None = Field(
        None, description="Columns with telephone numbers, in the order in which to call them."
    )
    name_column: str | None = Field(None, description="Column with the recipient's name.")
    zone_column: str | None = Field(None, description="Column with IANA time zone names.")
    postal_code_column: str | None = Field(
        None, description="Column with postal codes: the time zone follows from them."
    )
    state_column: str | None = Field(
        None, description="Column with states or provinces: their calling rules bind too."
    )
    country_column: str | None = Field(None, description="Column with countries.")
    appointment_column: str | None = Field(
        None, description="Column with the date and time a reminder is about."
    )
    time_column: str | None = Field(
        None, description="Column with the time of day, when the appointment column has only dates."
    )
    appointment_id_column: str | None = Field(
        None,
        description="Column with what your system calls the appointment: one that stands in a "
        "later list at another time is moved, not called about twice.",
    )
    moved: Literal["move", "add"] | None = Field(
        None,
        description="A list without such a column, and somebody in it with one appointment, who "
        'has one other ahead in the campaign: it has moved ("move", the default), or it is a '
        'further one ("add").',
    )
    missing: Literal["keep", "cancel"] | None = Field(
        None,
        description="Appointments ahead that are not in the list any more are still called about "
        '("keep", the default), or cancelled.',
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
        None,
        description="What stands between cells: comma, semicolon, tab, pipe, or the character.",
    )
    encoding: str | None = Field(
        None, description="How a text file is written: UTF-8, UTF-16 or Windows-1252."
    )
    header: bool | None = Field(
        None, description="Whether the first row holds column names. Unset: found out."
    )
    sheet: str | None = Field(
        None, description="The sheet of a workbook. Unset: the first one with rows."
    )

    @field_validator("delimiter")
    @classmethod
    def _delimiter_by_name(cls, value: str | None) -> str | None:
        """A tab is hard to type, so names do as well; what is unknown is refused on reading."""
        by_name = {name: character for character, name in DELIMITERS.items()}
        return value if value is None else by_name.get(value.strip().lower(), value)

    @property
    def reading(self) -> Reading:
        """The part of the options that says how the file is written."""
        return Reading(self.delimiter, self.encoding, self.header, self.sheet)


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
    appointment_id_column: str | None
    date_format: str | None
    appointment_zone: str | None
    default_country: str
    date_system: int = 1900  # in which serial numbers of dates are counted
    delimiter: str | None = None  # between the cells of a text file
    postal_code_column: str | None = None
    state_column: str | None = None
    country_column: str | None = None

    def position(self, header: str | None) -> int | None:
        """Where a column stands in a row."""
        return None if header is None else self.headers.index(header)

    def as_json(self) -> dict[str, Any]:
        """The mapping as it is stored and shown."""
        return asdict(self)


def map_columns(
    headers: Sequence[str],
    samples: Samples,
    options: ImportOptions,
    *,
    default_country: str,
    reminder: bool,
    named: bool = True,
    date_system: int = 1900,
    delimiter: str | None = None,
) -> Mapping:
    """The mapping that `options` ask for, the rest guessed. The date format stays as asked.

    Columns without names of their own (not `named`) are judged by their values alone.

    Raises `InvalidInput` for an option that names no column and `NotARecipientList` when there
    is no telephone column, or none with appointments where a reminder needs one; both list the
    columns that there are.
    """
    asked = _Asked(headers, options)
    country = (options.default_country or default_country).strip().upper()
    guess = GuessByName(headers, samples) if named else GuessByValue(headers, samples)
    phones = asked.phone_columns() or guess.phones(country)
    if not phones:
        raise NotARecipientList(
            f"No column with telephone numbers was found. Nothing was imported. {listed(headers)} "
            "Name the telephone columns if one of these is meant."
        )
    free = [header for header in headers if header not in phones]
    appointment = asked.column("appointment_column")
    if appointment is None and reminder:
        appointment = guess.appointment(free)
    time_of_day = asked.column("time_column")
    if time_of_day is None and appointment is not None:
        time_of_day = guess.time_of_day(appointment, free)
    return Mapping(
        headers=tuple(headers),
        fields=names.identifiers(headers),
        phone_columns=phones,
        name_column=asked.column("name_column") or guess.person(free),
        zone_column=asked.column("zone_column") or guess.zone(free),
        appointment_column=appointment,
        time_column=time_of_day,
        appointment_id_column=(
            asked.column("appointment_id_column") or guess.appointment_id(free)
            if reminder
            else None
        ),
        date_format=options.date_format,
        appointment_zone=_checked_zone(options.appointment_zone),
        default_country=country,
        date_system=date_system,
        delimiter=delimiter,
        postal_code_column=asked.column("postal_code_column") or guess.postal_code(free),
        state_column=asked.column("state_column") or guess.state(free),
        country_column=asked.column("country_column") or guess.country(free),
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
            raise InvalidInput(f"There is no column {name[:80]!r}. {listed(self._headers)}")
        return found


__all__ = ["MAX_PHONE_COLUMNS", "ImportOptions", "Mapping", "Samples", "map_columns"]
