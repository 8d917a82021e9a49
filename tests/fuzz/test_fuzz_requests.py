"""Requests that no client of ours would send, to every address there is: never a fault of ours."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from campaigns.access import Role
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.vault import Vault
from campaigns.web import live, pages
from campaigns.web.app import create_app
from tests.fuzz.budget import search
from tests.integration.people.asking import Answer, Visitors, ask
from tests.integration.people.role_table import TABLE
from tests.integration.reporting.seed import SECRET, make_attempt, make_running_campaign
from tests.integration.reporting.served import make_app

# These would sign the asker out, lock them out, or keep everybody from dialling what follows.
SPARED = re.compile(
    r"/sign-out|/sign-in|/me/|/keys/.*revoke|/users/\{|/check$|/test-calls|/setup/message/test"
)
ROUTES = sorted(
    (method, path)
    for path, methods in TABLE.items()
    for method in methods
    if not SPARED.search(path)
)
API = [route for route in ROUTES if route[1].startswith("/api/")]
PAGES = [route for route in ROUTES if not route[1].startswith("/api/")]

ODD = st.sampled_from(
    [
        *("1", "2", "3", "0", "-1", "9223372036854775807", "9223372036854775808", "9" * 300),
        *(
            "1.0",
            "1e5",
            "true",
            "null",
            "None",
            "sim",
            "+12125550100",
            "*",
            "%",
            "%00",
            "..",
            "a/b",
        ),
        *("\0", "\n", "'", '"', "\\", "é", "\U0001f4de", "\u202e", "2026-11-24", "24:00"),
        *("2026-11-24T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""),
        *("always", "daily 09:00-17:00", "US", "UTC", "x" * 5000, "; DROP TABLE attempts", "NaN"),
    ]
)
TEXTS = ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def field_names() -> list[str]:
    """What forms and documents call their fields."""
    written = {
        name
        for template in (Path(pages.__file__).parent.parent / "templates").rglob("*.html")
        for name in re.findall(r'name="([a-z_0-9]+)"', template.read_text())
    }
    return sorted(written | {"file", "token"})


NAMES = field_names()


def properties(document: Any, found: set[str]) -> set[str]:
    if isinstance(document, dict):
        found.update(document.get("properties", {}))
        found.update(p["name"] for p in document.get("parameters", []) if isinstance(p, dict))
        for value in document.values():
            properties(value, found)
    elif isinstance(document, list):
        for value in document:
            properties(value, found)
    return found


class Sent(NamedTuple):
    """A request as it goes out."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@st.composite
def paths(draw: st.DrawFn, template: str, names: Sequence[str]) -> str:
    def value(_found: "re.Match[str]") -> str:
        return draw(st.sampled_from(["1", "1", "1", "2", "sim"]) | ODD)

    path = re.sub(r"\{[^}]*\}", value, template)
    asked = draw(st.dictionaries(st.sampled_from(names), TEXTS, max_size=3))
    query = (
        urlencode(asked)
        if draw(st.booleans())
        else "&".join(f"{n}={quote(v, safe='%&=+;')}" for n, v in asked.items())
    )
    return f"{path}?{query}" if query else path


def json_bodies(names: Sequence[str]) -> st.SearchStrategy[bytes]:
    keys = st.sampled_from(names) | TEXTS
    plain = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("\ud800")
    inner = st.recursive(
        plain,
        lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=5),
        max_leaves=12,
    )
    whole = st.dictionaries(keys, inner, max_size=8).map(json.dumps) | inner.map(json.dumps)
    return st.one_of(
        whole.map(str.encode),
        whole.map(str.encode),
        whole.map(lambda text: text.encode("utf-16")),
        whole.map(lambda text: text[: len(text) // 2].encode()),
        st.lists(st.tuples(keys, inner), max_size=4).map(doubled),
        st.binary(max_size=40),
        st.sampled_from(HOSTILE),
    )


def doubled(pairs: list[tuple[str, Any]]) -> bytes:
    """An object in which every key stands twice."""
    written = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs * 2]
    return ("{" + ", ".join(written) + "}").encode()


HOSTILE = [
    *(b"", b"{", b"[]", b"null", b"\xff\xfe", b"\x00", b"{}{}", b"\xef\xbb\xbf{}"),
    *(b"[" * 100_000, b'{"name":' * 20_000, b'{"cps": ' + b"9" * 10_000 + b"}", b'{"cps": 1e400}'),
    *(b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b'{"name": NaN}', b" " * 1_100_000),
]


def multipart(names: Sequence[str]) -> st.SearchStrategy[bytes]:
    def written(parts: list[tuple[str, str, str]]) -> bytes:
        return (
            b"".join(
                f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
                + f"{value}\r\n".encode()
                for name, extra, value in parts
            )
            + b"--b--\r\n"
        )

    part = st.tuples(
        st.sampled_from(names),
        st.sampled_from(["", '; filename="x.csv"', '; filename=""', '; filename="\0"', ";;"]),
        TEXTS,
    )
    return st.lists(part, max_size=4).map(written)


def forms(names: Sequence[str]) -> st.SearchStrategy[bytes]:
    pair = st.tuples(st.sampled_from(names), TEXTS)
    return st.lists(pair, max_size=8).map(lambda pairs: urlencode(pairs).encode())


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("if-match", "idempotency-key", "last-event-id", "accept", "accept-language"),
            *("if-none-match", "range", "hx-request", "hx-target", "origin", "x-forwarded-for"),
        ]
    ),
    st.sampled_from(
        ["*", '"x"', "W/", "key-1", "key-2", "", "x" * 9000, "é", "\x01", "bytes=9-1", "null"]
    ),
    max_size=3,
)
TYPES = st.sampled_from(
    [
        *("application/json", "application/json; charset=utf-99", "text/csv", "", "x", "a/b;;;="),
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=b"),
        "multipart/form-data",
    ]
)


