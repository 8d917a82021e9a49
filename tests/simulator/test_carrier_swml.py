"""Documents executed on real calls."""

from typing import Any

import pytest
from signalwire.core.security.webhook_validator import (
    validate_webhook_signature,
    validate_webhook_signature_sha256,
)

JSON = dict[str, Any]

NUMBER = "+12125550100"
MACHINE = "+12125550165"


@pytest.fixture
def run(carrier, product):
    """Dials with an inline document and returns the row when the call has ended."""
    carrier.knobs(personas={"00": {"rings": [0, 0]}, "65": {"as": "machine", "rings": [0, 0]}})

    def runner(*steps, to=NUMBER, sections=None, **params):
        document = {"sections": {"main": list(steps), **(sections or {})}}
        answer = carrier.dial(to, swml=document, **params)
        assert answer.status_code == 200, answer.text
        return carrier.ended()

    return runner


def say(text: str) -> JSON:
    return {"play": {"url": f"say: {text}"}}


def ask(text: str = "Press a key.", **options: Any) -> JSON:
    return {"prompt": {"play": f"say: {text}", **options}}


def test_switch_follows_the_key(run):
    cases = {"1": [say("One.")], "2": [say("Two.")]}
    row = run(ask(), {"switch": {"variable": "prompt_value", "case": cases}}, say("Bye."))
    assert row["heard"] == ["Press a key.", "One.", "Bye."]


def test_switch_without_a_match_takes_the_default_or_fails(run):
    other = {"switch": {"variable": "prompt_value", "case": {"7": []}, "default": [say("Else.")]}}
    assert run(ask(), other)["heard"] == ["Press a key.", "Else."]
    row = run(ask(), {"switch": {"variable": "prompt_value", "case": {"7": []}}})
    assert row["script_error"].startswith("relay_script_method_no_matching_condition")
    assert (row["end_reason"], row["ended_by"], row["silent"]) == ("error", "error", False)


def test_cond_takes_the_first_true_branch(run):
    cases = [
        {"when": "vars.x == 2", "then": [say("Two.")]},
        {"when": "x == '1'", "then": [say("One.")]},
        {"else": [say("None.")]},
    ]
    for x, heard in (("1", "One."), ("2", "Two."), ("3", "None.")):
        assert run({"set": {"x": x}}, {"cond": cases})["heard"] == [heard]


def test_unset_forgets(run):
    steps = [{"set": {"x": "here"}}, {"unset": ["x"]}, say("It is ${x}.")]
    assert run(*steps)["heard"] == ["It is ."]


def test_custom_variables_are_environment(run):
    row = run(say("Hello ${envs.name}, %{call.to}."), custom_variables={"name": "Ada"})
    assert row["heard"] == [f"Hello Ada, {NUMBER}."]


def test_every_kind_of_sound(run, product, reply):
    audio = f"{product.url}/hello.mp3"
    product.pages["/hello.mp3"] = reply(b"sound", content_type="audio/mpeg")
    urls = ["silence: 0.5", "ring: 1: us", "say: Now listen.", audio]
    row = run({"play": {"urls": urls}})
    assert row["heard"] == ["Now listen.", audio]
    assert row["script_error"] is None


def test_an_audio_is_fetched_when_it_is_played(run, carrier, product, reply):
    product.pages["/hello.wav"] = reply(b"sound", content_type="audio/wav")
    row = run({"play": {"url": f"{product.url}/hello.wav"}}, ask(), {"play": {"url": "say: Bye."}})
    (note,) = row["audio"]
    assert (note["ok"], note["status"], note["bytes"]) == (True, 200, 5)
    assert note["url"] == f"{product.url}/hello.wav"
    assert [request.method for request in product.at("/hello.wav")] == ["GET"]
    assert carrier.summary()["audio_fetched"] == 1


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"body": b"none", "status": 404, "content_type": "audio/wav"}, "HTTP 404"),
        ({"body": b"<html>", "content_type": "text/html"}, "content type"),
        ({"body": b"", "content_type": "audio/mpeg"}, "empty"),
    ],
)
def test_an_audio_that_cannot_be_had_is_an_error_and_the_call_goes_on(
    run, product, reply, page, says
):
    product.pages["/gone.wav"] = reply(**page)
    row = run({"play": {"url": f"{product.url}/gone.wav"}}, say("Still here."))
    assert row["heard"] == ["Still here."]
    assert says in row["audio"][0]["error"]
    assert row["script_error"].startswith("no audio: ")


