"""Copies, redials and what a recurrence makes are one family: who said stop in one of its
campaigns is called in none of them."""

from collections.abc import Callable

import pytest

from campaigns import changing
from campaigns.access import CLI
from campaigns.changing import RedialRequest
from campaigns.db import database_now
from campaigns.drafting import delete_draft
from campaigns.errors import NotAllowed
from campaigns.models import Account, Campaign
from campaigns.stopping import opt_out
from campaigns.store import recurrences
from campaigns.store.opt_outs import NewOptOut, is_opted_out
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench


def clone(bench: Bench, campaign: Campaign) -> int:
    return bench.run(lambda s: changing.clone_campaign(s, campaign.id, CLI, database_now(s)).id)


def redial(bench: Bench, campaign: Campaign) -> int:
    bench.run(make_recipient, campaign, status="exhausted")
    return bench.run(
        lambda s: (
            changing.redial_unreached(
                s, campaign.id, RedialRequest(), CLI, database_now(s)
            ).campaign.id
        )
    )


def recur(bench: Bench, campaign: Campaign) -> int:
    changes = {"name": "a child", "ends_at": None}
    return bench.run(lambda s: recurrences.copy_campaign(s, campaign.id, changes))


KINDS: list[Callable[[Bench, Campaign], int]] = [clone, redial, recur]


def opted_out(bench: Bench, number: str, campaign_id: int) -> bool:
    return bench.run(lambda s: is_opted_out(s, [number], database_now(s), campaign_id))


def stop(bench: Bench, number: str, campaign_id: int, **more: object) -> list[int]:
    new = [NewOptOut(number, **more)]  # type: ignore[arg-type]
    return bench.run(
        lambda s: opt_out(s, new, "api", database_now(s), campaign_id=campaign_id).recalled
    )


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize("of_the_first", [True, False])
def test_an_opt_out_of_one_campaign_holds_for_its_family(
    bench: Bench, account: Account, campaign: Campaign, made, of_the_first: bool
) -> None:
    relative, stranger = made(bench, campaign), bench.run(make_campaign, account).id
    said, asked = (campaign.id, relative) if of_the_first else (relative, campaign.id)
    number = fiction_number()
    stop(bench, number, said)
    assert opted_out(bench, number, said)
    assert opted_out(bench, number, asked)
    assert not opted_out(bench, number, stranger)


def test_a_prefix_of_one_campaign_holds_for_its_family(bench: Bench, campaign: Campaign) -> None:
    stop(bench, "+1202555", campaign.id, is_prefix=True)
    assert opted_out(bench, "+12025550143", clone(bench, campaign))


def test_what_the_family_has_on_its_way_is_stopped(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    relative, stranger = clone(bench, campaign), bench.run(make_campaign, account)
    number, other = fiction_number(), fiction_number()
    queued, ringing, unrelated = (
        bench.run(
            lambda s, row=row: make_attempt(
                s, make_recipient(s, s.get_one(Campaign, row[0]), numbers=[row[1]]), row[2]
            )
        )
        for row in ((relative, number, "queued"), (relative, other, "ringing"),
                    (stranger.id, fiction_number(), "queued"))
    )  # fmt: skip
    bench.set("recipients", ringing.recipient_id, numbers=[other, number])
    bench.set("recipients", unrelated.recipient_id, numbers=[unrelated.number, number])
    assert stop(bench, number, campaign.id) == [ringing.id]
    assert bench.attempt(queued.id).cancel_reason == "opted_out"
    assert bench.recipient(queued.recipient_id).status == "blocked"
    assert bench.attempt(unrelated.id).status == "queued"


def test_a_draft_that_is_deleted_leaves_its_opt_outs_to_the_family(
    bench: Bench, campaign: Campaign
) -> None:
    until = bench.now().replace(year=2099)
    draft, (first, second, third) = clone(bench, campaign), [fiction_number() for _ in range(3)]
    stop(bench, first, draft)
    stop(bench, second, draft)
    stop(bench, second, campaign.id, expires_at=until)  # for a while only: the other is stronger
    stop(bench, third, draft, expires_at=until)
    stop(bench, third, campaign.id)
    bench.run(lambda s: delete_draft(s, draft, CLI, database_now(s)))
    for number in (first, second, third):
        assert opted_out(bench, number, campaign.id)
    live = bench.rows(
        "SELECT campaign_id, expires_at FROM opt_outs"
        " WHERE lifted_at IS NULL AND replaced_at IS NULL"
    )
    assert [tuple(row) for row in live] == [(campaign.id, None)] * 3


def test_two_redials_of_a_campaign_never_have_the_same_people(
    bench: Bench, campaign: Campaign
) -> None:
    shared = fiction_number()
    for _ in range(2):  # a redial takes one of them, and the other is the same telephone
        bench.run(make_recipient, campaign, status="exhausted", numbers=[shared])
    redial(bench, campaign)
    with pytest.raises(NotAllowed, match="another redial"):
        bench.run(
            lambda s: changing.redial_unreached(
                s, campaign.id, RedialRequest(), CLI, database_now(s)
            )
        )
    late = bench.run(make_recipient, campaign, status="expired").numbers
    again = bench.run(
        lambda s: changing.redial_unreached(s, campaign.id, RedialRequest(), CLI, database_now(s))
    )
    assert again.people == 1
    rows = bench.rows(
        "SELECT numbers FROM recipients WHERE campaign_id = :id", id=again.campaign.id
    )
    assert [row[0] for row in rows] == [late]


def test_whom_a_stopped_redial_left_waiting_may_be_redialled(
    bench: Bench, campaign: Campaign
) -> None:
    first = redial(bench, campaign)
    bench.set("campaigns", first, status="stopped")
    again = bench.run(
        lambda s: changing.redial_unreached(s, campaign.id, RedialRequest(), CLI, database_now(s))
    )
    assert again.people == 1
