"""Users and API keys: the first one, what administrators change, what stays in the audit log."""

import threading
from typing import Any

import pytest
from sqlalchemy import text

from campaigns import api_keys, auditing, signing_in, users
from campaigns.access import CLI, SYSTEM, Actor, Role
from campaigns.auditing import Wanted
from campaigns.cli.user import make_first_admin
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed, SignInNeeded, Unauthorized
from tests.integration.reporting.served import make_app, make_browser, make_client

GOOD = "harbour violet lantern seventeen"


def add(engine, login, role, **over) -> Any:
    with transaction(engine) as session:
        return users.add_user(session, login, login, role, CLI, database_now(session), **over)


def change(engine, user_id, **what) -> Any:
    with transaction(engine) as session:
        return users.change_user(session, user_id, CLI, database_now(session), **what)


def entries(engine, **wanted) -> Any:
    with transaction(engine) as session:
        return auditing.read(session, Wanted(**wanted), None, 100)


# --- the first one ---------------------------------------------------------------------------


def test_an_empty_installation_gets_one_administrator_however_many_start(engine):
    made, start = [], threading.Barrier(4)

    def one() -> Any:
        start.wait()
        hashed = users.hash_new_password(None)
        with transaction(engine) as session:
            now = database_now(session)
            made.append(users.create_first_admin(session, "admin", None, hashed, now))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = [one for one in made if one is not None]
    assert first.user.role == "admin"
    assert first.user.must_change_password
    assert len(str(first.password)) >= 16


def test_the_first_start_says_how_to_sign_in_and_the_second_says_nothing(engine, capsys, caplog):
    make_first_admin(engine, Settings())
    said = capsys.readouterr().out
    password = said.split("with the password ")[1].split()[0]
    assert "shown this once" in said
    assert password not in caplog.text
    make_first_admin(engine, Settings())
    assert capsys.readouterr().out == ""


def test_a_password_from_the_environment_is_not_printed_and_need_not_be_changed(engine, capsys):
    make_first_admin(engine, Settings(admin_login="boss", admin_password=GOOD))
    assert GOOD not in capsys.readouterr().out
    with transaction(engine) as session:
        user = users.user_with_login(session, "boss")
    assert not user.must_change_password


def test_a_weak_password_from_the_environment_is_refused(engine):
    with pytest.raises(InvalidInput, match="easy to guess"):
        make_first_admin(engine, Settings(admin_password="passwordpassword"))


# --- what administrators change --------------------------------------------------------------


@pytest.mark.parametrize("login", ["", " ", "a b", "ädä", "-x", "x" * 101])
def test_a_login_has_letters_digits_and_little_else(engine, login):
    with pytest.raises(InvalidInput, match="Nobody was added"):
        add(engine, login, Role.VIEWER)


def test_a_login_is_given_once(engine):
    add(engine, "ada", Role.VIEWER)
    with pytest.raises(NotAllowed, match="already"):
        add(engine, "ADA", Role.ADMIN)


@pytest.mark.parametrize("what", [{"role": "operator"}, {"active": False}])
def test_the_last_administrator_stays_one(engine, what):
    boss = add(engine, "boss", Role.ADMIN).user
    off = add(engine, "off", Role.ADMIN).user
    change(engine, off.id, active=False)
    with pytest.raises(NotAllowed, match="only administrator"):
        change(engine, boss.id, **what)


