"""What a person does to an account by its name."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.campaigning import account_named
from campaigns.stopping import pause_account
from campaigns.store import gate


def pause_account_named(session: Session, name: str, why: str, now: datetime) -> list[int]:
    """Stop dialling through an account; returns the calls to be recalled after the commit.

    Calls that ring or are answered go on. Raises `NotFound`.
    """
    gate.close_gate(session)
    account = account_named(session, name)
    return pause_account(session, account.id, f"The account was paused: {why}.", now)
