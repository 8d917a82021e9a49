"""imports that wait to be looked at, are undone or discarded; what was repaired in them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FILE = "uq_imports_campaign_id_file_sha256"


def upgrade() -> None:
    _allow("uploaded", "waiting", "running", "done", "failed", "undone", "discarded")
    op.drop_index(FILE, table_name="imports")
    op.create_index(
        FILE,
        "imports",
        ["campaign_id", "file_sha256"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('failed', 'undone', 'discarded')"),
    )
    op.create_index("ix_imports_campaign_id_id", "imports", ["campaign_id", "id"])
    for name in ("repairs", "rejects_by_reason"):
        op.add_column(
            "imports",
            sa.Column(
                name,
                postgresql.JSONB(astext_type=sa.Text()),
                server_default=sa.text("'{}'"),
                nullable=False,
            ),
        )
    op.add_column(
        "imports",
        sa.Column(
            "rows_recently_called", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
    )
    op.execute("""
        UPDATE imports i SET rejects_by_reason = counted.reasons
        FROM (
            SELECT import_id, jsonb_object_agg(reason, n) AS reasons
            FROM (SELECT import_id, reason, count(*) AS n FROM import_rejects
                  GROUP BY import_id, reason) each_reason
            GROUP BY import_id
        ) counted
        WHERE counted.import_id = i.id
    """)
    op.create_table(
        "import_repairs",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_repairs_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "kind", "n", name=op.f("pk_import_repairs")),
    )


def downgrade() -> None:
    op.drop_table("import_repairs")
    for name in ("rows_recently_called", "rejects_by_reason", "repairs"):
        op.drop_column("imports", name)
    op.drop_index("ix_imports_campaign_id_id", table_name="imports")
    # What brought nobody in, or was taken back, has no older word than this one.
    op.execute("""
        UPDATE imports SET status = 'failed', error = coalesce(error, 'Nothing was imported.')
        WHERE status IN ('uploaded', 'undone', 'discarded')
    """)
    op.drop_index(FILE, table_name="imports")
    op.create_index(
        FILE,
        "imports",
        ["campaign_id", "file_sha256"],
        unique=True,
        postgresql_where=sa.text("status <> 'failed'"),
    )
    _allow("waiting", "running", "done", "failed")


def _allow(*statuses: str) -> None:
    listed = ", ".join(repr(status) for status in statuses)
    op.drop_constraint(op.f("ck_imports_status"), "imports", type_="check")
    op.create_check_constraint(op.f("ck_imports_status"), "imports", f"status IN ({listed})")
