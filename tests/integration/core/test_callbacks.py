"""What providers tell us and fetch from us, through the real routes."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import text

from campaigns import callbacks
from campaigns.db import engine_for, transaction
from campaigns.models import Attempt, Campaign
from campaigns.store.call_status import lock_attempt
from tests.factories import SECRET, make_attempt, make_recipient
from tests.integration.core.callers import Caller, provider_app, signed, state
from tests.integration.core.conftest import Bench

HANG_UP: list[dict[str, Any]] = [{"hangup": {}}]
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"


def swml_schema() -> Any:
    spec = find_spec("signalwire")
    assert spec is not None
    assert spec.origin is not None
    return json.loads((Path(spec.origin).parent / "schema.json").read_text())


SWML = Draft202012Validator(swml_schema())


@pytest.fixture
def caller(bench: Bench) -> Caller:
    return Caller(bench.engine)


@pytest.fixture
def attempt(bench: Bench, campaign: Campaign) -> Attempt:
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing"))


def everything(bench: Bench) -> list[Any]:
    tables = ("attempts", "call_events", "opt_outs", "responses", "recipients", "accounts")
    return [bench.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def test_an_event_is_stored_as_it_came_and_applied(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    payload = state("ringing", note="\N{SNOWMAN}")
    assert caller.hook(attempt.id, payload) == 204
    assert bench.attempt(attempt.id).status == "ringing"
    (row,) = bench.rows("SELECT * FROM call_events")
    assert json.loads(row.raw) == payload
    assert (row.source, row.kind, row.verdict) == ("webhook", "ringing", "applied")


def test_the_same_event_again_is_answered_well_and_does_nothing(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    assert caller.hook(attempt.id, state("ended", end_reason="busy")) == 204
    before = everything(bench)
    for _ in range(3):
        assert caller.hook(attempt.id, state("ended", end_reason="busy")) == 204
    assert everything(bench) == before


def test_an_event_before_the_answer_to_the_post_finds_its_attempt(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    assert bench.attempt(attempt.id).provider_call_id is None
    caller.hook(attempt.id, state("answered", "call-9"))
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id) == ("in_progress", "call-9")


BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "no object": b"[1, 2]",
    "empty list": b"[]",
    "empty object": b"{}",
    "number": b"17",
    "not UTF-8": b"\xff\xfe\x00",
    "deep": b"[" * 5000 + b"]" * 5000,
    "NaN": b'{"call_id": NaN}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_garbage_is_refused_and_leaves_nothing(
    bench: Bench, caller: Caller, attempt: Attempt, body: bytes
) -> None:
    before = everything(bench)
    assert caller.hook(attempt.id, body) == 400
    assert everything(bench) == before


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 204), (64 * 1024 + 1, 413)])
def test_a_body_has_at_most_64_kilobytes(
    bench: Bench, caller: Caller, attempt: Attempt, size: int, status: int
) -> None:
    start = json.dumps(state("ringing"))[:-1].encode() + b', "padding": "'
    body = start + b"x" * (size - len(start) - 2) + b'"}'
    assert len(body) == size
    assert caller.hook(attempt.id, body) == status
    assert bench.attempt(attempt.id).status == ("ringing" if status == 204 else "dialing")


@pytest.mark.parametrize("path", ["/hooks/signalwire/{}", "/flows/{}", "/flows/{}/keys/9"])
@pytest.mark.parametrize(
    "token", ["x", "1", "1.abc", "WzFd.abc", "%00", "a" * 3000, "..%2f..", "\N{SNOWMAN}"]
)
def test_a_token_that_we_did_not_sign_is_nowhere(
    bench: Bench, caller: Caller, attempt: Attempt, path: str, token: str
) -> None:
    before = everything(bench)
    assert caller.post(path.format(token), state("ringing")) == 404
    assert everything(bench) == before


def test_a_changed_token_is_not_another_attempt(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    value, _, signature = caller.token(attempt.id).partition(".")
    other = caller.token(attempt.id + 1).partition(".")[0]
    assert caller.post(f"/hooks/signalwire/{other}.{signature}", state("ringing")) == 404
    assert caller.post(f"/hooks/signalwire/{value}.", state("ringing")) == 404


def test_a_good_token_for_an_attempt_that_is_not_there_is_nowhere(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    """After a backup was put back, say."""
    assert caller.hook(attempt.id + 1000, state("ringing")) == 404
    assert caller.flow(attempt.id + 1000)[0] == 404
    assert bench.rows("SELECT * FROM call_events") == []


def test_another_provider_is_nowhere(caller: Caller, attempt: Attempt) -> None:
    assert caller.post(f"/hooks/elsewhere/{caller.token(attempt.id)}", state("ringing")) == 404


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda headers: headers, 204),
        (lambda headers: dict.fromkeys(headers, "0" * 64), 401),
        (lambda headers: dict.fromkeys(headers, ""), 401),
        (lambda headers: {}, 204),  # providers sign only some callbacks; the token stands alone
    ],
)
def test_a_signature_that_is_there_must_fit(
    bench: Bench, caller: Caller, attempt: Attempt, spoil: Any, status: int
) -> None:
    body = json.dumps(state("ringing")).encode()
    path = f"/hooks/signalwire/{caller.token(attempt.id)}"
    before = everything(bench)
    assert caller.post(path, body, **spoil(signed(path, body))) == status
    assert (everything(bench) == before) is (status == 401)


def test_a_signature_over_another_body_does_not_fit(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    path = f"/hooks/signalwire/{caller.token(attempt.id)}"
    assert caller.post(path, state("ringing"), **signed(path, b"{}")) == 401
    keys = f"/flows/{caller.token(attempt.id)}/keys/9"
    assert caller.post(keys, {"digit": "9"}, **signed(keys, b"{}")) == 401
    assert bench.rows("SELECT * FROM opt_outs") == []


def test_many_events_in_one_body_are_all_taken(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    assert caller.hook(attempt.id, [state("ringing"), state("ended", end_reason="busy")]) == 204
    assert bench.attempt(attempt.id).disposition == "busy"


def test_an_event_of_a_cancelled_attempt_asks_for_the_calls_recall(
    bench: Bench, caller: Caller, campaign: Campaign
) -> None:
    given_up = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "cancelled"))
    assert caller.hook(given_up.id, state("ringing")) == 204
    assert caller.hints.recalled == [given_up.id]
    assert bench.value("SELECT status FROM accounts") == "paused"


@pytest.mark.parametrize(
    "path", ["/hooks/signalwire/{}", "/flows/{}", "/flows/{}/keys/9", "/flows/{}/said/9"]
)
def test_without_a_database_nothing_is_answered_well(
    bench: Bench, path: str, caller: Caller, attempt: Attempt
) -> None:
    away = engine_for(UNREACHABLE, pool_size=1)
    lost = Caller(away)
    token = caller.token(attempt.id)
    assert lost.post(path.format(token), state("ringing")) >= 500
    assert lost.get("/readyz")[0] == 503
    away.dispose()


def main_of(document: Any) -> Any:
    SWML.validate(document)
    return document["sections"]["main"]


def test_a_live_attempts_document_says_what_the_campaign_says(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    status, document = caller.flow(attempt.id, payload={"call": {"call_id": "call-1"}})
    assert status == 200
    steps = main_of(document)
    assert any("Elm Street Dental" in json.dumps(step) for step in steps)
    key = f"https://public.example/flows/{caller.token(attempt.id)}/keys/9"
    assert key in json.dumps(document)
    assert bench.attempt(attempt.id).provider_call_id == "call-1"


@pytest.mark.parametrize(
    "void",
    [
        "UPDATE attempts SET status = 'ended', disposition = 'busy', ended_at = now()",
        "UPDATE attempts SET status = 'cancelled', cancel_reason = 'not_placed', spent = false, "
        "ended_at = now()",
        "UPDATE attempts SET recall_requested_at = now()",
        "INSERT INTO opt_outs (number, source) SELECT number, 'api' FROM attempts",
    ],
)
def test_a_void_attempts_document_only_hangs_up(
    bench: Bench, caller: Caller, attempt: Attempt, void: str
) -> None:
    bench.rows(void)
    status, document = caller.flow(attempt.id)
    assert status == 200
    assert main_of(document) == HANG_UP


def test_a_pause_does_not_silence_a_call_that_rings(
    bench: Bench, caller: Caller, campaign: Campaign, attempt: Attempt
) -> None:
    bench.set("campaigns", campaign.id, status="paused")
    assert main_of(caller.flow(attempt.id)[1]) != HANG_UP


def test_a_fetch_for_a_call_that_was_given_up_is_an_incident(
    bench: Bench, caller: Caller, campaign: Campaign
) -> None:
    given_up = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "cancelled"))
    status, document = caller.flow(given_up.id, payload={"call": {"call_id": "call-7"}})
    assert (status, main_of(document)) == (200, HANG_UP)
    assert caller.hints.recalled == [given_up.id]
    assert bench.attempt(given_up.id).provider_call_id == "call-7"


@pytest.mark.parametrize("payload", [{}, {"call": 3}, {"call": {"call_id": 4}}, [], "x", None])
def test_a_fetch_that_does_not_name_its_call_is_served_all_the_same(
    bench: Bench, caller: Caller, attempt: Attempt, payload: Any
) -> None:
    status, document = caller.flow(attempt.id, payload=payload)
    assert status == 200
    assert main_of(document) != HANG_UP
    assert bench.attempt(attempt.id).provider_call_id is None


def test_a_key_is_stored_with_its_meaning(bench: Bench, caller: Caller, attempt: Attempt) -> None:
    assert caller.flow(attempt.id, "/keys/1") == (200, {"recorded": "confirm"})
    assert caller.flow(attempt.id, "/keys/1")[0] == 200  # the document asks until it is told
    (row,) = bench.rows("SELECT * FROM responses")
    assert (row.attempt_id, row.digit, row.meaning) == (attempt.id, "1", "confirm")
    assert bench.rows("SELECT * FROM opt_outs") == []


@pytest.mark.parametrize("digit", ["7", "99", "x", "%20", "9%00", "*"])
@pytest.mark.parametrize("kind", ["keys", "said"])
def test_a_key_without_a_meaning_is_nowhere(
    bench: Bench, caller: Caller, attempt: Attempt, kind: str, digit: str
) -> None:
    assert caller.flow(attempt.id, f"/{kind}/{digit}")[0] == 404
    assert bench.rows("SELECT * FROM responses") == []


@pytest.mark.parametrize("status", ["dialing", "ringing", "in_progress", "ended"])
def test_an_opt_out_is_committed_before_anybody_hears_of_it(
    bench: Bench,
    caller: Caller,
    campaign: Campaign,
    status: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), status))
    seen: list[list[Any]] = []
    render = callbacks.reply_document

    def look_first(*args: Any) -> Any:
        seen.append(bench.rows("SELECT number, source FROM opt_outs"))  # on another connection
        return render(*args)

    monkeypatch.setattr(callbacks, "reply_document", look_first)
    code, document = caller.flow(attempt.id, "/said/9")  # its report of the key was lost
    assert code == 200
    assert seen == [[(attempt.number, "keypress")]]
    assert "You will not be called again" in json.dumps(main_of(document))


def test_an_opt_out_by_key_recalls_the_persons_other_call_and_not_this_one(
    bench: Bench, caller: Caller, campaign: Campaign, attempt: Attempt
) -> None:
    twin = bench.run(
        lambda s: make_attempt(
            s,
            make_recipient(s, campaign, numbers=["+12015550190", attempt.number]),
            "ringing",
            number="+12015550190",
        )
    )
    assert caller.flow(attempt.id, "/keys/9")[0] == 200
    assert caller.hints.recalled == [twin.id]
    assert bench.attempt(attempt.id).recall_requested_at is None


def test_health_names_this_installation_and_readiness_asks_the_database(
    bench: Bench, caller: Caller
) -> None:
    assert caller.get("/healthz") == (
        200,
        {"status": "ok", "instance": provider_app(bench.engine).state.vault.instance},
    )
    assert caller.get("/readyz") == (200, {"ready": True})
    assert SECRET not in json.dumps(caller.get("/healthz")[1])


@pytest.mark.parametrize("call_id", ["a\0b", "", 7])
def test_a_fetch_with_a_senseless_call_id_is_answered(
    bench: Bench, caller: Caller, attempt: Attempt, call_id: Any
) -> None:
    status, document = caller.flow(attempt.id, payload={"call": {"call_id": call_id}})
    assert (status, "sections" in document) == (200, True)
    assert bench.attempt(attempt.id).provider_call_id is None


def test_the_callee_hears_the_document_while_somebody_holds_the_attempt(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    with transaction(bench.engine) as holding:
        holding.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        lock_attempt(holding, attempt.id)
        status, document = caller.flow(attempt.id, payload={"call": {"call_id": "call-1"}})
    assert (status, document["sections"]["main"] == HANG_UP) == (200, False)
    assert bench.value("SELECT applied_at FROM call_events") is None


def test_it_is_noted_once_when_something_was_first_said(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    bench.rows("UPDATE attempts SET served_at = NULL")
    caller.flow(attempt.id)
    first = bench.attempt(attempt.id).served_at
    assert first is not None
    caller.flow(attempt.id)
    assert bench.attempt(attempt.id).served_at == first


def test_a_document_that_only_hangs_up_says_nothing(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    bench.rows(
        "UPDATE attempts SET served_at = NULL, recall_requested_at = now(), recall_reason = 'stop'"
    )
    assert caller.flow(attempt.id)[0] == 200
    assert bench.attempt(attempt.id).served_at is None


def test_a_callee_hears_the_document_even_if_that_cannot_be_noted(
    bench: Bench, caller: Caller, attempt: Attempt
) -> None:
    bench.rows("UPDATE attempts SET served_at = NULL, provider_call_id = 'call-1'")
    with bench.engine.connect() as holding:
        holding.execute(
            text("SELECT 1 FROM attempts WHERE id = :id FOR UPDATE"), {"id": attempt.id}
        )
        status, document = caller.flow(attempt.id)
    assert status == 200
    assert "Elm Street Dental" in json.dumps(document)
    assert bench.attempt(attempt.id).served_at is None
