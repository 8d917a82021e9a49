"""One campaign: its counts, its status in a sentence, its full report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import compliance, pacing
from campaigns.compliance import Place, Rulebook
from campaigns.errors import NotFound
from campaigns.flows.model import Meaning
from campaigns.lifecycle import LIVE, AttemptStatus, CampaignStatus, Disposition
from campaigns.reporting import words
from campaigns.reporting.charts import funnel, last_minutes
from campaigns.reporting.health import Surroundings
from campaigns.reporting.held import why_held
from campaigns.reporting.pace import cps_now, why_slower
from campaigns.reporting.values import (
    Answers,
    AttemptCounts,
    CampaignCounts,
    CampaignReport,
    CampaignView,
    HourCount,
    KeyCount,
    RecipientCounts,
    Waiting,
)
from campaigns.reporting.waiting import Shut, next_window, not_running, shut_keys, waiting
from campaigns.retries import RetryPolicy
from campaigns.store import histories, recipients, reports, rules
from campaigns.store.health import System, read_system
from campaigns.store.histories import CampaignRow
from campaigns.store.reports import AnswerCount, AttemptGroup, Counted, WaitingZone

_OVER = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED})
_ACTIVE = frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED})


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that campaigns' counts are told from, by campaign, as of `now`."""

    now: datetime
    system: System
    numbers: Mapping[int, Counted]
    last_minute: Mapping[int, int]
    shut: Mapping[int, Mapping[int, Shut]]
    zones: Sequence[WaitingZone]


def campaign_view(session: Session, campaign_id: int) -> CampaignView:
    """One campaign without counts; raises `NotFound`."""
    return _view(_row(session, campaign_id))


def list_campaigns(
    session: Session, before: int | None, limit: int, *, status: str | None = None
) -> list[CampaignView]:
    """Campaigns without counts, newest first, older than `before`."""
    return [_view(row) for row in histories.list_campaigns(session, before, limit, status=status)]


def campaign_with_counts(
    session: Session, campaign_id: int, now: datetime, around: Surroundings
) -> CampaignCounts:
    """One campaign with what is going on in it; raises `NotFound`."""
    return counted(session, [_row(session, campaign_id)], now, around)[0]


def campaign_report(
    session: Session, campaign_id: int, now: datetime, around: Surroundings
) -> CampaignReport:
    """Everything about one campaign; raises `NotFound`."""
    row = _row(session, campaign_id)
    facts = _facts(session, [row], now, reports.REPORT)
    counts = tell_counts(row, facts, around)
    numbers = facts.numbers[campaign_id]
    groups = numbers.attempt_groups()
    return CampaignReport(
        **{name: getattr(counts, name) for name in CampaignCounts.model_fields},
        as_of=now,
        reasons=numbers.reasons(),
        attempts=attempt_counts(groups),
        dispositions=dispositions_of(groups),
        hours=[HourCount.model_validate(hour) for hour in numbers.hours()],
        minutes=last_minutes(numbers, now),
        funnel=funnel(numbers, row.flow),
    )


def counted(
    session: Session, rows: Sequence[CampaignRow], now: datetime, around: Surroundings
) -> list[CampaignCounts]:
    """Campaigns with their counts: five queries, however many campaigns and people there are."""
    facts = _facts(session, rows, now, reports.COUNTS)
    return [tell_counts(row, facts, around) for row in rows]


def _facts(
    session: Session, rows: Sequence[CampaignRow], now: datetime, tallies: Sequence[str]
) -> Facts:
    ids = [row.id for row in rows]
    numbers = reports.counted(session, ids, tallies)
    shut = shut_of(
        rows, numbers, recipients.places_by_key(session), rules.current_rulebook(session), now
    )
    return Facts(
        now=now,
        system=read_system(session, now),
        numbers=numbers,
        last_minute=reports.calls_in_last_minute(session, ids, now),
        shut=shut,
        zones=reports.waiting_recipients(session, ids, now, opening(shut)),
    )


def shut_of(
    rows: Sequence[CampaignRow],
    numbers: Mapping[int, Counted],
    places: Mapping[int, Place],
    book: Rulebook,
    now: datetime,
) -> dict[int, dict[int, Shut]]:
    """Per campaign, the zone keys of its people under which nobody may be called at `now`."""
    return {row.id: shut_keys(row, numbers[row.id].zone_keys(), places, book, now) for row in rows}


def opening(shut: Mapping[int, Mapping[int, Shut]]) -> dict[int, dict[int, datetime | None]]:
    """The same with nothing but when each opens."""
    return {one: {key: at.opens_at for key, at in keys.items()} for one, keys in shut.items()}


def tell_counts(row: CampaignRow, facts: Facts, around: Surroundings) -> CampaignCounts:
    """One campaign's counts from what is known. Pure."""
    numbers, now = facts.numbers[row.id], facts.now
    people = _recipients(numbers.people_by_status())
    retrying = numbers.called_before("pending")
    here = around.installation(facts.system, now)
    held = why_held(row, here, facts.system.backoffs.get(row.account), now)
    zones = [zone for zone in facts.zones if zone.campaign_id == row.id]
    wait = Waiting(sentence="Nobody is waiting.")
    if people.pending:
        wait = waiting(zones, facts.shut[row.id], now, held)
        if row.status != CampaignStatus.RUNNING:
            told = not_running(row, people.pending, retrying)
            wait = wait.model_copy(update={"sentence": told})
    groups = numbers.attempt_groups()
    live = numbers.live_calls()
    calls = _calls(groups)
    return CampaignCounts(
        campaign=_view(row),
        sentence=_sentence(row, people, wait, sum(live.values()), held),
        recipients=people,
        waiting=wait,
        retrying=retrying,
        live_calls=live,
        calls_last_minute=facts.last_minute.get(row.id, 0),
        calls_per_minute_cap=60.0 * cps_now(row, now),
        slower=why_slower(row, now) if row.status == CampaignStatus.RUNNING else "",
        share=row.share,
        calls=calls,
        answer_rate=sum(group.answered for group in groups) / calls if calls else None,
        window=next_window(zones, facts.shut[row.id], now),
        problems=_problems(row, people, groups, held),
        answers=_answers(numbers.answers()),
    )


