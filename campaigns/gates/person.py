"""The gates about one person: where they stand, what they said, and how often we may try."""

from datetime import datetime, timedelta

from campaigns.compliance import ConsentNeed
from campaigns.gates.facts import ConsentFact, Facts, OptOutFact
from campaigns.gates.verdict import Verdict, passes, refuses
from campaigns.lifecycle import RECIPIENT_TERMINAL, RecipientStatus
from campaigns.phrases import instant, length, listed

# How much a basis proves. An existing relationship is worth knowing, but it is no consent.
STRENGTH = {
    "existing_relationship": 0,
    "express": 1,
    "written": 2,
    "optin_proof": 3,
}
NEED_WORDS = {
    ConsentNeed.EXPRESS: "express consent",
    ConsentNeed.WRITTEN: "written consent",
    ConsentNeed.OPTIN_PROOF: "an opt-in that can be proven",
}
BASIS_WORDS = {
    "existing_relationship": "an existing relationship",
    "express": "express consent",
    "written": "written consent",
    "optin_proof": "a proven opt-in",
}
SOURCE_WORDS = {
    "keypress": "pressed in a call",
    "verbal": "told to one of us",
    "page": "entered on the page",
    "import": "from a file",
    "api": "over the API",
    "cli": "on the command line",
}


def recipient(facts: Facts, now: datetime) -> Verdict:
    """The person waits for a call, and their time has come."""
    one = facts.person
    kept = one.status in RECIPIENT_TERMINAL
    today = "recipient" in facts.only_today
    why = f" ({one.reason.replace('_', ' ')})" if one.reason else ""
    if one.status is RecipientStatus.IN_FLIGHT:
        return refuses("recipient", f"the person is being called now{why}", as_of_today=today)
    if kept:
        return refuses(
            "recipient",
            f"the person is {one.status.value}{why}",
            fate=one.status,
            as_of_today=today,
        )
    if one.next_attempt_at is not None and one.next_attempt_at > now:
        return refuses(
            "recipient",
            f"the person is due at {instant(one.next_attempt_at)}{why}",
            until=one.next_attempt_at,
            as_of_today=today,
        )
    return passes("recipient", "The person is due.", as_of_today=today)


def opt_out(facts: Facts, now: datetime) -> Verdict:
    """None of the person's numbers is opted out."""
    if not facts.person.opt_outs:
        return passes("opt_out", "No number of theirs is opted out.")
    told = listed([_opted_out(one) for one in facts.person.opt_outs[:5]])
    return refuses("opt_out", told, fate=RecipientStatus.BLOCKED)


def _opted_out(one: OptOutFact) -> str:
    where = "everywhere"
    if one.campaign_id is not None:
        where = f"in campaign {one.campaign_id} and those that belong to it"
    end = f" until {instant(one.expires_at)}" if one.expires_at is not None else ""
    source = SOURCE_WORDS.get(one.source, one.source)
    how = f", {one.evidence.rstrip('.')}" if one.evidence else ""
    return (
        f"{one.shown} is opted out {where}{end} since {instant(one.since)} "
        f"(opt-out {one.id}, {source}{how})"
    )


def consent(facts: Facts, now: datetime) -> Verdict:
    """There is the consent that the rules need for this number."""
    duties, relied = facts.rules.duties, consent_relied_on(facts, now)
    if relied is not None:
        basis = BASIS_WORDS[relied.basis]
        spares = " It spares them rules for people without one." * bool(_spared(facts))
        return passes(
            "consent", f"Consent {relied.id}, {basis}, {instant(relied.given_at)}.{spares}"
        )
    if duties.consent is ConsentNeed.NONE:
        return passes("consent", "No rule that binds needs consent.")
    need = NEED_WORDS[duties.consent]
    age = f" not older than {length(duties.consent_max_age)}" if duties.consent_max_age else ""
    about = f" for {facts.campaign.purpose} calls" if facts.campaign.purpose else ""
    return refuses(
        "consent",
        f"the rules {listed(facts.rules.codes)} need {need}{about}{age} for "
        f"{facts.person.number}; {_had(facts, now)}. Record it with “outdial consent add”, on the "
        "page Consents or over the API, and choose there to put the person back",
        fate=RecipientStatus.BLOCKED,
    )


def consent_relied_on(facts: Facts, now: datetime) -> ConsentFact | None:
    """The consent a call at this instant rests on: of those that suffice, the one lasting longest.

    None when there is none, or when none is needed: neither by a rule that binds, nor by the want
    of one that a consent keeps from binding.
    """
    if not _strength_needed(facts):
        return None
    enough = [one for one in facts.person.consents if _falls_short(one, facts, now) is None]
    return max(enough, key=lambda one: (_lasts(one, facts), one.id), default=None)


def _spared(facts: Facts) -> int:
    """How strong the consent is that spares somebody some of the rules; 0: none does."""
    return facts.rules.spared_by.strength


def _strength_needed(facts: Facts) -> int:
    return max(facts.rules.duties.consent.strength, _spared(facts))


def consent_until(one: ConsentFact, facts: Facts) -> datetime | None:
    """When a consent stops sufficing by itself; None: never."""
    ends = [one.expires_at] if one.expires_at is not None else []
    if facts.rules.duties.consent_max_age is not None:
        ends.append(one.given_at + timedelta(seconds=facts.rules.duties.consent_max_age))
    return min(ends, default=None)


def _lasts(one: ConsentFact, facts: Facts) -> float:
    end = consent_until(one, facts)
    return float("inf") if end is None else end.timestamp()


def _falls_short(one: ConsentFact, facts: Facts, now: datetime) -> str | None:
    """Why a consent does not suffice now; None when it does."""
    campaign = facts.campaign
    end = consent_until(one, facts)
    if one.revoked_at is not None and one.revoked_at <= now:
        return f"was revoked at {instant(one.revoked_at)}"
    if one.given_at > now:
        return f"is given only from {instant(one.given_at)}"
    if end is not None and end <= now:
        return f"has lapsed at {instant(end)}"
    if STRENGTH.get(one.basis, 0) < _strength_needed(facts):
        return f"is only {BASIS_WORDS.get(one.basis, one.basis)}"
    if one.purpose is not None and one.purpose != campaign.purpose:
        return f"is for {one.purpose} calls only"
    if one.subject is not None and one.subject != campaign.subject:
        return f"is about “{one.subject}” only"
    return None


def _had(facts: Facts, now: datetime) -> str:
    found = facts.person.consents
    if not found:
        return "none is recorded"
    return listed([f"consent {one.id} {_falls_short(one, facts, now)}" for one in found[:3]])


def deadline(facts: Facts, now: datetime) -> Verdict:
    """The person's deadline is ahead."""
    at, today = facts.person.deadline_at, "deadline" in facts.only_today
    if at is None:
        return passes("deadline", "There is no deadline.", as_of_today=today)
    if at <= now:
        return refuses(
            "deadline",
            f"the deadline was {instant(at)}",
            fate=RecipientStatus.EXPIRED,
            as_of_today=today,
        )
    return passes("deadline", f"The deadline is {instant(at)}.", as_of_today=today)


def attempts(facts: Facts, now: datetime) -> Verdict:
    """There are attempts left."""
    made, most = facts.person.attempts_spent, facts.campaign.max_attempts
    told = f"{made} of {most} attempts were made"
    if made >= most:
        return refuses("attempts", told, fate=RecipientStatus.EXHAUSTED)
    return passes("attempts", f"{told}.")
