"""A key may ask so often in a minute, and is told when it may ask again."""

import pytest

from tests.integration.reporting.served import make_app, make_client


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path, api_rate=3)


def test_a_key_over_its_rate_is_told_when_to_ask_again(app):
    client = make_client(app)
    for _ in range(3):
        assert client.get("/api/v1/accounts").status_code == 200
    refused = client.get("/api/v1/accounts")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["content-type"] == "application/problem+json"
    assert "3 times a minute" in refused.json()["detail"]


def test_keys_are_counted_apart(app):
    busy, calm = make_client(app), make_client(app)
    for _ in range(4):
        busy.get("/api/v1/accounts")
    assert busy.get("/api/v1/accounts").status_code == 429
    assert calm.get("/api/v1/accounts").status_code == 200


def test_a_refused_request_changes_nothing(app):
    client = make_client(app)
    for _ in range(3):
        client.get("/api/v1/accounts")
    refused = client.post("/api/v1/opt-outs", json={"number": "+12025550143"})
    assert refused.status_code == 429
    assert make_client(app).get("/api/v1/opt-outs").json()["items"] == []
