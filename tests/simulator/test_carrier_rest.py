"""The REST surface, driven by the official client and by hand."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signalwire.rest import RestClient
from signalwire.rest._base import SignalWireRestError

NUMBER = "+12125550100"
CALLER = "+12025550199"


@pytest.fixture
def ringing(carrier, product):
    """A call that rings until somebody stops it."""
    carrier.dial("+12125550175", product, timeout=600)
    return carrier.row_when(lambda row: row["ringing_at"])["call_id"]


@pytest.fixture
def answered(carrier, product, document):
    """A call that was answered and stays so."""
    product.pages["/flows/token-1234"] = document({"play": {"url": "say: Hello."}}, {"sleep": -1})
    carrier.dial(NUMBER, product)
    return carrier.row_when(lambda row: row["heard"])["call_id"]


def refusal(error: Any) -> tuple[int, list[str]]:
    return error.value.status_code, [item["code"] for item in error.value.body["errors"]]


def test_the_official_client_dials(sdk, carrier, product):
    leg = sdk.calling.dial(
        from_=CALLER,
        to=NUMBER,
        url=f"{product.url}/flows/token-1234",
        status_url=f"{product.url}/hooks/token-1234",
        status_events=["ringing", "answered", "ended"],
        extras={"timeout": 20, "custom_variables": {"name": "Ada"}},
    )
    row = carrier.ended()
    assert leg["id"] == row["call_id"]
    assert (leg["from"], leg["to"], leg["direction"]) == (CALLER, NUMBER, "outbound-api")
    assert leg["type"] == "relay_pstn_call"
    assert product.states() == ["ringing", "answered", "ended"]
    assert row["custom_variables"] == {"name": "Ada"}


def test_the_official_client_sees_validation_errors(sdk, product):
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.dial(from_=CALLER, to="5550100", url=f"{product.url}/flows/x")
    assert refusal(error) == (422, ["not_e164"])
    item = error.value.body["errors"][0]
    assert set(item) == {"type", "code", "message", "attribute", "url"}
    assert (item["type"], item["attribute"]) == ("validation_error", "to")


def test_wrong_credentials_are_refused_and_written_down(carrier):
    host = carrier.url.removeprefix("http://")
    stranger = RestClient(project="test-project", token="wrong", host=host)
    with pytest.raises(SignalWireRestError) as error:
        stranger.calling.dial(from_=CALLER, to=NUMBER, url="http://127.0.0.1/x")
    assert (error.value.status_code, error.value.body) == (401, {"error": "Unauthorized"})
    row = carrier.rows()[-1]
    assert (row["project"], row["http_status"], row["accepted"]) == ("test-project", 401, False)
    with pytest.raises(SignalWireRestError) as error:
        stranger.logs.voice.list()
    assert error.value.status_code == 401


def test_the_official_client_ends_calls(sdk, carrier, ringing):
    sdk.calling.end(ringing, reason="busy")
    assert carrier.ended()["end_reason"] == "busy"
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.end(ringing)
    assert refusal(error) == (422, ["cannot_update_completed"])


def test_update_cancels_only_before_the_answer(sdk, carrier, ringing):
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.update(id=ringing, status="completed")
    assert refusal(error) == (422, ["call_update_failed"])
    assert sdk.calling.update(id=ringing, status="canceled")["id"] == ringing
    row = carrier.ended()
    assert (row["end_reason"], row["ended_by"]) == ("cancel", "product")


def test_update_completes_only_after_the_answer(sdk, carrier, answered):
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.update(id=answered, status="canceled")
    assert refusal(error) == (422, ["cannot_cancel_in_progress"])
    sdk.calling.update(id=answered, status="completed")
    row = carrier.ended()
    assert (row["end_reason"], row["ended_by"], row["silent"]) == ("hangup", "product", False)
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.update(id=answered, status="completed")
    assert refusal(error) == (422, ["cannot_update_completed"])


def test_update_redirects_an_answered_call(sdk, carrier, product, document, answered):
    product.pages["/flows/other"] = document({"play": {"url": "say: Something else."}})
    sdk.calling.update(id=answered, url=f"{product.url}/flows/other")
    assert carrier.ended()["heard"] == ["Hello.", "Something else."]


def test_update_redirects_no_ringing_call(sdk, product, ringing):
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.update(id=ringing, url=f"{product.url}/flows/other")
    assert refusal(error) == (422, ["cannot_redirect_not_in_progress"])


def test_an_unknown_call_is_not_found(sdk):
    with pytest.raises(SignalWireRestError) as error:
        sdk.calling.end("00000000-0000-4000-8000-000000000000")
    assert (error.value.status_code, error.value.body) == (404, {"error": "Not Found"})


def test_the_official_client_reads_the_logs(sdk, carrier, product):
    ends = {"00": "completed", "85": "busy", "75": "no-answer", "90": "busy", "92": "failed"}
    for digits in ends:
        carrier.dial(f"+121255501{digits}", product)
    for n in range(len(ends)):
        carrier.row_when(lambda row: row["ended_at"], n)
    logs = sdk.logs.voice.list()["data"]
    assert {log["to"][-2:]: log["status"] for log in logs} == ends
    assert {log["to"][-2:] for log in logs if log["duration"]} == {"00"}
    newest = logs[0]
    assert newest["to"].endswith("92")
    assert sdk.logs.voice.get(newest["id"]) == newest
    events = sdk.logs.voice.list_events(newest["id"])["data"]
    assert [event["details"]["call_state"] for event in events] == ["queued", "created", "ended"]
    assert set(events[0]) == {"event_at", "level", "name", "details", "project_id", "log_id"}


def test_a_live_call_is_in_the_logs(sdk, ringing):
    log = sdk.logs.voice.get(ringing)
    assert (log["status"], log["duration"], log["source"]) == ("ringing", None, "realtime_api")


def test_pages_do_not_shift_under_new_calls(sdk, carrier, product):
    for n in range(7):
        carrier.dial(f"+1212555018{n}", product)
    first = sdk.logs.voice.list(page_size=3)
    carrier.dial(NUMBER, product)
    pages = list(sdk.logs.voice.paginate(page_size=3))
    assert len({log["id"] for log in pages}) == len(pages) == 8
    second = carrier.http.get(first["links"]["next"]).json()
    assert [log["to"][-1] for log in first["data"] + second["data"]] == list("654321")
    assert "prev" in second["links"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"created_on": "2001-01-01"}, 0),
        ({"created_after": "2001-01-01"}, 1),
        ({"created_before": "2001-01-01"}, 0),
        ({"created_before": "2999-01-01T10:00:00+02:00"}, 1),
        ({"to": "+12065550100", "status": "busy"}, 1),
        ({"page_number": 0, "include_deleted": "true"}, 1),
    ],
)
def test_only_the_documented_filters_filter(carrier, product, query, count):
    carrier.dial(NUMBER, product)
    assert len(carrier.get("/api/voice/logs", **query)["data"]) == count


@pytest.mark.parametrize(
    "query",
    [
        {"page_number": 1},
        {"page_number": "x"},
        {"page_size": 0},
        {"page_size": 1001},
        {"page_size": "9" * 5000},
        {"page_token": "PAzz"},
        {"created_on": "yesterday"},
        {"created_after": "2022-02-30"},
    ],
)
def test_bad_log_queries_are_refused(carrier, query):
    answer = carrier.http.get("/api/voice/logs", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] in ("invalid_parameter", "missing_required_parameter")


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b"", ["not_a_valid_json"]),
        (b"{", ["not_a_valid_json"]),
        (b"[]", ["not_a_valid_json"]),
        (b"\xff\xfe", ["not_a_valid_json"]),
        (b"[" * 100_000, ["not_a_valid_json"]),
        (b"{}", ["missing_required_parameter"]),
        (b'{"command":"calling.play","params":{}}', ["invalid_command_attempted"]),
        (b'{"command":{"a":1}}', ["invalid_command_attempted"]),
        (b'{"command":"dial"}', ["missing_required_parameter"]),
        (b'{"command":"dial","params":[]}', ["missing_required_parameter"]),
        (b'{"command":"update","params":{"id":7}}', ["missing_required_parameter"]),
        (b'{"command":"calling.end","params":{}}', ["missing_required_parameter"]),
    ],
)
def test_hostile_bodies(carrier, body, codes):
    answer = carrier.http.post("/api/calling/calls", content=body)
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == codes


def test_a_huge_body_is_too_large(carrier):
    body = b'{"command":"dial","params":{"from":"' + b"x" * 300_000
    assert carrier.http.post("/api/calling/calls", content=body).status_code == 413
    assert carrier.rows() == []


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PARAMETERS = [
    "from",
    "to",
    "url",
    "swml",
    "url_method",
    "fallback_url",
    "to_script",
    "caller_id",
    "status_url",
    "status_events",
    "timeout",
    "send_digits",
    "codecs",
    "max_price_per_minute",
    "region",
    "custom_variables",
    "id",
    "status",
    "reason",
]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    command=st.sampled_from(["dial", "update", "calling.end"]),
    params=st.dictionaries(st.sampled_from(PARAMETERS), JSONS, max_size=8),
)
def test_no_parameter_breaks_the_carrier(carrier, command, params):
    body = json.dumps({"command": command, "params": params})
    answer = carrier.http.post("/api/calling/calls", content=body)
    assert answer.status_code in (422, 404)
    assert carrier.get("/simulator/summary")["internal_errors"] == 0


def test_other_paths_and_methods(carrier):
    assert carrier.http.get("/api/laml").status_code == 404
    assert carrier.http.get("/api/calling/calls").status_code == 400
    assert carrier.get("/healthz") == {"status": "ok"}


def test_the_id_may_be_called_call_id(carrier, product):
    carrier.knobs(id_key="call_id")
    leg = carrier.dial(NUMBER, product).json()
    assert leg["call_id"] == carrier.rows()[-1]["call_id"]
    assert "id" not in leg
