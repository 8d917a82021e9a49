"""A draft looked over: what would happen on its start, and what stands in the way of it."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.campaigning import campaign_by_id
from campaigns.drafting.editing import is_written
from campaigns.drafting.estimating import Estimate, ZoneGroup, estimate
from campaigns.errors import InvalidInput
from campaigns.flows.model import CallFlow
from campaigns.lifecycle import RecipientStatus
from campaigns.models import Account, CallerId, Campaign, Flow
from campaigns.store import campaigns as campaign_rows
from campaigns.store import drafts, imports, recipients, rules
from campaigns.store.tallies import read_tallies

RECIPIENTS, MESSAGE, WHEN, PACE = "recipients", "message", "when", "pace"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know before the start, and the step in which it is put right."""

    sentence: str
    step: str


@dataclass(frozen=True, slots=True)
class People:
    """The people of a draft, by what becomes of them."""

    to_call: int = 0
    opted_out: int = 0
    too_late: int = 0
    to_review: int = 0
    recently_called: int = 0

    @property
    def total(self) -> int:
        """Everybody who was imported."""
        return self.to_call + self.opted_out + self.too_late + self.to_review


@dataclass(frozen=True, slots=True)
class Review:
    """What would happen on a start at this moment. `problems` keep it from starting."""

    people: People
    account: str
    live: bool
    caller_id: str
    starts_at: datetime | None
    estimate: Estimate
    zones: list[tuple[str, ...]]
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def review(
    session: Session, campaign_id: int, now: datetime, *, live_allowed: bool = False
) -> Review:
    """Look a campaign over; raises `NotFound`. `live_allowed`: this installation dials for real."""
    campaign = campaign_by_id(session, campaign_id)
    account = session.get_one(Account, campaign.account_id)
    people = people_of(session, campaign)
    groups = zone_groups(session, campaign, now)
    expected = expected_of(campaign, account, groups, now, campaign.max_cps)
    problems = [
        *_about_people(session, campaign, people),
        *_about_texts(session, campaign),
        *_about_times(campaign, expected, people, now),
        *_about_account(account, live_allowed=live_allowed),
    ]
    return Review(
        people=people,
        account=account.name,
        live=account.live,
        caller_id=session.get_one(CallerId, campaign.caller_id_id).number,
        starts_at=campaign.starts_at,
        estimate=expected,
        zones=[group.hours.zones for group in groups],
        problems=problems,
        warnings=_warnings(session, campaign, people),
    )


def people_of(session: Session, campaign: Campaign) -> People:
    """How many people a draft has, counted as they were imported."""
    counts: dict[str, int] = {}
    for one in read_tallies(session, [campaign.id], ["recipients"]):
        counts[one.key[0]] = counts.get(one.key[0], 0) + one.n
    return People(
        to_call=counts.get(RecipientStatus.PENDING, 0),
        opted_out=counts.get(RecipientStatus.BLOCKED, 0),
        too_late=counts.get(RecipientStatus.EXPIRED, 0),
        to_review=counts.get(RecipientStatus.REVIEW, 0),
        recently_called=drafts.count_recently_called(session, campaign.id),
    )


def zone_groups(
    session: Session,
    campaign: Campaign,
    now: datetime,
    windows: compliance.WeeklyWindows | None = None,
) -> list[ZoneGroup]:
    """Who waits, by the hours that bind for them; `windows` instead of the campaign's own."""
    places = recipients.places_by_key(session)
    book = rules.current_rulebook(session)
    people: dict[int, int] = {}
    for one in read_tallies(session, [campaign.id], ["zones"]):
        people[int(one.key[0])] = people.get(int(one.key[0]), 0) + one.n
    first = drafts.first_due(session, campaign.id, sorted(people))
    return [
        ZoneGroup(
            compliance.hours_for(book, campaign, places[key], windows),
            count,
            first.get(key, now),
        )
        for key, count in people.items()
        if key in places and count > 0
    ]


