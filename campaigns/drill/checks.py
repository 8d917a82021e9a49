"""The invariants, after everything came to rest: rows, logs and the carrier's own word."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from campaigns.db import transaction
from campaigns.demo import books
from campaigns.demo.audit import outside_hours
from campaigns.drill.faults import CARRIER_LATENCY
from campaigns.drill.stage import Stage
from campaigns.drill.world import ACCOUNTS, MOST_CALLS, SIGNING_KEY, World, caller_id
from campaigns.errors import NotFound
from campaigns.proving import prove_database, witness
from campaigns.proving.carrier import CarrierLog, Dial, most_in_any_second
from campaigns.proving.proof import Proof
from campaigns.store import evidence
from campaigns.store.evidence import BookedAttempt

SAYS = {
    "I0": "the drill was not empty: calls were made, and what it should throw was thrown",
    "I1": "no attempt is posted twice",
    "I2": "nobody has two calls at a time, or more calls than allowed",
    "I3": "nothing is claimed after an opt-out, and nobody's opt-out is lost",
    "I4": "nothing is claimed while paused, stopped, switched off, or outside its slot",
    "I5": "no second has more dials, and no moment more calls, than the account allows",
    "I6": "everybody is served or waits with a time and a reason; it dials again after the faults",
    "I7": "every call is in the books as it ended, and every event that was taken",
    "I8": "no call outside legal hours, in any zone",
    "I9": "no telephone number, token or secret is in any log",
    "I10": "counters and reports are what the rows are",
    "I11": "nobody picks up a silent phone while a web process and the database answer",
    "I12": "no process ends that was not ended, and no account is paused that should not be",
    "I13": "at most one scheduler leads, and a frozen one knows that it does not",
}
OF_PROOF = {
    "posted_once": "I1",
    "one_live_per_recipient": "I2",
    "one_live_per_number": "I2",
    "held_number": "I2",
    "not_opted_out": "I3",
    "keypress_kept": "I3",
    "consent_held": "I3",
    "campaign_running": "I4",
    "in_slot": "I4",
    "nobody_forgotten": "I6",
    "events_applied": "I7",
    "no_incident": "I7",
    "legal_hours": "I8",
    "before_deadline": "I8",
    "caps_kept": "I8",
    "gap_kept": "I8",
    "cooled_off": "I8",
    "attempts_counted": "I10",
    "counters": "I10",
}
# How late after a stop a dial may reach the carrier: a claim is fresh for 50 ms, the carrier's
# line may be slow, and the machine busy.
LATEST = witness.OPT_OUT_GRACE + timedelta(seconds=2 * CARRIER_LATENCY)
# Whoever picks up this long after the last moment without a voice must be spoken to.
VOICE_BACK = timedelta(seconds=2)
STATES = frozenset({"ringing", "answered", "ended"})
SHOWN = 10


@dataclass(slots=True)
class Invariant:
    """One of them, and what breaks it."""

    name: str
    says: str
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether nothing breaks it."""
        return not self.broken


@dataclass(slots=True)
class Findings:
    """What the checks found, and what they measured on their way."""

    invariants: dict[str, Invariant]
    carrier_dials: int = 0
    carrier_refused: int = 0
    answered: int = 0
    silent: int = 0
    in_doubt: int = 0
    not_placed: int = 0
    worst_pause: float = 0.0
    worst_opt_out: float = 0.0
    most_in_a_second: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "Findings":
        """Nothing found so far."""
        return cls({name: Invariant(name, says) for name, says in SAYS.items()})

    def blame(self, name: str, sentences: Iterable[str]) -> None:
        """Something breaks an invariant."""
        self.invariants[name].broken.extend(sentences)

    @property
    def passed(self) -> bool:
        """Whether every invariant is kept."""
        return all(one.kept for one in self.invariants.values())

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        found = asdict(self)
        found["invariants"] = {
            name: {"kept": one.kept, "says": one.says, "broken": one.broken[:SHOWN]}
            for name, one in self.invariants.items()
        }
        return found


