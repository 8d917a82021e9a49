"""Every gate in its order, and the one road through them: for the tick, for questions, forecasts.

The order is that of what weighs most: what stops everybody, then what the person said, then how
often, then when. The tick acts on the first verdict that does not pass.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from campaigns.errors import InvalidInput
from campaigns.gates import person, place, spacing, standing
from campaigns.gates.facts import AccountFacts, CampaignFacts, Facts, Installation
from campaigns.gates.verdict import Verdict, refuses
from campaigns.lifecycle import RecipientStatus

log = logging.getLogger(__name__)

Gate = Callable[[Facts, datetime], Verdict]

STANDING: tuple[tuple[str, Gate], ...] = (
    ("dialling", standing.dialling),
    ("web", standing.web),
    ("public_url", standing.public_url),
    ("account", standing.account),
    ("campaign", standing.campaign),
)
PERSONAL: tuple[tuple[str, Gate], ...] = (
    ("recipient", person.recipient),
    ("opt_out", person.opt_out),
    ("consent", person.consent),
    ("deadline", person.deadline),
    ("attempts", person.attempts),
    ("cooloff_refusal", spacing.cooloff_refusal),
    ("daily_limit", spacing.daily_limit),
    ("number_busy", spacing.number_busy),
    ("cooloff_abandoned", spacing.cooloff_abandoned),
    ("gap", spacing.gap),
    ("cap", spacing.caps),
    ("place", place.place),
    ("hours", place.hours),
)
# Asked by itself about a person's other numbers.
CONSENT_ALONE: tuple[tuple[str, Gate], ...] = (("consent", person.consent),)
TOLD: tuple[tuple[str, Gate], ...] = (("pace", place.pace),)
GATES = (*STANDING, *PERSONAL, *TOLD)

# Who could not be judged is asked about again this much later: the cause may have been mended.
NOT_JUDGED_SECONDS = 60.0
NOT_JUDGED = "not_judged"
# How often a plan may jump from one gate's opening to the next one's.
_MOST_STEPS = 200


def judge(facts: Facts, now: datetime) -> tuple[Verdict, ...]:
    """Every gate's verdict, in order."""
    return tuple(_ask(name, gate, facts, now) for name, gate in GATES)


def first_refusal(
    facts: Facts, now: datetime, gates: Sequence[tuple[str, Gate]] = GATES
) -> Verdict | None:
    """The first verdict that does not pass; None when all do. Later gates are not asked."""
    for name, gate in gates:
        verdict = _ask(name, gate, facts, now)
        if not verdict.passed:
            return verdict
    return None


def installation_refusal(here: Installation) -> Verdict | None:
    """The first of the installation's own gates that does not pass, whoever is to be called."""
    asked = (standing.judge_dialling, standing.judge_web, standing.judge_public_url)
    return next((one for gate in asked if not (one := gate(here)).passed), None)


def campaign_refusal(
    campaign: CampaignFacts, account: AccountFacts, here: Installation, now: datetime
) -> Verdict | None:
    """The same of a campaign and its account."""
    asked = (
        standing.judge_account(account, here, now),
        standing.judge_campaign(campaign, now),
    )
    return next((one for one in asked if not one.passed), None)


def next_eligible(facts: Facts, now: datetime) -> datetime | None:
    """The first instant from `now` on at which every gate passes, as far as these facts say.

    None when the person is parked, or when somebody has to do something first. Slots are not
    foreseen: who is eligible waits for one.
    """
    at = now
    for _ in range(_MOST_STEPS):
        asked = (_ask(name, gate, facts, at) for name, gate in (*STANDING, *PERSONAL))
        refused = [verdict for verdict in asked if not verdict.passed]
        if not refused:
            return at
        waits = [verdict.until for verdict in refused if verdict.fate is None]
        if len(waits) < len(refused) or None in waits:
            return None
        at = max(wait for wait in waits if wait is not None)
    return None


def _ask(name: str, gate: Gate, facts: Facts, now: datetime) -> Verdict:
    """A gate's verdict. Any error inside it means no call."""
    try:
        return gate(facts, now)
    except InvalidInput as error:
        return refuses(name, f"this cannot be told: {error}", fate=RecipientStatus.REVIEW)
    except Exception:
        log.exception("the gate %s failed for recipient %d", name, facts.person.id)
        return refuses(
            name,
            "this gate failed, so nobody is called; the log of the process has the details",
        )
