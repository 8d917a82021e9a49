"""`outdial optout ...` beyond adding a number: ends, prefixes, checks, undoing."""

NUMBER = "+12125550143"


def test_a_prefix_until_a_day_is_checked_and_undone(outdial, as_json):
    made = as_json("optout", "add", "+1212555*", "--until", "2099-12-31", "--verbal")
    assert made == {"numbers": ["+1212555*"], "recorded": 1}
    assert as_json("optout", "check", NUMBER)["opted_out"] is True
    (row,) = as_json("optout", "list", "+1212")
    assert (row["number"], row["source"], row["who"]) == ("+1212555*", "verbal", "command line")
    assert row["expires_at"] == "2100-01-01T00:00:00+00:00"
    lifted = as_json("optout", "lift", row["id"], "--why", "a mistake")
    assert lifted == {"id": row["id"], "number": "+1212555*", "put_back": 0}
    told = outdial("optout", "check", NUMBER).stdout
    assert "has not opted out" in told
    assert "lifted" in told
    assert as_json("optout", "list") == []
    assert as_json("optout", "list", "--state", "lifted")[0]["lifted_why"] == "a mistake"


def test_calls_that_are_taken_back_are_hinted(outdial, recalled):
    outdial("optout", "add", NUMBER)
    assert recalled == [[]]


def test_what_cannot_be_done_is_said(outdial):
    outdial("optout", "add", NUMBER, "--until", "2020-01-01", code=1)
    outdial("optout", "add", NUMBER, "--campaign", "9", code=1)
    outdial("optout", "list", "--state", "gone", code=1)
    outdial("optout", "lift", "1", "--why", "x", code=1)
    assert "There is no such opt-out." in outdial("optout", "list").output


def test_a_file_is_summed_up_in_a_sentence(outdial, tmp_path):
    file = tmp_path / "list.txt"
    file.write_text(f"{NUMBER}\n{NUMBER}\nbad\n")
    result = outdial("optout", "import", file, code=1)
    told = "1 opt-out was recorded, 1 was there already; 1 line could not be read."
    assert told in result.stdout
