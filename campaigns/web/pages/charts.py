"""Bars for a campaign's report, as numbers that the template draws."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from campaigns.reporting.values import CampaignReport, HourCount

HOURS_SHOWN = 48
CHART_HEIGHT = 100

_ENDINGS = {
    "answered_human": "Answered by a person",
    "answered": "Answered",
    "answered_machine": "Answered by a machine",
    "no_answer": "No answer",
    "busy": "Busy",
    "rejected": "Declined",
    "invalid_number": "Number does not exist",
    "failed": "Failed",
    "carrier_congestion": "Network congestion",
    "canceled": "Cancelled before an answer",
    "opted_out": "Opted out on the phone",
    "unknown": "Unknown",
}
_MEANINGS = {
    "confirm": "Confirmed",
    "reschedule": "Asked to reschedule",
    "cancel": "Cancelled",
    "opt_out": "Asked not to be called again",
}


class Bar(NamedTuple):
    """A labelled number and its share of the largest, 0 to 100."""

    label: str
    value: int
    share: float


class HourBar(NamedTuple):
    """One hour of the chart: where its bar stands and how high its two parts are."""

    label: str
    x: int
    calls: int
    answered: int
    calls_height: float
    answered_height: float


def bars_of_calls(report: CampaignReport) -> list[Bar]:
    """How calls ended, those endings that occurred."""
    return _bars({name: count for name, count in report.dispositions.items() if count}, _ENDINGS)


def bars_of_answers(report: CampaignReport) -> list[Bar]:
    """What people's last key meant; meanings that the flow asks for appear even without any."""
    if not report.answers.keys:
        return []
    asked = {answer.get("meaning") for answer in report.campaign.flow.get("answers", {}).values()}
    said = report.answers.latest.items()
    return _bars({name: count for name, count in said if count or name in asked}, _MEANINGS)


def hours_chart(hours: Sequence[HourCount]) -> list[HourBar]:
    """The latest hours that had calls, oldest first."""
    shown = hours[-HOURS_SHOWN:]
    most = max((hour.calls for hour in shown), default=0) or 1
    return [
        HourBar(
            label=f"{hour.hour:%d %b %H:00} UTC",
            x=place,
            calls=hour.calls,
            answered=hour.answered,
            calls_height=round(CHART_HEIGHT * hour.calls / most, 1),
            answered_height=round(CHART_HEIGHT * hour.answered / most, 1),
        )
        for place, hour in enumerate(shown)
    ]


def _bars(counts: Mapping[str, int], labels: Mapping[str, str]) -> list[Bar]:
    most = max(counts.values(), default=0) or 1
    return [
        Bar(labels.get(name, name), count, round(100 * count / most, 1))
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1])
    ]
