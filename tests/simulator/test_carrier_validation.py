"""The rules for `dial` parameters, one by one."""

from typing import Any

import pytest

from simulator.calls import DialRequest
from simulator.validation import read_dial

GOOD = {"from": "+12025550199", "to": "+12125550100", "url": "http://127.0.0.1:8000/flows/x"}
SWML = {"version": "1.0.0", "sections": {"main": []}}


def codes(allowed: list[str] | None = None, **changes: Any) -> list[str]:
    params = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    found = read_dial(params, allowed)
    return [] if isinstance(found, DialRequest) else [error.code for error in found]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"from": None}, ["missing_required_parameter"]),
        ({"from": ""}, ["missing_required_parameter"]),
        ({"from": "2025550199"}, ["not_e164"]),
        ({"from": 12025550199}, ["not_e164"]),
        ({"to": None}, ["missing_required_parameter"]),
        ({"to": "+0"}, ["not_e164"]),
        ({"to": "+1212555010\u0660"}, ["not_e164"]),
        ({"to": "+12125550100\n"}, ["not_e164"]),
        ({"to": "sip:ada@example.com"}, ["to_destination_unresolvable"]),
        ({"to": None, "to_script": "x"}, ["to_destination_unresolvable"]),
        ({"caller_id": "Ada"}, ["not_e164"]),
        ({"url": None}, ["inline_swml_or_swml_webhook_required"]),
        ({"swml": SWML}, ["inline_swml_or_swml_webhook_required"]),
        ({"url": None, "swml": SWML}, []),
        ({"url": None, "swml": '{"sections": {"main": []}}'}, []),
        ({"url": None, "swml": "- no"}, ["not_json_or_yaml"]),
        ({"url": None, "swml": [1]}, ["invalid_parameter"]),
        ({"url": "ftp://127.0.0.1/x"}, ["not_an_http_url"]),
        ({"url": "/flows/x"}, ["not_an_http_url"]),
        ({"url": "http://[::1"}, ["url_failed_to_parse"]),
        ({"url": "http://127.0.0.1:99999/x"}, ["url_failed_to_parse"]),
        ({"url": "http://127.0.0.1/a b"}, ["not_an_http_url"]),
        ({"url": 7}, ["url_failed_to_parse"]),
        ({"status_url": "nowhere"}, ["not_an_http_url"]),
        ({"fallback_url": "nowhere"}, ["not_an_http_url"]),
        ({"url_method": "PUT"}, ["invalid_http_method"]),
        ({"status_events": ["ringing", "answered", "ended", "created"]}, []),
        ({"status_events": ["rang"]}, ["invalid_parameter"]),
        ({"status_events": "ended"}, ["invalid_parameter"]),
        ({"timeout": 1}, []),
        ({"timeout": 0}, ["invalid_parameter"]),
        ({"timeout": 601}, ["invalid_parameter"]),
        ({"timeout": True}, ["invalid_parameter"]),
        ({"timeout": "30"}, ["invalid_parameter"]),
        ({"codecs": "PCMU,PCMA"}, []),
        ({"codecs": ["OPUS@48000H@20I"]}, []),
        ({"codecs": "MP3"}, ["invalid_codecs_format"]),
        ({"codecs": [1]}, ["invalid_codecs_format"]),
        ({"send_digits": "1w2,#"}, []),
        ({"send_digits": "x"}, ["invalid_parameter"]),
        ({"max_price_per_minute": -1}, ["invalid_parameter"]),
        ({"region": 1}, ["invalid_parameter"]),
        ({"custom_variables": {f"v{n}": "x" for n in range(20)}}, []),
        ({"custom_variables": {f"v{n}": "x" for n in range(21)}}, ["too_many_custom_variables"]),
        ({"custom_variables": {"Sw_x": "1"}}, ["reserved_custom_variable_name"]),
        ({"custom_variables": {"1x": "1"}}, ["invalid_custom_variable_name"]),
        ({"custom_variables": {"x": ""}}, ["invalid_custom_variable_value"]),
        ({"custom_variables": {"x": 1}}, ["invalid_custom_variable_value"]),
        ({"custom_variables": {"x": "é" * 513}}, ["custom_variable_value_too_long"]),
        ({"custom_variables": [1]}, ["invalid_parameter"]),
        ({"max_duration": 60}, []),
        ({"from": "x", "to": "y", "url": "z"}, ["not_e164", "not_e164", "not_an_http_url"]),
    ],
)
def test_dial_parameters(changes, expected):
    assert codes(**changes) == expected


def test_the_caller_id_must_be_on_the_list_if_there_is_one():
    assert codes(["+12025550199"]) == []
    assert codes(["+12025550100"]) == ["not_purchased_or_verified"]
    assert codes([]) == ["not_purchased_or_verified"]