def _calls(groups: Sequence[AttemptGroup]) -> int:
    none = (AttemptStatus.QUEUED, AttemptStatus.CANCELLED)
    return sum(group.attempts for group in groups if group.status not in none)


def _problems(
    row: CampaignRow, people: RecipientCounts, groups: Sequence[AttemptGroup], held: str | None
) -> list[str]:
    if row.status not in _ACTIVE:
        return []
    found = []
    if held is not None and row.status == CampaignStatus.RUNNING:
        found.append(words.sentence(held))
    if row.status == CampaignStatus.PAUSED and row.status_reason not in (None, "paused"):
        found.append(words.sentence(row.status_reason or ""))
    if row.late_risk is not None:
        found.append(words.sentence(row.late_risk))
    if in_doubt := sum(group.in_doubt for group in groups):
        are = "is" if in_doubt == 1 else "are"
        found.append(f"{words.calls(in_doubt)} {are} in doubt.")
    if people.review:
        need = "needs" if people.review == 1 else "need"
        found.append(f"{words.people(people.review)} {need} a decision.")
    return found


def _row(session: Session, campaign_id: int) -> CampaignRow:
    row = histories.find_campaign(session, campaign_id)
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return row


def _view(row: CampaignRow) -> CampaignView:
    values = {n: getattr(row, n) for n in CampaignView.model_fields if n != "voice_type"}
    policy = RetryPolicy.parse(row.retry_policy).serialise()
    hours = str(compliance.WeeklyWindows.parse(row.windows))
    ramp = pacing.ramp_of(row.ramp, live=row.live).serialise()
    values |= {"windows": hours, "retry_policy": policy, "ramp": ramp, "voice_type": row.voice}
    return CampaignView(**values)


def _recipients(statuses: dict[str, int]) -> RecipientCounts:
    return RecipientCounts(total=sum(statuses.values()), **statuses)


def _answers(keys: Sequence[AnswerCount]) -> Answers:
    every: Counter[str] = Counter({meaning.value: 0 for meaning in Meaning})
    latest = Counter(every)
    for key in keys:
        every[key.meaning] += key.presses
        latest[key.meaning] += key.latest
    return Answers(
        all=dict(every),
        latest=dict(latest),
        keys=[KeyCount.model_validate(key) for key in keys],
    )


def attempt_counts(groups: Sequence[AttemptGroup]) -> AttemptCounts:
    """Attempts in every way that they are counted in."""
    by_status = _counted(groups, "status", [status.value for status in AttemptStatus])
    live = [status.value for status in LIVE if status is not AttemptStatus.QUEUED]
    return AttemptCounts(
        total=sum(group.attempts for group in groups),
        by_status=by_status,
        cancelled_by_reason=_counted(groups, "cancel_reason"),
        spent=sum(group.spent for group in groups if group.status != AttemptStatus.QUEUED),
        live=sum(by_status[status] for status in live),
        in_doubt=sum(group.in_doubt for group in groups),
        ever_in_doubt=sum(group.ever_in_doubt for group in groups),
        refused=sum(group.refused for group in groups),
        rang=sum(group.rang for group in groups),
        answered=sum(group.answered for group in groups),
    )


def dispositions_of(groups: Sequence[AttemptGroup]) -> dict[str, int]:
    """How the calls ended; every ending appears."""
    return _counted(groups, "disposition", [one.value for one in Disposition])


def _counted(
    groups: Sequence[AttemptGroup], column: str, names: Sequence[str] = ()
) -> dict[str, int]:
    """Attempts by one column; the names that are given appear even when there are none."""
    counts = Counter(dict.fromkeys(names, 0))
    for group in groups:
        value = getattr(group, column)
        if value is not None:
            counts[value] += group.attempts
    return dict(counts)


def _sentence(
    row: CampaignRow,
    people: RecipientCounts,
    wait: Waiting,
    calls: int,
    held: str | None,
) -> str:
    """The status in words, with what a person would ask next."""
    if row.status == CampaignStatus.RUNNING:
        return _running(people, wait, calls, held)
    if row.status == CampaignStatus.DRAFT:
        if not people.total:
            return "Draft without recipients. Import some, then start it."
        return f"Draft with {words.people(people.total)}. Start it when you are ready."
    if row.status == CampaignStatus.SCHEDULED and row.starts_at is not None:
        return f"Scheduled. Starts {words.instant(row.starts_at)}."
    told = words.sentence(row.status_reason or row.status)
    if row.status in _OVER and row.finished_at is not None:
        told = words.sentence(f"{told.rstrip('.')}, {words.instant(row.finished_at)}")
    if calls:
        told += f" {words.calls(calls)} {'is' if calls == 1 else 'are'} still alive."
    return told


def _running(people: RecipientCounts, wait: Waiting, calls: int, held: str | None) -> str:
    if held is not None:
        return f"Running, but {held}."
    if not people.pending and not people.in_flight:
        return "Running. Nobody is left to call; it completes in a moment."
    if wait.hours == people.pending and wait.hours and not calls:
        return wait.sentence
    alive = f" with {words.calls(calls)} alive" if calls else ""
    return f"Running{alive}. {wait.sentence}"
