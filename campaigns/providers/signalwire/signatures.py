"""Whether a request to us carries SignalWire's signature.

Three schemes, all keyed with the project's signing key (SignalWire documents: "Webhook security",
and the validator of the official Python SDK):

- `X-SignalWire-SHA256-Signature`: hex HMAC-SHA256 over URL and raw body. When it is sent, it alone
  counts, or an attacker could fall back to the weaker hash by spoiling it.
- `X-SignalWire-Signature`: hex HMAC-SHA1 over URL and raw body.
- the same header or `X-Twilio-Signature`: base64 HMAC-SHA1 over the URL, with or without its
  standard port, and the sorted form parameters. A JSON body is then covered by the query parameter
  `bodySHA256`; without it the signature would leave the body open, so that is refused here.

The signed URL is the one without embedded user name and password.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from campaigns.providers.base import Signature

STRONG_HEADER = "x-signalwire-sha256-signature"
HEADERS = ("x-signalwire-signature", "x-twilio-signature")
STANDARD_PORTS = {"http": 80, "https": 443}


def check(key: str | None, url: str, body: bytes, headers: Mapping[str, str]) -> Signature:
    """What the signature headers prove; ABSENT without a key or without such a header."""
    by_name = {name.lower(): value for name, value in headers.items()}
    if not key:
        return Signature.ABSENT
    secret, bare_url = key.encode(), _without_credentials(url)
    if STRONG_HEADER in by_name:
        expected = hmac.new(secret, bare_url.encode() + body, hashlib.sha256).hexdigest()
        return _verdict(_equal(expected, by_name[STRONG_HEADER]))
    given = next((by_name[name] for name in HEADERS if name in by_name), None)
    if given is None:
        return Signature.ABSENT
    return _verdict(
        _equal(hmac.new(secret, bare_url.encode() + body, hashlib.sha1).hexdigest(), given)
        or any(_equal(digest, given) for digest in _form_digests(secret, bare_url, body))
    )


def _verdict(valid: bool) -> Signature:
    return Signature.VALID if valid else Signature.WRONG


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _form_digests(secret: bytes, url: str, body: bytes) -> Iterator[str]:
    for candidate in _with_and_without_port(url):
        for params in _signed_params(url, body):
            digest = hmac.new(secret, (candidate + params).encode(), hashlib.sha1).digest()
            yield base64.b64encode(digest).decode()


def _signed_params(url: str, body: bytes) -> list[str]:
    """The texts that may follow the URL under the signature; none leaves the body open."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError:
        return []
    params = "".join(name + value for name, value in sorted(pairs, key=lambda pair: pair[0]))
    parts = _split(url)
    promised = dict(parse_qsl(parts.query)).get("bodySHA256") if parts else None
    if promised is None:
        return [params]
    return [params, ""] if _equal(hashlib.sha256(body).hexdigest(), promised) else []


def _without_credentials(url: str) -> str:
    parts = _split(url)
    if parts is None or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _with_and_without_port(url: str) -> list[str]:
    parts = _split(url)
    if parts is None or not parts.hostname:
        return [url]
    standard = STANDARD_PORTS.get(parts.scheme)
    if parts.port is None and standard is not None:
        return [url, urlunsplit(parts._replace(netloc=f"{parts.netloc}:{standard}"))]
    if parts.port == standard:
        return [url, urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))]
    return [url]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port out of range is only found out when it is asked for
    except ValueError:
        return None
    return parts
