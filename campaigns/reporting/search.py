"""Recipients found by a number, by its last digits, or by how a name begins."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput
from campaigns.models import Campaign
from campaigns.reporting.values import Found, RecipientView
from campaigns.store import searches
from campaigns.store.searches import Words

LEAST_DIGITS = 4
LEAST_LETTERS = 2
MOST_CHARACTERS = 80

_NUMBER = re.compile(r"\+?[\d\s().\-/]+")


def search_recipients(
    session: Session,
    query: str,
    *,
    campaign_id: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[Found]:
    """Recipients of one campaign or of all whom `query` finds, in the order of what was found.

    A number with its plus sign finds exactly that number; four or more digits find the numbers
    that end so, however they are grouped; anything else finds the names that begin so, from their
    first, second or last word on, in any case of letters. `after` is the id of the last recipient
    of the page before. Raises `InvalidInput` when the query is too short to be of use.
    """
    words = _words(session, " ".join(query.split())[:MOST_CHARACTERS])
    rows = searches.find_recipients(session, words, campaign_id, after, limit)
    campaigns = {row.campaign_id for row in rows}
    names: dict[int, str] = {
        row[0]: row[1]
        for row in session.execute(
            select(Campaign.id, Campaign.name).where(Campaign.id.in_(campaigns))
        )
    }
    return [
        Found(
            recipient=RecipientView.model_validate(row),
            campaign_name=names[row.campaign_id],
            name=_name(row.fields.get("name")),
        )
        for row in rows
    ]


def _words(session: Session, query: str) -> Words:
    if _NUMBER.fullmatch(query):
        digits = re.sub(r"\D", "", query)
        if len(digits) < LEAST_DIGITS:
            raise InvalidInput(f"Give at least {LEAST_DIGITS} digits of the number.")
        whole = query.startswith("+")
        return Words.of_number(digits) if whole else Words.of_last_digits(digits)
    name = searches.name_searched(session, query.replace("\x00", ""))
    if len(name) < LEAST_LETTERS:
        raise InvalidInput(f"Give at least {LEAST_LETTERS} letters of the name.")
    return Words.of_name(name)


def _name(value: object) -> str | None:
    return None if value is None else str(value)
