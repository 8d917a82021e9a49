"""Pages and what the server sends to them agree: every value the script shows is there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.reporting import Surroundings, Watch
from campaigns.reporting.values import HourCount
from campaigns.web.pages.charts import MOST_HOURS, dispositions_chart, heat_chart
from tests.integration.pages.reading import Page

AROUND = Surroundings()


def value_at(page: Any, place: str) -> Any:
    """The value at a place, as the script looks it up; raises for a place that is not there."""
    for name in place.split("."):
        if name == "*":
            continue
        if isinstance(page, list):
            if not name.isdigit():
                page = [one[name] for one in page]
            elif page and "id" in page[0]:
                (page,) = [one for one in page if str(one["id"]) == name]
            else:
                page = page[int(name)]
        else:
            page = page[name]
    return page


def places(html: str) -> list[str]:
    page = Page(html)
    found = [*page.all("data-live"), *page.all("data-ok"), *page.all("data-live-width")]
    found += [*page.all("data-list"), *page.all("data-log"), *page.all("data-again")[0].split()]
    return found + [bar.rstrip(".") for bar in page.all("data-bar") if bar]


def test_every_value_of_the_overview_is_in_what_is_sent(operator, engine, running):
    with engine.connect() as connection:
        sent = Watch().overview(connection, AROUND).model_dump(mode="json")
    shown = places(operator.get("/").text)
    assert f"campaigns.{running}.recipients.completed" in shown
    for place in shown:
        value_at(sent, place)


def test_every_value_of_a_campaign_is_in_what_is_sent(operator, engine, running):
    html = operator.get(f"/campaigns/{running}").text
    with engine.connect() as connection:
        sent = Watch().campaign(connection, running, AROUND).model_dump(mode="json")
    assert "recipients.completed" in places(html)
    for place in places(html):
        value_at(sent, place)
    assert Page(html).all("data-watch") == [f"/live/campaigns/{running}"]
    for name in ("reached", "missed", "blocked", "review", "phone"):
        assert f'data-part-of-bar="{name}"' in html


def test_charts_have_the_numbers_of_the_rows(operator, engine, running):
    found = operator.get(f"/campaigns/{running}/charts.json").json()
    ended = {one["key"]: sum(one["values"]) for one in found["dispositions"]["series"]}
    assert ended == {"answered_human": 1, "no_answer": 2, "unknown": 1}
    assert sum(found["minutes"]["calls"]) == 5
    assert len(found["minutes"]["labels"]) == 60
    assert found["minutes"]["cap"] == 300.0
    assert sum(cell["calls"] for cell in found["heat"]["cells"]) == 5
    answered = sum(cell["answered"] for cell in found["heat"]["cells"])
    assert answered == 1  # who is on the phone counts when the call is over
    assert operator.get("/campaigns/99/charts.json").status_code == 404


def hour(at: datetime, **endings: int) -> HourCount:
    calls = sum(endings.values())
    return HourCount(
        hour=at, attempts=calls, calls=calls, answered=0, cancelled=0, dispositions=endings
    )


def test_quiet_hours_between_calls_are_bars_too_and_stand_on_the_viewers_clock():
    first = datetime(2026, 11, 23, 14, tzinfo=UTC)
    hours = [hour(first, busy=1), hour(first + timedelta(hours=2), busy=2, no_answer=1)]
    drawn = dispositions_chart(hours, ZoneInfo("Europe/Vienna"))
    assert drawn["labels"] == ["Mon 15:00", "Mon 16:00", "Mon 17:00"]
    assert [(one["key"], one["values"]) for one in drawn["series"]] == [
        ("no_answer", [0, 0, 1]),
        ("busy", [1, 0, 2]),
    ]


def test_a_long_campaign_has_a_bar_for_each_day_of_the_viewer():
    first = datetime(2026, 11, 1, 23, tzinfo=UTC)  # the second of November in Vienna
    hours = [hour(first + timedelta(hours=n), busy=1) for n in range(0, 3 * MOST_HOURS, 12)]
    drawn = dispositions_chart(hours, ZoneInfo("Europe/Vienna"))
    assert drawn["labels"][0] == "Mon 2 Nov"
    assert sum(drawn["series"][0]["values"]) == len(hours)
    assert len(drawn["labels"]) == len(set(drawn["labels"])) == 6


def test_a_campaign_without_calls_has_empty_charts():
    assert dispositions_chart([], ZoneInfo("UTC")) == {"labels": [], "series": []}
    assert heat_chart([], ZoneInfo("UTC"))["cells"] == []
