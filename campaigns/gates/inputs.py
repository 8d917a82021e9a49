"""What the gates were told when they let a call through, short enough to be kept with each call.

Kept is what cannot be told from the books afterwards: where the number was taken to be, what
bound, and how full each cap was. Events, opt-outs, consents and earlier calls stay where they are.
"""

import json
from dataclasses import asdict
from datetime import datetime

from campaigns.gates.facts import Facts
from campaigns.gates.spacing import counted_in


def inputs_of(facts: Facts, now: datetime) -> str:
    """As JSON, without anything that is empty."""
    calls, duties = facts.calls, facts.rules.duties
    told = {
        "at": now.isoformat(timespec="milliseconds"),
        "country": facts.place.country,
        "subdivisions": facts.place.subdivisions,
        "zones": facts.place.zones,
        "line": facts.place.line,
        "rules": facts.rules.codes,
        "purpose": facts.campaign.purpose,
        "subject": facts.campaign.subject,
        "deadline": facts.person.deadline_at and facts.person.deadline_at.isoformat(),
        "attempts_before": facts.person.attempts_spent,
        "last_call": calls.last_ended and calls.last_ended.attempt_id,
        "caps": [
            [cap.rule, cap.n, cap.seconds, cap.scope, counted_in(cap, facts, now)]
            for cap in (*facts.rules.caps, *facts.campaign.caps)
        ],
        "gap": facts.rules.min_gap * facts.account.time_scale or None,
        "consent_needed": duties.consent if duties.consent.strength else None,
        # Read again by the claim (`cooled_off`), on its own clock: seconds, as they hold here.
        "cooloffs": {
            name: seconds * facts.account.time_scale
            for name, seconds in asdict(facts.rules.cooloffs).items()
            if seconds
        },
        "time_scale": facts.account.time_scale if facts.account.time_scale != 1 else None,
    }
    kept = {name: value for name, value in told.items() if value not in (None, (), [], {})}
    return json.dumps(kept)
