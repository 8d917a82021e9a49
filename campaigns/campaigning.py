"""The life of a campaign: created, started, paused, resumed, stopped, completed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import compliance, gates, pacing, phrases
from campaigns.access import SYSTEM, Actor
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.model import CallFlow
from campaigns.lifecycle import CampaignStatus, check_campaign_transition
from campaigns.models import Account, CallerId, Campaign, Flow
from campaigns.retries import RetryPolicy
from campaigns.stopping import halt_campaign
from campaigns.store import audio, caller_ids, dispatch, gate, rules
from campaigns.store import campaigns as campaign_rows


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What is needed to create a campaign. Times are aware; `windows` as `WeeklyWindows.parse`."""

    name: str
    kind: str
    account: str
    flow: CallFlow
    caller_id: str | None = None
    more_caller_ids: Sequence[str] = ()  # further numbers to show, beside that one
    local_presence: bool = False
    rule_set: str | None = None
    purpose: str | None = None
    voice: str = "recorded"
    subject: str | None = None
    windows: object = "always"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_cps: float | None = None
    weight: float = 1.0
    ramp: Mapping[str, Any] | None = None  # as `Ramp.parse`; None: as the account's kind has it
    ring_timeout: int = 30
    retry_policy: Mapping[str, Any] = field(default_factory=dict)
    caps: Sequence[Any] = ()  # its own, as `gates.caps_as_kept` takes them
    reminder: Mapping[str, Any] | None = None
    household: str = "wait"
    default_country: str = "US"
    draft: Mapping[str, Any] | None = None


def create_campaign(session: Session, new: NewCampaign) -> Campaign:
    """Create a draft. Raises `InvalidInput`, `NotAllowed` or `NotFound`; then nothing exists."""
    columns = _columns(session, new)
    pool = _further_ids(session, new, columns["caller_id_id"])
    flow = store_flow(session, new.name.strip(), new.flow)
    campaign = Campaign(kind=new.kind, flow_id=flow.id, **columns)
    session.add(campaign)
    session.flush()
    caller_ids.set_pool(session, campaign.id, pool)
    session.refresh(campaign)
    return campaign


def rewrite_draft(session: Session, campaign: Campaign, new: NewCampaign) -> None:
    """Let a draft, locked by the caller, be as `new` says; its kind and its people stay.

    Raises as `create_campaign` does; then nothing was changed.
    """
    columns = _columns(session, replace(new, kind=campaign.kind))
    pool = _further_ids(session, new, columns["caller_id_id"])
    _check_same_carrier(session, campaign, columns["account_id"])
    if session.get_one(Flow, campaign.flow_id).definition != new.flow.to_json():
        campaign.flow_id = store_flow(session, new.name.strip(), new.flow).id
    for column, value in columns.items():
        setattr(campaign, column, value)
    session.flush()
    caller_ids.set_pool(session, campaign.id, pool)


def _further_ids(session: Session, new: NewCampaign, first: int) -> list[int]:
    """The further caller ids to show, of the same account; the first one is not counted twice."""
    account = account_named(session, new.account)
    return sorted({_caller_id(session, account, one) for one in new.more_caller_ids} - {first})


def _check_same_carrier(session: Session, campaign: Campaign, account_id: int) -> None:
    """Raise `NotAllowed` when people read for practice would be called for real, or the reverse.

    What numbers are taken for depends on it: those reserved for fiction are let in for practice.
    """
    before = session.get_one(Account, campaign.account_id)
    after = session.get_one(Account, account_id)
    if before.live != after.live and campaign_rows.has_recipients(session, campaign.id):
        kinds = ("for practice", "for real calls")
        raise NotAllowed(
            f"The people of this draft were read {kinds[before.live]}, and {after.name} is "
            f"{kinds[after.live]}. Nothing was changed. Undo the imports first, or begin a new "
            "campaign."
        )