def test_an_audio_nobody_serves_is_an_error(run):
    row = run({"play": {"url": "http://127.0.0.1:9/hello.mp3"}}, say("Still here."))
    assert (row["audio"][0]["ok"], row["audio"][0]["status"]) == (False, None)
    assert row["script_error"].startswith("no audio: ")


@pytest.mark.parametrize("url", ["say: a\nb", "hello", "silence: 1.2.3", ""])
def test_unplayable_sounds_are_script_errors(run, url):
    row = run({"play": {"url": url}})
    assert row["script_error"].startswith("relay_script_method_parameter_invalid_value")
    assert row["silent"]


def test_goto_stops_at_its_limit(run):
    row = run({"label": "top"}, say("Again."), {"goto": {"label": "top", "max": 3}}, say("Bye."))
    assert row["heard"] == ["Again."] * 4 + ["Bye."]


def test_goto_out_of_a_branch_and_on_a_condition(run):
    leave = {"cond": [{"when": "n == 2", "then": [{"goto": {"label": "out"}}]}]}
    count = {"set": {"n": "${parseInt(n) + 1}"}}
    again = {"goto": {"label": "top", "when": "n < 5"}}
    row = run(
        {"set": {"n": "0"}},
        {"label": "top"},
        count,
        leave,
        again,
        say("Five."),
        {"label": "out"},
        say("Out."),
    )
    assert row["heard"] == ["Out."]


def test_jumps_and_transfers_share_a_budget(run, carrier):
    row = run({"label": "top"}, say("Hm."), {"goto": {"label": "top"}})
    assert row["script_error"].startswith("relay_script_too_many_transfers")
    assert len(row["heard"]) == 9
    row = run({"label": "top"}, ask(), {"goto": {"label": "top"}})
    assert len(row["heard"]) == 33
    carrier.knobs(jump_limit=2)
    assert len(run({"transfer": {"dest": "main"}}, say("Never."))["heard"]) == 0


def test_a_request_is_repeated_until_the_product_takes_the_key(run, product, document, reply):
    product.pages["/keys"] = [reply(status=503), reply(status=503), {"taken": True}]
    product.pages["/done"] = document(say("You will not be called again."), {"hangup": {}})
    tell = {
        "request": {
            "url": f"{product.url}/keys",
            "method": "POST",
            "headers": {"X-Attempt": "${call.call_id}"},
            "body": {"digit": "${prompt_value}"},
            "timeout": 5,
            "save_variables": True,
        }
    }
    again = {
        "cond": [
            {
                "when": "request_result !== 'success' || request_response_code != 200",
                "then": [{"sleep": 500}, {"goto": {"label": "tell", "max": 6}}],
            }
        ]
    }
    row = run(ask(), {"label": "tell"}, tell, again, {"transfer": {"dest": f"{product.url}/done"}})
    assert row["heard"] == ["Press a key.", "You will not be called again."]
    key = row["keys"][0]
    assert (key["digit"], key["requested_ok"], key["confirmed"]) == ("1", True, True)
    told = product.at("/keys")
    assert [request.json for request in told] == [{"digit": "1"}] * 3
    assert told[0].headers["x-attempt"] == row["call_id"]
    assert "x-signalwire-signature" not in told[0].headers


def test_a_key_the_product_never_took(run, product, reply):
    product.pages["/keys"] = reply(status=503)
    tell = {"request": {"url": f"{product.url}/keys", "method": "POST"}}
    row = run(ask(), tell, say("${request_result} ${request_response_code}"))
    assert row["heard"][-1] == "failed 503"
    assert (row["keys"][0]["requested_ok"], row["keys"][0]["confirmed"]) == (False, False)


def test_a_request_nobody_answers_fails(run):
    tell = {"request": {"url": "http://127.0.0.1:9/x", "method": "GET", "connect_timeout": 1}}
    assert run(tell, say("${request_result}."))["heard"] == ["failed."]


