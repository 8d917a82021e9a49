"""Before and after an import runs: handed in, looked at, confirmed, undone, discarded."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from campaigns.db import database_now, transaction
from campaigns.errors import NotAllowed, NotARecipientList, NotFound
from campaigns.importing import (
    ImportOptions,
    confirm,
    discard,
    examine,
    fingerprint,
    forget_files,
    hand_in,
    list_imports,
    repairs_of,
    run,
    summarise,
    undo,
)
from campaigns.store import imports as import_rows
from campaigns.store import recipients_import
from tests.integration.reporting.seed import make_attempt

LIST = "phone,name\n+12025550101,Ana\n2025550102.0,Bo\n1.2025550103E+10,Cy\n1.20256E+10,Di\n"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def data_dir(tmp_path):
    (tmp_path / "uploads").mkdir()
    return tmp_path


@pytest.fixture
def handed_in(engine, data_dir):
    """A function that stores content below the data directory and hands it in."""

    def hand(campaign_id, content=LIST, name="a", **options):
        stored_at = f"uploads/{name}"
        path = data_dir / stored_at
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with transaction(engine) as session:
            found = hand_in(
                session,
                campaign_id,
                file_name="list.csv",
                file=fingerprint(path),
                stored_at=stored_at,
                options=ImportOptions(**options),
            )
            return SimpleNamespace(id=found.row.id, path=path, already=found.already)

    return hand


@pytest.fixture
def using(engine):
    """A function that calls a use case in a transaction of its own."""

    def call(use_case, *words, **named):
        with transaction(engine) as session:
            return use_case(session, *words, **named)

    return call


@pytest.fixture
def confirmed(engine, using):
    """A function that confirms a handed-in file and runs its import."""

    def go(waiting, **options):
        using(confirm, waiting.id, ImportOptions(**options) if options else None, NOW)
        return run(engine, waiting.id, waiting.path)

    return go


def test_a_file_that_was_handed_in_is_not_imported_before_it_is_confirmed(
    engine, campaign, handed_in, using, confirmed, recipients_of
):
    waiting = handed_in(campaign)
    assert run(engine, waiting.id, waiting.path).status == "uploaded"
    with transaction(engine) as session:
        later = database_now(session) + timedelta(hours=1)
        assert import_rows.imports_without_a_worker(session, later) == []
    assert recipients_of(campaign) == []
    summary = confirmed(waiting)
    assert (summary.status, summary.rows_imported) == ("done", 3)
    with pytest.raises(NotAllowed, match="imported already"):
        using(confirm, waiting.id, None, NOW)


def test_the_same_file_handed_in_twice_is_one_import(campaign, handed_in, confirmed):
    first = handed_in(campaign)
    again = handed_in(campaign, name="b")
    assert (again.already, again.id) == (True, first.id)
    confirmed(first)
    assert handed_in(campaign, name="c").already


def test_repairs_are_counted_and_shown(campaign, handed_in, confirmed, using):
    waiting = handed_in(campaign)
    summary = confirmed(waiting)
    assert summary.rejects_by_reason == {"digits_lost": 1}
    assert summary.repairs == {"exponent": 1, "lost_plus": 1, "trailing_zero": 1}
    examples = [tuple(vars_of(one)) for one in using(repairs_of, waiting.id)]
    assert examples == [
        ("exponent", 4, "1.2025550103E+10", "+12025550103"),
        ("lost_plus", 4, "1.2025550103E+10", "+12025550103"),
        ("trailing_zero", 3, "2025550102.0", "+12025550102"),
    ]


def vars_of(row):
    return row.kind, row.line, row.before, row.after


def test_at_most_twenty_examples_of_a_repair_are_kept(campaign, handed_in, confirmed, using):
    rows = "".join(f"20{area}55501{n:02}.0\n" for area in (2, 3) for n in range(40))
    waiting = handed_in(campaign, "phone\n" + rows)
    summary = confirmed(waiting)
    kept = using(repairs_of, waiting.id)
    assert len([one for one in kept if one.kind == "trailing_zero"]) == 20
    assert summary.repairs["trailing_zero"] == 80
    assert [one.line for one in kept if one.kind == "trailing_zero"] == list(range(2, 22))


def test_two_numbers_in_one_cell_are_both_stored(campaign, handed_in, confirmed, recipients_of):
    confirmed(handed_in(campaign, "phone\n202-555-0101 or 202-555-0102\n"))
    assert recipients_of(campaign, "numbers") == [(["+12025550101", "+12025550102"],)]


def test_people_who_were_called_lately_are_counted_and_named(
    engine, make_campaign, handed_in, confirmed, rows_of
):
    earlier, later = make_campaign(), make_campaign()
    confirmed(handed_in(earlier))
    ended = {101: timedelta(days=6), 102: timedelta(days=8), 103: timedelta(hours=1)}
    with transaction(engine) as session:
        now = database_now(session)
        ids = {n: row[1] for n, row in zip((101, 102, 103), recipients_by_id(rows_of), strict=True)}
        for n, ago in ended.items():
            status = "cancelled" if n == 103 else "ended"
            insert_attempt(session, ids[n], f"+12025550{n}", now - ago, status)
    summary = confirmed(handed_in(later, LIST + "+12025550104,Ed\n", name="b"))
    assert summary.rows_imported == 4
    assert summary.rows_recently_called == 1
    assert "1 of these people was called in the last 7 days." in summary.sentence


def recipients_by_id(rows_of):
    return rows_of("SELECT numbers[1], id FROM recipients ORDER BY id")


def insert_attempt(session, recipient_id, number, at, status):
    session.execute(
        text("""
            INSERT INTO attempts (recipient_id, campaign_id, account_id, caller_id_id, n, number,
                status, slot_at, not_after, open_until, rule_version, claimed_at, ended_at,
                disposition, cancel_reason, spent)
            SELECT r.id, c.id, c.account_id, c.caller_id_id, 1, :number, :status, :at, :at, :at,
                'x', :at, :at, CASE WHEN :status = 'ended' THEN 'no_answer' END,
                CASE WHEN :status = 'cancelled' THEN 'paused' END, :status = 'ended'
            FROM recipients r JOIN campaigns c ON c.id = r.campaign_id WHERE r.id = :recipient
        """),
        {"recipient": recipient_id, "number": number, "at": at, "status": status},
    )


def test_an_undone_import_leaves_nobody_and_may_be_confirmed_differently(
    campaign, handed_in, confirmed, using, recipients_of, rows_of
):
    waiting = handed_in(campaign)
    confirmed(waiting)
    summary = using(undo, waiting.id, NOW)
    assert summary.status == "undone"
    assert "3 recipients were removed" in summary.sentence
    assert recipients_of(campaign) == []
    assert waiting.path.exists()
    again = confirmed(waiting, name_column="phone")
    assert (again.status, again.rows_imported) == ("done", 3)
    assert rows_of("SELECT mapping->>'name_column' FROM imports") == [("phone",)]
    assert rows_of("SELECT count(*) FROM import_rejects") == [(1,)]


def test_an_undone_import_lets_the_same_file_in_again(
    engine, campaign, imported, registered, using, recipients_of
):
    first = imported(campaign, LIST)
    using(undo, first.import_id, NOW)
    again = imported(campaign, LIST, default_country="GB")
    assert again.import_id != first.import_id
    assert again.rows_imported == 1  # without a plus, the others are no British numbers
    assert len(recipients_of(campaign)) == 1
    with pytest.raises(NotAllowed, match=r"no longer kept|already"):
        using(confirm, first.import_id, None, NOW)


def test_undo_removes_only_its_own_people(campaign, imported, using, recipients_of):
    imported(campaign, LIST)
    second = imported(campaign, LIST + "+12025550109,Zoe\n")
    assert second.rows_imported == 1
    using(undo, second.import_id, NOW)
    assert [row[0] for row in recipients_of(campaign)] == [
        ["+12025550101"],
        ["+12025550102"],
        ["+12025550103"],
    ]


def test_once_somebody_was_called_an_import_is_not_undone(
    engine, campaign, imported, using, recipients_of
):
    summary = imported(campaign, LIST)
    with transaction(engine) as session:
        recipient = recipients_of(campaign, "id")[1][0]
        make_attempt(session, recipient, disposition="no_answer")
    with pytest.raises(NotAllowed, match="1 of the 3 people of this import has been called"):
        using(undo, summary.import_id, NOW)
    assert len(recipients_of(campaign)) == 3
    assert using(summarise, summary.import_id).status == "done"


def test_an_undo_waits_for_the_tick_that_holds_a_person_and_then_refuses(
    engine, campaign, imported, using, recipients_of, monkeypatch
):
    """The attempt is committed after the undo has looked once and before it has its locks."""
    summary = imported(campaign, LIST)
    recipient = recipients_of(campaign, "id")[0][0]
    good = recipients_import.lock_recipients_of_import
    asked = threading.Event()

    def lock_after_asking(*words):
        asked.set()
        good(*words)

    monkeypatch.setattr(recipients_import, "lock_recipients_of_import", lock_after_asking)
    refused = []

    def try_undo():
        try:
            using(undo, summary.import_id, NOW)
        except NotAllowed as error:
            refused.append(str(error))

    with transaction(engine) as tick:
        tick.execute(text("SELECT id FROM recipients WHERE id = :id FOR UPDATE"), {"id": recipient})
        thread = threading.Thread(target=try_undo)
        thread.start()
        assert asked.wait(10)
        make_attempt(tick, recipient, disposition="no_answer")
    thread.join(20)
    assert not thread.is_alive()
    assert "has been called" in refused[0]
    assert len(recipients_of(campaign)) == 3


@pytest.mark.parametrize("status", ["uploaded", "waiting", "running", "failed", "undone"])
def test_only_a_finished_import_is_undone(engine, campaign, handed_in, using, status):
    waiting = handed_in(campaign)
    using(lambda s: s.execute(text("UPDATE imports SET status = :s"), {"s": status}))
    with pytest.raises(NotAllowed, match="Only a finished one can be undone"):
        using(undo, waiting.id, NOW)


def test_a_discarded_file_is_gone_and_may_be_handed_in_again(campaign, handed_in, using, data_dir):
    waiting = handed_in(campaign)
    assert using(discard, waiting.id, data_dir).status == "discarded"
    assert not waiting.path.exists()
    assert using(list_imports, None, 10, campaign) == []
    with pytest.raises(NotAllowed, match="discarded"):
        using(confirm, waiting.id, None, NOW)
    with pytest.raises(NotAllowed, match="discarded"):
        using(discard, waiting.id, data_dir)
    assert not handed_in(campaign, name="b").already


def test_what_brought_people_in_is_not_discarded(campaign, handed_in, confirmed, using, data_dir):
    waiting = handed_in(campaign)
    confirmed(waiting)
    with pytest.raises(NotAllowed, match="can be undone"):
        using(discard, waiting.id, data_dir)
    assert waiting.path.exists()


def test_a_failed_import_may_be_confirmed_with_other_options(
    make_campaign, handed_in, confirmed, recipients_of
):
    reminders = make_campaign(kind="reminder", reminder={"offset": 3600})
    waiting = handed_in(reminders, "phone,date\n+12025550101,03/04/2099 10:00\n")
    assert confirmed(waiting).status == "failed"
    assert confirmed(waiting, date_format="DD/MM/YYYY HH:MM").status == "done"
    assert len(recipients_of(reminders)) == 1


def test_two_imports_of_one_file_are_not_both_confirmed(campaign, handed_in, using, registered):
    first = handed_in(campaign)
    using(lambda s: s.execute(text("UPDATE imports SET status = 'failed'")))
    registered(campaign, LIST)
    with pytest.raises(NotAllowed, match="The same file is in import 2"):
        using(confirm, first.id, None, NOW)


def test_registering_a_file_that_was_handed_in_confirms_it(campaign, handed_in, registered):
    first = handed_in(campaign)
    again = registered(campaign, LIST)
    assert (again.id, again.already) == (first.id, False)


def test_unknown_imports_are_named(using, data_dir):
    for use_case, words in ((confirm, (None, NOW)), (undo, (NOW,)), (discard, (data_dir,))):
        with pytest.raises(NotFound, match="no import 77"):
            using(use_case, 77, *words)


def test_pages_of_imports_come_latest_first(make_campaign, handed_in, using):
    one, other = make_campaign(), make_campaign()
    ids = [handed_in(one, LIST + f"x{n}\n", name=f"n{n}").id for n in range(3)]
    foreign = handed_in(other, name="o").id
    assert [row.id for row in using(list_imports, None, 2)] == [foreign, ids[2]]
    assert [row.id for row in using(list_imports, ids[2], 10)] == [ids[1], ids[0]]
    assert [row.id for row in using(list_imports, None, 10, one)] == ids[::-1]


def test_files_are_kept_until_nobody_can_need_them(
    engine, make_campaign, handed_in, confirmed, data_dir, using
):
    one, other = make_campaign(), make_campaign()
    done, pending = handed_in(one), handed_in(one, LIST + "x\n", name="b")
    confirmed(done)
    elsewhere = handed_in(other, name="c")
    assert forget_files(engine, data_dir) == 0
    assert done.path.exists()
    using(lambda s: s.execute(text("UPDATE campaigns SET status = 'stopped' WHERE id = 1")))
    assert forget_files(engine, data_dir) == 2
    assert (done.path.exists(), pending.path.exists()) == (False, False)
    assert elsewhere.path.exists()


def test_an_examination_shows_rows_beside_what_they_become(campaign, handed_in, using, data_dir):
    waiting = handed_in(campaign)
    seen = using(examine, waiting.id, None, NOW, data_dir=data_dir)
    assert (seen.format, seen.encoding, seen.delimiter) == ("csv", "UTF-8", ",")
    assert [(c.header, c.meaning, c.field) for c in seen.columns] == [
        ("phone", "phone", "phone"),
        ("name", "name", "name"),
    ]
    assert "3 of 4" in seen.columns[0].reason or "4 of 4" in seen.columns[0].reason
    assert [row.numbers for row in seen.rows] == [
        *(["+12025550101"], ["+12025550102"], ["+12025550103"], []),
    ]
    assert seen.rows[3].reject_reason == "digits_lost"
    assert seen.rows[2].repairs[0].before == "1.2025550103E+10"
    assert (seen.sampled_rows, seen.sampled_good) == (4, 3)
    assert seen.sampled_rejects == {"digits_lost": 1}
    assert seen.usable_in_texts == ["phone", "name"]
    assert seen.problem is None


def test_an_examination_offers_the_readings_of_ambiguous_dates(
    make_campaign, handed_in, using, data_dir
):
    reminders = make_campaign(kind="reminder", reminder={"offset": 3600})
    waiting = handed_in(reminders, "phone,date\n+12025550101,03/04/2099 10:00\n")
    seen = using(examine, waiting.id, None, NOW, data_dir=data_dir)
    assert seen.dates_ambiguous
    assert [one.format for one in seen.date_candidates] == ["DD/MM/YYYY HH:MM", "MM/DD/YYYY HH:MM"]
    assert seen.rows[0].numbers == ["+12025550101"]
    assert "two ways" in str(seen.problem)
    chosen = ImportOptions(date_format="DD/MM/YYYY HH:MM")
    seen = using(examine, waiting.id, chosen, NOW, data_dir=data_dir)
    assert (seen.dates_ambiguous, seen.problem) == (False, None)
    assert seen.rows[0].appointment_at == datetime(2099, 4, 3, 14, 0, tzinfo=UTC)
    assert "appointment" in seen.usable_in_texts


def test_an_examination_of_a_list_without_names_or_numbers(
    make_campaign, handed_in, using, data_dir
):
    campaign = make_campaign()
    bare = handed_in(campaign, "Ana,2025550101\nBo,2025550102\n")
    seen = using(examine, bare.id, None, NOW, data_dir=data_dir)
    assert (seen.header, seen.header_guessed) == (False, True)
    assert [(c.header, c.meaning) for c in seen.columns] == [
        ("column 1", "text"),
        ("column 2", "phone"),
    ]
    assert len(seen.rows) == 2
    poem = handed_in(campaign, "roses,red\nviolets,blue\n", name="b")
    seen = using(examine, poem.id, None, NOW, data_dir=data_dir)
    assert "telephone" in str(seen.problem)
    assert seen.rows[0].cells == ["violets", "blue"]
    chosen = ImportOptions(phone_columns=("red",))
    seen = using(examine, poem.id, chosen, NOW, data_dir=data_dir)
    assert seen.columns[1].reason == "You chose this column."


def test_what_cannot_be_examined_says_why(make_campaign, handed_in, using, data_dir):
    campaign = make_campaign()
    with pytest.raises(NotARecipientList, match="PDF"):
        using(examine, handed_in(campaign, "%PDF-1.7").id, None, NOW, data_dir=data_dir)
    gone = handed_in(campaign, name="b")
    gone.path.unlink()
    with pytest.raises(NotAllowed, match="no longer kept"):
        using(examine, gone.id, None, NOW, data_dir=data_dir)


def test_column_names_without_rows_are_a_problem(campaign, handed_in, using, data_dir):
    empty = handed_in(campaign, "phone,name\n")
    seen = using(examine, empty.id, None, NOW, data_dir=data_dir)
    assert "no rows" in str(seen.problem)
    assert [c.meaning for c in seen.columns] == ["text", "text"]
