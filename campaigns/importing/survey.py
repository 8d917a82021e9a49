"""The first rows of a list, and what its columns mean by them."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing.dates import without_strays
from campaigns.importing.mapping import ImportOptions, Mapping, Samples, map_columns
from campaigns.importing.reading import BadRow, Form, Reading, Row, open_list
from campaigns.phone import parse_number
from campaigns.reminders import FORMATS, detect_date_format

SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a list, with the lines they stand on, damaged ones among them."""

    form: Form
    headers: list[str]
    records: list[Row | BadRow]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the rows that could be read."""
        return [record.cells for record in self.records if isinstance(record, Row)]

    def by_column(self) -> Samples:
        """The same rows, by column."""
        return Samples(self.headers, self.rows)


def take_sample(path: Path, reading: Reading | None = None) -> Sample:
    """The head of the file at `path`. Raises `NotARecipientList` when it cannot be a list."""
    with open_list(path, reading) as source:
        return Sample(source.form, source.headers, list(islice(source.rows(), SAMPLE_ROWS)))


def plan_mapping(
    sample: Sample, options: ImportOptions, *, default_country: str, reminder: bool
) -> Mapping:
    """The mapping of a sample, but for the date format; raises as `map_columns` does."""
    mapping = map_columns(
        sample.headers,
        sample.by_column(),
        options,
        default_country=default_country,
        reminder=reminder,
        named=sample.form.header,
        date_system=sample.form.date_system,
        delimiter=sample.form.delimiter,
    )
    _check_country(mapping.default_country)
    return mapping


def with_date_format(mapping: Mapping, sample: Sample) -> Mapping:
    """`mapping` with the format of its appointments, as asked for or as the sample shows it.

    Raises `InvalidInput` when the dates can be read in two ways, or in none.
    """
    if mapping.appointment_column is None:
        return mapping
    if mapping.date_format is not None:
        _check_format(mapping.date_format)
        return mapping
    texts = appointments_in(mapping, sample)
    return replace(mapping, date_format=detect_date_format(without_strays(texts)))


def appointments_in(mapping: Mapping, sample: Sample) -> list[str]:
    """The texts of the sample's appointments; blank ones left out."""
    if mapping.appointment_column is None:
        return []
    return sample.by_column().appointments(
        mapping.appointment_column, mapping.time_column, mapping.date_system
    )


def _check_country(code: str) -> None:
    """Raise `InvalidInput` for an unknown country: once here, instead of once for every row."""
    try:
        parse_number("", code)
    except NotAPhoneNumber:
        return


def _check_format(code: str) -> None:
    if code not in FORMATS:
        raise InvalidInput(
            f"{code[:40]!r} is not a date format. Known formats: {', '.join(FORMATS)}."
        )
