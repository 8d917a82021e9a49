"""Tallies: what triggers count is what the rows are, folded or not, whoever changes what."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from campaigns import migrations, tallying
from campaigns.compliance import Place
from campaigns.db import database_now, transaction
from campaigns.lifecycle import Disposition
from campaigns.store import recipients, tallies
from tests.integration.reporting.seed import (
    NEW_YORK,
    NOW,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
)


def differing(engine: Engine, campaign_id: int) -> list[tallies.Difference]:
    with transaction(engine) as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        now = database_now(session)
        return [d for some in tallies.differences(session, campaign_id, now) for d in some]


def deltas(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(session.execute(text("SELECT count(*) FROM tally_deltas")).scalar_one())


def total(engine: Engine, campaign_id: int, tally: str) -> int:
    with transaction(engine) as session:
        return sum(one.n for one in tallies.read_tallies(session, [campaign_id], [tally]))


@pytest.fixture
def campaign_id(engine: Engine) -> int:
    with transaction(engine) as session:
        make_account(session)
        return make_campaign(session)


def insert_many(session: Session, campaign_id: int, count: int, first: int = 0) -> None:
    key = recipients.zone_key_for(session, Place("US", ("NY",), NEW_YORK))
    session.execute(
        text("""
            INSERT INTO recipients (campaign_id, dedupe_key, numbers, fields, zone_key,
                                    next_attempt_at, import_id)
            SELECT :id, 'bulk ' || n, ARRAY['+12125550100'], '{}', :key, :now, NULL
            FROM generate_series(CAST(:first AS int) + 1, CAST(:first AS int) + :count) n
        """),
        {"id": campaign_id, "count": count, "key": key, "now": NOW, "first": first},
    )


def test_a_statement_costs_one_delta_for_each_group_of_rows(engine, campaign_id):
    with transaction(engine) as session:
        insert_many(session, campaign_id, 5000)
    assert deltas(engine) == 3  # their status, their zone, the hour in which they are due
    assert total(engine, campaign_id, "recipients") == 5000
    with transaction(engine) as session:
        session.execute(text("UPDATE recipients SET status = 'review', next_attempt_at = NULL"))
    assert deltas(engine) == 3 + 4
    assert differing(engine, campaign_id) == []


def test_what_is_not_counted_costs_no_delta(engine, campaign_id):
    with transaction(engine) as session:
        recipient = make_recipient(session, campaign_id, 1)
        make_attempt(session, recipient, "dialing")
    before = deltas(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE recipients SET updated_at = now(), cancels_in_row = 3"))
        session.execute(text("UPDATE attempts SET looked_up_at = now(), recall_reason = 'paused'"))
    assert deltas(engine) == before


def test_folding_changes_no_sum_and_leaves_no_delta_and_no_zero(engine, campaign_id):
    with transaction(engine) as session:
        insert_many(session, campaign_id, 10)
    tallying.fold(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE recipients SET status = 'review', next_attempt_at = NULL"))
    before = total(engine, campaign_id, "recipients")
    assert tallying.fold(engine) > 0
    assert (before, total(engine, campaign_id, "recipients")) == (10, 10)
    assert deltas(engine) == 0
    with transaction(engine) as session:
        zeros = session.execute(text("SELECT count(*) FROM campaign_tallies WHERE n = 0"))
        assert zeros.scalar_one() == 0
    assert differing(engine, campaign_id) == []


def test_a_fold_that_is_rolled_back_loses_nothing(engine, campaign_id):
    with transaction(engine) as session:
        insert_many(session, campaign_id, 10)

    class Killed(Exception):
        pass

    def killed_while_folding() -> None:
        with transaction(engine) as session:
            assert tallies.fold_deltas(session) > 0
            raise Killed

    with pytest.raises(Killed):
        killed_while_folding()
    assert differing(engine, campaign_id) == []
    assert deltas(engine) == 3


def test_only_one_folds_at_a_time(engine, campaign_id):
    with transaction(engine) as session:
        insert_many(session, campaign_id, 10)
    with transaction(engine) as first, transaction(engine) as second:
        assert tallies.fold_deltas(first) == 3
        assert tallies.fold_deltas(second) == 0
    assert differing(engine, campaign_id) == []


def test_readers_see_every_delta_once_while_others_write_and_fold(engine, campaign_id):
    """The sum of people only grows, by whole statements of ten, whoever folds at that moment."""
    over = threading.Event()
    failures: list[BaseException] = []

    def guarded(act: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except BaseException as error:
                failures.append(error)
                over.set()

        return run

    def write():
        for batch in range(40):
            with transaction(engine) as session:
                insert_many(session, campaign_id, 10, first=batch * 10)
        over.set()

    def fold():
        while not over.is_set():
            tallying.fold(engine)

    seen: list[int] = []
    threads = [threading.Thread(target=guarded(act)) for act in (write, fold, fold)]
    for thread in threads:
        thread.start()
    while not over.is_set():
        seen.append(total(engine, campaign_id, "recipients"))
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == sorted(seen)
    assert all(count % 10 == 0 for count in seen)
    tallying.fold(engine)
    assert total(engine, campaign_id, "recipients") == 400


def test_the_proof_finds_what_differs_says_so_and_puts_it_right(engine, campaign_id):
    with transaction(engine) as session:
        make_recipient(session, campaign_id, 1)
    tallying.fold(engine)
    assert tallying.prove(engine, campaign_id) == []
    with transaction(engine) as session:
        session.execute(text("UPDATE campaign_tallies SET n = n + 7 WHERE tally = 'recipients'"))

    (found,) = tallying.prove(engine, campaign_id)

    assert (found.tally, found.counted, found.kept) == ("recipients", 1, 8)
    assert differing(engine, campaign_id) == []
    assert total(engine, campaign_id, "recipients") == 1
    with transaction(engine) as session:
        (told,) = session.execute(text("SELECT sentence FROM campaign_log")).scalars()
        proofs = session.execute(text("SELECT differences FROM tally_proofs")).scalars().all()
    assert "recipients pending false: 8 instead of 1" in told
    assert proofs == [1]


def test_a_row_that_is_lost_from_the_totals_is_found_too(engine, campaign_id):
    with transaction(engine) as session:
        attempt = make_attempt(session, make_recipient(session, campaign_id, 1))
        make_response(session, attempt, "1", "confirm")
    tallying.fold(engine)
    with transaction(engine) as session:
        session.execute(text("DELETE FROM campaign_tallies"))
    assert {one.tally for one in tallying.prove(engine, campaign_id)} >= {
        *("recipients", "zones", "waiting", "attempts", "hours", "answers", "latest", "columns")
    }
    assert differing(engine, campaign_id) == []


def test_campaigns_are_proved_in_turn(engine, campaign_id):
    with transaction(engine) as session:
        other = make_campaign(session, name="another")
    proved = []
    for _ in range(3):
        tallying.prove_next(engine)
        with transaction(engine) as session:
            proved.append(
                session.execute(
                    text("SELECT campaign_id FROM tally_proofs ORDER BY proved_at DESC LIMIT 1")
                ).scalar_one()
            )
    assert proved == [campaign_id, other, campaign_id]


def test_two_do_not_prove_at_once_and_an_abandoned_proof_leaves_nothing(engine, campaign_id):
    with transaction(engine) as session:
        make_recipient(session, campaign_id, 1)
        session.execute(text("DELETE FROM tally_deltas"))
    with transaction(engine) as first:
        tallies.only_prover(first)
        assert tallying.prove(engine, campaign_id) == []
    assert tallying.prove(engine, campaign_id, stopping=lambda: True) == []
    assert differing(engine, campaign_id) != []
    assert tallying.prove(engine, campaign_id) != []
    assert differing(engine, campaign_id) == []


def test_old_minutes_are_dropped_and_new_ones_stay(engine, campaign_id):
    with transaction(engine) as session:
        now = database_now(session)
        recipient = make_recipient(session, campaign_id, 1, status="completed")
        for minutes in (1, 59, 500):
            make_attempt(session, recipient, slot_at=now - timedelta(minutes=minutes))
    tallying.fold(engine)
    assert total(engine, campaign_id, "minutes") == 3
    tallying.forget_old_minutes(engine)
    assert total(engine, campaign_id, "minutes") == 2
    assert tallying.prove(engine, campaign_id) == []


STATUSES = ("pending", "in_flight", "completed", "exhausted", "blocked", "review")
ENDS = tuple(one.value for one in Disposition)


def _set_recipient(session: Session, campaign_id: int, a: int, b: int) -> None:
    status = STATUSES[b % len(STATUSES)]
    due = NOW + timedelta(minutes=37 * (b % 11)) if status == "pending" else None
    session.execute(
        text("""
            UPDATE recipients SET status = :status, next_attempt_at = :due,
                attempts_spent = :spent, reason = :reason,
                fields = CASE WHEN :renamed
                    THEN jsonb_build_object('name', 'Bo Li Mei Bo', 'code', '7') ELSE fields END
            WHERE campaign_id = :id AND id % 3 = :a % 3
        """),
        {
            "id": campaign_id,
            "a": a,
            "status": status,
            "due": due,
            "spent": b % 3,
            "reason": (None, "after busy", "x" * 300)[b % 3],
            "renamed": b % 5 == 0,
        },
    )


def _add_attempt(session: Session, campaign_id: int, a: int, b: int) -> None:
    found = _ids(session, "recipients", campaign_id)
    if not found:
        return
    now = database_now(session)
    status = ("ended", "cancelled")[b % 2]
    over: dict[str, Any] = {"disposition": ENDS[a % len(ENDS)]} if status == "ended" else {}
    if status == "cancelled":
        over = {"cancel_reason": ("congested", "late_slot")[a % 2], "accepted_at": None}
    make_attempt(
        session,
        found[a % len(found)],
        status,
        slot_at=now - timedelta(minutes=b % 100),
        in_doubt_at=now if a % 4 == 0 else None,
        ringing_at=now if b % 3 else None,
        answered_at=now if b % 3 == 1 else None,
        **over,
    )


def _add_live_attempt(session: Session, campaign_id: int, a: int, b: int) -> None:
    free = [
        row[0]
        for row in session.execute(
            text("""
                SELECT id FROM recipients r WHERE campaign_id = :id AND NOT EXISTS (
                    SELECT 1 FROM attempts a WHERE a.recipient_id = r.id
                        AND a.status NOT IN ('ended', 'cancelled')) ORDER BY id
            """),
            {"id": campaign_id},
        )
    ]
    if free:
        # About to be dialled, as whatever is claimed later on is.
        make_attempt(session, free[a % len(free)], "queued", slot_at=database_now(session))


def _move_attempts(session: Session, campaign_id: int, a: int, b: int) -> None:
    session.execute(
        text("""
            UPDATE attempts SET
                status = CASE status WHEN 'queued' THEN 'dialing' WHEN 'dialing' THEN 'ringing'
                    WHEN 'ringing' THEN 'in_progress' WHEN 'in_progress' THEN 'ended'
                    ELSE status END,
                claimed_at = coalesce(claimed_at, clock_timestamp()),
                ringing_at = CASE WHEN status = 'dialing' THEN now() ELSE ringing_at END,
                answered_at = CASE WHEN status = 'ringing' THEN now() ELSE answered_at END,
                ended_at = CASE WHEN status = 'in_progress' THEN now() ELSE ended_at END,
                disposition = CASE WHEN status = 'in_progress' THEN 'answered_human'
                    WHEN status = 'ended' THEN :end END,
                spent = status <> 'cancelled' AND :spent
            WHERE campaign_id = :id AND id % 2 = :a % 2
        """),
        {"id": campaign_id, "a": a, "end": ENDS[b % len(ENDS)], "spent": b % 2 == 0},
    )


def _press(session: Session, campaign_id: int, a: int, b: int) -> None:
    found = _ids(session, "attempts", campaign_id)
    if found:
        session.execute(
            text("""
                INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at)
                SELECT id, recipient_id, campaign_id, :digit, :meaning, :at
                FROM attempts WHERE id = ANY (:ids) ON CONFLICT DO NOTHING
            """),
            {
                "ids": [one for one in found if one % 3 != a % 3],
                "digit": "139"[b % 3],
                "meaning": ("confirm", "cancel", "opt_out")[b % 3],
                "at": NOW + timedelta(seconds=a % 7),
            },
        )


def _take_back(session: Session, campaign_id: int, a: int, b: int) -> None:
    session.execute(
        text("DELETE FROM responses WHERE campaign_id = :id AND id % 3 = :a % 3"),
        {"id": campaign_id, "a": a},
    )


def _change_answers(session: Session, campaign_id: int, a: int, b: int) -> None:
    session.execute(
        text("""
            UPDATE responses SET meaning = :meaning, at = at + make_interval(secs => :b)
            WHERE campaign_id = :id AND id % 2 = :a % 2
        """),
        {"id": campaign_id, "a": a, "b": b % 9 - 4, "meaning": ("confirm", "cancel")[b % 2]},
    )


def _delete_uncalled(session: Session, campaign_id: int, a: int, b: int) -> None:
    session.execute(
        text("""
            DELETE FROM recipients r WHERE campaign_id = :id AND id % 4 = :a % 4
              AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.recipient_id = r.id)
        """),
        {"id": campaign_id, "a": a},
    )


def _add_people(session: Session, campaign_id: int, a: int, b: int) -> None:
    zones = (NEW_YORK, ("America/Los_Angeles",), ("Europe/Paris",))[b % 3]
    for place in range(1 + a % 4):
        make_recipient(
            session,
            campaign_id,
            b % 80,
            dedupe_key=f"{a}:{b}:{place}:{database_now(session)}",
            zones=zones,
            next_attempt_at=NOW + timedelta(hours=b % 30),
        )


def _ids(session: Session, table: str, campaign_id: int) -> list[int]:
    rows = session.execute(
        text(f"SELECT id FROM {table} WHERE campaign_id = :id ORDER BY id"), {"id": campaign_id}
    )
    return list(rows.scalars())


OPERATIONS = (
    *(_add_people, _set_recipient, _add_attempt, _add_live_attempt, _move_attempts),
    *(_press, _take_back, _change_answers, _delete_uncalled),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, len(OPERATIONS) - 1),
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from(["commit", "roll back", "fold"]),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_whatever_is_done_to_the_rows_the_tallies_are_what_they_are(engine, steps):
    with transaction(engine) as session:
        if not session.execute(text("SELECT 1 FROM accounts")).first():
            make_account(session)
        campaign_id = make_campaign(session)
        _add_people(session, campaign_id, 3, 1)
        for a in range(4):  # so that every operation finds something to change
            _add_attempt(session, campaign_id, a, 4 + a)
            _press(session, campaign_id, a, a)
    for place, a, b, then in steps:
        with transaction(engine) as session:
            OPERATIONS[place](session, campaign_id, a, b)
            if then == "roll back":
                session.rollback()
        if then == "fold":
            tallying.fold(engine)
    assert differing(engine, campaign_id) == []
    assert last_answers_kept(engine, campaign_id) == last_answers_given(engine, campaign_id)
    assert words_kept(engine, campaign_id) == words_of_rows(engine, campaign_id)


def last_answers_kept(engine: Engine, campaign_id: int) -> set[tuple[int, Any]]:
    with transaction(engine) as session:
        rows = session.execute(
            text("SELECT recipient_id, response_id FROM last_answers WHERE campaign_id = :id"),
            {"id": campaign_id},
        )
        return {(row[0], row[1]) for row in rows}


def last_answers_given(engine: Engine, campaign_id: int) -> set[tuple[int, Any]]:
    with transaction(engine) as session:
        rows = session.execute(
            text("SELECT recipient_id, at, id FROM responses WHERE campaign_id = :id"),
            {"id": campaign_id},
        ).all()
    last: dict[int, tuple[Any, int]] = {}
    for recipient_id, at, response_id in rows:
        last[recipient_id] = max(last.get(recipient_id, (at, 0)), (at, response_id))
    return {(recipient_id, found[1]) for recipient_id, found in last.items()}


def words_kept(engine: Engine, campaign_id: int) -> set[tuple[int, Any]]:
    with transaction(engine) as session:
        rows = session.execute(
            text("SELECT recipient_id, word FROM search_words WHERE campaign_id = :id"),
            {"id": campaign_id},
        )
        return {(row[0], row[1]) for row in rows}


def words_of_rows(engine: Engine, campaign_id: int) -> set[tuple[int, Any]]:
    with transaction(engine) as session:
        rows = session.execute(
            text("SELECT id, numbers, fields->>'name' FROM recipients WHERE campaign_id = :id"),
            {"id": campaign_id},
        ).all()
    found = set()
    for recipient_id, numbers, name in rows:
        found |= {(recipient_id, "#" + number[:0:-1]) for number in numbers}
        words = (name or "").lower().split()
        found |= {(recipient_id, " ".join(some)) for some in (words, words[1:], words[-1:]) if some}
    return found


def test_the_last_answer_is_the_latest_press_in_whatever_order_presses_come(engine, campaign_id):
    with transaction(engine) as session:
        recipient = make_recipient(session, campaign_id, 1, status="completed")
        first, second = (make_attempt(session, recipient) for _ in range(2))
        make_response(session, second, "3", "cancel", NOW)
        make_response(session, first, "1", "confirm", NOW - timedelta(hours=1))
        make_response(session, first, "2", "reschedule", NOW)  # at once: the later row counts

    def latest() -> list[str]:
        with transaction(engine) as session:
            return [t.key[1] for t in tallies.read_tallies(session, [campaign_id], ["latest"])]

    assert latest() == ["reschedule"]
    for meaning, left in (("reschedule", ["cancel"]), ("cancel", ["confirm"]), ("confirm", [])):
        with transaction(engine) as session:
            session.execute(text("DELETE FROM responses WHERE meaning = :m"), {"m": meaning})
        assert latest() == left
    assert differing(engine, campaign_id) == []


def test_what_was_there_before_the_tallies_is_counted_by_the_migration(engine):
    with transaction(engine) as session:
        make_account(session)
        campaign_id = make_campaign(session)
        recipient = make_recipient(
            session, campaign_id, 1, fields={"name": "Ada  King Noel Lovelace"}
        )
        attempt = make_attempt(session, recipient)
        make_response(session, attempt, "1", "confirm")
        session.commit()
    migrations.downgrade(engine, "0003")
    migrations.upgrade(engine)
    assert differing(engine, campaign_id) == []
    assert words_kept(engine, campaign_id) == words_of_rows(engine, campaign_id)
    assert len(last_answers_kept(engine, campaign_id)) == 1


def test_a_session_that_changed_one_row_before_changes_many_without_a_quadratic_plan(
    engine, campaign_id
):
    """The triggers' plans are made at a session's first statement and kept: twenty thousand rows
    compared pair by pair would take far longer than the statement time-out of this session."""
    with transaction(engine) as session:
        insert_many(session, campaign_id, 1)
        session.execute(text("SET LOCAL statement_timeout = '8s'"))
        for _ in range(12):
            session.execute(text("UPDATE recipients SET reason = 'one'"))
        insert_many(session, campaign_id, 20_000, first=1)
        session.execute(text("UPDATE recipients SET reason = 'many'"))
        session.execute(
            text("UPDATE recipients SET fields = jsonb_build_object('name', 'Ada ' || id)")
        )
    assert differing(engine, campaign_id) == []
    assert words_kept(engine, campaign_id) == words_of_rows(engine, campaign_id)


def test_a_session_that_deleted_one_row_before_deletes_many_as_well(engine, campaign_id):
    with transaction(engine) as session:
        session.execute(text("SET LOCAL statement_timeout = '8s'"))
        for n in range(12):
            insert_many(session, campaign_id, 1, first=n)
            session.execute(text("DELETE FROM recipients"))
        insert_many(session, campaign_id, 10_000)
        session.execute(text("DELETE FROM recipients"))
    assert words_kept(engine, campaign_id) == words_of_rows(engine, campaign_id)
