"""A POST with an Idempotency-Key has its effect once, however often it is sent."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns import idempotency
from campaigns.db import database_now, transaction
from campaigns.errors import NotAllowed
from tests.integration.reporting.served import make_client
from workers import scheduler

DRAFT = {"name": "Once", "kind": "announcement", "account": "simulator", "message": "Hello {name}."}
KEY = {"Idempotency-Key": "a-key"}


def campaigns_called(engine, name):
    with engine.connect() as connection:
        counted = text("SELECT count(*) FROM campaigns WHERE name = :name")
        return connection.execute(counted, {"name": name}).scalar_one()


def test_a_repetition_gets_the_first_answer_and_changes_nothing(client, running, engine):
    draft = DRAFT | {"account": _account(client)}
    first = client.post("/api/v1/campaigns", json=draft, headers=KEY)
    again = client.post("/api/v1/campaigns", json=draft, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert campaigns_called(engine, "Once") == 1


def test_the_key_of_another_request_is_refused(client, running, engine):
    draft = DRAFT | {"account": _account(client)}
    client.post("/api/v1/campaigns", json=draft, headers=KEY)
    other = client.post("/api/v1/campaigns", json=draft | {"name": "Other"}, headers=KEY)
    assert other.status_code == 422
    assert "another request" in other.json()["detail"]
    assert campaigns_called(engine, "Other") == 0


def test_a_refused_request_may_be_sent_again_with_the_same_key(client, running):
    account = _account(client)
    wrong = DRAFT | {"account": "nobody"}
    assert client.post("/api/v1/campaigns", json=wrong, headers=KEY).status_code == 404
    right = client.post("/api/v1/campaigns", json=DRAFT | {"account": account}, headers=KEY)
    assert right.status_code == 201


def test_keys_of_different_senders_are_different(app, client, running, engine):
    draft = DRAFT | {"account": _account(client)}
    other = make_client(app)
    assert client.post("/api/v1/campaigns", json=draft, headers=KEY).status_code == 201
    assert other.post("/api/v1/campaigns", json=draft, headers=KEY).status_code == 201
    assert campaigns_called(engine, "Once") == 2


def test_many_at_once_have_one_effect(app, client, running, engine):
    draft = DRAFT | {"account": _account(client)}
    answers = []

    def send() -> None:
        answers.append(client.post("/api/v1/campaigns", json=draft, headers=KEY))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    assert campaigns_called(engine, "Once") == 1


def test_an_effect_whose_answer_was_lost_is_not_had_again(client, running, engine):
    draft = DRAFT | {"account": _account(client)}
    client.post("/api/v1/campaigns", json=draft, headers=KEY)
    with engine.begin() as connection:  # as if the process had died before it kept the answer
        connection.execute(text("UPDATE idempotent_requests SET status = NULL, body = NULL"))
    again = client.post("/api/v1/campaigns", json=draft, headers=KEY)
    assert again.status_code == 409
    assert "carried out before" in again.json()["detail"]
    assert campaigns_called(engine, "Once") == 1


def test_a_dead_request_is_taken_over_and_its_ghost_changes_nothing(engine):
    with transaction(engine) as session:
        now = database_now(session)
        ghost = idempotency.claim(session, b"me", "k", b"f", now - timedelta(minutes=10))
    with transaction(engine) as session:
        heir = idempotency.claim(session, b"me", "k", b"f", now)
    assert isinstance(heir, idempotency.Claim)
    assert isinstance(ghost, idempotency.Claim)
    with transaction(engine) as session:
        idempotency.note_effect(session, heir)
    with pytest.raises(NotAllowed, match="took too long"), transaction(engine) as session:
        idempotency.note_effect(session, ghost)


def test_old_requests_are_forgotten(client, running, engine):
    client.post("/api/v1/campaigns", json=DRAFT | {"account": _account(client)}, headers=KEY)
    with transaction(engine) as session:
        now = database_now(session)
        assert idempotency.sweep_requests(session, now) == 0
        assert idempotency.sweep_requests(session, now + timedelta(hours=25)) == 1


def test_the_scheduler_forgets_what_is_older_than_a_day(client, running, engine, monkeypatch):
    client.post("/api/v1/campaigns", json=DRAFT | {"account": _account(client)}, headers=KEY)
    config = client.app.state.settings
    monkeypatch.setattr(scheduler, "vault", lambda: client.app.state.vault)
    monkeypatch.setattr(scheduler, "engine_for", lambda *_, **__: engine)
    process = scheduler.SchedulerProcess(config)
    rows = text("SELECT count(*) FROM idempotent_requests")
    for older, left in (("0 hours", 1), ("25 hours", 0)):
        with transaction(engine) as session:
            moved = text("UPDATE idempotent_requests SET created_at = now() - CAST(:i AS interval)")
            session.execute(moved, {"i": older})
        process.tidy()
        with transaction(engine) as session:
            assert session.execute(rows).scalar_one() == left


def test_a_bad_key_is_refused(client, running):
    draft = DRAFT | {"account": _account(client)}
    answer = client.post("/api/v1/campaigns", json=draft, headers={"Idempotency-Key": "k" * 300})
    assert answer.status_code == 422


def _account(client):
    return client.get("/api/v1/accounts").json()["items"][0]["name"]
