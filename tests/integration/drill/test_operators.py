"""The people around a drill: what they take away they give back, whoever is away meanwhile."""

import time
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Engine

from campaigns.drill.operators import Operators
from campaigns.drill.stage import Stage
from campaigns.drill.world import World
from campaigns.local import ServerUrls
from tests.integration.notifying.receiver import Answer, Received, Receiver

PAUSES = {
    "switch_off": ("/api/v1/switch/off", "/api/v1/switch/on"),
    "pause_of_an_account": ("/api/v1/accounts/east/pause", "/api/v1/accounts/east/resume"),
}


@pytest.mark.parametrize("deed", PAUSES)
def test_what_was_paused_is_resumed_though_nobody_could_be_asked(
    engine: Engine, servers: ServerUrls, deed: str
) -> None:
    away = 3  # times that the opposite is asked for in vain

    def answer(received: Received) -> Answer:
        nonlocal away
        if received.path == PAUSES[deed][1] and away:
            away -= 1
            return Answer(503)
        return Answer(200)

    api = Receiver()
    api.answer = answer
    stack = SimpleNamespace(servers=servers)
    url = f"http://127.0.0.1:{api.port}"
    stage = cast(Stage, SimpleNamespace(engine=engine, public_url=url, stack=stack))
    everybody = Operators(stage, cast(World, None))
    try:
        (fault,) = (one for one in everybody.faults() if one.name == deed)
        assert fault.begin(stage) is not None
        until = time.monotonic() + 60
        while sum(everybody.answered.values()) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        everybody.close()
        api.close()
    paused, resumed = PAUSES[deed]
    assert [one.path for one in api.received] == [paused, *[resumed] * 4]
