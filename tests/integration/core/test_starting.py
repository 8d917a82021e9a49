"""A campaign starts only when its texts can be said to the people on its lists."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns import importing
from campaigns.campaigning import NewCampaign, create_campaign, start_campaign
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.lifecycle import CampaignStatus
from tests.factories import make_account


def draft(engine: Engine, text: str | None, **over: object) -> int:
    with transaction(engine) as session:
        account = make_account(session)
        flow = reminder_flow("the Clinic") if text is None else announcement_flow(text)
        kind = "reminder" if text is None else "announcement"
        rule = {"offset": 86400.0 * 30, "deadline": 0} if text is None else None
        new = NewCampaign("News", kind, account.name, flow, reminder=rule, **over)  # type: ignore[arg-type]
        return create_campaign(session, new).id


def bring_in(engine: Engine, campaign: int, path: Path, text: str) -> None:
    path.write_text(text)
    with transaction(engine) as session:
        file = importing.fingerprint(path)
        row = importing.register(session, campaign, file_name=path.name, file=file).row
    assert importing.run(engine, row.id, path).rows_imported > 0


def start(engine: Engine, campaign: int) -> str:
    with transaction(engine) as session:
        return start_campaign(session, campaign, database_now(session)).status


def test_without_recipients_it_does_not_start(engine: Engine) -> None:
    with pytest.raises(NotAllowed, match="no recipients"):
        start(engine, draft(engine, "Hello."))


def test_a_text_that_names_a_column_no_list_has_is_refused(engine: Engine, tmp_path: Path) -> None:
    campaign = draft(engine, "Hello {name}, your seat is {seat}.")
    bring_in(engine, campaign, tmp_path / "a.csv", "Guest,Phone\nAda,+12025550101\n")
    with pytest.raises(InvalidInput, match=r"\{seat\}"):
        start(engine, campaign)


def test_the_name_column_is_name_whatever_it_is_called(engine: Engine, tmp_path: Path) -> None:
    campaign = draft(engine, "Hello {name}, your seat is {seat}.")
    bring_in(engine, campaign, tmp_path / "a.csv", "Patient,Phone,Seat\nAda,+12025550101,4\n")
    assert start(engine, campaign) == CampaignStatus.RUNNING


def test_a_reminder_may_say_the_appointment_whatever_its_column(
    engine: Engine, tmp_path: Path
) -> None:
    campaign = draft(engine, None)
    rows = "name,phone,visit date,time zone\nAda,+12025550101,2099-01-05 10:00,America/New_York\n"
    bring_in(engine, campaign, tmp_path / "a.csv", rows)
    assert start(engine, campaign) == CampaignStatus.RUNNING