@dataclass(slots=True)
class Evidence:
    """Everything the checks compare, on the real clock."""

    dials: list[Dial]
    attempts: list[BookedAttempt]
    owners: dict[int, tuple[int, int]]
    opt_outs: dict[str, datetime]
    stops: list[tuple[int, datetime, datetime | None]]
    events: set[tuple[int, str]]
    zones: Mapping[str, str]
    attempt_of: dict[int, int]  # position of a dial → attempt

    @classmethod
    def of(cls, stage: Stage, world: World) -> "Evidence":
        """Read it: the carrier's log first, so that no call is missing in the books for its age."""
        log = CarrierLog(stage.stack.simulator_url)
        dials = log.dials()
        log.close()
        real = stage.clock.real
        with transaction(stage.engine) as session:
            return cls(
                dials,
                [
                    replace(one, claimed_at=real(one.claimed_at) if one.claimed_at else None)
                    for one in evidence.booked_attempts(session)
                ],
                evidence.recipients_of_attempts(session),
                {n: real(at) for n, at in evidence.opt_outs_in_force(session).items()},
                [
                    (campaign, real(at), real(until) if until else None)
                    for campaign, at, until in evidence.campaign_stops(session)
                ],
                evidence.known_events(session),
                books.zones_by_number(session),
                dict(_attempts_of(dials, world)),
            )


def _attempts_of(dials: Sequence[Dial], world: World) -> Iterable[tuple[int, int]]:
    for place, dial in enumerate(dials):
        try:
            yield place, world.vault.attempt_of(dial.token or "")
        except NotFound:
            continue


def check(stage: Stage, world: World, found: Findings) -> Evidence:
    """Everything that rows and the carrier's log can prove, written into `found`."""
    seen = Evidence.of(stage, world)
    for proof in prove_database(stage.engine):
        found.blame(OF_PROOF[proof.name], _named(proof))
    twice, overlapping = _split(witness.duplicates(seen.dials))
    found.blame("I1", twice)
    found.blame("I2", [*overlapping, *_too_often(seen)])
    found.blame("I3", witness.dials_after_opt_out(seen.dials, seen.opt_outs, LATEST))
    found.blame("I3", witness.lost_keypresses(seen.dials, _ever_opted_out(stage)))
    found.worst_opt_out = _worst_opt_out(seen)
    late, found.worst_pause = _dials_after_stops(seen)
    found.blame("I4", late)
    _check_pace(stage, seen, found)
    found.blame("I7", witness.unfounded(seen.attempts, seen.dials, world.vault))
    found.blame("I7", witness.disagreements(seen.attempts, seen.dials, world.vault))
    found.blame("I7", _events_lost(seen))
    if forged := stage.carrier_summary()["forgeries_accepted"]:
        found.blame("I7", [f"{forged} forged callbacks were taken"])
    _check_hours(seen, world, found)
    _check_silence(stage, seen, found)
    found.blame("I9", _secrets_in_logs(stage))
    found.carrier_dials = sum(dial.accepted for dial in seen.dials)
    found.carrier_refused = len(seen.dials) - found.carrier_dials
    found.answered = sum(dial.answered_at is not None for dial in seen.dials)
    found.in_doubt = sum(one.ever_in_doubt for one in seen.attempts)
    found.not_placed = sum(one.cancel_reason == "not_placed" for one in seen.attempts)
    return seen


def _named(proof: Proof) -> list[str]:
    more = proof.broken - len(proof.examples)
    return [*proof.examples, *([f"and {more} more"] if more else [])]


def _split(duplicates: list[str]) -> tuple[list[str], list[str]]:
    twice = [one for one in duplicates if one.startswith("one attempt")]
    return twice, [one for one in duplicates if one not in twice]


def _too_often(seen: Evidence) -> list[str]:
    """Calls that rang at one person beyond what the policy allows."""
    rang = Counter(
        seen.owners[seen.attempt_of[place]][0]
        for place, dial in enumerate(seen.dials)
        if dial.ringing_at is not None and seen.attempt_of.get(place) in seen.owners
    )
    return [f"recipient {one} was rung {n} times" for one, n in rang.items() if n > MOST_CALLS]


def _ever_opted_out(stage: Stage) -> set[str]:
    return set(stage.column("SELECT number FROM opt_outs WHERE campaign_id IS NULL"))


def _worst_opt_out(seen: Evidence) -> float:
    """How long after an opt-out the last dial to its number came in, in seconds."""
    late = [
        (dial.arrived_at - seen.opt_outs[dial.number]).total_seconds()
        for dial in seen.dials
        if dial.number in seen.opt_outs
    ]
    return round(max([0.0, *late]), 3)


