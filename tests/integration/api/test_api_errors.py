"""Errors have one shape, say what happened, and give nothing away."""

import pytest
from httpx2 import Response
from psycopg.errors import IdleInTransactionSessionTimeout, InFailedSqlTransaction
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from campaigns.db import engine_for, transaction
from tests.integration.reporting.served import make_client


def check_problem(answer: Response, status: int) -> str:
    """The answer is a problem document of this status; returns its detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["detail"]
    assert "Traceback" not in answer.text
    return str(body["detail"])


PATHS = [
    ("get", "/accounts"),
    ("post", "/accounts"),
    ("get", "/campaigns"),
    ("get", "/campaigns/1"),
    ("post", "/campaigns/1/stop"),
    ("get", "/campaigns/1/recipients.csv"),
    ("post", "/imports?campaign_id=1"),
    ("get", "/opt-outs"),
    ("post", "/opt-outs"),
    ("post", "/test-calls"),
    ("get", "/recipients/1"),
    ("get", "/attempts/1"),
    ("get", "/events"),
    ("get", "/flows"),
]


@pytest.mark.parametrize(("verb", "path"), PATHS)
def test_nothing_is_answered_without_a_key(stranger, verb, path):
    answer = stranger.request(verb, f"/api/v1{path}", headers={"Content-Type": "text/csv"})
    check_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    ["Bearer odk_wrong", "Basic b2RrOg==", "odk_x", "Bearer ", "Bearer odk_" + "x" * 5000],
)
def test_a_wrong_key_opens_nothing(stranger, header):
    answer = stranger.get("/api/v1/campaigns", headers={"Authorization": header})
    check_problem(answer, 401)


def test_a_revoked_key_opens_nothing(client, engine):
    assert client.get("/api/v1/campaigns").status_code == 200
    with transaction(engine) as session:
        session.execute(text("UPDATE api_keys SET revoked_at = now()"))
    check_problem(client.get("/api/v1/campaigns"), 401)


def test_the_use_of_a_key_is_noted_and_the_key_itself_is_not_stored(client, engine):
    client.get("/api/v1/campaigns")
    token = client.headers["Authorization"].removeprefix("Bearer ")
    with transaction(engine) as session:
        row = session.execute(text("SELECT * FROM api_keys")).one()
    assert row.last_used_at is not None
    assert token.startswith(row.prefix)
    assert token not in str(row)


@pytest.mark.parametrize(
    "path",
    ["/campaigns/99", "/campaigns/99/report", "/recipients/99", "/attempts/99", "/imports/99"],
)
def test_what_is_not_there_is_404(client, path):
    assert "99" in check_problem(client.get(f"/api/v1{path}"), 404)


def test_an_unknown_address_is_404_in_the_same_shape(client):
    check_problem(client.get("/api/v1/nonsense"), 404)
    check_problem(client.delete("/api/v1/campaigns"), 405)


@pytest.mark.parametrize(
    "path",
    [
        "/campaigns/0",
        "/campaigns/-1",
        "/campaigns/9223372036854775808",
        "/campaigns/abc",
        "/campaigns?limit=0",
        "/campaigns?limit=100000",
        "/campaigns?status=sleeping",
    ],
)
def test_impossible_ids_and_limits_are_422(client, path):
    check_problem(client.get(f"/api/v1{path}"), 422)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"name": 3}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"name": "x", "kind": "announcement", "account": "sim", "message": "\\ud800"}',
        b'{"weight": ' + b"9" * 5000 + b"}",
    ],
)
def test_bad_json_is_refused_in_the_same_shape(client, running, body):
    answer = client.post(
        "/api/v1/campaigns", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    check_problem(answer, answer.status_code)


def test_a_nul_character_is_refused_and_nothing_is_stored(client, running):
    body = {"name": "a\0b", "kind": "announcement", "account": "sim", "message": "Hello."}
    check_problem(client.post("/api/v1/campaigns", json=body), 422)
    assert len(client.get("/api/v1/campaigns").json()["items"]) == 1


def test_a_body_that_is_too_large_is_413_before_anything_is_parsed(client):
    answer = client.post(
        "/api/v1/opt-outs",
        content=b'{"evidence": "' + b"x" * 1_100_000 + b'"}',
        headers={"Content-Type": "application/json"},
    )
    check_problem(answer, 413)


def test_a_database_that_is_away_is_503(app):
    client = make_client(app)
    app.state.engine = engine_for("postgresql://nobody@127.0.0.1:1/nothing")
    answer = client.get("/api/v1/campaigns")
    check_problem(answer, 503)
    assert "nobody" not in answer.text
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(IdleInTransactionSessionTimeout(), 503), (InFailedSqlTransaction(), 500)],
)
def test_a_transaction_that_the_database_gave_up_is_503(client, monkeypatch, trouble, status):
    def broken(*_args):
        raise InternalError("COMMIT", {}, trouble)

    monkeypatch.setattr("campaigns.reporting.list_accounts", broken)
    check_problem(client.get("/api/v1/accounts"), status)


def test_a_fault_of_ours_tells_nothing_about_itself(app, client, monkeypatch):
    def broken(*_args):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("campaigns.reporting.list_accounts", broken)
    answer = client.get("/api/v1/accounts")
    check_problem(answer, 500)
    assert "secret" not in answer.text


def test_a_lock_that_is_not_given_is_503_and_nothing_changed(client, engine, running):
    with transaction(engine) as other:
        other.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        other.execute(text("SELECT 1 FROM campaigns FOR UPDATE"))
        check_problem(client.post(f"/api/v1/campaigns/{running}/pause"), 503)
    assert client.get(f"/api/v1/campaigns/{running}").json()["campaign"]["status"] == "running"
