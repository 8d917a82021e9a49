"""Searches and lists that read as many rows as they show, whatever the tables hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models.attempts import IN_DOUBT_SQL
from campaigns.store.histories import AttemptRow, RecipientRow

# Words are compared by their bytes, and no character lies behind this one.
_LAST_CHARACTER = "\U0010ffff"
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Words:
    """A range of the words that recipients are found by."""

    first: str
    behind: str

    @classmethod
    def of_number(cls, digits: str) -> "Words":
        """One whole number, E.164 without its plus."""
        word = f"#{digits[::-1]}"
        return cls(word, f"{word}\x01")

    @classmethod
    def of_last_digits(cls, digits: str) -> "Words":
        """Every number that ends so."""
        word = f"#{digits[::-1]}"
        return cls(word, f"{word}{_LAST_CHARACTER}")

    @classmethod
    def of_name(cls, beginning: str) -> "Words":
        """Every name that begins so from its first, its second or its last word on.

        `beginning` as `name_searched` returned it.
        """
        return cls(beginning, f"{beginning}{_LAST_CHARACTER}")


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """An attempt whose outcome is not known, with what stands around it."""

    attempt: AttemptRow
    campaign_name: str
    recipient_status: str
    recipient_reason: str | None
    recipient_zone: str | None
    recipient_address: dict[str, Any] | None
    next_attempt_at: datetime | None
    name: str | None
    live: bool
    time_scale: float
    looked_up_at: datetime | None


_RECIPIENT_COLUMNS = ", ".join(f"r.{name}" for name in RecipientRow.__slots__)
_ATTEMPT_COLUMNS = ", ".join(
    "f.number" if name == "caller_id" else f"a.{name}" for name in AttemptRow.__slots__
)


_EVERYWHERE = "word < :behind AND (word, recipient_id) > (:word, :id)", "word, recipient_id"
_WITHIN = (
    "(campaign_id, word) < (:campaign, :behind)"
    " AND (campaign_id, word, recipient_id) > (:campaign, :word, :id)",
    "campaign_id, word, recipient_id",
)


def name_searched(session: Session, name: str) -> str:
    """A name, or the beginning of one, as the words have it."""
    return str(session.execute(text("SELECT search_text(:name)"), {"name": name}).scalar_one())


def find_recipients(
    session: Session, words: Words, campaign_id: int | None, after: int | None, limit: int
) -> list[RecipientRow]:
    """Recipients by their words, in the order of these and then of their ids.

    From the first one behind the recipient `after`, who was found by the same words before.
    """
    # Whole rows of the key are compared, so that no plan but a walk along this key is possible.
    range_, order = _EVERYWHERE if campaign_id is None else _WITHIN
    rows = session.execute(
        text(f"""
            SELECT {_RECIPIENT_COLUMNS} FROM (
                SELECT word, recipient_id FROM search_words
                WHERE {range_} ORDER BY {order} LIMIT :limit
            ) found
            JOIN recipients r ON r.id = found.recipient_id
            ORDER BY found.word, found.recipient_id
        """),
        {
            "campaign": campaign_id,
            "behind": words.behind,
            "word": words.first if after is None else _word_of(session, words, after),
            "id": after or 0,
            "limit": limit,
        },
    )
    found = [RecipientRow(*row) for row in rows]
    return list({row.id: row for row in found}.values())


def _word_of(session: Session, words: Words, recipient_id: int) -> str:
    """The last of a recipient's words that lies in the range; its beginning when there is none."""
    found = session.execute(
        text("""
            SELECT max(w.word COLLATE "C") FROM recipients r
            CROSS JOIN LATERAL (SELECT search_text(r.fields->>'name') AS name) t
            CROSS JOIN LATERAL (
                SELECT '#' || reverse(substr(n.number, 2)) AS word
                FROM unnest(r.numbers) AS n (number)
                UNION ALL SELECT left(t.name, 80)
                UNION ALL SELECT left(substr(t.name, strpos(t.name, ' ') + 1), 80)
                UNION ALL SELECT left(split_part(t.name, ' ', -1), 80)
            ) w
            WHERE r.id = :id AND w.word COLLATE "C" >= :first AND w.word COLLATE "C" < :behind
        """),
        {"id": recipient_id, "first": words.first, "behind": words.behind},
    ).scalar_one()
    return words.first if found is None else str(found)


def ids_with_number(session: Session, digits: str, limit: int) -> list[int]:
    """Ids of at most `limit` recipients who have this number in any place, newest first."""
    words = Words.of_number(digits)
    rows = session.execute(
        text("""
            SELECT recipient_id FROM search_words WHERE word = :word
            ORDER BY recipient_id DESC LIMIT :limit
        """),
        {"word": words.first, "limit": limit},
    )
    return list(rows.scalars())


def attempts_in_doubt(session: Session, before: int | None, limit: int) -> list[DoubtRow]:
    """Attempts of which nobody can say whether there is a call, or how it ended; newest first."""
    rows = session.execute(
        text(f"""
            SELECT {_ATTEMPT_COLUMNS}, c.name, r.status, r.reason, r.zone, r.address,
                   r.next_attempt_at,
                   r.fields->>'name', k.live, k.time_scale, a.looked_up_at
            FROM (
                SELECT * FROM attempts WHERE ({IN_DOUBT_SQL}) AND id < :before
                ORDER BY id DESC LIMIT :limit
            ) a
            JOIN caller_ids f ON f.id = a.caller_id_id
            JOIN campaigns c ON c.id = a.campaign_id
            JOIN accounts k ON k.id = a.account_id
            JOIN recipients r ON r.id = a.recipient_id
            ORDER BY a.id DESC
        """),
        {"before": before or _LAST_ID, "limit": limit},
    )
    split = len(AttemptRow.__slots__)
    return [DoubtRow(AttemptRow(*row[:split]), *row[split:]) for row in rows]
