"""Finding opt-outs: by number, by how it begins or ends; and all that ever was about a number."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput, NotAPhoneNumber, NotFound
from campaigns.opting_out.reading import read_number
from campaigns.phone import parse_number
from campaigns.store import opt_outs
from campaigns.store.opt_outs import OptOutRow, Search

HISTORY = 100  # rows of one number's history that are shown
_SIGNS = " ().-/"
_FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of opt-outs; ask again with `next` to go on."""

    rows: list[OptOutRow]
    next: int | None


@dataclass(frozen=True, slots=True)
class NumberHistory:
    """Whether a number may be called, and every opt-out there ever was of it, newest first.

    `opted_out` asks for every campaign at once; `somewhere` for single ones too.
    """

    number: str
    opted_out: bool
    somewhere: bool
    rows: list[OptOutRow]


def read_search(text: str, country: str) -> Search:
    """What a person typed into a search box: a number, how it begins, or its last digits.

    Raises `InvalidInput` when it is none of these.
    """
    plain = text.strip().removeprefix("'").strip()
    if not plain:
        return Search()
    if plain.endswith("*"):
        return Search("begins", read_number(plain, country).number)
    try:
        return Search("exact", parse_number(plain, country))
    except NotAPhoneNumber:
        digits = plain.translate(dict.fromkeys(map(ord, _SIGNS)))
    bare = digits.removeprefix("+")
    if not (bare.isascii() and bare.isdigit()) or not _FEWEST_DIGITS <= len(bare) <= 15:
        raise InvalidInput(
            f"“{plain[:40]}” cannot be looked for. Write a telephone number, how it begins "
            "(+1202555), or its last digits (at least 3)."
        )
    if digits.startswith("+"):
        return Search("begins", digits)
    return Search("ends", digits, order="ending")


def search(
    session: Session,
    wanted: Search,
    now: datetime,
    limit: int,
    after: int | None = None,
) -> FoundPage:
    """A page of what was looked for; `after` is `next` of the page before.

    That is an id, so that it tells nobody a number. Raises `InvalidInput` when there is none.
    """
    place = None if after is None else opt_outs.find_opt_out(session, after)
    if after is not None and place is None:
        raise InvalidInput("There is no such page. Begin again at the first one.")
    rows = opt_outs.search_opt_outs(session, wanted, now, limit, place)
    return FoundPage(rows, rows[-1].id if len(rows) == limit else None)


def newest_first(wanted: Search) -> Search:
    """The same, the latest in front, as far as that is not a search by number."""
    return wanted if wanted.found != "everything" else replace(wanted, order="newest")


def find(session: Session, opt_out_id: int) -> OptOutRow:
    """The opt-out, whatever became of it; raises `NotFound`."""
    found = opt_outs.find_opt_out(session, opt_out_id)
    if found is None:
        raise NotFound(f"There is no opt-out {opt_out_id}.")
    return found


def alike(session: Session, one: OptOutRow) -> list[OptOutRow]:
    """The history of an opt-out: all there ever was of the same number or prefix."""
    return opt_outs.opt_outs_written_alike(
        session, one.number, is_prefix=one.is_prefix, limit=HISTORY
    )


def history_of(session: Session, text: str, country: str, now: datetime) -> NumberHistory:
    """Whether a number may be called, and why not; raises `NotAPhoneNumber`."""
    one = read_number(text, country)
    if one.is_prefix:
        raise InvalidInput("Ask for one number, not for a prefix.")
    rows = opt_outs.opt_outs_of_number(session, one.number, HISTORY)
    return NumberHistory(
        number=one.number,
        opted_out=opt_outs.is_opted_out(session, [one.number], now),
        somewhere=any(row.state(now) == "live" for row in rows),
        rows=rows,
    )
