"""What binds a campaign's calls: its rule set, purpose and voice select, its own windows narrow."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from campaigns.compliance.hours import Hours
from campaigns.compliance.place import Place
from campaigns.compliance.rulebook import PRACTICE, Applied, Rulebook, check_rule_set
from campaigns.compliance.terms import Purpose, Voice
from campaigns.compliance.windows import WeeklyWindows
from campaigns.errors import InvalidInput, NotAllowed

_Named = TypeVar("_Named", Purpose, Voice)


class Ruled(Protocol):
    """Whatever has a campaign's part of the rules: the campaign itself, and rows made of it."""

    @property
    def rule_set(self) -> str:
        """Which rules bind: house, law or practice."""

    @property
    def windows(self) -> Mapping[str, Any]:
        """The campaign's own windows, as `WeeklyWindows.serialise` wrote them."""

    @property
    def purpose(self) -> str:
        """Why people are called."""

    @property
    def voice(self) -> str:
        """Who speaks."""


def hours_for(
    book: Rulebook,
    campaign: Ruled,
    place: Place,
    windows: WeeklyWindows | None = None,
    *,
    consented: bool = False,
) -> Hours:
    """When a campaign may call a place: by the rules, and within its own windows, or `windows`.

    A campaign can only narrow what its rules allow, because both are asked. Raises
    `InvalidInput` for a campaign whose rules cannot be read. `consented`: for people whom a
    consent spares some of the rules.
    """
    return book.hours(
        campaign.rule_set,
        place,
        purpose_named(campaign.purpose),
        voice_named(campaign.voice),
        windows or _windows(json.dumps(campaign.windows, sort_keys=True)),
        consented=consented,
    )


def applied_to(
    book: Rulebook, campaign: Ruled, place: Place, at: datetime, *, consented: bool = False
) -> Applied:
    """What binds a campaign's call to a place at `at`, but for the campaign's own windows."""
    return book.applied(
        campaign.rule_set,
        place,
        purpose_named(campaign.purpose),
        voice_named(campaign.voice),
        at,
        consented=consented,
    )


@lru_cache(maxsize=1024)
def _windows(serialised: str) -> WeeklyWindows:
    return WeeklyWindows.parse(json.loads(serialised))


def purpose_named(name: str) -> Purpose:
    """The purpose called `name`; raises `InvalidInput` naming those there are."""
    return _named(Purpose, name, "purpose of a call")


def voice_named(name: str) -> Voice:
    """The voice called `name`; raises `InvalidInput` naming those there are."""
    return _named(Voice, name, "voice")


def _named(kind: type[_Named], name: str, what: str) -> _Named:
    try:
        return kind(name.strip().lower())
    except ValueError:
        known = ", ".join(kind)
        raise InvalidInput(f"“{name[:40]}” is no {what}. Known: {known}.") from None


def check_account(rule_set: str, live: bool) -> None:
    """Raise `NotAllowed` when an account that places real calls selects rules for practice.

    Raises `InvalidInput` for a rule set that there is not, whatever the account.
    """
    if check_rule_set(rule_set) == PRACTICE and live:
        raise NotAllowed(
            f"The rule set “{rule_set}” is for simulator accounts only and a live account "
            "cannot use it. Nothing was changed. Choose “house”, or mark the account as not live."
        )