def rules_of_most(session: Session, campaign: Campaign, at: datetime) -> compliance.WeeklyWindows:
    """The hours that the rules alone allow where most of the campaign's people are.

    Where nobody is there yet, those that hold where no rules of a country are known.
    """
    people: dict[int, int] = {}
    for one in read_tallies(session, [campaign.id], ["zones"]):
        people[int(one.key[0])] = people.get(int(one.key[0]), 0) + one.n
    places = recipients.places_by_key(session)
    known = [key for key in people if key in places and places[key].known]
    most = max(known, key=lambda key: people[key], default=None)
    place = compliance.ANYWHERE_ELSE if most is None else places[most]
    book = rules.current_rulebook(session)
    return compliance.narrowed(compliance.applied_to(book, campaign, place, at).windows)


def expected_of(
    campaign: Campaign,
    account: Account,
    groups: list[ZoneGroup],
    now: datetime,
    max_cps: float | None,
) -> Estimate:
    """How long the first round would take if the campaign were started now at this pace."""
    start = max(now, campaign.starts_at) if campaign.starts_at else now
    return estimate(
        groups,
        start=start,
        cps=min(max_cps or account.cps, account.cps),
        max_concurrent=account.max_concurrent,
    )


def _about_people(session: Session, campaign: Campaign, people: People) -> list[Finding]:
    open_files = [
        row
        for row in imports.list_imports(session, None, 50, campaign.id)
        if row.status in ("waiting", "running")
    ]
    if open_files:
        return [Finding(f"“{open_files[0].file_name}” is still being imported.", RECIPIENTS)]
    if not people.total:
        return [Finding("There is nobody to call yet. Import a list.", RECIPIENTS)]
    if not people.to_call:
        told = "Nobody of those imported can be called: they opted out, came too late, or need"
        return [Finding(f"{told} a time zone.", RECIPIENTS)]
    return []


def _about_texts(session: Session, campaign: Campaign) -> list[Finding]:
    if not is_written(campaign):
        return [Finding("It is not written yet what people hear.", MESSAGE)]
    flow = CallFlow.from_json(session.get_one(Flow, campaign.flow_id).definition)
    computed = ["appointment"] if campaign.kind == "reminder" else []
    for columns in campaign_rows.columns_of_imports(session, campaign.id):
        try:
            flow.check_columns([*columns, *computed])
        except InvalidInput as problem:
            return [Finding(str(problem), MESSAGE)]
    return []


def _about_times(
    campaign: Campaign, expected: Estimate, people: People, now: datetime
) -> list[Finding]:
    if campaign.ends_at is not None and campaign.ends_at <= now:
        return [Finding("The end lies in the past.", WHEN)]
    if not people.to_call:
        return []
    if expected.first_at is None:
        told = "Nobody can be called at these hours within the next two weeks"
        return [Finding(f"{told}: they do not meet the hours that the rules allow.", WHEN)]
    if campaign.ends_at is not None and expected.first_at >= campaign.ends_at:
        return [Finding("The campaign would end before anybody may be called.", WHEN)]
    return []


def _about_account(account: Account, *, live_allowed: bool) -> list[Finding]:
    found = []
    if account.status != "active":
        why = f": {account.status_reason}" if account.status_reason else ""
        found.append(Finding(f"The account “{account.name}” is {account.status}{why}.", PACE))
    if account.live and not live_allowed:
        told = "This installation places no real calls: OUTDIAL_LIVE_DIALLING is off"
        found.append(Finding(f"{told}.", PACE))
    return found


def _warnings(session: Session, campaign: Campaign, people: People) -> list[Finding]:
    found = []
    if people.recently_called:
        told = f"{_people(people.recently_called)} of these lists had been called in the"
        found.append(Finding(f"{told} 7 days before the import.", RECIPIENTS))
    for count, told in (
        (people.opted_out, "opted out and will not be called"),
        (people.too_late, "came too late for a reminder and will not be called"),
        (people.to_review, "will not be called before somebody gives their time zone"),
    ):
        if count:
            found.append(Finding(f"{_people(count)} {told}.", RECIPIENTS))
    waiting = [
        row.file_name
        for row in imports.list_imports(session, None, 50, campaign.id)
        if row.status == "uploaded"
    ]
    if waiting:
        told = f"“{waiting[0]}” was uploaded but not imported"
        found.append(Finding(f"{told}; nobody in it will be called.", RECIPIENTS))
    return found


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"