def test_two_administrators_cannot_remove_each_other_at_the_same_time(engine):
    ids = [add(engine, name, Role.ADMIN).user.id for name in ("ada", "bob")]
    start, refused = threading.Barrier(2), []

    def demote(user_id) -> Any:
        start.wait()
        try:
            change(engine, user_id, role="viewer")
        except NotAllowed as problem:
            refused.append(problem)

    threads = [threading.Thread(target=demote, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with transaction(engine) as session:
        count = text("SELECT count(*) FROM users WHERE role = 'admin'")
        assert session.execute(count).scalar_one() == 1


@pytest.mark.parametrize(
    ("how", "ends"),
    [({"role": "viewer"}, True), ({"active": False}, True), ({"name": "Ada L."}, False)],
)
def test_who_loses_a_role_or_is_switched_off_is_signed_out(engine, how, ends):
    add(engine, "boss", Role.ADMIN)
    user = add(engine, "ada", Role.OPERATOR).user
    with transaction(engine) as session:
        token = signing_in.begin_session(session, user, database_now(session))
    change(engine, user.id, **how)
    with transaction(engine) as session:
        now = database_now(session)
        if ends:
            with pytest.raises(SignInNeeded):
                signing_in.recognise(session, token, now)
        else:
            assert signing_in.recognise(session, token, now).actor.name == "Ada L."


def test_a_reset_ends_the_sessions_and_the_old_password(engine):
    user = add(engine, "ada", Role.OPERATOR, password=GOOD).user
    with transaction(engine) as session:
        signing_in.begin_session(session, user, database_now(session))
        made = users.reset_password(session, user.id, CLI, database_now(session))
        assert session.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 0
    assert made.user.must_change_password
    assert made.user.password_hash != user.password_hash or made.password != GOOD


def test_every_change_is_in_the_audit_log_without_any_password(engine):
    boss = Actor("user", "Boss", Role.ADMIN, add(engine, "boss", Role.ADMIN).user.id)
    made = add(engine, "ada", Role.VIEWER)
    with transaction(engine) as session:
        now = database_now(session)
        users.change_user(session, made.user.id, boss, now, role="operator")
        reset = users.reset_password(session, made.user.id, boss, now)
    found = entries(engine, subject=f"user:{made.user.id}")
    assert [one.action for one in found] == ["user.reset_password", "user.change", "user.add"]
    assert found[1].sentence == f"Boss changed user {made.user.id}."
    assert (found[1].before, found[1].after) == ({"role": "viewer"}, {"role": "operator"})
    written = "".join(one.model_dump_json() for one in found)
    assert str(made.password) not in written
    assert str(reset.password) not in written
    assert "argon2" not in written


def test_the_audit_log_cannot_be_altered(engine):
    add(engine, "ada", Role.VIEWER)
    for statement in ("UPDATE audit_log SET actor_name = 'Eve'", "DELETE FROM audit_log"):
        with pytest.raises(Exception, match="append-only"), transaction(engine) as session:
            session.execute(text(statement))


# --- keys ------------------------------------------------------------------------------------


def test_a_key_opens_what_its_role_may_until_it_ends_or_is_revoked(engine):
    with transaction(engine) as session:
        now = database_now(session)
        made = api_keys.create_key(session, "CRM", role="viewer", actor=CLI)
        header = f"Bearer {made.token}"
        assert api_keys.authenticate(session, header, now).role == "viewer"
        api_keys.revoke_key(session, made.row.id, now, actor=CLI)
        with pytest.raises(Unauthorized):
            api_keys.authenticate(session, header, now)
    found = entries(engine, subject=f"key:{made.row.id}")
    assert [one.action for one in found] == ["key.revoke", "key.create"]
    assert made.token not in "".join(one.model_dump_json() for one in found)
    assert made.token[12:] not in repr(found)


def test_a_key_that_would_have_ended_is_not_made(engine):
    with pytest.raises(InvalidInput, match="expired"), transaction(engine) as session:
        api_keys.create_key(session, "CRM", expires_at=database_now(session), actor=SYSTEM)


# --- over the API and in the browser ---------------------------------------------------------


def test_users_and_keys_over_the_api(engine, tmp_path):
    client = make_client(make_app(engine, tmp_path))
    made = client.post("/api/v1/users", json={"login": "ada", "name": "Ada", "role": "viewer"})
    assert made.status_code == 201
    assert made.json()["password"]
    user = made.json()["id"]
    assert client.patch(f"/api/v1/users/{user}", json={"role": "operator"}).json()["role"] == (
        "operator"
    )
    assert "password" not in client.get(f"/api/v1/users/{user}").json()
    assert client.post(f"/api/v1/users/{user}/reset-password").json()["password"]
    assert client.post(f"/api/v1/users/{user}/sign-out").json() == {"sessions": 0}
    key = client.post("/api/v1/keys", json={"name": "CRM", "role": "viewer"}).json()
    assert key["key"].startswith("odk_")
    assert client.post(f"/api/v1/keys/{key['id']}/revoke").json()["state"] == "revoked"
    assert "key" not in client.get("/api/v1/keys").json()["items"][0]
    actions = [one["action"] for one in client.get("/api/v1/audit").json()["items"]]
    assert actions[:5] == [
        *("key.revoke", "key.create", "user.reset_password", "user.change", "user.add")
    ]


def test_a_user_is_added_changed_and_switched_off_in_the_browser(engine, tmp_path):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    page = browser.post("/users/new", data={"login": "ada", "name": "Ada", "role": "viewer"})
    assert page.status_code == 200
    assert "cannot be shown again" in page.text
    again = browser.post("/users/new", data={"login": "ada", "name": "Ada", "role": "viewer"})
    assert (again.status_code, "already" in again.text) == (409, True)
    with transaction(engine) as session:
        user = users.user_with_login(session, "ada")
    assert "Ada" in browser.get(f"/users/{user.id}").text
    saved = browser.post(f"/users/{user.id}", data={"name": "Ada L.", "role": "operator"})
    assert saved.headers["location"] == f"/users/{user.id}"
    assert "easy" not in browser.post(f"/users/{user.id}/password").text
    browser.post(f"/users/{user.id}/off")
    assert "Switched off" in browser.get("/users").text
    log = browser.get("/audit").text
    assert f"The admin changed user {user.id}" in log
    assert "operator" in log


def test_a_refused_change_leaves_nothing_behind(engine, tmp_path):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    with transaction(engine) as session:
        me = session.execute(text("SELECT id FROM users")).scalar_one()
    refused = browser.post(f"/users/{me}", data={"name": "Another", "role": "viewer"})
    assert refused.status_code == 409
    with transaction(engine) as session:
        assert users.user_by_id(session, me).name == "The admin"


def test_a_key_is_shown_once_in_the_browser(engine, tmp_path):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    page = browser.post("/keys/new", data={"name": "CRM", "role": "viewer", "days": "30"})
    token = page.text.split('value="odk_')[1].split('"')[0]
    assert f"odk_{token}" not in browser.get("/keys").text
    with transaction(engine) as session:
        (row,) = api_keys.list_keys(session)
    assert row.expires_at is not None
    assert browser.post(f"/keys/{row.id}/revoke").status_code == 303


def test_me(engine, tmp_path):
    browser = make_browser(make_app(engine, tmp_path), role="viewer")
    assert "The viewer" in browser.get("/me").text
    wrong = browser.post("/me", data={"name": "V", "zone": "Mars/Base", "theme": "dark"})
    assert (wrong.status_code, "not a time zone" in wrong.text) == (422, True)
    saved = browser.post("/me", data={"name": "Vera", "zone": "Europe/Berlin", "theme": "dark"})
    assert "outdial_theme=dark" in saved.headers["set-cookie"]
    page = browser.get("/me").text
    assert 'value="Vera"' in page
    assert "your clock, Berlin" in page
