"""Each firing: the list read anew, a child campaign made of it and started, once."""

import threading
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns import campaigning, changing, importing, recurring
from campaigns.access import CLI
from campaigns.changing import PersonChange
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import ImportOptions, PushedRecipient
from campaigns.recurring import Reader
from campaigns.recurring.firing import MISSED_KEPT
from campaigns.store import recurrences as rows
from campaigns.store.drafts import delete_campaign
from tests.integration.recurring.conftest import NEW_YORK, Place

ONE, TWO, THREE = "+12125550100", "+12125550101", "+12125550102"


def test_a_firing_starts_a_copy_with_the_list_as_it_is_then(place):
    place.rows(
        "UPDATE campaigns SET max_cps = 0.5, windows = :windows, retry_policy = :policy",
        windows='{"mon": [["09:00", "17:00"]], "holidays": {"country": "US"}}',
        policy='{"max_attempts": 2}',
    )
    place.write("phone", ONE, THREE)
    assert place.fire() == "started"
    (child,) = place.children()
    template = place.rows("SELECT * FROM campaigns WHERE id = :id", id=place.campaign_id)[0]
    assert child.status == "running"
    assert child.name == "Water is off, 2026-11-20 09:00"
    for column in (
        *("kind", "account_id", "caller_id_id", "flow_id", "rule_set", "windows", "max_cps"),
        *("weight", "ring_timeout", "retry_policy", "reminder", "default_country"),
    ):
        assert getattr(child, column) == getattr(template, column)
    assert place.people(child.id) == [ONE, THREE]
    assert template.status == "draft"
    assert place.people(template.id) == []
    firing = place.firing()
    assert (firing.status, firing.campaign_id, firing.tries) == ("started", child.id, 1)
    assert place.log()[-1].startswith(
        f"The firing of 2026-11-20 09:00 started campaign {child.id}. 2 of 2 rows"
    )
    assert list((place.data_dir / "lists").iterdir()) == []


def test_the_next_firing_reads_the_list_again(place):
    place.fire("2026-11-20T09:00")
    place.write("phone", THREE)
    place.fire("2026-11-21T09:00")
    first, second = place.children()
    assert (place.people(first.id), place.people(second.id)) == ([ONE, TWO], [THREE])


def test_two_schedulers_note_a_firing_once(place):
    place.due()
    ready = threading.Barrier(2)
    noted: list[int] = []

    def look() -> None:
        ready.wait()
        noted.append(place.note())

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(noted) == [0, 1]
    assert place.value("SELECT count(*) FROM recurrence_firings") == 1


def test_a_wall_time_that_was_noted_is_not_noted_again(place):
    place.fire()
    place.due()  # a clock that went back, say
    assert place.note() == 0
    assert place.value("SELECT count(*) FROM recurrence_firings") == 1


def test_noting_moves_on_to_the_next_wall_time(place):
    place.due()
    now = place.now()
    place.note(now)
    row = place.recurrence()
    assert row.next_at > now
    assert row.next_key.endswith("T09:00")
    assert row.next_at - now <= timedelta(days=1, hours=1)


def test_two_workers_carry_a_firing_out_once(place):
    place.due()
    place.note()
    firing_id = place.firing().id
    reached, go_on = threading.Event(), threading.Event()

    class Slow(Reader):
        def read(self, source: Any, target: Any) -> str:
            reached.set()
            go_on.wait()
            return super().read(source, target)

    first: list[Any] = []
    slow = Slow(place.lists, 1)
    thread = threading.Thread(
        target=lambda: first.append(
            recurring.run_firing(place.engine, firing_id, slow, place.data_dir)
        )
    )
    thread.start()
    reached.wait()
    assert place.run() is None  # while the other is at work
    go_on.set()
    thread.join()
    assert first == ["started"]
    assert place.run() is None  # it is over
    assert len(place.children()) == 1


def test_no_transaction_is_open_while_a_list_is_read(place):
    place.due()
    place.note()
    seen: list[Any] = []

    class Looking(Reader):
        def read(self, source: Any, target: Any) -> str:
            seen.extend(
                place.rows(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND state <> 'idle' "
                    "AND backend_type = 'client backend'"
                )
            )
            return super().read(source, target)

    recurring.run_firing(place.engine, place.firing().id, Looking(place.lists, 1), place.data_dir)
    assert seen == []


