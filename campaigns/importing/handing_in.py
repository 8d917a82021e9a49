"""The life of an import before and after it runs: handed in, confirmed, discarded, undone.

uploaded ─▶ waiting ─▶ running ─▶ done ─▶ undone ─▶ waiting ...
    └─▶ discarded ◀──────┴─▶ failed ─▶ waiting ...
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from campaigns.access import SYSTEM, Actor
from campaigns.errors import NotAllowed, NotFound
from campaigns.importing.mapping import ImportOptions
from campaigns.importing.results import Summary, find, summarise
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Import
from campaigns.store import dispatch, imports, recipients_import

FINAL = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED})
_MAY_BE_CONFIRMED = frozenset({"uploaded", "failed", "undone"})
_MAY_BE_DISCARDED = frozenset({"uploaded", "failed", "undone"})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a file: the SHA-256 of its bytes, in hex, and how many there are."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Registered:
    """An import of a file; `already` when it was imported, on its way, or handed in before.

    The file that was handed in is to be kept exactly when the import's `stored_at` names it.
    """

    row: Import
    already: bool


def fingerprint(path: Path) -> Fingerprint:
    """The identity of a file, by which an import knows that it has seen it."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Fingerprint(digest, stream.tell())


def hand_in(
    session: Session,
    campaign_id: int,
    *,
    file_name: str,
    file: Fingerprint,
    stored_at: str,
    options: ImportOptions | None = None,
) -> Registered:
    """Note a stored file that is to be looked at; nothing is imported before `confirm`.

    The same file for the same campaign is one import: when it is there already, in whatever
    state, it is returned with `already`. Raises `NotFound` for an unknown campaign and
    `NotAllowed` for one that is over.
    """
    open_campaign(session, campaign_id)
    asked = _as_json(options)
    values = _values(campaign_id, file_name, file, asked, stored_at) | {"status": "uploaded"}
    created = imports.create_import_unless_known(session, values)
    if created is not None:
        return Registered(find(session, created), already=False)
    return Registered(_known(session, campaign_id, file), already=True)


def register(
    session: Session,
    campaign_id: int,
    *,
    file_name: str,
    file: Fingerprint,
    options: ImportOptions | None = None,
    stored_at: str | None = None,
) -> Registered:
    """Note that a file is to be imported into a campaign; nothing is read yet.

    The same file is imported once per campaign: while it waits, runs or is done, its import is
    returned with `already`. A failed import, one that was undone, or one that brought nothing in
    and is asked for with other options, may be tried again. `stored_at` is where the edge keeps
    the file. Raises `NotFound` for an unknown campaign and `NotAllowed` for one that is over.
    """
    open_campaign(session, campaign_id)
    asked = _as_json(options)
    values = _values(campaign_id, file_name, file, asked, stored_at)
    created = imports.create_import_unless_known(session, values)
    if created is not None:
        return Registered(find(session, created), already=False)
    known = _known(session, campaign_id, file)
    fruitless = known.status == "done" and not known.rows_imported and asked != known.options
    if fruitless or known.status == "uploaded":
        imports.let_import_wait(session, known.id, asked, known.stored_at or stored_at)
        return Registered(find(session, known.id), already=False)
    if asked and asked != known.options:
        raise NotAllowed(
            "This file was imported into this campaign before, with other options. Nothing was "
            "changed. Undo that import first, then import the file again."
        )
    return Registered(known, already=True)


def confirm(
    session: Session, import_id: int, options: ImportOptions | None, now: datetime
) -> Import:
    """Let a stored file be imported; without `options` with those it was handed in with.

    The edge tells a worker. Raises `NotFound`, and `NotAllowed` when there is nothing to confirm.
    """
    row = _locked(session, import_id)
    if row.status not in _MAY_BE_CONFIRMED:
        raise NotAllowed(_not_to_confirm(row))
    if row.stored_at is None:
        raise NotAllowed("The file is no longer kept. Nothing was imported. Hand it in again.")
    open_campaign(session, row.campaign_id)
    other = imports.find_import_of_file(session, row.campaign_id, row.file_sha256)
    if other is not None and other.id != row.id:
        raise NotAllowed(
            f"The same file is in import {other.id} already, which is {other.status}. Nothing was "
            "changed. Undo or discard that one first."
        )
    asked = row.options if options is None else _as_json(options)
    imports.let_import_wait(session, import_id, asked, row.stored_at)
    return find(session, import_id)


