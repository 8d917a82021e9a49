"""Status callbacks: their bodies, their order, their tries, and what can go wrong with them."""

from urllib.parse import parse_qs

import pytest
from signalwire.core.security.webhook_validator import validate_webhook_signature_sha256

from simulator.callbacks import with_wrong_token

NUMBER = "+12125550100"
BUSY = "+12125550185"
HOOK = "/hooks/signalwire/token-1234"


def test_the_nested_envelope(carrier, product):
    carrier.dial(BUSY, product)
    row = carrier.ended()
    hook = product.at(HOOK)[0]
    assert hook.headers["content-type"] == "application/json"
    event = hook.json
    assert event["event_type"] == "calling.call.state"
    assert event["project_id"] == "test-project"
    assert isinstance(event["timestamp"], float)
    params = event["params"]
    assert (params["call_id"], params["segment_id"]) == (row["call_id"], row["call_id"])
    assert (params["call_state"], params["end_reason"]) == ("ended", "busy")
    numbers = {"from_number": "+12025550199", "to_number": BUSY}
    assert params["device"] == {"type": "phone", "params": numbers}
    assert "x-signalwire-signature" not in hook.headers


def test_other_readings_of_the_body(carrier, product):
    carrier.knobs(callback_body="flat", end_reasons="swml")
    carrier.dial("+12125550175", product)
    carrier.ended()
    flat = product.at(HOOK)[-1].json
    assert (flat["status"], flat["end_reason"], flat["to"]) == (
        "ended",
        "no_answer",
        "+12125550175",
    )
    carrier.knobs(callback_body="form", end_reasons="rest")
    carrier.dial("+12125550190", product)
    carrier.ended()
    hook = product.at(HOOK)[-1]
    assert hook.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(hook.body.decode())
    assert (form["status"], form["end_reason"]) == (["ended"], ["decline"])


def test_times_may_be_told(carrier, product):
    carrier.knobs(callback_times=True)
    carrier.dial(NUMBER, product)
    carrier.ended()
    params = product.at(HOOK)[-1].json["params"]
    assert params["start_time"] <= params["answer_time"] <= params["end_time"]


def test_signed_callbacks_satisfy_the_official_validator(carrier, product):
    carrier.knobs(sign_callbacks=True)
    carrier.dial(BUSY, product)
    carrier.ended()
    hook = product.at(HOOK)[0]
    signature = hook.headers["x-signalwire-sha256-signature"]
    url = f"{product.url}{hook.path}"
    assert validate_webhook_signature_sha256("PSK_test", signature, url, hook.body.decode())


def test_a_failing_callback_is_tried_three_times(carrier, product, reply, wait_until):
    carrier.knobs(callback_retry_pause=0.02)
    product.pages[HOOK] = reply(status=500)
    carrier.dial(BUSY, product)
    wait_until(lambda: len(product.at(HOOK)) == 3)
    note = carrier.ended()["events_sent"][0]
    assert (note["tries"], note["ok"], note["status"]) == (3, False, 500)


def test_a_callback_that_gets_through_is_not_repeated(carrier, product, reply):
    carrier.knobs(callback_retry_pause=0.02)
    product.pages[HOOK] = [reply(status=503), reply()]
    carrier.dial(BUSY, product)
    row = carrier.row_when(lambda row: row["events_sent"] and row["events_sent"][0]["ok"])
    assert row["events_sent"][0]["tries"] == 2


def test_nobody_listens(carrier):
    carrier.knobs(callback_retry_pause=0.0)
    nowhere = "http://127.0.0.1:9/hook"
    carrier.dial(BUSY, url=nowhere, status_url=nowhere)
    row = carrier.row_when(lambda row: row["events_sent"] and row["events_sent"][0]["tries"] == 3)
    assert row["events_sent"][0] | {"at": ""} == {
        "event": "ended",
        "at": "",
        "tries": 3,
        "ok": False,
        "status": None,
        "fault": None,
    }


def test_a_slow_product_keeps_the_order(carrier, product, reply):
    product.pages[HOOK] = [reply(pause=0.4), reply()]
    carrier.dial(NUMBER, product)
    carrier.ended()
    assert product.states() == ["ringing", "answered", "ended"]


def test_no_status_url_no_callback(carrier, product):
    carrier.dial(BUSY, product, status_url=None)
    assert carrier.ended()["events_sent"] == []