def requests(routes: list[tuple[str, str]], names: Sequence[str]) -> st.SearchStrategy[Sent]:
    @st.composite
    def made(draw: st.DrawFn) -> Sent:
        method, template = draw(st.sampled_from(routes))
        bodies = {
            "application/json": json_bodies(names),
            "application/x-www-form-urlencoded": forms(names),
            "multipart/form-data; boundary=b": multipart(names) | st.binary(max_size=50),
        }
        natural = list(bodies)[0 if template.startswith("/api/") else draw(st.integers(1, 2))]
        kind = natural if draw(st.integers(0, 3)) else draw(TYPES)
        body = draw(bodies.get(kind, json_bodies(names) | st.binary(max_size=99)))
        headers = draw(HEADERS) | {"content-type": kind}
        return Sent(method, draw(paths(template, names)), headers, b"" if method == "GET" else body)

    return made()


class Site:
    """The application with somebody in it, asked from outside its loop."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self._app, self._portal = app, portal
        self._visitors = Visitors(app)
        self.answered: Counter[int] = Counter()

    def send(self, sent: Sent) -> Answer:
        """Send as an administrator."""
        api = sent.path.startswith("/api/")
        who = self._visitors.program(Role.ADMIN) if api else self._visitors.person(Role.ADMIN)

        async def work() -> Answer:
            headers = sent.headers | who
            return await ask(self._app, sent.method, sent.path, headers, body=sent.body, whole=True)

        answer: Answer = self._portal.call(work)
        self.answered[answer.status] += 1
        return answer


@pytest.fixture
def site(engine, tmp_path) -> Iterator[Site]:
    make_running_campaign(engine)
    with transaction(engine) as session:
        for recipient_id, status in ((1, "ended"), (2, "ringing")):
            make_attempt(session, recipient_id, status)
    app = make_app(engine, tmp_path, max_upload_mb=1, api_rate=1_000_000)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(live.watching(app)),
    ):
        yield Site(app, portal)


def check(site: Site, sent: Sent) -> None:
    answer = site.send(sent)
    assert answer.status < 500, (sent, answer.body[:300])
    assert answer.status > 0


@lru_cache(maxsize=1)
def known_names() -> tuple[str, ...]:
    """Everything that the API calls anything."""
    config = Settings(database_url="postgresql://x/x", redis_url="redis://x", secret_key=SECRET)
    return tuple(sorted(properties(create_app(config).openapi(), set())))


@search(200)
@given(st.deferred(lambda: requests(API, known_names())))
def test_any_request_to_the_api(site, sent):
    check(site, sent)


# Starlette leaves the file of a form that breaks off to the collector, which warns of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@search(200)
@given(requests(PAGES, tuple(NAMES)))
def test_any_request_to_a_page(site, sent):
    check(site, sent)


def test_the_addresses_are_reached(site):
    """Else the searches above would look at refusals only."""
    assert site.send(Sent("GET", "/api/v1/campaigns/1", {}, b"")).status == 200
    assert site.send(Sent("GET", "/campaigns/1", {}, b"")).status == 200
    headers = {"content-type": "application/json"}
    assert site.send(Sent("POST", "/api/v1/campaigns/1/pause", headers, b"{}")).status == 200


TOKENS = st.sampled_from([1, 2, 3]).map(Vault(SECRET).attempt_token) | st.sampled_from(
    [Vault(SECRET).attempt_token(-1), Vault(SECRET).attempt_token(10**30), "x", "a.b", "\0"]
)
EVENTS = (
    *("event_type", "params", "call", "call_id", "CallSid", "call_state", "CallStatus", "state"),
    *("end_reason", "detect", "answer_time", "duration", "AnsweredBy", "timestamp", "vars", "id"),
    *("calling.call.state", "ended", "ringing", "answered", "1767225600000", "segment_id"),
)


@st.composite
def callbacks(draw: st.DrawFn) -> Sent:
    token = draw(TOKENS)
    path = draw(
        st.sampled_from(
            [
                *("/hooks/signalwire/{token}", "/hooks/signalwire/{token}", "/hooks/x/{token}"),
                *("/flows/{token}", "/flows/{token}/keys/{digit}", "/flows/{token}/said/{digit}"),
                "/audio/{token}.wav",
            ]
        )
    ).format(token=token, digit=draw(st.sampled_from(["1", "9", "9", "0", "#", "99", "\0", "é"])))
    kinds = ("application/json", "application/x-www-form-urlencoded", "", "text/xml")
    headers = {"content-type": draw(st.sampled_from(kinds))}
    if draw(st.integers(0, 9)) == 0:
        headers["x-signalwire-signature"] = draw(TEXTS)
    body = draw(json_bodies(EVENTS) | forms(EVENTS))
    return Sent(draw(st.sampled_from(["POST", "POST", "GET"])), path, headers, body)


@search(200)
@given(callbacks())
def test_any_callback_of_a_provider(site, sent):
    check(site, sent)
