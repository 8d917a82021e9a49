"""The pages: shown under known names only, with the numbers of the rows, and nothing inline."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from sqlalchemy import text

from campaigns.db import database_now, transaction
from campaigns.store import dispatch
from campaigns.web.glances import KEPT, Glances
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_attempt, make_recipient, make_response
from tests.integration.reporting.served import make_client

PAGES = ["/", "/overview.json", "/campaigns/1", "/metrics"]
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class Collected(HTMLParser):
    """Tags with attributes, and the texts inside elements marked `data-live`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.live: dict[str, str] = {}
        self.text = ""
        self._open: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs).get("data-live")
        if self._open is not None:
            self.live[self._open] = ""

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open is not None:
            self.live[self._open] += data


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_pages_are_shown_under_the_names_of_this_machine(app, running, path, host):
    assert make_client(app, key=False, host=host).get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.test"},
        {"Host": "127.0.0.1.example.test"},
        {"Host": "localhost@example.test"},
        {"Host": ""},
        {"Host": "127.0.0.1", "X-Forwarded-Host": "example.test"},
        {"Host": "127.0.0.1", "X-Forwarded-Host": "localhost, example.test"},
    ],
)
def test_pages_are_not_there_under_any_other_name(app, running, path, headers):
    answer = make_client(app, key=False).get(path, headers=headers)
    check_problem(answer, 404)
    assert "Outdial" not in answer.text


def test_the_api_is_answered_under_any_name(app, running):
    assert make_client(app, host="example.test").get("/api/v1/campaigns").status_code == 200


def test_every_number_that_the_script_refreshes_is_on_the_page(client, engine, running):
    with transaction(engine) as session:
        for n, status in enumerate(("completed", "exhausted", "blocked", "review", "in_flight")):
            recipient = make_recipient(session, running, 20 + n, status=status)
        make_attempt(session, recipient, "in_progress")
        attempt = make_attempt(session, recipient, disposition="opted_out")
        make_response(session, attempt, "9", "opt_out")
    page = Collected(client.get("/").text)
    values = client.get("/overview.json").json()

    assert page.live == values["texts"]
    assert values["campaigns"] == [running]
    texts = {key.removeprefix(f"c{running}."): text for key, text in page.live.items()}
    assert (texts["done"], texts["total"], texts["waiting"]) == ("4", "8", "3")
    assert (texts["reached"], texts["missed"], texts["blocked"]) == ("1", "1", "1")
    assert (texts["review"], texts["phone"], texts["opt_out"]) == ("1", "1", "1")
    states = {a["data-state"] for _, a in page.tags if "data-state" in a}
    assert states == set(values["states"])
    bars = values["bars"][f"c{running}"]
    assert [width for _, _, width in bars] == [12.5] * 5
    drawn = [a for tag, a in page.tags if tag == "rect"]
    assert [(float(a["x"] or ""), float(a["width"] or "")) for a in drawn] == [
        (start, width) for _, start, width in bars
    ]


def test_numbers_follow_the_rows(app, client, engine, running):
    client.get("/")
    with transaction(engine) as session:
        make_recipient(session, running, 40, status="completed")
    app.state.glances = Glances()
    assert client.get("/overview.json").json()["texts"][f"c{running}.reached"] == "1"


def test_nothing_on_a_page_runs_or_styles_inline(client, engine, running):
    with transaction(engine) as session:
        session.execute(text("UPDATE campaigns SET name = :name"), {"name": HOSTILE})
        dispatch.write_log(session, HOSTILE, database_now(session), campaign_id=running)
        recipient = make_recipient(session, running, 40, status="review", reason=HOSTILE)
        make_attempt(session, recipient, disposition="answered_human")
        attempt = make_attempt(session, recipient, "cancelled", cancel_reason=HOSTILE)
        make_response(session, attempt, "1", "confirm")
    for path in ("/", f"/campaigns/{running}", "/campaigns/99"):
        html = client.get(path).text
        page = Collected(html)
        for tag, attributes in page.tags:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            assert tag != "style"
            if tag == "script":
                assert attributes["src"] == "/static/outdial.js"
            if tag == "img":
                assert attributes["src"] == "/static/outdial.svg"
        if path != "/campaigns/99":
            assert HOSTILE in page.text


