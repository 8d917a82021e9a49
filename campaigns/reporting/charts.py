"""What a campaign's charts show, from its tallies. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.flows.model import Meaning
from campaigns.lifecycle import RecipientStatus
from campaigns.reporting.values import FunnelStep, HeatCell, HourCount, MinuteCount
from campaigns.store.reports import Counted

MINUTES_SHOWN = 60
# What the outcome of an opt-out during the call says (retries); they were reached as well.
SAID_STOP = "asked not to be called again"


def funnel(numbers: Counted, flow: Mapping[str, Any]) -> list[FunnelStep]:
    """How far people got: in the list, called, reached, pressed a key, confirmed; the last two
    only where the call flow has keys, and one to confirm.

    Called are those with at least one call that counts and is over.
    """
    # As it is stored: a flow that this release cannot read keeps nobody from the report.
    given = {answer.get("meaning") for answer in flow.get("answers", {}).values()}
    statuses = numbers.people_by_status()
    people = sum(statuses.values())
    answers = numbers.answers()
    said_stop = numbers.reasons().get(RecipientStatus.BLOCKED.value, {}).get(SAID_STOP, 0)
    steps = (
        ("people", "People", people),
        ("called", "Called", numbers.called_before(*(status.value for status in RecipientStatus))),
        ("reached", "Reached", statuses.get(RecipientStatus.COMPLETED.value, 0) + said_stop),
        ("pressed", "Pressed a key", sum(one.latest for one in answers)),
        (
            "confirmed",
            "Confirmed",
            sum(one.latest for one in answers if one.meaning == Meaning.CONFIRM),
        ),
    )
    last = len(steps) if Meaning.CONFIRM in given else 4 if given else 3
    return [
        FunnelStep(key=key, label=label, people=count, share=count / people if people else 0.0)
        for key, label, count in steps[:last]
    ]


def last_minutes(numbers: Counted, now: datetime) -> list[MinuteCount]:
    """Calls begun in each of the last 60 minutes, the running one last."""
    found = numbers.calls_per_minute()
    latest = now.replace(second=0, microsecond=0)
    minutes = (latest - timedelta(minutes=back) for back in range(MINUTES_SHOWN - 1, -1, -1))
    return [MinuteCount(minute=minute, calls=found.get(minute, 0)) for minute in minutes]


def answer_heat_map(hours: Iterable[HourCount], zone: ZoneInfo) -> list[HeatCell]:
    """Calls and answers by weekday and hour on the wall clock of `zone`: 168 cells, Monday first.

    An hour of a zone that is half an hour off counts under the hour in which it begins. The zone
    is the viewer's or the campaign's: people in other zones were called at other hours of theirs.
    """
    calls = [[0] * 24 for _ in range(7)]
    answered = [[0] * 24 for _ in range(7)]
    for one in hours:
        local = one.hour.astimezone(zone)
        calls[local.weekday()][local.hour] += one.calls
        answered[local.weekday()][local.hour] += one.answered
    return [
        HeatCell(weekday=day, hour=hour, calls=calls[day][hour], answered=answered[day][hour])
        for day in range(7)
        for hour in range(24)
    ]


def dispositions_by_hour(hours: Sequence[HourCount]) -> dict[str, list[int]]:
    """Per disposition that occurred, the number of calls in each of `hours`, in their order."""
    names = sorted({name for one in hours for name in one.dispositions})
    return {name: [one.dispositions.get(name, 0) for one in hours] for name in names}
