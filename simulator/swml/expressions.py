"""The conditions of `cond` and `goto`: a small, harmless part of JavaScript.

Names with dots, literals, parentheses, `! && ||`, comparisons, `+ -`, and a few methods of text.
As in JavaScript, an undeclared name and a property of undefined are errors.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

LONGEST = 1_000
DEEPEST = 40


class ExpressionError(Exception):
    """The expression is outside the supported part of JavaScript, or fails when evaluated."""


class _Undefined:
    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = _Undefined()
Lookup = Callable[[str], Any]
Node = Callable[[Lookup], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_$][\w$]*)|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!().+,-]))",
    re.ASCII,
)
_CONSTANTS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
_METHODS: dict[str, Callable[..., Any]] = {
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
    "includes": lambda text, part: to_text(part) in text,
    "startsWith": lambda text, part: text.startswith(to_text(part)),
    "endsWith": lambda text, part: text.endswith(to_text(part)),
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "parseInt": lambda value: _whole(value),
    "Number": lambda value: to_number(value),
    "String": lambda value: to_text(value),
}


def evaluate(expression: str, lookup: Lookup) -> Any:
    """The value of an expression. `lookup` gives a name's value or raises KeyError."""
    try:
        return compiled(expression)(lookup)
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply") from None


def truthy(value: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value) or isinstance(value, (dict, list))


def to_text(value: Any) -> str:
    """Text as a template shows it: undefined and null are empty, whole numbers have no point."""
    if value is None or value is UNDEFINED:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def to_number(value: Any) -> float:
    if value is None or value is False or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def loosely_equal(left: Any, right: Any) -> bool:
    """JavaScript's `==`: null equals undefined, numbers equal their text."""
    nothing = (None, UNDEFINED)
    if left in nothing or right in nothing:
        return left in nothing and right in nothing
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, (dict, list)) or isinstance(right, (dict, list)):
        return left is right
    return to_number(left) == to_number(right)


def strictly_equal(left: Any, right: Any) -> bool:
    numbers = (int, float)
    both_numbers = isinstance(left, numbers) and isinstance(right, numbers)
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right) if both_numbers or type(left) is type(right) else False


