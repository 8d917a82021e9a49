"""Rows for tests, each valid by itself; whatever a test cares about is passed by name.

Every function takes an open session and returns what it inserted. Numbers are reserved for
fiction (NPA 555-01xx) and never given out twice in one test process.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.compliance import Place, WeeklyWindows
from campaigns.dispatcher import Leadership
from campaigns.flows.builtin import reminder_flow
from campaigns.flows.model import CallFlow
from campaigns.models import Account, Attempt, AttemptNumber, CallerId, Campaign, Flow, Recipient
from campaigns.store import dispatch
from campaigns.store.recipients import zone_key_for
from campaigns.vault import Vault

SECRET = "a secret that is used by tests only"
NEW_YORK = "America/New_York"

_count = itertools.count()


def fiction_number() -> str:
    """A number reserved for fiction that no other row has."""
    n = next(_count)
    return f"+1{201 + n // 100}555{100 + n % 100:04d}"


def make_account(
    session: Session, *, caller_ids: Sequence[str] = ("+12015550199",), **columns: Any
) -> Account:
    """An account on the practice provider, fast and wide unless told otherwise."""
    sealed = Vault(SECRET).encrypt({"api_token": "token", "signing_key": "PSK_test"})
    values: dict[str, Any] = {
        "name": f"account {next(_count)}",
        "provider": "signalwire",
        "base_url": "http://127.0.0.1:9",
        "project_id": "project",
        "credentials": sealed,
        "cps": 10.0,
        "max_concurrent": 1000,
        "max_waiting": 1000,
    }
    account = Account(**values | columns)
    session.add(account)
    session.flush()
    session.add_all(CallerId(account_id=account.id, number=number) for number in caller_ids)
    session.flush()
    session.refresh(account)
    return account


def make_caller_id(session: Session, account: Account, number: str, **columns: Any) -> CallerId:
    """One more caller id of an account."""
    row = CallerId(account_id=account.id, number=number, **columns)
    session.add(row)
    session.flush()
    return row


def make_flow(session: Session, flow: CallFlow | None = None) -> Flow:
    """A call flow: the built-in reminder, in which 1 confirms and 9 opts out."""
    definition = (flow or reminder_flow("Elm Street Dental")).to_json()
    row = Flow(name=f"flow {next(_count)}", version=1, definition=definition)
    session.add(row)
    session.flush()
    return row


def make_campaign(
    session: Session, account: Account, *, windows: object = "always", **columns: Any
) -> Campaign:
    """A running announcement on the account's first caller id."""
    caller = session.execute(
        text("SELECT min(id) FROM caller_ids WHERE account_id = :id"), {"id": account.id}
    ).scalar_one()
    flow_id = columns.pop("flow_id", None) or make_flow(session).id
    values: dict[str, Any] = {
        "name": f"campaign {next(_count)}",
        "kind": "announcement",
        "status": "running",
        "account_id": account.id,
        "caller_id_id": caller,
        "flow_id": flow_id,
        "rule_set": "practice",
        "windows": WeeklyWindows.parse(windows).serialise(),
        "retry_policy": {},
    }
    campaign = Campaign(**values | columns)
    session.add(campaign)
    session.flush()
    session.refresh(campaign)
    return campaign


def make_recipient(
    session: Session,
    campaign: Campaign,
    *,
    due: datetime | None = None,
    zone: str | None = NEW_YORK,
    **columns: Any,
) -> Recipient:
    """A pending recipient with one number, due long ago unless told otherwise."""
    return make_recipients(session, campaign, 1, due=due, zone=zone, **columns)[0]


def make_recipients(
    session: Session,
    campaign: Campaign,
    count: int,
    *,
    due: datetime | None = None,
    zone: str | None = NEW_YORK,
    **columns: Any,
) -> list[Recipient]:
    """Several of them, due in the order in which they are returned."""
    values: dict[str, Any] = {
        "campaign_id": campaign.id,
        "zone": zone,
        "zone_key": zone_key_for(session, Place("US", ("NY",), (zone or NEW_YORK,))),
        "status": "pending",
        "fields": {"name": "Ada"},
    } | columns
    now = session.execute(text("SELECT now()")).scalar_one()
    first = due or now - timedelta(hours=1)
    rows = []
    for place in range(count):
        mine = dict(values)
        mine.setdefault("numbers", [fiction_number()])
        mine.setdefault("dedupe_key", f"row {next(_count)}")
        if mine["status"] == "pending":
            mine.setdefault("next_attempt_at", first + timedelta(milliseconds=place))
        rows.append(Recipient(**mine))
    session.add_all(rows)
    session.flush()
    return rows


def make_attempt(
    session: Session, recipient: Recipient, status: str = "queued", **columns: Any
) -> Attempt:
    """An attempt on the recipient's next number, with what its status requires.

    The recipient of a live attempt becomes `in_flight`, and the attempt holds its number.
    """
    campaign = session.get_one(Campaign, recipient.campaign_id)
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    values: dict[str, Any] = {
        "recipient_id": recipient.id,
        "campaign_id": campaign.id,
        "account_id": campaign.account_id,
        "caller_id_id": campaign.caller_id_id,
        "n": 1,
        "number": recipient.numbers[recipient.number_index],
        "status": status,
        "slot_at": now - timedelta(milliseconds=20),
        "not_after": now + timedelta(seconds=30),
        "open_until": now + timedelta(days=1),
        "rule_version": "practice@1",
    }
    live = status not in ("ended", "cancelled")
    if status not in ("queued", "cancelled"):
        values |= {"claimed_at": now, "claimed_by": "worker"}
    if status in ("ringing", "in_progress"):
        values |= {"accepted_at": now, "ringing_at": now}
    if status == "in_progress":
        values["answered_at"] = now
    if not live:
        values["ended_at"] = now
    if status == "ended":
        values["disposition"] = "no_answer"
    if status == "cancelled":
        values |= {"cancel_reason": "not_placed", "spent": False}
    attempt = Attempt(**values | columns)
    session.add(attempt)
    session.flush()
    session.add(AttemptNumber(attempt_id=attempt.id, number=attempt.number, live=live))
    if live:
        recipient.status, recipient.next_attempt_at = "in_flight", None
    session.flush()
    session.refresh(attempt)
    return attempt


def open_for_business(session: Session, at: str = "infinity") -> None:
    """Signs of life of the web process and of the public URL that never grow old."""
    for name, kind in (("web:test", "web"), ("public_url", "public_url")):
        session.execute(
            text("""
                INSERT INTO heartbeats (name, kind, at, ready, detail)
                VALUES (:name, :kind, CAST(:at AS timestamptz), true, '{}')
                ON CONFLICT (name) DO UPDATE SET at = EXCLUDED.at, ready = true
            """),
            {"name": name, "kind": kind, "at": at},
        )


def lead(session: Session, holder: str = "tests", seconds: float = 3600.0) -> Leadership:
    """Leadership that lasts longer than any test."""
    term = dispatch.take_lease(session, holder, seconds)
    assert term is not None, "somebody else leads"
    return Leadership(holder, term)
