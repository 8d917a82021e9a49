"""Signatures, held against the validator inside the provider's own Python SDK."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signalwire.core.security import webhook_validator as official

from campaigns.providers.base import Signature
from campaigns.providers.signalwire.signatures import check

KEY = "PSK_test_key"
URL = "https://calls.example.com/hooks/signalwire/t0ken?a=1"
BODY = b'{"event_type": "calling.call.state", "params": {"call_id": "c"}}'


def hex_digest(algorithm: str, url: str, body: bytes, key: str = KEY) -> str:
    return hmac.new(key.encode(), url.encode() + body, algorithm).hexdigest()


def form_digest(url: str, params: str, key: str = KEY) -> str:
    return base64.b64encode(
        hmac.new(key.encode(), (url + params).encode(), "sha1").digest()
    ).decode()


def sorted_params(body: bytes) -> str:
    return "".join(k + v for k, v in sorted(parse_qsl(body.decode(), keep_blank_values=True)))


@pytest.mark.parametrize("name", ["X-SignalWire-Signature", "x-signalwire-signature"])
def test_sha1_over_url_and_body(name):
    signature = hex_digest("sha1", URL, BODY)

    assert official.validate_webhook_signature(KEY, signature, URL, BODY.decode())
    assert check(KEY, URL, BODY, {name: signature}) is Signature.VALID


@pytest.mark.parametrize("name", ["X-SignalWire-SHA256-Signature", "X-SignalWire-Sha256-Signature"])
def test_sha256_over_url_and_body(name):
    signature = hex_digest("sha256", URL, BODY)

    assert official.validate_webhook_signature_sha256(KEY, signature, URL, BODY.decode())
    assert check(KEY, URL, BODY, {name: signature}) is Signature.VALID


@pytest.mark.parametrize("strong", ["", "0" * 64, "é"])
def test_a_spoiled_sha256_is_not_saved_by_a_good_sha1(strong):
    headers = {
        "X-SignalWire-SHA256-Signature": strong,
        "X-SignalWire-Signature": hex_digest("sha1", URL, BODY),
    }
    assert check(KEY, URL, BODY, headers) is Signature.WRONG


def test_without_key_or_header_nothing_is_proved():
    header = {"X-SignalWire-Signature": hex_digest("sha1", URL, BODY)}

    assert check(None, URL, BODY, header) is Signature.ABSENT
    assert check("", URL, BODY, header) is Signature.ABSENT
    assert check(KEY, URL, BODY, {}) is Signature.ABSENT
    assert check(KEY, URL, BODY, {"Authorization": "Basic x"}) is Signature.ABSENT


@pytest.mark.parametrize(
    ("url", "body", "signature"),
    [
        (URL, BODY + b" ", hex_digest("sha1", URL, BODY)),
        (URL + "&b=2", BODY, hex_digest("sha1", URL, BODY)),
        (URL, BODY, hex_digest("sha1", URL, BODY, key="another key")),
        (URL, BODY, hex_digest("sha1", URL, BODY)[:-1]),
        (URL, BODY, hex_digest("sha256", URL, BODY)),
        (URL, BODY, ""),
        (URL, BODY, "é" * 40),
        (URL, b"\xff", form_digest(URL, "")),
        ("https://[broken", BODY, "x"),
        ("https://host:99999/", BODY, "x"),
    ],
)
def test_anything_else_is_wrong(url, body, signature):
    assert check(KEY, url, body, {"X-SignalWire-Signature": signature}) is Signature.WRONG


def test_the_signed_url_has_no_credentials_in_it():
    with_credentials = URL.replace("https://", "https://user:pa%40ss@")
    headers = {"X-SignalWire-Signature": hex_digest("sha1", URL, BODY)}

    assert check(KEY, with_credentials, BODY, headers) is Signature.VALID


FORM = urlencode({"CallSid": "c", "To": "+12025550101", "Empty": "", "A": "ü b"}).encode()


@pytest.mark.parametrize("header", ["X-SignalWire-Signature", "X-Twilio-Signature"])
@pytest.mark.parametrize(
    ("signed_url", "our_url"),
    [
        (URL, URL),
        ("https://h.example:443/a?b=c", "https://h.example/a?b=c"),
        ("https://h.example/a?b=c", "https://h.example:443/a?b=c"),
        ("http://h.example:80/a", "http://h.example/a"),
        ("http://h.example/a", "http://h.example:80/a"),
        ("https://h.example:8443/a", "https://h.example:8443/a"),
        ("https://[2001:db8::1]:443/a", "https://[2001:db8::1]/a"),
    ],
)
def test_forms_are_signed_over_their_sorted_fields(header, signed_url, our_url):
    signature = form_digest(signed_url, sorted_params(FORM))

    assert official.validate_webhook_signature(KEY, signature, our_url, FORM.decode())
    assert check(KEY, our_url, FORM, {header: signature}) is Signature.VALID


def test_another_port_is_another_address():
    signature = form_digest("https://h.example:8443/a", sorted_params(FORM))

    assert check(KEY, "https://h.example/a", FORM, {"X-Twilio-Signature": signature}) is (
        Signature.WRONG
    )


def test_a_json_body_is_covered_by_its_hash_in_the_url():
    url = f"https://h.example/a?bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    headers = {"X-Twilio-Signature": form_digest(url, "")}

    assert official.validate_webhook_signature(
        KEY, headers["X-Twilio-Signature"], url, BODY.decode()
    )
    assert check(KEY, url, BODY, headers) is Signature.VALID
    assert check(KEY, url, BODY + b" ", headers) is Signature.WRONG


def test_a_signature_that_leaves_the_body_open_is_refused():
    """The official validator accepts this; anybody who saw one request could send any body."""
    headers = {"X-Twilio-Signature": form_digest(URL, "")}

    assert check(KEY, URL, BODY, headers) is Signature.WRONG
    assert check(KEY, URL, b"", headers) is Signature.VALID


@given(
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    tampered=st.booleans(),
)
def test_the_official_validator_agrees(body, key, tampered):
    raw = body.encode()
    strong = hex_digest("sha256", URL, raw, key)
    weak = hex_digest("sha1", URL, raw, key)
    seen = body + "x" if tampered else body
    ours = [
        check(key, URL, seen.encode(), {"X-SignalWire-SHA256-Signature": strong}),
        check(key, URL, seen.encode(), {"X-SignalWire-Signature": weak}),
    ]
    theirs = [
        official.validate_webhook_signature_sha256(key, strong, URL, seen),
        official.validate_webhook_signature(key, weak, URL, seen),
    ]

    assert [verdict is Signature.VALID for verdict in ours] == theirs == [not tampered] * 2
