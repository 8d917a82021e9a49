"""The shipped calling rules: complete, and read so strictly that nothing is half known."""

from datetime import date

import pytest
import yaml

from campaigns.compliance import (
    ConsentNeed,
    Rule,
    RuleStatus,
    UnreadableRules,
    holiday_calendars,
    read_rulebook,
    rule_document,
    shipped_rulebook,
    shipped_rules,
)

BOOK = shipped_rulebook()
ROW = {
    "code": "xx.rule",
    "title": "A rule that is only here",
    "jurisdiction": "US",
    "purposes": "ordinary",
    "voices": "all",
    "windows": "daily 08:00-21:00",
    "source": "somewhere",
    "seen": "2026-11-28",
    "status": "secondary",
}


def broken(**over: object) -> str:
    with pytest.raises(UnreadableRules) as refused:
        read_rulebook({"rules": [ROW | over]}, 1)
    return str(refused.value)


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.code)
def test_every_rule_says_where_it_is_from_and_how_sure_we_are(rule: Rule):
    assert len(rule.source) > 3
    assert rule.seen >= date(2026, 1, 1)
    assert rule.status in RuleStatus
    assert rule.house or "not confirmed" not in rule.source
    assert rule.note or rule.aspects, "a rule that says nothing needs a note"


def test_holiday_calendars_of_rules_exist():
    known = {one.country for one in holiday_calendars()}
    named = {rule.holidays for rule in BOOK.rules} - {None, "place"}
    assert named
    assert {str(name).split()[0] for name in named} <= known


def test_countries_of_groups_and_territories_are_codes():
    members = set().union(*BOOK.groups.values())
    assert len(members) == 27
    assert all(len(code) == 2 and code.isupper() for code in members)
    jurisdictions = {rule.jurisdiction for rule in BOOK.rules}
    assert set(BOOK.territories.values()) - {"FI"} <= jurisdictions


def test_codes_begin_with_the_jurisdiction():
    for rule in BOOK.rules:
        first = {"*": "house"}.get(rule.jurisdiction, rule.jurisdiction.lower())
        assert rule.code.startswith(f"{first}."), rule.code
        if rule.subdivision is not None:
            assert f".{rule.subdivision.lower()}." in rule.code


def test_the_rules_of_the_sources_are_there():
    there = {(one.jurisdiction, one.subdivision) for one in BOOK.rules}
    states = [
        "FL",
        "OK",
        "WA",
        "MD",
        "AL",
        "LA",
        "MS",
        "MA",
        "KY",
        "MI",
        "MN",
        "NM",
        "NV",
        "RI",
        "CT",
        "IL",
        "NE",
        "ME",
        "PA",
    ]
    assert {("US", state) for state in states} <= there
    assert {(country, None) for country in ("US", "CA", "GB", "EU", "DE", "FR", "AU", "*")} <= there


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"windows": "daily 8-21"}, "field windows"),
        ({"windows": "daily 25:00-26:00"}, "field windows"),
        ({"holidays": "Atlantis"}, "field holidays"),
        ({"status": "sure"}, "field status"),
        ({"source": ""}, "field source"),
        ({"seen": "yesterday"}, "field seen"),
        ({"purposes": ["sales"]}, "field purposes"),
        ({"purposes": "some"}, "field purposes"),
        ({"voices": []}, "field voices"),
        ({"caps": [{"n": 3, "scope": "number"}]}, "field caps.0"),
        ({"caps": [{"n": 0, "hours": 1, "scope": "number"}]}, "field caps.0.n"),
        ({"consent": "perhaps"}, "field consent"),
        ({"min_ring_secs": 5}, "field min_ring_secs"),
        ({"jurisdiction": "USA"}, "field jurisdiction"),
        ({"effective_from": "2027-01-01", "effective_to": "2026-01-01"}, "end before"),
        ({"windows": None, "holidays": "US"}, "holidays need windows"),
        ({"code": "US TCPA"}, "field code"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_its_field(over: dict[str, object], said: str):
    told = broken(**over)
    assert said in told
    assert "Calling rule 1" in told
    assert "Nothing was loaded" in told


def test_two_rules_cannot_share_a_code():
    with pytest.raises(UnreadableRules, match=r"Calling rule 2 \(xx\.rule\), field code"):
        read_rulebook({"rules": [ROW, ROW]}, 1)


@pytest.mark.parametrize(
    "content", [{}, {"rules": None}, {"rules": {}}, {"rules": [], "more": 1}, {"rules": ["x"]}]
)
def test_what_is_no_rulebook_is_refused(content: dict[str, object]):
    with pytest.raises(UnreadableRules):
        read_rulebook(content, 1)


@pytest.mark.parametrize("text", ["rules: [", "rules: [1]", "- a", ""])
def test_a_file_that_is_no_rules_is_refused(text: str):
    with pytest.raises(UnreadableRules):
        rule_document(text)


def test_a_comment_makes_no_new_version_and_a_rule_does():
    document = shipped_rules()
    plain = yaml.safe_dump(document.content)
    assert rule_document(f"# said again\n{plain}").digest == document.digest
    other = dict(document.content, practice={"windows": "always", "min_gap_seconds": 2})
    assert rule_document(yaml.safe_dump(other)).digest != document.digest


def test_consents_are_ordered():
    strengths = [need.strength for need in ConsentNeed]
    assert strengths == sorted(strengths)
    assert ConsentNeed.OPTIN_PROOF.strength > ConsentNeed.EXPRESS.strength
