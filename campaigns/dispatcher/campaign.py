"""One campaign's part of a tick: who is due, and who of them is turned away until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import compliance, pacing, retries
from campaigns.compliance import Applied
from campaigns.dispatcher.hours import OpenHours
from campaigns.lifecycle import RecipientStatus
from campaigns.store import attempts, recipients
from campaigns.store.dispatch import AccountLoad, RunningCampaign
from campaigns.store.recipients import DueRecipient, Fate

# One slot in four goes to retries while both first calls and retries are due.
RETRY_SHARE = 0.25
# Rows of one campaign that one tick may turn away, so that a long run of blocked or snoozed
# recipients neither stalls the tick nor keeps others waiting behind it.
EXTRA_READS = 300
# Rows read at once while nobody who was read may be called: a statement for each would make the
# tick late, and with it every slot it gives.
MOST_AT_ONCE = 100
# How long somebody waits whose number is on another call, seconds.
NUMBER_BUSY_SECONDS = 15.0
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A recipient that passed every gate and holds its number under a reserved attempt id."""

    attempt_id: int
    recipient: DueRecipient
    open_until: datetime
    rule_version: str


class CampaignDesk:
    """Reads and gates one campaign's due recipients. Everybody who is read gets a fate."""

    def __init__(
        self,
        session: Session,
        campaign: RunningCampaign,
        load: AccountLoad,
        hours: OpenHours,
        now: datetime,
    ) -> None:
        self._session, self.campaign, self._load, self.now = session, campaign, load, now
        self.id, self.weight, self.vtime = campaign.id, campaign.weight, campaign.vtime
        self.ready: list[Ready] = []
        self.sated = False
        self._open = hours.open_keys(campaign)
        self._hours = hours
        self._policy = retries.RetryPolicy.parse(campaign.retry_policy)
        self._fates: list[Fate] = []
        self._reads_left = EXTRA_READS
        # How many slots the campaign has used so far: the ratio of retries is kept over all ticks,
        # since a single tick often has room for one call only.
        self._served = round(campaign.vtime * campaign.weight)

    def take(self, quota: int, *, free: int = 0) -> int:
        """Find up to `quota` recipients to call; returns how many were found.

        The first `free` of them are not charged to the campaign's share.

        Of those who are read and may be called, as many as were wanted are taken; the others stay
        first in line.
        """
        found, reach = 0, quota
        while found < quota and not self.sated:
            rows = self._read(max(quota - found, min(reach, self._reads_left)))
            passed = self._pass_gates(rows)
            self._reads_left -= len(rows) - len(passed)
            self.sated = not rows or self._reads_left <= 0
            found += self._hold(passed[: quota - found])
            reach = 0 if passed else min(2 * len(rows), MOST_AT_ONCE)
        self.vtime += max(found - free, 0) / self.weight
        return found

    def _read(self, count: int) -> list[DueRecipient]:
        """Due recipients, first calls and retries in their fixed ratio, one side filling up."""
        if not self._open:
            return []
        before = self._served + len(self.ready)
        _, again = pacing.split(count, RETRY_SHARE, split_before=before)
        retried = self._due(again, retry=True)
        fresh = self._due(count - len(retried), retry=False)
        if len(fresh) + len(retried) < count:
            retried += self._due(count - len(fresh) - len(retried), retry=True, skip=retried)
        return fresh + retried

    def _due(
        self, count: int, *, retry: bool, skip: Sequence[DueRecipient] = ()
    ) -> list[DueRecipient]:
        if count <= 0:
            return []
        seen = {one.id for one in skip} | {one.recipient.id for one in self.ready}
        seen |= {fate.recipient_id for fate in self._fates}
        return recipients.due_recipients(
            self._session,
            self.id,
            list(self._open),
            self.now,
            retry=retry,
            limit=count,
            skip=sorted(seen),
        )

    def _hold(self, passed: Sequence[DueRecipient]) -> int:
        """Hold the numbers of those who may be called; returns how many were free."""
        if not passed:
            return 0
        ids = attempts.reserve_attempt_ids(self._session, len(passed))
        held = attempts.hold_numbers(self._session, ids, [one.number for one in passed])
        for attempt_id, one in zip(ids, passed, strict=True):
            if attempt_id in held:
                version = self._applied(one).version
                self.ready.append(Ready(attempt_id, one, self._open[one.zone_key], version))
            else:
                self._snooze(one, self._scaled(NUMBER_BUSY_SECONDS), "number_busy")
        return len(held)

    def _pass_gates(self, rows: Sequence[DueRecipient]) -> list[DueRecipient]:
        """Send away whoever may not be called now; returns the rest."""
        if not rows:
            return []
        ids = [one.id for one in rows]
        opted_out = recipients.opted_out_recipients(self._session, ids, self.now)
        last_calls = recipients.last_calls_to(self._session, [one.number for one in rows])
        today = self._calls_today(ids)
        passed = []
        for one in rows:
            if one.id in opted_out:
                self._park(one, RecipientStatus.BLOCKED, "opted out")
            elif one.deadline_at is not None and one.deadline_at <= self.now:
                self._park(one, RecipientStatus.EXPIRED, "deadline passed")
            elif one.attempts_spent >= self._policy.max_attempts:
                self._park(one, RecipientStatus.EXHAUSTED, "every allowed attempt was made")
            elif not self._spaced(one, last_calls.get(one.number), today.get(one.id)):
                passed.append(one)
        return passed

    def _applied(self, one: DueRecipient) -> Applied:
        """What binds a call to somebody now."""
        return compliance.applied_to(
            self._hours.book, self.campaign, self._hours.place(one.zone_key), self.now
        )

    def _calls_today(self, ids: Sequence[int]) -> dict[int, tuple[int, datetime]]:
        if self._policy.max_per_day is None:
            return {}
        since = self.now - timedelta(seconds=DAY_SECONDS * self._load.time_scale)
        return recipients.attempts_in_last_day(self._session, ids, since)

    def _spaced(
        self, one: DueRecipient, last_call: datetime | None, today: tuple[int, datetime] | None
    ) -> bool:
        """Snooze whoever was called too recently or too often today; spaced, never dropped."""
        gap = timedelta(seconds=self._applied(one).min_gap * self._load.time_scale)
        if last_call is not None and last_call + gap > self.now:
            self._snooze(one, (last_call + gap - self.now).total_seconds(), "called recently")
            return True
        most = self._policy.max_per_day
        if today is not None and most is not None and today[0] >= most:
            day = timedelta(seconds=DAY_SECONDS * self._load.time_scale)
            wait = (today[1] + day - self.now).total_seconds()
            self._snooze(one, wait, "called often enough today")
            return True
        return False

    def put_back(self, one: Ready) -> None:
        """No slot was left for somebody who was ready: due again at the next tick."""
        attempts.let_go_of_numbers(self._session, [one.attempt_id])
        self._snooze(one.recipient, 0.2, "no slot left")

    def settle(self) -> None:
        """Write the fates of everybody who was turned away."""
        recipients.settle_recipients(self._session, self._fates, self.now)

    def _scaled(self, seconds: float) -> float:
        return max(seconds * self._load.time_scale, 0.2)

    def _snooze(self, one: DueRecipient, seconds: float, reason: str) -> None:
        at = self.now + timedelta(seconds=max(seconds, 0.05))
        self._fates.append(Fate(one.id, RecipientStatus.PENDING, reason, at))

    def _park(self, one: DueRecipient, status: RecipientStatus, reason: str) -> None:
        self._fates.append(Fate(one.id, status, reason))
