"""Who has a number, whatever the campaign."""

from sqlalchemy import any_, literal, select
from sqlalchemy.orm import Session

from campaigns.models import Recipient


def recipients_with_number(session: Session, number: str, limit: int) -> list[int]:
    """Ids of at most `limit` recipients who have `number` (E.164) in any place, newest first.

    Reads every recipient, for no index is kept for it: it is asked by hand, now and then, while an
    index would slow down every import.
    """
    query = (
        select(Recipient.id)
        .where(literal(number) == any_(Recipient.numbers))
        .order_by(Recipient.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))
