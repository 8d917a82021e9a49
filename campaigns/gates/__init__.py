"""Whether one person may be called at one instant: pure gates over plain facts.

facts     all that is known of a person, a campaign, an account and the installation
verdict   what a gate says: passed or not, the evidence, until when, what becomes of the person
standing  kill switch, web process, public URL, account, campaign
person    recipient, opt-out, consent, deadline, attempts
spacing   cool-offs, the campaign's day, a busy number, the gap, the caps
place     where the number may be, the hours there, the pace
own_caps  what a campaign may add to the rules' caps
inputs    what is kept of the facts with each call
judging   all of them in order

The tick acts on the first verdict that does not pass; `outdial why` shows them all.
"""

from campaigns.gates.facts import (
    AccountFacts,
    Call,
    Calls,
    CampaignFacts,
    ConsentFact,
    Facts,
    Installation,
    OptOutFact,
    Pace,
    PersonFacts,
)
from campaigns.gates.inputs import inputs_of
from campaigns.gates.judging import (
    CONSENT_ALONE,
    GATES,
    NOT_JUDGED,
    NOT_JUDGED_SECONDS,
    PERSONAL,
    STANDING,
    campaign_refusal,
    first_refusal,
    installation_refusal,
    judge,
    next_eligible,
)
from campaigns.gates.own_caps import (
    MOST_CAPS,
    cap_of_text,
    caps_as_kept,
    caps_as_typed,
    caps_of_text,
    read_caps,
)
from campaigns.gates.person import STRENGTH, consent_relied_on, consent_until
from campaigns.gates.spacing import NUMBER_BUSY_SECONDS, counted_in, opening_of
from campaigns.gates.verdict import Verdict, reason_of

__all__ = [
    "CONSENT_ALONE",
    "GATES",
    "MOST_CAPS",
    "NOT_JUDGED",
    "NOT_JUDGED_SECONDS",
    "NUMBER_BUSY_SECONDS",
    "PERSONAL",
    "STANDING",
    "STRENGTH",
    "AccountFacts",
    "Call",
    "Calls",
    "CampaignFacts",
    "ConsentFact",
    "Facts",
    "Installation",
    "OptOutFact",
    "Pace",
    "PersonFacts",
    "Verdict",
    "campaign_refusal",
    "cap_of_text",
    "caps_as_kept",
    "caps_as_typed",
    "caps_of_text",
    "consent_relied_on",
    "consent_until",
    "counted_in",
    "first_refusal",
    "inputs_of",
    "installation_refusal",
    "judge",
    "next_eligible",
    "opening_of",
    "read_caps",
    "reason_of",
]
