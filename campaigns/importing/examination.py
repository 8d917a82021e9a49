"""A handed-in file as a person should see it before it is imported: its first rows, what each
would become, and what is still to be decided."""

from collections import Counter
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput, NotAllowed
from campaigns.importing.columns import ColumnGuess, explained_columns
from campaigns.importing.dates import DateCandidate, date_candidates
from campaigns.importing.handing_in import open_campaign
from campaigns.importing.loading import completed, reminder_rule
from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.reading import BadRow, Row
from campaigns.importing.results import find
from campaigns.importing.rows import Rejected, RowReader
from campaigns.importing.survey import (
    Sample,
    appointments_in,
    plan_mapping,
    take_sample,
    with_date_format,
)
from campaigns.reminders import ReminderRule

SHOWN_ROWS = 20


class RepairView(BaseModel):
    """Something that was put right in a row."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(examples=["exponent"])
    before: str = Field(examples=["1.2025550143E+10"])
    after: str = Field(examples=["+12025550143"])


class ExaminedRow(BaseModel):
    """A row as it stands in the file, and the recipient it would become, or why it would not."""

    model_config = ConfigDict(frozen=True)

    line: int
    cells: list[str]
    numbers: list[str] = Field(description="E.164, in the order to call them.")
    name: str | None
    appointment_at: AwareDatetime | None
    zones: list[str] = Field(description="Where the person may be; empty when nothing is known.")
    status: str | None = Field(description="As the recipient would be stored.")
    status_reason: str | None
    repairs: list[RepairView]
    reject_reason: str | None
    reject_detail: str | None


class Examination(BaseModel):
    """The head of a file and what an import would make of it.

    `problem` is what stands in the way: no telephone column (then no column has a meaning), or
    dates that can be read in several ways (`dates_ambiguous`; choose one of `date_candidates`).
    """

    model_config = ConfigDict(frozen=True)

    format: str = Field(description="csv or xlsx")
    encoding: str | None
    delimiter: str | None
    sheets: list[str]
    sheet: str | None
    header: bool = Field(description="Whether the first row holds the column names.")
    header_guessed: bool
    notes: list[str] = Field(description="What was made of the column names.")
    headers: list[str]
    columns: list[ColumnGuess]
    rows: list[ExaminedRow] = Field(description="The first rows of the file.")
    sampled_rows: int = Field(description="How many rows the guesses and counts rest on.")
    sampled_good: int
    sampled_rejects: dict[str, int] = Field(description="Rejected rows of the sample by reason.")
    sampled_repairs: dict[str, int] = Field(description="Repairs in the sample by kind.")
    date_format: str | None
    date_candidates: list[DateCandidate]
    dates_ambiguous: bool
    usable_in_texts: list[str] = Field(description="Names that texts may use as {placeholders}.")
    problem: str | None


def examine(
    session: Session,
    import_id: int,
    options: ImportOptions | None,
    now: datetime,
    *,
    data_dir: Path,
) -> Examination:
    """Look at a stored file through `options`, by default those it was handed in with.

    Raises `NotFound`, `NotAllowed` when the file is not kept, and `NotARecipientList` when it
    cannot be a list at all.
    """
    row = find(session, import_id)
    if row.stored_at is None or not (data_dir / row.stored_at).is_file():
        raise NotAllowed("The file is no longer kept. Hand it in again to look at it.")
    asked = ImportOptions.model_validate(row.options) if options is None else options
    return examine_for_campaign(session, row.campaign_id, data_dir / row.stored_at, asked, now)


def examine_for_campaign(
    session: Session, campaign_id: int, path: Path, options: ImportOptions, now: datetime
) -> Examination:
    """The same of a file that nobody has handed in yet. Raises as `examine` does."""
    campaign = open_campaign(session, campaign_id)
    return examine_file(
        path,
        completed(options, campaign),
        default_country=campaign.default_country,
        live=campaign.live,
        reminder=reminder_rule(campaign),
        now=now,
    )


def examine_file(
    path: Path,
    options: ImportOptions,
    *,
    default_country: str,
    live: bool,
    reminder: ReminderRule | None,
    now: datetime,
) -> Examination:
    """The same of any file. Raises `NotARecipientList` when it cannot be a list at all."""
    sample = take_sample(path, options.reading)
    mapping, problem = _mapping_or_problem(sample, options, default_country, reminder)
    candidates: list[DateCandidate] = []
    reader = None
    if mapping is not None:
        if reminder is not None:
            candidates = date_candidates(appointments_in(mapping, sample))
        rule = reminder if mapping.date_format else None
        reader = RowReader(mapping, live=live, reminder=rule, now=now)
    judged = _Judged(sample, reader)
    chosen = mapping.date_format if mapping else None
    return Examination(
        **_form(sample),
        columns=explained_columns(sample, mapping, options),
        rows=judged.shown,
        sampled_rows=len(sample.records),
        sampled_good=judged.good,
        sampled_rejects=dict(judged.rejects.most_common()),
        sampled_repairs=dict(judged.repairs.most_common()),
        date_format=chosen if reminder else None,
        date_candidates=candidates,
        dates_ambiguous=len(candidates) > 1 and chosen is None,
        usable_in_texts=_usable(mapping, reminder),
        problem=problem,
    )


class _Judged:
    """What becomes of the rows of a sample; the first of them in detail."""

    def __init__(self, sample: Sample, reader: RowReader | None) -> None:
        self.shown: list[ExaminedRow] = []
        self.good = 0
        self.rejects: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        for record in sample.records:
            row = _examined(record, reader)
            if row.reject_reason is not None:
                self.rejects[row.reject_reason] += 1
            elif reader is not None:
                self.good += 1
            self.repairs.update(repair.kind for repair in row.repairs)
            if len(self.shown) < SHOWN_ROWS:
                self.shown.append(row)


def _examined(record: Row | BadRow, reader: RowReader | None) -> ExaminedRow:
    if isinstance(record, BadRow):
        return _raw(record.line, [record.text[:200]], Rejected(record.reason, record.detail))
    cells = [cell[:200] for cell in record.cells]
    if reader is None:
        return _raw(record.line, cells, None)
    verdict = reader.read(record.cells)
    if isinstance(verdict, Rejected):
        return _raw(record.line, cells, verdict)
    return ExaminedRow(
        line=record.line,
        cells=cells,
        numbers=list(verdict.numbers),
        name=verdict.fields.get("name") or None,
        appointment_at=verdict.appointment_at,
        zones=list(verdict.place.zones),
        status=verdict.status,
        status_reason=verdict.reason,
        repairs=[
            RepairView(kind=repair.kind, before=repair.before, after=repair.after)
            for repair in verdict.repairs
        ],
        reject_reason=None,
        reject_detail=None,
    )


def _raw(line: int, cells: list[str], rejected: Rejected | None) -> ExaminedRow:
    return ExaminedRow(
        line=line,
        cells=cells,
        numbers=[],
        name=None,
        appointment_at=None,
        zones=[],
        status=None,
        status_reason=None,
        repairs=[],
        reject_reason=rejected.reason if rejected else None,
        reject_detail=rejected.detail if rejected else None,
    )


def _mapping_or_problem(
    sample: Sample, options: ImportOptions, default_country: str, reminder: ReminderRule | None
) -> tuple[Mapping | None, str | None]:
    if not sample.records:
        return None, "The file has column names but no rows. Nothing can be imported."
    try:
        mapping = plan_mapping(
            sample, options, default_country=default_country, reminder=reminder is not None
        )
    except InvalidInput as problem:
        return None, str(problem)
    try:
        return (with_date_format(mapping, sample) if reminder else mapping), None
    except InvalidInput as problem:
        return (mapping if mapping.date_format is None else None), str(problem)


def _usable(mapping: Mapping | None, reminder: ReminderRule | None) -> list[str]:
    if mapping is None:
        return []
    extra = ["name"] if mapping.name_column and "name" not in mapping.fields else []
    return [*mapping.fields, *extra, *(["appointment"] if reminder else [])]


def _form(sample: Sample) -> dict[str, object]:
    form = sample.form
    return {
        "format": form.format,
        "encoding": form.encoding,
        "delimiter": form.delimiter,
        "sheets": list(form.sheets),
        "sheet": form.sheet,
        "header": form.header,
        "header_guessed": form.header_guessed,
        "notes": list(form.notes),
        "headers": list(sample.headers),
    }
