"""Step four: how fast, how long it rings, how often one tries, and after what."""

import json
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import gates
from campaigns.access import Permission
from campaigns.drafting import edit_draft
from campaigns.drafting.lengths import length_text, ramp_of_text, ramp_text, roughly, seconds_of
from campaigns.drafting.retrying import ENDINGS, PRESETS, policy_in_words, preset_of
from campaigns.drafting.review import expected_of, people_of, zone_groups
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Account, Campaign
from campaigns.pacing import Ramp
from campaigns.retries import RetryPolicy
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.rendering import render
from campaigns.web.pages.wizard.forms import (
    Entries,
    EntriesDep,
    edit_of,
    note_refusal,
    number,
)
from campaigns.web.pages.wizard.frame import (
    DraftDep,
    after_save,
    is_draft,
    show_step,
    to_its_page,
)

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/pace",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

_PLAIN = ("max_attempts", "max_per_day")
_BOXES = ("other_hour", "redial_unknown")
MACHINES = (
    ("reached", "counts as reached", "Nobody is called again"),
    ("message", "gets a message, once", "Then a person is called for, as long as attempts last"),
    ("again", "does not count", "The person is called again"),
)


@router.get("")
def show_pace(request: Request, campaign: DraftDep, session: SessionDep, now: NowDep) -> Response:
    """Pace and retries as they are kept."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    return _page(request, session, campaign, now, _values(campaign), Entries())


@router.post("")
def save_pace(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Keep them and go on."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    account = session.get_one(Account, campaign.account_id)
    asked = _asked(entries, account)
    edit = edit_of(entries, asked, {"max_cps": "pace"})
    if not entries.refused:
        try:
            edit_draft(session, campaign.id, edit, viewer.actor, now, seen="pace")
        except (InvalidInput, NotAllowed) as refusal:
            entries.trouble = str(refusal)
        else:
            return after_save(request, campaign, "pace", entries.text("do"))
    return _page(request, session, campaign, now, _typed(entries), entries, status=422)


@router.post("/estimate")
def show_estimate(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
) -> HTMLResponse:
    """How long it takes at the pace that is typed."""
    account = session.get_one(Account, campaign.account_id)
    cps = _cps(entries, account)
    told = _told(session, campaign, account, now, cps)
    return render(request, "wizard/estimate.html", campaign=campaign, told=told)


def _asked(entries: Entries, account: Account) -> dict[str, Any]:
    ring = number(entries, "ring_timeout", whole=True)
    weight = number(entries, "weight")
    asked: dict[str, Any] = {
        "max_cps": _cps(entries, account),
        "household": "merge" if entries.text("household") == "merge" else "wait",
        "retry_policy": _policy(entries),
    }
    if entries.has("caps"):
        asked["caps"] = _caps(entries)
    if entries.has("ramp"):
        asked["ramp"] = _ramp(entries)
    if ring is not None:
        asked["ring_timeout"] = int(ring)
    if weight is not None:
        asked["weight"] = weight
    return asked


def _caps(entries: Entries) -> list[dict[str, Any]]:
    """Its own caps as they are typed; problems are noted beside the field."""
    try:
        return gates.caps_as_kept(gates.caps_of_text(entries.text("caps")))
    except InvalidInput as problem:
        entries.refuse("caps", str(problem).rstrip("."))
        return []


def _cps(entries: Entries, account: Account) -> float | None:
    """Calls per second, at most; None: as the account."""
    pace = number(entries, "pace")
    if pace is None or entries.text("limit") != "own":
        if entries.text("limit") == "own":
            entries.refuse("pace", "say how many calls, or let the account decide")
        return None
    cps = pace / 60 if entries.text("unit") == "minute" else pace
    if cps <= 0:
        entries.refuse("pace", "this must be more than nothing")
        return None
    if cps > account.cps * 1.0001:
        entries.refuse("pace", f"the account allows at most {per_minute(account.cps)}")
    return cps


def _ramp(entries: Entries) -> dict[str, float] | None:
    """How it grows after a start; None: as usual."""
    text = entries.text("ramp")
    if not text:
        return None
    try:
        return ramp_of_text(text)
    except InvalidInput:
        entries.refuse("ramp", "write it like “20% 10m”, or “none”")
        return None


def _policy(entries: Entries) -> dict[str, Any]:
    preset = next((one for one in PRESETS if one.key == entries.text("preset")), None)
    if preset is not None:
        return preset.policy.serialise()
    asked = _own_policy(entries)
    if entries.errors:
        return asked
    try:
        return RetryPolicy.parse(asked).serialise()
    except InvalidInput as refusal:
        told = str(refusal)
        names = [name for name in (*_PLAIN, "per_number") if told.startswith(name)]
        kind = "most" if told.startswith("The limit") else "wait"
        names += [f"{kind}_{ending.value}" for ending, _ in ENDINGS if f" {ending} " in f" {told} "]
        note_refusal(entries, InvalidInput(_plain(told)), names)
        return asked


def _own_policy(entries: Entries) -> dict[str, Any]:
    """The policy that is typed, as far as it can be read."""
    waits, limits = {}, {}
    for ending, _ in ENDINGS:
        lengths = _lengths(entries, f"wait_{ending.value}")
        if lengths:
            waits[ending.value] = lengths
        limit = number(entries, f"most_{ending.value}", whole=True)
        if limit is not None:
            limits[ending.value] = int(limit)
    most = number(entries, "max_attempts", whole=True)
    daily = number(entries, "max_per_day", whole=True)
    return {
        "waits": waits,
        "limits": limits,
        "max_attempts": int(most) if most is not None else 3,
        "max_per_day": int(daily) if daily is not None else None,
        "per_number": _counts(entries, "per_number"),
        "machine_counts_as_reached": entries.text("machine") not in ("again", "message"),
        "message_then_person": entries.text("machine") == "message",
        "redial_unknown": entries.has("redial_unknown"),
        "other_hour": entries.has("other_hour"),
    }


def _counts(entries: Entries, name: str) -> list[int]:
    """Whole numbers as people type them, "3, 1"; problems are noted beside the field."""
    found = []
    for part in entries.text(name).replace(";", ",").split(","):
        if part.strip().isdecimal() and len(part.strip()) <= 3:
            found.append(int(part))
        elif part.strip():
            entries.refuse(name, 'write numbers of calls such as "3, 1"')
    return found


def _plain(told: str) -> str:
    for name in (*_PLAIN, "per_number"):
        told = told.replace(name, "this")
    return told


def _lengths(entries: Entries, name: str) -> list[int]:
    """Waits as people type them, "5m, 10m, 1h"; problems are noted beside the field."""
    found = []
    for part in entries.text(name).replace(";", ",").split(","):
        if not part.strip():
            continue
        try:
            found.append(round(seconds_of(part)))
        except ValueError:
            entries.refuse(name, 'write lengths such as "5m, 10m, 1h"')
    return found


def _values(campaign: Campaign) -> dict[str, Any]:
    policy = RetryPolicy.parse(campaign.retry_policy)
    cps = campaign.max_cps
    by_second = cps is not None and cps >= 1
    shown = None if cps is None else cps if by_second else cps * 60
    return {
        "limit": "account" if cps is None else "own",
        "pace": "" if shown is None else f"{round(shown, 3):g}",
        "unit": "second" if by_second else "minute",
        "ring_timeout": str(campaign.ring_timeout),
        "weight": f"{campaign.weight:g}",
        "ramp": ramp_text(Ramp.parse(campaign.ramp)) if campaign.ramp is not None else "",
        "household": campaign.household,
        "caps": gates.caps_as_typed(campaign.caps),
        "preset": preset_of(policy) or "own",
        **_policy_values(policy),
    }


def _policy_values(policy: RetryPolicy) -> dict[str, str]:
    waits = {
        f"wait_{ending.value}": ", ".join(map(length_text, policy.waits.get(ending, ())))
        for ending, _ in ENDINGS
    }
    limits = {f"most_{ending.value}": str(policy.limits.get(ending, "")) for ending, _ in ENDINGS}
    again = "reached" if policy.machine_counts_as_reached else "again"
    return {
        "max_attempts": str(policy.max_attempts),
        "max_per_day": str(policy.max_per_day or ""),
        "per_number": ", ".join(map(str, policy.per_number)),
        "machine": "message" if policy.message_then_person else again,
        "redial_unknown": "yes" if policy.redial_unknown else "",
        "other_hour": "yes" if policy.other_hour else "",
        **waits,
        **limits,
    }


def _typed(entries: Entries) -> dict[str, Any]:
    names = (
        *("limit", "pace", "unit", "ramp", "ring_timeout", "weight", "preset", "per_number"),
        *("machine", "household", "caps"),
        *(*_PLAIN, *_BOXES),
    )
    tables = [f"{kind}_{ending.value}" for kind in ("wait", "most") for ending, _ in ENDINGS]
    return {name: entries.values.get(name, "") for name in (*names, *tables)}


def _told(
    session: Session, campaign: Campaign, account: Account, now: datetime, cps: float | None
) -> dict[str, Any]:
    """The estimate in the words of the page."""
    groups = zone_groups(session, campaign, now)
    found = expected_of(campaign, account, groups, now, cps)
    people = sum(group.people for group in groups)
    return {
        "people": people,
        "rate": per_minute(found.rate),
        "by_lines": found.limited_by_lines,
        "lines": account.max_concurrent,
        "dialling": roughly(found.dialling.total_seconds()),
        "first_at": found.first_at,
        "last_at": found.last_at,
    }


def per_minute(cps: float) -> str:
    """A pace as people say it: "30 calls a minute", "5 calls a second"."""
    if cps >= 2:
        return f"{cps:,.4g} calls a second"
    count = round(cps * 60, 1)
    return f"{count:,.4g} {'call' if count == 1 else 'calls'} a minute"


def _page(
    request: Request,
    session: Session,
    campaign: Campaign,
    now: datetime,
    values: dict[str, Any],
    entries: Entries,
    *,
    status: int = 200,
) -> HTMLResponse:
    account = session.get_one(Account, campaign.account_id)
    cps = _cps(Entries(dict(entries.values)), account) if entries.values else campaign.max_cps
    return show_step(
        request,
        session,
        campaign,
        "pace",
        status=status,
        people=people_of(session, campaign),
        form=values,
        errors=entries.errors,
        trouble=entries.trouble,
        account_pace=per_minute(account.cps),
        live=account.live,
        endings=ENDINGS,
        presets=[
            (
                one.key,
                one.name,
                " ".join(policy_in_words(one.policy)),
                json.dumps(_policy_values(one.policy)),
            )
            for one in PRESETS
        ],
        machines=MACHINES,
        told=_told(session, campaign, account, now, cps),
    )
