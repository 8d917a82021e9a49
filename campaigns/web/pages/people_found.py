"""A page of people: those of a campaign in order, or those whom a search finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from campaigns import reporting
from campaigns.access import Actor
from campaigns.errors import Forbidden, InvalidInput
from campaigns.reporting.search import LEAST_DIGITS
from campaigns.reporting.values import Found, RecipientView

LISTED = 50
# A status is looked for among what a search finds, in so many pages of it at most.
SEARCHED_PAGES = 6

STATUSES: Mapping[str, str] = {
    "pending": "Waiting",
    "in_flight": "Being called",
    "completed": "Reached",
    "exhausted": "Not reached",
    "expired": "Too late",
    "blocked": "Opted out",
    "review": "To review",
    "removed": "Taken out",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list."""

    recipient: RecipientView
    name: str | None
    campaign_name: str | None = None


@dataclass(frozen=True, slots=True)
class People:
    """What was asked for and found; `after` is where the next page begins. `asked` is whether
    anything was asked for at all."""

    rows: Sequence[Person]
    q: str
    status: str
    after: int | None = None
    asked: bool = True
    problem: str = ""

    def more(self, path: str, **named: str) -> str:
        """The address of the next page; empty when this is the last one."""
        if self.after is None:
            return ""
        asked = {"q": self.q, "status": self.status, "after": str(self.after), **named}
        return f"{path}?{urlencode({key: value for key, value in asked.items() if value})}"


def find_people(
    session: Session,
    actor: Actor,
    q: str,
    campaign_id: int | None,
    status: str,
    after: int | None,
) -> People:
    """A page of people. Without a campaign somebody must be named, or nobody is looked for."""
    q, status = " ".join(q.split())[:80], status if status in STATUSES else ""
    try:
        actor.check_sought(q, most_digits=LEAST_DIGITS - 1)
    except Forbidden as refusal:
        return People((), q, status, problem=str(refusal))
    if q:
        return _searched(session, q, campaign_id, status, after)
    if campaign_id is None:
        return People((), q, status, asked=False)
    views = reporting.list_recipients(session, campaign_id, status or None, after or 0, LISTED + 1)
    rows = [Person(one, _name(one)) for one in views[:LISTED]]
    last = rows[-1].recipient.id if len(views) > LISTED else None
    return People(rows, q, status, last)


def _searched(
    session: Session, q: str, campaign_id: int | None, status: str, after: int | None
) -> People:
    rows: list[Found] = []
    try:
        for _ in range(SEARCHED_PAGES if status else 1):
            found = reporting.search_recipients(
                session, q, campaign_id=campaign_id, after=after, limit=LISTED
            )
            rows += [one for one in found if not status or one.recipient.status == status]
            after = found[-1].recipient.id if len(found) == LISTED else None
            if after is None or len(rows) >= LISTED:
                break
    except InvalidInput as problem:
        return People((), q, status, problem=str(problem))
    return People(
        [Person(one.recipient, one.name, one.campaign_name) for one in rows], q, status, after
    )


def _name(one: RecipientView) -> str | None:
    name = one.fields.get("name")
    return None if name is None else str(name)
