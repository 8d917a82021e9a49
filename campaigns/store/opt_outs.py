"""Numbers, and beginnings of numbers, that must not be called: recorded, asked for, undone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# Campaigns in which somebody may still be called.
OPEN_CAMPAIGNS = ("draft", "scheduled", "running", "paused")
SHORTEST_PREFIX = 4  # characters: the plus sign and three digits


@dataclass(frozen=True, slots=True)
class NewOptOut:
    """A number (E.164), or with `is_prefix` every number that begins so; `expires_at` None: ever.

    `evidence` is how we know.
    """

    number: str
    is_prefix: bool = False
    expires_at: datetime | None = None
    evidence: str | None = None

    @property
    def shown(self) -> str:
        """As people write it: a prefix ends with an asterisk."""
        return f"{self.number}*" if self.is_prefix else self.number


@dataclass(frozen=True, slots=True)
class OptOutRow:
    """One opt-out with everything that is known about it."""

    id: int
    number: str
    is_prefix: bool
    campaign_id: int | None
    campaign_name: str | None
    source: str
    who: str | None
    evidence: str | None
    attempt_id: int | None
    created_at: datetime
    expires_at: datetime | None
    replaced_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_why: str | None

    @property
    def shown(self) -> str:
        """As people write it: a prefix ends with an asterisk."""
        return f"{self.number}*" if self.is_prefix else self.number

    def state(self, now: datetime) -> str:
        """`live`, or why it is not: `lifted`, `expired` or `replaced` by a stronger one."""
        if self.lifted_at is not None:
            return "lifted"
        until = self.expires_at
        if until is not None and until <= now and until <= (self.replaced_at or until):
            return "expired"
        return "live" if self.replaced_at is None else "replaced"


OPT_OUT_ROW_SQL = """
    SELECT o.id, o.number, o.is_prefix, o.campaign_id, c.name, o.source, o.who, o.evidence,
           o.attempt_id, o.created_at, o.expires_at, o.replaced_at, o.lifted_at, o.lifted_by,
           o.lifted_why
    FROM opt_outs o LEFT JOIN campaigns c ON c.id = o.campaign_id
"""


def insert_opt_outs(
    session: Session,
    new: Sequence[NewOptOut],
    source: str,
    now: datetime,
    *,
    who: str | None = None,
    campaign_id: int | None = None,
    attempt_id: int | None = None,
) -> int:
    """Remember opt-outs and return how many are new. Close the gate first.

    What is in force stays as it is, so that its first record is kept, unless the new one is
    stronger: pressed by the callee, or lasting longer. Then the old one is replaced and is history.
    """
    if not new:
        return 0
    values = {
        "numbers": [one.number for one in new],
        "prefixes": [one.is_prefix for one in new],
        "expiries": [one.expires_at for one in new],
        "evidence": [one.evidence for one in new],
        "source": source,
        "who": who,
        "campaign": campaign_id,
        "attempt": attempt_id,
        "now": now,
    }
    session.execute(
        text("""
            UPDATE opt_outs o SET replaced_at = :now
            FROM unnest(CAST(:numbers AS text[]), CAST(:prefixes AS boolean[]),
                        CAST(:expiries AS timestamptz[])) AS n (number, is_prefix, expires_at)
            WHERE o.number = n.number AND o.is_prefix = n.is_prefix
              AND o.campaign_id IS NOT DISTINCT FROM CAST(:campaign AS bigint)
              AND o.lifted_at IS NULL AND o.replaced_at IS NULL
              AND (o.expires_at <= :now
                   OR o.expires_at < coalesce(n.expires_at, 'infinity')
                   OR (:source = 'keypress' AND o.source <> 'keypress'))
        """),
        values,
    )
    added = session.execute(
        text("""
            INSERT INTO opt_outs (number, is_prefix, campaign_id, source, who, evidence,
                                  attempt_id, expires_at, created_at, in_force_at)
            SELECT DISTINCT ON (n.number, n.is_prefix)
                   n.number, n.is_prefix, CAST(:campaign AS bigint), :source, :who, n.evidence,
                   CAST(:attempt AS bigint), n.expires_at, :now, clock_timestamp()
            FROM unnest(CAST(:numbers AS text[]), CAST(:prefixes AS boolean[]),
                        CAST(:expiries AS timestamptz[]), CAST(:evidence AS text[]))
                 AS n (number, is_prefix, expires_at, evidence)
            ORDER BY n.number, n.is_prefix, n.expires_at DESC NULLS FIRST
            ON CONFLICT DO NOTHING
            RETURNING id
        """),
        values,
    )
    return len(added.all())


def is_opted_out(
    session: Session, numbers: Sequence[str], now: datetime, campaign_id: int | None = None
) -> bool:
    """Whether any of the numbers is opted out, everywhere or in that campaign's family."""
    return bool(
        session.execute(
            text("SELECT opted_out(CAST(:numbers AS text[]), CAST(:campaign AS bigint), :now)"),
            {"numbers": list(numbers), "campaign": campaign_id, "now": now},
        ).scalar_one()
    )


