"""Signing in with a browser: who is let in, how often one may try, when a session is over."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns import passwords, signing_in, users
from campaigns.access import CLI, Role
from campaigns.db import database_now, transaction
from campaigns.errors import SignInNeeded, TooManyRequests, Unauthorized
from campaigns.signing_in import (
    FAILURES_FROM_EVERYWHERE,
    FAILURES_OF_A_LOGIN,
    FAILURES_OF_AN_ADDRESS,
    Browser,
)
from campaigns.throttling import Throttle
from campaigns.web.auth import FORM_HEADER, SECURE_SESSION_COOKIE, SESSION_COOKIE

GOOD = "harbour violet lantern seventeen"
OTHER = "copper meadow thirteen umbrellas"
HERE = Browser("192.0.2.1", "Firefox")


@pytest.fixture
def ada(engine) -> Any:
    with transaction(engine) as session:
        now = database_now(session)
        made = users.add_user(session, "ada", "Ada", Role.OPERATOR, CLI, now, password=GOOD)
        return made.user


@pytest.fixture
def throttle() -> Any:
    return Throttle(None)


def browser(app, **over) -> TestClient:
    return TestClient(
        app, base_url=over.pop("base_url", "http://127.0.0.1:8000"), follow_redirects=False, **over
    )


def form_token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def sign_in(web, login="ada", password=GOOD, next="/") -> Any:
    page = web.get("/sign-in").text
    csrf = form_token(page)
    return web.post(
        "/sign-in", data={"login": login, "password": password, "csrf": csrf, "next": next}
    )


def test_who_knows_the_password_is_let_in_and_goes_where_they_wanted(app, ada):
    web = browser(app)
    assert web.get("/campaigns").headers["location"] == "/sign-in?next=%2Fcampaigns"
    answer = sign_in(web, "  ADA ", next="/campaigns")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert web.get("/me").status_code == 200


def test_over_tls_the_cookie_is_for_tls_alone(app, ada):
    web = browser(app, base_url="https://127.0.0.1")
    cookies = sign_in(web).headers.get_list("set-cookie")
    (session,) = [one for one in cookies if one.startswith(SECURE_SESSION_COOKIE)]
    assert "Secure" in session
    assert "Path=/" in session
    assert "Domain" not in session


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_to_another_site(app, ada, target):
    assert sign_in(browser(app), next=target).headers["location"] == "/"


def test_a_wrong_login_and_a_wrong_password_are_told_alike(app, ada):
    web = browser(app)
    wrong = sign_in(web, "ada", OTHER)
    unknown = sign_in(web, "bob", OTHER)
    assert wrong.status_code == unknown.status_code == 401
    told = [answer.text.replace("bob", "ada") for answer in (wrong, unknown)]
    told = [re.sub(r'name="csrf" value="[^"]+"', "", one) for one in told]
    assert told[0] == told[1]
    assert "The login or the password is wrong." in wrong.text


def test_an_unknown_login_takes_a_comparison_too(engine, throttle, ada, monkeypatch):
    compared = []

    def compare(kept: str, _given: str) -> bool:
        compared.append(kept)
        return False

    monkeypatch.setattr(passwords, "password_matches", compare)
    for login in ("ada", "bob"):
        with pytest.raises(Unauthorized):
            signing_in.sign_in(engine, throttle, login, OTHER, HERE)
    assert len(compared) == 2
    assert all(kept.startswith("$argon2id$") for kept in compared)


def test_who_is_switched_off_is_told_nothing_else(engine, throttle, ada):
    with transaction(engine) as session:
        users.add_user(session, "boss", "Boss", Role.ADMIN, CLI, database_now(session))
        users.change_user(session, ada.id, CLI, database_now(session), active=False)
    with pytest.raises(Unauthorized, match="login or the password"):
        signing_in.sign_in(engine, throttle, "ada", GOOD, HERE)


def test_after_too_many_failures_one_is_told_how_long_to_wait(app, ada, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, given: given == GOOD)
    web = browser(app)
    for _ in range(FAILURES_OF_A_LOGIN):
        assert sign_in(web, password=OTHER).status_code == 401
    answer = sign_in(web)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert "Try again in 15 minutes" in answer.text
    assert SESSION_COOKIE not in web.cookies


def test_without_redis_there_is_a_limit_all_the_same(engine, ada, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, _given: False)
    away = Throttle("redis://127.0.0.1:1/0")
    for _ in range(FAILURES_OF_A_LOGIN):
        with pytest.raises(Unauthorized):
            signing_in.sign_in(engine, away, "ada", OTHER, HERE)
    with pytest.raises(TooManyRequests):
        signing_in.sign_in(engine, away, "ada", GOOD, HERE)


def test_one_address_cannot_try_every_login(engine, throttle, ada, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, _given: False)
    for n in range(FAILURES_OF_AN_ADDRESS):
        with pytest.raises(Unauthorized):
            signing_in.sign_in(engine, throttle, f"user{n}", OTHER, HERE)
    with pytest.raises(TooManyRequests):
        signing_in.sign_in(engine, throttle, "ada", GOOD, HERE)
    with pytest.raises(Unauthorized):  # from elsewhere the login is not blocked
        signing_in.sign_in(engine, throttle, "ada", GOOD, Browser("192.0.2.2"))


def test_strangers_cannot_lock_a_login_out_of_its_own_browser(app, ada, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, given: given == GOOD)
    own, strange = browser(app), browser(app)
    assert sign_in(own).status_code == 303
    for _ in range(FAILURES_OF_A_LOGIN):
        assert sign_in(strange, password=OTHER).status_code == 401
    assert sign_in(strange).status_code == 429
    assert sign_in(own).status_code == 303
    for _ in range(FAILURES_OF_A_LOGIN):  # nor is it a way round the limit
        assert sign_in(own, password=OTHER).status_code == 401
    assert sign_in(own).status_code == 429
    assert sign_in(own, login="bob", password=OTHER).status_code == 401


def test_a_login_is_bounded_from_everywhere_and_not_locked_by_one_address(
    engine, throttle, ada, monkeypatch
):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, _given: False)
    for n in range(FAILURES_FROM_EVERYWHERE):
        where = Browser(f"192.0.2.{n // FAILURES_OF_A_LOGIN}")
        with pytest.raises(Unauthorized):
            signing_in.sign_in(engine, throttle, "ada", OTHER, where)
        if n + 1 == FAILURES_OF_A_LOGIN:
            with pytest.raises(TooManyRequests):
                signing_in.sign_in(engine, throttle, "ada", OTHER, where)
    with pytest.raises(TooManyRequests):
        signing_in.sign_in(engine, throttle, "ada", OTHER, Browser("198.51.100.7"))
    with pytest.raises(Unauthorized):
        signing_in.sign_in(engine, throttle, "ada", OTHER, Browser("198.51.100.7", known_as="hers"))


def test_two_processes_count_together(engine, servers, ada, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, _given: False)
    one, other = (Throttle(servers.redis_url) for _ in range(2))
    login, where = uuid.uuid4().hex, Browser(uuid.uuid4().hex)
    for n in range(FAILURES_OF_A_LOGIN):
        with pytest.raises(Unauthorized):
            signing_in.sign_in(engine, (one, other)[n % 2], login, OTHER, where)
    for each in (one, other):
        with pytest.raises(TooManyRequests) as refused:
            signing_in.sign_in(engine, each, login, OTHER, where)
        assert 0 < refused.value.retry_after <= 900
        each.close()


def test_a_success_is_not_counted_and_forgets_the_failures(engine, servers, monkeypatch):
    monkeypatch.setattr(passwords, "password_matches", lambda _kept, given: given == GOOD)
    counted = Throttle(servers.redis_url)
    login, where = uuid.uuid4().hex, Browser(uuid.uuid4().hex)
    with transaction(engine) as session:
        now = database_now(session)
        users.add_user(session, login, "Ada", Role.VIEWER, CLI, now, password=GOOD)
    for _ in range(2):
        for _ in range(FAILURES_OF_A_LOGIN - 1):
            with pytest.raises(Unauthorized):
                signing_in.sign_in(engine, counted, login, OTHER, where)
        signing_in.sign_in(engine, counted, login, GOOD, where)
    counted.close()


def test_signing_in_gives_a_new_session_and_ends_the_one_before(app, engine, ada):
    web = browser(app)
    sign_in(web)
    first = web.cookies[SESSION_COOKIE]
    sign_in(web)
    assert web.cookies[SESSION_COOKIE] != first
    assert sessions(engine) == 1


def sessions(engine) -> Any:
    with transaction(engine) as session:
        return session.execute(text("SELECT count(*) FROM sessions")).scalar_one()


def test_a_session_ends_when_it_is_idle_or_old(engine, ada):
    with transaction(engine) as session:
        now = database_now(session)
        token = signing_in.begin_session(session, ada, now)
        assert signing_in.recognise(session, token, now).actor.id == ada.id
        with pytest.raises(SignInNeeded):
            signing_in.recognise(session, token, now + signing_in.IDLE + timedelta(seconds=1))
        for days in range(1, 7):  # used every few hours, all the same
            for hours in (0, 8, 16):
                signing_in.recognise(session, token, now + timedelta(days=days - 1, hours=hours))
                session.flush()
        with pytest.raises(SignInNeeded):
            signing_in.recognise(session, token, now + signing_in.LONGEST)


def test_watching_does_not_keep_a_session_alive(engine, ada):
    with transaction(engine) as session:
        now = database_now(session)
        token = signing_in.begin_session(session, ada, now)
        later = now + signing_in.IDLE - timedelta(minutes=1)
        signing_in.recognise(session, token, later, in_use=False)
        session.flush()
        with pytest.raises(SignInNeeded):
            signing_in.recognise(session, token, later + timedelta(minutes=2))


def test_sessions_that_are_over_are_forgotten_and_others_are_not(engine, ada):
    with transaction(engine) as session:
        now = database_now(session)
        signing_in.begin_session(session, ada, now - signing_in.LONGEST)
        signing_in.begin_session(session, ada, now - signing_in.IDLE - timedelta(minutes=1))
        kept = signing_in.begin_session(session, ada, now)
        assert signing_in.forget_ended_sessions(session, now) == 2
        assert signing_in.recognise(session, kept, now).actor.name == "Ada"


def test_who_was_given_a_password_chooses_their_own_before_anything_else(app, engine):
    with transaction(engine) as session:
        made = users.add_user(session, "bob", "Bob", Role.VIEWER, CLI, database_now(session))
    web = browser(app)
    assert sign_in(web, "bob", made.password).status_code == 303
    assert web.get("/").headers["location"] == "/me/password"
    assert web.get("/me").headers["location"] == "/me/password"
    assert web.get("/api/v1/campaigns").status_code == 403
    page = web.get("/me/password")
    assert "given to you" in page.text
    csrf = form_token(page.text)
    given = {"csrf": csrf, "old": made.password, "new": GOOD, "again": GOOD}
    assert web.post("/me/password", data=given | {"again": OTHER}).status_code == 422
    assert web.post("/me/password", data=given | {"old": OTHER}).status_code == 422
    weak = {"new": "passwordpassword", "again": "passwordpassword"}
    assert "easy to guess" in web.post("/me/password", data=given | weak).text
    assert web.post("/me/password", data=given).headers["location"] == "/"
    assert web.get("/").status_code == 200


def test_a_new_password_ends_the_other_sessions(app, engine, ada):
    here, there = browser(app), browser(app)
    sign_in(here)
    sign_in(there)
    here.headers[FORM_HEADER] = app.state.vault.form_token(
        signing_in.digest(here.cookies[SESSION_COOKIE])
    )
    answer = here.post("/me/password", data={"old": GOOD, "new": OTHER, "again": OTHER})
    assert answer.status_code == 303
    assert here.get("/me").status_code == 200
    assert there.get("/me").headers["location"].startswith("/sign-in")
    assert sessions(engine) == 1
    assert sign_in(browser(app)).status_code == 401
    assert sign_in(browser(app), password=OTHER).status_code == 303


def test_signing_out_everywhere_is_everywhere(app, engine, ada):
    here, there = browser(app), browser(app)
    sign_in(here)
    sign_in(there)
    csrf = app.state.vault.form_token(signing_in.digest(here.cookies[SESSION_COOKIE]))
    here.post("/me/sign-out-everywhere", data={"csrf": csrf})
    assert sessions(engine) == 0
    assert there.get("/").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("trusted", "sent", "counted"),
    [
        ([], "203.0.113.9", "testclient"),
        (["10.0.0.0/8"], "203.0.113.9", "testclient"),
    ],
)
def test_a_forwarded_address_counts_only_from_a_trusted_proxy(app, trusted, sent, counted):
    assert _address(app, "testclient", trusted, sent) == counted


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("", "10.0.0.1"),
    ],
)
def test_what_the_client_itself_wrote_is_not_believed(app, sent, counted):
    assert _address(app, "10.0.0.1", ["10.0.0.0/8"], sent) == counted


def _address(app, peer, trusted, sent) -> Any:
    from starlette.requests import Request

    from campaigns.web.clients import client_address

    app.state.settings = app.state.settings.model_copy(update={"trusted_proxies": trusted})
    scope = {
        "type": "http",
        "app": app,
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", sent.encode())],
    }
    return client_address(Request(scope))
