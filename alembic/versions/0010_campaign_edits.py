"""campaigns that were paused, copied or archived, and people who were taken out of one"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATUSES = "'pending', 'in_flight', 'completed', 'exhausted', 'expired', 'blocked', 'review'"
STATUS_KNOWN = "ck_recipients_status_known"


def upgrade() -> None:
    for name in ("paused_at", "archived_at"):
        op.add_column("campaigns", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaigns", sa.Column("copied_from", sa.BigInteger(), nullable=True))
    op.add_column("campaigns", sa.Column("copied_how", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_campaigns_copied_from"),
        "campaigns",
        "campaigns",
        ["copied_from"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_check_constraint(
        op.f("ck_campaigns_copied_how"), "campaigns", "copied_how IN ('clone', 'redial')"
    )
    op.create_index(
        op.f("ix_campaigns_copied_from"),
        "campaigns",
        ["copied_from"],
        postgresql_where=sa.text("copied_from IS NOT NULL"),
    )
    op.drop_constraint(op.f(STATUS_KNOWN), "recipients")
    op.create_check_constraint(
        op.f(STATUS_KNOWN), "recipients", f"status IN ({STATUSES}, 'removed')"
    )


def downgrade() -> None:
    op.execute("UPDATE recipients SET status = 'exhausted' WHERE status = 'removed'")
    op.drop_constraint(op.f(STATUS_KNOWN), "recipients")
    op.create_check_constraint(op.f(STATUS_KNOWN), "recipients", f"status IN ({STATUSES})")
    op.drop_index(op.f("ix_campaigns_copied_from"), table_name="campaigns")
    op.drop_constraint(op.f("ck_campaigns_copied_how"), "campaigns")
    op.drop_constraint(op.f("fk_campaigns_copied_from"), "campaigns")
    for name in ("copied_how", "copied_from", "archived_at", "paused_at"):
        op.drop_column("campaigns", name)
