"""Every address of the application against everybody who may knock."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import anyio
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from campaigns.access import Role
from campaigns.web.auth import FORM_HEADER, Needs, Public
from tests.integration.people.asking import Visitors, ask, run
from tests.integration.people.role_table import (
    ANYBODY,
    PERSON,
    TABLE,
    VIEWER,
    WITHOUT_SIGNING_IN,
)

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
RANK = {"viewer": 1, "operator": 2, "admin": 3}
# No row has these ids, so who is let in is told that there is no such thing.
FILLED = {
    "token": "x",
    "provider": "signalwire",
    "name": "nobody",
    "number": "+12025550142",
    "digit": "1",
    "extension": "wav",
}


class Address(NamedTuple):
    """One method of one path, and everything of ours that it depends on."""

    method: str
    path: str
    endpoint: Any
    marks: list[Any]

    @property
    def filled(self) -> str:
        return re.sub(
            r"{(\w+)(?::\w+)?}", lambda found: FILLED.get(found[1], "987654321"), self.path
        )

    @property
    def who(self) -> str:
        return TABLE[self.path][self.method]


def addresses(app: FastAPI) -> list[Address]:
    """Every one there is, as the application itself lists them."""
    found = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        marks = [
            one.call
            for one in (_flat(dependant) if dependant else [])
            if isinstance(one.call, Needs | Public)
        ]
        methods = (getattr(route, "methods", None) or {"GET"}) - {"HEAD"}
        found += [Address(one, str(route.path), route.endpoint, marks) for one in sorted(methods)]
    return found


def _flat(dependant) -> Iterator[Any]:
    yield dependant
    for one in dependant.dependencies:
        yield from _flat(one)


def guarded(app) -> list[Address]:
    """Those that one must be somebody for, or that are open by name."""
    return [one for one in addresses(app) if one.path not in WITHOUT_SIGNING_IN]


def known(app) -> list[Address]:
    """Those of them that the table has; what it lacks fails a test of its own."""
    return [one for one in guarded(app) if one.method in TABLE.get(one.path, {})]


def test_every_address_stands_in_the_table_and_the_table_has_no_other(app):
    found = {(one.method, one.path) for one in guarded(app)}
    meant = {(method, path) for path, methods in TABLE.items() for method in methods}
    assert found - meant == set(), "say in role_table.py who may use these"
    assert meant - found == set(), "these are gone: take them out of role_table.py"


def test_every_address_says_once_who_may_use_it(app):
    for one in addresses(app):
        expected = 0 if one.path in WITHOUT_SIGNING_IN else 1
        assert len(one.marks) == expected, f"{one.method} {one.path}"


def test_what_needs_no_one_is_there(app):
    assert {one.path for one in addresses(app)} >= WITHOUT_SIGNING_IN


def may(who: str, visitor: str) -> bool:
    """What the table says, in one place; `visitor` is nobody, a role, or a role's key."""
    if who == ANYBODY:
        return True
    if visitor == "nobody":
        return False
    role = visitor.removeprefix("key of ")
    if who == PERSON:
        return not visitor.startswith("key of ")
    return RANK[role] >= RANK[who]


@pytest.mark.timeout(600)
def test_everybody_is_let_in_where_the_table_says_and_nowhere_else(app, visitors):
    wrong = []

    async def knock_everywhere() -> Any:
        for one in known(app):
            for visitor in ("nobody", *RANK, *(f"key of {role}" for role in RANK)):
                answer = await ask(app, one.method, one.filled, _headers(visitors, visitor, one))
                let_in = not answer.refused or (one.path, one.method) == ("/sign-in", "POST")
                if answer.endpoint is not one.endpoint:
                    wrong.append(f"{one.method} {one.path}: another address answered")
                elif answer.status >= 500:
                    wrong.append(f"{one.method} {one.path}: {answer.status} for {visitor}")
                elif let_in != may(one.who, visitor):
                    said = "let in" if let_in else f"refused ({answer.status})"
                    wrong.append(f"{one.method} {one.path}: {visitor} was {said}")

    run(app, knock_everywhere)
    assert wrong == []


def _headers(visitors: Visitors, visitor: str, where: Address) -> dict[str, str]:
    if visitor == "nobody":
        return {}
    if visitor.startswith("key of "):
        return visitors.program(Role(visitor.removeprefix("key of ")))
    return visitors.person(Role(visitor), again=ends_sessions(where))


def ends_sessions(where: Address) -> bool:
    return "sign-out" in where.path


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "trick",
    ["no token", "another's token", "foreign origin", "foreign site", "no origin at all"],
)
def test_no_other_site_can_make_an_administrator_change_anything(app, visitors, trick):
    let_in = []

    async def forge_everywhere() -> Any:
        for one in guarded(app):
            if one.method not in UNSAFE:
                continue
            headers = visitors.person(Role.ADMIN)
            if trick == "no token":
                del headers[FORM_HEADER]
            elif trick == "another's token":
                headers[FORM_HEADER] = visitors.person(Role.OPERATOR)[FORM_HEADER]
            elif trick == "foreign origin":
                headers["origin"] = "https://evil.example"
            elif trick == "no origin at all":
                headers["origin"] = "null"
            else:
                headers["sec-fetch-site"] = "cross-site"
            answer = await ask(app, one.method, one.filled, headers)
            if answer.status != 403:
                let_in.append(f"{one.method} {one.path}: {answer.status}")

    run(app, forge_everywhere)
    assert let_in == []


def test_a_page_of_our_own_may(app, visitors):
    async def send() -> Any:
        headers = visitors.person(Role.ADMIN, again=True) | {
            "origin": "http://127.0.0.1:8000",
            "sec-fetch-site": "same-origin",
        }
        return await ask(app, "POST", "/me/sign-out-everywhere", headers)

    assert anyio.run(send).status == 303


def test_the_token_of_a_form_may_stand_in_its_body(app, visitors):
    async def send(token) -> Any:
        headers = visitors.person(Role.ADMIN, again=True)
        given = headers.pop(FORM_HEADER)
        headers["content-type"] = "application/x-www-form-urlencoded"
        body = f"csrf={given if token else 'wrong'}".encode()
        return await ask(app, "POST", "/me/sign-out-everywhere", headers, body=body)

    assert anyio.run(send, True).status == 303
    assert anyio.run(send, False).status == 403


def test_every_address_that_is_read_needs_at_least_a_viewer(app):
    lowest = {one.who for one in known(app)} - {ANYBODY, PERSON}
    assert lowest == set(RANK)
    assert VIEWER in lowest
