"""how far this installation has come, and restored databases, which dial nobody until reconciled"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Whatever the code above it thinks: what is not reconciled does not dial.
GUARD = """
CREATE FUNCTION dialing_stays_off_until_reconciled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.enabled AND EXISTS (SELECT FROM restorations WHERE reconciled_at IS NULL) THEN
        RAISE EXCEPTION 'a restored database dials nobody until it was reconciled'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER dialing_stays_off_until_reconciled BEFORE INSERT OR UPDATE ON dialing_switch
    FOR EACH ROW EXECUTE FUNCTION dialing_stays_off_until_reconciled()
"""


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("mark", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.execute("INSERT INTO installation DEFAULT VALUES")
    op.create_table(
        "restorations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("lost_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("was_enabled", sa.Boolean(), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
    )
    op.create_index(
        "uq_restorations_open",
        "restorations",
        [sa.text("(reconciled_at IS NULL)")],
        unique=True,
        postgresql_where=sa.text("reconciled_at IS NULL"),
    )
    op.execute(GUARD)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER dialing_stays_off_until_reconciled ON dialing_switch")
    op.execute("DROP FUNCTION dialing_stays_off_until_reconciled()")
    op.drop_table("restorations")
    op.drop_table("installation")
