"""Every calling rule of one version, and which of them bind a call. Pure.

All rules that select a call bind it together: windows intersect, caps add up, duties unite. So
another rule can only narrow what may be called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from campaigns.compliance.calendars import closed_on_holidays
from campaigns.compliance.hours import Era, Hours
from campaigns.compliance.place import Place
from campaigns.compliance.rule import ANYWHERE, OF_THE_PLACE, ORDINARY, Aspect, Rule
from campaigns.compliance.terms import (
    NO_COOLOFFS,
    AbandonLimit,
    Cap,
    ConsentNeed,
    Cooloffs,
    Duties,
    Purpose,
    Voice,
)
from campaigns.compliance.united import (
    BoundRules,
    abandon_limits,
    closes_early,
    cooloffs,
    duties,
    gap_of,
    smallest,
    spared_by,
    united,
)
from campaigns.compliance.windows import WeeklyWindows
from campaigns.compliance.zones import zone_named
from campaigns.errors import InvalidInput

PRACTICE, HOUSE, LAW = "practice", "house", "law"
RULE_SETS = (HOUSE, LAW, PRACTICE)
_ALWAYS = WeeklyWindows.parse("always")


@dataclass(frozen=True, slots=True)
class Applied:
    """What binds calls to one place, for one purpose and voice, at one instant.

    `close_early` is how many seconds before its end a window gives no slot any more; `version` is
    what attempts record. `spared_by` is a consent by which some rules do not bind that bind
    everybody who has not given it; none: they bind.
    """

    codes: tuple[str, ...]
    windows: tuple[WeeklyWindows, ...]
    caps: tuple[Cap, ...]
    min_gap: float
    duties: Duties
    close_early: float
    version: str
    cooloffs: Cooloffs = NO_COOLOFFS
    abandon: tuple[AbandonLimit, ...] = ()
    spared_by: ConsentNeed = ConsentNeed.NONE


@dataclass(frozen=True, slots=True)
class Practice:
    """What holds for the simulator's accounts: everything is allowed, in quick succession."""

    windows: WeeklyWindows = _ALWAYS
    min_gap: float = 1.0


@dataclass(frozen=True, eq=False)
class Rulebook:
    """Every rule of one version. `groups` are countries that share rules, such as the EU;
    `territories` have a country code of their own and are bound by another country's rules."""

    version: int
    rules: tuple[Rule, ...]
    practice: Practice = field(default_factory=Practice)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    territories: Mapping[str, str] = field(default_factory=dict)

    def applied(
        self,
        rule_set: str,
        place: Place,
        purpose: Purpose | None,
        voice: Voice | None,
        at: datetime,
        *,
        consented: bool = False,
    ) -> Applied:
        """What binds a call at `at`, united over the local dates of the place's zones.

        A purpose or voice of None is not known: the rules for every ordinary one bind. With
        `consented`, what binds a call to somebody whose consent is as strong as `spared_by` of the
        answer. Raises `InvalidInput` for a rule set that does not exist.
        """
        days = tuple(sorted({at.astimezone(zone_named(zone)).date() for zone in place.zones}))
        return _applied(self, check_rule_set(rule_set), place, purpose, voice, days, consented)

    def hours(
        self,
        rule_set: str,
        place: Place,
        purpose: Purpose | None,
        voice: Voice | None,
        windows: WeeklyWindows | None = None,
        *,
        consented: bool = False,
    ) -> Hours:
        """When a place may be called: by the rules of each local date, and within `windows`.

        Never, when too little is known of the place. `consented` is as in `applied`.
        """
        eras, early = _eras(self, check_rule_set(rule_set), place, purpose, voice, consented)
        if windows is not None:
            eras = tuple(Era(era.since, (*era.windows, windows)) for era in eras)
        return Hours(place.zones if place.known else (), eras, early)

    def windows_by_rule(
        self,
        rule_set: str,
        place: Place,
        purpose: Purpose | None,
        voice: Voice | None,
        day: date,
    ) -> tuple[tuple[str, tuple[WeeklyWindows, ...]], ...]:
        """The hours of each rule on a local day: its code, and windows that must all hold."""
        if check_rule_set(rule_set) == PRACTICE:
            return ((PRACTICE, (self.practice.windows,)),)
        bound = _bound(self, rule_set, place, purpose, voice, day, consented=False)
        return tuple(
            (rule.code, _windows_of_rule(self, rule, place)) for rule in bound.on(Aspect.HOURS)
        )

    def min_ring_seconds(self, rule_set: str, purpose: Purpose, voice: Voice) -> int:
        """The longest that any rule for such calls lets it ring at least, wherever they go to."""
        if check_rule_set(rule_set) == PRACTICE:
            return 0
        return max(
            (
                rule.min_ring_seconds or 0
                for rule in self.rules
                if purpose in rule.purposes and voice in rule.voices
            ),
            default=0,
        )

    def binds_in(self, rule: Rule, country: str) -> bool:
        """Whether a rule can bind in a country, or in a group of countries such as the EU."""
        home = self.territories.get(country, country)
        return rule.jurisdiction in (ANYWHERE, country, home) or home in self.groups.get(
            rule.jurisdiction, ()
        )

    def country_of(self, place: Place) -> str | None:
        """Whose rules bind a place."""
        return self.territories.get(place.country or "", place.country)


