import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from campaigns.errors import NotAllowed, NotFound
from campaigns.importing import ImportOptions, Progress, fingerprint, register, run, write_rejects
from campaigns.models import OptOut

LIST = "phone,name,city\n+12025550101,Ana,Lima\n202-555-0102,Bo,Oslo\n(202) 555-0103,Cy,Rome\n"
NUMBERS = [["+12025550101"], ["+12025550102"], ["+12025550103"]]


def test_a_list_becomes_pending_recipients(
    engine, campaign, imported, recipients_of, rows_of, rejects_of
):
    summary = imported(campaign, LIST)
    assert (summary.status, summary.rows_read, summary.rows_imported) == ("done", 3, 3)
    assert summary.sentence == "3 of 3 rows were imported."
    rows = recipients_of(campaign, "numbers, fields, status, next_attempt_at, zone, import_id")
    assert [row[0] for row in rows] == NUMBERS
    assert rows[0][1] == {"phone": "+12025550101", "name": "Ana", "city": "Lima"}
    assert {row[2] for row in rows} == {"pending"}
    assert all(row[3] is not None and row[4] is None for row in rows)
    assert {row[5] for row in rows} == {summary.import_id}
    zones = rows_of(
        "SELECT DISTINCT z.zones FROM recipients r JOIN zone_keys z ON z.id = r.zone_key"
    )
    assert zones == [(["America/New_York"],)]
    assert rejects_of(summary) == []


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_encodings_and_delimiters_lead_to_the_same_recipients(
    campaign, imported, recipients_of, delimiter, bom
):
    summary = imported(campaign, bom + LIST.replace(",", delimiter).encode())
    assert summary.rows_imported == 3
    assert [row[0] for row in recipients_of(campaign)] == NUMBERS


def test_the_mapping_is_stored_with_the_import(campaign, imported, rows_of):
    content = "a|b|c\n1|2|+12025550101\n".replace("|", ";")
    summary = imported(campaign, content, phone_columns=("C",), name_column="a")
    assert summary.rows_imported == 1
    ((mapping,),) = rows_of("SELECT mapping FROM imports")
    assert mapping["phone_columns"] == ["c"]
    assert mapping["name_column"] == "a"
    assert mapping["headers"] == ["a", "b", "c"]


def test_the_same_file_twice_is_one_import(campaign, imported, registered, recipients_of, rows_of):
    first = imported(campaign, LIST)
    again = registered(campaign, LIST)
    assert again.already
    assert again.id == first.import_id
    assert len(recipients_of(campaign)) == 3
    assert rows_of("SELECT count(*) FROM imports") == [(1,)]


def test_running_a_finished_import_again_changes_nothing(
    engine, campaign, registered, recipients_of
):
    waiting = registered(campaign, LIST)
    first = run(engine, waiting.id, waiting.path)
    assert run(engine, waiting.id, waiting.path) == first
    assert len(recipients_of(campaign)) == 3


def test_the_same_file_goes_into_another_campaign(make_campaign, imported, recipients_of):
    one, other = make_campaign(), make_campaign()
    assert imported(one, LIST).rows_imported == imported(other, LIST).rows_imported == 3
    assert len(recipients_of(other)) == 3


def test_a_longer_file_adds_only_what_is_new(campaign, imported, recipients_of, rejects_of):
    imported(campaign, LIST)
    summary = imported(campaign, LIST + "+12025550104,Di,Bonn\n")
    assert (summary.rows_imported, summary.duplicates) == (1, 3)
    assert rejects_of(summary) == [(2, "duplicate"), (3, "duplicate"), (4, "duplicate")]
    assert len(recipients_of(campaign)) == 4


def test_repeats_in_a_file_keep_the_first_and_name_its_line(
    campaign, imported, recipients_of, rows_of
):
    summary = imported(campaign, LIST + "1 202 555 0102,Bob,Oslo\n+1-202-555-0102,B,Oslo\n")
    assert (summary.rows_imported, summary.duplicates) == (3, 2)
    assert rows_of("SELECT line, detail, row FROM import_rejects ORDER BY line") == [
        (5, "The same as line 3.", "1 202 555 0102,Bob,Oslo"),
        (6, "The same as line 3.", "+1-202-555-0102,B,Oslo"),
    ]
    assert recipients_of(campaign, "fields->>'name'")[1] == ("Bo",)


