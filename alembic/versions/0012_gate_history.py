"""what opened and closed for claims, and when: the evidence that `outdial verify` reads"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Whatever stops calls changes its row while it holds the gate, so a claim is made before the
# instant written here or after the commit, and the clock tells which. `now()` would not do: it is
# the beginning of the transaction, before the wait for the gate.
WHAT = {
    "campaign": (
        "campaigns",
        "status, windows, ends_at, rule_set",
        "NEW.id, jsonb_build_object('status', NEW.status, 'windows', NEW.windows,"
        " 'ends_at', NEW.ends_at, 'rule_set', NEW.rule_set)",
    ),
    "account": (
        "accounts",
        "status, live",
        "NEW.id, jsonb_build_object('status', NEW.status, 'live', NEW.live)",
    ),
    "switch": (
        "dialing_switch",
        "enabled",
        "1, jsonb_build_object('enabled', NEW.enabled)",
    ),
}

NOTE = """
CREATE FUNCTION note_gate_of_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gate_history (kind, subject_id, at, value)
    SELECT v.kind, v.subject_id, clock_timestamp(), v.value
    FROM (VALUES ('{kind}', {row})) AS v (kind, subject_id, value);
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE TRIGGER note_gate_of_{kind} AFTER INSERT OR UPDATE OF {columns} ON {table}
FOR EACH ROW EXECUTE FUNCTION note_gate_of_{kind}()
"""


def upgrade() -> None:
    op.create_table(
        "gate_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "kind IN ('campaign', 'account', 'switch')", name=op.f("ck_gate_history_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_history")),
    )
    op.create_index(
        op.f("ix_gate_history_kind_subject_id_at"), "gate_history", ["kind", "subject_id", "at"]
    )
    for kind, (table, columns, row) in WHAT.items():
        op.execute(NOTE.format(kind=kind, row=row))
        op.execute(TRIGGER.format(kind=kind, table=table, columns=columns))
        # How it stands now is all that is known of what was there before.
        op.execute(f"""
            INSERT INTO gate_history (kind, subject_id, value)
            SELECT '{kind}', {row.replace("NEW.", "t.")} FROM {table} t
        """)
    # Set while the gate is held, unlike created_at. Rows from before have no such instant.
    op.add_column("opt_outs", sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("opt_outs", "in_force_at", server_default=sa.text("clock_timestamp()"))


def downgrade() -> None:
    op.drop_column("opt_outs", "in_force_at")
    for kind, (table, _, _) in WHAT.items():
        op.execute(f"DROP TRIGGER note_gate_of_{kind} ON {table}")
        op.execute(f"DROP FUNCTION note_gate_of_{kind}")
    op.drop_table("gate_history")
