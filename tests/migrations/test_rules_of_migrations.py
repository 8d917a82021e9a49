"""What a migration must not do while everything runs, read from the SQL it would execute.

It holds for migrations after `BASELINE`; those before it were made when nobody ran this yet.
"""

import io
import re
from contextlib import redirect_stdout
from itertools import pairwise

import pytest
from alembic import command

from campaigns import migrations

BASELINE = "0021"
# Rewriting or reading them whole, under a lock, takes longer than anybody may wait.
BIG = "attempts|attempt_numbers|call_events|recipients|responses|opt_outs|gate_history|consents"
RULES = {
    "an index on a big table is created CONCURRENTLY (in op.get_context().autocommit_block())": (
        rf"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*\bON ({BIG})\b"
    ),
    "a column that is NOT NULL comes with a default, which needs no rewriting": (
        r"ADD COLUMN (?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL"
    ),
    "a column becomes NOT NULL by a check that was validated before, not by reading everything": (
        rf"ALTER TABLE ({BIG}) ALTER COLUMN \w+ SET NOT NULL"
    ),
    "a column's type is not changed: the table would be rewritten": (
        rf"ALTER TABLE ({BIG}) ALTER COLUMN \w+ TYPE"
    ),
    "a constraint on a big table is added NOT VALID, and validated in a later statement": (
        rf"ALTER TABLE ({BIG}) ADD CONSTRAINT (?![^;]*NOT VALID)[^;]*(CHECK|FOREIGN KEY)"
    ),
    "what code of the release before may use is dropped or renamed only after writing the oldest "
    "code that does without it into schema_line": (
        r"(DROP COLUMN|DROP TABLE|RENAME (COLUMN|TO))(?![\s\S]*UPDATE schema_line)"
    ),
}


def broken_by(sql: str) -> list[str]:
    """The rules that some statements break."""
    plain = re.sub(r"--[^\n]*|\$\$[\s\S]*?\$\$", " ", sql)
    plain = re.sub(r"\s+", " ", plain)
    return [rule for rule, pattern in RULES.items() if re.search(pattern, plain, re.IGNORECASE)]


def sql_of(revision: str, before: str) -> str:
    """What a migration would execute."""
    made = migrations.config()
    out = io.StringIO()
    made.output_buffer = out
    with redirect_stdout(out):
        command.upgrade(made, f"{before}:{revision}", sql=True)
    return out.getvalue()


def after_the_baseline() -> list[tuple[str, str]]:
    known = migrations.known_revisions()
    return [pair for pair in pairwise(known) if pair[1] > BASELINE]


@pytest.mark.parametrize(("before", "revision"), after_the_baseline() or [(None, None)])
def test_no_migration_after_the_baseline_breaks_a_rule(before, revision):
    if revision is None:
        assert migrations.known_revisions()[-1] == BASELINE, (
            "there are some, and none was looked at"
        )
        return
    assert broken_by(sql_of(revision, before)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ix ON attempts (id);",
        "CREATE UNIQUE INDEX ix\n ON recipients (id) WHERE status = 'pending';",
        "ALTER TABLE flows ADD COLUMN kind TEXT NOT NULL;",
        "ALTER TABLE attempts ALTER COLUMN number SET NOT NULL;",
        "ALTER TABLE recipients ALTER COLUMN id TYPE TEXT;",
        "ALTER TABLE attempts ADD CONSTRAINT c CHECK (n > 0);",
        "ALTER TABLE attempts ADD CONSTRAINT c FOREIGN KEY(a) REFERENCES b (id);",
        "ALTER TABLE flows DROP COLUMN kind;",
        "DROP TABLE flows;",
        "ALTER TABLE flows RENAME TO scripts;",
        "ALTER TABLE flows RENAME COLUMN a TO b;",
    ],
)
def test_what_would_hold_a_lock_or_break_old_code_is_refused(sql):
    assert len(broken_by(sql)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY ix ON attempts (id);",
        "CREATE INDEX ix ON flows (id);",
        "ALTER TABLE attempts ADD COLUMN kind TEXT;",
        "ALTER TABLE attempts ADD COLUMN kind TEXT DEFAULT 'a' NOT NULL;",
        "ALTER TABLE attempts ADD CONSTRAINT c CHECK (n > 0) NOT VALID;",
        "ALTER TABLE flows DROP COLUMN kind; UPDATE schema_line SET oldest_code = '0030';",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DROP TABLE x; END $$;",
    ],
)
def test_what_harms_nobody_is_let_be(sql):
    assert broken_by(sql) == []
