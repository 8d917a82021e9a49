"""What a campaign's charts are drawn from, on the viewer's clock."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.reporting import answer_heat_map
from campaigns.reporting.values import CampaignReport, HourCount

# With more hours than these, a bar stands for a day.
MOST_HOURS = 48
MOST_DAYS = 60
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

ENDINGS = {
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


def charts_of(report: CampaignReport, zone: ZoneInfo) -> dict[str, Any]:
    """Every chart of a campaign's page as numbers and words, and nothing else."""
    return {
        "zone": str(zone),
        "dispositions": dispositions_chart(report.hours, zone),
        "minutes": {
            "labels": [f"{one.minute.astimezone(zone):%H:%M}" for one in report.minutes],
            "calls": [one.calls for one in report.minutes],
            "cap": round(report.calls_per_minute_cap, 1),
        },
        "heat": heat_chart(report.hours, zone),
    }


def dispositions_chart(hours: Sequence[HourCount], zone: ZoneInfo) -> dict[str, Any]:
    """How calls ended, a bar for each hour, or for each day when there are many hours."""
    bars = _by_hour(hours, zone)
    if len(bars) > MOST_HOURS:
        bars = _by_day(hours, zone)[-MOST_DAYS:]
    found = {name for _, counts in bars for name in counts}
    return {
        "labels": [label for label, _ in bars],
        "series": [
            {"key": key, "name": name, "values": [counts.get(key, 0) for _, counts in bars]}
            for key, name in ENDINGS.items()
            if key in found
        ],
    }


def _by_hour(hours: Sequence[HourCount], zone: ZoneInfo) -> list[tuple[str, Counter[str]]]:
    """A bar for every hour from the first to the last one with a call, quiet ones included."""
    known = {one.hour: Counter(one.dispositions) for one in hours if one.calls}
    if not known:
        return []
    first, last = min(known), max(known)
    count = int((last - first) / timedelta(hours=1)) + 1
    if count > MOST_HOURS:
        return [("", Counter())] * count
    every = [first + timedelta(hours=n) for n in range(count)]
    return [(_hour_label(at, zone), known.get(at, Counter())) for at in every]


def _by_day(hours: Sequence[HourCount], zone: ZoneInfo) -> list[tuple[str, Counter[str]]]:
    days: dict[str, Counter[str]] = {}
    for one in hours:
        local = one.hour.astimezone(zone)
        days.setdefault(f"{local:%a} {local.day} {local:%b}", Counter()).update(one.dispositions)
    return list(days.items())


def _hour_label(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local:%H:%M}"


def heat_chart(hours: Sequence[HourCount], zone: ZoneInfo) -> dict[str, Any]:
    """The share of calls that were answered, by weekday and hour of the viewer's clock."""
    cells = [one for one in answer_heat_map(hours, zone) if one.calls]
    return {
        "days": DAYS,
        "cells": [
            {
                "day": one.weekday,
                "hour": one.hour,
                "calls": one.calls,
                "answered": one.answered,
                "percent": round(100 * (one.rate or 0.0), 1),
            }
            for one in cells
        ],
    }
