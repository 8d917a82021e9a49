"""Rows for tests of reports, the API and the commands: plain functions that fill in the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from campaigns.campaigning import NewCampaign, create_campaign
from campaigns.compliance import Place
from campaigns.db import transaction
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.models import Attempt, Recipient, Response
from campaigns.provisioning import NewAccount, add_account
from campaigns.store import recipients
from campaigns.vault import Vault

SECRET = "a secret of the tests, long enough to be one"
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # a Monday, half past nine in New York
NEW_YORK = ("America/New_York",)


def make_account(session: Session, name: str = "sim", **over: Any) -> None:
    """An account on a simulator that nobody started."""
    values: dict[str, Any] = {
        "provider": "signalwire",
        "base_url": "http://127.0.0.1:1",
        "project_id": "p",
        "api_token": "very-secret-token",
        "caller_ids": ("+12125550100",),
        "live": False,
        "cps": 5.0,
    }
    add_account(session, NewAccount(name=name, **{**values, **over}), Vault(SECRET))


def make_campaign(session: Session, status: str = "running", **over: Any) -> int:
    """A campaign in any status, whatever led to it."""
    kind = over.pop("kind", "announcement")
    values: dict[str, Any] = {
        "name": "Water is off",
        "account": "sim",
        "flow": reminder_flow("Clinic") if kind == "reminder" else announcement_flow("Hello."),
        "reminder": {"offset": 86400.0, "deadline": 0.0} if kind == "reminder" else None,
    }
    campaign = create_campaign(session, NewCampaign(kind=kind, **{**values, **over}))
    campaign.status = status
    session.flush()
    return campaign.id


def make_recipient(session: Session, campaign_id: int, n: int, **over: Any) -> int:
    """A recipient with a fictional number of their own; due at `NOW` if not told otherwise."""
    status = over.get("status", "pending")
    zones = over.pop("zones", NEW_YORK)
    values: dict[str, Any] = {
        "numbers": [f"+1212555{100 + n:04d}"],
        "dedupe_key": str(n),
        "fields": {"name": f"Person {n}"},
        "zone_key": recipients.zone_key_for(session, Place("US", ("NY",), zones))
        if zones
        else None,
        "next_attempt_at": NOW if status == "pending" else None,
    }
    row = Recipient(campaign_id=campaign_id, **{**values, "status": status, **over})
    session.add(row)
    session.flush()
    return row.id


def make_attempt(session: Session, recipient_id: int, status: str = "ended", **over: Any) -> int:
    """An attempt as it may stand in the table, begun ten minutes before `NOW` if not told."""
    recipient = session.get_one(Recipient, recipient_id)
    made = session.execute(
        text("SELECT count(*) FROM attempts WHERE recipient_id = :id"), {"id": recipient_id}
    ).scalar_one()
    account, caller = session.execute(
        text("SELECT account_id, caller_id_id FROM campaigns WHERE id = :id"),
        {"id": recipient.campaign_id},
    ).one()
    slot = over.pop("slot_at", NOW - timedelta(minutes=10))
    over_at = slot + timedelta(seconds=30) if status in ("ended", "cancelled") else None
    values: dict[str, Any] = {
        "number": recipient.numbers[0],
        "n": made + 1,
        "slot_at": slot,
        "not_after": slot + timedelta(seconds=1),
        "open_until": slot + timedelta(hours=1),
        "rule_version": "practice@1",
        "claimed_at": None if status == "queued" else slot,
        "accepted_at": None if status in ("queued", "cancelled") else slot,
        "ended_at": over_at,
        "disposition": "no_answer" if status == "ended" else None,
        "cancel_reason": "late_slot" if status == "cancelled" else None,
        "spent": status != "cancelled",
    }
    row = Attempt(
        recipient_id=recipient_id,
        campaign_id=recipient.campaign_id,
        account_id=account,
        caller_id_id=caller,
        status=status,
        **{**values, **over},
    )
    session.add(row)
    session.flush()
    return row.id


def make_response(
    session: Session, attempt_id: int, digit: str, meaning: str, at: datetime = NOW
) -> None:
    """A keypress during an attempt."""
    attempt = session.get_one(Attempt, attempt_id)
    session.add(
        Response(
            attempt_id=attempt_id,
            recipient_id=attempt.recipient_id,
            campaign_id=attempt.campaign_id,
            digit=digit,
            meaning=meaning,
            at=at,
        )
    )
    session.flush()
    # What follows a keypress is written at the commit; some tests look before theirs.
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


def make_running_campaign(engine: Engine, people: int = 3, **over: Any) -> int:
    """An account and a campaign with people who are due."""
    with transaction(engine) as session:
        make_account(session)
        campaign_id = make_campaign(session, **over)
        for n in range(people):
            make_recipient(session, campaign_id, n)
    return campaign_id