def _columns(session: Session, new: NewCampaign) -> dict[str, Any]:
    """What a campaign's row says, but for its kind and its flow."""
    if new.kind not in ("reminder", "announcement", "test"):
        raise InvalidInput(f"A campaign is a reminder or an announcement, not {new.kind!r}.")
    if (new.kind == "reminder") != (new.reminder is not None):
        raise InvalidInput("A reminder needs a reminder rule, and only a reminder has one.")
    if new.starts_at and new.ends_at and new.ends_at <= new.starts_at:
        raise InvalidInput("The campaign would end before it starts.")
    if not new.name.strip() or len(new.name) > 200:
        raise InvalidInput("A campaign needs a name of at most 200 characters.")
    account = account_named(session, new.account)
    rule_set = new.rule_set or (compliance.HOUSE if account.live else compliance.PRACTICE)
    compliance.check_account(rule_set, account.live)
    usual = compliance.Purpose.REMINDER if new.kind == "reminder" else "informational"
    return {
        "name": new.name.strip(),
        "account_id": account.id,
        "caller_id_id": _caller_id(session, account, new.caller_id),
        "rule_set": rule_set,
        "purpose": compliance.purpose_named(new.purpose or usual).value,
        "voice": compliance.voice_named(new.voice).value,
        "subject": _subject(new.subject),
        "windows": compliance.WeeklyWindows.parse(new.windows).serialise(),
        "starts_at": new.starts_at,
        "ends_at": new.ends_at,
        "local_presence": new.local_presence,
        "max_cps": new.max_cps,
        "weight": new.weight,
        "ramp": pacing.Ramp.parse(new.ramp).serialise() if new.ramp is not None else None,
        "ring_timeout": new.ring_timeout,
        "retry_policy": RetryPolicy.parse(dict(new.retry_policy)).serialise(),
        "caps": gates.caps_as_kept(new.caps),
        "reminder": dict(new.reminder) if new.reminder is not None else None,
        "household": _household(new.household),
        "default_country": new.default_country.upper(),
        "draft": dict(new.draft) if new.draft is not None else None,
    }


def _subject(value: str | None) -> str | None:
    subject = (value or "").strip()
    if len(subject) > 100:
        raise InvalidInput("A subject has at most 100 characters.")
    return subject or None


def _household(value: str) -> str:
    if value not in ("wait", "merge"):
        raise InvalidInput("People who share a number either wait for each other or are merged.")
    return value


def account_named(session: Session, name: str) -> Account:
    """The account called `name`; raises `NotFound` naming those there are."""
    account = session.scalars(select(Account).where(Account.name == name)).first()
    if account is None:
        names = ", ".join(session.scalars(select(Account.name).order_by(Account.name))) or "none"
        raise NotFound(f"There is no account called {name!r}. Accounts: {names}.")
    return account


def _caller_id(session: Session, account: Account, number: str | None) -> int:
    rows = session.scalars(
        select(CallerId).where(CallerId.account_id == account.id).order_by(CallerId.id)
    ).all()
    for row in rows:
        if number is None or row.number == number:
            return row.id
    known = ", ".join(row.number for row in rows)
    raise InvalidInput(f"{number} is no caller id of {account.name}. Caller ids: {known}.")


def store_flow(session: Session, name: str, flow: CallFlow) -> Flow:
    """Keep a call flow as a new, immutable version under `name`.

    Raises `InvalidInput` when it plays audio that is not there.
    """
    latest = session.scalar(select(func.max(Flow.version)).where(Flow.name == name)) or 0
    row = Flow(name=name, version=latest + 1, definition=flow.to_json())
    session.add(row)
    session.flush()
    _refuse_missing_audio(audio.note_audio_of_flow(session, row.id, flow.audio()))
    return row


def _refuse_missing_audio(missing: Collection[str]) -> None:
    if missing:
        named = ", ".join(sorted(sha256[:12] for sha256 in missing))
        raise InvalidInput(
            f"The call flow plays audio that is not there ({named}...). Nothing was changed. "
            "Upload it, or let the flow play something else."
        )


