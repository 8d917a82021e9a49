"""Retries end to end: what counts, what does not, on which number, and at which hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.callbacks import conversation, opening_document
from campaigns.flows.builtin import reminder_flow
from campaigns.flows.model import Voicemail, VoicemailPolicy
from campaigns.links import AudioLinks, Links
from campaigns.models import Account, Attempt, Campaign, Recipient
from campaigns.vault import Vault
from tests.factories import (
    SECRET,
    fiction_number,
    make_attempt,
    make_campaign,
    make_flow,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_outcomes import NOON, over

WAITS = {"waits": {"busy": [100], "no_answer": [50], "answered_machine": [60]}, "jitter": 0.0}


def campaign_with(bench: Bench, account: Account, **policy: Any) -> Campaign:
    return bench.run(make_campaign, account, retry_policy={**WAITS, "max_attempts": 20, **policy})


def call(bench: Bench, recipient: Recipient, disposition: str, at: datetime = NOON) -> Any:
    """One more call to the number that has its turn, begun and ended at `at`."""

    def dial(session: Session) -> Attempt:
        row = session.get_one(Recipient, recipient.id)
        n = 1 + len(session.query(Attempt).filter_by(recipient_id=row.id).all())
        return make_attempt(session, row, "dialing", n=n)

    return over(bench, bench.run(dial), disposition, at)


def turn(row: Any) -> str:
    return str(row.numbers[row.number_index])


def test_surveda_1589_an_attempt_counts_when_it_is_dialled_not_when_it_is_queued(
    bench: Bench, account: Account, ticker: Ticker
) -> None:
    """Slots that nobody dialled spend nothing, however many there were; one call spends one."""
    campaign = campaign_with(bench, account, max_attempts=1)
    recipient = bench.run(make_recipient, campaign)
    for _ in range(5):
        assert ticker.tick(0.5).given == 1
        ticker.tick(5.0)  # the slot has passed and nobody took it
        bench.rows("UPDATE recipients SET next_attempt_at = :at", at=ticker.now)
    row = bench.recipient(recipient.id)
    assert (row.status, row.attempts_spent, row.cancels_in_row) == ("pending", 0, 5)
    assert not row.retry  # still a first call
    assert call(bench, recipient, "busy").status == "exhausted"


def test_surveda_1619_waits_begin_when_the_call_has_ended(bench: Bench, account: Account) -> None:
    campaign = campaign_with(bench, account)
    recipient = bench.run(make_recipient, campaign)
    attempt = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, recipient.id), "dialing"))
    bench.set("attempts", attempt.id, slot_at=NOON - timedelta(hours=2))  # it rang that long
    assert over(bench, attempt, "no_answer").next_attempt_at == NOON + timedelta(seconds=50)


def test_surveda_2369_nobody_is_tried_on_and_on_when_the_next_slot_is_after_the_end(
    bench: Bench, account: Account
) -> None:
    """The next legal hour is past the deadline: it ends there, with a sentence."""
    campaign = bench.run(
        make_campaign,
        account,
        retry_policy={**WAITS, "max_attempts": 20},
        windows="daily 09:00-17:00",
    )
    late = datetime(2027, 1, 13, 21, 59, 30, tzinfo=UTC)  # half a minute before hours end
    recipient = bench.run(make_recipient, campaign, deadline_at=late + timedelta(hours=6))
    row = call(bench, recipient, "busy", late)
    assert (row.status, row.next_attempt_at) == ("expired", None)
    assert row.reason == "deadline before the next legal hour"


def test_numbers_are_called_in_order_each_within_its_own_limit(
    bench: Bench, account: Account
) -> None:
    campaign = campaign_with(bench, account, per_number=[2, 1])
    one, two, three = numbers = [fiction_number() for _ in range(3)]
    recipient = bench.run(make_recipient, campaign, numbers=numbers)
    seen = [one]
    for step in range(3):
        row = call(bench, recipient, "no_answer", NOON + timedelta(minutes=step))
        seen.append(turn(row))
    assert seen == [one, two, three, one]
    last = call(bench, recipient, "no_answer", NOON + timedelta(minutes=9))
    assert (last.status, last.reason) == (
        "exhausted",
        "every number was called as often as is allowed",
    )


def test_an_invalid_number_is_struck_out_and_the_order_kept(bench: Bench, account: Account) -> None:
    campaign = campaign_with(bench, account, per_number=[2, 1])
    _, two, three = numbers = [fiction_number() for _ in range(3)]
    recipient = bench.run(make_recipient, campaign, numbers=numbers)
    row = call(bench, recipient, "invalid_number")
    assert (row.numbers, turn(row), row.status) == ([two, three], two, "pending")
    call(bench, recipient, "busy")
    row = call(bench, recipient, "busy")
    assert turn(row) == two  # first in order now, so it has the first one's limit
    assert call(bench, recipient, "busy").status == "exhausted"


def test_a_limit_of_one_ending_counts_over_all_numbers(bench: Bench, account: Account) -> None:
    campaign = campaign_with(bench, account, limits={"busy": 2})
    recipient = bench.run(make_recipient, campaign, numbers=[fiction_number(), fiction_number()])
    assert call(bench, recipient, "busy").status == "pending"
    assert call(bench, recipient, "no_answer").status == "pending"
    row = call(bench, recipient, "busy")
    assert (row.status, row.reason) == ("exhausted", "busy 2 times, as often as is allowed")


@pytest.mark.parametrize("other_hour", [True, False])
def test_on_the_next_day_the_call_is_at_another_hour(
    bench: Bench, account: Account, other_hour: bool
) -> None:
    policy = {**WAITS, "waits": {"no_answer": [20 * 3600]}, "other_hour": other_hour}
    campaign = bench.run(make_campaign, account, retry_policy=policy, windows="daily 09:00-17:00")
    recipient = bench.run(make_recipient, campaign)
    nine = datetime(2027, 1, 13, 14, 10, tzinfo=UTC)  # ten past nine in New York
    row = call(bench, recipient, "no_answer", nine)
    opening = datetime(2027, 1, 14, 14, tzinfo=UTC)
    if other_hour:
        assert opening + timedelta(hours=1) <= row.next_attempt_at < opening + timedelta(hours=8)
    else:
        assert row.next_attempt_at == opening


def test_a_message_is_left_once_and_a_person_is_called_for(bench: Bench, account: Account) -> None:
    flow = reminder_flow("Elm Street Dental").model_copy(
        update={
            "voicemail": Voicemail(policy=VoicemailPolicy.LEAVE_MESSAGE, text="Please call back.")
        }
    )
    campaign = campaign_with(bench, account, message_then_person=True, max_attempts=2)
    bench.set("campaigns", campaign.id, flow_id=bench.run(make_flow, flow).id)
    recipient = bench.run(make_recipient, campaign)

    def said() -> str:
        row = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, recipient.id), "dialing"))
        vault = Vault(SECRET)
        links = Links.of(row.id, "signalwire", "https://outdial.example", vault)
        talk = bench.run(conversation, row.id)
        document = opening_document(talk, links, AudioLinks("https://outdial.example", vault))
        bench.rows("DELETE FROM attempt_numbers WHERE attempt_id = :id", id=row.id)
        bench.rows("DELETE FROM attempts WHERE id = :id", id=row.id)
        return str(document)

    assert "Please call back." in said()
    assert call(bench, recipient, "answered_machine").status == "pending"
    assert "Please call back." not in said()
    row = call(bench, recipient, "busy", NOON + timedelta(hours=1))
    assert (row.status, row.reason) == (
        "completed",
        "a message was left on a machine; no person answered",
    )


@pytest.mark.parametrize("hurried", [False, True])
def test_first_calls_and_retries_share_by_their_ratio_over_many_ticks(
    bench: Bench, account: Account, ticker: Ticker, hurried: bool
) -> None:
    """A quarter of all slots goes to retries, though most ticks have room for two or three; also
    of the slots that a campaign is given because deadlines are near."""
    rule = {"kind": "reminder", "reminder": {"offset": 7200, "deadline": 0}} if hurried else {}
    campaign = bench.run(make_campaign, account, **rule)
    soon = {"deadline_at": bench.now() + timedelta(minutes=10)} if hurried else {}
    bench.run(make_recipients, campaign, 150, **soon)
    bench.run(make_recipients, campaign, 150, attempts_spent=1, **soon)
    for _ in range(80):
        ticker.tick(0.25, claiming=True)
    rows = bench.rows(
        "SELECT r.retry FROM attempts a JOIN recipients r ON r.id = a.recipient_id ORDER BY slot_at"
    )
    given = [row.retry for row in rows]
    assert 190 <= len(given) <= 210
    assert abs(sum(given) - len(given) / 4) <= 1
    for start in range(0, len(given) - 40, 20):  # and not in lumps
        assert 8 <= sum(given[start : start + 40]) <= 12
