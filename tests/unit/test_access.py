"""Roles and their permissions; numbers as somebody may see them; entries of the audit log."""

import re
from pathlib import Path

import pytest

from campaigns.access import CLI, GRANTS, Actor, Permission, Role
from campaigns.auditing import words
from campaigns.errors import Forbidden
from campaigns.phone.masking import mask_numbers_in

SOURCES = Path(__file__).resolve().parents[2] / "campaigns"
NUMBER = "+12025550142"

# Written out, not taken from the code: who may do what.
MAY = {
    Role.VIEWER: {"see"},
    Role.OPERATOR: {"see", "see_numbers", "run_campaigns"},
    Role.ADMIN: {"see", "see_numbers", "run_campaigns", "lift_opt_outs", "administer"},
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_may_do_what_the_table_says_and_nothing_else(role, permission):
    actor = Actor("user", "Ada", role, 1)
    assert actor.may(permission) == (permission.value in MAY[role])
    if permission.value not in MAY[role]:
        with pytest.raises(Forbidden, match="Nothing was changed"):
            actor.check(permission)


def test_the_command_line_has_every_right():
    assert GRANTS[CLI.role] == set(Permission)


def test_only_who_may_see_numbers_sees_one_in_full():
    assert Actor("user", "Ada", Role.VIEWER, 1).number(NUMBER) == "+1202•••42"
    assert Actor("key", "CRM", Role.OPERATOR, 1).number(NUMBER) == NUMBER


@pytest.mark.parametrize(
    "written",
    [
        "Call to +12025550142 failed.",
        "Call to +1 202 555 0142.",
        "Call to +1 (202) 555-0142",
        "2025550142",
        "call 2025550142.",
        "202-555-0142",
        "(202) 555-0142",
        "202.555.0142",
        "1-202-555-0142",
        "tel:2025550142,",
        "(202)555-0142",
        "(202)5550142",
        "202/555-0142",
        "202\u2011555\u20110142",
        "202 5550142",
        "+ 1 202 / 555 - 0142",
        "0202 555 0142",
        "(0202) 55 50 142",
    ],
)
def test_a_number_in_a_text_is_masked_however_it_is_written(written):
    digits = re.sub(r"\D", "", mask_numbers_in(written))
    assert "5550142" not in digits
    assert "•••" in mask_numbers_in(written)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 14:30",
        "Mon 23 Nov 2026, 14:00 UTC",
        "$1,234,567.89",
        "order 12345",
        "127.0.0.1:8000",
        "2026-11-23T14:30:00+00:00",
        "12:30:45.123456",
        "01.02.2026 10:30",
        "01/02/2026",
        "192.168.100.200",
    ],
)
def test_what_is_no_number_stays(text):
    assert mask_numbers_in(text) == text


def test_an_entry_of_the_audit_log_is_a_sentence():
    told = words.sentence("Ada", "campaign.pause", "campaign:12", "Water is off")
    assert told == "Ada paused campaign 12 (Water is off)."


def test_an_action_that_nobody_has_worded_is_told_all_the_same():
    assert words.sentence("Ada", "moon.walk", "moon:1") == "Ada did “moon: walk” to moon 1."


def test_changes_are_told_value_by_value():
    found = words.changes({"role": "viewer", "active": True}, {"role": "admin", "active": False})
    assert [tuple(one) for one in found] == [
        ("active", "yes", "no"),
        ("role", "viewer", "admin"),
    ]


def test_every_action_in_the_code_is_worded():
    nouns = {action.partition(".")[0] for action in words.PHRASES}
    written = re.compile(rf'"((?:{"|".join(sorted(nouns))})\.[a-z_]+)"')
    used = {
        found[1]
        for path in SOURCES.rglob("*.py")
        if "auditing" in path.read_text()
        for found in written.finditer(path.read_text())
    }
    assert "campaign.edit" in used
    assert used <= set(words.PHRASES)