def test_good_rows_are_kept_and_bad_ones_have_reasons(campaign, imported, rejects_of, rows_of):
    summary = imported(
        campaign,
        "phone,name,zone\n"
        "+12025550101,Ana,Europe/Paris\n"
        "911,Help,\n"
        "+1 900 555 0100,Rich,\n"
        "+1 800 555 0100,Free,\n"
        "12,Short,\n"
        ",None,\n"
        "+12025550102,Bo,Mars/Base\n"
        '+12025550103,"Cy,\n'
        "+12025550104,Di,,,extra\n"
        "+12025550105,Ed\n",
        zone_column="zone",
    )
    assert rejects_of(summary) == [
        (3, "emergency"),
        (4, "premium"),
        (5, "toll_free"),
        (6, "short_number"),
        (7, "no_number"),
        (8, "unknown_time_zone"),
        (9, "unclosed_quote"),
        (10, "too_many_cells"),
    ]
    assert (summary.rows_read, summary.rows_imported, summary.rows_rejected) == (10, 2, 8)
    assert rows_of("SELECT rows_read, rows_imported, rows_rejected, status FROM imports") == [
        (10, 2, 8, "done")
    ]


def test_opted_out_recipients_are_stored_as_blocked(engine, campaign, imported, recipients_of):
    with transaction(engine) as session:
        session.add_all([OptOut(number=n, source="api") for n in ("+12025550102", "+12025550109")])
    summary = imported(
        campaign,
        "phone,phone 2\n+12025550101,\n+12025550102,\n+12025550103,+12025550109\n",
    )
    assert (summary.rows_imported, summary.rows_opted_out, summary.rows_rejected) == (3, 2, 0)
    assert "2 of them blocked by an opt-out" in summary.sentence
    assert recipients_of(campaign) == [
        (["+12025550101"], "pending", None),
        (["+12025550102"], "blocked", "opted out"),
        (["+12025550103", "+12025550109"], "blocked", "opted out"),
    ]


def test_live_accounts_take_no_number_reserved_for_fiction(make_campaign, imported, rejects_of):
    summary = imported(make_campaign(live=True), LIST)
    assert summary.rows_imported == 0
    assert summary.sentence == "No row was imported: 3 fictional."
    assert rejects_of(summary) == [(2, "fictional"), (3, "fictional"), (4, "fictional")]


def test_numbers_of_unknown_zone_wait_for_review(campaign, imported, recipients_of):
    imported(campaign, "phone\n+12005550101\n")
    assert recipients_of(campaign, "status, reason, zone_key, next_attempt_at") == [
        ("review", "time zone unknown", None, None)
    ]


def test_reminders_are_planned_from_their_appointments(make_campaign, imported, recipients_of):
    reminders = make_campaign(kind="reminder", reminder={"offset": 86400, "deadline": 3600})
    soon = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=10)
    past = soon - timedelta(days=20)
    summary = imported(
        reminders,
        f"phone,appointment\n+12025550101,{soon:%Y-%m-%d %H:%M}Z\n"
        f"+12025550101,{soon + timedelta(hours=1):%Y-%m-%d %H:%M}Z\n"
        f"+12025550102,{past:%Y-%m-%d %H:%M}Z\n+12025550103,to be agreed\n",
    )
    assert summary.rejects_by_reason == {"bad_appointment": 1}
    columns = "status, next_attempt_at, deadline_at, appointment_at"
    assert recipients_of(reminders, columns) == [
        ("pending", soon - timedelta(days=1), soon - timedelta(hours=1), soon),
        (
            "pending",
            soon - timedelta(hours=23),
            soon,
            soon + timedelta(hours=1),
        ),
        ("expired", None, past - timedelta(hours=1), past),
    ]


def test_a_reminder_without_a_rule_is_not_taken_for_an_announcement(
    make_campaign, imported, recipients_of
):
    unruly = make_campaign(kind="reminder")
    summary = imported(unruly, LIST)
    assert (summary.status, recipients_of(unruly)) == ("failed", [])
    assert "no reminder rule" in summary.sentence


