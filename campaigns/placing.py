"""Places for people from before there were any: until they have one, nobody calls them.

A zone key used to stand for zones alone. Which country's and which state's rules bind is read
from the numbers, a batch at a time, so that a large database is not held up by its upgrade.
"""

import time

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.compliance import PostalAddress, place_of
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.lifecycle import RecipientStatus
from campaigns.store import placing, recipients
from campaigns.store.placing import Unplaced

BATCH = 2_000
ROUND_SECONDS = 2.0


def place_everybody(engine: Engine) -> int:
    """Give a place to people who wait without one, for a few seconds at most; returns how many."""
    began = time.monotonic()
    placed = 0
    while time.monotonic() - began < ROUND_SECONDS:
        with transaction(engine) as session:
            done = _place_some(session)
        placed += done
        if not done:
            break
    return placed


def _place_some(session: Session) -> int:
    people = placing.people_without_a_place(session, BATCH)
    if not people:
        return 0
    keys = {one.id: _key_of(session, one) for one in people}
    placing.set_places(
        session,
        keys,
        (RecipientStatus.REVIEW.value, "time zone unknown"),
        database_now(session),
    )
    return len(people)


def _key_of(session: Session, one: Unplaced) -> int | None:
    address = PostalAddress.from_json(one.address)
    try:
        place = place_of(one.numbers[one.number_index], zone=one.zone, address=address)
    except InvalidInput:
        return None  # a zone that does not exist any more
    return recipients.zone_key_for(session, place) if place.known else None
