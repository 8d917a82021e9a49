"""One drill from beginning to end: a stack, campaigns, faults, rest, and the checks."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.exc import SQLAlchemyError

from campaigns.crash_points import POINTS
from campaigns.drill import checks
from campaigns.drill.checks import Findings
from campaigns.drill.faults import FAULTS
from campaigns.drill.operators import Operators
from campaigns.drill.options import DrillOptions
from campaigns.drill.plan import Breath, Plan, check_kinds
from campaigns.drill.stage import Stage, drill_stage
from campaigns.drill.world import ACCOUNTS, World, build
from campaigns.vault import Vault, secret_of

POLL = 0.05
# Nothing goes wrong before so many calls were made: a fault needs something to disturb.
FIRST_CALLS = 20
FIRST_CALLS_SECONDS = 60.0
# Fewer calls than these in a minute, and fewer that were answered at all, prove too little.
LEAST_CALLS, LEAST_ANSWERED = 40, 15
# How soon after the last fault the campaigns must dial again, and how long everything may take to
# come to rest: a worker that died with a claim holds it for 45 s and a quarantine.
DIALS_AGAIN_SECONDS = 60.0
REST_SECONDS = 180.0
# A drill of all faults that lasts this long throws every one of them, and comes past every point.
WHOLE_MINUTES = 5.0
PROBES = 6  # people who are added after the faults, in each campaign

Watch = Callable[["Report"], None]


@dataclass(slots=True)
class Report:
    """What a drill found. `phase` is where it is."""

    seed: int
    minutes: float
    phase: str = "starting"
    seconds: float = 0.0
    attempts: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    crash_points: dict[str, int] = field(default_factory=dict)
    crash_points_reached: list[str] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)
    slots_missed: float = 0.0
    found: Findings = field(default_factory=Findings.empty)
    phases: dict[str, float] = field(default_factory=dict)
    diary: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every invariant was kept."""
        return self.found.passed

    def as_json(self) -> dict[str, Any]:
        """One object; the diary is what happened when, as it was noted."""
        own = asdict(self)
        del own["found"]
        return {"passed": self.passed, **own, **self.found.as_json()}


def drill(options: DrillOptions, data_dir: Path, watch: Watch) -> Report:
    """Run a drill in an empty directory. What it starts is gone when it returns or raises."""
    check_kinds(options.kinds)
    report = Report(options.seed, options.minutes)
    watch(report)
    began = time.monotonic()
    with drill_stage(options, data_dir) as stage:
        world = build(stage, Vault(secret_of(stage.config)))
        operators = Operators(stage, world)
        try:
            _Drill(stage, world, operators, report, watch).run()
        finally:
            operators.close()
    report.seconds = round(time.monotonic() - began, 1)
    return report


