"""Facts under which somebody may be called, for tests to change in one place."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from campaigns.compliance import (
    Applied,
    Cap,
    CapScope,
    ConsentNeed,
    Duties,
    Era,
    Hours,
    Place,
    WeeklyWindows,
)
from campaigns.gates import (
    AccountFacts,
    Call,
    Calls,
    CampaignFacts,
    ConsentFact,
    Facts,
    Installation,
    PersonFacts,
)

# A Tuesday; noon in New York.
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
NUMBER = "+12125550123"
NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
DAYTIME = WeeklyWindows.parse("mon-sat 09:00-20:00")
ALWAYS = WeeklyWindows.parse("always")


def ago(**how_long: float) -> datetime:
    return NOON - timedelta(**how_long)


def calls(*instants: datetime) -> tuple[Call, ...]:
    """Counted calls, newest first, with ids from 1."""
    return tuple(Call(n, at) for n, at in enumerate(sorted(instants, reverse=True), 1))


def consent(**columns: Any) -> ConsentFact:
    values: dict[str, Any] = {"id": 7, "basis": "express", "given_at": ago(days=10)}
    return ConsentFact(**values | columns)


def place(*zones: str) -> Place:
    return Place("US", ("NY",), zones)


def hours(*zones: str, windows: WeeklyWindows = DAYTIME, early: float = 0.0) -> Hours:
    return Hours(zones, (Era(date.min, (windows,)),), early)


def rules(**fields: Any) -> Applied:
    values: dict[str, Any] = {
        "codes": ("us-hours",),
        "windows": (DAYTIME,),
        "caps": (),
        "min_gap": 0.0,
        "duties": Duties(),
        "close_early": 0.0,
        "version": "house@1",
    }
    return Applied(**values | fields)


def needing(need: ConsentNeed, max_age: float | None = None) -> Applied:
    return rules(duties=Duties(consent=need, consent_max_age=max_age))


def cap(n: int, *, hours: float, scope: CapScope = CapScope.NUMBER, rule: str = "us-cap") -> Cap:
    return Cap(n, hours * 3600, scope, rule)


def allowed() -> Facts:
    """Everybody and everything is fine."""
    return Facts(
        installation=Installation(dialling=True),
        account=AccountFacts("carrier"),
        campaign=CampaignFacts(3, "Elm Street", windows=ALWAYS, purpose="reminder"),
        person=PersonFacts(9, NUMBER),
        place=place(NEW_YORK),
        rules=rules(),
        hours=hours(NEW_YORK),
        calls=Calls(),
    )


def but(**parts: Any) -> Facts:
    """The same, but for whole parts or for single fields of parts, as `person={"id": 3}`."""
    facts = allowed()
    changed = {
        name: replace(getattr(facts, name), **value) if isinstance(value, dict) else value
        for name, value in parts.items()
    }
    return replace(facts, **changed)
