"""What people hand in as consents, read into numbers, bases, purposes and days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from campaigns.compliance import Purpose
from campaigns.errors import InvalidInput
from campaigns.gates import STRENGTH
from campaigns.importing.reading import BadRow, open_list
from campaigns.opting_out import Unreadable, read_until
from campaigns.opting_out.reading import phone_columns, position_of
from campaigns.phone import parse_number
from campaigns.store.consents import NewConsent

LONGEST_EVIDENCE = 500  # characters
# The columns of a file beside its telephone column, each with the names it may have.
COLUMNS: dict[str, tuple[str, ...]] = {
    "basis": ("basis", "consent", "kind"),
    "purpose": ("purpose",),
    "subject": ("subject", "about"),
    "evidence": ("evidence", "proof", "how"),
    "given_at": ("given_at", "given at", "given", "date"),
    "expires_at": ("expires_at", "expires at", "expires", "until"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What is said about a consent beside its number; texts as they were written."""

    basis: str = "express"
    purpose: str = ""
    subject: str = ""
    evidence: str = ""
    given_at: str = ""
    expires_at: str = ""


def read_said(number: str, said: Said, country: str, now: datetime) -> NewConsent:
    """A consent from words; a day that is not given is today. Raises `InvalidInput`."""
    basis = said.basis.strip().casefold().replace(" ", "_").replace("-", "_")
    if basis not in STRENGTH:
        raise InvalidInput(
            f"“{said.basis[:40]}” is no basis of a consent. Known: {', '.join(STRENGTH)}."
        )
    purpose = said.purpose.strip().casefold()
    if purpose and purpose not in set(Purpose):
        raise InvalidInput(
            f"“{said.purpose[:40]}” is no purpose of calls. Known: {', '.join(Purpose)}; or "
            "nothing, for all of them."
        )
    evidence = said.evidence.strip().removeprefix("'")
    if not evidence or len(evidence) > LONGEST_EVIDENCE:
        raise InvalidInput(
            f"Say how the consent can be proven, in at most {LONGEST_EVIDENCE} characters: a form, "
            "a recording, a contract, and where it is kept."
        )
    given = read_given(said.given_at, now)
    expires = read_until(said.expires_at, now)
    if expires is not None and expires <= given:
        raise InvalidInput("The consent would end before it was given.")
    return NewConsent(
        number=parse_number(number, country),
        basis=basis,
        given_at=given,
        evidence=evidence,
        purpose=purpose or None,
        subject=said.subject.strip()[:200] or None,
        expires_at=expires,
    )


def read_given(text: str, now: datetime) -> datetime:
    """When a consent was given; blank is now, a day alone its beginning in UTC.

    Raises `InvalidInput` for what is neither a date nor an instant, and for a day ahead.
    """
    plain = text.strip()
    if not plain:
        return now
    try:
        if len(plain) == 10:
            day = date.fromisoformat(plain)
            given = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            given = datetime.fromisoformat(plain)
            if given.tzinfo is None:
                raise ValueError("without an offset it is no instant")
    except ValueError:
        raise InvalidInput(
            f"“{plain[:40]}” is no day: write 2026-03-01, or an instant with its offset as "
            "2026-03-01T12:00+01:00."
        ) from None
    if given > now:
        raise InvalidInput(f"A consent cannot be given in the future ({plain[:40]}).")
    return given.astimezone(UTC)


def consents_of_file(
    path: Path, otherwise: Said, country: str, now: datetime
) -> Iterator[NewConsent | Unreadable]:
    """The consents in a file, streamed, and the lines that hold none that can be used.

    What a line does not say in a column of its own is `otherwise`. Raises `NotARecipientList`, or
    `InvalidInput` when there is no telephone column.
    """
    phones = phone_columns(path)
    with open_list(path) as source:
        positions = [source.headers.index(column) for column in phones]
        places = {name: position_of(source.headers, names) for name, names in COLUMNS.items()}
        for row in source.rows():
            if isinstance(row, BadRow):
                yield Unreadable(row.line, row.text[:60], row.detail)
                continue
            said = _said(row.cells, places, otherwise)
            for position in positions:
                text = row.cells[position]
                if not text.strip():
                    continue
                try:
                    yield read_said(text, said, country, now)
                except InvalidInput as problem:
                    yield Unreadable(row.line, text[:60], str(problem))


def _said(cells: list[str], places: Mapping[str, int | None], otherwise: Said) -> Said:
    written = {
        name: cells[place].strip().removeprefix("'")
        for name, place in places.items()
        if place is not None and cells[place].strip()
    }
    return Said(**{name: written.get(name, getattr(otherwise, name)) for name in COLUMNS})
