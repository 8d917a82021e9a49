"""Whose next number lacks a consent, and who has one for another of their numbers.

Want of consent on one number is no reason to block the person: the next number in order for which
there is the consent that its rules need, and which may be called once more, has its turn.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from campaigns import compliance, gates
from campaigns.compliance import PostalAddress, Rulebook
from campaigns.dispatcher.facts import bound_by, consents_known, under_consent
from campaigns.errors import InvalidInput
from campaigns.gates import Calls, ConsentFact, Facts
from campaigns.retries import RetryPolicy
from campaigns.store import call_status

CONSENT = "consent"


class Turning(compliance.Ruled, Protocol):
    """A recipient's row, as far as it says which other number may have its turn."""

    @property
    def id(self) -> int:
        """The recipient's id."""

    @property
    def numbers(self) -> list[str]:
        """Every number, in order."""

    @property
    def number_index(self) -> int:
        """The number whose turn it is."""

    @property
    def zone(self) -> str | None:
        """The time zone that came with them."""

    @property
    def address(self) -> Mapping[str, Any] | None:
        """The address that came with them."""

    @property
    def retry_policy(self) -> Mapping[str, Any]:
        """How often each number is called at most."""


def next_with_consent(
    session: Session, book: Rulebook, refused: Sequence[tuple[Turning, Facts]], now: datetime
) -> dict[int, int]:
    """For those whom the gate of consents refused: by id, the place of the number to turn to.

    Who is not in it has no such number. Two statements, and one for each who was called before.
    """
    several = [(row, facts) for row, facts in refused if len(row.numbers) > 1]
    if not several:
        return {}
    numbers = sorted({number for row, _ in several for number in row.numbers})
    agreed = consents_known(session, numbers)
    found: dict[int, int] = {}
    for row, facts in several:
        place = _next(session, book, row, facts, agreed, now)
        if place is not None:
            found[row.id] = place
    return found


def _next(
    session: Session,
    book: Rulebook,
    row: Turning,
    facts: Facts,
    agreed: Mapping[str, tuple[ConsentFact, ...]],
    now: datetime,
) -> int | None:
    policy, made = RetryPolicy.parse(row.retry_policy), Counter[str]()
    if facts.person.attempts_spent:
        calls = call_status.past_calls_of(session, row.id)
        made.update(call.number for call in calls if call.about_this)
    for step in range(1, len(row.numbers)):
        place = (row.number_index + step) % len(row.numbers)
        number = row.numbers[place]
        if made[number] < policy.most_calls_to(place) and _has_consent(
            book, row, facts, number, agreed.get(number, ()), now
        ):
            return place
    return None


def _has_consent(
    book: Rulebook,
    row: Turning,
    facts: Facts,
    number: str,
    consents: tuple[ConsentFact, ...],
    now: datetime,
) -> bool:
    """Whether the gate of consents lets this number of theirs through, where it may be."""
    try:
        place = compliance.place_of(
            number, zone=row.zone, address=PostalAddress.from_json(row.address)
        )
        bound = bound_by(
            book,
            row,
            place,
            now,
            lambda consented: compliance.hours_for(book, row, place, consented=consented),
        )
    except InvalidInput:
        return False  # a zone or rules that cannot be read: never allowed
    if not place.known:
        return False
    then = replace(
        facts,
        person=replace(facts.person, number=number, consents=consents),
        place=place,
        rules=bound.rules,
        hours=bound.hours,
        calls=Calls(),
        open_until=None,
    )
    verdict = gates.first_refusal(under_consent(then, bound, now), now, gates.CONSENT_ALONE)
    return verdict is None
