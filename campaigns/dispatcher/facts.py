"""What is known of people who are due, loaded for all of them at once.

At most six statements for a batch of any size, and none of them reads more of a number's calls
than the caps that bind it can ask for. The tick loads what is true now; `outdial why` asks the
same about any instant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.compliance import (
    Applied,
    Cap,
    CapScope,
    ConsentNeed,
    Hours,
    Place,
    Rulebook,
    Ruled,
)
from campaigns.gates import (
    AccountFacts,
    Call,
    Calls,
    CampaignFacts,
    ConsentFact,
    Facts,
    Installation,
    OptOutFact,
    PersonFacts,
    consent_relied_on,
)
from campaigns.gates.spacing import DAY_SECONDS
from campaigns.lifecycle import RecipientStatus
from campaigns.store import consents, counted_calls, opt_outs, recipients, refusals
from campaigns.store.consents import ConsentRow
from campaigns.store.counted_calls import CountedCall, Reach
from campaigns.store.opt_outs import OptOutRow


class Person(Protocol):
    """A recipient's row, as far as the gates need it."""

    @property
    def id(self) -> int:
        """The recipient's id."""

    @property
    def numbers(self) -> list[str]:
        """Every number, in order."""

    @property
    def number(self) -> str:
        """The number whose turn it is."""

    @property
    def deadline_at(self) -> datetime | None:
        """After it nobody calls."""

    @property
    def attempts_spent(self) -> int:
        """How many attempts count."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is the same for everybody in a campaign. `same_subject`: campaigns on its subject."""

    installation: Installation
    account: AccountFacts
    campaign: CampaignFacts
    same_subject: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """What binds one place: its rules, and until when it was found open, if it was asked.

    `consented` is what binds those there whose consent spares them some of the rules, if any.
    """

    place: Place
    rules: Applied
    hours: Hours
    open_until: datetime | None = None
    consented: "Bound | None" = None


@dataclass(frozen=True, slots=True)
class State:
    """Where a person stands, where that is not simply pending and due."""

    status: RecipientStatus = RecipientStatus.PENDING
    reason: str | None = None
    next_attempt_at: datetime | None = None


DUE = State()


def bound_by(
    book: Rulebook,
    campaign: Ruled,
    place: Place,
    now: datetime,
    hours: Callable[[bool], Hours],
    open_until: datetime | None = None,
) -> Bound:
    """What binds a campaign's calls to a place now; `hours` by whether a consent spares rules.

    `open_until` is until when the freer of the hours are open, if that was asked.
    """
    freer = Bound(
        place,
        compliance.applied_to(book, campaign, place, now, consented=True),
        hours(True),
        open_until,
    )
    narrow = hours(False)
    if freer.rules.spared_by is ConsentNeed.NONE and freer.hours == narrow:
        return freer
    rules = compliance.applied_to(book, campaign, place, now)
    return Bound(place, rules, narrow, consented=freer)


def known_about(
    session: Session,
    people: Sequence[Person],
    bounds: Sequence[Bound],
    standing: Standing,
    now: datetime,
    *,
    states: Sequence[State] = (),
    past: bool = False,
    only_today: frozenset[str] = frozenset(),
) -> list[Facts]:
    """The facts about each person at `now`; with `past`, as the books have that instant."""
    then = now if past else None
    shut = _opt_outs(session, people, standing.campaign.id, now, past=past)
    calls = _calls(session, people, bounds, standing, now, then)
    agreed = _consents(session, people, bounds, then)
    refused = _refusals(session, people, bounds, standing, now, then)
    known = [
        Facts(
            installation=standing.installation,
            account=standing.account,
            campaign=standing.campaign,
            person=PersonFacts(
                id=one.id,
                number=one.number,
                status=state.status,
                reason=state.reason,
                next_attempt_at=state.next_attempt_at,
                deadline_at=one.deadline_at,
                attempts_spent=one.attempts_spent,
                opt_outs=shut.get(one.id, ()),
                refused=refused.get(one.id),
                consents=agreed.get(one.number, ()),
            ),
            place=bound.place,
            rules=bound.rules,
            hours=bound.hours,
            calls=calls.get(one.id, Calls()),
            open_until=bound.open_until,
            past=past,
            only_today=only_today,
        )
        for one, bound, state in zip(people, bounds, states or [DUE] * len(people), strict=True)
    ]
    return [under_consent(facts, bound, now) for facts, bound in zip(known, bounds, strict=True)]


def under_consent(facts: Facts, bound: Bound, now: datetime) -> Facts:
    """The same under the rules that are left for somebody with a consent that counts, if any."""
    if bound.consented is None:
        return facts
    freer = bound.consented
    then = replace(facts, rules=freer.rules, hours=freer.hours, open_until=freer.open_until)
    return facts if consent_relied_on(then, now) is None else then


def _opt_outs(
    session: Session, people: Sequence[Person], campaign_id: int, now: datetime, *, past: bool
) -> dict[int, tuple[OptOutFact, ...]]:
    """What covers any number of each person: who says stop on one line means it.

    About now the one function is asked that every other gate asks; which rows they are is looked
    up for those few whom it names.
    """
    hit = (
        {one.id for one in people}
        if past
        else recipients.opted_out_recipients(session, [one.id for one in people], now)
    )
    if not hit:
        return {}
    stopped = [one for one in people if one.id in hit]
    rows = opt_outs.opt_outs_covering(
        session,
        list(chain.from_iterable(one.numbers for one in stopped)),
        campaign_id,
        now,
        known_by=now if past else None,
    )
    found = {one.id: tuple(_fact(row) for row in rows if _covers(row, one)) for one in stopped}
    return {person: facts for person, facts in found.items() if facts}


