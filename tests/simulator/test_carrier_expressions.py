"""Conditions of documents: the part of JavaScript that is understood, and nothing else."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.swml.expressions import UNDEFINED, ExpressionError, evaluate, truthy
from simulator.swml.variables import Scopes

FALSY: tuple[Any, ...] = (0, "", None, UNDEFINED, math.nan)
TRUTHY: tuple[Any, ...] = (1, "0", {}, [])
NAMES = {
    "request_result": "failed",
    "request_response_code": 503,
    "prompt_value": "1",
    "empty": "",
    "vars": {"a": {"b": "deep"}},
    "none": None,
    "detect_machine_beep": True,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("request_result === 'failed'", True),
        ('request_result != "failed"', False),
        ("request_response_code >= 500 && request_response_code < 600", True),
        ("request_response_code === '503'", False),
        ("request_response_code == '503'", True),
        ("prompt_value == 1", True),
        ("prompt_value === 1", False),
        ("!empty", True),
        ("!(prompt_value == '1' || prompt_value == '2')", False),
        ("vars.a.b === 'deep'", True),
        ("vars.a.c === undefined", True),
        ("vars.a.c == null", True),
        ("none === undefined", False),
        ("prompt_value.length + 1", 2),
        ("'a' + 1 + 2", "a12"),
        ("2 - -3", 5),
        ("request_result.toUpperCase().startsWith('FAIL')", True),
        ("parseInt('12 apples') + 1", 13),
        ("detect_machine_beep == true", True),
        ("false || 'x'", "x"),
        ("0 && nothing_here", 0),
        ("'it\\'s' == \"it's\"", True),
        ("'10' < '9'", True),
        ("10 < '9'", False),
    ],
)
def test_values(expression, value):
    assert evaluate(expression, NAMES.__getitem__) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 +",
        "(1",
        "a.b",
        "nothing_here == 1",
        "none.x",
        "vars.a.c.d",
        "prompt_value.constructor()",
        "process.exit()",
        "__import__('os')",
        "prompt_value = 2",
        "[1]",
        "1 2",
        "'open",
        "x => x",
        "(" * 200 + "1" + ")" * 200,
        "!" * 500 + "1",
        "1" + "+1" * 5000,
        "prompt_value.trim(1, 2)",
    ],
)
def test_everything_else_is_an_error(expression):
    with pytest.raises(ExpressionError):
        evaluate(expression, NAMES.__getitem__)


@given(st.text(alphabet="ab1'\"().!=<>&|+-, \\prompt_valueé\u0661", max_size=60))
def test_no_text_escapes_the_evaluator(expression):
    try:
        evaluate(expression, NAMES.__getitem__)
    except ExpressionError:
        return


def test_truth_is_javascript_truth():
    assert [truthy(value) for value in FALSY] == [False] * 5
    assert [truthy(value) for value in TRUTHY] == [True] * 4


def test_texts_are_filled_from_every_scope():
    scopes = Scopes({"to": "+12125550100"}, {"name": "Ada"})
    scopes.vars = {"n": 2.0, "deep": {"x": True, "content-type": "text"}}
    scopes.params = {"p": "P"}
    text = "%{envs.name} ${call.to} ${n} ${deep.x} ${params.p}${p} [${unset.path}] ${n + 1}"
    assert scopes.fill(text) == "Ada +12125550100 2 true PP [] 3"
    assert scopes.fill({"a": ["${deep.content-type}", 7]}) == {"a": ["text", 7]}
    assert scopes.fill("${n.toUpperCase()} {plain} $x") == " {plain} $x"
