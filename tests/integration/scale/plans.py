"""Which statements something issues, and how many rows each of them touches."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event

# Tables that grow with people and calls: none of them may be read from end to end.
BIG = frozenset(
    {
        *("recipients", "attempts", "attempt_numbers", "call_events", "responses"),
        *("last_answers", "search_words", "tally_deltas", "campaign_tallies", "campaign_log"),
    }
)
FEW = 100
_PLANNED = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE|VALUES)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Issued:
    """A statement with its parameters, as it went to the server."""

    statement: str
    values: dict[str, Any]


@dataclass(slots=True)
class Cost:
    """What a plan did: rows touched by its scans, and big tables read from end to end."""

    touched: float = 0.0
    read_whole: list[str] = field(default_factory=list)
    plan: Any = None


@contextmanager
def capture(engine: Engine) -> Iterator[list[Issued]]:
    """Every statement that goes through `engine` while the block lasts; be it a use case that is
    called, or a `TestClient` that gets a list of addresses."""
    issued: list[Issued] = []

    def note(_conn, _cursor, statement, values, _context, many):
        if _PLANNED.match(statement) and not many:
            issued.append(Issued(statement, dict(values or {})))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield issued
    finally:
        event.remove(engine, "before_cursor_execute", note)


def cost(connection: psycopg.Connection, issued: Issued, *, generic: bool) -> Cost:
    """Run a statement again under EXPLAIN, and take back whatever it did.

    `generic`: by the plan that the server falls back to for a statement that is prepared and used
    often, which knows no values.
    """
    with connection.transaction(force_rollback=True):
        if generic:
            plan = _explain_generic(connection, issued)
        else:
            explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + issued.statement
            plan = _only(connection.execute(explain, issued.values))
    found = Cost(plan=plan)
    _walk(plan[0]["Plan"], found)
    return found


def _explain_generic(connection: psycopg.Connection, issued: Issued) -> Any:
    names: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    body = _PARAMETER.sub(numbered, issued.statement).replace("%%", "%")
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    kinds = [_kind(issued.values[name]) for name in names]
    typed = f"({', '.join(kinds)})" if kinds else ""
    connection.execute(f"PREPARE asked {typed} AS {body}")
    try:
        values = sql.SQL(", ").join(sql.Literal(issued.values[name]) for name in names)
        given = sql.SQL("({})").format(values) if names else sql.SQL("")
        execute = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked {}").format(given)
        return _only(connection.execute(execute))
    finally:
        connection.execute("DEALLOCATE asked")


def _only(found: psycopg.Cursor[Any]) -> Any:
    row = found.fetchone()
    assert row is not None
    return row[0]


def _kind(value: Any) -> str:
    """The type that the driver declares for a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint"
    if isinstance(value, float):
        return "double precision"
    return "unknown"


def _walk(node: dict[str, Any], found: Cost) -> None:
    table = node.get("Relation Name")
    if table is not None:
        rows = sum(
            node.get(name, 0)
            for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        found.touched += rows * node["Actual Loops"]
        whole = table in BIG and node["Node Type"] == "Seq Scan" and node["Actual Loops"] > 0
        # Deltas are folded every second: a table that is nearly empty is best read as it lies.
        if whole and not (table == "tally_deltas" and rows < FEW):
            found.read_whole.append(table)
    for part in node.get("Plans", ()):
        _walk(part, found)


def told(issued: Issued, found: Cost) -> str:
    """A statement and its plan, for the message of a test that fails."""
    return f"{issued.statement}\n{json.dumps(found.plan, indent=1)[:6000]}"
