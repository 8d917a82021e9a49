"""What must hold, in plain Python: a small model of the world, and its judgement on every step.

It is told what people did and what the carrier saw, reads the rows, and computes hours, opt-outs
and retries by itself, in the simplest way there is. It imports nothing that decides in the product.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.stateful.exchange import Call, Exchange, Post

NEW_YORK, CHICAGO, DENVER = "America/New_York", "America/Chicago", "America/Denver"
BOISE, LOS_ANGELES = "America/Boise", "America/Los_Angeles"
# Where a number may be, as numbering plans say it. 850 and 208 lie on both sides of a border.
ZONES_OF = {
    "+1202": (NEW_YORK,),
    "+1312": (CHICAGO,),
    "+1850": (NEW_YORK, CHICAGO),
    "+1208": (BOISE, DENVER, LOS_ANGELES),
}
RANK = ("queued", "dialing", "ringing", "in_progress", "over")
LIVE = RANK[:-1]
WAITING = ("pending", "in_flight")
# A worker posts at most 50 ms after its claim, and at most 20 ms after its instant.
FRESH = timedelta(seconds=0.08)


class Broken(AssertionError):
    """A promise that was not kept: its name, and what happened."""

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise


@dataclass(frozen=True)
class Hours:
    """On which days (Monday is 0) and between which hours calls may be made."""

    days: frozenset[int]
    opens: float
    closes: float

    def hold(self, zone: str, at: datetime) -> bool:
        wall = at.astimezone(ZoneInfo(zone))
        hour = wall.hour + wall.minute / 60 + wall.second / 3600 + wall.microsecond / 3.6e9
        return wall.weekday() in self.days and self.opens <= hour < self.closes


ALWAYS = Hours(frozenset(range(7)), 0, 24)
OFFICE = Hours(frozenset(range(5)), 9, 17)
HOUSE = Hours(frozenset(range(6)), 9, 20)  # what the rule set "house" allows at most


@dataclass
class PlannedCampaign:
    """A campaign as its owner knows it."""

    account: int
    hours: tuple[Hours, ...]
    status: str = "draft"
    max_attempts: int = 3
    # Seconds from the end of a call to the next at the least; what is missing is not retried.
    waits: dict[str, float] = field(default_factory=dict)
    ends_at: datetime | None = None
    needs_consent: bool = False


@dataclass
class KnownAccount:
    cps: float
    max_concurrent: int
    max_waiting: int


@dataclass
class Person:
    campaign: int
    zone: str | None
    deadline_at: datetime | None = None
    # How many of their calls were made before they were put back by somebody's decision.
    forgiven: int = 0

    def zones(self, number: str) -> tuple[str, ...]:
        return (self.zone,) if self.zone else ZONES_OF[number[:5]]


class Promises:
    """The model and its judge."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.campaigns: dict[int, PlannedCampaign] = {}
        self.accounts: dict[int, KnownAccount] = {}
        self.people: dict[int, Person] = {}
        self.opt_outs: dict[tuple[str, bool, int | None], datetime | None] = {}
        self.consents: set[str] = set()
        self.switched_on = True
        self.stepped = timedelta(0)
        self.claims: dict[int, datetime] = {}
        self.posted: dict[int, Post] = {}
        self.person_of: dict[int, int] = {}
        self._attempts: dict[int, str] = {}
        self._people: dict[int, str] = {}
        self._campaigns: dict[int, str] = {}

    # What people say.

    def opt_out(
        self,
        number: str,
        now: datetime,
        *,
        prefix: bool,
        campaign: int | None,
        until: datetime | None,
    ) -> None:
        """The one that lasts longer holds."""
        key = (number, prefix, campaign)
        known = self.opt_outs.get(key, now)
        self.opt_outs[key] = None if known is None or until is None else max(known, until)

    def undone(self, key: tuple[str, bool, int | None]) -> None:
        self.opt_outs.pop(key, None)

    def opted_out(self, numbers: Iterable[str], campaign: int, at: datetime) -> bool:
        return any(
            (number.startswith(said) if prefix else number == said)
            and where in (None, campaign)
            and (until is None or at < until)
            for number in numbers
            for (said, prefix, where), until in self.opt_outs.items()
        )

    def legal(self, person: Person, number: str, at: datetime) -> bool:
        hours = self.campaigns[person.campaign].hours
        return all(one.hold(zone, at) for one in hours for zone in person.zones(number))

    def next_legal(self, person: int, number: str, at: datetime) -> datetime:
        """The first quarter of an hour from `at` on in which this person may be called."""
        quarter = timedelta(minutes=15)
        for turn in range(5 * 96):
            then = at + turn * quarter
            if self.legal(self.people[person], number, then):
                return then
        raise AssertionError(f"recipient {person} may never be called")

    # What workers do.

    def claimed(self, rows: Sequence[Any], now: datetime) -> None:
        """A claim returned these; each row tells of its attempt as it is in the database."""
        for row in rows:
            who = f"attempt {row.id} to {row.number}"
            if row.id in self.claims:
                raise Broken("never twice", f"{who} was claimed twice")
            self.claims[row.id] = now
            self.person_of[row.id] = row.recipient_id
            if row.campaign != "running" or row.account != "active" or not self.switched_on:
                raise Broken(
                    "stopped means stopped",
                    f"{who} was claimed: campaign {row.campaign}, account {row.account}, "
                    f"dialling {'on' if self.switched_on else 'off'}",
                )
            self._check_wanted(row, now, who)

    def _check_wanted(self, row: Any, now: datetime, who: str) -> None:
        person = self.people[row.recipient_id]
        if self.opted_out(row.numbers, person.campaign, now):
            raise Broken("opt-out wins", f"{who} was claimed after its opt-out")
        if self.campaigns[person.campaign].needs_consent and row.number not in self.consents:
            raise Broken("opt-out wins", f"{who} was claimed without consent")
        if not self.legal(person, row.number, now):
            raise Broken("only in legal hours", f"{who} was claimed at {now}")
        if person.deadline_at is not None and now >= person.deadline_at:
            raise Broken("only in legal hours", f"{who} was claimed after {person.deadline_at}")
        if row.slot_at > now:
            raise Broken("pace", f"{who} was claimed before its slot")

    def request_arrived(self, post: Post, status: str | None) -> None:
        """The carrier was asked for a call; `status` is what the database says of the attempt."""
        who = f"attempt {post.attempt} to {post.to}"
        if post.attempt in self.posted:
            raise Broken("never twice", f"{who} was posted twice")
        self.posted[post.attempt] = post
        if post.attempt not in self.claims or status in (None, "queued"):
            raise Broken("intent before action", f"{who} was posted while it was {status}")
        person = self.people[self.person_of[post.attempt]]
        if not any(self.legal(person, post.to, at) for at in (post.at, post.at - FRESH)):
            raise Broken("only in legal hours", f"{who} was posted at {post.at}")
        self._check_alone(post, who)
        self._check_pace(post, who)
        self._check_calls_before(post, person, who)

    def _check_alone(self, post: Post, who: str) -> None:
        mine = self.person_of[post.attempt]
        for call in self.exchange.live():
            if call.to == post.to or self.person_of[call.attempt] == mine:
                raise Broken("never twice", f"{who} was posted while {call.id} was {call.state}")

    def _check_pace(self, post: Post, who: str) -> None:
        limits = self.accounts[post.account]
        second = [p for p in self.exchange.posts if p.account == post.account]
        second = [p for p in second if post.boot - 1 < p.boot]
        if len(second) > math.ceil(limits.cps) + 1:
            raise Broken("pace", f"{who} is number {len(second)} in one second of {limits.cps}")
        live = [call for call in self.exchange.live() if call.account == post.account]
        waiting = [call for call in live if call.state == "waiting"]
        if len(live) >= limits.max_concurrent or len(waiting) >= limits.max_waiting:
            raise Broken("pace", f"{who} is one call too many beside {len(live)}")

    def _calls_of(self, person: int) -> list[Call]:
        calls = [c for c in self.exchange.calls.values() if self.person_of[c.attempt] == person]
        return calls[self.people[person].forgiven :]

    def put_back(self, person: int) -> None:
        """Somebody decided that this person is called anew."""
        self.people[person].forgiven += len(self._calls_of(person))
        self._people[person] = "pending"

    def _check_calls_before(self, post: Post, person: Person, who: str) -> None:
        """Nobody who was reached is called again, nobody too soon, and nobody too often."""
        campaign = self.campaigns[person.campaign]
        calls = self._calls_of(self.person_of[post.attempt])
        counted = [call for call in calls if call.disposition != "canceled"]
        if len(counted) >= campaign.max_attempts:
            raise Broken("retries", f"{who} is call {len(counted) + 1} to this person")
        for call in counted:
            how = "answered_machine" if call.answered_by == "machine" else str(call.disposition)
            if how not in campaign.waits:
                raise Broken("never twice", f"{who} was posted although {call.id} was {how}")
            age = post.boot - (call.ended_boot or post.boot)
            if age + self.stepped.total_seconds() < campaign.waits[how]:
                raise Broken("retries", f"{who} was posted {age:.1f} s after {call.id}, {how}")

    # What the rows say after each step.

    def look(
        self, attempts: Sequence[Any], people: Sequence[Any], campaigns: Sequence[Any]
    ) -> None:
        """Judge all rows as they are now."""
        live = [row for row in attempts if row.status in LIVE]
        self._check_live(live)
        self._check_forward(attempts)
        self._check_people(people, {row.recipient_id for row in live})
        self._check_campaigns(campaigns, people)
        spent: dict[int, int] = {}
        for row in attempts:
            if row.status == "cancelled" and row.id in self.posted:
                self._check_given_up(row)
            counted = row.spent and row.status == "ended"
            spent[row.recipient_id] = spent.get(row.recipient_id, 0) + counted
        for row in people:
            if row.attempts_spent < spent.get(row.id, 0):
                raise Broken("counters", f"recipient {row.id} has {row.attempts_spent} spent")

    def _check_live(self, live: Sequence[Any]) -> None:
        for name in ("recipient_id", "number"):
            held = [getattr(row, name) for row in live]
            if len(held) != len(set(held)):
                raise Broken("never twice", f"two live attempts of one {name} in {sorted(held)}")

    def _check_given_up(self, row: Any) -> None:
        """Only a call that does not exist may be given up as never placed."""
        for call in self.exchange.calls.values():
            if call.attempt == row.id and row.incident is None:
                raise Broken(
                    "in doubt is not failed",
                    f"attempt {row.id} was cancelled ({row.cancel_reason}); {call.id} exists",
                )

    def _check_forward(self, attempts: Sequence[Any]) -> None:
        for row in attempts:
            before = self._attempts.get(row.id, "queued")
            if before in ("ended", "cancelled"):
                fine = row.status == before
            else:
                fine = _rank(row.status) >= _rank(before)
            if not fine:
                raise Broken("only forward", f"attempt {row.id} went from {before} to {row.status}")
            self._attempts[row.id] = row.status
        if missing := self._attempts.keys() - {row.id for row in attempts}:
            raise Broken("nobody lost", f"attempts {missing} are gone")

    def _check_people(self, people: Sequence[Any], in_flight: set[int]) -> None:
        for row in people:
            if (row.status == "in_flight") != (row.id in in_flight):
                raise Broken("nobody lost", f"recipient {row.id} is {row.status} and has no call")
            if row.status == "pending" and row.next_attempt_at is None:
                raise Broken("nobody lost", f"recipient {row.id} waits for nothing")
            if row.status not in WAITING and not row.reason:
                raise Broken("nobody lost", f"recipient {row.id} is {row.status} without a reason")
            before = self._people.get(row.id, "pending")
            settled = before not in (*WAITING, "review")
            if settled and row.status in WAITING:
                raise Broken("never twice", f"recipient {row.id} was {before}, is {row.status}")
            self._people[row.id] = row.status
        if missing := self.people.keys() - {row.id for row in people}:
            raise Broken("nobody lost", f"recipients {missing} are gone")

    def _check_campaigns(self, campaigns: Sequence[Any], people: Sequence[Any]) -> None:
        for row in campaigns:
            known = self.campaigns[row.id]
            by_itself = (known.status, row.status) in (
                ("running", "completed"),
                ("scheduled", "running"),
            )
            by_itself |= row.status == "paused" and row.paused_itself
            ended = known.ends_at is not None and row.status == "stopped"
            if row.status != known.status and not by_itself and not ended:
                raise Broken("campaigns", f"campaign {row.id} is {row.status}, not {known.status}")
            left = [p.id for p in people if p.campaign_id == row.id and p.status in WAITING]
            if row.status == "completed" and known.status == "running" and left:
                raise Broken("nobody lost", f"campaign {row.id} is completed without {left}")
            known.status = row.status

    # What must be true when everything has come to rest.

    def settle(self, attempts: Sequence[Any], people: Sequence[Any], opted_out: set[str]) -> None:
        """Every call has ended, every event has come or is lost for good, and time has passed."""
        rows = {row.id: row for row in attempts}
        for call in self.exchange.calls.values():
            self._check_books(call, rows.get(call.attempt))
            person = self.people[self.person_of[call.attempt]]
            if "9" in call.keys and call.to not in opted_out and not person.forgiven:
                raise Broken("opt-out wins", f"{call.to} pressed 9 and is not opted out")
        for row in attempts:
            if row.status in LIVE:
                raise Broken("nobody lost", f"attempt {row.id} is {row.status} for ever")
        for row in people:
            if row.status in WAITING and self.campaigns[row.campaign_id].status == "running":
                raise Broken(
                    "nobody lost", f"recipient {row.id} is {row.status} ({row.reason}) for ever"
                )

    def _check_books(self, call: Call, row: Any) -> None:
        if row is None:
            raise Broken("books", f"nobody knows of {call.id}")
        told = row.disposition or row.status
        if told not in _agreed(call) and row.incident is None:
            raise Broken("books", f"{call.id} was {call.disposition}; the books say {told}")


def _rank(status: str) -> int:
    return RANK.index(status) if status in RANK else len(RANK) - 1


def _agreed(call: Call) -> set[str]:
    """What the books may say about a call."""
    if call.answered_by is None:
        return {str(call.disposition), "unknown"}
    by = "answered_machine" if call.answered_by == "machine" else "answered_human"
    return {"answered", by, "answered_human" if call.keys else by, "opted_out", "unknown"}
