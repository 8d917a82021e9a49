"""One demonstration: a stack of its own, one campaign, and the wait until everybody was served."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from campaigns import importing, samples
from campaigns.campaigning import (
    NewCampaign,
    campaign_by_id,
    create_campaign,
    start_campaign,
    stop_campaign,
)
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.demo import books, people
from campaigns.demo.audit import Audit, Expectations, audit
from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Recipient
from campaigns.proving.carrier import CarrierLog
from campaigns.provisioning import add_account
from campaigns.stack import LocalStack
from campaigns.stopping import opt_out_numbers
from campaigns.store import evidence
from campaigns.vault import Vault, secret_of

OPTED_OUT_SHARE = 0.03
# Long enough before tomorrow's appointment that every reminder is due at once.
OFFSET = 3 * 86400
STALLED_SECONDS = 240.0
POLL_SECONDS = 0.5
# A few people opt out while the campaign runs, a moment apart.
LATE_OPT_OUTS = 5


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to demonstrate. `time_scale` shortens calls and waits, never the pace of dialling."""

    recipients: int = 200
    cps: float = 10.0
    workers: int = 2
    time_scale: float = 0.02
    csv_file: Path | None = None
    seed: int = 1
    retry_policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """Where the campaign is, for the display and for tests that interfere at the right moment."""

    total: int = 0
    done: int = 0
    attempts: int = 0
    live: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    dialling: bool = False


Watch = Callable[[Progress], None]