def _covers(row: OptOutRow, one: Person) -> bool:
    if row.is_prefix:
        return any(number.startswith(row.number) for number in one.numbers)
    return row.number in one.numbers


def _fact(row: OptOutRow) -> OptOutFact:
    return OptOutFact(
        id=row.id,
        shown=row.shown,
        since=row.created_at,
        source=row.source,
        campaign_id=row.campaign_id,
        expires_at=row.expires_at,
        evidence=row.evidence,
    )


def _refusals(
    session: Session,
    people: Sequence[Person],
    bounds: Sequence[Bound],
    standing: Standing,
    now: datetime,
    then: datetime | None,
) -> dict[int, OptOutFact]:
    """When those last refused whose rules want a time without calls after that: on any number."""
    asked = [one for one, bound in zip(people, bounds, strict=True) if bound.rules.cooloffs.refusal]
    if not asked:
        return {}
    longest = max(bound.rules.cooloffs.refusal for bound in bounds)
    since = now - timedelta(seconds=longest * standing.account.time_scale)
    numbers = list(chain.from_iterable(one.numbers for one in asked))
    rows = refusals.latest_refusals(session, numbers, since, then)
    mine = {one.id: [rows[number] for number in one.numbers if number in rows] for one in asked}
    return {
        person: _fact(max(found, key=lambda row: row.created_at))
        for person, found in mine.items()
        if found
    }


def _calls(
    session: Session,
    people: Sequence[Person],
    bounds: Sequence[Bound],
    standing: Standing,
    now: datetime,
    then: datetime | None,
) -> dict[int, Calls]:
    caps = [*standing.campaign.caps, *chain.from_iterable(one.rules.caps for one in _each(bounds))]
    if standing.campaign.max_per_day is not None:
        caps.append(Cap(standing.campaign.max_per_day, DAY_SECONDS, CapScope.RECIPIENT, ""))
    reach = {
        scope: _reach([cap for cap in caps if cap.scope is scope], standing, now)
        for scope in CapScope
    }
    rows = counted_calls.calls_that_count(
        session,
        [(one.id, one.number) for one in people],
        number=reach[CapScope.NUMBER],
        subject=reach[CapScope.NUMBER_AND_SUBJECT],
        person=reach[CapScope.RECIPIENT],
        abandoned_since=_abandoned_since(bounds, standing, now),
        campaigns=standing.same_subject,
        then=then,
    )
    by_person: dict[int, list[CountedCall]] = {}
    for row in rows:
        by_person.setdefault(row.person, []).append(row)
    return {person: _sorted_out(found) for person, found in by_person.items()}


def _abandoned_since(bounds: Sequence[Bound], standing: Standing, now: datetime) -> datetime | None:
    longest = max((one.rules.cooloffs.abandoned for one in bounds), default=0.0)
    return now - timedelta(seconds=longest * standing.account.time_scale) if longest else None


def _each(bounds: Iterable[Bound]) -> list[Bound]:
    """Each kind of bound once: many people are in one place."""
    return list({id(one.rules): one for one in bounds}.values())


def _reach(caps: Sequence[Cap], standing: Standing, now: datetime) -> Reach:
    longest = max((cap.seconds for cap in caps), default=0.0)
    since = now - timedelta(seconds=longest * standing.account.time_scale)
    return Reach(max((cap.n for cap in caps), default=0), since)


def _sorted_out(rows: Sequence[CountedCall]) -> Calls:
    kept: dict[str, list[Call]] = {}
    for row in sorted(rows, key=lambda row: (row.at, row.attempt_id), reverse=True):
        kept.setdefault(row.why, []).append(Call(row.attempt_id, row.at))
    last, holding, silent = (kept.get(why) for why in ("last", "holding", "abandoned"))
    return Calls(
        to_number=tuple(kept.get("number", ())),
        about_subject=tuple(kept.get("subject", ())),
        to_person=tuple(kept.get("person", ())),
        last_ended=last[0] if last else None,
        holding=holding[0].attempt_id if holding else None,
        last_abandoned=silent[0] if silent else None,
    )


def _consents(
    session: Session, people: Sequence[Person], bounds: Sequence[Bound], then: datetime | None
) -> Mapping[str, tuple[ConsentFact, ...]]:
    """The consents of those numbers whose rules need one, or spare whoever has one."""
    needed = [
        one.number
        for one, bound in zip(people, bounds, strict=True)
        if bound.rules.duties.consent is not ConsentNeed.NONE or bound.consented is not None
    ]
    if not needed:
        return {}
    return consents_known(session, needed, then)


def consents_known(
    session: Session, numbers: Sequence[str], then: datetime | None = None
) -> Mapping[str, tuple[ConsentFact, ...]]:
    """Every consent there ever was of these numbers; `then`: of those known at that instant."""
    rows = consents.consents_of_numbers(session, numbers, then)
    return {number: tuple(map(_consent, found)) for number, found in rows.items()}


def _consent(row: ConsentRow) -> ConsentFact:
    return ConsentFact(
        id=row.id,
        basis=row.basis,
        given_at=row.given_at,
        purpose=row.purpose,
        subject=row.subject,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_why=row.revoked_why,
    )
