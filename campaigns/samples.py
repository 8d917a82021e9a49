"""Sample campaigns for a first look, dialled through the simulator.

Only numbers reserved for fiction are in them. The appointments in the shipped file are moved so
that they lie ahead, whenever the sample is created.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns import compliance, importing
from campaigns.campaigning import NewCampaign, create_campaign, start_campaign
from campaigns.db import database_now, transaction
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.models import Account, Campaign
from campaigns.provisioning import NewAccount, add_account
from campaigns.vault import Vault

ACCOUNT = "simulator"
CALLER_ID = "+12025550100"
# The day from which the shipped file counts its appointments.
FIRST_DAY = datetime(2026, 3, 3)  # noqa: DTZ001 - a calendar day, in every recipient's own zone
_DAY = re.compile(r"2026-03-0[345](?= \d\d:\d\d)")
# Long enough before the appointment that every reminder of the sample is due at once.
OFFSET = 4 * 86400
MEMBERS_ZONE = "America/New_York"


def simulator_account(
    url: str, *, time_scale: float, cps: float = 5.0, max_concurrent: int = 60
) -> NewAccount:
    """An account on the bundled simulator."""
    return NewAccount(
        name=ACCOUNT,
        provider="signalwire",
        base_url=url,
        project_id="sim-project",
        api_token="sim-token",
        signing_key="PSK_simulator",
        caller_ids=(CALLER_ID,),
        live=False,
        cps=cps,
        max_concurrent=max_concurrent,
        time_scale=time_scale,
    )


def point_at_simulator(session: Session, url: str, vault: Vault) -> bool:
    """Tell the simulator account where the simulator answers today; False when there is none."""
    account = session.scalars(select(Account).where(Account.name == ACCOUNT)).first()
    if account is None:
        return False
    account.base_url = url
    # Sealed anew, so that a running process notices that the account has changed.
    account.credentials = vault.encrypt(vault.decrypt(account.credentials))
    return True


def create_sample_campaigns(
    engine: Engine, url: str, vault: Vault, time_scale: float, data_dir: Path
) -> Iterator[str]:
    """Create and start the samples in an empty database; yields a sentence about each."""
    with transaction(engine) as session:
        if session.scalars(select(Campaign).limit(1)).first() is not None:
            return
        add_account(session, simulator_account(url, time_scale=time_scale), vault)
        now = database_now(session)
        waiting = create_campaign(session, _announcement(now)).id
        reminder = create_campaign(session, _reminder()).id
    for campaign_id, name, text in (
        (reminder, "appointments.csv", shifted(_shipped("appointments.csv"), now)),
        (waiting, "members.csv", _shipped("members.csv")),
    ):
        path = data_dir / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        yield _import(engine, campaign_id, path)
        with transaction(engine) as session:
            start_campaign(session, campaign_id, database_now(session))


def _import(engine: Engine, campaign_id: int, path: Path) -> str:
    with transaction(engine) as session:
        import_id = importing.register(
            session, campaign_id, file_name=path.name, file=importing.fingerprint(path)
        ).row.id
    return f"{path.name}: {importing.run(engine, import_id, path).sentence}"


def _reminder() -> NewCampaign:
    return NewCampaign(
        name="Sample: appointment reminders",
        kind="reminder",
        account=ACCOUNT,
        flow=reminder_flow("the Lakeside Clinic", leave_message=True),
        windows="always",
        reminder={"offset": OFFSET, "deadline": 0},
    )


def _announcement(now: datetime) -> NewCampaign:
    """A campaign whose calling hours begin at least two hours from now, where its members live."""
    local = now.astimezone(compliance.zone_named(MEMBERS_ZONE))
    opens = (local + timedelta(hours=3)).hour
    closes = (local + timedelta(hours=6)).hour
    return NewCampaign(
        name="Sample: club news, waiting for its calling hours",
        kind="announcement",
        account=ACCOUNT,
        flow=announcement_flow(
            "Hello {name}, this is the Harbour Rowing Club. The boat house in {city} opens again "
            "on Saturday.",
            organisation="the Harbour Rowing Club",
        ),
        windows=f"daily {opens:02d}:00-{closes:02d}:00",
    )


def _shipped(name: str) -> str:
    return (resources.files("campaigns") / "sample_data" / name).read_text("utf-8-sig")


def shifted(text: str, now: datetime) -> str:
    """The shipped list with its appointments moved to tomorrow and the days after."""
    first = (now + timedelta(days=1)).replace(tzinfo=None)
    move = first.date() - FIRST_DAY.date()

    def later(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + move).date().isoformat()

    return _DAY.sub(later, text)