def test_answers_of_requests_become_variables(run, product):
    product.pages["/data"] = {"slot": {"day": "Monday"}, "n": 3}
    tell = {"request": {"url": f"{product.url}/data", "method": "GET", "save_variables": True}}
    text = "${request_response.slot.day} ${request_response.n}"
    kind = "${request_response_headers.content-type}"
    assert run(tell, say(text), say(kind))["heard"] == ["Monday 3", "application/json"]


def test_transfer_to_a_section_does_not_come_back(run):
    row = run(
        {"transfer": {"dest": "end", "params": {"who": "Ada"}}},
        say("Never."),
        sections={"end": [say("Bye ${params.who}.")]},
    )
    assert row["heard"] == ["Bye Ada."]


def test_execute_comes_back_with_a_value(run, product, document):
    product.pages["/sub"] = document(say("Sub ${params.n}."), {"return": "ok"})
    row = run(
        {
            "execute": {
                "dest": f"{product.url}/sub",
                "params": {"n": 1},
                "on_return": [say("Returned ${return_value}.")],
                "result": {"case": {"ok": [say("Matched.")]}},
            }
        },
        say("Back${params.n}."),
    )
    assert row["heard"] == ["Sub 1.", "Returned ok.", "Matched.", "Back."]
    assert product.at("/sub")[0].json["params"] == {"n": 1}


def test_endless_execution_is_stopped(run):
    assert "relay_script_nested_too_deep" in run({"execute": "main"})["script_error"]


def test_transfers_fetch_signed_documents_with_the_variables(run, product, document):
    product.pages["/next"] = document(say("Next."))
    url = f"{product.url}/next?a=1&b=%20x"
    run({"set": {"x": "1"}}, {"transfer": {"dest": url.replace("//", "//user:pass@")}})
    fetch = product.at("/next")[0]
    assert fetch.path == "/next?a=1&b=%20x"
    assert fetch.json["vars"]["x"] == "1"
    body = fetch.body.decode()
    assert validate_webhook_signature(
        "PSK_test", fetch.headers["x-signalwire-signature"], url, body
    )
    sha256 = fetch.headers["x-signalwire-sha256-signature"]
    assert validate_webhook_signature_sha256("PSK_test", sha256, url, body)
    assert not validate_webhook_signature_sha256("PSK_other", sha256, url, body)
    assert fetch.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(("to", "found"), [(NUMBER, "human False"), (MACHINE, "machine True")])
def test_detect_machine(run, product, to, found):
    detect = {"detect_message_end": True, "status_url": f"{product.url}/detect"}
    row = run(
        {"detect_machine": detect},
        {"set": {"b": "${detect_machine_beep}"}},
        say("${detect_result}."),
        to=to,
    )
    result, beep = found.split()
    assert row["heard"] == [f"{result}."]
    assert row["answered_by"] == result
    events = [request.json["params"]["detect"] for request in product.at("/detect")]
    expected = {"event": result.upper(), **({"beep": True} if beep == "True" else {})}
    assert [event["params"] for event in events] == [expected, {"event": "finished"}]
    assert product.at("/detect")[0].json["event_type"] == "calling.call.detect"


def test_hanging_up_on_a_machine_is_neither_silence_nor_a_void_document(run):
    machine = {"when": "detect_result == 'machine'", "then": [{"hangup": {}}]}
    row = run({"detect_machine": {}}, {"cond": [machine]}, say("Hello."), to=MACHINE)
    assert (row["heard"], row["ended_by"]) == ([], "script")
    assert not row["silent"]
    assert not row["void_document"]


def test_a_detector_without_time_does_not_know(run, product):
    detect = {"timeout": 3, "status_url": f"{product.url}/detect"}
    row = run({"detect_machine": detect}, say("${detect_result}."), to=MACHINE)
    assert row["heard"] == ["unknown."]
    assert product.at("/detect")[0].json["params"]["detect"]["params"] == {"event": "UNKNOWN"}


def test_detection_beside_the_script(run, product, wait_until):
    detect = {"wait": False, "status_url": f"{product.url}/detect"}
    row = run({"detect_machine": detect}, say("${detect_result}."), {"sleep": 5000}, to=MACHINE)
    assert row["heard"] == ["detecting."]
    wait_until(lambda: len(product.at("/detect")) == 2)


