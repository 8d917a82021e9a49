"""Why somebody is, or was, not called: the tick's own gates, asked about any instant.

About the past the books answer: attempts, opt-outs with their ends, consents, the history of the
gates, the rules that were in force. What they do not keep is today's value, and is marked so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from campaigns import compliance, gates, retries
from campaigns.compliance import Place, PostalAddress, Rulebook, WeeklyWindows
from campaigns.dispatcher import WAITING_SECONDS
from campaigns.dispatcher.facts import DUE, Bound, Standing, State, bound_by, known_about
from campaigns.dispatcher.other_numbers import CONSENT, next_with_consent
from campaigns.errors import InvalidInput, NotFound
from campaigns.gates import AccountFacts, CampaignFacts, Facts, Installation, Verdict
from campaigns.lifecycle import RECIPIENT_TERMINAL, RecipientStatus
from campaigns.phrases import clause, instant, listed, local_time, sentence, until
from campaigns.reporting.health import Surroundings
from campaigns.reporting.numbers import recipients_with_number
from campaigns.reporting.why_values import VerdictView, Why, WhyInCampaign
from campaigns.store import campaigns as store_campaigns
from campaigns.store import health, judged, rules
from campaigns.store.judged import MOST_BEFORE, JudgedRow

# Campaigns of one number that are answered about, newest first.
MOST_CAMPAIGNS = 50
# What the books do not keep about an instant that is over.
_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2199
ONLY_TODAY = frozenset({"recipient", "deadline", "place"})


def read_instant(text: str, zone: tzinfo | None = None) -> datetime | None:
    """An instant to ask about, as people write it; blank is none, which is now.

    Without an offset it is on the clock of `zone`, if there is one. Raises `InvalidInput`.
    """
    plain = text.strip()
    if not plain:
        return None
    try:
        at = datetime.fromisoformat(plain)
    except ValueError:
        at = None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=zone) if zone is not None and "T" in plain else None
    if at is None or at.tzinfo is None or not _EARLIEST_YEAR <= at.year <= _LATEST_YEAR:
        raise InvalidInput(
            f"“{plain[:40]}” is no instant to ask about: write 2026-03-01T09:00-05:00 or "
            "2026-03-01T14:00Z, of a year in which there could be a call."
        )
    return at


def why(
    session: Session,
    number: str,
    now: datetime,
    around: Surroundings,
    *,
    at: datetime | None = None,
    campaign_id: int | None = None,
) -> Why:
    """Every gate about everybody who has `number` (E.164), at `at` or now.

    Raises `NotFound` when that campaign has nobody with it.
    """
    ids = recipients_with_number(session, number, MOST_CAMPAIGNS)
    rows = judged.people_to_judge(session, ids)
    if campaign_id is not None:
        rows = [row for row in rows if row.campaign_id == campaign_id]
        if not rows:
            raise NotFound(f"Campaign {campaign_id} has nobody with the number {number}.")
    asker = _Asker(session, now, around, at or now)
    found = [asker.about(row, number) for row in rows]
    return Why(
        number=number,
        at=asker.at,
        asked_at=now,
        past=asker.past,
        sentence=_whole(number, found),
        campaigns=found,
    )


def why_of_recipient(
    session: Session,
    recipient_id: int,
    now: datetime,
    around: Surroundings,
    *,
    at: datetime | None = None,
) -> WhyInCampaign:
    """Every gate about one person of one campaign. Raises `NotFound`."""
    rows = judged.people_to_judge(session, [recipient_id])
    if not rows:
        raise NotFound(f"There is no recipient {recipient_id}.")
    return _Asker(session, now, around, at or now).about(rows[0], rows[0].number)


def _whole(number: str, found: Sequence[WhyInCampaign]) -> str:
    if not found:
        return f"No campaign has anybody with the number {number}."
    if len(found) == 1:
        return found[0].sentence
    free = sum(one.decides is None for one in found)
    return f"{len(found)} campaigns have this number; {free} of them may call it at that time."


class _Asker:
    """Asks the gates about one instant, of which it looks up what is the same for everybody."""

    def __init__(self, session: Session, now: datetime, around: Surroundings, at: datetime) -> None:
        self._session, self._now, self._around, self.at = session, now, around, at
        self.past = at < now
        self._book: Rulebook | None = None
        self._installation: tuple[Installation, bool] | None = None

    def about(self, row: JudgedRow, asked: str) -> WhyInCampaign:
        """Everything about one person; about the past, with the number that was asked for."""
        number = asked if self.past else row.number
        try:
            facts, verdicts = self._judge(row, number)
            refused = _first_refused(verdicts)
            if (other := self._other_number(row, facts, refused)) is not None:
                number = other
                facts, verdicts = self._judge(row, number)
                refused = _first_refused(verdicts)
        except InvalidInput as error:
            return _unreadable(row, number, error)
        eligible = None if self.past else gates.next_eligible(facts, self.at)
        return WhyInCampaign(
            campaign_id=row.campaign_id,
            campaign_name=row.campaign_name,
            recipient_id=row.id,
            number=number,
            note=None if number == asked else f"It is the turn of another number, {number}.",
            sentence=self._sentence(refused, eligible, facts.place),
            decides=None if refused is None else refused.gate,
            verdicts=[VerdictView.model_validate(one, from_attributes=True) for one in verdicts],
            next_eligible_at=eligible,
            next_eligible_local=local_time(eligible, facts.place.zones),
            rule_version=facts.rules.version,
            rules=list(facts.rules.codes),
        )

    def _judge(self, row: JudgedRow, number: str) -> tuple[Facts, tuple[Verdict, ...]]:
        standing, only_today = self._standing(row)
        person, state = self._person(row, number)
        (facts,) = known_about(
            self._session,
            [person],
            [self._bound(row, number, standing)],
            standing,
            self.at,
            states=[state],
            past=self.past,
            only_today=only_today,
        )
        if not self.past and facts.person.status is RecipientStatus.PENDING:
            facts = replace(facts, pace=self._pace(row))
        verdicts = gates.judge(facts, self.at)
        return facts, tuple(self._marked(one, only_today) for one in verdicts)

    def _other_number(self, row: JudgedRow, facts: Facts, refused: Verdict | None) -> str | None:
        """The number to which the next tick turns for want of consent on this one, if any."""
        if self.past or refused is None or refused.gate != CONSENT or self._book is None:
            return None
        turns = next_with_consent(self._session, self._book, [(row, facts)], self.at)
        return row.numbers[turns[row.id]] if row.id in turns else None

    def _marked(self, verdict: Verdict, only_today: frozenset[str]) -> Verdict:
        if not self.past or verdict.gate not in only_today:
            return verdict
        return replace(verdict, as_of_today=True)

    def _standing(self, row: JudgedRow) -> tuple[Standing, frozenset[str]]:
        """What held for the whole campaign, and the gates of which only today is known."""
        here, known = self._here()
        only_today = set() if known else {"dialling"}
        policy = retries.RetryPolicy.parse(row.retry_policy)
        campaign = CampaignFacts(
            id=row.campaign_id,
            name=row.campaign_name,
            status=row.campaign_status,
            status_reason=row.campaign_reason,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            windows=WeeklyWindows.parse(row.windows),
            max_attempts=policy.max_attempts,
            max_per_day=policy.max_per_day,
            caps=gates.read_caps(row.caps),
            purpose=row.purpose,
            subject=row.subject,
        )
        account = AccountFacts(
            name=row.account_name,
            status=row.account_status,
            status_reason=row.account_reason,
            live=row.live,
            backoff_until=row.backoff_until,
            time_scale=row.time_scale,
        )
        if self.past:
            only_today |= ONLY_TODAY
            was = self._then("campaign", row.campaign_id)
            campaign = _campaign_then(campaign, was)
            only_today |= set() if was else {"campaign", "hours"}
            had = self._then("account", row.account_id)
            account = _account_then(account, had)
            only_today |= {"account"}  # its back-offs are not kept
        return (
            Standing(
                here,
                account,
                campaign,
                tuple(store_campaigns.campaigns_on_subject(self._session, row.campaign_id)),
            ),
            frozenset(only_today),
        )

    def _then(self, kind: str, subject_id: int) -> Mapping[str, Any]:
        found = judged.gates_then(self._session, kind, [subject_id], self.at)
        return found.get(subject_id, {})

    def _here(self) -> tuple[Installation, bool]:
        """The installation, and whether its switch at that time is known."""
        if self._installation is None:
            switch = judged.kill_switch(self._session)
            now = self._around.installation(health.read_system(self._session, self._now), self._now)
            if not self.past:
                here = replace(now, dialling=switch.enabled, off_reason=switch.reason)
                self._installation = here, True
            else:
                was = self._then("switch", 1)
                on = was.get("enabled", switch.enabled)
                here = replace(now, dialling=on, web_alive=None, url_answers=None)
                self._installation = here, bool(was)
        return self._installation

    def _bound(self, row: JudgedRow, number: str, standing: Standing) -> Bound:
        if self._book is None:
            then = rules.rulebook_in_force_at(self._session, self.at) if self.past else None
            self._book = then or rules.current_rulebook(self._session)
        place = compliance.place_of(
            number, zone=row.zone, address=PostalAddress.from_json(row.address)
        )
        book, windows = self._book, standing.campaign.windows
        return bound_by(
            book,
            row,
            place,
            self.at,
            lambda consented: compliance.hours_for(book, row, place, windows, consented=consented),
        )

    def _person(self, row: JudgedRow, number: str) -> tuple["_Person", State]:
        person = _Person(row, number)
        status = RecipientStatus(row.status)
        if not self.past:
            return person, State(status, row.reason, row.next_attempt_at)
        person.attempts_spent = judged.attempts_counted_by(
            self._session, row.id, row.stage, self.at
        )
        if row.created_at > self.at:
            return person, State(RecipientStatus.REMOVED, "not in the campaign yet at that time")
        attempt = judged.attempt_live_at(self._session, row.id, self.at)
        if attempt is not None:
            return person, State(RecipientStatus.IN_FLIGHT, f"attempt {attempt}")
        # Whoever has a final status since then had it then.
        if status in RECIPIENT_TERMINAL and row.updated_at <= self.at:
            return person, State(status, row.reason)
        return person, DUE

    def _pace(self, row: JudgedRow) -> gates.Pace:
        since = self._now - timedelta(seconds=WAITING_SECONDS)
        queue = judged.queue_of(
            self._session,
            row.account_id,
            row.campaign_id,
            row.next_attempt_at or self._now,
            since,
        )
        free = min(queue.max_concurrent - queue.open_calls, queue.max_waiting - queue.waiting_calls)
        before = f"{queue.people_before:,}"
        if queue.people_before >= MOST_BEFORE:
            before = f"at least {before}"
        told = (
            f"{queue.open_calls} of {queue.max_concurrent} calls of the account are in use, "
            f"{queue.waiting_calls} of {queue.max_waiting} do not ring yet, it starts at most "
            f"{queue.cps:g} a second, and {before} of the campaign are due before."
        )
        return gates.Pace(free, told, self._now + timedelta(seconds=1))

    def _sentence(self, refused: Verdict | None, eligible: datetime | None, place: Place) -> str:
        if refused is None:
            return (
                "Nothing kept them from being called at that time."
                if self.past
                else "May be called now, and waits for a slot."
            )
        began = "Was not called" if self.past else "Is not called"
        told = f"{began}: {clause(refused.evidence)}."
        if self.past or refused.gate == "pace":
            return told
        if eligible is None:
            return told
        clocks = local_time(eligible, place.zones) or instant(eligible)
        return f"{told} Next possible {until(eligible, self._now)}, {clocks}."


def _first_refused(verdicts: Sequence[Verdict]) -> Verdict | None:
    return next((one for one in verdicts if not one.passed), None)


class _Person:
    """A recipient's row with the number that is asked about."""

    def __init__(self, row: JudgedRow, number: str) -> None:
        self.id, self.numbers, self.number = row.id, row.numbers, number
        self.deadline_at, self.attempts_spent = row.deadline_at, row.attempts_spent