def test_dates_that_can_be_read_in_two_ways_fail_until_somebody_says_which(
    make_campaign, registered, imported, engine, recipients_of
):
    reminders = make_campaign(kind="reminder", reminder={"offset": 3600})
    content = "phone,date\n+12025550101,03/04/2099 10:00\n"
    waiting = registered(reminders, content)
    summary = run(engine, waiting.id, waiting.path)
    assert summary.status == "failed"
    assert "03 April 2099" in summary.sentence
    assert "04 March 2099" in summary.sentence
    assert recipients_of(reminders) == []
    again = imported(reminders, content, date_format="DD/MM/YYYY HH:MM")
    assert again.status == "done"
    assert recipients_of(reminders, "appointment_at")[0][0] == datetime(
        2099, 4, 3, 14, 0, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, "empty"),
        (b"phone,name\n", {}, "no rows"),
        (b"phone,name\n\n,\n", {}, "no rows"),
        (b"first,last\nAna,Li\n", {}, "No column with telephone numbers was found"),
        (b"PK\x03\x04" + bytes(500), {}, "workbook is damaged"),
        (bytes(range(256)) * 50, {}, "binary file"),
        (b"phone\n+12025550101\n", {"phone_columns": ("tel",)}, "There is no column 'tel'"),
        (b"phone\n+12025550101\n", {"default_country": "XX"}, "not a country"),
        (b"phone\n+12025550101\n", {"delimiter": "^"}, "not supported"),
    ],
)
def test_what_cannot_be_imported_fails_with_a_sentence_and_changes_nothing(
    campaign, registered, engine, recipients_of, rows_of, content, options, message
):
    waiting = registered(campaign, content, **options)
    summary = run(engine, waiting.id, waiting.path)
    assert summary.status == "failed"
    assert message in summary.sentence
    assert recipients_of(campaign) == []
    assert rows_of("SELECT count(*) FROM import_rejects") == [(0,)]
    assert run(engine, waiting.id, waiting.path) == summary
    retried = registered(campaign, content, **options)
    assert not retried.already
    assert retried.id != waiting.id


def test_a_file_that_vanished_or_changed_is_not_imported(
    campaign, registered, engine, recipients_of
):
    changed = registered(campaign, LIST)
    changed.path.write_text(LIST + "+12025550104,Di,Bonn\n")
    assert "changed" in run(engine, changed.id, changed.path).sentence
    gone = registered(campaign, LIST)
    gone.path.unlink()
    summary = run(engine, gone.id, gone.path)
    assert summary.status == "failed"
    assert "could not be read" in summary.sentence
    assert recipients_of(campaign) == []


def test_a_fruitless_import_may_be_tried_with_other_options(
    make_campaign, imported, registered, rejects_of, recipients_of
):
    campaign = make_campaign()
    content = "phone\n020 7946 0018\n"
    first = imported(campaign, content)
    assert (first.status, first.rows_imported, first.rows_rejected) == ("done", 0, 1)
    assert registered(campaign, content).already
    second = imported(campaign, content, default_country="GB")
    assert second.import_id == first.import_id
    assert (second.rows_imported, second.rows_rejected) == (1, 0)
    assert rejects_of(second) == []
    with pytest.raises(NotAllowed, match="other options"):
        registered(campaign, content, default_country="US")
    assert [row[0] for row in recipients_of(campaign)] == [["+442079460018"]]


def test_the_campaigns_country_reads_numbers_without_a_code(make_campaign, imported, recipients_of):
    british = make_campaign(country="GB")
    imported(british, "phone\n020 7946 0018\n")
    assert recipients_of(british, "numbers") == [(["+442079460018"],)]


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_campaign_that_is_over_takes_no_list(make_campaign, registered, engine, rows_of, status):
    over = make_campaign(status=status)
    with pytest.raises(NotAllowed, match=status):
        registered(over, LIST)
    running = make_campaign(status="running")
    waiting = registered(running, LIST)
    with transaction(engine) as session:
        session.execute(text("UPDATE campaigns SET status = :s"), {"s": status})
    assert run(engine, waiting.id, waiting.path).status == "failed"
    assert rows_of("SELECT count(*) FROM recipients") == [(0,)]