def _whole(value: Any) -> float:
    found = re.match(r"\s*([+-]?[0-9]{1,15})", to_text(value))
    return float(found[1]) if found else math.nan


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left) + to_text(right)
    return to_number(left) + to_number(right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def comparison(left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(to_number(left), to_number(right))

    return comparison


# Binary operators, loosest first; `&&` and `||` are apart, for they may skip their right side.
_LEVELS: tuple[dict[str, Callable[[Any, Any], Any]], ...] = (
    {
        "===": strictly_equal,
        "!==": lambda left, right: not strictly_equal(left, right),
        "==": loosely_equal,
        "!=": lambda left, right: not loosely_equal(left, right),
    },
    {
        "<": _ordered(lambda left, right: left < right),
        "<=": _ordered(lambda left, right: left <= right),
        ">": _ordered(lambda left, right: left > right),
        ">=": _ordered(lambda left, right: left >= right),
    },
    {"+": _plus, "-": lambda left, right: to_number(left) - to_number(right)},
)


@lru_cache(maxsize=512)
def compiled(expression: str) -> Node:
    """The expression as a function of a lookup. Raises ExpressionError."""
    if len(expression) > LONGEST:
        raise ExpressionError("the expression is too long")
    parser = _Parser(_tokens(expression))
    node = parser.either(0)
    if rest := parser.peek():
        raise ExpressionError(f"unexpected {rest[1]!r}")
    return node


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        found = _TOKEN.match(expression, position)
        if found is None or found.lastgroup is None:
            raise ExpressionError(f"unexpected {expression[position : position + 10]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._next = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def either(self, depth: int) -> Node:
        node = self._both(depth)
        while self._takes("||"):
            node = _or(node, self._both(depth))
        return node

    def _both(self, depth: int) -> Node:
        node = self._binary(0, depth)
        while self._takes("&&"):
            node = _and(node, self._binary(0, depth))
        return node

    def _binary(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._unary(depth)
        node = self._binary(level + 1, depth)
        while (token := self.peek()) and token[0] == "sign" and token[1] in _LEVELS[level]:
            self._next += 1
            node = _apply(_LEVELS[level][token[1]], node, self._binary(level + 1, depth))
        return node

    def _unary(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise ExpressionError("the expression is nested too deeply")
        if self._takes("!"):
            inner = self._unary(depth + 1)
            return lambda lookup: not truthy(inner(lookup))
        if self._takes("-"):
            inner = self._unary(depth + 1)
            return lambda lookup: -to_number(inner(lookup))
        return self._dotted(self._primary(depth), depth)

    def _primary(self, depth: int) -> Node:
        kind, text = self._take()
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda _: number
        if kind == "text":
            plain = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda _: plain
        if kind == "name":
            return self._name(text, depth)
        if text != "(":
            raise ExpressionError(f"unexpected {text!r}")
        node = self.either(depth + 1)
        self._expect(")")
        return node

    def _name(self, name: str, depth: int) -> Node:
        if name in _CONSTANTS:
            return lambda _: _CONSTANTS[name]
        if name in _FUNCTIONS and self._takes("("):
            argument = self.either(depth + 1)
            self._expect(")")
            return lambda lookup: _FUNCTIONS[name](argument(lookup))
        return _variable(name)

    def _dotted(self, node: Node, depth: int) -> Node:
        while self._takes("."):
            kind, name = self._take()
            if kind != "name":
                raise ExpressionError(f"unexpected {name!r}")
            node = (
                _call(node, name, self._arguments(depth)) if self._takes("(") else _get(node, name)
            )
        return node

    def _arguments(self, depth: int) -> list[Node]:
        arguments: list[Node] = []
        while not self._takes(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.either(depth + 1))
        return arguments

    def _take(self) -> tuple[str, str]:
        token = self.peek()
        if token is None:
            raise ExpressionError("the expression ends too soon")
        self._next += 1
        return token

    def _takes(self, sign: str) -> bool:
        if self.peek() != ("sign", sign):
            return False
        self._next += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise ExpressionError(f"{sign!r} is missing")


def _or(left: Node, right: Node) -> Node:
    def node(lookup: Lookup) -> Any:
        value = left(lookup)
        return value if truthy(value) else right(lookup)

    return node


def _and(left: Node, right: Node) -> Node:
    def node(lookup: Lookup) -> Any:
        value = left(lookup)
        return right(lookup) if truthy(value) else value

    return node


def _apply(operator: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
    return lambda lookup: operator(left(lookup), right(lookup))


def _variable(name: str) -> Node:
    def node(lookup: Lookup) -> Any:
        try:
            return lookup(name)
        except KeyError:
            raise ExpressionError(f"{name} is not defined") from None

    return node


def _get(owner: Node, name: str) -> Node:
    def node(lookup: Lookup) -> Any:
        value = owner(lookup)
        if value is None or value is UNDEFINED:
            raise ExpressionError(f"cannot read {name!r} of {value!r}")
        if isinstance(value, (str, list)) and name == "length":
            return len(value)
        return value.get(name, UNDEFINED) if isinstance(value, dict) else UNDEFINED

    return node


def _call(owner: Node, name: str, arguments: list[Node]) -> Node:
    def node(lookup: Lookup) -> Any:
        value = owner(lookup)
        if not isinstance(value, str) or name not in _METHODS:
            raise ExpressionError(f"{name} is not a function here")
        try:
            return _METHODS[name](value, *(argument(lookup) for argument in arguments))
        except TypeError as error:
            raise ExpressionError(f"{name} has the wrong arguments") from error

    return node
