"""Rule sets: the calling hours and gaps an account must keep, by a code that attempts record."""

from dataclasses import dataclass

from campaigns.compliance.windows import WeeklyWindows
from campaigns.compliance.zones import zone_named
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.phone import possible_zones


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Calling rules as data. `min_gap` is the seconds between two calls to one number."""

    code: str
    version: int
    windows: WeeklyWindows
    min_gap: float
    live_allowed: bool


RULE_SETS: dict[str, RuleSet] = {
    rules.code: rules
    for rules in (
        RuleSet(
            code="practice",
            version=1,
            windows=WeeklyWindows.parse("always"),
            min_gap=1.0,
            live_allowed=False,
        ),
        # For places whose own rules are not known: conservative, but it quotes no law.
        RuleSet(
            code="house",
            version=1,
            windows=WeeklyWindows.parse("mon-sat 09:00-20:00"),
            min_gap=4 * 3600.0,
            live_allowed=True,
        ),
    )
}


def rule_set(code: str) -> RuleSet:
    """The rule set called `code`; raises `InvalidInput` naming those there are."""
    try:
        return RULE_SETS[code]
    except KeyError:
        known = ", ".join(sorted(RULE_SETS))
        raise InvalidInput(f"There is no rule set “{code[:40]}”. Known: {known}.") from None


def check_account(rules: RuleSet, live: bool) -> None:
    """Raise `NotAllowed` when an account that places real calls selects rules for practice."""
    if live and not rules.live_allowed:
        raise NotAllowed(
            f"The rule set “{rules.code}” is for simulator accounts only and a live account "
            "cannot use it. Nothing was changed. Choose “house”, or mark the account as not live."
        )


def zones_of(given_zone: str | None, e164: str) -> tuple[str, ...]:
    """The zones in which a recipient must be allowed: the one given, else all the number may be in.

    () means unknown: such a recipient is for review, never for calling. Raises `InvalidInput`
    when the given zone does not exist.
    """
    if given_zone and given_zone.strip():
        return (zone_named(given_zone).key,)
    return possible_zones(e164)
