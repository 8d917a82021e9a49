"""Reports: what happened, what happens now and why nothing does.

Every number is a tally that a job proves equal to the rows, or a look-up by index: a page costs
the same whatever the tables hold.

values     what is reported, as models that the API, the command line and the pages share
words      instants and numbers as people say them
waiting    who waits for what, and when the next window opens
held       why nobody of a running campaign is called
numbers    who has a number
search     who has a number that ends so, or a name that begins so
doubts     attempts whose outcome nobody knows
health     whether anybody can be called at all, in words
charts     funnel, calls a minute, the hours of the week
accounts   accounts, what lowers their rates, the numbers they present
pace       how fast a campaign may call at this moment, and why not faster
campaigns  one campaign's counts, its status in a sentence, its full report
why        why somebody is, or was, not called: every gate about any instant
evidence   everything about one number, for a complaint
reminding  how each reminder of a campaign went: counted from the rows, for who asks
history    one recipient or one attempt with all that is known
overview   everything on one page
live       the same while somebody watches, one statement a look
"""

from campaigns.reporting import evidence
from campaigns.reporting.accounts import list_accounts
from campaigns.reporting.campaigns import (
    campaign_report,
    campaign_view,
    campaign_with_counts,
    list_campaigns,
)
from campaigns.reporting.charts import answer_heat_map, dispositions_by_hour
from campaigns.reporting.doubts import in_doubt
from campaigns.reporting.health import Surroundings, system_health
from campaigns.reporting.history import (
    at_risk,
    attempt_history,
    list_recipients,
    read_log,
    recipient_history,
)
from campaigns.reporting.live import Watch
from campaigns.reporting.numbers import recipients_with_number
from campaigns.reporting.overview import overview
from campaigns.reporting.reminding import ReminderCounts, reminder_counts
from campaigns.reporting.search import search_recipients
from campaigns.reporting.why import read_instant, why, why_of_recipient
from campaigns.store.reports import read_one_snapshot

__all__ = [
    "ReminderCounts",
    "Surroundings",
    "Watch",
    "answer_heat_map",
    "at_risk",
    "attempt_history",
    "campaign_report",
    "campaign_view",
    "campaign_with_counts",
    "dispositions_by_hour",
    "evidence",
    "in_doubt",
    "list_accounts",
    "list_campaigns",
    "list_recipients",
    "overview",
    "read_instant",
    "read_log",
    "read_one_snapshot",
    "recipient_history",
    "recipients_with_number",
    "reminder_counts",
    "search_recipients",
    "system_health",
    "why",
    "why_of_recipient",
]
