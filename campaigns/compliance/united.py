"""Rules that bind together, united: the smallest caps, the longest times, every duty. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from campaigns.compliance.rule import Aspect, Rule
from campaigns.compliance.terms import AbandonLimit, Cap, ConsentNeed, Cooloffs, Duties

_DAY_SECONDS, _HOUR_SECONDS = 86400.0, 3600.0


@dataclass(frozen=True, slots=True)
class BoundRules:
    """The rules that bind, each with the aspects in which it does, and those that a consent has
    kept from binding."""

    rules: tuple[tuple[Rule, frozenset[Aspect]], ...]
    spared: tuple[Rule, ...] = ()

    def on(self, aspect: Aspect) -> tuple[Rule, ...]:
        """Those that bind in one aspect."""
        return tuple(rule for rule, aspects in self.rules if aspect in aspects)


def united(bounds: Iterable[BoundRules]) -> BoundRules:
    """Every rule that binds in any of them, in all the aspects in which it does."""
    found: dict[str, tuple[Rule, frozenset[Aspect]]] = {}
    spared: dict[str, Rule] = {}
    for bound in bounds:
        spared.update({rule.code: rule for rule in bound.spared})
        for rule, aspects in bound.rules:
            _, before = found.get(rule.code, (rule, frozenset()))
            found[rule.code] = (rule, before | aspects)
    return BoundRules(tuple(found.values()), tuple(spared.values()))


def smallest(caps: Iterable[Cap]) -> tuple[Cap, ...]:
    """Of the caps over the same span and scope, the smallest."""
    kept: dict[tuple[object, float], Cap] = {}
    for cap in caps:
        key = (cap.scope, cap.seconds)
        if key not in kept or cap.n < kept[key].n:
            kept[key] = cap
    return tuple(sorted(kept.values(), key=lambda cap: (cap.seconds, cap.scope, cap.n)))


def duties(bound: BoundRules) -> Duties:
    """The strongest consent, the longest ringing, and whatever any of them asks for."""
    consents = [rule for rule in bound.on(Aspect.CONSENT) if rule.consent is not None]
    needs = [rule.consent or ConsentNeed.NONE for rule in consents]
    ages = [
        rule.consent_max_age_days
        for rule in (*consents, *bound.spared)
        if rule.consent_max_age_days
    ]
    return Duties(
        consent=max(needs, key=lambda need: need.strength, default=ConsentNeed.NONE),
        consent_max_age=min(ages) * _DAY_SECONDS if ages else None,
        min_ring_seconds=max(_rings(bound), default=0),
        must_identify=bool(bound.on(Aspect.IDENTIFY)),
        must_offer_opt_out=bool(bound.on(Aspect.OPT_OUT)),
        opt_out_within_days=min(_revocations(bound), default=None),
    )


def _revocations(bound: BoundRules) -> Iterator[int]:
    for rule in bound.on(Aspect.REVOCATION):
        if rule.opt_out_within_days is not None:
            yield rule.opt_out_within_days


def spared_by(bound: BoundRules) -> ConsentNeed:
    """The consent that spares somebody all of the rules for those without one: at the least, an
    express one."""
    needs = [rule.consent or ConsentNeed.NONE for rule in bound.spared]
    return max(
        [ConsentNeed.EXPRESS, *needs] if needs else [ConsentNeed.NONE],
        key=lambda need: need.strength,
    )


def cooloffs(bound: BoundRules) -> Cooloffs:
    """Of those over the same thing, the longest."""
    refused = [rule.cooloff_after_refusal_days or 0 for rule in bound.on(Aspect.REFUSAL)]
    silent = [rule.cooloff_after_abandoned_hours or 0 for rule in bound.on(Aspect.ABANDONED)]
    return Cooloffs(
        refusal=max(refused, default=0) * _DAY_SECONDS,
        abandoned=max(silent, default=0) * _HOUR_SECONDS,
    )


def abandon_limits(bound: BoundRules) -> Iterator[AbandonLimit]:
    """Every limit of abandoned calls: all of them hold."""
    for rule in bound.on(Aspect.ABANDONED):
        if rule.abandon is not None:
            yield AbandonLimit(rule.abandon.percent, rule.abandon.days, rule.code)


def _rings(bound: BoundRules) -> Iterator[int]:
    return (rule.min_ring_seconds or 0 for rule in bound.on(Aspect.RING))


def gap_of(rule: Rule) -> float:
    """The least time between two calls, in seconds."""
    return (rule.min_gap_hours or 0.0) * _HOUR_SECONDS


def closes_early(rule: Rule) -> float:
    """How many seconds before its end a window gives no slot any more."""
    return (rule.close_early_minutes or 0.0) * 60.0
