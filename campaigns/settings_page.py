"""The page of settings, written from the class itself: `python -m campaigns.settings_page FILE`.

With `--check` nothing is written, and the exit code is 1 when the file is not what would be
written; `make check` runs it so.
"""

import argparse
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from campaigns.config import Settings, variable_of

INTRODUCTION = """\
# Settings

Every setting is an environment variable and is read once, when a process starts. All processes
of one installation should be given the same values. A value that cannot be used stops the process
at its start. Times are seconds.

This page is written by `make docs` from `campaigns/config.py`; `make check` fails when the two
differ.
"""
COLUMNS = ("Variable", "Type", "Default", "Allowed", "What it is")
TYPE_NAMES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
}
UNIONS = (Union, types.UnionType)


def render() -> str:
    """The whole page, as Markdown."""
    rows = [
        (
            f"`{variable_of(name)}`",
            _type_name(field.annotation),
            _default(field),
            ", ".join(_bounds(field)),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    return f"{INTRODUCTION}\n{_table([COLUMNS, tuple('---' for _ in COLUMNS), *rows])}"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) in UNIONS:
        return " or ".join(_type_name(a) for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is Literal:
        return "one word"
    if get_origin(annotation) is list:
        return "JSON list"
    return TYPE_NAMES[annotation]


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`{value}`".replace("'", '"')
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _bounds(field: FieldInfo) -> Iterator[str]:
    """What the type alone does not say about the values that are allowed."""
    if get_origin(field.annotation) is Literal:
        yield from (f"`{word}`" for word in get_args(field.annotation))
    for bound in field.metadata:
        match bound:
            case annotated_types.Gt(gt=least):
                yield f"above {least}"
            case annotated_types.Ge(ge=least):
                yield f"at least {least}"
            case annotated_types.Lt(lt=most):
                yield f"below {most}"
            case annotated_types.Le(le=most):
                yield f"at most {most}"
            case annotated_types.MinLen(min_length=least):
                yield f"at least {least} characters"
            case annotated_types.MaxLen(max_length=most):
                yield f"at most {most} characters"


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it; the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns.settings_page", description=__doc__)
    parser.add_argument("page", type=Path, help="the Markdown file, docs/settings.md")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    given = parser.parse_args(arguments)
    if not given.check:
        given.page.write_text(render(), encoding="utf-8")
        return 0
    found = given.page.read_text(encoding="utf-8") if given.page.exists() else None
    if found == render():
        return 0
    state = "does not exist" if found is None else "differs from campaigns/config.py"
    sys.stderr.write(f"{given.page} {state}. `make docs` writes it again.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