def find_opt_out(session: Session, opt_out_id: int) -> OptOutRow | None:
    """The opt-out, whatever became of it."""
    row = session.execute(
        text(f"{OPT_OUT_ROW_SQL} WHERE o.id = :id"),
        {"id": opt_out_id},
    ).one_or_none()
    return None if row is None else OptOutRow(*row)


def opt_outs_of_number(session: Session, number: str, limit: int) -> list[OptOutRow]:
    """Everything ever recorded that is, or was, about a number; newest first.

    That is the number itself and every prefix that it begins with.
    """
    rows = session.execute(
        text(f"{OPT_OUT_ROW_SQL} WHERE {_EXACT} ORDER BY o.id DESC LIMIT :limit"),
        {"keys": keys_of(number), "number": number, "limit": limit},
    )
    return [OptOutRow(*row) for row in rows]


def opt_outs_covering(
    session: Session,
    numbers: Sequence[str],
    campaign_id: int,
    at: datetime,
    *,
    known_by: datetime | None = None,
    limit: int = 500,
) -> list[OptOutRow]:
    """The opt-outs of these numbers in force at `at`, oldest first: everywhere or in the family.

    Also about an instant that is over, since rows keep when they were undone or replaced; then
    `known_by` leaves out what came later.
    """
    rows = session.execute(
        text(f"""
            {OPT_OUT_ROW_SQL} WHERE o.number = ANY (CAST(:keys AS text[]))
              AND (o.is_prefix OR o.number = ANY (CAST(:numbers AS text[])))
              AND (o.campaign_id IS NULL OR o.campaign_id = :campaign OR o.family_id = (
                    SELECT c.family_id FROM campaigns c WHERE c.id = :campaign))
              AND (CAST(:known_by AS timestamptz) IS NULL
                   OR coalesce(o.in_force_at, o.created_at) <= :known_by)
              AND (o.lifted_at IS NULL OR o.lifted_at > :at)
              AND (o.replaced_at IS NULL OR o.replaced_at > :at)
              AND (o.expires_at IS NULL OR o.expires_at > :at)
            ORDER BY o.id LIMIT :limit
        """),
        {
            "keys": sorted({key for number in numbers for key in keys_of(number)}),
            "numbers": list(numbers),
            "at": at,
            "campaign": campaign_id,
            "known_by": known_by,
            "limit": limit,
        },
    )
    return [OptOutRow(*row) for row in rows]


def opt_outs_written_alike(
    session: Session, number: str, *, is_prefix: bool, limit: int
) -> list[OptOutRow]:
    """Every opt-out of exactly this number, or of exactly this prefix; newest first."""
    rows = session.execute(
        text(f"""
            {OPT_OUT_ROW_SQL} WHERE o.number = :number AND o.is_prefix = :is_prefix
            ORDER BY o.id DESC LIMIT :limit
        """),
        {"number": number, "is_prefix": is_prefix, "limit": limit},
    )
    return [OptOutRow(*row) for row in rows]


def keys_of(number: str) -> list[str]:
    """The number and every prefix it begins with: what an opt-out of it may be written as."""
    return [number[:length] for length in range(SHORTEST_PREFIX, len(number) + 1)]


_EXACT = "o.number = ANY (CAST(:keys AS text[])) AND (o.is_prefix OR o.number = :number)"
# A character beyond every digit: what begins with "+12" lies between "+12" and "+12:".
_FOUND = {
    "everything": "true",
    "exact": _EXACT,
    "begins": "o.number >= :number AND o.number < :number || ':'",
    "ends": "reverse(o.number) >= reverse(:number) AND reverse(o.number) < reverse(:number) || ':'",
}
_IN_STATE = {
    "any": "true",
    "live": "o.lifted_at IS NULL AND o.replaced_at IS NULL"
    " AND (o.expires_at IS NULL OR o.expires_at > :now)",
    "lifted": "o.lifted_at IS NOT NULL",
    "expired": "o.expires_at IS NOT NULL AND o.expires_at <= :now AND o.lifted_at IS NULL"
    " AND o.expires_at <= coalesce(o.replaced_at, o.expires_at)",
}
_ORDERS = {
    "number": ("o.number, o.id", "(o.number, o.id) > (:after_number, :after_id)"),
    "ending": (
        "reverse(o.number), o.id",
        "(reverse(o.number), o.id) > (reverse(:after_number), :after_id)",
    ),
    "newest": ("o.id DESC", "o.id < :after_id"),
}
STATES = tuple(_IN_STATE)