def test_pages_have_a_language_a_title_one_heading_and_a_way_past_the_top(client, running):
    for path in ("/", f"/campaigns/{running}"):
        page = Collected(client.get(path).text)
        names = [tag for tag, _ in page.tags]
        assert dict(page.tags)["html"]["lang"] == "en"
        assert names.count("h1") == names.count("main") == names.count("title") == 1
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        for _, attributes in page.tags:
            assert attributes.get("aria-labelledby", ids[0]) in ids
        levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_an_empty_installation_says_what_to_do_first(client):
    page = Collected(client.get("/").text)
    assert "outdial campaign create" in page.text
    assert "No sign of life" in page.text


def test_the_page_of_a_campaign_has_its_report(client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 40, status="completed")
        attempt = make_attempt(session, recipient, disposition="answered_human")
        make_response(session, attempt, "9", "opt_out")
        dispatch.write_log(session, "Something happened.", database_now(session), campaign_id=1)
    told = " ".join(Collected(client.get(f"/campaigns/{running}").text).text.split())
    for words in (
        "1 of 4 done",
        "Answered by a person 1",
        "Asked not to be called again 1",
        "Something happened.",
        "23 Nov 14:00 UTC: 1 call, 0 answered",
        "recipients.csv",
    ):
        assert words in told


def test_a_campaign_that_is_not_there_has_a_page_that_says_so(client):
    answer = client.get("/campaigns/99")
    assert answer.status_code == 404
    assert "There is no campaign 99." in answer.text
    assert client.get("/campaigns/0").status_code == 404
    assert client.get("/campaigns/99999999999999999999").status_code == 404


def test_the_files_of_the_pages_are_served(client):
    for name in ("outdial.css", "outdial.js", "outdial.svg"):
        assert client.get(f"/static/{name}").status_code == 200


def test_a_database_that_is_away_is_said_on_the_page_too(app, client, running, monkeypatch):
    def away(*_args):
        raise TimeoutError

    monkeypatch.setattr("campaigns.web.pages.reporting.overview", away)
    check_problem(client.get("/overview.json"), 500)


def test_metrics_are_what_the_rows_say(client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 40, status="in_flight")
        make_attempt(session, recipient, "cancelled")
        make_attempt(session, recipient, disposition="busy")
        now = database_now(session)
        make_attempt(session, recipient, "dialing", in_doubt_at=now)
        dispatch.beat(session, "web:a:1", "web", ready=True, detail={})
        session.execute(text("UPDATE heartbeats SET at = :at"), {"at": now - timedelta(seconds=7)})
        dispatch.take_lease(session, "scheduler:a:1", 3600)
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'outdial_recipients{status="pending"} 3.0',
        'outdial_recipients{status="in_flight"} 1.0',
        'outdial_recipients{status="review"} 0.0',
        'outdial_attempts{status="dialing"} 1.0',
        'outdial_dispositions{disposition="busy"} 1.0',
        'outdial_dispositions{disposition="unknown"} 0.0',
        "outdial_slots_missed_total 1.0",
        "outdial_live_calls 1.0",
        "outdial_in_doubt 1.0",
        'outdial_scheduler_leads{holder="scheduler:a:1"} 1.0',
        "outdial_dialing_enabled 1.0",
    ):
        assert line in lines
    [age] = [line for line in lines if line.startswith("outdial_heartbeat_age_seconds{")]
    assert 'kind="web"' in age
    assert float(age.rsplit(" ", 1)[1]) >= 7


class Counting:
    """Something that costs time whenever it is counted."""

    def __init__(self) -> None:
        self.now, self.count = 0.0, 0

    def counting_for(self, seconds: float) -> Callable[[], int]:
        def count() -> int:
            self.now += seconds
            self.count += 1
            return self.count

        return count


def test_a_glance_is_kept_for_a_moment_and_longer_when_it_was_dear():
    dear = Counting()
    glances = Glances(lambda: dear.now)
    seen = []
    for key, wait, cost in (
        ("a", 0, 0.01),
        ("a", 0.5, 0.01),
        ("a", 0.5, 3.0),
        ("a", 29, 0.01),
        ("a", 2, 0.01),
        ("b", 0, 0.01),
    ):
        dear.now += wait
        seen.append(glances.at(key, dear.counting_for(cost)))
    assert seen == [1, 1, 2, 2, 3, 4]


def test_glances_that_fail_are_not_kept_and_the_number_of_those_kept_is_bounded():
    glances = Glances()
    with pytest.raises(ZeroDivisionError):
        glances.at("a", lambda: 1 // 0)
    assert glances.at("a", lambda: 1) == 1
    for n in range(3 * KEPT):
        glances.at(n, int)
    assert len(glances._known) == len(glances._locks) == KEPT
