"""From the rows of a file to recipients, in one transaction and flat memory."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.compliance import Place
from campaigns.crash_points import crash_point
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing import relisting
from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.progress import ProgressWriter
from campaigns.importing.reading import BadRow, Row, RowSource, kept_text, open_list
from campaigns.importing.results import RECENT_DAYS
from campaigns.importing.rows import Accepted, Rejected, RowReader
from campaigns.importing.survey import plan_mapping, take_sample, with_date_format
from campaigns.reminders import ReminderRule
from campaigns.store import imports, recipients, recipients_import, recurrences
from campaigns.store.imports import ImportingCampaign, RepairRow, wait_for_turn_at_campaign
from campaigns.store.recipients_import import StagedRecipient, StagedReject, Stored

BATCH = 2_000  # rows in memory at a time
EXAMPLES = 20  # of each kind of repair


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file."""

    mapping: Mapping
    rows_read: int
    stored: Stored
    repairs: dict[str, int]
    recently_called: int
    moved: int
    missing: int


def load(
    engine: Engine,
    work: Session,
    import_id: int,
    campaign: ImportingCampaign,
    path: Path,
    options: ImportOptions,
    progress: ProgressWriter,
) -> Loaded:
    """Store the rows of a file as recipients and rejects, within the transaction of `work`.

    `engine` serves only what must not wait for that transaction's end. Raises `InvalidInput`,
    or its `NotARecipientList`, when the file as a whole cannot be imported.

    An opt-out that commits while this transaction is open is not seen by it. That is no hole:
    every claim of a call looks at the opt-outs again.
    """
    rule = reminder_rule(campaign)
    options = completed(options, campaign)
    mapping = mapping_of(path, options, campaign, reminder=rule is not None)
    reader = RowReader(mapping, live=campaign.live, reminder=rule, now=database_now(work))
    recipients_import.create_staging_table(work)
    stage = _Stage(work, import_id, reader, _ZoneKeys(engine))
    with open_list(path, options.reading) as source:
        for batch in batches(source):
            stage.add(batch)
            progress.at(stage.rows_read, source.bytes_read)
    progress.storing()
    crash_point("import_staged")
    wait_for_turn_at_campaign(work, campaign.id)
    recipients_import.reject_repeats_within_file(work, import_id)
    # While all of the list is there: who is in it at the old time as well has two appointments.
    found = relisting.compare(work, campaign.id, options, reader.now) if rule else None
    recurrences.reject_who_is_reminded_already(work, import_id, campaign.id)
    stored = recipients_import.store_staged_recipients(work, import_id, campaign.id)
    recurrences.note_who_is_reminded(work, import_id, campaign.id)
    imports.store_repairs(work, import_id, stage.examples)
    recently = recipients_import.count_recently_called(
        work, import_id, campaign.id, reader.now - timedelta(days=RECENT_DAYS)
    )
    moved = relisting.apply(work, campaign.id, found, options, reader.now) if found else 0
    crash_point("import_stored")
    missing = len(found.missing) if found else 0
    return Loaded(mapping, stage.rows_read, stored, dict(stage.repairs), recently, moved, missing)


def reminder_rule(campaign: ImportingCampaign) -> ReminderRule | None:
    """By which rule a campaign reminds; `None` when it is no reminder. Raises `InvalidInput`."""
    rule = campaign.reminder
    if campaign.kind != "reminder":
        return None
    if rule is None:
        raise InvalidInput("The campaign has no reminder rule. Nothing was imported.")
    return ReminderRule.parse(rule)


def completed(options: ImportOptions, campaign: ImportingCampaign) -> ImportOptions:
    """Options with what the campaign says about its lists, where they leave it open."""
    date_format = (campaign.reminder or {}).get("date_format")
    if options.date_format is None and date_format:
        return options.model_copy(update={"date_format": date_format})
    return options


def mapping_of(
    path: Path, options: ImportOptions, campaign: ImportingCampaign, *, reminder: bool
) -> Mapping:
    """What each column of a list is taken for. Raises `InvalidInput` when nobody can tell."""
    sample = take_sample(path, options.reading)
    if not sample.records:
        raise NotARecipientList("The file has column names but no rows. Nothing was imported.")
    mapping = plan_mapping(
        sample, options, default_country=campaign.default_country, reminder=reminder
    )
    return with_date_format(mapping, sample) if reminder else mapping


def batches(source: RowSource) -> Iterator[list[Row | BadRow]]:
    batch: list[Row | BadRow] = []
    for record in source.rows():
        batch.append(record)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


class _ZoneKeys:
    """Keys of places, each asked for once.

    A new key is committed at once, on a connection of its own: inside the import's long
    transaction it would make everybody else who needs that key wait for the whole file.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Place, int] = {}

    def key_of(self, place: Place) -> int | None:
        """The key of a place; `None` when too little is known of it for a call."""
        if not place.known:
            return None
        if place not in self._known:
            with transaction(self._engine) as session:
                self._known[place] = recipients.zone_key_for(session, place)
        return self._known[place]


class _Stage:
    """Where rows wait for the set-based statements, each as a recipient or as a reject."""

    def __init__(
        self, work: Session, import_id: int, reader: RowReader, zone_keys: _ZoneKeys
    ) -> None:
        self._work = work
        self._import_id = import_id
        self._reader = reader
        self._zone_keys = zone_keys
        self.rows_read = 0
        self.repairs: Counter[str] = Counter()
        self.examples: list[RepairRow] = []

    def add(self, batch: list[Row | BadRow]) -> None:
        """Judge each row and copy it to where it belongs."""
        staged: list[StagedRecipient] = []
        rejects: list[StagedReject] = []
        for record in batch:
            if isinstance(record, BadRow):
                rejects.append(StagedReject(self._import_id, *record))
                continue
            verdict = self._reader.read(record.cells)
            if isinstance(verdict, Rejected):
                rejects.append(self._reject(record, verdict))
            else:
                staged.append(self._recipient(record, verdict))
                if verdict.repairs:
                    self._note(record.line, verdict)
        recipients_import.copy_into_staging(self._work, staged)
        recipients_import.copy_rejects(self._work, rejects)
        self.rows_read += len(batch)

    def _note(self, line: int, verdict: Accepted) -> None:
        for repair in verdict.repairs:
            self.repairs[repair.kind] += 1
            if self.repairs[repair.kind] <= EXAMPLES:
                before = kept_text(repair.before)
                self.examples.append(RepairRow(repair.kind, line, before, repair.after))

    def _reject(self, row: Row, verdict: Rejected) -> StagedReject:
        return StagedReject(self._import_id, row.line, *verdict, kept_text(row.text))

    def _recipient(self, row: Row, verdict: Accepted) -> StagedRecipient:
        return StagedRecipient(
            line=row.line,
            dedupe_key=verdict.dedupe_key,
            numbers=recipients_import.array_of_numbers(verdict.numbers),
            fields=recipients_import.object_of_fields(verdict.fields),
            zone=verdict.zone,
            address=recipients_import.object_of_address(verdict.address),
            zone_key=self._zone_keys.key_of(verdict.place),
            status=verdict.status,
            reason=verdict.reason,
            next_attempt_at=verdict.due_at,
            deadline_at=verdict.deadline_at,
            appointment_at=verdict.appointment_at,
            stage=verdict.stage,
            appointment_key=verdict.appointment_key,
            row=kept_text(row.text),
        )