def _campaign_then(campaign: CampaignFacts, was: Mapping[str, Any]) -> CampaignFacts:
    if not was:
        return campaign
    ends = was.get("ends_at")
    return replace(
        campaign,
        status=was["status"],
        status_reason=None if was["status"] != campaign.status else campaign.status_reason,
        ends_at=datetime.fromisoformat(ends) if ends else None,
        windows=WeeklyWindows.parse(was["windows"]),
    )


def _account_then(account: AccountFacts, had: Mapping[str, Any]) -> AccountFacts:
    reason = account.status_reason if had.get("status") == account.status else None
    return replace(
        account,
        status=had.get("status", account.status),
        status_reason=reason,
        live=had.get("live", account.live),
        backoff_until=None,
    )


def _unreadable(row: JudgedRow, number: str, error: InvalidInput) -> WhyInCampaign:
    told = sentence(f"is not called: this cannot be told, {clause(str(error))}")
    return WhyInCampaign(
        campaign_id=row.campaign_id,
        campaign_name=row.campaign_name,
        recipient_id=row.id,
        number=number,
        note=None,
        sentence=told,
        decides="place",
        verdicts=[],
        next_eligible_at=None,
        next_eligible_local=None,
        rule_version=None,
        rules=[],
    )


__all__ = ["MOST_CAMPAIGNS", "listed", "why", "why_of_recipient"]
