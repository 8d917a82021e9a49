"""What an import would make of a file, before anything is stored."""

from dataclasses import dataclass
from pathlib import Path

from campaigns.errors import InvalidInput
from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.survey import Sample, plan_mapping, take_sample, with_date_format

PREVIEW_ROWS = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """The head of a list and what its columns were taken for.

    `problem` is what stands in the way of an import: no telephone column (then there is no
    `mapping`), or dates that can be read in two ways (then it has no `date_format`).
    """

    encoding: str | None
    delimiter: str | None
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    mapping: Mapping | None
    problem: str | None


def preview(
    path: Path,
    options: ImportOptions | None = None,
    *,
    default_country: str = "US",
    reminder: bool = False,
) -> Preview:
    """Look at the head of the file. Raises `NotARecipientList` when it cannot be a list at all."""
    options = options or ImportOptions()
    sample = take_sample(path, options.reading)
    mapping, problem = _mapping_or_problem(sample, options, default_country, reminder)
    return Preview(
        encoding=sample.form.encoding,
        delimiter=sample.form.delimiter,
        headers=tuple(sample.headers),
        rows=tuple(map(tuple, sample.rows[:PREVIEW_ROWS])),
        mapping=mapping,
        problem=problem,
    )


def _mapping_or_problem(
    sample: Sample, options: ImportOptions, default_country: str, reminder: bool
) -> tuple[Mapping | None, str | None]:
    try:
        mapping = plan_mapping(sample, options, default_country=default_country, reminder=reminder)
    except InvalidInput as problem:
        return None, str(problem)
    try:
        return (with_date_format(mapping, sample) if reminder else mapping), None
    except InvalidInput as problem:
        return mapping, str(problem)
