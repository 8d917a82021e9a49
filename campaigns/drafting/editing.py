"""Drafts: begun with a name, changed step by step, thrown away. Nothing else is changed here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing, phrases
from campaigns.access import Actor
from campaigns.campaigning import account_named, campaign_by_id, create_campaign, rewrite_draft
from campaigns.drafting.asking import RULE, CampaignDraft, CampaignEdit, without_old_rule
from campaigns.drafting.wording import Wording, flow_without_texts
from campaigns.errors import NotAllowed
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Account, CallerId, Campaign, Flow
from campaigns.reminders import ReminderRule
from campaigns.store import caller_ids, dispatch, drafts
from campaigns.store.imports import allow_long_work
from campaigns.store.recurrences import find_live_recurrence_of

_TEXTS = frozenset(Wording.model_fields)


def begin_draft(
    session: Session, name: str, kind: str, account: str, default_country: str = "US"
) -> Campaign:
    """A draft with defaults, whose texts are still to be written; it cannot be started before.

    Raises `InvalidInput`, `NotAllowed` or `NotFound`; then nothing exists.
    """
    asked = CampaignDraft.read(
        {
            "name": name,
            "kind": kind,
            "account": account,
            # Practice shall not have to wait for Monday; real people are called at decent hours.
            "windows": "mon-fri 09:00-18:00" if account_named(session, account).live else "always",
            "default_country": default_country,
        }
    )
    new = asked.as_new_campaign(written=False, flow=flow_without_texts(asked.kind))
    return create_campaign(session, new)


def settings_of(session: Session, campaign: Campaign) -> dict[str, Any]:
    """A campaign as it was asked for: what `CampaignDraft` takes, texts or a whole flow in it."""
    reminder = campaign.reminder or {}
    return {
        "name": campaign.name,
        "kind": campaign.kind,
        "account": session.get_one(Account, campaign.account_id).name,
        "caller_id": session.get_one(CallerId, campaign.caller_id_id).number,
        "more_caller_ids": caller_ids.numbers_of_campaign(session, campaign.id)[1:],
        "local_presence": campaign.local_presence,
        **_texts_of(session, campaign),
        **{name: reminder.get(name) for name in RULE},
        "date_format": reminder.get("date_format"),
        "windows": {day: spans for day, spans in campaign.windows.items() if day != "holidays"},
        "holidays": campaign.windows.get("holidays"),
        "rule_set": campaign.rule_set,
        "purpose": campaign.purpose,
        "voice_type": campaign.voice,
        "subject": campaign.subject,
        "starts_at": campaign.starts_at,
        "ends_at": campaign.ends_at,
        "max_cps": campaign.max_cps,
        "weight": campaign.weight,
        "ramp": campaign.ramp,
        "ring_timeout": campaign.ring_timeout,
        "retry_policy": campaign.retry_policy,
        "caps": campaign.caps,
        "household": campaign.household,
        "default_country": campaign.default_country,
    }


def is_written(campaign: Campaign) -> bool:
    """Whether it is known what people hear."""
    return bool((campaign.draft or {}).get("written", True))


def edit_draft(
    session: Session,
    campaign_id: int,
    edit: CampaignEdit,
    actor: Actor,
    now: datetime,
    *,
    seen: str | None = None,
) -> Campaign:
    """Change what `edit` names and leave the rest; `seen` is the step a person has been through.

    Raises `NotAllowed` for a campaign that is no draft any more, and `InvalidInput` for what does
    not go together; then nothing was changed.
    """
    campaign = _locked_draft(session, campaign_id)
    before = settings_of(session, campaign)
    changes = edit.changes()
    values = _merged(session, before, changes)
    asked = CampaignDraft.read(values)
    written = is_written(campaign) or bool(_TEXTS & set(changes))
    flow = None if written else flow_without_texts(campaign.kind)
    rule = dict(campaign.reminder or {})
    steps = sorted({*_seen_of(campaign), *([seen] if seen else [])})
    rewrite_draft(session, campaign, asked.as_new_campaign(written=written, flow=flow))
    campaign.draft = {"wording": asked.kept(), "written": written, "seen": steps}
    if campaign.kind == "reminder":
        _plan_anew(session, campaign, rule, now)
    session.flush()
    after = settings_of(session, campaign)
    if _plain(before) != _plain(after):
        auditing.record(
            session,
            actor,
            "campaign.edit",
            f"campaign:{campaign.id}",
            now,
            before=_plain(before),
            after=_plain(after),
        )
        names = sorted({*before, *after})
        what = [name for name in names if before.get(name) != after.get(name)]
        told = f"{actor.subject} changed the draft: {phrases.listed(_in_words(what))}."
        dispatch.write_log(session, told, now, campaign_id=campaign.id)
    return campaign


def delete_draft(session: Session, campaign_id: int, actor: Actor, now: datetime) -> list[str]:
    """Throw a draft away with all that was imported into it.

    Returns where its files are kept, below the data directory, for the edge to delete. Raises
    `NotAllowed` for a campaign that was ever started: its history stays.
    """
    campaign = _locked_draft(session, campaign_id)
    if find_live_recurrence_of(session, campaign_id) is not None:
        raise NotAllowed(
            f"“{campaign.name}” recurs: campaigns are made from it. It was not deleted. "
            "End the recurrence first."
        )
    before = _plain(settings_of(session, campaign))
    allow_long_work(session)
    files = drafts.delete_campaign(session, campaign_id)
    session.expunge(campaign)
    auditing.record(
        session, actor, "campaign.delete", f"campaign:{campaign_id}", now, before=before
    )
    dispatch.write_log(session, f"{actor.subject} deleted the draft “{before['name']}”.", now)
    return files


def seen_steps(campaign: Campaign) -> frozenset[str]:
    """The steps that somebody has been through."""
    return frozenset(_seen_of(campaign))


def _locked_draft(session: Session, campaign_id: int) -> Campaign:
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.status != CampaignStatus.DRAFT:
        raise NotAllowed(
            f"“{campaign.name}” is {campaign.status} and no draft any more. Nothing was changed. "
            "What can be changed now is on its page."
        )
    return campaign


def _texts_of(session: Session, campaign: Campaign) -> dict[str, Any]:
    kept = (campaign.draft or {}).get("wording")
    if kept is not None:
        return dict(kept)
    if not is_written(campaign):
        return {}
    return {"flow": session.get_one(Flow, campaign.flow_id).definition}


def _merged(
    session: Session, before: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    values = {**without_old_rule(before, changes), **changes}
    if _TEXTS & set(changes):
        if changes.get("flow") is not None:  # in place of all texts
            values = {key: value for key, value in values.items() if key not in _TEXTS}
            values |= {key: value for key, value in changes.items() if key in _TEXTS}
        elif "flow" not in changes:
            values.pop("flow", None)
    if values["account"] != before["account"]:
        # Another account has other numbers, and may need other rules.
        values["caller_id"] = changes.get("caller_id")
        values["more_caller_ids"] = changes.get("more_caller_ids", [])
        values["rule_set"] = changes.get("rule_set")
    return values


def _seen_of(campaign: Campaign) -> list[str]:
    return list((campaign.draft or {}).get("seen", []))


def _plan_anew(
    session: Session, campaign: Campaign, old_rule: Mapping[str, Any], now: datetime
) -> None:
    """Whoever was imported by another rule is due at another time."""
    before, after = ReminderRule.parse(old_rule), ReminderRule.parse(campaign.reminder or {})
    if before.stages != after.stages:
        allow_long_work(session)
        session.flush()
        drafts.replan_reminders(session, campaign.id, now)


def _in_words(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in values.items()
    }