class DemoRun:
    """Runs the campaign on a started stack and audits it."""

    def __init__(self, config: Settings, stack: LocalStack, options: DemoOptions) -> None:
        self._options, self.stack = options, stack
        self._engine: Engine = stack.engine
        self._data_dir = config.data_dir
        self.vault = Vault(secret_of(config))
        self._rng = random.Random(options.seed)
        self.campaign_id = 0
        self._opt_outs: dict[str, datetime] = {}
        self._rejected = 0
        self._opted_out = 0
        self._opted_out_due = 0
        self.open_zones: list[str] | None = None
        self._late_left = LATE_OPT_OUTS
        self._began = 0.0

    def prepare(self) -> None:
        """Account, campaign, recipients, opt-outs; then start."""
        with transaction(self._engine) as session:
            now = database_now(session)
            account = samples.simulator_account(
                self.stack.simulator_url,
                time_scale=self._options.time_scale,
                cps=self._options.cps,
                max_concurrent=max(50, int(self._options.cps * 2)),
            )
            add_account(session, account, self.vault)
            self.campaign_id = create_campaign(session, self._campaign()).id
        self._rejected = self._import(self._file(now))
        if self._options.csv_file is None:
            self._opt_some_out()  # never anybody of a person's own list
        with transaction(self._engine) as session:
            now = database_now(session)
            self._opted_out_due = books.due_and_opted_out(session, now)
            start_campaign(session, self.campaign_id, now)
        self._began = time.monotonic()

    def _campaign(self) -> NewCampaign:
        if self._options.csv_file is not None:
            return NewCampaign(
                name="Demonstration",
                kind="announcement",
                account=samples.ACCOUNT,
                flow=announcement_flow("Hello, this is a demonstration of Outdial."),
            )
        return NewCampaign(
            name="Demonstration",
            kind="reminder",
            account=samples.ACCOUNT,
            flow=reminder_flow("the Lakeside Clinic", leave_message=True),
            windows=people.WINDOWS,
            retry_policy=self._options.retry_policy,
            reminder={"offset": OFFSET, "deadline": 0},
        )

    def _file(self, now: datetime) -> Path:
        if self._options.csv_file is not None:
            return self._options.csv_file
        self.open_zones, _ = people.zones_by_hour(now)
        path = self._data_dir / "recipients.csv"
        generated = people.generate(self._options.recipients, now, self._rng)
        path.write_text(generated.csv_text, encoding="utf-8", newline="")
        return path

    def _import(self, path: Path) -> int:
        with transaction(self._engine) as session:
            import_id = importing.register(
                session, self.campaign_id, file_name=path.name, file=importing.fingerprint(path)
            ).row.id
        summary = importing.run(self._engine, import_id, path)
        if not summary.rows_imported:
            raise InvalidInput(summary.sentence)
        return summary.rows_rejected

    def _opt_some_out(self) -> None:
        """Opt some of the people out who are due: the campaign must find that out by itself."""
        with transaction(self._engine) as session:
            found = session.scalars(
                select(Recipient.numbers)
                .where(Recipient.status == "pending", Recipient.next_attempt_at <= text("now()"))
                .order_by(Recipient.id)
            ).all()
            reachable = [numbers[0] for numbers in found]
            count = max(1, int(len(reachable) * OPTED_OUT_SHARE))
            chosen = self._rng.sample(reachable, min(count, len(reachable)))
        self._opt_out(chosen)
        self._opted_out = len(chosen)

    def note_opt_out(self, number: str) -> None:
        """Hold the run to an opt-out that somebody else has just committed."""
        with transaction(self._engine) as session:
            self._opt_outs[number] = database_now(session)

    def _opt_out(self, numbers: list[str]) -> None:
        with transaction(self._engine) as session:
            now = database_now(session)
            opt_out_numbers(session, numbers, "cli", "demonstration", now)
        with transaction(self._engine) as session:
            committed = database_now(session)
        self._opt_outs.update(dict.fromkeys(numbers, committed))

    def dial(self, watch: Watch) -> bool:
        """Wait until everybody in open hours was served; False when it was interrupted."""
        last, moved_at = (-1, -1), time.monotonic()
        progress = Progress(dialling=True)
        looked_at = 0.0

        def finished() -> bool:
            nonlocal last, moved_at, looked_at
            if time.monotonic() - looked_at < POLL_SECONDS:
                return False
            looked_at = time.monotonic()
            try:
                left = self._look(progress)
                self._somebody_opts_out(progress)
                watch(progress)
            except OperationalError:
                return False  # the database is being restarted; the run goes on without it
            if (progress.done, progress.attempts) != last:
                last, moved_at = (progress.done, progress.attempts), time.monotonic()
            return left == 0 or time.monotonic() - moved_at > STALLED_SECONDS

        return self.stack.run(finished)

    def _look(self, progress: Progress) -> int:
        with transaction(self._engine) as session:
            statuses = books.recipients_by_status(session)
            progress.total = sum(statuses.values())
            left = books.unfinished(session, self.open_zones)
            progress.done = (
                progress.total - statuses.get("pending", 0) - statuses.get("in_flight", 0)
            )
            progress.live = statuses.get("in_flight", 0)
            progress.answers = books.answers(session)
            progress.attempts = session.execute(text("SELECT count(*) FROM attempts")).scalar_one()
        return left

    def _somebody_opts_out(self, progress: Progress) -> None:
        """Now and then somebody who is still to be called, or being called, opts out."""
        if self._options.csv_file is not None:
            return
        if not self._late_left or progress.attempts < progress.total * 0.1:
            return
        with transaction(self._engine) as session:
            numbers = session.scalars(
                select(Recipient.numbers)
                .where(Recipient.status.in_(("in_flight", "pending")))
                .order_by(Recipient.status, Recipient.id)
                .limit(50)
            ).all()
        if numbers:
            self._late_left -= 1
            self._opt_out([self._rng.choice(numbers)[0]])

    def conclude(self) -> Audit:
        """Stop the campaign, let the carrier's last calls end, and compare the books with it."""
        seconds = time.monotonic() - self._began
        with transaction(self._engine) as session:
            now = database_now(session)
            closed = books.due_behind_closed_windows(session, self.open_zones or [], now)
        log = CarrierLog(self.stack.simulator_url)
        log.settle()
        with transaction(self._engine) as session:
            result = audit(
                evidence.booked_attempts(session),
                books.recipients_by_status(session),
                books.answers(session),
                books.opted_out_numbers(session),
                books.zones_by_number(session),
                log.dials(),
                Expectations(
                    cps=self._options.cps,
                    recipients=sum(books.recipients_by_status(session).values()),
                    rejected=self._rejected,
                    opted_out=self._opted_out,
                    opted_out_due=self._opted_out_due,
                    closed_due=closed,
                    opt_outs=self._opt_outs,
                    guarded_zones=self.open_zones is not None,
                    seconds=seconds,
                ),
                self.vault,
            )
            if campaign_by_id(session, self.campaign_id).status == CampaignStatus.RUNNING:
                stop_campaign(session, self.campaign_id, now, "the demonstration is over")
        log.close()
        return result
