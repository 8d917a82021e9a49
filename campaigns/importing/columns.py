"""What each column was taken for, and why, in words."""

from pydantic import BaseModel, ConfigDict, Field

from campaigns.importing import dates, headers
from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.samples import Samples
from campaigns.importing.survey import Sample

_EXAMPLES = 3

# The meaning of a column, the attribute of a mapping that names it, and the option that asks.
_MEANINGS = (
    ("name", "name_column"),
    ("zone", "zone_column"),
    ("postal_code", "postal_code_column"),
    ("state", "state_column"),
    ("country", "country_column"),
    ("appointment", "appointment_column"),
    ("time", "time_column"),
    ("appointment_id", "appointment_id_column"),
)


class ColumnGuess(BaseModel):
    """One column, what it was taken for, and why."""

    model_config = ConfigDict(frozen=True)

    header: str
    field: str = Field(description="Its name as a {placeholder} in texts.")
    meaning: str = Field(
        description="phone, name, zone, postal_code, state, country, appointment, time, "
        "appointment_id or text"
    )
    place: int | None = Field(description="Of a telephone column: when it is called, from 1.")
    reason: str = Field(examples=["Called “Phone”; 98 of 100 values look like numbers."])
    examples: list[str]


def explained_columns(
    sample: Sample, mapping: Mapping | None, options: ImportOptions
) -> list[ColumnGuess]:
    """Every column of a list in order; without a mapping no column has a meaning."""
    samples = sample.by_column()
    fields = headers.identifiers(sample.headers)
    return [
        _explained(header, field, sample, samples, mapping, options)
        for header, field in zip(sample.headers, fields, strict=True)
    ]


def _explained(
    header: str,
    field: str,
    sample: Sample,
    samples: Samples,
    mapping: Mapping | None,
    options: ImportOptions,
) -> ColumnGuess:
    meaning, place, asked = _meaning(header, mapping, options)
    if asked:
        reason = "You chose this column."
    else:
        reason = _reason(header, meaning, samples, named=sample.form.header)
    examples = [value[:80] for value in samples.of(header)[:_EXAMPLES]]
    return ColumnGuess(
        header=header, field=field, meaning=meaning, place=place, reason=reason, examples=examples
    )


def _meaning(
    header: str, mapping: Mapping | None, options: ImportOptions
) -> tuple[str, int | None, bool]:
    """What the column means, its place among its kind, and whether somebody said so."""
    if mapping is None:
        return "text", None, False
    if header in mapping.phone_columns:
        place = mapping.phone_columns.index(header) + 1
        return "phone", place, options.phone_columns is not None
    for meaning, attribute in _MEANINGS:
        if getattr(mapping, attribute) == header:
            return meaning, None, getattr(options, attribute) is not None
    return "text", None, False


def _reason(header: str, meaning: str, samples: Samples, *, named: bool) -> str:
    by_name = f"It is called “{header[:40]}”" if named else "It has no name"
    if meaning == "phone":
        good, of = samples.share(header, headers.looks_like_telephone)
        return f"{by_name}; {good:,} of {of:,} values look like telephone numbers."
    if meaning == "appointment":
        good, of = samples.share(header, dates.is_date)
        return f"{by_name}; {good:,} of {of:,} values are dates."
    if meaning == "time":
        good, of = samples.share(header, dates.is_time)
        return f"{by_name}; {good:,} of {of:,} values are times of day, and the dates have none."
    if meaning in ("name", "zone", "postal_code", "state", "country"):
        return f"{by_name}."
    return "Its values can be used in texts."
