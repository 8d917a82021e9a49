"""Calls as their callbacks tell them, in the provider's own shapes, through the real routes.

Each JSON file is one call: what is sent, and what the attempt is then. Shuffled and sent several
times over, the same callbacks end alike. In a file, `send` is a JSON body, `form` a form-encoded
one, `key` a keypress that the call's document reports.
"""

import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from campaigns.db import transaction
from campaigns.models import Attempt, Recipient
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.core.callers import Caller

HERE = Path(__file__).parent
FORM = {"content-type": "application/x-www-form-urlencoded"}


def scenario(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


every_scenario = pytest.mark.parametrize("name", sorted(p.stem for p in HERE.glob("*.json")))


@pytest.fixture
def attempt(engine: Engine) -> int:
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        attempt = make_attempt(session, make_recipient(session, campaign), "dialing")
        return attempt.id


def send(caller: Caller, attempt_id: int, step: Any) -> None:
    if "key" in step:
        status, _ = caller.flow(attempt_id, f"/keys/{step['key']}")
    elif "form" in step:
        status = caller.hook(attempt_id, urlencode(step["form"]).encode(), **FORM)
    else:
        status = caller.hook(attempt_id, step["send"])
    assert status in (200, 204)


def found(engine: Engine, attempt_id: int) -> tuple[dict[str, str | None], str]:
    with transaction(engine) as session:
        attempt = session.get_one(Attempt, attempt_id)
        recipient = session.get_one(Recipient, attempt.recipient_id)
        state = {
            "status": attempt.status,
            "disposition": attempt.disposition,
            "answered_by": attempt.answered_by,
        }
        return state, recipient.status


@every_scenario
def test_step_by_step(engine: Engine, attempt: int, name: str) -> None:
    told, caller = scenario(name), Caller(engine)
    for step in told["steps"]:
        send(caller, attempt, step)
        assert found(engine, attempt)[0] == step["then"], step
    assert found(engine, attempt) == (told["steps"][-1]["then"], told["recipient"])


@every_scenario
@pytest.mark.parametrize("seed", range(4))
def test_shuffled_and_repeated_it_ends_alike(
    engine: Engine, attempt: int, name: str, seed: int
) -> None:
    told, caller = scenario(name), Caller(engine)
    dice = random.Random(f"{name} {seed}")
    steps = told["steps"] * 2 + dice.choices(told["steps"], k=3)
    dice.shuffle(steps)
    for step in steps:
        send(caller, attempt, step)
    assert found(engine, attempt) == (told["steps"][-1]["then"], told["recipient"])