def test_unknown_campaigns_and_imports_are_named(engine, tmp_path, registered):
    with pytest.raises(NotFound, match="no campaign 77"):
        registered(77, LIST)
    with pytest.raises(NotFound, match="no import 77"):
        run(engine, 77, tmp_path / "x.csv")
    with transaction(engine) as session, pytest.raises(NotFound):
        write_rejects(session, 77, io.StringIO())


def test_the_rejects_file_says_why_and_cannot_run_formulas(engine, campaign, imported):
    summary = imported(
        campaign,
        'phone,name\n+12025550101,Ana\n=cmd|calc!A1,"Eve, E"\n+12025550101,Again\n@x,Zoë\n',
    )
    out = io.StringIO(newline="")
    with transaction(engine) as session:
        assert write_rejects(session, summary.import_id, out) == 3
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert rows[0] == ["outdial_line", "outdial_reason", "outdial_why", "phone", "name"]
    assert [row[:2] for row in rows[1:]] == [
        ["3", "letters"],
        ["4", "duplicate"],
        ["5", "not_a_number"],
    ]
    assert rows[1][3:] == ["'=cmd|calc!A1", "Eve, E"]
    assert rows[2][2:] == ["The same as line 2.", "'+12025550101", "Again"]
    assert rows[3][3:] == ["'@x", "Zoë"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_corrected_rejects_are_a_list(engine, campaign, imported, recipients_of, delimiter):
    rows = (
        ("phone", "name", "note"),
        ("+12025550101", "Ana", "x"),
        ("202555", '"Eve ""E"""', '"two\nlines"'),
        ("+12025550103", "Bo", "x", "too much"),
        ("+12025550104", '"Cy', "never closed"),
    )
    summary = imported(campaign, "".join(f"{delimiter.join(row)}\n" for row in rows))
    assert summary.rows_rejected == 3
    out = io.StringIO(newline="")
    with transaction(engine) as session:
        write_rejects(session, summary.import_id, out)
    kept = [row[3:] for row in csv.reader(io.StringIO(out.getvalue(), newline=""))]
    assert kept[:3] == [
        ["phone", "name", "note"],
        ["202555", 'Eve "E"', "two\nlines"],
        ["'+12025550103", "Bo", "x", "too much"],
    ]
    assert "Cy" in kept[3][1]
    corrected = out.getvalue().replace('"202555"', '"+12025550102"').replace(',"too much"', "")
    again = imported(campaign, corrected)
    assert (again.rows_imported, again.rows_rejected) == (3, 0), again
    found = dict(recipients_of(campaign, "numbers[1], fields"))
    assert found["+12025550102"] == {
        "phone": "+12025550102",
        "name": 'Eve "E"',
        "note": "two\nlines",
    }


def test_hostile_text_is_stored_as_text(campaign, imported, recipients_of):
    name = "Robert'); DROP TABLE recipients;-- \\N \\. {a,b} \u202e \x01 😀"
    imported(campaign, f'phone,name\n+12025550101,"{name}"\n')
    assert recipients_of(campaign, "fields->>'name'") == [(name,)]


def test_progress_ends_at_the_whole_file(engine, campaign, registered):
    waiting = registered(campaign, LIST)
    seen: list[Progress] = []
    run(engine, waiting.id, waiting.path, seen.append)
    assert seen[-1].storing
    assert (seen[-1].rows_read, seen[-1].bytes_read) == (3, len(LIST))
    assert seen[-1].bytes_total == len(LIST)


def test_register_keeps_what_the_edge_says(engine, campaign, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(LIST)
    with transaction(engine) as session:
        made = register(
            session,
            campaign,
            file_name="people.csv",
            file=fingerprint(path),
            options=ImportOptions(default_country="GB"),
            stored_at="uploads/x.csv",
        )
        assert (made.row.file_name, made.row.stored_at) == ("people.csv", "uploads/x.csv")
        assert made.row.options == {"default_country": "GB"}
        assert (made.row.status, made.row.bytes_total) == ("waiting", len(LIST))
