"""Filling templates: placeholders are names of columns, values are strangers' texts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.flows.preview import sentences_of
from campaigns.flows.text import (
    LONGEST_TEMPLATE,
    LONGEST_TEXT,
    LONGEST_VALUE,
    check_fields,
    check_template,
    fill,
    missing_values,
    placeholders,
)


@pytest.mark.parametrize(
    ("template", "fields", "expected"),
    [
        ("Hello {name}.", {"name": "Ada"}, "Hello Ada."),
        ("Hello { name }.", {"name": "Ada"}, "Hello Ada."),
        ("On {Appointment date}.", {"Appointment date": "1 May"}, "On 1 May."),
        ("{a}{a}{b}", {"a": "x", "b": "y"}, "xxy"),
        ("You owe ${amount}.", {"amount": "12"}, "You owe $12."),
        ("No fields", {}, "No fields"),
        ("  two\n\tlines\r\n ", {}, "two lines"),
        ("{größe}", {"größe": "XL"}, "XL"),
    ],
)
def test_placeholders_are_replaced(template, fields, expected):
    assert fill(template, fields) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{b}", "{b}"),
        ("{a}", "{a}"),
        ("{0.__class__}", "{0.__class__}"),
        ("%s %(x)s", "%s %(x)s"),
        ("\\1\\g<0>", "\\1\\g 0"),
        ("  spaced  out  ", "spaced out"),
        ("line\nbreak\u2028and\u2029and\x0band\x85end", "line break and and and end"),
        ("nul\x00bell\x07esc\x1b[31m", "nulbellesc[31m"),
        ("\u202ereversed\u202c\ufeff", "reversed"),
        ("half\ud800", "half"),
        ("<speak>loud</speak>", "speak loud /speak"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u200c\u062e"),
        ("Zoë Ünal-Ångström", "Zoë Ünal-Ångström"),
        ("x" * 500, "x" * LONGEST_VALUE),
    ],
)
def test_values_are_inert(value, expected):
    assert fill("{a}", {"a": value, "b": "SECRET"}) == expected


@pytest.mark.parametrize(
    "template", ["{a.__class__}", "{a!r}", "{a:>10}", "{a[0]}", "{0}", "{}", "{__import__}"]
)
def test_expressions_are_only_names_of_missing_columns(template):
    assert fill(f"x{template}y", {"a": "value"}) == "xy"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hello {name}, this is us.", "Hello, this is us."),
        ("Hello {name} !", "Hello!"),
        ("{name}", ""),
        ("On {day} at {time} .", "On Monday at."),
    ],
)
@pytest.mark.parametrize("name", [None, "", "  ", "\x00", "missing"])
def test_a_gap_is_closed_while_somebody_is_listening(template, expected, name):
    fields = {"day": "Monday", **({} if name == "missing" else {"name": name})}
    assert fill(template, fields) == expected


def test_text_around_a_value_keeps_its_spacing():
    assert fill("Wait : {a}", {"a": "now"}) == "Wait : now"


def test_the_whole_text_is_capped():
    fields = {"a": "y" * LONGEST_VALUE}
    assert len(fill("{a} " * 100, fields)) <= LONGEST_TEXT
    assert fill("{a} " * 100, fields).startswith("yyy")


def test_missing_values_name_what_a_row_lacks():
    assert missing_values("{a} {b} {c} {b}", {"a": "x", "b": "\t"}) == ["b", "c"]
    assert missing_values("{a}", {"a": "x"}) == []


def test_placeholders_in_order_once_each():
    assert placeholders("{b} { a } {b}") == ["b", "a"]


@pytest.mark.parametrize("template", ["Hello.", "{a}", "{a}{b}", "x" * LONGEST_TEMPLATE])
def test_good_templates(template):
    check_template(template)


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("\x00", "empty"),
        ("x" * (LONGEST_TEMPLATE + 1), str(LONGEST_TEMPLATE)),
        ("{name", "brace"),
        ("name}", "brace"),
        ("{{name}}", "brace"),
        ("{a{b}c}", "brace"),
        ("Hello {}", "name of a column"),
        ("Hello { }", "name of a column"),
    ],
)
def test_bad_templates_are_explained(template, word):
    with pytest.raises(InvalidInput, match=word):
        check_template(template)


def test_unknown_columns_are_named_with_the_known_ones():
    check_fields("{a} {b}", ["a", "b", "c"])
    with pytest.raises(InvalidInput, match=r"\{x\}, \{a\.b\}.*Its columns: a, b\."):
        check_fields("{a} {x} {a.b}", ["b", "a"])
    with pytest.raises(InvalidInput, match="none"):
        check_fields("{a}", [])


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=300)))
def test_any_template_and_value_give_one_clean_line(template, fields):
    text = fill(template, fields)

    assert len(text) <= LONGEST_TEXT
    assert text == text.strip()
    assert not any(
        unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in "\n\r" for sign in text
    )
    assert len(text.splitlines()) <= 1


@given(st.text(max_size=50))
def test_a_value_is_never_filled_again(value):
    assert fill("{a}", {"a": value, "b": "SECRET"}) == fill("{a}", {"a": value, "b": "OTHER"})


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello. This is Dr. Lee. Goodbye.", ["Hello.", "This is Dr. Lee.", "Goodbye."]),
        ("Prof. J. Bach at St. Mary's. Call us!", ["Prof. J. Bach at St. Mary's.", "Call us!"]),
        ("Press 2 for no. Thank you.", ["Press 2 for no.", "Thank you."]),
        ("At 9 a.m. on Monday? Yes.", ["At 9 a.m. on Monday?", "Yes."]),
        ("", []),
    ],
)
def test_a_short_form_does_not_end_a_sentence(text, sentences):
    assert sentences_of(text) == sentences
