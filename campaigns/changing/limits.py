"""How fast, at which hours and until when a campaign calls, changed while it runs.

The tick reads these values anew each time, so a change holds from the next one on; what it has
queued before, at most its look-ahead, is put back where that could be too much.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns import auditing, compliance, phrases
from campaigns.access import Actor
from campaigns.campaigning import campaign_by_id
from campaigns.compliance import Place, PostalAddress
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.instants import GivenInstant
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Account, Campaign
from campaigns.outcomes import release_cancelled
from campaigns.pacing import Ramp
from campaigns.store import attempts, changes, dispatch, gate, rules
from campaigns.store.changes import ClaimedCall

CHANGEABLE = frozenset({CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.PAUSED})


class PaceChange(BaseModel):
    """How many calls a campaign may start; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"max_cps": 2}, {"weight": 3}]}
    )

    max_cps: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        None, description="Calls started per second, at most; null: as the account allows."
    )
    weight: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        None, description="Share of the account beside other running campaigns."
    )
    ramp: dict[str, float] | None = Field(
        None,
        description="How it grows to its pace after a start: from the part `start`, in `seconds`; "
        "null: gently with real people, at once on simulators. It counts from the last start.",
        examples=[{"start": 0.2, "seconds": 600}],
    )


class HoursChange(BaseModel):
    """When a campaign may call; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"windows": "mon-fri 09:00-17:30", "ends_at": "2026-12-18T17:00:00Z"}]
        },
    )

    windows: str | dict[str, Any] | None = Field(
        None,
        description="Calling hours in the recipients' own local time, with their holidays, as when "
        "a campaign is created. They replace those there were.",
    )
    ends_at: GivenInstant | None = Field(
        None, description="ISO 8601 with offset; null: no end but that everybody was called."
    )


def change_pace(
    session: Session, campaign_id: int, change: PaceChange, actor: Actor, now: datetime
) -> Campaign:
    """Let a campaign call faster or slower, or with another share, from the next tick on.

    Raises `NotFound`, `NotAllowed` for a draft or a campaign that is over, and `InvalidInput` for
    more than its account allows or for nothing to change.
    """
    campaign = changeable_campaign(session, campaign_id)
    wanted = _wanted_pace(session, campaign, change)
    before = {name: getattr(campaign, name) for name in wanted}
    if before == wanted:
        return campaign
    for name, value in wanted.items():
        setattr(campaign, name, value)
    session.flush()
    told = [_pace_in_words(name, value) for name, value in wanted.items() if before[name] != value]
    sentence = f"{' and '.join(told)} by {actor.by}."
    dispatch.write_log(session, sentence, now, campaign_id=campaign_id)
    _record(session, campaign, actor, "campaign.change_pace", now, before, wanted)
    return campaign


def _wanted_pace(session: Session, campaign: Campaign, change: PaceChange) -> dict[str, Any]:
    given = change.model_fields_set
    account = session.get_one(Account, campaign.account_id)
    if not given or ("weight" in given and change.weight is None):
        raise InvalidInput("Say what is to be another pace, weight or ramp. Nothing was changed.")
    if change.max_cps is not None and change.max_cps > account.cps:
        raise InvalidInput(
            f"The account {account.name} allows {account.cps:g} calls per second at most. Nothing "
            "was changed."
        )
    wanted: dict[str, Any] = {name: getattr(change, name) for name in sorted(given)}
    if change.ramp is not None:
        wanted["ramp"] = Ramp.parse(change.ramp).serialise()
    return wanted


def _pace_in_words(name: str, value: Any) -> str:
    if name == "max_cps":
        pace = f"{value:g} calls per second" if value else "the account's own pace"
        return f"The pace was changed to {pace}"
    if name == "weight":
        return f"The weight beside other campaigns was changed to {value:g}"
    if value is None:
        return "The ramp after a start was changed to the usual one"
    if value["seconds"] == 0 or value["start"] == 1:
        return "The ramp after a start was taken away"
    return (
        f"The ramp after a start was changed to {value['start']:.0%} growing for "
        f"{value['seconds']:g} seconds"
    )


def change_hours(
    session: Session, campaign_id: int, change: HoursChange, actor: Actor, now: datetime
) -> list[int]:
    """Call at other hours, or until another day; returns the calls to be recalled after the commit.

    The new hours hold for everybody who is not called yet: what was queued under the old ones is
    due again under the new, and a call that does not ring yet is taken back where it is now
    outside of them. Whoever was put off until hours that no longer hold is not called earlier.
    Raises `NotFound`, `NotAllowed` and `InvalidInput`; then nothing was changed.
    """
    gate.close_gate(session)
    campaign = changeable_campaign(session, campaign_id)
    before = _hours_of(campaign)
    given = change.model_fields_set
    windows, end = campaign.windows, campaign.ends_at
    if "windows" in given and change.windows is not None:
        windows = _readable(session, campaign, change.windows, now)
    if "ends_at" in given and change.ends_at != end:
        end = _checked_end(campaign, change.ends_at, now)
    campaign.windows, campaign.ends_at = windows, end
    after = _hours_of(campaign)
    if after == before:
        return []
    session.flush()
    recalled = []
    if before["windows"] != after["windows"]:
        recalled = _hold_new_hours(session, campaign, now)
    dispatch.write_log(session, _sentence(before, after, actor), now, campaign_id=campaign_id)
    _record(session, campaign, actor, "campaign.change_hours", now, before, after)
    return recalled


def _hold_new_hours(session: Session, campaign: Campaign, now: datetime) -> list[int]:
    """Put back what is queued, and find the calls that may not ring any more."""
    queued = attempts.cancel_queued_attempts_of(
        session, now, "window_closed", campaign_id=campaign.id
    )
    book = rules.current_rulebook(session)
    shut = [
        call.attempt_id
        for call in changes.calls_not_ringing(session, campaign.id)
        if not compliance.hours_for(book, campaign, _place_of(call)).allowed(now)
    ]
    changes.request_recall(session, shut, "hours changed", now)
    release_cancelled(session, queued, now)
    return shut


def _place_of(call: ClaimedCall) -> Place:
    address = PostalAddress.from_json(call.address)
    return compliance.place_of(call.number, zone=call.zone, address=address)


def changeable_campaign(session: Session, campaign_id: int) -> Campaign:
    """A campaign that runs or is to run, locked; raises `NotFound` and `NotAllowed`."""
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.status == CampaignStatus.DRAFT:
        raise NotAllowed("The campaign is a draft. Nothing was changed. Edit the draft instead.")
    if campaign.status not in CHANGEABLE:
        raise NotAllowed(
            f"The campaign is {campaign.status}. Nothing was changed. Clone it to call again."
        )
    return campaign


def _readable(
    session: Session, campaign: Campaign, windows: object, now: datetime
) -> dict[str, Any]:
    parsed = compliance.WeeklyWindows.parse(windows)
    hours = rules.current_rulebook(session).hours(
        campaign.rule_set,
        compliance.ANYWHERE_ELSE,
        compliance.purpose_named(campaign.purpose),
        compliance.voice_named(campaign.voice),
        parsed,
    )
    if hours.next_allowed(now) is None:
        raise InvalidInput(
            f"The calling rules “{campaign.rule_set}” allow no call at these hours. Nothing was "
            "changed. Choose hours that lie within the rules."
        )
    return parsed.serialise()


def _checked_end(campaign: Campaign, end: datetime | None, now: datetime) -> datetime | None:
    if end is not None and end <= now:
        raise InvalidInput(
            "The end must lie ahead. Nothing was changed. To end the campaign now, stop it."
        )
    if end is not None and campaign.starts_at is not None and end <= campaign.starts_at:
        raise InvalidInput("The campaign would end before it starts. Nothing was changed.")
    return end


def _hours_of(campaign: Campaign) -> dict[str, Any]:
    return {
        "windows": str(compliance.WeeklyWindows.parse(campaign.windows)),
        "ends_at": campaign.ends_at.isoformat() if campaign.ends_at is not None else None,
    }


def _sentence(before: dict[str, Any], after: dict[str, Any], actor: Actor) -> str:
    parts = []
    if before["windows"] != after["windows"]:
        parts.append(f"The calling hours were changed to {after['windows']}")
    if before["ends_at"] != after["ends_at"]:
        end = after["ends_at"]
        word = "The end was" if not parts else "the end was"
        at = f"changed to {phrases.instant(datetime.fromisoformat(end))}" if end else "removed"
        parts.append(f"{word} {at}")
    return f"{' and '.join(parts)} by {actor.by}."


def _record(
    session: Session,
    campaign: Campaign,
    actor: Actor,
    action: str,
    now: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    auditing.record(
        session, actor, action, f"campaign:{campaign.id}", now, before=before, after=after
    )