class _Drill:
    def __init__(
        self, stage: Stage, world: World, operators: Operators, report: Report, watch: Watch
    ) -> None:
        self._stage, self._world, self._operators = stage, world, operators
        self._report, self._watch = report, watch
        faults = [*FAULTS.values(), *operators.faults()]
        kinds = stage.options.kinds
        self._wanted = [f for f in faults if not kinds or f.name in kinds or f.group in kinds]
        self._plan = Plan(stage, self._wanted, stage.options.seed)
        self._breath = Breath(lambda: int(stage.carrier_summary()["accepted"]), time.monotonic())
        self._looked_at = 0.0

    def run(self) -> None:
        """Dial, throw, rest, check."""
        self._operators.start()
        self._until(self._has_begun, FIRST_CALLS_SECONDS, "dialling")
        end = time.monotonic() + self._stage.options.seconds
        self._until(lambda: time.monotonic() > end, None, "throwing faults", step=self._throw)
        self._rest()
        self._report.phase = "checking"
        self._watch(self._report)
        checks.check(self._stage, self._world, self._report.found)
        self._check_the_rest()

    def _throw(self) -> None:
        if self._breath.taken(time.monotonic()):
            self._plan.step()

    def _has_begun(self) -> bool:
        return int(self._stage.carrier_summary()["accepted"]) >= FIRST_CALLS

    def _until(
        self,
        done: Callable[[], bool],
        seconds: float | None,
        phase: str,
        step: Callable[[], None] | None = None,
    ) -> bool:
        """Look after everything until `done`; False after too many `seconds`."""
        self._report.phase = phase
        began = time.monotonic()
        try:
            return self._wait(done, seconds, step)
        finally:
            took = self._report.phases.get(phase, 0.0) + time.monotonic() - began
            self._report.phases[phase] = round(took, 1)

    def _wait(
        self, done: Callable[[], bool], seconds: float | None, step: Callable[[], None] | None
    ) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self._stage.poll()
            if step is not None:
                step()
            with suppress(SQLAlchemyError, httpx.HTTPError):
                self._look()
                if done():
                    return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(POLL)

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < 0.5:
            return
        self._looked_at = time.monotonic()
        self._report.attempts = self._stage.value("SELECT count(*) FROM attempts")
        self._report.faults = dict(self._plan.fired)
        self._watch(self._report)

    # Coming to rest.

    def _rest(self) -> None:
        stage, found = self._stage, self._report.found
        self._until(lambda: True, None, "coming to rest")
        stage.come_to_rest()
        stage.no_voice(6)  # what was killed last is still on its way back
        self._operators.rest()
        self._until(self._everybody_is_back, 60, "coming to rest")
        self._restore()
        since = stage.value("SELECT clock_timestamp()")
        added = [self._operators.push(one, PROBES) for one in self._world.dialling]
        if not all(added):
            found.blame("I6", ["nobody could be added after the faults"])
        if not self._until(
            lambda: self._dials_again(since), DIALS_AGAIN_SECONDS, "waiting whether it dials again"
        ):
            found.blame("I6", [f"it did not dial again within {DIALS_AGAIN_SECONDS:g} s"])
        self._pause_all()
        if not self._until(self._is_quiet, REST_SECONDS, "waiting for the last calls"):
            found.blame("I6", [f"not everything came to rest in {REST_SECONDS:g} s"])

    def _pause_all(self) -> None:
        """Those that nobody stopped as well: their next retry would be dialled amid the checks."""
        running = "SELECT id FROM campaigns WHERE status = 'running' ORDER BY id"
        for campaign in self._stage.column(running):
            self._operators.insist("POST", f"/campaigns/{campaign}/pause", json={"why": "rest"})

    def _everybody_is_back(self) -> bool:
        answer = httpx.get(f"{self._stage.public_url}/readyz", timeout=3, trust_env=False)
        return answer.status_code == 200 and self._stage.leader() is not None

    def _restore(self) -> None:
        """Undo what people did: on again, active again, running again."""
        ask = self._operators.insist
        ask("POST", "/switch/on")
        for name in ACCOUNTS:
            ask("POST", f"/accounts/{name}/resume")
        for campaign in self._world.dialling:
            ask("POST", f"/campaigns/{campaign}/resume")

    def _dials_again(self, since: datetime) -> bool:
        """Whether each campaign that is to go on has a call that began after the faults."""
        calling = self._stage.column(
            "SELECT DISTINCT campaign_id FROM attempts"
            " WHERE claimed_at > :since AND accepted_at IS NOT NULL",
            since=since,
        )
        return set(calling) >= set(self._world.dialling)

    def _is_quiet(self) -> bool:
        summary = self._stage.carrier_summary()
        live = self._stage.value(
            "SELECT count(*) FROM attempts"
            " WHERE status IN ('queued', 'dialing', 'ringing', 'in_progress')"
        )
        unread = self._stage.value("SELECT count(*) FROM call_events WHERE applied_at IS NULL")
        files = self._stage.value(
            "SELECT count(*) FROM imports WHERE status IN ('waiting', 'running')"
        )
        return not (summary["live"] or summary["queued"] or live or unread or files)

    # What only the drill itself knows.

    def _check_the_rest(self) -> None:
        stage, report, found = self._stage, self._report, self._report.found
        struck = stage.carrier_faults()
        for fault in self._wanted:
            if fault.knob is not None and fault.name in self._plan.fired:
                self._plan.fired[fault.name] = struck.get(fault.knob, 0)
        for fired, what in (("crash_at_a_point", "crash"), ("freeze_at_a_point", "freeze")):
            if fired in self._plan.fired:
                self._plan.fired[fired] = stage.strikes[what]
        report.faults = dict(sorted(self._plan.fired.items()))
        report.crash_points = {name: stage.struck[name] for name in POINTS}
        report.crash_points_reached = sorted(stage.reached())
        report.diary = self._plan.diary
        report.people = dict(self._operators.answered)
        report.attempts = stage.value("SELECT count(*) FROM attempts")
        report.slots_missed = round(self._missed(), 3)
        found.blame("I0", self._emptiness())
        found.blame("I6", self._files_half_imported())
        found.blame("I10", self._reports_that_differ())
        found.blame("I12", self._ended_by_themselves())
        found.blame("I12", self._accounts_paused())
        found.blame("I13", checks.leaders_that_do_not_know(stage))

    def _missed(self) -> float:
        return float(
            self._stage.value(
                "SELECT coalesce(avg(CASE WHEN cancel_reason = 'late_slot' THEN 1 ELSE 0 END), 0)"
                " FROM attempts"
            )
        )

    def _emptiness(self) -> list[str]:
        found = self._report.found
        missing = []
        if found.carrier_dials < max(FIRST_CALLS, LEAST_CALLS * self._report.minutes):
            missing.append(f"only {found.carrier_dials} calls were made")
        if found.answered < LEAST_ANSWERED:
            missing.append(f"only {found.answered} calls were answered")
        if not self._plan.fired:
            missing.append("no fault was thrown")
        if self._report.minutes >= WHOLE_MINUTES and not self._stage.options.kinds:
            never = [fault.name for fault in self._wanted if not self._plan.fired[fault.name]]
            missing += [f"{name} never struck" for name in never]
            points = set(POINTS) - self._stage.reached()
            missing += [f"the crash point {name} was never reached" for name in sorted(points)]
        return missing

    def _files_half_imported(self) -> list[str]:
        """A file that was taken is imported whole."""
        missing = []
        for import_id, rows in self._operators.messages.imports.items():
            there = self._stage.value(
                "SELECT count(*) FROM recipients WHERE import_id = :id", id=import_id
            )
            row = self._stage.column(
                "SELECT format('%s %s %s', status, rows_imported, rows_rejected) FROM imports"
                " WHERE id = :id",
                id=import_id,
            )
            if row != [f"done {there} {rows + 1 - there}"]:
                missing.append(f"import {import_id} of {rows} rows is {row}, with {there} people")
        return missing

    def _reports_that_differ(self) -> list[str]:
        """The report over the API against the rows: people, and how the calls ended."""
        differing = []
        for campaign in (*self._world.dialling, self._world.flashes[0]):
            told = self._operators.insist("GET", f"/campaigns/{campaign}/report").json()
            people = self._stage.value(
                "SELECT count(*) FROM recipients WHERE campaign_id = :id", id=campaign
            )
            calls = self._stage.value(
                "SELECT count(*) FROM attempts WHERE campaign_id = :id AND status = 'ended'",
                id=campaign,
            )
            if told["recipients"]["total"] != people:
                differing.append(
                    f"campaign {campaign} reports {told['recipients']['total']} people of {people}"
                )
            if sum(told["dispositions"].values()) != calls:
                differing.append(
                    f"campaign {campaign} reports {sum(told['dispositions'].values())} calls of"
                    f" {calls}"
                )
        return differing

    def _ended_by_themselves(self) -> list[str]:
        """Ends that no signal of ours explains: we kill, and what is deployed leaves with 0."""
        ends = [told for told in self._stage.ends if "ended with exit code" in told]
        clean = [told for told in ends if "exit code 0 " in told]
        return [told for told in ends if told not in clean] + clean[self._stage.deployed :]

    def _accounts_paused(self) -> list[str]:
        return self._stage.column(
            "SELECT sentence FROM campaign_log WHERE account_id IS NOT NULL"
            " AND sentence LIKE '%paused%' AND sentence NOT LIKE '%drill%'"
        )
