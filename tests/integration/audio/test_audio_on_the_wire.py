"""A call plays an audio: the carrier fetches the document, then the audio it names."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine

from campaigns import campaigning
from campaigns.access import SYSTEM
from campaigns.audio import keep_audio
from campaigns.db import database_now, transaction
from campaigns.flows.model import CallFlow
from campaigns.web import audio
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.core.callers import provider_app
from tests.simulator.conftest import SCALE, Carrier, start, stop, until
from tests.sounds import wav


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    """A simulator of its own."""
    found = start("--time-scale", str(SCALE))
    yield found
    stop(found)


@pytest.fixture
def served(engine: Engine) -> Iterator[Any]:
    """What providers reach, on a real port."""
    app = provider_app(engine)
    app.router.routes[:0] = audio.routes
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    app.state.public_url = f"http://127.0.0.1:{port}"
    yield app
    server.should_exit = True
    thread.join()


def test_the_carrier_fetches_what_the_flow_plays(engine, served, carrier):
    sound = wav(2)
    with transaction(engine) as session:
        now = database_now(session)
        kept = keep_audio(session, "greeting.wav", sound, SYSTEM, now).row
        flow = CallFlow.from_json(
            {"kind": "announcement", "message": [{"audio": kept.sha256}, "Dear {name}."]}
        )
        campaign = make_campaign(session, make_account(session))
        campaign.flow_id = campaigning.store_flow(session, "with audio", flow).id
        person = make_recipient(session, campaign, fields={"name": "Ada"})
        attempt = make_attempt(session, person, "dialing")
    token = served.state.vault.attempt_token(attempt.id)
    answer = carrier.dial("+12125550100", url=f"{served.state.public_url}/flows/{token}")
    assert answer.status_code == 200, answer.text
    row = carrier.ended()
    assert row["script_error"] is None
    (note,) = row["audio"]
    assert (note["ok"], note["content_type"], note["bytes"]) == (True, "audio/wav", len(sound))
    assert note["url"].startswith(f"{served.state.public_url}/audio/")
    assert row["heard"] == [note["url"], "Dear Ada."]
