"""Who the demonstration calls: recipients with fictional numbers, some under a closed window."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import phone
from campaigns.demo.zones import zone
from campaigns.errors import InvalidInput, NotAPhoneNumber

OPENS, CLOSES = 8, 20  # local hours of the demonstration's calling window
WINDOWS = f"daily {OPENS:02d}:00-{CLOSES:02d}:00"
CLOSED_SHARE = 0.06
REJECTED_SHARE = 0.02
ALTERNATE_SHARE = 0.1
ZONES = (
    *("Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Phoenix"),
    *("America/Denver", "America/Chicago", "America/New_York", "America/Halifax"),
    *("America/Sao_Paulo", "Atlantic/Azores", "Europe/London", "Europe/Berlin", "Africa/Cairo"),
    *("Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Dhaka", "Asia/Bangkok", "Asia/Manila"),
    *("Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland"),
)
_FIRST = ("Ada", "Ben", "Chloe", "Daniel", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas")
_LAST = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Alvarez", "Novak", "Haddad", "Murphy")
_DAMAGE = ("911", "n/a", "1.20256E+10", "(800) 555-0199", "+1 900 555 0133", "12345")


@dataclass(frozen=True, slots=True)
class People:
    """A generated list: the file, and how many of its rows are which."""

    csv_text: str
    good: int
    closed: int
    damaged: int


def zones_by_hour(now: datetime) -> tuple[list[str], list[str]]:
    """Zones safely inside the calling window for the next two hours, and zones safely outside."""
    inside, outside = [], []
    for name in ZONES:
        hours = [(now + timedelta(hours=h)).astimezone(zone(name)).hour for h in (0, 1, 2)]
        if all(OPENS <= hour < CLOSES for hour in hours):
            inside.append(name)
        elif all(not OPENS <= hour < CLOSES for hour in hours):
            outside.append(name)
    return inside, outside


def fictional_numbers() -> Iterator[str]:
    """Numbers that nobody has: 555-0100 to 555-0199 of every area code in use."""
    for area in range(201, 990):
        try:
            phone.parse_number(f"+1{area}5550100", "US")
        except NotAPhoneNumber:
            continue
        yield from (f"+1{area}55501{last:02d}" for last in range(100))


def generate(count: int, now: datetime, rng: random.Random) -> People:
    """A list of `count` recipients, with a few damaged rows beside them."""
    numbers = list(fictional_numbers())
    if count > len(numbers) * 0.8:
        raise InvalidInput(f"There are fictional numbers for {int(len(numbers) * 0.8)} recipients.")
    rng.shuffle(numbers)
    primary, spare = numbers[:count], numbers[count:]
    inside, outside = zones_by_hour(now)
    closed = max(1, int(count * CLOSED_SHARE))
    appointment = (now + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    rows = []
    for place, number in enumerate(primary):
        home = rng.choice(outside if place < closed else inside)
        alternate = spare.pop() if spare and rng.random() < ALTERNATE_SHARE else ""
        rows.append((_name(rng), number, alternate, home, appointment))
    damaged = max(1, int(count * REJECTED_SHARE))
    rows += [
        (_name(rng), rng.choice(_DAMAGE), "", rng.choice(inside), appointment)
        for _ in range(damaged)
    ]
    rng.shuffle(rows)
    return People(_as_csv(rows), count, closed, damaged)


def _name(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def _as_csv(rows: list[tuple[str, str, str, str, str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("name", "phone", "phone 2", "time zone", "appointment"))
    writer.writerows(rows)
    return out.getvalue()
