"""A rule that needs consent: which one suffices, and what is said when none does."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import gates
from campaigns.compliance import ConsentNeed
from tests.unit.gates.knowing import NOON, ago, but, consent, needing
from tests.unit.gates.test_every_gate import of

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("need", "basis", "enough"),
    [
        (ConsentNeed.NONE, "existing_relationship", True),
        (ConsentNeed.EXPRESS, "existing_relationship", False),
        (ConsentNeed.EXPRESS, "express", True),
        (ConsentNeed.EXPRESS, "optin_proof", True),
        (ConsentNeed.WRITTEN, "express", False),
        (ConsentNeed.WRITTEN, "written", True),
        (ConsentNeed.OPTIN_PROOF, "written", False),
        (ConsentNeed.OPTIN_PROOF, "optin_proof", True),
    ],
)
def test_a_weaker_basis_does_not_suffice(need: ConsentNeed, basis: str, enough: bool) -> None:
    facts = but(rules=needing(need), person={"consents": (consent(basis=basis),)})
    assert of(facts, "consent").passed is enough


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"revoked_at": ago(hours=1)}, "was revoked at Tue 3 Mar 2026, 16:00 UTC"),
        ({"expires_at": NOON}, "has lapsed at Tue 3 Mar 2026, 17:00 UTC"),
        ({"given_at": ago(days=40)}, "has lapsed at"),
        ({"given_at": NOON + DAY}, "is given only from"),
        ({"purpose": "marketing"}, "is for marketing calls only"),
        ({"subject": "Loans"}, "is about “Loans” only"),
    ],
)
def test_it_is_said_why_the_one_there_is_does_not_do(columns: dict[str, Any], why: str) -> None:
    facts = but(
        rules=needing(ConsentNeed.EXPRESS, 30 * 86400.0),
        person={"consents": (consent(**columns),)},
    )
    refused = of(facts, "consent")
    assert not refused.passed
    assert f"consent 7 {why}" in refused.evidence
    assert "not older than 30 days" in refused.evidence
    assert "outdial consent add" in refused.evidence


def test_what_is_revoked_later_held_then() -> None:
    facts = but(
        rules=needing(ConsentNeed.EXPRESS),
        person={"consents": (consent(revoked_at=NOON + DAY),)},
    )
    assert of(facts, "consent").passed
    assert not of(facts, "consent", NOON + DAY).passed


def test_a_call_rests_on_the_consent_that_lasts_longest() -> None:
    short = consent(id=8, expires_at=NOON + DAY)
    old = consent(id=9, given_at=ago(days=29))
    good = consent(id=10, given_at=ago(days=1))
    facts = but(
        rules=needing(ConsentNeed.EXPRESS, 30 * 86400.0),
        person={"consents": (short, good, old)},
    )
    relied = gates.consent_relied_on(facts, NOON)
    assert relied == good
    assert gates.consent_until(good, facts) == datetime.fromisoformat("2026-04-01T17:00+00:00")
    assert gates.consent_relied_on(but(person={"consents": (good,)}), NOON) is None  # none needed