def check_rule_set(name: str) -> str:
    """The name of a rule set; raises `InvalidInput` naming those there are."""
    if name not in RULE_SETS:
        raise InvalidInput(f"There is no rule set “{name[:40]}”. Known: {', '.join(RULE_SETS)}.")
    return name


@lru_cache(maxsize=4096)
def _applied(
    book: Rulebook,
    rule_set: str,
    place: Place,
    purpose: Purpose | None,
    voice: Voice | None,
    days: tuple[date, ...],
    consented: bool,
) -> Applied:
    version = f"{rule_set}@{book.version}"
    if rule_set == PRACTICE:
        only = book.practice
        return Applied((PRACTICE,), (only.windows,), (), only.min_gap, Duties(), 0.0, version)
    bounds = [
        _bound(book, rule_set, place, purpose, voice, day, consented=consented) for day in days
    ]
    every = united(bounds)
    windows = {one: None for bound in bounds for one in _windows_of(book, bound, place)}
    return Applied(
        codes=tuple(sorted(rule.code for rule, _ in every.rules)),
        windows=tuple(windows),
        caps=smallest(cap for rule in every.on(Aspect.CAPS) for cap in rule.limits()),
        min_gap=max((gap_of(rule) for rule in every.on(Aspect.GAP)), default=0.0),
        duties=duties(every),
        close_early=max((closes_early(rule) for rule in every.on(Aspect.CLOSING)), default=0.0),
        version=version,
        cooloffs=cooloffs(every),
        abandon=tuple(abandon_limits(every)),
        spared_by=spared_by(every),
    )


@lru_cache(maxsize=4096)
def _eras(
    book: Rulebook,
    rule_set: str,
    place: Place,
    purpose: Purpose | None,
    voice: Voice | None,
    consented: bool,
) -> tuple[tuple[Era, ...], float]:
    """The windows of each stretch of dates in which the same rules hold, and the close-early."""
    if rule_set == PRACTICE:
        return (Era(date.min, (book.practice.windows,)),), 0.0
    found: list[Era] = []
    early = 0.0
    for day in _first_days(book.rules):
        bound = _bound(book, rule_set, place, purpose, voice, day, consented=consented)
        windows = _windows_of(book, bound, place)
        early = max([early, *(closes_early(rule) for rule in bound.on(Aspect.CLOSING))])
        if not found or found[-1].windows != windows:
            found.append(Era(day, windows))
    return tuple(found), early


