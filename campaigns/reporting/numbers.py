"""Who has a number, whatever the campaign."""

from sqlalchemy.orm import Session

from campaigns.store import searches


def recipients_with_number(session: Session, number: str, limit: int) -> list[int]:
    """Ids of at most `limit` recipients who have `number` (E.164) in any place, newest first."""
    return searches.ids_with_number(session, number.removeprefix("+"), limit)
