"""Audio: uploaded once, served to whoever has its address, kept while a campaign plays it."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns import campaigning
from campaigns.audio import MOST_BYTES
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.flows.model import CallFlow
from campaigns.models import Flow
from campaigns.web.audio import Shelf
from tests.integration.reporting.seed import make_account, make_campaign, make_recipient
from tests.integration.reporting.served import make_browser, make_client
from tests.sounds import mp3, wav

JSON = dict[str, Any]
WAV = wav(12.4)


def upload(client: TestClient, data: bytes = WAV, name: str = "greeting.wav") -> JSON:
    answer = client.post("/api/v1/audio", files={"file": (name, data, "audio/whatever")})
    assert answer.status_code in (200, 201), answer.text
    found: JSON = answer.json()
    return found


def announcement(*sha256s: str) -> CallFlow:
    return CallFlow.from_json(
        {"kind": "announcement", "message": [{"audio": sha256} for sha256 in sha256s]}
    )


def test_an_upload_is_looked_into_and_listed_with_its_length(client):
    kept = upload(client)
    assert kept["name"] == "greeting.wav"
    assert kept["sha256"] == hashlib.sha256(WAV).hexdigest()
    assert (kept["media_type"], kept["size"], kept["already"]) == ("audio/wav", len(WAV), False)
    assert kept["seconds"] == pytest.approx(12.4)
    assert kept["url"].startswith("/audio/")
    assert kept["url"].endswith(".wav")
    other = upload(client, mp3(3), "music.mp3")
    listed = client.get("/api/v1/audio").json()["items"]
    assert [one["id"] for one in listed] == [other["id"], kept["id"]]
    assert client.get(f"/api/v1/audio/{kept['id']}").json() == kept


def test_the_bare_bytes_may_be_sent_too(client):
    answer = client.post(
        "/api/v1/audio?name=hello.mp3", content=mp3(2), headers={"Content-Type": "audio/mpeg"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "hello.mp3"
    assert answer.json()["url"].endswith(".mp3")


def test_the_same_content_is_kept_once(client, engine):
    first = upload(client)
    again = upload(client, name="another name.wav")
    assert again == first | {"already": True}
    with transaction(engine) as session:
        actions = session.execute(text("SELECT action FROM audit_log")).scalars().all()
    assert actions.count("audio.add") == 1


@pytest.mark.parametrize(
    ("data", "kind", "status", "says"),
    [
        (b"phone\n+12125550100\n", "audio/wav", 422, "not an audio|neither"),
        (b"", "audio/wav", 422, "empty"),
        (WAV, "text/csv", 415, "WAV or MP3"),
        (bytes(MOST_BYTES + 70_000), "audio/wav", 413, "10 MB"),
        (bytes(MOST_BYTES + 1), "audio/wav", 422, "10 MB"),
    ],
)
def test_what_is_no_audio_is_refused_and_nothing_is_kept(client, data, kind, status, says):
    answer = client.post("/api/v1/audio", content=data, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert any(word in answer.json()["detail"] for word in says.split("|"))
    assert client.get("/api/v1/audio").json()["items"] == []


def test_a_form_without_a_file_is_refused(client):
    answer = client.post("/api/v1/audio", files={"note": (None, "no file")})
    assert answer.status_code == 422
    assert "No file was chosen" in answer.json()["detail"]


def test_only_who_runs_campaigns_uploads_and_deletes(app, client):
    kept = upload(client)
    viewer = make_client(app, role="viewer")
    assert viewer.get("/api/v1/audio").status_code == 200
    assert viewer.post("/api/v1/audio", files={"file": ("a.wav", WAV)}).status_code == 403
    assert viewer.delete(f"/api/v1/audio/{kept['id']}").status_code == 403
    assert make_client(app, key=False).get("/api/v1/audio").status_code == 401
    browser = make_browser(app)
    assert upload(browser, wav(3), "mine.wav")["name"] == "mine.wav"


def test_audio_is_served_under_any_name_and_may_be_cached(client, provider):
    kept = upload(client)
    answer = provider.get(kept["url"])
    assert (answer.status_code, answer.content) == (200, WAV)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(WAV))
    assert answer.headers["accept-ranges"] == "bytes"
    assert "immutable" in answer.headers["cache-control"]
    etag = answer.headers["etag"]
    again = provider.get(kept["url"], headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag


def test_head_tells_everything_but_the_bytes(client, provider):
    kept = upload(client)
    answer = provider.head(kept["url"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(WAV))
    assert answer.headers["content-type"] == "audio/wav"


SIZE = len(WAV)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        (f"bytes=0-{SIZE * 2}", 0, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ],
)
def test_a_range_is_served_alone(client, provider, asked, start, end):
    kept = upload(client)
    answer = provider.get(kept["url"], headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, WAV[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 2}-{SIZE * 3}", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(client, provider, asked):
    kept = upload(client)
    answer = provider.get(kept["url"], headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=5-2"},
        {"Range": "bytes=-"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If-Range": '"another content"'},
    ],
)
def test_what_is_no_single_range_of_this_content_is_answered_whole(client, provider, headers):
    kept = upload(client)
    assert provider.get(kept["url"], headers=headers).content == WAV


def test_who_has_no_signed_address_has_nothing(app, client, provider):
    kept = upload(client)
    token, _, extension = kept["url"].removeprefix("/audio/").rpartition(".")
    attempt = app.state.vault.attempt_token(kept["id"])
    changed = f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}"
    for path in (f"1.{extension}", f"{attempt}.wav", f"{changed}.wav", "x.wav", "..%2f1.wav"):
        assert provider.get(f"/audio/{path}").status_code == 404
    assert provider.post(kept["url"]).status_code == 405


def test_a_campaign_keeps_its_audio_and_others_can_go(client, provider, engine):
    kept, free = upload(client), upload(client, wav(2), "free.wav")
    with transaction(engine) as session:
        campaign_id = make_campaign(session, flow=announcement(kept["sha256"]), name="Festival")
    refused = client.delete(f"/api/v1/audio/{kept['id']}")
    assert refused.status_code == 409
    assert "Festival" in refused.json()["detail"]
    assert provider.get(kept["url"]).status_code == 200
    assert client.delete(f"/api/v1/audio/{free['id']}").status_code == 204
    assert provider.get(free["url"]).status_code == 404
    assert client.delete(f"/api/v1/audio/{free['id']}").status_code == 404
    # Once the campaign plays something else, the former version of its flow holds nothing.
    with transaction(engine) as session:
        other = campaigning.store_flow(session, "Festival", announcement_text())
        session.execute(
            text("UPDATE campaigns SET flow_id = :flow WHERE id = :id"),
            {"flow": other.id, "id": campaign_id},
        )
    assert client.delete(f"/api/v1/audio/{kept['id']}").status_code == 204


def announcement_text() -> CallFlow:
    return CallFlow.from_json({"kind": "announcement", "message": "Hello."})


def test_a_campaign_with_audio_that_is_not_there_is_not_created(client):
    answer = client.post(
        "/api/v1/campaigns",
        json={
            "name": "Festival",
            "kind": "announcement",
            "account": "sim",
            "flow": announcement("f" * 64).to_json(),
        },
    )
    assert answer.status_code == 422
    assert "audio that is not there" in answer.json()["detail"]


def test_a_campaign_whose_audio_is_gone_is_not_started(engine):
    with transaction(engine) as session:
        make_account(session)
        campaign_id = make_campaign(session, "draft")
        make_recipient(session, campaign_id, 1)
        flow = Flow(name="old", version=1, definition=announcement("e" * 64).to_json())
        session.add(flow)
        session.flush()
        session.execute(
            text("UPDATE campaigns SET flow_id = :flow WHERE id = :id"),
            {"flow": flow.id, "id": campaign_id},
        )
    with (
        pytest.raises(InvalidInput, match="audio that is not there"),
        transaction(engine) as session,
    ):
        campaigning.start_campaign(session, campaign_id, database_now(session))


def test_a_preview_knows_audio_by_name(client):
    kept = upload(client)
    flow = CallFlow.from_json(
        {"kind": "announcement", "message": [{"audio": kept["sha256"]}, "Dear {name}."]}
    )
    answer = client.post(
        "/api/v1/flows/preview", json={"flow": flow.to_json(), "fields": {"name": "Ada"}}
    )
    assert answer.json()["human"] == ["[audio: greeting.wav, 12 s]", "Dear Ada."]


def test_the_shelf_forgets_what_was_not_played_for_longest():
    reads: list[str] = []

    def reader(name: str, size: int) -> Any:
        def read() -> bytes:
            reads.append(name)
            return name.encode() * size

        return read

    shelf = Shelf(most_bytes=100)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert shelf.get(name, reader(name, 40)) == name.encode() * 40
    assert reads == ["a", "b", "c", "b"]
    assert shelf.get("big", reader("big", 100)) == b"big" * 100
    assert len(reads) == 5
