"""A request that carries an `Idempotency-Key` has its effect once, however often it is sent.

The key is claimed in a commit of its own. The transaction that has the effect notes it, so a crash
leaves either both or neither. The answer is kept afterwards, and told again to whoever repeats.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput, NotAllowed
from campaigns.store import requests

LONGEST_KEY = 255
# A request that had no effect by then never will: its process is gone, or its claim is taken over.
CLAIM = timedelta(minutes=2)
KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to have this request's effect."""

    request_id: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """How the same request was answered before."""

    status: int
    media_type: str | None
    body: bytes


def claim(
    session: Session, sender: bytes, key: str, fingerprint: bytes, now: datetime
) -> Claim | KeptAnswer:
    """Claim a key for a request, or find how the same request was answered before.

    Raises `InvalidInput` when the key was used for another request, and `NotAllowed` while the
    same request is still being worked on, or when its answer was lost.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidInput(
            f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters. Nothing was changed."
        )
    created = requests.claim_request(session, sender, key, fingerprint, now)
    if created is not None:
        return Claim(created, now)
    known = requests.find_request(session, sender, key)
    if known is None:  # it was forgotten in this very moment
        raise NotAllowed("The same request has just failed. Send it again.")
    if known.fingerprint != fingerprint:
        raise InvalidInput(
            "This Idempotency-Key was used for another request. Nothing was changed. "
            "Use a new key for a new request."
        )
    if known.status is not None:
        return KeptAnswer(known.status, known.media_type, known.body or b"")
    if known.carried_out:
        raise NotAllowed(
            "This request was carried out before, but its answer was lost. Nothing was done "
            "again. Look for what it made."
        )
    if known.claimed_at > now - CLAIM:
        raise NotAllowed(
            "The same request is being worked on at this moment. Send it again in a few seconds."
        )
    known.claimed_at = now
    session.flush()
    return Claim(known.id, now)


def note_effect(session: Session, mine: Claim) -> None:
    """Note that the effect is there; in its transaction, as the last thing before the commit."""
    if not requests.note_effect(session, mine.request_id, mine.claimed_at):
        raise NotAllowed(
            "The request took too long, and was sent again meanwhile. Nothing was changed by "
            "this one."
        )


def sweep_requests(session: Session, now: datetime) -> int:
    """Forget requests that nobody sends again; returns how many."""
    return requests.forget_requests_before(session, now - KEPT)
