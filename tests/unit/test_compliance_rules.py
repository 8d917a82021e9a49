"""Rule sets and zones as the rest of the product asks for them."""

import pytest

from campaigns.compliance import check_account, check_rule_set, place_of, zone_named
from campaigns.errors import InvalidInput, NotAllowed


@pytest.mark.parametrize("code", ["", "House", "x" * 10_000])
def test_an_unknown_rule_set_names_the_known(code):
    with pytest.raises(InvalidInput, match=r"Known: house, law, practice\.") as refused:
        check_rule_set(code)
    assert len(str(refused.value)) < 120


def test_a_live_account_cannot_practise():
    with pytest.raises(NotAllowed, match="live"):
        check_account("practice", live=True)


@pytest.mark.parametrize(
    ("code", "live"), [("practice", False), ("house", False), ("house", True), ("law", True)]
)
def test_every_other_choice_is_fine(code, live):
    check_account(code, live=live)


def test_a_given_zone_wins_over_the_number():
    assert place_of("+14235550100", zone="Europe/Paris").zones == ("Europe/Paris",)
    assert place_of("+14235550100", zone=" america/new york ").zones == ("America/New_York",)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_zone_the_number_decides(blank):
    assert place_of("+14235550100", zone=blank).zones == (
        "America/Chicago",
        "America/New_York",
    )
    assert place_of("+18005550100", zone=blank).zones == ()


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
        place_of("+12025550100", zone=name)


def test_zones_come_from_the_package_and_are_kept():
    assert zone_named("UTC").key == "UTC"
    assert zone_named("Europe/London") is zone_named("Europe/London")