def campaign_by_id(session: Session, campaign_id: int, *, lock: bool = False) -> Campaign:
    """The campaign; raises `NotFound`."""
    # FOR NO KEY UPDATE: an import holds a key-share lock on the row for as long as it stores, and
    # a pause must not wait for that.
    mode = {"key_share": True} if lock else None
    campaign = session.get(Campaign, campaign_id, with_for_update=mode, populate_existing=True)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return campaign


def start_campaign(
    session: Session, campaign_id: int, now: datetime, *, by: Actor = SYSTEM
) -> Campaign:
    """Start a draft now, or at its start time when that lies ahead."""
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        check_campaign_transition(CampaignStatus(campaign.status), CampaignStatus.SCHEDULED)
    if not campaign_rows.has_recipients(session, campaign_id):
        raise NotAllowed("The campaign has no recipients. Import some, then start it.")
    _check_texts(session, campaign)
    if campaign.starts_at is not None and campaign.starts_at > now:
        if campaign.status == CampaignStatus.DRAFT:
            _schedule(session, campaign, now, by)
        return campaign
    _run(session, campaign, now, "started", by)
    return campaign


def _schedule(session: Session, campaign: Campaign, now: datetime, by: Actor) -> None:
    assert campaign.starts_at is not None, "asked by the caller"
    why = f"it starts on {phrases.instant(campaign.starts_at)}"
    _change(session, campaign, CampaignStatus.SCHEDULED, now, "scheduled", by, why=why)


def _check_texts(session: Session, campaign: Campaign) -> None:
    """Raise when the texts are not written, name a column that a list lacks, or audio is gone."""
    if campaign.draft is not None and not campaign.draft.get("written", True):
        raise NotAllowed("It is not written yet what people hear. Write it, then start.")
    flow = session.get_one(Flow, campaign.flow_id)
    played = CallFlow.from_json(flow.definition).audio()
    _refuse_missing_audio(set(played) - audio.audio_of_flow(session, flow.id) if played else ())
    computed = ["appointment"] if campaign.kind == "reminder" else []
    for columns in campaign_rows.columns_of_imports(session, campaign.id):
        CallFlow.from_json(flow.definition).check_columns([*columns, *computed])


def resume_campaign(
    session: Session, campaign_id: int, now: datetime, *, by: Actor = SYSTEM
) -> Campaign:
    """Run a paused campaign again; it joins the others without arrears, so without a burst."""
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.status != CampaignStatus.PAUSED:
        raise_illegal = CampaignStatus(campaign.status)
        check_campaign_transition(raise_illegal, CampaignStatus.RUNNING)
        raise NotAllowed(f"The campaign is {campaign.status}, not paused. Start it instead.")
    _run(session, campaign, now, "resumed", by)
    return campaign


def _run(session: Session, campaign: Campaign, now: datetime, word: str, by: Actor) -> None:
    if campaign.ends_at is not None and campaign.ends_at <= now:
        raise NotAllowed("The campaign's end lies in the past. Give it a later end first.")
    ring_long_enough(session, campaign, now)
    running = campaign_rows.running_vtimes(session, campaign.account_id)
    campaign.vtime = pacing.rejoin_vtime(campaign.vtime, running)
    campaign.ramp_since = campaign.judged_from = now
    campaign.paused_itself = False
    campaign.started_at = campaign.started_at or now
    _change(session, campaign, CampaignStatus.RUNNING, now, word, by)
    _tell_growth(session, campaign, now)


def _tell_growth(session: Session, campaign: Campaign, now: datetime) -> None:
    """Say that it begins at a part of its pace, where it does."""
    live = session.get_one(Account, campaign.account_id).live
    ramp = pacing.ramp_of(campaign.ramp, live=live)
    if ramp.seconds <= 0 or ramp.start >= 1:
        return
    told = (
        f"It begins with {ramp.start:.0%} of its pace, and has all of it after "
        f"{phrases.length(ramp.seconds)}."
    )
    dispatch.write_log(session, told, now, campaign_id=campaign.id)


