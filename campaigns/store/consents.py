"""Consents: recorded, found, relied on, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store.opt_outs import OPEN_CAMPAIGNS


@dataclass(frozen=True, slots=True)
class NewConsent:
    """That a number (E.164) may be called; `purpose` and `subject` None: whatever it is about."""

    number: str
    basis: str
    given_at: datetime
    evidence: str
    purpose: str | None = None
    subject: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One consent with everything that is known about it."""

    id: int
    number: str
    basis: str
    purpose: str | None
    subject: str | None
    evidence: str
    source: str
    who: str | None
    given_at: datetime
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_why: str | None

    def state(self, now: datetime) -> str:
        """`live`, `ahead` of its day, or why it is not in force: `revoked` or `expired`."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "live" if self.given_at <= now else "ahead"


_COLUMNS = ", ".join(f"k.{name}" for name in ConsentRow.__slots__)


def insert_consents(
    session: Session, new: Sequence[NewConsent], source: str, now: datetime, *, who: str | None
) -> tuple[int, list[str]]:
    """Remember consents; returns how many are new, and the numbers that have revoked since.

    Who has revoked after the day on which a consent was given has taken it back, whichever list
    it comes from: such a consent is not recorded. One that is there already is kept as it is.
    """
    values = {
        "numbers": [one.number for one in new],
        "bases": [one.basis for one in new],
        "purposes": [one.purpose for one in new],
        "subjects": [one.subject for one in new],
        "evidence": [one.evidence for one in new],
        "given": [one.given_at for one in new],
        "expiries": [one.expires_at for one in new],
        "source": source,
        "who": who,
        "now": now,
    }
    taken_back = session.execute(
        text(f"""
            SELECT DISTINCT n.number FROM {_HANDED_IN}
            WHERE {_REVOKED_SINCE}
        """),
        values,
    ).scalars()
    added = session.execute(
        text(f"""
            INSERT INTO consents (number, basis, purpose, subject, evidence, source, who, given_at,
                                  expires_at, created_at)
            SELECT n.number, n.basis, n.purpose, n.subject, n.evidence, :source, :who, n.given_at,
                   n.expires_at, :now
            FROM {_HANDED_IN} WHERE NOT {_REVOKED_SINCE}
            ON CONFLICT DO NOTHING
            RETURNING id
        """),
        values,
    )
    return len(added.all()), sorted(taken_back)


_HANDED_IN = """
    unnest(CAST(:numbers AS text[]), CAST(:bases AS text[]), CAST(:purposes AS text[]),
           CAST(:subjects AS text[]), CAST(:evidence AS text[]), CAST(:given AS timestamptz[]),
           CAST(:expiries AS timestamptz[]))
        AS n (number, basis, purpose, subject, evidence, given_at, expires_at)
"""
# Also by an opt-out that the person made themselves: they took back whatever they had agreed to.
_REVOKED_SINCE = """
    (EXISTS (SELECT 1 FROM consents k
             WHERE k.number = n.number AND k.revoked_at >= n.given_at
               AND (k.purpose IS NULL OR n.purpose IS NULL OR k.purpose = n.purpose)
               AND (k.subject IS NULL OR n.subject IS NULL OR k.subject = n.subject))
     OR EXISTS (SELECT 1 FROM opt_outs o
                WHERE o.number = n.number AND NOT o.is_prefix AND o.campaign_id IS NULL
                  AND o.source IN ('keypress', 'verbal') AND o.created_at >= n.given_at))
