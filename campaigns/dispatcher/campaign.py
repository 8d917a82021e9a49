"""One campaign's part of a tick: who is due, and who of them is turned away until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import gates, pacing, phrases
from campaigns.dispatcher.facts import Bound, bound_by, known_about
from campaigns.dispatcher.hours import OpenHours
from campaigns.dispatcher.household import SOON, merged_by_household
from campaigns.dispatcher.other_numbers import CONSENT, next_with_consent
from campaigns.dispatcher.standing import standing_of
from campaigns.gates import Facts, Installation, Verdict
from campaigns.lifecycle import RecipientStatus
from campaigns.outcomes import turn_to_numbers
from campaigns.retries import RetryPolicy
from campaigns.store import attempts, dispatch, recipients
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
# The tick has asked about the installation before it came to any campaign.
DIALLING = Installation(dialling=True)


@dataclass(frozen=True, slots=True)
class Ready:
    """A recipient that passed every gate and holds its number under a reserved attempt id."""

    attempt_id: int
    recipient: DueRecipient
    open_until: datetime
    rule_version: str
    consent_id: int | None
    gate_inputs: str


# Somebody who passed every gate, and what was known of them.
Passed = tuple[DueRecipient, Facts]


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
        self._open, self._hours = hours.open_keys(campaign), hours
        self._standing = standing_of(campaign, DIALLING, load.time_scale)
        self._bounds: dict[int, Bound] = {}
        self._fates: list[Fate] = []
        self._reads_left = EXTRA_READS
        # How many slots the campaign has used so far: the ratio of retries is kept over all ticks,
        # since a single tick often has room for one call only.
        self._served = campaign.served

    @property
    def served(self) -> int:
        """How many slots the campaign has had, with those of this tick."""
        return self._served + len(self.ready)

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
        _, again = pacing.split(count, RETRY_SHARE, split_before=self.served)
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
            by_deadline=self.campaign.reminds,
        )

    def _hold(self, passed: Sequence[Passed]) -> int:
        """Hold the numbers of those who may be called; returns how many were free."""
        if not passed:
            return 0
        ids = attempts.reserve_attempt_ids(self._session, len(passed))
        held = attempts.hold_numbers(self._session, ids, [one.number for one, _ in passed])
        # Asked once the numbers are held: a call that was still on is over, and is seen.
        mine = [one for attempt_id, (one, _) in zip(ids, passed, strict=True) if attempt_id in held]
        merged = self._merge_households(mine)
        for attempt_id, (one, facts) in zip(ids, passed, strict=True):
            if one.id in merged:
                attempts.let_go_of_numbers(self._session, [attempt_id])
                held.discard(attempt_id)
            elif attempt_id in held:
                self.ready.append(self._ready(attempt_id, one, facts))
            else:
                self._snooze(one, self._scaled(gates.NUMBER_BUSY_SECONDS), "number_busy")
        return len(held)

    def _merge_households(self, ready: Sequence[DueRecipient]) -> set[int]:
        """Those who need no call to this number: somebody else of theirs was reached at it."""
        if self.campaign.household != "merge" or not ready:
            return set()
        policy = RetryPolicy.parse(self.campaign.retry_policy)
        fates = merged_by_household(self._session, self.campaign, policy, ready, self.now)
        self._fates += fates
        return {fate.recipient_id for fate in fates}

    def _ready(self, attempt_id: int, one: DueRecipient, facts: Facts) -> Ready:
        """Somebody to be called, with what the call rests on and until when that holds."""
        consent = gates.consent_relied_on(facts, self.now)
        lapses = None if consent is None else gates.consent_until(consent, facts)
        closes = facts.open_until or facts.hours.open_until(self.now) or self.now
        return Ready(
            attempt_id,
            one,
            open_until=closes if lapses is None else min(closes, lapses),
            rule_version=facts.rules.version,
            consent_id=None if consent is None else consent.id,
            gate_inputs=gates.inputs_of(facts, self.now),
        )

    def _pass_gates(self, rows: Sequence[DueRecipient]) -> list[Passed]:
        """Send away whoever may not be called now, by the first gate that says so."""
        if not rows:
            return []
        bounds = [self._bound(one.zone_key) for one in rows]
        known = known_about(self._session, rows, bounds, self._standing, self.now)
        passed, without_consent = [], []
        for one, facts in zip(rows, known, strict=True):
            refusal = gates.first_refusal(facts, self.now, gates.PERSONAL)
            if refusal is None:
                passed.append((one, facts))
            elif refusal.gate == CONSENT and len(one.numbers) > 1:
                without_consent.append((one, facts, refusal))
            else:
                self._send_away(one, refusal)
        self._turn_to_consent(without_consent)
        return passed

    def _turn_to_consent(self, refused: Sequence[tuple[DueRecipient, Facts, Verdict]]) -> None:
        """Whoever has consented on another number is called there; nobody else is called."""
        if not refused:
            return
        facts = {one.id: known for one, known, _ in refused}
        rows = recipients.recipients_for_outcome(self._session, sorted(facts), self.now)
        asked = [(row, facts[row.id]) for row in rows]
        turns = next_with_consent(self._session, self._hours.book, asked, self.now)
        for one, _, verdict in refused:
            if one.id not in turns:
                self._send_away(one, verdict)
        moved = [row for row in rows if row.id in turns]
        if moved:
            self._fates += turn_to_numbers(
                self._session, moved, turns, self.now + SOON, "other_number"
            )

    def _bound(self, key: int) -> Bound:
        """What binds everybody under one zone key now; worked out once a tick."""
        if key not in self._bounds:
            place = self._hours.place(key)
            self._bounds[key] = bound_by(
                self._hours.book,
                self.campaign,
                place,
                self.now,
                lambda consented: self._hours.hours(self.campaign, place, consented=consented),
                self._open[key],
            )
        return self._bounds[key]

    def _send_away(self, one: DueRecipient, refusal: Verdict) -> None:
        """Park or snooze: spaced, never dropped. What nobody can tell is asked again later."""
        reason = gates.reason_of(refusal)
        if refusal.fate is not None:
            self._park(one, refusal.fate, reason)
        elif refusal.until is not None:
            self._snooze(one, (refusal.until - self.now).total_seconds(), reason)
        else:
            self._snooze(one, gates.NOT_JUDGED_SECONDS, gates.NOT_JUDGED)

    def put_back(self, one: Ready) -> None:
        """No slot was left for somebody who was ready: due again at the next tick."""
        attempts.let_go_of_numbers(self._session, [one.attempt_id])
        self._snooze(one.recipient, 0.2, "no slot left")

    def settle(self) -> None:
        """Write the fates of everybody who was turned away."""
        recipients.settle_recipients(self._session, self._fates, self.now)
        late = sum(fate.status is RecipientStatus.EXPIRED for fate in self._fates)
        if late:
            was = "was" if late == 1 else "were"
            told = f"{phrases.people(late)} {was} not reached before the deadline."
            dispatch.write_log(self._session, told, self.now, campaign_id=self.id)

    def _scaled(self, seconds: float) -> float:
        return max(seconds * self._load.time_scale, 0.2)

    def _snooze(self, one: DueRecipient, seconds: float, reason: str) -> None:
        at = self.now + timedelta(seconds=max(seconds, 0.05))
        self._fates.append(Fate(one.id, RecipientStatus.PENDING, reason, at))

    def _park(self, one: DueRecipient, status: RecipientStatus, reason: str) -> None:
        self._fates.append(Fate(one.id, status, reason))