def ring_long_enough(session: Session, campaign: Campaign, now: datetime) -> None:
    """Let calls ring for as long as the campaign's rules ask for at least, and say so."""
    least = rules.current_rulebook(session).min_ring_seconds(
        campaign.rule_set,
        compliance.purpose_named(campaign.purpose),
        compliance.voice_named(campaign.voice),
    )
    if campaign.ring_timeout >= least:
        return
    told = (
        f"Calls ring for {least} seconds instead of {campaign.ring_timeout}: the calling rules "
        f"“{campaign.rule_set}” ask for as much."
    )
    campaign.ring_timeout = least
    dispatch.write_log(session, told, now, campaign_id=campaign.id)


def pause_campaign(
    session: Session,
    campaign_id: int,
    now: datetime,
    why: str,
    *,
    by: Actor = SYSTEM,
    by_itself: bool = False,
) -> list[int]:
    """Pause: when this commits, nothing is queued and nothing new is claimed.

    Returns the calls to be recalled: those accepted that do not ring yet. What rings may ring.
    With `by_itself` no person asked for it, and a mail goes out with this transaction.
    """
    gate.close_gate(session)
    campaign = campaign_by_id(session, campaign_id, lock=True)
    campaign.paused_itself = by_itself
    _change(session, campaign, CampaignStatus.PAUSED, now, "paused", by, why=why)
    campaign.paused_at = now
    return halt_campaign(session, campaign_id, "paused", now, ringing_too=False)


def stop_campaign(
    session: Session, campaign_id: int, now: datetime, why: str, *, by: Actor = SYSTEM
) -> list[int]:
    """Stop for good; every call that nobody has answered is taken back."""
    gate.close_gate(session)
    campaign = campaign_by_id(session, campaign_id, lock=True)
    _change(session, campaign, CampaignStatus.STOPPED, now, "stopped", by, why=why)
    campaign.finished_at = now
    return halt_campaign(session, campaign_id, "stopped", now, ringing_too=True)


def _change(
    session: Session,
    campaign: Campaign,
    status: CampaignStatus,
    now: datetime,
    word: str,
    by: Actor,
    *,
    why: str = "",
) -> None:
    check_campaign_transition(CampaignStatus(campaign.status), status)
    who = f" by {by.by}" if by is not SYSTEM else ""
    reason = f": {why}" if why else ""
    how = f"{word}{who}{reason}"
    campaign.status, campaign.status_reason = status.value, how
    dispatch.write_log(session, f"The campaign was {how}.", now, campaign_id=campaign.id)
    session.flush()


def start_scheduled_campaigns(session: Session, now: datetime) -> int:
    """Start what is scheduled and due; returns how many."""
    started = 0
    for campaign_id in campaign_rows.campaigns_to_start(session, now):
        campaign = campaign_by_id(session, campaign_id, lock=True)
        if campaign.status == CampaignStatus.SCHEDULED:  # nobody paused it at this moment
            _run(session, campaign, now, "started on schedule", SYSTEM)
            started += 1
    return started


def stop_ended_campaigns(session: Session, now: datetime) -> list[int]:
    """Stop what runs past its end; returns the calls to be recalled."""
    if not campaign_rows.campaigns_past_their_end(session, now):
        return []
    gate.close_gate(session)  # asked again behind it: somebody may have stopped one of them
    recalled: list[int] = []
    for campaign_id in campaign_rows.campaigns_past_their_end(session, now):
        recalled += stop_campaign(session, campaign_id, now, "its end has come")
    return recalled


def complete_drained_campaigns(session: Session, now: datetime) -> int:
    """Complete running campaigns in which nobody waits and nobody is on the phone."""
    drained = campaign_rows.drained_campaigns(session)
    for campaign_id in drained:
        campaign = campaign_by_id(session, campaign_id, lock=True)
        if campaign.status != CampaignStatus.RUNNING or not campaign_rows.is_drained(
            session, campaign_id
        ):
            continue
        campaign.finished_at = now
        _change(session, campaign, CampaignStatus.COMPLETED, now, "completed", SYSTEM)
    return len(drained)
