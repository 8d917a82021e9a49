"""One campaign: its counts, its status in a sentence, its full report."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.errors import NotFound
from campaigns.flows.model import Meaning
from campaigns.lifecycle import LIVE, AttemptStatus, CampaignStatus, Disposition
from campaigns.reporting import words
from campaigns.reporting.health import Surroundings
from campaigns.reporting.held import backing_off, why_held
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
from campaigns.reporting.waiting import not_running, waiting
from campaigns.store import histories, reports
from campaigns.store.histories import CampaignRow
from campaigns.store.reports import AnswerCount, AttemptGroup

_OVER = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED})


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
    counts = campaign_with_counts(session, campaign_id, now, around)
    groups = reports.attempt_groups(session, campaign_id)
    return CampaignReport(
        **{name: getattr(counts, name) for name in CampaignCounts.model_fields},
        as_of=now,
        reasons=reports.reasons_of_recipients(session, campaign_id),
        attempts=_attempts(groups),
        dispositions=_counted(groups, "disposition", [one.value for one in Disposition]),
        hours=[
            HourCount.model_validate(hour)
            for hour in reports.attempts_per_hour(session, campaign_id)
        ],
    )


def counted(
    session: Session, rows: Sequence[CampaignRow], now: datetime, around: Surroundings
) -> list[CampaignCounts]:
    """Campaigns with their counts: a fixed number of queries, and two more per one that waits."""
    ids = [row.id for row in rows]
    statuses = reports.recipients_by_status(session, ids)
    live = reports.live_calls(session, ids)
    pressed = reports.answers(session, ids)
    per_minute = reports.calls_in_last_minute(session, ids, now)
    retrying = reports.retrying_recipients(session, ids)
    blocked = around.why_blocked(session, now)
    backoffs = backing_off(session, now)
    found = []
    for row in rows:
        people = _recipients(statuses[row.id])
        held = why_held(row, blocked, backoffs, now, live_allowed=around.live_allowed)
        wait = Waiting(sentence="Nobody is waiting.")
        if people.pending:
            wait = waiting(session, row.id, row.rule_set, row.windows, now, held)
            if row.status != CampaignStatus.RUNNING:
                told = not_running(row, people.pending, retrying.get(row.id, 0))
                wait = wait.model_copy(update={"sentence": told})
        calls = sum(live[row.id].values())
        found.append(
            CampaignCounts(
                campaign=_view(row),
                sentence=_sentence(row, people, wait, calls, held),
                recipients=people,
                waiting=wait,
                retrying=retrying.get(row.id, 0),
                live_calls=live[row.id],
                calls_last_minute=per_minute.get(row.id, 0),
                answers=_answers(pressed[row.id]),
            )
        )
    return found


def _row(session: Session, campaign_id: int) -> CampaignRow:
    row = histories.find_campaign(session, campaign_id)
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return row


def _view(row: CampaignRow) -> CampaignView:
    values = {name: getattr(row, name) for name in CampaignView.model_fields}
    return CampaignView(**{**values, "windows": str(compliance.WeeklyWindows.parse(row.windows))})


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


def _attempts(groups: Sequence[AttemptGroup]) -> AttemptCounts:
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
    )


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