def test_duplicates(carrier, product):
    carrier.knobs(duplicate=1.0)
    carrier.dial(BUSY, product)
    row = carrier.ended()
    assert [note["fault"] for note in row["events_sent"]] == [None, "duplicate"]
    first, second = product.at(HOOK)
    assert first.body == second.body
    assert carrier.faults() == {"duplicate": 1}


def test_reordering(carrier, product):
    carrier.knobs(reorder=1.0, at_most={"reorder": 1})
    carrier.dial(NUMBER, product)
    row = carrier.ended()
    assert product.states() == ["answered", "ringing", "ended"]
    assert row["events_sent"][0]["fault"] == "reorder"


def test_everything_held_back_arrives_in_the_end(carrier, product):
    carrier.knobs(reorder=1.0)
    carrier.dial(NUMBER, product)
    carrier.ended()
    assert product.states()[0] == "ended"
    assert sorted(product.states()) == ["answered", "ended", "ringing"]


@pytest.mark.parametrize(
    ("knob", "told", "lost"),
    [
        ("lose", [], 3),
        ("lose_ended", ["ringing", "answered"], 1),
        ("lose_all", [], 1),
    ],
)
def test_losses(carrier, product, knob, told, lost):
    carrier.knobs(**{knob: 1.0})
    carrier.dial(NUMBER, product)
    row = carrier.ended()
    assert product.states() == told
    assert carrier.faults() == {knob: lost}
    assert [note["event"] for note in row["events_sent"]] == ["ringing", "answered", "ended"]
    assert row["heard"] == ["Hello."]


def test_late_callbacks_do_not_hold_up_others(carrier, product, wait_until):
    carrier.knobs(late=3.0, at_most={"late": 1})
    carrier.dial(NUMBER, product)
    wait_until(lambda: len(product.at(HOOK)) == 3)
    assert product.states() == ["answered", "ended", "ringing"]
    assert carrier.faults() == {"late": 1}


def test_forgeries_come_with_a_wrong_token_and_with_a_wrong_signature(carrier, product, reply):
    def only_the_token(request):
        return reply(status=200 if request.path == HOOK else 401)

    product.pages["/hooks/signalwire/token-BAAA"] = only_the_token
    product.pages["/hooks/signalwire/token-AAAA"] = only_the_token
    carrier.knobs(forge=1.0)
    carrier.dial(NUMBER, product, status_events=["answered"])
    row = carrier.ended()
    notes = {note["fault"]: note["ok"] for note in row["events_sent"]}
    assert notes == {None: True, "forge_token": False, "forge_signature": True}
    assert carrier.summary()["forgeries_accepted"] == 1
    elsewhere = next(hook for hook in product.at("/hooks") if hook.path != HOOK)
    assert elsewhere.path.startswith("/hooks/signalwire/token-")
    assert elsewhere.json["params"]["end_reason"] == "busy"
    signature = elsewhere.headers["x-signalwire-sha256-signature"]
    url, body = f"{product.url}{elsewhere.path}", elsewhere.body.decode()
    assert validate_webhook_signature_sha256("PSK_test", signature, url, body)
    assert {"0" * 64} <= {
        hook.headers.get("x-signalwire-sha256-signature") for hook in product.at(HOOK)
    }


def test_a_huge_callback(carrier, product):
    carrier.knobs(huge=1.0)
    carrier.dial(BUSY, product)
    carrier.ended()
    assert sorted(len(hook.body) > 1_000_000 for hook in product.at(HOOK)) == [False, True]


def test_bursts(carrier, product, wait_until):
    carrier.knobs(burst=3600.0)
    for _ in range(8):
        carrier.dial(BUSY, product)
    wait_until(lambda: carrier.faults().get("burst", 0) > 4)
    carrier.knobs(burst=0.5)
    wait_until(lambda: carrier.summary()["callbacks_accepted"] == 8)
    assert len(product.at(HOOK)) == 8


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://127.0.0.1/hooks/x/abcdef", "http://127.0.0.1/hooks/x/abAAAA"),
        ("http://127.0.0.1/hooks/x/abAAAA?q=/1#/2", "http://127.0.0.1/hooks/x/abBBBB?q=/1#/2"),
        ("http://127.0.0.1/", "http://127.0.0.1/forged"),
    ],
)
def test_wrong_tokens_differ(url, wrong):
    assert with_wrong_token(url) == wrong
