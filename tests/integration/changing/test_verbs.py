"""Every verb on a campaign of every status: it works, or the answer says what is legal."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns import changing
from campaigns.access import CLI
from campaigns.changing import HoursChange, PaceChange, RedialRequest, TryingChange
from campaigns.db import database_now
from campaigns.errors import IllegalTransition, NotAllowed
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Account
from tests.factories import make_campaign, make_recipient
from tests.integration.core.conftest import Bench

Verb = Callable[[Session, int], Any]
VERBS: dict[str, Verb] = {
    "start": lambda s, c: changing.start(s, c, CLI, database_now(s)),
    "pause": lambda s, c: changing.pause(s, c, CLI, database_now(s), "by a test"),
    "resume": lambda s, c: changing.resume(s, c, CLI, database_now(s)),
    "stop": lambda s, c: changing.stop(s, c, CLI, database_now(s), "by a test"),
    "archive": lambda s, c: changing.archive(s, c, CLI, database_now(s)),
    "change_pace": lambda s, c: changing.change_pace(
        s, c, PaceChange(max_cps=1.0), CLI, database_now(s)
    ),
    "change_hours": lambda s, c: changing.change_hours(
        s, c, HoursChange(windows="daily 08:00-20:00"), CLI, database_now(s)
    ),
    "change_trying": lambda s, c: changing.change_trying(
        s, c, TryingChange(household="merge"), CLI, database_now(s)
    ),
    "clone": lambda s, c: changing.clone_campaign(s, c, CLI, database_now(s)),
    "redial": lambda s, c: changing.redial_unreached(s, c, RedialRequest(), CLI, database_now(s)),
}
ACTIVE = {"scheduled", "running", "paused"}
OVER = {"completed", "stopped"}
LEGAL = {
    "start": {"draft", "scheduled"},
    "pause": {"running"},
    "resume": {"paused"},
    "stop": {"draft", *ACTIVE},
    "archive": OVER,
    "change_pace": ACTIVE,
    "change_hours": ACTIVE,
    "change_trying": ACTIVE,
    "clone": {"draft", *ACTIVE, *OVER},
    "redial": {*ACTIVE, *OVER},
}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_legal_or_says_what_is(bench: Bench, account: Account, verb: str) -> None:
    for status in CampaignStatus:
        campaign = bench.run(make_campaign, account, status=status.value)
        bench.run(make_recipient, campaign, status="exhausted")
        said = bench.value("SELECT count(*) FROM campaign_log")
        if status.value in LEGAL[verb]:
            bench.run(VERBS[verb], campaign.id)
            assert bench.value("SELECT count(*) FROM campaign_log") > said, f"{verb} {status}"
            continue
        with pytest.raises((NotAllowed, IllegalTransition)) as refused:
            bench.run(VERBS[verb], campaign.id)
        told = str(refused.value)
        assert status.value in told, told
        assert any(
            word in told for word in ("can become", "instead", "Clone", "Only one that is over",
                                      "Nothing was created")
        ), told  # fmt: skip
        (row,) = bench.rows("SELECT status FROM campaigns WHERE id = :id", id=campaign.id)
        assert row.status == status.value
        assert bench.value("SELECT count(*) FROM campaign_log") == said
