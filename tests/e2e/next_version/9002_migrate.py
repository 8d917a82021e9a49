"""what was there before is brought along in pieces, and then has to be so"""

import sqlalchemy as sa
from alembic import op

revision = "9002"
down_revision = "9001"
branch_labels = None
depends_on = None

PIECE = 50


def upgrade() -> None:
    with op.get_context().autocommit_block():
        last: int | None = 0
        while last is not None:
            last = op.get_bind().scalar(
                sa.text("""
                    WITH piece AS (
                        SELECT id FROM attempts WHERE id > :last ORDER BY id LIMIT :n
                    ), brought AS (
                        UPDATE attempts SET next_note = 'from before'
                        WHERE id IN (SELECT id FROM piece) AND next_note IS NULL
                    )
                    SELECT max(id) FROM piece
                """),
                {"last": last, "n": PIECE},
            )
        op.execute("ALTER TABLE recipients DROP CONSTRAINT IF EXISTS next_tiers")
        op.execute(
            "ALTER TABLE recipients ADD CONSTRAINT next_tiers CHECK (next_tier >= 0) NOT VALID"
        )
        op.execute("ALTER TABLE recipients VALIDATE CONSTRAINT next_tiers")


def downgrade() -> None:
    op.execute("ALTER TABLE recipients DROP CONSTRAINT next_tiers")
