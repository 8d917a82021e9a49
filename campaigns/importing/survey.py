"""The first rows of a list, and what its columns mean by them."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing.mapping import ImportOptions, Mapping, Samples, map_columns
from campaigns.importing.reading import Row, open_list
from campaigns.phone import parse_number
from campaigns.reminders import FORMATS, detect_date_format, parse_appointment

SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a list. `damaged` counts rows among them that could not be read."""

    encoding: str
    delimiter: str
    headers: list[str]
    rows: list[list[str]]
    damaged: int

    def by_column(self) -> Samples:
        """The same rows, by column."""
        return Samples(self.headers, self.rows)


def take_sample(path: Path, delimiter: str | None) -> Sample:
    """The head of the file at `path`. Raises `NotARecipientList` when it cannot be a list."""
    with open_list(path, delimiter) as source:
        records = list(islice(source.rows(), SAMPLE_ROWS))
        rows = [record.cells for record in records if isinstance(record, Row)]
        return Sample(
            source.encoding, source.delimiter, source.headers, rows, len(records) - len(rows)
        )


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
    texts = sample.by_column().together(mapping.appointment_column, mapping.time_column)
    return replace(mapping, date_format=detect_date_format(_without_strays(texts)))


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


def _without_strays(texts: list[str]) -> list[str]:
    """Leave out the odd "to be agreed": its row is rejected later and need not stop the rest."""
    dates = [text for text in texts if any(_fits(text, code) for code in FORMATS)]
    return dates if len(dates) * 2 > len(texts) else texts


def _fits(text: str, code: str) -> bool:
    try:
        parse_appointment(text, code, "UTC")
    except InvalidInput:
        return False
    return True
