"""People from before there were places: not called without one, and not forgotten either."""

from sqlalchemy import text

from campaigns.compliance import shipped_rules
from campaigns.placing import place_everybody
from tests.factories import make_account, make_campaign, make_recipient


def legacy_key(session, zones="America/New_York"):
    return session.execute(
        text("INSERT INTO zone_keys (zones) VALUES (ARRAY[:zone]) RETURNING id"), {"zone": zones}
    ).scalar_one()


def test_who_has_no_place_is_not_called_and_gets_one(bench, ticker):
    def people(session):
        campaign = make_campaign(session, make_account(session))
        key = legacy_key(session)
        known = make_recipient(session, campaign, numbers=["+13055550123"], zone=None, zone_key=key)
        nowhere = make_recipient(
            session, campaign, numbers=["+18005550123"], zone=None, zone_key=key
        )
        ended = make_recipient(
            session, campaign, zone_key=key, status="completed", next_attempt_at=None
        )
        return known.id, nowhere.id, ended.id

    known, nowhere, ended = bench.run(people)
    assert ticker.tick().given == 0
    assert place_everybody(bench.engine) == 2
    assert place_everybody(bench.engine) == 0
    [row] = bench.rows(
        "SELECT status, country, subdivisions, zones FROM recipients r"
        f" JOIN zone_keys k ON k.id = r.zone_key WHERE r.id = {known}"
    )
    assert tuple(row) == ("pending", "US", ["FL"], ["America/New_York"])
    [row] = bench.rows(f"SELECT status, reason, zone_key FROM recipients WHERE id = {nowhere}")
    assert tuple(row) == ("review", "time zone unknown", None)
    assert bench.value(f"SELECT status FROM recipients WHERE id = {ended}") == "completed"
    assert ticker.tick().given == 1


def test_without_rules_nobody_is_called(bench, ticker, monkeypatch):
    def person(session):
        make_recipient(session, make_campaign(session, make_account(session)))

    bench.run(person)
    monkeypatch.setattr("campaigns.store.rules.VERSION_SQL", "SELECT 0")
    report = ticker.tick()
    assert report.given == 0
    assert report.blocked is not None
    assert "no calling rules" in report.blocked


def test_the_first_rules_are_those_that_come_with_the_code(bench):
    assert bench.value("SELECT digest FROM calling_rules WHERE version = 1") == (
        shipped_rules().digest
    )
