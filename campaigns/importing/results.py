"""Where an import is, or how it ended, in numbers and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from campaigns.errors import NotFound
from campaigns.models import Import
from campaigns.store import imports
from campaigns.store.imports import RepairRow

RECENT_DAYS = 7

# What was put right, as a person reads it.
REPAIR_WORDS = {
    "exponent": "numbers in scientific notation were written out",
    "trailing_zero": "numbers lost a trailing “.0”",
    "lost_plus": "numbers got their plus sign back",
    "other_digits": "numbers in full-width or other digits were read",
    "invisible_marks": "numbers lost invisible marks or odd spaces",
    "trunk_zero": "numbers lost their “(0)”",
    "double_zero": "numbers that begin with 00 were read as international",
    "several_numbers": "cells held several numbers, which were taken apart",
    "number_left_out": "numbers beside a good one could not be called and were left out",
    "date_serial": "spreadsheet serial numbers were read as dates",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Where an import is, or how it ended.

    Every row read is imported, rejected, or an appointment that was moved. Rejected rows include
    duplicates; imported ones include those stored as blocked because a number of theirs is opted
    out. `repairs` counts, by kind, what was put right in rows that were good otherwise.
    """

    import_id: int
    status: str
    error: str | None
    rows_read: int
    rows_imported: int
    rows_rejected: int
    rows_opted_out: int
    rejects_by_reason: dict[str, int]
    rows_recently_called: int = 0
    rows_moved: int = 0
    rows_missing: int = 0
    repairs: dict[str, int] = field(default_factory=dict)

    @property
    def duplicates(self) -> int:
        """Rejected rows that were in the file, or in the campaign, before."""
        return self.rejects_by_reason.get("duplicate", 0)

    @property
    def sentence(self) -> str:
        """What happened, for the person who imported."""
        if self.status == "failed":
            return self.error or "The import failed. Nothing was imported."
        if self.status == "uploaded":
            return "The file is stored. Nothing is imported until the import is confirmed."
        if self.status == "undone":
            return (
                f"The import was undone: its {_people(self.rows_imported)} removed. "
                "The file may be imported again."
            )
        if self.status == "discarded":
            return "The file was discarded. Nothing was imported."
        if self.status != "done":
            return f"The import is {self.status}: {self.rows_read:,} rows read so far."
        return self._done()

    def _done(self) -> str:
        if not self.rows_imported:
            why = f": {_counted(self.rejects_by_reason)}" if self.rejects_by_reason else ""
            return f"No row was imported{why}.{self._relisted()}"
        told = f"{self.rows_imported:,} of {self.rows_read:,} rows were imported"
        if self.rows_opted_out:
            told += f", {self.rows_opted_out:,} of them blocked by an opt-out"
        if self.rows_rejected:
            word = "was" if self.rows_rejected == 1 else "were"
            told += f"; {self.rows_rejected:,} {word} rejected: {_counted(self.rejects_by_reason)}"
        told += f".{self._relisted()}"
        if self.rows_recently_called:
            told += f" {self.recently_called}"
        return told

    def _relisted(self) -> str:
        told = ""
        if self.rows_moved:
            was = "was" if self.rows_moved == 1 else "were"
            told += f" {appointments_counted(self.rows_moved)} {was} moved."
        if self.rows_missing:
            are = "is" if self.rows_missing == 1 else "are"
            told += f" {appointments_counted(self.rows_missing)} {are} no longer in the list."
        return told

    @property
    def recently_called(self) -> str | None:
        """A warning about people who were called just now; `None` when nobody was."""
        if not self.rows_recently_called:
            return None
        few = self.rows_recently_called == 1
        return (
            f"{self.rows_recently_called:,} of these people {'was' if few else 'were'} called in "
            f"the last {RECENT_DAYS} days."
        )


def find(session: Session, import_id: int) -> Import:
    """The import; raises `NotFound`."""
    found = imports.find_import(session, import_id)
    if found is None:
        raise NotFound(f"There is no import {import_id}.")
    return found


def summarise(session: Session, import_id: int) -> Summary:
    """Where an import is; raises `NotFound`."""
    return summary_of(find(session, import_id))


def summary_of(row: Import) -> Summary:
    """The same of an import that was read before."""
    return Summary(
        import_id=row.id,
        status=row.status,
        error=row.error,
        rows_read=row.rows_read,
        rows_imported=row.rows_imported,
        rows_rejected=row.rows_rejected,
        rows_opted_out=row.rows_opted_out,
        rejects_by_reason=_commonest_first(row.rejects_by_reason),
        rows_recently_called=row.rows_recently_called,
        rows_moved=row.rows_moved,
        rows_missing=row.rows_missing,
        repairs=_commonest_first(row.repairs),
    )


def list_imports(
    session: Session, before_id: int | None, limit: int, campaign_id: int | None = None
) -> list[Import]:
    """Imports, the latest first; `before_id` is the last one of the page before."""
    return imports.list_imports(session, before_id, limit, campaign_id)


def repairs_of(session: Session, import_id: int) -> list[RepairRow]:
    """Examples of what was put right in an import, by kind; raises `NotFound`."""
    find(session, import_id)
    return imports.examples_of_repairs(session, import_id)


def _commonest_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def appointments_counted(count: int) -> str:
    """ "1 appointment", "12 appointments"."""
    return "1 appointment" if count == 1 else f"{count:,} appointments"


def _people(count: int) -> str:
    return "1 recipient was" if count == 1 else f"{count:,} recipients were"


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items())
