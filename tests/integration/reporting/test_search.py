"""People are found by number, by its last digits and by name; attempts in doubt are listed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from campaigns import reporting
from campaigns.db import transaction
from campaigns.errors import InvalidInput
from tests.integration.reporting.seed import (
    NOW,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with transaction(engine) as opened:
        make_account(opened)
        yield opened


def names(session: Session, query: str, **named: Any) -> list[str]:
    return [str(one.name) for one in reporting.search_recipients(session, query, **named)]


def test_a_whole_number_finds_nobody_else_whatever_its_place(session):
    campaign_id = make_campaign(session)
    numbers = ["+12125550101", "+13125550199"]
    make_recipient(session, campaign_id, 1, numbers=numbers, fields={"name": "Ada"})
    make_recipient(session, campaign_id, 2, numbers=["+442125550199"], fields={"name": "Bo"})
    assert names(session, "+1 (312) 555-0199") == ["Ada"]
    assert names(session, "+13125550198") == []
    assert reporting.recipients_with_number(session, "+13125550199", 10) == [
        one.recipient.id for one in reporting.search_recipients(session, "+13125550199")
    ]


def test_last_digits_find_every_number_that_ends_so(session):
    campaign_id = make_campaign(session)
    make_recipient(session, campaign_id, 1, numbers=["+12125550123"], fields={"name": "Ada"})
    make_recipient(session, campaign_id, 2, numbers=["+13125550123"], fields={"name": "Bo"})
    make_recipient(session, campaign_id, 3, numbers=["+13125550124"], fields={"name": "Cy"})
    assert sorted(names(session, "0123")) == ["Ada", "Bo"]
    assert names(session, "(312) 555-0123") == ["Bo"]
    assert names(session, "2125550124") == []


@pytest.mark.parametrize("query", ["123", "+1", "a", " ", "-", "#"])
def test_a_search_for_too_little_says_so(session, query):
    with pytest.raises(InvalidInput, match="at least"):
        reporting.search_recipients(session, query)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ada", ["Ada Byron Lovelace"]),
        ("ADA  by", ["Ada Byron Lovelace"]),
        ("love", ["Ada Byron Lovelace"]),
        ("éti", ["ÉTIENNE Núñez"]),
        ("NÚÑ", ["ÉTIENNE Núñez"]),
        ("lovelace ada", []),
        ("vel", []),
        ("%", []),
        ("\x00lovelace", ["Ada Byron Lovelace"]),
    ],
)
def test_names_are_found_from_any_word_in_any_case(session, query, found):
    campaign_id = make_campaign(session)
    make_recipient(session, campaign_id, 1, fields={"name": "Ada Byron Lovelace"})
    make_recipient(session, campaign_id, 2, fields={"name": " ÉTIENNE   Núñez "})
    make_recipient(session, campaign_id, 3, fields={})
    if len(query) < 2:
        with pytest.raises(InvalidInput):
            names(session, query)
    else:
        assert [" ".join(name.split()) for name in names(session, query)] == found


def test_a_search_can_stay_within_a_campaign(session):
    first, second = make_campaign(session), make_campaign(session, name="Other")
    make_recipient(session, first, 1, fields={"name": "Ada"})
    make_recipient(session, second, 2, fields={"name": "Ada"})
    everywhere = reporting.search_recipients(session, "ada")
    within = reporting.search_recipients(session, "ada", campaign_id=second)
    assert [one.campaign_name for one in everywhere] == ["Water is off", "Other"]
    assert [one.campaign_name for one in within] == ["Other"]


@pytest.mark.parametrize("query", ["sm", "0101"])
def test_pages_show_everybody_once(session, query):
    campaign_id = make_campaign(session)
    wanted = {
        make_recipient(
            session,
            campaign_id,
            n,
            numbers=["+12125550101"],
            fields={"name": f"Smith Smythe {n % 3}"},
        )
        for n in range(11)
    }
    seen: list[int] = []
    after = None
    while True:
        page = reporting.search_recipients(session, query, after=after, limit=4)
        if not page:
            break
        seen += [one.recipient.id for one in page]
        after = page[-1].recipient.id
    assert set(seen) == wanted
    if query == "0101":
        assert len(seen) == len(wanted)


def test_who_is_renamed_or_removed_is_found_as_they_are(session):
    campaign_id = make_campaign(session)
    recipient = make_recipient(session, campaign_id, 1, fields={"name": "Ada"})
    session.execute(
        text("""
            UPDATE recipients SET fields = '{"name": "Grace"}', numbers = ARRAY['+12125550177']
            WHERE id = :id
        """),
        {"id": recipient},
    )
    assert names(session, "ada") == []
    assert names(session, "grace") == names(session, "0177") == ["Grace"]
    session.execute(text("DELETE FROM recipients WHERE id = :id"), {"id": recipient})
    assert names(session, "grace") == names(session, "0177") == []


def test_attempts_in_doubt_say_what_is_not_known_and_what_happens_next(session):
    campaign_id = make_campaign(session)
    make_attempt(session, make_recipient(session, campaign_id, 1, status="completed"))
    waiting = make_recipient(session, campaign_id, 2, status="in_flight", fields={"name": "Bo"})
    doubtful = make_attempt(
        session,
        waiting,
        "dialing",
        accepted_at=None,
        in_doubt_at=NOW,
        doubt_reason="the provider did not answer in time",
    )
    left = make_recipient(
        session, campaign_id, 3, status="review", reason="a call may have been made"
    )
    unknown = make_attempt(session, left, disposition="unknown", provisional=True)
    again = make_recipient(session, campaign_id, 4, next_attempt_at=NOW + timedelta(hours=1))
    later = make_attempt(session, again, disposition="unknown", provisional=True)

    found = reporting.in_doubt(session, None, 10)

    assert [one.attempt.id for one in found] == [later, unknown, doubtful]
    assert found[0].sentence.endswith("The person is called again Mon 23 Nov 2026, 15:30 UTC.")
    assert "until somebody decides (a call may have been made)" in found[1].sentence
    assert found[2].sentence.startswith("The provider did not answer in time. There may be a call.")
    assert "nobody calls this person" in found[2].sentence
    assert found[2].name == "Bo"
    assert [one.attempt.id for one in reporting.in_doubt(session, later, 1)] == [unknown]
