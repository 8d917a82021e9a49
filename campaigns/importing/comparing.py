"""What a list that is imported once more would change, said before anything is stored.

The whole list is read into the table in which an import compares it, and taken out again.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns.errors import NotAllowed
from campaigns.importing import relisting
from campaigns.importing.handing_in import open_campaign
from campaigns.importing.loading import batches, completed, mapping_of, reminder_rule
from campaigns.importing.mapping import ImportOptions
from campaigns.importing.reading import BadRow, open_list
from campaigns.importing.results import appointments_counted, find
from campaigns.importing.rows import Accepted, Rejected, RowReader
from campaigns.reminders import ReminderRule
from campaigns.store import imports, recipients_import, relisted
from campaigns.store.imports import ImportingCampaign
from campaigns.store.recipients_import import StagedRecipient


class Comparison(BaseModel):
    """A list beside the appointments that the campaign has ahead."""

    model_config = ConfigDict(frozen=True)

    listed: int = Field(description="Appointments in the list that can be called about.")
    moved: int = Field(description="Of those, the ones that the campaign has at another time.")
    missing: int = Field(description="Appointments ahead that the list does not have.")
    missing_cancelled: bool = Field(description="Whether those would be cancelled.")
    sentence: str = Field(
        examples=["1 appointment would be moved. 2 appointments ahead are not in this list."]
    )


def compare_import(
    session: Session,
    import_id: int,
    options: ImportOptions | None,
    now: datetime,
    *,
    data_dir: Path,
) -> Comparison | None:
    """What a stored list would move and leave out; None where there is nothing to compare it with.

    Nothing is changed. Raises `NotFound`, `NotAllowed` when the file is not kept, and
    `InvalidInput` when it cannot be read so.
    """
    row = find(session, import_id)
    if row.stored_at is None or not (data_dir / row.stored_at).is_file():
        raise NotAllowed("The file is no longer kept. Hand it in again to compare it.")
    asked = ImportOptions.model_validate(row.options) if options is None else options
    return compare_list(session, row.campaign_id, data_dir / row.stored_at, asked, now)


def compare_list(
    session: Session, campaign_id: int, path: Path, options: ImportOptions, now: datetime
) -> Comparison | None:
    """The same of a file that nobody has handed in yet."""
    campaign = open_campaign(session, campaign_id)
    rule = reminder_rule(campaign)
    if rule is None or not relisted.has_appointments_ahead(session, campaign_id, now):
        return None
    asked = completed(options, campaign)
    undone = session.begin_nested()
    try:
        imports.allow_long_work(session)
        return _compared(session, campaign, rule, path, asked, now)
    finally:
        undone.rollback()


def has_appointments_ahead(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether a list could move or cancel anything in this campaign."""
    return relisted.has_appointments_ahead(session, campaign_id, now)


def _compared(
    session: Session,
    campaign: ImportingCampaign,
    rule: ReminderRule,
    path: Path,
    options: ImportOptions,
    now: datetime,
) -> Comparison:
    mapping = mapping_of(path, options, campaign, reminder=True)
    reader = RowReader(mapping, live=campaign.live, reminder=rule, now=now)
    recipients_import.create_staging_table(session)
    with open_list(path, options.reading) as source:
        for batch in batches(source):
            good = [
                (record.line, verdict)
                for record in batch
                if not isinstance(record, BadRow)
                and not isinstance(verdict := reader.read(record.cells), Rejected)
            ]
            recipients_import.copy_into_staging(session, _staged(good))
    listed = recipients_import.drop_repeats_within_file(session)
    found = relisting.compare(session, campaign.id, options, now)
    return _told(listed, found, cancels=options.missing == "cancel")


def _staged(good: list[tuple[int, Accepted]]) -> Iterator[StagedRecipient]:
    for line, one in good:
        yield StagedRecipient(
            line=line,
            dedupe_key=one.dedupe_key,
            numbers=recipients_import.array_of_numbers(one.numbers),
            fields=recipients_import.object_of_fields({}),
            zone=None,
            address=None,
            zone_key=None,
            status=one.status,
            reason=one.reason,
            next_attempt_at=one.due_at,
            deadline_at=one.deadline_at,
            appointment_at=one.appointment_at,
            stage=one.stage,
            appointment_key=one.appointment_key,
            row="",
        )


def _told(listed: int, found: relisting.Relisting, *, cancels: bool) -> Comparison:
    moved, missing = len(found.moved), len(found.missing)
    told = [f"{appointments_counted(moved)} would be moved."] if moved else []
    if missing:
        are = "is" if missing == 1 else "are"
        what = "would be cancelled" if cancels else f"{'stays' if missing == 1 else 'stay'}"
        told.append(f"{appointments_counted(missing)} ahead {are} not in this list and {what}.")
    if not told:
        told = ["No appointment would be moved, and none ahead is missing from this list."]
    return Comparison(
        listed=listed,
        moved=moved,
        missing=missing,
        missing_cancelled=cancels and missing > 0,
        sentence=" ".join(told),
    )
