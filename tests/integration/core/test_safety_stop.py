"""The safety stop over rows: what is judged, what it pauses, and that it does so once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import null

from campaigns import guarding, operating
from campaigns.access import CLI
from campaigns.campaigning import resume_campaign
from campaigns.models import Account, CallerId, Campaign
from tests.factories import make_attempt, make_caller_id, make_campaign, make_recipient
from tests.integration.core.conftest import Bench


@pytest.fixture
def other(bench: Bench, account: Account) -> CallerId:
    """A second caller id of the account."""
    return bench.run(make_caller_id, account, "+16465550101")


def ended(
    bench: Bench,
    campaign: Campaign,
    dispositions: Sequence[str],
    *,
    talked: float | None = None,
    **columns: Any,
) -> list[int]:
    """Calls that ended one second apart, the last one just now; `talked` seconds long."""
    now = bench.now()
    ids = []
    for n, disposition in enumerate(dispositions):
        over = now - timedelta(seconds=len(dispositions) - n)
        times: dict[str, Any] = {"slot_at": over - timedelta(milliseconds=500), "ended_at": over}
        if talked is not None:
            times["answered_at"] = over - timedelta(seconds=talked)
        values = {"disposition": disposition, **times, **columns}

        def act(session: Any, values: dict[str, Any] = values) -> int:
            person = make_recipient(session, campaign, status="exhausted")
            return make_attempt(session, person, "ended", **values).id

        ids.append(bench.run(act))
    return ids


def watch(bench: Bench) -> list[int]:
    return guarding.watch(bench.engine)


def status(bench: Bench, table: str, row_id: int) -> tuple[str, str | None, bool]:
    sql = f"SELECT status, status_reason, paused_itself FROM {table} WHERE id = :id"
    (row,) = bench.rows(sql, id=row_id)
    return row[0], row[1], row[2]


def told(bench: Bench) -> list[tuple[str, str]]:
    """Events that were stored, and whether by mail."""
    return [
        (row[0], row[1])
        for row in bench.rows("""
            SELECT e.type, d.kind FROM outgoing_events e
            JOIN webhook_deliveries d ON d.event_id = e.id ORDER BY e.id
        """)
    ]


def test_a_caller_id_whose_calls_fail_is_paused_with_figures_and_a_mail(
    bench: Bench, account: Account, campaign: Campaign, other: CallerId
) -> None:
    ended(bench, campaign, ["answered_human"] * 18 + ["failed"] * 2, caller_id_id=other.id)
    ended(bench, campaign, ["no_answer"] * 8 + ["failed"] * 12)
    queued = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign)))
    dialing = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing"))
    elsewhere = bench.run(
        lambda s: make_attempt(s, make_recipient(s, campaign), caller_id_id=other.id)
    )
    assert watch(bench) == [dialing.id]
    why = (
        "12 of the last 20 calls from +12015550199 failed within 19 seconds, and 2 of 20 from the "
        "account's other numbers, so +12015550199 is paused. Ask the provider whether it is "
        "blocked or taken for spam, then resume it."
    )
    assert status(bench, "caller_ids", campaign.caller_id_id) == ("paused", why, True)
    assert status(bench, "accounts", account.id)[0] == "active"
    assert bench.attempt(queued.id).cancel_reason == "caller_paused"
    assert bench.recipient(queued.recipient_id).status == "pending"
    assert bench.attempt(dialing.id).recall_reason == "caller_paused"
    assert bench.attempt(elsewhere.id).status == "queued"
    assert told(bench) == [("caller_id.paused", "mail")]
    assert bench.rows("SELECT sentence FROM campaign_log") == [(why,)]
    assert watch(bench) == []
    assert told(bench) == [("caller_id.paused", "mail")]


def test_a_caller_id_that_somebody_resumed_is_not_paused_for_its_old_calls(
    bench: Bench, account: Account, campaign: Campaign, other: CallerId
) -> None:
    ended(bench, campaign, ["no_answer"] * 20, caller_id_id=other.id)
    ended(bench, campaign, ["failed"] * 20)
    watch(bench)
    number = "+12015550199"
    bench.run(lambda s: operating.resume_caller_id(s, account.id, number, CLI, bench.now()))
    assert watch(bench) == []
    assert status(bench, "caller_ids", campaign.caller_id_id)[0] == "active"
    assert status(bench, "accounts", account.id)[0] == "active"
    ended(bench, campaign, ["failed"] * 20, slot_at=bench.now() + timedelta(seconds=1))
    watch(bench)
    assert status(bench, "caller_ids", campaign.caller_id_id)[0] == "paused"


def test_the_account_is_paused_when_all_its_numbers_are_alike(
    bench: Bench, account: Account, campaign: Campaign, other: CallerId
) -> None:
    for caller in (campaign.caller_id_id, other.id):
        ended(bench, campaign, ["no_answer"] * 6 + ["failed"] * 9, caller_id_id=caller)
    queued = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign)))
    watch(bench)
    name, reason, itself = status(bench, "accounts", account.id)
    assert (name, itself) == ("paused", True)
    assert (reason or "").startswith(
        f"18 of the last 30 calls through the account {account.name} failed within"
    )
    assert bench.attempt(queued.id).cancel_reason == "account_fault"
    assert told(bench) == [("account.paused", "mail")]
    bench.run(lambda s: operating.resume_account(s, account.name, CLI, bench.now()))
    assert watch(bench) == []
    assert status(bench, "accounts", account.id)[0] == "active"


def test_answered_calls_that_are_over_within_seconds_count_unless_a_key_was_pressed(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = ended(bench, campaign, ["answered_human"] * 20, talked=4.0)
    for attempt in ids[:10]:
        bench.rows(
            "INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at) "
            "SELECT id, recipient_id, campaign_id, '1', 'confirm', ended_at FROM attempts "
            "WHERE id = :id",
            id=attempt,
        )
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"
    bench.rows("DELETE FROM responses")
    watch(bench)
    _, reason, _ = status(bench, "accounts", account.id)
    assert "20 of the last 20 answered calls" in (reason or "")
    assert "over within seconds" in (reason or "")


def test_longer_calls_are_not_short_and_seconds_are_those_of_the_account(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ended(bench, campaign, ["answered_human"] * 20, talked=6.5)
    watch(bench)
    bench.set("accounts", account.id, time_scale=0.1)
    ended(bench, campaign, ["answered_human"] * 20, talked=0.7)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"


def test_a_call_whose_word_of_the_answer_was_lost_is_neither_short_nor_long(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    """What is known then is that it was answered, and when we heard that it is over."""
    ended(bench, campaign, ["answered_human"] * 20, talked=0.0)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"


@pytest.mark.parametrize("disposition", ["answered", "failed"])
def test_calls_that_met_silence_say_nothing_about_the_account(
    bench: Bench, account: Account, campaign: Campaign, disposition: str
) -> None:
    """No web process could tell what to say, so they were over at once: the abandon limit's matter.

    The account would be paused for what ends by itself when the process is back.
    """
    ended(bench, campaign, [disposition] * 30, talked=0.01, served_at=null())
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"
    ended(bench, campaign, [disposition] * 30, talked=0.01, served_at=bench.now())
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "paused"


@pytest.mark.parametrize(("lasted", "account_is"), [(30.0, "active"), (2.0, "paused")])
def test_words_that_come_late_and_together_are_told_apart_by_the_providers_clock(
    bench: Bench, account: Account, campaign: Campaign, lasted: float, account_is: str
) -> None:
    for attempt in ended(bench, campaign, ["answered_human"] * 20, talked=0.01):
        at = bench.now() - timedelta(minutes=1)
        for kind, occurred in (("answered", at), ("ended", at + timedelta(seconds=lasted))):
            bench.rows(
                """
                INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw)
                VALUES (:attempt, 'webhook', :kind, :kind,
                        jsonb_build_object('kind', CAST(:kind AS text), 'occurred_at',
                                           CAST(:occurred AS text)), '{}')
                RETURNING id
                """,
                attempt=attempt,
                kind=kind,
                occurred=occurred.isoformat(),
            )
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == account_is


def test_a_bad_list_pauses_its_campaign_and_nothing_else(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    good = bench.run(make_campaign, account)
    ended(bench, campaign, ["no_answer"] * 8 + ["invalid_number"] * 12)
    ended(bench, good, ["answered_human"] * 20, talked=30.0)
    watch(bench)
    name, reason, itself = status(bench, "campaigns", campaign.id)
    assert (name, itself) == ("paused", True)
    assert reason == (
        "paused: 12 of the last 20 numbers do not exist. The list may be old, or its columns "
        "mixed up. Nobody was lost: check the list, then resume"
    )
    assert status(bench, "campaigns", good.id)[0] == "running"
    assert status(bench, "accounts", account.id)[0] == "active"
    assert status(bench, "caller_ids", campaign.caller_id_id)[0] == "active"
    assert told(bench) == [("campaign.paused_itself", "mail")]
    bench.run(lambda s: resume_campaign(s, campaign.id, bench.now()))
    watch(bench)
    assert status(bench, "campaigns", campaign.id) == ("running", "resumed", False)


def test_one_bad_contact_stops_nothing(bench: Bench, account: Account, campaign: Campaign) -> None:
    """listmonk and Chatwoot stopped everything for a single one."""
    ended(bench, campaign, ["failed"] * 3 + ["invalid_number"] * 3)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"
    assert status(bench, "campaigns", campaign.id)[0] == "running"


def test_calls_that_we_took_back_or_know_nothing_of_are_not_held_against_anybody(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ended(bench, campaign, ["canceled"] * 30 + ["unknown"] * 30 + ["failed"] * 10)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"


def test_only_the_latest_calls_are_judged(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    old: datetime = bench.now() - timedelta(hours=1)
    ended(bench, campaign, ["failed"] * 60, slot_at=old)
    ended(bench, campaign, ["answered_human"] * 50, talked=30.0)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"


def test_an_account_may_have_its_own_limits_or_none(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    bench.rows("""UPDATE accounts SET safety = '{"on": false}'""")
    ended(bench, campaign, ["failed"] * 50)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "active"
    bench.rows("""UPDATE accounts SET safety = '{"failed": 0.9}'""")
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "paused"


def test_a_policy_that_cannot_be_read_is_the_default(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    bench.rows("""UPDATE accounts SET safety = '{"failed": "much"}'""")
    ended(bench, campaign, ["failed"] * 50)
    watch(bench)
    assert status(bench, "accounts", account.id)[0] == "paused"


def test_calls_that_meet_a_full_network_slow_the_account_down_once(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ended(bench, campaign, ["no_answer"] * 8 + ["carrier_congestion"] * 4)
    watch(bench)
    watch(bench)
    assert bench.value("SELECT slowed_part FROM accounts") == 0.5
    ((sentence,),) = bench.rows("SELECT sentence FROM campaign_log")
    assert sentence.startswith("4 of the latest 12 calls met a full network, so the account ")
    assert status(bench, "accounts", account.id)[0] == "active"