def _dials_after_stops(seen: Evidence) -> tuple[list[str], float]:
    """Dials of a campaign that arrived while it was paused or stopped, and the latest of them."""
    arrivals = defaultdict(list)
    for place, dial in enumerate(seen.dials):
        attempt = seen.attempt_of.get(place)
        if attempt in seen.owners:
            arrivals[seen.owners[attempt][1]].append(dial.arrived_at)
    late, worst = [], 0.0
    for campaign, at, until in seen.stops:
        for arrived in arrivals[campaign]:
            if at < arrived and (until is None or arrived < until):
                delay = arrived - at
                worst = max(worst, delay.total_seconds())
                if delay > LATEST:
                    late.append(f"campaign {campaign} dialled {delay} after it was stopped")
    return late, round(worst, 3)


def _check_pace(stage: Stage, seen: Evidence, found: Findings) -> None:
    # A line that becomes fast again delivers what it held back together with what follows.
    held_back = 2 * CARRIER_LATENCY * stage.options.cps
    for place, name in enumerate(ACCOUNTS):
        mine = [dial for dial in seen.dials if dial.caller_id == caller_id(place)]
        most = found.most_in_a_second[name] = most_in_any_second(mine)
        if most > stage.options.cps + 2 + held_back:
            found.blame("I5", [f"{most} dials in a second through {name}"])
        if (alive := _most_alive(mine)) > 60:
            found.blame("I5", [f"{alive} calls at a time through {name}"])


def _most_alive(dials: Sequence[Dial]) -> int:
    moments: list[tuple[datetime, int]] = []
    for dial in dials:
        if dial.accepted and dial.ended_at is not None:
            moments += [(dial.arrived_at, 1), (dial.ended_at, -1)]
    alive = most = 0
    for _, change in sorted(moments):
        alive += change
        most = max(most, alive)
    return most


def _events_lost(seen: Evidence) -> list[str]:
    """Events that the carrier was told we had taken, and that are nowhere."""
    return [
        f"event {kind} of attempt {seen.attempt_of[place]} was taken and is not stored"
        for place, dial in enumerate(seen.dials)
        for kind in STATES.intersection(dial.taken)
        if place in seen.attempt_of and (seen.attempt_of[place], kind) not in seen.events
    ]


def _check_hours(seen: Evidence, world: World, found: Findings) -> None:
    guarded = [
        dial
        for place, dial in enumerate(seen.dials)
        if seen.owners.get(seen.attempt_of.get(place, 0), (0, 0))[1] == world.reminder
    ]
    if outside := outside_hours(guarded, seen.zones):
        found.blame("I8", [f"{outside} dials outside the hours of the zone in the list"])


def _check_silence(stage: Stage, seen: Evidence, found: Findings) -> None:
    silent = [dial for dial in seen.dials if dial.silent and dial.answered_at is not None]
    found.silent = len(silent)
    found.blame(
        "I11",
        [
            f"a call answered at {dial.answered_at} was silent"
            for dial in silent
            if dial.answered_at is not None and not _was_voiceless(stage, dial.answered_at)
        ],
    )


def _was_voiceless(stage: Stage, at: datetime) -> bool:
    return any(since - VOICE_BACK <= at <= until + VOICE_BACK for since, until in stage.voiceless)


_NUMBER = re.compile(rb"\+1[2-9]\d{2}555\d{4}")
_TOKEN = re.compile(rb"/(?:flows|hooks/[a-z_]+)/[^/\s\"*]{12,}")


def _secrets_in_logs(stage: Stage) -> list[str]:
    """Lines in which something stands that nobody may read there."""
    wanted = {
        "the signing key": re.compile(re.escape(SIGNING_KEY.encode())),
        "an attempt's token": _TOKEN,
        "a telephone number": _NUMBER,
    }
    found = []
    for name, path in stage.logs().items():
        content = path.read_bytes()
        found += [
            f"{what} stands in {name}" for what, sign in wanted.items() if sign.search(content)
        ]
    return found


_LEADS = re.compile(r"this scheduler leads, term (\d+)")


def leaders_that_do_not_know(stage: Stage) -> list[str]:
    """Living schedulers that led under a term that is over and never noticed its end."""
    term = int(stage.value("SELECT term FROM leases WHERE name = 'scheduler'") or 0)
    found = []
    for name in stage.running("scheduler"):
        mine: int | None = None
        for line in stage.logs()[f"{name}.log"].read_text(errors="replace").splitlines():
            said = _said(line)
            if match := _LEADS.search(said):
                mine = int(match[1])
            elif "another scheduler leads now" in said or "the scheduler begins" in said:
                mine = None
        if mine is not None and mine < term:
            found.append(f"{name} still leads under term {mine}; the lease is at {term}")
    return found


def _said(line: str) -> str:
    try:
        return str(json.loads(line).get("event", ""))
    except (ValueError, AttributeError):
        return ""
