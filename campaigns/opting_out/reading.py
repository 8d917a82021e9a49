"""What people hand in as opt-outs, read into numbers, prefixes, ends and reasons."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from campaigns.clocks import written
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing import preview
from campaigns.importing.reading import BadRow, open_list
from campaigns.phone import parse_number
from campaigns.store.opt_outs import NewOptOut

LONGEST_REASON = 500  # characters

# Whoever asks not to be called is taken at their word, even where we would never call.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PREFIX = re.compile(r"\+[1-9][0-9]{2,14}")
_BETWEEN_DIGITS = re.compile(r"[\s().\-]")
_REASON_COLUMNS = ("reason", "why", "evidence")
_END_COLUMNS = ("expires_at", "expires at", "expires", "expiry", "until", "end")
_PLAIN_HEAD = 65536


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that cannot be recorded, and why. `line` is its place in what was handed in."""

    line: int
    text: str
    problem: str


@dataclass(frozen=True, slots=True)
class ReadNumbers:
    """Numbers and prefixes, each once, and the texts that are neither."""

    wanted: list[NewOptOut]
    unreadable: list[Unreadable]

    @property
    def numbers(self) -> list[str]:
        """As people write them: E.164, a prefix with an asterisk at its end."""
        return [one.shown for one in self.wanted]


class Line(NamedTuple):
    """One line of a file: where it stands, the number, and what is said about it, if anything."""

    line: int
    text: str
    reason: str = ""
    until: str = ""


def read_number(text: str, country: str) -> NewOptOut:
    """A number, or a prefix written with an asterisk at its end (`+1202555*`).

    `country` reads numbers without a country code. Raises `NotAPhoneNumber`.
    """
    plain = text.strip().removeprefix("'").strip()
    if plain.endswith("*"):
        return NewOptOut(_prefix(plain), is_prefix=True)
    if _E164.fullmatch(plain):
        return NewOptOut(plain)
    return NewOptOut(parse_number(text, country))


def _prefix(text: str) -> str:
    digits = _BETWEEN_DIGITS.sub("", text.removesuffix("*"))
    if not _PREFIX.fullmatch(digits):
        raise NotAPhoneNumber(
            f"“{text[:40]}” is not a prefix: write a plus sign, the country code and more, at "
            "least 3 digits in all, then an asterisk, as in +1202555*.",
            reason="not_a_number",
        )
    return digits


def read_numbers(texts: Iterable[tuple[int, str]], country: str) -> ReadNumbers:
    """Read numbers and prefixes from texts with their lines."""
    wanted: dict[str, NewOptOut] = {}
    unreadable = []
    for line, text in texts:
        try:
            one = read_number(text, country)
        except NotAPhoneNumber as problem:
            unreadable.append(Unreadable(line, text[:60], str(problem)))
        else:
            wanted[one.shown] = one
    return ReadNumbers(list(wanted.values()), unreadable)


def read_until(text: str, now: datetime) -> datetime | None:
    """When an opt-out ends; blank is never (None). A date alone means to its end, in UTC.

    Raises `InvalidInput` for what is neither an ISO date nor an ISO instant with its offset, and
    for what is over.
    """
    plain = text.strip()
    if not plain:
        return None
    try:
        until = _instant(plain)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"“{plain[:40]}” is no end: write a date as 2027-03-01, or an instant with its offset "
            "as 2027-03-01T12:00+01:00, or nothing for ever."
        ) from None
    if until <= now:
        raise InvalidInput(f"It would have ended already, on {written(until)}.")
    return until


def _instant(text: str) -> datetime:
    if len(text) == 10:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("without an offset it is no instant")
    return at.astimezone(UTC)


def read_line(line: Line, country: str, now: datetime) -> NewOptOut | Unreadable:
    """One line of a file as an opt-out, or why not."""
    try:
        one = read_number(line.text, country)
        until = read_until(line.until, now)
    except InvalidInput as problem:
        return Unreadable(line.line, line.text[:60], str(problem))
    return NewOptOut(one.number, one.is_prefix, until, line.reason[:LONGEST_REASON] or None)


def lines_of_file(path: Path) -> Iterator[Line | Unreadable]:
    """The lines of a file that hold a number, streamed, and those that cannot be read at all.

    A file of one column may do without a heading. Others have a telephone column, and may have
    one that says why (`reason`) and one that says until when (`expires_at`). Raises
    `NotARecipientList`, or `InvalidInput` when there is no telephone column.
    """
    with path.open("rb") as stream:
        head = stream.read(_PLAIN_HEAD)
    if _is_plain_list(head):
        yield from _plain_lines(path)
    else:
        yield from _table_lines(path)


def _is_plain_list(head: bytes) -> bool:
    """Whether a file is nothing but numbers, one on each line."""
    try:
        lines = [line for line in head.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return False
    first = lines[0] if lines else ""
    return not any(sign in first for sign in ',;\t"|') and any(c.isdigit() for c in first)


def _plain_lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for line, text in enumerate(stream, start=1):
            if text.strip():
                yield Line(line, text.strip())


def _table_lines(path: Path) -> Iterator[Line | Unreadable]:
    phones = phone_columns(path)
    with open_list(path) as source:
        positions = [source.headers.index(column) for column in phones]
        reason = position_of(source.headers, _REASON_COLUMNS)
        until = position_of(source.headers, _END_COLUMNS)
        for row in source.rows():
            if isinstance(row, BadRow):
                yield Unreadable(row.line, row.text[:60], row.detail)
                continue
            said = row.cells[reason].strip().removeprefix("'") if reason is not None else ""
            ends = row.cells[until] if until is not None else ""
            for position in positions:
                if row.cells[position].strip():
                    yield Line(row.line, row.cells[position], said, ends)


def phone_columns(path: Path) -> tuple[str, ...]:
    """The columns with numbers; in a list of prefixes that is known by its name alone."""
    seen = preview(path)
    if seen.mapping is not None and seen.mapping.phone_columns:
        return tuple(seen.mapping.phone_columns)
    named = [header for header in seen.headers if header.strip().casefold() == "number"]
    if not named:
        raise InvalidInput(seen.problem or "The file has no telephone column.")
    return (named[0],)


def position_of(headers: list[str], names: tuple[str, ...]) -> int | None:
    """Where a column stands that has one of these names; None when there is none."""
    plain = [header.strip().casefold() for header in headers]
    return next((plain.index(name) for name in names if name in plain), None)
