"""The parameters of `dial`: all of them reach the wire, and nothing that breaks a rule does."""

from typing import Any

import pytest

from campaigns.errors import InvalidInput
from campaigns.providers.signalwire.params import DialParams
from tests.providers.still import always


def test_all_parameters_of_dial_reach_the_wire(wire):
    params = DialParams(
        from_number="+12025550199",
        to="+12025550101",
        swml={"version": "1.0.0", "sections": {"main": [{"hangup": {}}]}},
        to_script="https://calls.example.com/script",
        url_method="GET",
        fallback_url="https://calls.example.com/f",
        caller_id="+12025550198",
        status_url="http://127.0.0.1:9/hooks",
        status_events=["created", "ended"],
        timeout=600,
        send_digits="1w2,3*#AD",
        codecs=("OPUS", "OPUS@48000H@20I", "PCMU"),
        max_price_per_minute=0.0,
        region=["us-east"],
        username="u",
        password="p",
        custom_variables={"_a": "x" * 1024},
        headers=[("X-Reason", "reminder")],
    )
    wire.provider.dial(params, always)

    assert wire.sent()["params"] == {
        "from": "+12025550199",
        "to": "+12025550101",
        "swml": {"version": "1.0.0", "sections": {"main": [{"hangup": {}}]}},
        "to_script": "https://calls.example.com/script",
        "url_method": "GET",
        "fallback_url": "https://calls.example.com/f",
        "caller_id": "+12025550198",
        "status_url": "http://127.0.0.1:9/hooks",
        "status_events": ["created", "ended"],
        "timeout": 600,
        "send_digits": "1w2,3*#AD",
        "codecs": ["OPUS", "OPUS@48000H@20I", "PCMU"],
        "max_price_per_minute": 0.0,
        "region": ["us-east"],
        "username": "u",
        "password": "p",
        "custom_variables": {"_a": "x" * 1024},
        "headers": [{"name": "X-Reason", "value": "reminder"}],
    }
    assert "password='p'" not in repr(params)


BASE: dict[str, Any] = {
    "from_number": "+12025550199",
    "to": "+12025550101",
    "url": "https://calls.example.com/f",
}


@pytest.mark.parametrize(
    "change",
    [
        {"to": "sip:someone@example.com", "from_number": "desk"},
        {"to": "/public/sales", "from_number": "desk"},
        {"to": None, "to_script": {"sections": {"main": []}}},
        {"url": None, "swml": "version: 1.0.0"},
        {"timeout": 1},
        {"region": "us"},
    ],
)
def test_parameters_that_are_allowed(change):
    wire = DialParams(**{**BASE, **change}).as_wire()
    names = {"from_number": "from"}
    assert {name: wire.get(names.get(name, name)) for name in change} == change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"to": None}, "to or to_script"),
        ({"to": "+0123"}, "to must be"),
        ({"to": "+1202555010\u0661"}, "to must be"),
        ({"to": 12025550101}, "to must be"),
        ({"from_number": ""}, "from must be"),
        ({"from_number": "desk"}, "from must be"),
        ({"from_number": "two words", "to": "sip:a@b"}, "from must be"),
        ({"caller_id": "desk"}, "caller_id"),
        ({"caller_id": "two words", "to": "sip:a@b"}, "caller_id"),
        ({"url": None}, "exactly one"),
        ({"swml": {"sections": {}}}, "exactly one"),
        ({"url": None, "swml": {}}, "swml"),
        ({"url": None, "swml": 7}, "swml"),
        ({"to_script": ""}, "to_script"),
        ({"url": "https://"}, "url"),
        ({"url": "https://example.com:0/"}, "url"),
        ({"url": "https://[::1/"}, "url"),
        ({"url": "https://example.com/a b"}, "url"),
        ({"url": "https://example.com/\r\nX: y"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url_method": "PUT"}, "url_method"),
        ({"status_events": ["ended", "hovering"]}, "status_events"),
        ({"status_events": "ended"}, "status_events"),
        ({"timeout": True}, "timeout"),
        ({"timeout": 1.5}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"send_digits": "12x"}, "send_digits"),
        ({"send_digits": ""}, "send_digits"),
        ({"codecs": ["MP3"]}, "codecs"),
        ({"codecs": "OPUS"}, "codecs"),
        ({"max_price_per_minute": -0.1}, "max_price"),
        ({"max_price_per_minute": float("nan")}, "max_price"),
        ({"max_price_per_minute": "1"}, "max_price"),
        ({"region": []}, "region"),
        ({"region": ["us", 1]}, "region"),
        ({"password": "a\nb"}, "password"),
        ({"custom_variables": {f"v{n}": "x" for n in range(21)}}, "at most 20"),
        ({"custom_variables": {"1a": "x"}}, "not a name"),
        ({"custom_variables": {"a\n": "x"}}, "not a name"),
        ({"custom_variables": {"": "x"}}, "not a name"),
        ({"custom_variables": {"SignalWire_x": "x"}}, "reserved"),
        ({"custom_variables": {"RTC_x": "x"}}, "reserved"),
        ({"custom_variables": {"internal_x": "x"}}, "reserved"),
        ({"custom_variables": {"a": ""}}, "needs a text"),
        ({"custom_variables": {"a": 1}}, "needs a text"),
        ({"custom_variables": {"a": "é" * 513}}, "1024 bytes"),
        ({"custom_variables": ["a"]}, "map names"),
        ({"headers": [("X Y", "v")]}, "not a name"),
        ({"headers": [("X", "a\r\nb: c")]}, "one line"),
        ({"headers": [("X", "v")] * 51}, "at most 50"),
    ],
)
def test_parameters_that_are_refused(change, word):
    with pytest.raises(InvalidInput, match=word):
        DialParams(**{**BASE, **change})


def test_every_problem_is_named_at_once():
    with pytest.raises(InvalidInput) as caught:
        DialParams(from_number="x", to="y", timeout=0, url_method="PATCH")

    assert all(word in str(caught.value) for word in ("to must", "url", "timeout", "url_method"))
