"""A new version of the rules: kept, put in force behind the gate, and holding from then on."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaigns import ruling
from campaigns.access import CLI
from campaigns.campaigning import start_campaign
from campaigns.compliance import UnreadableRules, rule_document, shipped_rules
from campaigns.ruling import adopting
from campaigns.store import rules
from tests.factories import make_account, make_attempt, make_campaign, make_recipient

NEW_YORK = ZoneInfo("America/New_York")
ONE_MINUTE = """
practice: {windows: "daily HOUR:00-HOUR:01", min_gap_seconds: 1}
rules:
  - {code: house.minute, title: Only in one minute of the day, jurisdiction: "*", purposes: all,
     voices: all, windows: "daily HOUR:00-HOUR:01", source: a test, seen: 2026-11-28, status: house}
"""


@pytest.fixture
def forgotten(bench):
    """Whatever versions a test adds are gone after it."""
    yield
    with bench.engine.begin() as connection:
        for table in ("rule_activations", "calling_rules"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            key = "n" if table == "rule_activations" else "version"
            connection.execute(text(f"DELETE FROM {table} WHERE {key} > 1"))
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


@pytest.fixture
def hour(monkeypatch):
    """Rules that let one minute, at this hour in New York, be called in; it is not now."""
    chosen = 15 if datetime.now(NEW_YORK).hour in (2, 3) else 3
    document = rule_document(ONE_MINUTE.replace("HOUR", f"{chosen:02d}"))
    monkeypatch.setattr(adopting, "shipped_rules", lambda: document)
    return chosen


def test_rules_that_are_known_make_no_new_version(bench):
    assert ruling.adopt_shipped_rules(bench.engine) is None
    assert bench.value("SELECT count(*) FROM calling_rules") == 1


def test_new_rules_cancel_what_is_queued_and_recall_what_may_not_ring(bench, forgotten, hour):
    def queued(session):
        campaign = make_campaign(session, make_account(session))
        waiting = make_attempt(session, make_recipient(session, campaign))
        posted = make_attempt(session, make_recipient(session, campaign), "dialing")
        ringing = make_attempt(session, make_recipient(session, campaign), "ringing")
        return waiting.id, posted.id, ringing.id

    waiting, posted, ringing = bench.run(queued)
    assert ruling.adopt_shipped_rules(bench.engine) == 2
    assert ruling.adopt_shipped_rules(bench.engine) is None
    row = bench.attempt(waiting)
    assert (row.status, row.cancel_reason, row.spent) == ("cancelled", "rules_changed", False)
    again = bench.recipient(row.recipient_id)
    assert (again.status, again.reason) == ("pending", "rules_changed")
    local = again.next_attempt_at.astimezone(NEW_YORK)
    assert (local.hour, local.minute) == (hour, 0)  # due when the new rules allow it, not before
    assert bench.attempt(posted).recall_reason == "rules_changed"
    assert bench.attempt(ringing).recall_requested_at is None
    assert "version 2 were put in force" in bench.value("SELECT sentence FROM campaign_log")
    assert bench.value("SELECT action FROM audit_log") == "rules.activate"


def test_an_old_version_judges_what_it_judged_then_and_can_be_put_back(bench, forgotten, hour):
    ruling.adopt_shipped_rules(bench.engine)
    assert bench.run(rules.current_rulebook).version == 2
    assert bench.run(rules.rulebook_of, 1).rules[0].code == "house.anywhere"
    bench.run(lambda s: ruling.put_rules_in_force(s, 1, CLI, datetime.now(UTC)))
    assert bench.run(rules.current_rulebook).version == 1
    found = bench.run(ruling.versions)
    assert [(one.version, one.in_force) for one in found] == [(2, False), (1, True)]
    assert found[1].activated_by == "command line"
    with pytest.raises(UnreadableRules, match="version 9"):
        bench.run(lambda s: ruling.put_rules_in_force(s, 9, CLI, datetime.now(UTC)))


def test_the_tick_keeps_new_rules_at_once(bench, ticker, forgotten, hour):
    def person(session):
        due = datetime(2026, 12, 1, 16, tzinfo=UTC)
        make_recipient(session, make_campaign(session, make_account(session)), due=due)

    bench.run(person)
    ticker.now = datetime(2026, 12, 1, 17, tzinfo=UTC)
    assert ticker.tick().given == 1
    bench.rows("DELETE FROM attempt_numbers")
    ruling.adopt_shipped_rules(bench.engine)
    bench.rows("UPDATE recipients SET status = 'pending', next_attempt_at = '2026-01-01'")
    assert ticker.tick(1).given == 0


@pytest.mark.parametrize("table", ["calling_rules", "rule_activations"])
def test_versions_are_append_only(bench, table):
    with pytest.raises(DBAPIError, match="append-only"):
        bench.rows(f"DELETE FROM {table}")


def test_a_start_lets_it_ring_as_long_as_the_rules_ask(bench):
    def drafts(session):
        account = make_account(session)
        found = []
        for rule_set in ("house", "practice"):
            campaign = make_campaign(
                session, account, rule_set=rule_set, status="draft", ring_timeout=10
            )
            make_recipient(session, campaign)
            found.append(campaign.id)
        return found

    house, practice = bench.run(drafts)
    for one in (house, practice):
        bench.run(start_campaign, one, datetime.now(UTC))
    assert bench.value("SELECT ring_timeout FROM campaigns WHERE id = :id", id=house) == 25
    assert bench.value("SELECT ring_timeout FROM campaigns WHERE id = :id", id=practice) == 10
    told = bench.rows("SELECT sentence FROM campaign_log WHERE campaign_id = :id", id=house)
    assert any("ring for 25 seconds instead of 10" in row[0] for row in told)


def test_the_shipped_rules_are_in_force(bench):
    assert bench.value("SELECT digest FROM calling_rules") == shipped_rules().digest