"""


def consents_of_numbers(
    session: Session, numbers: Sequence[str], then: datetime | None = None
) -> dict[str, list[ConsentRow]]:
    """Every consent ever recorded for these numbers, newest first; `then`: those known by then."""
    rows = session.execute(
        text(f"""
            SELECT {_COLUMNS} FROM consents k
            WHERE k.number = ANY (CAST(:numbers AS text[]))
              AND (CAST(:then AS timestamptz) IS NULL OR k.created_at <= :then)
            ORDER BY k.id DESC
        """),
        {"numbers": list(numbers), "then": then},
    )
    found: dict[str, list[ConsentRow]] = {}
    for row in rows:
        found.setdefault(row.number, []).append(ConsentRow(*row))
    return found


def find_consent(session: Session, consent_id: int) -> ConsentRow | None:
    """One consent, whatever became of it."""
    row = session.execute(
        text(f"SELECT {_COLUMNS} FROM consents k WHERE k.id = :id"), {"id": consent_id}
    ).one_or_none()
    return None if row is None else ConsentRow(*row)


# A character beyond every digit: what begins with "+12" lies between "+12" and "+12:".
_FOUND = {
    "everything": "true",
    "exact": "k.number = :number",
    "begins": "k.number >= :number AND k.number < :number || ':'",
    "ends": "reverse(k.number) >= reverse(:number) AND reverse(k.number) < reverse(:number) || ':'",
}
FOUND = tuple(_FOUND)


def search_consents(
    session: Session, found: str, number: str, before: int | None, limit: int
) -> list[ConsentRow]:
    """A page of consents, newest first, older than `before`.

    `found` is one of `FOUND`: everything, or by a number, how it begins, or how it ends.
    """
    rows = session.execute(
        text(f"""
            SELECT {_COLUMNS} FROM consents k
            WHERE {_FOUND[found]} AND k.id < :before ORDER BY k.id DESC LIMIT :limit
        """),
        {"number": number, "before": before or 2**63 - 1, "limit": limit},
    )
    return [ConsentRow(*row) for row in rows]


def revoke_consents(
    session: Session, ids: Sequence[int], by: str, why: str, now: datetime
) -> list[int]:
    """Take consents back; returns those that were not before. Close the gate first."""
    rows = session.execute(
        text("""
            UPDATE consents
            SET revoked_at = :now, revoked_by = :by, revoked_why = :why,
                revoked_in_force_at = clock_timestamp()
            WHERE id = ANY (:ids) AND revoked_at IS NULL RETURNING id
        """),
        {"ids": list(ids), "by": by, "why": why, "now": now},
    )
    return [row[0] for row in rows]


def live_consents_of(session: Session, numbers: Sequence[str]) -> list[int]:
    """The consents of these numbers that nobody has revoked."""
    rows = session.execute(
        text("""
            SELECT id FROM consents
            WHERE number = ANY (CAST(:numbers AS text[])) AND revoked_at IS NULL
        """),
        {"numbers": list(numbers)},
    )
    return [row[0] for row in rows]


_BLOCKED = """
    r.campaign_id = c.id AND c.status = ANY (:open) AND r.status = 'blocked'
    AND r.reason = 'consent' AND r.numbers && CAST(:numbers AS text[])
"""


def count_people_without_consent(session: Session, numbers: Sequence[str]) -> int:
    """How many people with these numbers wait for a consent, in campaigns that are not over."""
    return int(
        session.execute(
            text(f"SELECT count(*) FROM campaigns c JOIN recipients r ON {_BLOCKED}"),
            {"numbers": list(numbers), "open": list(OPEN_CAMPAIGNS)},
        ).scalar_one()
    )


def put_people_back(session: Session, numbers: Sequence[str], now: datetime) -> int:
    """Let people who were blocked for want of consent wait for their call again; returns how many.

    Only in campaigns that are not over, and not who is opted out. The next tick asks every gate.
    """
    values = {"numbers": list(numbers), "open": list(OPEN_CAMPAIGNS), "now": now}
    # Held, so that none of them is finished as drained before its people are back in it.
    session.execute(
        text(f"""
            SELECT c.id FROM campaigns c WHERE c.status = ANY (:open)
            AND EXISTS (SELECT 1 FROM recipients r WHERE {_BLOCKED})
            ORDER BY c.id FOR NO KEY UPDATE
        """),
        values,
    )
    changed = session.execute(
        text(f"""
            UPDATE recipients r
            SET status = 'pending', reason = 'consent_given', updated_at = :now,
                next_attempt_at = greatest(CAST(:now AS timestamptz), r.appointment_at
                    - make_interval(secs => CAST(c.reminder ->> 'offset' AS double precision)))
            FROM campaigns c
            WHERE {_BLOCKED} AND r.zone_key IS NOT NULL
              AND NOT opted_out(r.numbers, r.campaign_id, :now)
            RETURNING r.id
        """),
        values,
    )
    return len(changed.all())