def _first_days(rules: Sequence[Rule]) -> list[date]:
    """Every day on which other rules may hold than on the day before."""
    begin = {rule.effective_from for rule in rules if rule.effective_from is not None}
    after = {
        rule.effective_to + timedelta(days=1) for rule in rules if rule.effective_to is not None
    }
    return sorted({date.min} | begin | after)


def _bound(
    book: Rulebook,
    rule_set: str,
    place: Place,
    purpose: Purpose | None,
    voice: Voice | None,
    day: date,
    *,
    consented: bool,
) -> BoundRules:
    """The rules that bind on one day. The law set leaves out a house rule where law speaks.

    Where purpose or voice are not known, those that bind for any of them. Where another rule asks
    everybody for consent, those for people without one bind nobody.
    """
    if purpose is None or voice is None:
        purposes = ORDINARY if purpose is None else (purpose,)
        voices = tuple(Voice) if voice is None else (voice,)
        return united(
            _bound(book, rule_set, place, one, spoken, day, consented=consented)
            for one in purposes
            for spoken in voices
        )
    chosen = [
        rule
        for rule in book.rules
        if rule.holds_on(day)
        and rule.speaks_of(purpose, voice, place.line)
        and _reaches(book, rule, place)
    ]
    kept = [(rule, _aspects_of(rule, rule_set, chosen)) for rule in chosen]
    bound = [(rule, aspects) for rule, aspects in kept if aspects]
    asked = any(
        rule.consent is not None and rule.consent.strength > 0
        for rule, aspects in bound
        if Aspect.CONSENT in aspects and not rule.only_without_consent
    )
    spare = asked or consented
    return BoundRules(
        tuple(
            (rule, aspects) for rule, aspects in bound if not (spare and rule.only_without_consent)
        ),
        tuple(rule for rule, _ in bound if rule.only_without_consent and consented and not asked),
    )


def _reaches(book: Rulebook, rule: Rule, place: Place) -> bool:
    if rule.jurisdiction == ANYWHERE:
        return True
    if place.country is None or not book.binds_in(rule, place.country):
        return False
    return rule.subdivision is None or rule.subdivision in place.subdivisions


def _aspects_of(rule: Rule, rule_set: str, chosen: Sequence[Rule]) -> frozenset[Aspect]:
    """In what a rule binds: all of it, but that a house rule only fills the silence of the law.

    One about a country or state fills what the law of that very country or state leaves open;
    one for anywhere fills what nobody else speaks of.
    """
    if rule_set == HOUSE or not rule.house:
        return rule.aspects
    if rule.jurisdiction == ANYWHERE:
        others = [one for one in chosen if one.jurisdiction != ANYWHERE]
        own = rule.aspects - {Aspect.CLOSING}
    else:
        same = (rule.jurisdiction, rule.subdivision)
        others = [
            one for one in chosen if not one.house and (one.jurisdiction, one.subdivision) == same
        ]
        own = rule.aspects
    return own - {aspect for one in others for aspect in one.aspects}


def _windows_of(book: Rulebook, bound: BoundRules, place: Place) -> tuple[WeeklyWindows, ...]:
    """The windows of every rule, each once."""
    found: dict[WeeklyWindows, None] = {}
    for rule in bound.on(Aspect.HOURS):
        found.update(dict.fromkeys(_windows_of_rule(book, rule, place)))
    return tuple(found)


def _windows_of_rule(book: Rulebook, rule: Rule, place: Place) -> tuple[WeeklyWindows, ...]:
    """A rule's windows, once for each calendar of holidays that may be the place's."""
    if rule.windows is None:
        return ()
    if rule.holidays == OF_THE_PLACE:
        countries = (place.country, book.country_of(place))
        return closed_on_holidays(rule.windows, countries, place.subdivisions)
    if rule.holidays is not None:
        return (rule.windows.with_holidays(rule.holidays),)
    return (rule.windows,)
