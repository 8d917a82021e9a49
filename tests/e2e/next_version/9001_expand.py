"""as a next version might: columns on the tables that everything writes to, a table, an index"""

from alembic import op

from campaigns import migrations

revision = "9001"
down_revision = migrations.known_revisions()[-1]
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE attempts ADD COLUMN next_note text")
    op.execute("ALTER TABLE recipients ADD COLUMN next_tier smallint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE campaigns ADD COLUMN next_colour text")
    op.execute("CREATE TABLE next_things (id bigint PRIMARY KEY, attempt_id bigint)")
    with op.get_context().autocommit_block():
        # One that waited too long for older transactions is there, and invalid.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_attempts_next_note")
        op.execute("CREATE INDEX CONCURRENTLY ix_attempts_next_note ON attempts (next_note)")


def downgrade() -> None:
    op.execute("DROP TABLE next_things")
    op.execute("ALTER TABLE campaigns DROP COLUMN next_colour")
    op.execute("ALTER TABLE recipients DROP COLUMN next_tier")
    op.execute("ALTER TABLE attempts DROP COLUMN next_note")