def test_the_answer_limits_the_call(run):
    row = run({"answer": {"max_duration": 5}}, say("Hello."), {"sleep": -1})
    assert (row["end_reason"], row["ended_by"]) == ("max_duration", "carrier")


def test_a_prompt_takes_as_many_digits_as_it_wants(run, carrier):
    carrier.knobs(personas={"00": {"rings": [0, 0], "keys": ["123#4"]}})
    heard = say("${prompt_result} ${prompt_value}${prompt_digit_terminator}")
    assert run(ask(max_digits=2), heard)["heard"][-1] == "match_digits 12"
    row = run(ask(max_digits=9, terminators="#"), heard)
    assert row["heard"][-1] == "match_digits 123#"
    assert row["keys"][0]["digit"] == "123"


def test_a_prompt_gives_up_waiting(run):
    heard = say("${prompt_result}${prompt_value}.")
    assert run(ask(initial_timeout=0.5), heard)["heard"][-1] == "no_input."
    assert run(ask(speech_hints=["yes"]), heard)["heard"][-1] == "no_input."


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("hangup", "relay_script_method_missing_name"),
        ({"say": {"text": "x"}}, "relay_script_method_undefined"),
        ({"cond": [{"else": [{"shout": {}}]}]}, "relay_script_method_undefined"),
        ({"play": {}}, "relay_script_method_parameter_missing"),
        ({"prompt": {"say": "x"}}, "relay_script_method_parameter_missing"),
        ({"transfer": {}}, "relay_script_method_parameter_missing"),
        ({"goto": {"label": "nowhere"}}, "relay_script_method_parameter_invalid_value"),
        ({"goto": {"label": "${x}"}}, "relay_script_method_parameter_invalid_value"),
        ({"execute": {"dest": "nowhere"}}, "relay_script_section_parameter_undefined"),
        ({"cond": {"when": "x"}}, "relay_script_element_wrong_type"),
        ({"goto": {"label": "here", "when": "nowhere.x"}}, "relay_script_js_eval_error"),
        ({"connect": {"to": "+12025550101"}}, "relay_script_method_execute_failed"),
        ({"transfer": {"dest": "http://127.0.0.1:9/x"}}, "relay_script_method_execute_failed"),
    ],
)
def test_script_errors_end_the_call(run, step, code):
    row = run({"label": "here"}, step, {"record_call": {}})
    assert row["script_error"].startswith(code)
    assert (row["end_reason"], row["silent"]) == ("error", True)


def test_the_fallback_document_saves_the_call(carrier, product, document, reply):
    product.pages["/flows/token-1234"] = reply(status=503)
    product.pages["/fallback"] = document(say("Sorry."))
    carrier.dial(NUMBER, product, fallback_url=f"{product.url}/fallback")
    row = carrier.ended()
    assert [(page["ok"], page["status"]) for page in row["documents"]] == [
        (False, 503),
        (True, 200),
    ]
    assert row["heard"] == ["Sorry."]
    assert not row["silent"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"<html>", "text/html", 200),
        (b'{"sections":{"main":[]}}', "text/plain", 200),
        (b'{"sections":{}}', "application/json", 200),
        (b"version: 1.0.0", "application/yaml", 200),
        (b"", "application/json", 307),
    ],
)
def test_what_is_no_document(carrier, product, reply, body, content_type, status):
    product.pages["/flows/token-1234"] = reply(body, status, content_type)
    carrier.dial(NUMBER, product)
    row = carrier.ended()
    assert row["silent"]
    assert (row["end_reason"], row["documents"][0]["ok"]) == ("error", False)


def test_the_document_may_be_fetched_before_it_rings(carrier, product):
    carrier.knobs(fetch_at="dial")
    carrier.dial(NUMBER, product)
    row = carrier.ended()
    assert row["documents"][0]["at"] < row["ringing_at"]
    assert product.at("/flows")[0].json["call"]["call_state"] == "created"
    product.pages.clear()
    carrier.dial(NUMBER, product)
    assert carrier.ended()["ringing_at"] is None


def test_documents_can_be_fetched_by_get(carrier, product):
    carrier.dial(NUMBER, product, url_method="GET")
    assert carrier.ended()["heard"] == ["Hello."]
    fetch = product.at("/flows")[0]
    assert (fetch.method, fetch.body) == ("GET", b"")
