"""The gates that are the same for everybody in a campaign: installation, account, campaign."""

from datetime import datetime

from campaigns.gates.facts import AccountFacts, CampaignFacts, Facts, Installation
from campaigns.gates.verdict import Verdict, passes, refuses
from campaigns.phrases import instant, until

_OVER = ("completed", "stopped")


def dialling(facts: Facts, now: datetime) -> Verdict:
    """The kill switch."""
    return judge_dialling(facts.installation)


def judge_dialling(here: Installation) -> Verdict:
    """The kill switch of an installation, with nobody in particular in mind."""
    if here.dialling:
        return passes("dialling", "Dialling is switched on.")
    why = f": {here.off_reason}" if here.off_reason else ""
    return refuses("dialling", f"dialling is switched off for the whole installation{why}")


def web(facts: Facts, now: datetime) -> Verdict:
    """Nobody may pick up a silent phone."""
    if facts.past and facts.installation.web_alive is None:
        return passes("web", "Signs of life of that time are not kept.", as_of_today=True)
    return judge_web(facts.installation)


def judge_web(here: Installation) -> Verdict:
    """Whether a web process can give callees their document."""
    if here.web_alive:
        return passes("web", "A web process is alive.")
    limit = f"{here.heartbeat_limit:g} seconds"
    return refuses("web", f"no web process has given a sign of life for {limit}")


def public_url(facts: Facts, now: datetime) -> Verdict:
    """The provider must be able to reach us."""
    if facts.past and facts.installation.url_answers is None:
        return passes(
            "public_url", "The public URL's probes of that time are not kept.", as_of_today=True
        )
    return judge_public_url(facts.installation)


def judge_public_url(here: Installation) -> Verdict:
    """Whether the public URL leads to this installation."""
    if here.url_answers:
        return passes("public_url", "The public URL answers.")
    return refuses("public_url", "the public URL does not answer its own probe")


def account(facts: Facts, now: datetime) -> Verdict:
    """The account dials, is allowed to place real calls, and does not back off."""
    return judge_account(facts.account, facts.installation, now)


def judge_account(one: AccountFacts, here: Installation, now: datetime) -> Verdict:
    """The same of an account alone."""
    if one.status != "active":
        why = (one.status_reason or f"it is {one.status}").rstrip(".")
        return refuses("account", f"the account {one.name} is {one.status}: {why}")
    if one.live and not here.live_allowed:
        return refuses("account", "live dialling is switched off (OUTDIAL_LIVE_DIALLING)")
    if one.backoff_until is not None and one.backoff_until > now:
        return refuses(
            "account",
            f"the account {one.name} is backing off and dials again "
            f"{until(one.backoff_until, now)}",
            until=one.backoff_until,
        )
    return passes("account", f"The account {one.name} dials.")


def campaign(facts: Facts, now: datetime) -> Verdict:
    """The campaign runs, has begun and is not over."""
    return judge_campaign(facts.campaign, now)


def judge_campaign(one: CampaignFacts, now: datetime) -> Verdict:
    """The same of a campaign alone."""
    if one.status == "scheduled" and one.starts_at is not None:
        at = one.starts_at if one.starts_at > now else None
        return refuses("campaign", f"it starts at {instant(one.starts_at)}", until=at)
    if one.status != "running":
        why = f": {one.status_reason.rstrip('.')}" if one.status_reason else ""
        again = " and does not run again" if one.status in _OVER else ""
        return refuses("campaign", f"the campaign is {one.status}{again}{why}")
    if one.ends_at is not None and one.ends_at <= now:
        return refuses("campaign", f"the campaign ended at {instant(one.ends_at)}")
    return passes("campaign", "The campaign runs.")
