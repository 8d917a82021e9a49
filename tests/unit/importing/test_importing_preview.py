import pytest

from campaigns.errors import NotARecipientList
from campaigns.importing import ImportOptions, preview


@pytest.fixture
def previewed(tmp_path):
    """A function that previews content."""

    def preview_content(content, options=None, **settings):
        path = tmp_path / "list.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return preview(path, options, **settings)

    return preview_content


def test_a_preview_shows_the_head_and_what_it_was_taken_for(previewed):
    rows = "".join(f"Ana {n};020 7946 00{n:02};Europe/London\r\n" for n in range(10, 30))
    seen = previewed(b"\xef\xbb\xbf" + f"Name;Tel;Zeitzone\r\n{rows}".encode())
    assert (seen.encoding, seen.delimiter) == ("UTF-8 with BOM", ";")
    assert seen.headers == ("Name", "Tel", "Zeitzone")
    assert len(seen.rows) == 5
    assert seen.rows[0] == ("Ana 10", "020 7946 0010", "Europe/London")
    assert seen.mapping is not None
    assert seen.mapping.phone_columns == ("Tel",)
    assert (seen.mapping.name_column, seen.mapping.zone_column) == ("Name", "Zeitzone")
    assert seen.problem is None


def test_without_a_telephone_column_the_head_is_still_shown(previewed):
    seen = previewed("first,last\nAna,Li\n")
    assert seen.mapping is None
    assert seen.headers == ("first", "last")
    assert seen.rows == (("Ana", "Li"),)
    assert "'first', 'last'" in str(seen.problem)


def test_dates_of_two_readings_are_a_problem_until_a_format_is_named(previewed):
    content = "phone,date\n+12025550101,03/04/2099 10:00\n"
    seen = previewed(content, reminder=True)
    assert seen.mapping is not None
    assert seen.mapping.date_format is None
    assert "two ways" in str(seen.problem)
    asked = previewed(content, ImportOptions(date_format="MM/DD/YYYY HH:MM"), reminder=True)
    assert asked.mapping is not None
    assert asked.problem is None
    wrong = previewed(content, ImportOptions(date_format="nonsense"), reminder=True)
    assert "not a date format" in str(wrong.problem)


def test_a_format_is_found_even_with_a_stray_text_among_the_dates(previewed):
    dates = ["24/11/2099 10:00", "to be agreed", "03/04/2099 9:30", "05/06/2099 12:00"]
    content = "phone,date\n" + "".join(f"+12025550101,{date}\n" for date in dates)
    seen = previewed(content, reminder=True)
    assert seen.problem is None
    assert seen.mapping is not None
    assert seen.mapping.date_format == "DD/MM/YYYY HH:MM"


def test_a_date_column_and_a_time_column_make_one_format(previewed):
    seen = previewed("phone,date,time\n+12025550101,2099-11-24,3:30 pm\n", reminder=True)
    assert seen.problem is None
    assert seen.mapping is not None
    assert (seen.mapping.time_column, seen.mapping.date_format) == ("time", "YYYY-MM-DD h:mm AM/PM")


def test_what_is_no_list_at_all_has_no_preview(previewed):
    with pytest.raises(NotARecipientList, match="PDF"):
        previewed(b"%PDF-1.7\n")
