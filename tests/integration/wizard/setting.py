"""An installation with one account, and drafts in it, for tests of the wizard."""

from typing import Any

from sqlalchemy import Engine, select

from campaigns import importing
from campaigns.access import CLI
from campaigns.campaigning import campaign_by_id
from campaigns.db import database_now, transaction
from campaigns.drafting import CampaignEdit, begin_draft, edit_draft, settings_of
from campaigns.models import AuditEntry
from tests.integration.reporting.seed import make_account

MEMBERS = "Name,Phone,City\nAda,+12125550143,Boston\nGrace,+12125550144,Salem\n"
AMBIGUOUS = "Name,Phone,Appointment\nAda,+12125550143,03/04/2099 10:00\n"
HOURS = {f"{day}_from": "09:00" for day in ("mon", "tue")} | {
    f"{day}_to": "17:30" for day in ("mon", "tue")
}
LIVE_URL = "https://example.signalwire.com"


def make_draft(
    engine: Engine, kind: str = "announcement", *, live: bool = False, name: str = "sim"
) -> int:
    """A draft as the wizard begins one, with the account it calls from."""
    with transaction(engine) as session:
        make_account(session, name, live=live, **({"base_url": LIVE_URL} if live else {}))
        return begin_draft(session, "Water is off", kind, name).id


def edit(engine: Engine, campaign_id: int, **changes: Any) -> None:
    """Change a draft as somebody at the command line would."""
    with transaction(engine) as session:
        asked = CampaignEdit.read(changes)
        edit_draft(session, campaign_id, asked, CLI, database_now(session))


def import_text(engine: Engine, campaign_id: int, tmp_path: Any, text: str = MEMBERS) -> int:
    """A list imported into a campaign, start to end; returns the import."""
    path = tmp_path / f"{abs(hash(text))}.csv"
    path.write_text(text)
    with transaction(engine) as session:
        row = importing.register(
            session, campaign_id, file_name="list.csv", file=importing.fingerprint(path)
        ).row
    assert importing.run(engine, row.id, path).status == "done"
    return row.id


def at(campaign_id: int, step: str) -> str:
    """The address of a step."""
    return f"/campaigns/{campaign_id}/setup/{step}"


def upload(
    browser: Any,
    campaign_id: int,
    content: str = MEMBERS,
    name: str = "members.csv",
    **headers: str,
) -> Any:
    """Hand a file in, as a plain form does unless the headers say otherwise."""
    return browser.post(
        at(campaign_id, "recipients"), files={"file": (name, content.encode())}, headers=headers
    )


def kept(engine: Engine, campaign_id: int) -> dict[str, Any]:
    """A draft's settings as they are stored."""
    with transaction(engine) as session:
        return settings_of(session, campaign_by_id(session, campaign_id))


def actions(engine: Engine) -> list[str]:
    """What the audit log says was done, in order."""
    with transaction(engine) as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def note(browser: Any, answer: Any) -> str:
    """The page that an answer leads to."""
    return str(browser.get(answer.headers["location"]).text)
