"""A campaign's own caps: typed, told, set in the wizard's step, and changed while it runs."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns import changing, gates
from campaigns.access import CLI
from campaigns.changing import TryingChange
from campaigns.db import database_now
from campaigns.errors import InvalidInput
from campaigns.models import Account, Campaign
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker


def change(bench: Bench, campaign: Campaign, *caps: str) -> None:
    def act(session: Session) -> None:
        asked = TryingChange(caps=list(caps))
        changing.change_trying(session, campaign.id, asked, CLI, database_now(session))

    bench.run(act)


@pytest.mark.parametrize(
    "text", ["3 in 24h to a number", "5 in 7d per person; 1 in 36h on a subject", ""]
)
def test_caps_are_typed_as_they_are_told(text: str) -> None:
    assert gates.caps_as_typed(gates.caps_of_text(text)) == text


def test_several_caps_may_be_parted_as_one_likes() -> None:
    three = gates.caps_of_text("1 in 24h, 2 in 2d per person\n3 in 7d on a subject;")
    assert gates.caps_as_typed(three) == (
        "1 in 24h to a number; 2 in 2d per person; 3 in 7d on a subject"
    )


def test_whom_a_narrower_cap_does_not_allow_any_more_is_not_dialled(
    bench: Bench, account: Account, campaign: Campaign, ticker: Ticker
) -> None:
    called = bench.run(make_recipient, campaign)
    earlier = ticker.now - timedelta(hours=2)

    def before(session: Session) -> None:
        other = make_campaign(session, account, status="completed")
        row = make_recipient(session, other, numbers=called.numbers, status="completed")
        make_attempt(session, row, "ended", slot_at=earlier, claimed_at=earlier, ended_at=earlier)

    bench.run(before)
    ticker.tick()
    (queued,) = bench.rows("SELECT * FROM attempts WHERE status = 'queued'")
    change(bench, campaign, "1 in 24h to a number")
    row = bench.attempt(queued.id)
    assert (row.status, row.cancel_reason, row.spent) == ("cancelled", "caps_changed", False)
    ticker.tick(1.0)
    assert bench.rows("SELECT 1 FROM attempts WHERE status = 'queued'") == []
    assert bench.recipient(called.id).reason == "cap"
    assert bench.recipient(called.id).cancels_in_row == 0
    change(bench, campaign)  # none of its own again: held back until then, but not for longer
    assert bench.value("SELECT caps FROM campaigns WHERE id = :id", id=campaign.id) == []
    assert (
        bench.value("SELECT count(*) FROM audit_log WHERE action = 'campaign.change_trying'") == 2
    )


def test_what_is_no_cap_changes_nothing(bench: Bench, account: Account) -> None:
    campaign = bench.run(make_campaign, account)
    with pytest.raises(InvalidInput, match="is no cap"):
        change(bench, campaign, "often")
    change(bench, campaign)  # as it is: nothing is said
    assert bench.value("SELECT count(*) FROM campaign_log") == 0