def discard(session: Session, import_id: int, data_dir: Path) -> Summary:
    """Forget a file that was not imported, and delete it.

    Raises `NotFound`, and `NotAllowed` for an import that brought people in or is on its way.
    """
    row = _locked(session, import_id)
    if row.status not in _MAY_BE_DISCARDED:
        raise NotAllowed(
            f"The import is {row.status}. Nothing was changed. Only a file that was not imported "
            "can be discarded; a finished import can be undone."
        )
    stored_at = row.stored_at
    imports.note_import_taken_back(session, import_id, "discarded")
    if stored_at is not None:
        (data_dir / stored_at).unlink(missing_ok=True)
    return summarise(session, import_id)


def undo(session: Session, import_id: int, now: datetime, *, by: Actor = SYSTEM) -> Summary:
    """Remove everybody whom an import brought, as long as nobody of them was called.

    The file is kept, so the import may be confirmed again with other options. Raises `NotFound`,
    and `NotAllowed` with how many were called.
    """
    row = _locked(session, import_id)
    if row.status != "done":
        raise NotAllowed(
            f"The import is {row.status}. Nothing was changed. Only a finished one can be undone."
        )
    imports.allow_long_work(session)
    # Asked before as well, so that a hopeless undo locks nobody.
    _refuse_if_called(session, row)
    recipients_import.lock_recipients_of_import(session, row.campaign_id, import_id)
    _refuse_if_called(session, row)
    recipients_import.delete_recipients_of_import(session, row.campaign_id, import_id)
    imports.note_import_taken_back(session, import_id, "undone")
    summary = summarise(session, import_id)
    what = summary.sentence.removeprefix("The import was undone: ")
    told = f"{by.subject} undid the import of “{row.file_name}”: {what}"
    dispatch.write_log(session, told, now, campaign_id=row.campaign_id)
    return summary


def open_campaign(session: Session, campaign_id: int) -> imports.ImportingCampaign:
    """What an import needs to know of its campaign; raises `NotFound`, or `NotAllowed` when it is
    over."""
    campaign = imports.campaign_for_import(session, campaign_id)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    if campaign.status in FINAL:
        raise NotAllowed(
            f"The campaign {campaign.name!r} is {campaign.status}. Nothing was imported. "
            "Import the file into a campaign that is not over."
        )
    return campaign


def _values(
    campaign_id: int,
    file_name: str,
    file: Fingerprint,
    asked: dict[str, Any],
    stored_at: str | None,
) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "file_name": file_name,
        "file_sha256": file.sha256,
        "bytes_total": file.size,
        "options": asked,
        "stored_at": stored_at,
    }


def _as_json(options: ImportOptions | None) -> dict[str, Any]:
    return (options or ImportOptions()).model_dump(mode="json", exclude_none=True)


def _known(session: Session, campaign_id: int, file: Fingerprint) -> Import:
    known = imports.find_import_of_file(session, campaign_id, file.sha256)
    if known is None:  # it failed in this very moment
        raise NotAllowed("An import of this file has just failed. Import it again.")
    return known


def _locked(session: Session, import_id: int) -> Import:
    row = imports.lock_import(session, import_id)
    if row is None:
        raise NotFound(f"There is no import {import_id}.")
    return row


def _not_to_confirm(row: Import) -> str:
    if row.status == "done":
        return (
            "The file is imported already. Nothing was changed. To import it differently, undo "
            "the import first."
        )
    if row.status == "discarded":
        return "The file was discarded. Nothing was imported. Hand it in again."
    return f"The import is {row.status} already. Nothing was changed."


def _refuse_if_called(session: Session, row: Import) -> None:
    called = recipients_import.count_called_of_import(session, row.campaign_id, row.id)
    if called:
        word = "has" if called == 1 else "have"
        raise NotAllowed(
            f"{called:,} of the {row.rows_imported:,} people of this import {word} been called, "
            "or are about to be. Nobody was removed. Remove single people who were not called, or "
            "stop the campaign."
        )
