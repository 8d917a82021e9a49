"""Every daily page: nothing inline, one heading, labelled fields, and for viewers no numbers."""

import itertools
import re

from sqlalchemy import text

from campaigns.db import database_now, transaction
from campaigns.store import dispatch
from tests.integration.pages.reading import Page
from tests.integration.reporting.seed import make_attempt, make_recipient

CALLER_ID, EXAMPLE = "+12125550100", "+12025550123"  # ours, and the one in a field's hint
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
PAGES = (
    *("/", "/campaigns", "/campaigns?show=over", "/campaigns/1", "/campaigns/1/settings"),
    *("/campaigns/1/log", "/campaigns/1/recipients", "/campaigns/1/recipients?q=person"),
    *("/campaigns/1/recipients/add", "/recipients", "/recipients?q=0120", "/recipients/4"),
    *("/recipients/1/edit", "/doubt", "/imports"),
)
FOR_OPERATORS = ("/campaigns/1/recipients/add", "/recipients/1/edit")


def test_pages_are_sound_for_browsers_and_readers(operator, running):
    for path in PAGES:
        answer = operator.get(path)
        assert answer.status_code == 200
        check_sound(Page(answer.text))


def check_sound(page: Page) -> None:
    names = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"]["lang"] == "en"
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    for attribute in ("aria-labelledby", "for", "aria-controls"):
        assert set(page.all(attribute)) <= set(ids)
    levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    labelled = set(page.all("for"))
    for tag, attributes in page.tags:
        if tag in ("input", "select", "textarea") and attributes.get("type") != "hidden":
            box = attributes.get("type") == "checkbox"  # stands inside of its label
            assert box or attributes["id"] in labelled


def test_nothing_runs_or_styles_inline_whatever_is_in_the_rows(operator, engine, running):
    with transaction(engine) as session:
        session.execute(text("UPDATE campaigns SET name = :name"), {"name": HOSTILE})
        session.execute(
            text(
                "UPDATE recipients SET reason = :name,"
                " fields = jsonb_build_object('name', CAST(:name AS text))"
            ),
            {"name": HOSTILE},
        )
        session.execute(text("UPDATE attempts SET doubt_reason = :name"), {"name": HOSTILE})
        dispatch.write_log(session, HOSTILE, database_now(session), campaign_id=running)
    for path in PAGES:
        check_nothing_inline(Page(operator.get(path).text))


def check_nothing_inline(page: Page) -> None:
    for tag, attributes in page.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "style"
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")
        if tag == "img":
            assert (attributes["src"] or "").startswith("/static/outdial.svg")


def test_viewers_see_no_number_and_nothing_to_press(browsers, engine, running):
    number = "+12125550120"
    with transaction(engine) as session:
        # As a list leaves it behind: the number stands in a column as well.
        session.execute(
            text("UPDATE recipients SET fields = fields || jsonb_build_object('phone', numbers[1])")
        )
        dispatch.write_log(session, f"Look at {number}.", database_now(session), campaign_id=1)
    viewer = browsers("viewer")
    for path in PAGES:
        answer = viewer.get(path)
        if path in FOR_OPERATORS:
            assert answer.status_code == 403
            continue
        assert answer.status_code == 200
        shown = answer.text.replace(CALLER_ID, "").replace(EXAMPLE, "")
        assert not re.search(r"\+1\d{10}", shown)
        assert Page(answer.text).actions == set()


def test_what_is_not_there_has_a_page_that_says_so(operator, running):
    for path in (
        *("/campaigns/99", "/campaigns/99/settings", "/campaigns/99/log", "/recipients/99"),
        *("/campaigns/99/recipients", "/recipients/99/edit", "/campaigns/99/recipients.csv"),
        *("/campaigns/99/recipients.ndjson", "/imports/99/rejects.csv"),
        *("/campaigns/99999999999999999999", "/recipients/99999999999999999999"),
        "/recipients?q=person&campaign=99",
    ):
        answer = operator.get(path)
        assert answer.status_code == 404
        assert "There is no" in answer.text


def test_lists_go_on_where_the_page_before_ended(operator, engine, running):
    with transaction(engine) as session:
        for n in range(60):
            make_recipient(session, running, 100 + n)
    seen: list[str] = []
    path = f"/campaigns/{running}/recipients"
    while path:
        page = Page(operator.get(path).text)
        seen += [one for one in page.all("href") if re.fullmatch(r"/recipients/\d+", one)]
        path = next((one for one in page.all("href") if "after=" in one), "")
    assert len(seen) == len(set(seen)) == 68


def test_a_place_that_is_none_is_the_beginning(operator, running):
    for bad in ("x", "-1", "0", "99999999999999999999", "%00", "²"):
        for path in ("/campaigns?before=", "/campaigns/1/log?before=", "/doubt?before="):
            assert operator.get(f"{path}{bad}").status_code == 200
        assert operator.get(f"/campaigns/1/recipients?after={bad}").status_code == 200


def test_an_empty_installation_says_what_to_do_first(operator):
    for path, words in {
        "/": "Make the first one",
        "/campaigns": "Make the first one",
        "/recipients": "Whom are you looking for?",
        "/doubt": "No doubts",
        "/imports": "No list was imported yet",
    }.items():
        assert words in Page(operator.get(path).text).text


def test_doubts_say_what_is_known_and_what_happens(operator, engine, running):
    with transaction(engine) as session:
        now = database_now(session)
        person = make_recipient(session, running, 40, status="in_flight")
        make_attempt(
            session, person, "dialing", slot_at=now, in_doubt_at=now, doubt_reason="read timeout"
        )
    told = Page(operator.get("/doubt").text).text
    assert "Person 40" in told
    assert "Read timeout. There may be a call." in told
    assert "Outcome unknown" in told
    assert "Decide what happens" in told