@pytest.mark.parametrize("at", ["after the list was read", "after the import", "at the start"])
def test_whoever_takes_over_from_a_dead_worker_goes_on_where_it_was(place, monkeypatch, at):
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    places = {
        "after the list was read": (importing, "fingerprint"),
        "after the import": (rows, "is_open"),
        "at the start": (campaigning, "start_campaign"),
    }
    place.due()
    place.note()
    with monkeypatch.context() as patched:
        if at == "after the import":
            answers = iter([True])
            patched.setattr(rows, "is_open", lambda *_: next(answers, None) or die())
        else:
            patched.setattr(*places[at], die)
        with pytest.raises(Killed):
            place.run()
    assert place.firing().status == "running"
    assert place.run() == "started"
    (child,) = place.children()
    assert (child.status, place.people(child.id)) == ("running", [ONE, TWO])
    assert place.firing().tries == 2


def test_who_takes_over_and_finds_another_list_imports_that_alone(place, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    place.due()
    place.note()
    with monkeypatch.context() as patched:
        patched.setattr(campaigning, "start_campaign", die)
        with pytest.raises(Killed):
            place.run()
    place.write("phone", TWO, THREE)
    assert place.run() == "started"
    (child,) = place.children()
    assert place.people(child.id) == [TWO, THREE]


def test_a_list_that_cannot_be_read_is_tried_again(place):
    (place.lists / "list.csv").unlink()
    assert place.fire() == "waiting"
    firing = place.firing()
    assert firing.next_try_at > place.now()
    assert "No such file" in firing.reason
    assert "No such file" in place.recurrence().problem
    assert "waits for its list" in place.log()[-1]
    logged = len(place.log())
    assert place.run() is None  # not before its time
    assert place.retry() == "waiting"
    assert len(place.log()) == logged  # said once
    waits = place.firing().next_try_at - place.now()
    assert timedelta(seconds=90) < waits <= timedelta(seconds=120)
    place.write("phone", ONE)
    assert place.retry() == "started"
    assert place.recurrence().problem is None
    assert len(place.children()) == 1


def test_a_list_that_is_no_list_is_tried_again_into_the_same_campaign(place):
    place.write("nothing here", "that anybody could call")
    assert place.fire() == "waiting"
    assert "telephone" in place.firing().reason
    place.write("phone", ONE)
    assert place.retry() == "started"
    (child,) = place.children()
    assert place.people(child.id) == [ONE]


def test_a_list_that_stays_away_is_given_up_when_it_is_too_late(place):
    (place.lists / "list.csv").unlink()
    place.fire()
    place.rows("UPDATE recurrence_firings SET due_at = due_at - interval '4 hours'")
    assert place.retry() == "failed"
    assert place.children() == []
    assert "failed: " in place.log()[-1]
    assert "No such file" in place.recurrence().problem
    place.write("phone", ONE)
    assert place.retry() is None
    assert place.fire("2026-11-21T09:00") == "started"
    assert place.recurrence().problem is None


def test_a_list_with_nobody_in_it_starts_nothing(make_place):
    place = make_place()
    place.recur(options=ImportOptions(phone_columns=("phone",)))
    place.write("phone", "not a number")
    assert place.fire() == "skipped"
    (child,) = place.children()
    assert child.status == "stopped"
    assert "No row was imported" in place.firing().reason


def test_a_text_that_names_a_missing_column_starts_nothing(make_place):
    place = make_place(flow=announcement_flow("Dear {nickname}."))
    place.recur()
    place.write("phone,name", f"{ONE},Ada")
    assert place.fire() == "failed"
    assert "{nickname}" in place.recurrence().problem
    assert place.children()[0].status == "stopped"


def test_after_an_outage_only_the_latest_firing_is_carried_out(place):
    place.rows("UPDATE recurrences SET rule = :rule", rule='{"cron": "0 * * * *", "zone": "UTC"}')
    hour = place.now().replace(minute=0, second=0, microsecond=0)
    start = hour - timedelta(hours=3)
    place.rows(
        "UPDATE recurrences SET next_at = :at, next_key = :key",
        at=start,
        key=f"{start:%Y-%m-%dT%H:%M}",
    )
    assert place.note() == 1
    found = place.rows("SELECT due_at, status FROM recurrence_firings ORDER BY due_at")
    assert [row.status for row in found] == ["missed", "missed", "missed", "waiting"]
    assert found[-1].due_at == hour
    assert "3 firings from" in place.log()[-1]
    assert "missed" in place.log()[-1]
    assert place.run() == "started"
    assert len(place.children()) == 1


def test_a_firing_that_is_noticed_too_late_is_missed(place):
    five_hours_ago = place.now() - timedelta(hours=5)  # whatever the time is, no other one is due
    place.rows(
        "UPDATE recurrences SET rule = :rule",
        rule=f'{{"times": ["{five_hours_ago:%H:%M}"], "zone": "UTC"}}',
    )
    place.due(ago=4 * 3600 + 60)
    assert place.note() == 0
    assert place.firing().status == "missed"
    assert "was missed: nothing was running then. Nobody was called." in place.log()[-1]
    assert place.recurrence().status == "active"


def test_a_long_outage_costs_a_bounded_number_of_rows(place):
    place.rows("UPDATE recurrences SET rule = :rule", rule='{"cron": "0 * * * *", "zone": "UTC"}')
    start = place.now() - timedelta(days=30)
    place.due(f"{start:%Y-%m-%dT%H:00}", ago=30 * 86400)
    place.note()
    assert place.value("SELECT count(*) FROM recurrence_firings") <= MISSED_KEPT + 1
    assert "720 firings" in place.log()[-1] or "719 firings" in place.log()[-1]


def test_a_recurrence_ends_with_its_last_firing_which_is_still_carried_out(place):
    place.rows(
        "UPDATE recurrences SET rule = :rule",
        rule='{"times": ["09:00"], "zone": "UTC", "ends_on": "2026-01-01"}',
    )
    place.due()
    assert place.note() == 1
    assert place.recurrence().status == "ended"
    assert "no further firing" in place.log()[-1]
    assert place.run() == "started"


@pytest.mark.parametrize("halt", [recurring.pause_recurrence, recurring.end_recurrence])
def test_a_firing_of_a_halted_recurrence_starts_nothing(place, halt):
    def act() -> None:
        with transaction(place.engine) as session:
            halt(session, place.recurrence_id, CLI, database_now(session))

    class Halting(Reader):
        def read(self, source: Any, target: Any) -> str:
            act()
            return super().read(source, target)

    place.due()
    place.note()
    firing_id = place.firing().id
    halting = Halting(place.lists, 1)
    assert recurring.run_firing(place.engine, firing_id, halting, place.data_dir) == "skipped"
    assert place.firing().status == "skipped"
    assert all(child.status == "draft" for child in place.children())


def test_a_paused_recurrence_does_not_fire_and_makes_nothing_up(place):
    with transaction(place.engine) as session:
        recurring.pause_recurrence(session, place.recurrence_id, CLI, database_now(session))
    assert place.note(place.now() + timedelta(days=30)) == 0
    with transaction(place.engine) as session:
        now = database_now(session)
        row = recurring.resume_recurrence(session, place.recurrence_id, CLI, now)
        assert row.next_at is not None
        assert row.next_at > now
    assert place.value("SELECT count(*) FROM recurrence_firings") == 0
    actions = [row[0] for row in place.rows("SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["recurrence.create", "recurrence.pause", "recurrence.resume"]


def test_a_rule_that_is_not_understood_any_more_pauses_its_recurrence_alone(place):
    place.due()
    place.rows("UPDATE recurrences SET rule = :rule", rule='{"times": ["09:00"], "zone": "Mars/X"}')
    assert place.note() == 0
    row = place.recurrence()
    assert (row.status, row.next_at) == ("paused", None)
    assert "Mars/X" in row.problem


def test_an_unchanged_announcement_is_skipped_unless_told_otherwise(make_place):
    place = make_place()
    place.write("phone", ONE)
    place.recur()
    assert place.recurrence().unchanged == "skip"
    assert place.fire("2026-11-18T09:00") == "started"
    assert place.fire("2026-11-19T09:00") == "skipped"
    assert "same as at the last firing" in place.firing().reason
    assert place.fire("2026-11-20T09:00") == "skipped"  # still the same
    place.write("phone", TWO)
    assert place.fire("2026-11-21T09:00") == "started"
    assert len(place.children()) == 2


def appointments(place: Place, *rows_: tuple[str, str]) -> None:
    place.write("phone,name,appointment", *(f"{phone},Ada,{at}" for phone, at in rows_))


def in_days(n: int) -> str:
    return f"{datetime.now().astimezone() + timedelta(days=n):%Y-%m-%d} 15:30"


def test_nobody_is_reminded_twice_of_one_appointment(reminders):
    assert reminders.recurrence().unchanged == "run"
    appointments(reminders, (ONE, in_days(3)), (TWO, in_days(4)))
    assert reminders.fire("2026-11-19T09:00") == "started"
    # The day after: one is still in the list, one has another time, one is new. The one with
    # another time is moved where they are waiting, and taken on by no second campaign.
    appointments(reminders, (ONE, in_days(3)), (TWO, in_days(6)), (THREE, in_days(5)))
    assert reminders.fire("2026-11-20T09:00") == "started"
    first, second = reminders.children()
    assert reminders.people(first.id) == [ONE, TWO]
    assert reminders.people(second.id) == [THREE]
    moved = reminders.value(
        "SELECT appointment_at FROM recipients WHERE numbers[1] = :number", number=TWO
    )
    assert f"{moved.astimezone(ZoneInfo(NEW_YORK)):%Y-%m-%d %H:%M}" == in_days(6)
    (reject,) = reminders.rows("SELECT line, reason, detail FROM import_rejects")
    assert (reject.line, reject.reason) == (2, "duplicate")
    assert f"campaign {first.id}" in reject.detail
    counts = reminders.rows(
        "SELECT rows_read, rows_imported, rows_rejected, rows_moved FROM imports"
        " ORDER BY id DESC LIMIT 1"
    )[0]
    assert tuple(counts) == (3, 1, 1, 1)
    # The same list once more brings nobody.
    assert reminders.fire("2026-11-21T09:00") == "skipped"
    assert reminders.children()[2].status == "stopped"


def test_a_second_appointment_of_a_person_moves_nothing(reminders):
    """The old time is still in the list, so the other one is a further appointment."""
    appointments(reminders, (ONE, in_days(3)))
    reminders.fire("2026-11-19T09:00")
    appointments(reminders, (ONE, in_days(3)), (ONE, in_days(6)))
    assert reminders.fire("2026-11-20T09:00") == "started"
    first, second = reminders.children()
    assert reminders.people(first.id) == reminders.people(second.id) == [ONE]


def test_a_person_is_known_by_each_of_their_numbers(reminders):
    at = in_days(3)
    columns = "mobile,phone,name,appointment"
    reminders.write(columns, f"{ONE},{TWO},Ada,{at}")
    assert reminders.fire("2026-11-19T09:00") == "started"
    reminders.write(columns, f"{TWO},{ONE},Ada,{at}", f"{THREE},,Ana,{at}")
    assert reminders.fire("2026-11-20T09:00") == "started"
    assert reminders.people(reminders.children()[1].id) == [THREE]


def test_who_was_changed_or_added_by_hand_is_not_reminded_again(reminders):
    appointments(reminders, (ONE, in_days(3)))
    reminders.fire("2026-11-19T09:00")
    (child,) = reminders.children()
    person = reminders.value("SELECT id FROM recipients")
    moved, theirs = (
        datetime.fromisoformat(in_days(n)).replace(tzinfo=ZoneInfo(NEW_YORK)) for n in (4, 5)
    )
    with transaction(reminders.engine) as session:
        now = database_now(session)
        change = PersonChange(numbers=[TWO], appointment_at=moved)
        changing.change_person(session, person, change, CLI, now)
        added = PushedRecipient(numbers=[THREE], name="Ana", appointment_at=theirs)
        changing.add_person(session, child.id, added, CLI, now)
    appointments(reminders, (TWO, in_days(4)), (THREE, in_days(5)))
    assert reminders.fire("2026-11-20T09:00") == "skipped"


def test_who_was_still_waiting_in_a_stopped_campaign_is_reminded_by_the_next(reminders):
    at = in_days(3)
    appointments(reminders, (ONE, at), (TWO, at))
    reminders.fire("2026-11-19T09:00")
    first = reminders.children()[0]
    reminders.rows(
        "UPDATE recipients SET status = 'completed', next_attempt_at = NULL "
        "WHERE numbers[1] = :number",
        number=ONE,
    )
    with transaction(reminders.engine) as session:
        campaigning.stop_campaign(session, first.id, database_now(session), "by request")
    assert reminders.fire("2026-11-20T09:00") == "started"
    assert reminders.people(reminders.children()[1].id) == [TWO]


def test_what_was_taken_back_is_reminded_by_the_next(reminders, monkeypatch):
    appointments(reminders, (ONE, in_days(3)))
    monkeypatch.setattr(
        campaigning, "start_campaign", lambda *_: (_ for _ in ()).throw(NotAllowed("Not now."))
    )
    assert reminders.fire("2026-11-19T09:00") == "failed"
    monkeypatch.undo()
    with transaction(reminders.engine) as session:
        delete_campaign(session, reminders.children()[0].id)
    assert reminders.fire("2026-11-20T09:00") == "started"
    assert reminders.people(reminders.children()[0].id) == [ONE]


def test_who_is_left_in_a_campaign_that_was_not_started_is_reminded_by_the_next(
    reminders, monkeypatch
):
    appointments(reminders, (ONE, in_days(3)))
    with monkeypatch.context() as patched:
        patched.setattr(
            campaigning, "start_campaign", lambda *_: (_ for _ in ()).throw(NotAllowed("Not now."))
        )
        assert reminders.fire("2026-11-19T09:00") == "failed"
    assert reminders.fire("2026-11-20T09:00") == "started"
    first, second = reminders.children()
    assert (first.status, second.status) == ("stopped", "running")  # nobody can start both
    assert reminders.people(second.id) == [ONE]


def test_who_was_imported_when_the_recurrence_was_paused_is_reminded_after_it(
    reminders, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(*_: Any) -> Any:
        raise Killed

    appointments(reminders, (ONE, in_days(3)))
    with monkeypatch.context() as patched:
        patched.setattr(campaigning, "start_campaign", die)
        with pytest.raises(Killed):
            reminders.fire("2026-11-19T09:00")
    for change in (recurring.pause_recurrence, recurring.resume_recurrence):
        with transaction(reminders.engine) as session:
            change(session, reminders.recurrence_id, CLI, database_now(session))
    assert reminders.fire("2026-11-20T09:00") == "started"
    first, second = reminders.children()
    assert (first.status, second.status) == ("stopped", "running")
    assert reminders.people(second.id) == [ONE]


def test_an_import_into_a_campaign_of_its_own_is_not_compared(reminders, make_place):
    appointments(reminders, (ONE, in_days(3)))
    reminders.fire()
    path = reminders.lists / "list.csv"
    with transaction(reminders.engine) as session:
        row = importing.register(
            session,
            reminders.campaign_id,
            file_name="list.csv",
            file=importing.fingerprint(path),
        ).row
    assert importing.run(reminders.engine, row.id, path).rows_imported == 1


def test_what_is_past_is_forgotten(reminders):
    appointments(reminders, (ONE, in_days(3)))
    reminders.fire()
    assert reminders.value("SELECT count(*) FROM reminded_appointments") == 1
    for days, left in ((1, 1), (10, 0)):
        with transaction(reminders.engine) as session:
            rows.forget_past_appointments(session, reminders.now() + timedelta(days=days))
        assert reminders.value("SELECT count(*) FROM reminded_appointments") == left


def test_a_campaign_may_be_given_an_end(make_place):
    place = make_place()
    place.write("phone", ONE)
    place.recur(run_hours=2.0)
    place.fire()
    (child,) = place.children()
    assert timedelta(hours=1.9) < child.ends_at - place.now() <= timedelta(hours=2)


def test_workers_are_told_of_a_firing_once_a_minute(place):
    place.due()
    place.note()
    firing_id = place.firing().id

    def hinted(after: float) -> list[int]:
        with transaction(place.engine) as session:
            return rows.firings_to_hint(session, start + timedelta(seconds=after))

    start = place.now()
    assert hinted(0) == [firing_id]
    assert hinted(30) == []
    assert hinted(61) == [firing_id]
    place.run()
    assert hinted(200) == []


def test_only_a_written_campaign_that_does_not_recur_yet_may_recur(place, make_place):
    with pytest.raises(NotAllowed, match="recurs already"):
        place.recur()
    place.write("phone", ONE)
    place.fire()
    child = place.children()[0].id
    place.campaign_id = child
    with pytest.raises(NotAllowed, match="made by a recurrence"):
        place.recur()
    place.campaign_id = 99
    with pytest.raises(NotFound):
        place.recur()


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"rule": {"times": ["09:00"], "zone": "UTC", "ends_on": "2020-01-01"}}, "never fire"),
        ({"grace_hours": 0.0}, "late"),
        ({"grace_hours": 1000.0}, "late"),
        ({"run_hours": -1.0}, "may run"),
        ({"unchanged": "perhaps"}, "runs or skips"),
        ({"source": {"file": "../x.csv"}}, "not a file below"),
    ],
)
def test_what_cannot_recur_is_refused_and_nothing_is_kept(make_place, over, says):
    place = make_place()
    with pytest.raises(InvalidInput, match=says):
        place.recur(**over)
    assert place.value("SELECT count(*) FROM recurrences") == 0


def test_a_draft_that_recurs_may_be_thrown_away(place):
    place.fire()
    with transaction(place.engine) as session:
        delete_campaign(session, place.campaign_id)
    assert place.value("SELECT count(*) FROM recurrences") == 0
    assert place.value("SELECT count(*) FROM campaigns") == 1  # the child goes on
