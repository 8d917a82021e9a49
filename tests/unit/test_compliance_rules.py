"""Rule sets and zones as the rest of the product asks for them."""

import pytest

from campaigns.compliance import RULE_SETS, check_account, rule_set, zone_named, zones_of
from campaigns.errors import InvalidInput, NotAllowed


def test_rule_sets_are_found_by_their_code():
    assert {code: rules.code for code, rules in RULE_SETS.items()} == {
        "practice": "practice",
        "house": "house",
    }
    assert rule_set("house").live_allowed
    assert str(rule_set("house").windows) == "mon-sat 09:00-20:00"
    assert rule_set("house").min_gap == 4 * 3600
    assert str(rule_set("practice").windows) == "always"
    assert 0 < rule_set("practice").min_gap < 60


@pytest.mark.parametrize("code", ["", "House", "x" * 10_000])
def test_an_unknown_rule_set_names_the_known(code):
    with pytest.raises(InvalidInput, match=r"Known: house, practice\.") as refused:
        rule_set(code)
    assert len(str(refused.value)) < 120


def test_a_live_account_cannot_practise():
    with pytest.raises(NotAllowed, match="live"):
        check_account(rule_set("practice"), live=True)


@pytest.mark.parametrize(("code", "live"), [("practice", False), ("house", False), ("house", True)])
def test_every_other_choice_is_fine(code, live):
    check_account(rule_set(code), live=live)


def test_a_given_zone_wins_over_the_number():
    assert zones_of("Europe/Paris", "+14235550100") == ("Europe/Paris",)
    assert zones_of(" america/new york ", "+14235550100") == ("America/New_York",)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_zone_the_number_decides(blank):
    assert zones_of(blank, "+14235550100") == ("America/Chicago", "America/New_York")
    assert zones_of(blank, "+18005550100") == ()


@pytest.mark.parametrize(
    "name",
    [
        *("EST", "EST5EDT", "Mars/Olympus", "GMT+2", "localtime", "Factory"),
        *("../../../etc/passwd", "America/../America/New_York", "/etc/localtime", "America"),
        *("America/New_York\x00", "\x00", "x" * 100_000),
    ],
)
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(InvalidInput, match="not a time zone"):
        zones_of(name, "+12025550100")


def test_zones_come_from_the_package_and_are_kept():
    assert zone_named("UTC").key == "UTC"
    assert zone_named("Europe/London") is zone_named("Europe/London")