@dataclass(frozen=True, slots=True)
class Search:
    """Which opt-outs are wanted, and in which order.

    `found` is `everything`, `exact` (with the prefixes that cover it), `begins` or `ends` with
    `number`; `order` is `number`, `ending` (by the last digits) or `newest`.
    """

    found: str = "everything"
    number: str = ""
    state: str = "live"
    source: str | None = None
    order: str = "number"


def search_opt_outs(
    session: Session,
    search: Search,
    now: datetime,
    limit: int,
    after: OptOutRow | None = None,
) -> list[OptOutRow]:
    """A page of opt-outs; `after` is the last one of the page before."""
    order, further = _ORDERS[search.order]
    conditions = [_FOUND[search.found], _IN_STATE[search.state]]
    if search.source is not None:
        conditions.append("o.source = :source")
    if after is not None:
        conditions.append(further)
    rows = session.execute(
        text(f"{OPT_OUT_ROW_SQL} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit"),
        {
            "number": search.number,
            "keys": keys_of(search.number) if search.found == "exact" else [],
            "source": search.source,
            "now": now,
            "after_number": after.number if after is not None else "",
            "after_id": after.id if after is not None else 0,
            "limit": limit,
        },
    )
    return [OptOutRow(*row) for row in rows]


def mark_lifted(session: Session, opt_out_id: int, by: str, why: str, now: datetime) -> None:
    """Undo an opt-out. Close the gate first: one that comes at this moment would be lost."""
    session.execute(
        text("""
            UPDATE opt_outs SET lifted_at = :now, lifted_by = :by, lifted_why = :why
            WHERE id = :id AND lifted_at IS NULL AND replaced_at IS NULL
        """),
        {"id": opt_out_id, "by": by, "why": why, "now": now},
    )


# Those a number or prefix has blocked in campaigns that are not over.
_BLOCKED = """
    r.campaign_id = c.id AND c.status = ANY (:open) AND r.status = 'blocked'
    AND r.reason = 'opted out'
    AND (CAST(:campaign AS bigint) IS NULL OR c.family_id = (
        SELECT one.family_id FROM campaigns one WHERE one.id = :campaign))
    AND {matches}
"""
_MATCHES = {
    False: "r.numbers @> ARRAY[CAST(:number AS text)]",
    True: "EXISTS (SELECT 1 FROM unnest(r.numbers) AS n (number)"
    " WHERE starts_with(n.number, :number))",
}


def count_people_blocked_by(session: Session, one: OptOutRow) -> int:
    """How many people in campaigns that are not over were blocked with such a number."""
    return int(
        session.execute(
            text(f"""
                SELECT count(*) FROM campaigns c JOIN recipients r
                ON {_BLOCKED.format(matches=_MATCHES[one.is_prefix])}
            """),
            _blocked_values(one),
        ).scalar_one()
    )


def put_people_back(session: Session, one: OptOutRow, now: datetime) -> dict[int, int]:
    """Let the people whom a lifted opt-out had blocked wait for their call again.

    Only in campaigns that are not over, and not who is opted out otherwise. A reminder comes due
    at its own time; everybody else now. Who has no known zone goes to review. Returns how many, by
    campaign.
    """
    values = _blocked_values(one) | {"now": now}
    # Held, so that none of them is finished as drained before its people are back in it.
    session.execute(
        text(f"""
            SELECT c.id FROM campaigns c WHERE c.status = ANY (:open)
            AND EXISTS (SELECT 1 FROM recipients r
                        WHERE {_BLOCKED.format(matches=_MATCHES[one.is_prefix])})
            ORDER BY c.id FOR NO KEY UPDATE
        """),
        values,
    )
    changed = session.execute(
        text(f"""
            UPDATE recipients r
            SET status = CASE WHEN r.zone_key IS NULL THEN 'review' ELSE 'pending' END,
                reason = CASE WHEN r.zone_key IS NULL THEN 'time zone unknown'
                              ELSE 'opt-out undone' END,
                next_attempt_at = CASE WHEN r.zone_key IS NOT NULL
                                       THEN coalesce(p.due_at, :now) END,
                deadline_at = coalesce(p.deadline_at, r.deadline_at),
                stage = coalesce(p.stage, r.stage),
                updated_at = :now
            FROM campaigns c JOIN recipients x ON x.campaign_id = c.id
            LEFT JOIN LATERAL planned_stage(c.reminder, x.appointment_at, x.stage, :now) p ON true
            WHERE x.id = r.id AND {_BLOCKED.format(matches=_MATCHES[one.is_prefix])}
              AND NOT opted_out(r.numbers, r.campaign_id, :now)
            RETURNING r.campaign_id
        """),
        values,
    )
    return Counter(changed.scalars())


def _blocked_values(one: OptOutRow) -> dict[str, object]:
    return {"number": one.number, "campaign": one.campaign_id, "open": list(OPEN_CAMPAIGNS)}
