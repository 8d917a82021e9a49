"""which code the tables still serve: code and tables change one after the other"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schema_line",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("oldest_code", sa.Text(), nullable=False),
        sa.CheckConstraint("id", name=op.f("ck_schema_line_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_line")),
    )
    # A migration that takes away what some code needs writes the first revision that does not.
    op.execute(f"INSERT INTO schema_line (oldest_code) VALUES ('{revision}')")


def downgrade() -> None:
    op.drop_table("schema_line")
