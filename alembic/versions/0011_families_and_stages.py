"""campaigns of one family, households, several reminders for one appointment"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A copy belongs to the family of what it was copied from, a child of a recurrence to that of its
# campaign; every other campaign begins one. Set by the database, so that no road to a new campaign
# can forget it.
FAMILY_OF_CAMPAIGN = """
CREATE FUNCTION family_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.family_id := coalesce(
        NEW.family_id, (SELECT c.family_id FROM campaigns c WHERE c.id = NEW.copied_from), NEW.id);
    RETURN NEW;
END
$$
"""
FAMILY_OF_OPT_OUT = """
CREATE FUNCTION family_of_opt_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.family_id := (SELECT c.family_id FROM campaigns c WHERE c.id = NEW.campaign_id);
    RETURN NEW;
END
$$
"""
FAMILIES = """
WITH RECURSIVE parents AS (
    SELECT c.id, coalesce(c.copied_from, (
        SELECT r.campaign_id FROM recurrence_firings f JOIN recurrences r ON r.id = f.recurrence_id
        WHERE f.campaign_id = c.id LIMIT 1)) AS parent_id
    FROM campaigns c
), roots AS (
    SELECT id, id AS root_id FROM parents WHERE parent_id IS NULL
    UNION ALL
    SELECT p.id, r.root_id FROM parents p JOIN roots r ON r.id = p.parent_id
)
UPDATE campaigns c SET family_id = r.root_id FROM roots r WHERE r.id = c.id
"""

# As in 0006, which says why it is written so. Only an opt-out of one campaign holds for its whole
# family now: for its copies, its redials, and what a recurrence makes of it.
OPTED_OUT = """
CREATE OR REPLACE FUNCTION opted_out(p_numbers text[], p_campaign bigint, p_at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SET enable_seqscan = off AS $$
DECLARE
    called text;
BEGIN
    IF EXISTS (
        SELECT 1 FROM opt_outs o
        WHERE o.number = ANY (p_numbers) AND NOT o.is_prefix
          AND o.lifted_at IS NULL AND o.replaced_at IS NULL
          AND /* where it holds */
          AND (o.expires_at IS NULL OR p_at < o.expires_at)
    ) THEN
        RETURN true;
    END IF;
    -- Most lists hold no prefix at all: one look tells, and saves the thirteen that follow.
    IF NOT EXISTS (
        SELECT 1 FROM opt_outs o
        WHERE o.is_prefix AND o.lifted_at IS NULL AND o.replaced_at IS NULL
    ) THEN
        RETURN false;
    END IF;
    FOREACH called IN ARRAY p_numbers LOOP
        -- Every beginning of three to fifteen digits, written out: that is three times as fast as
        -- a generated list, and a list of recipients asks a million times.
        IF EXISTS (
            SELECT 1 FROM opt_outs o
            WHERE o.number = ANY (ARRAY[
                    left(called, 4), left(called, 5), left(called, 6), left(called, 7),
                    left(called, 8), left(called, 9), left(called, 10), left(called, 11),
                    left(called, 12), left(called, 13), left(called, 14), left(called, 15),
                    left(called, 16)])
              AND o.is_prefix
              AND o.lifted_at IS NULL AND o.replaced_at IS NULL
              AND /* where it holds */
              AND (o.expires_at IS NULL OR p_at < o.expires_at)
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$
"""
WHERE = "/* where it holds */"
IN_FAMILY = (
    "(o.campaign_id IS NULL OR o.campaign_id = p_campaign OR o.family_id ="
    " (SELECT c.family_id FROM campaigns c WHERE c.id = p_campaign))"
)
IN_CAMPAIGN = "(o.campaign_id IS NULL OR o.campaign_id = p_campaign)"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("family_id", sa.BigInteger(), nullable=True))
    op.execute(FAMILIES)
    op.alter_column("campaigns", "family_id", nullable=False)
    op.execute(FAMILY_OF_CAMPAIGN)
    op.execute("""
        CREATE TRIGGER family_of_campaign BEFORE INSERT ON campaigns
        FOR EACH ROW EXECUTE FUNCTION family_of_campaign()
    """)
    op.create_index("ix_campaigns_family_id", "campaigns", ["family_id"])
    op.add_column("opt_outs", sa.Column("family_id", sa.BigInteger(), nullable=True))
    op.execute("""
        UPDATE opt_outs o SET family_id = c.family_id FROM campaigns c WHERE c.id = o.campaign_id
    """)
    op.execute(FAMILY_OF_OPT_OUT)
    op.execute("""
        CREATE TRIGGER family_of_opt_out BEFORE INSERT OR UPDATE OF campaign_id ON opt_outs
        FOR EACH ROW EXECUTE FUNCTION family_of_opt_out()
    """)
    op.execute(OPTED_OUT.replace(WHERE, IN_FAMILY))

    op.add_column(
        "campaigns",
        sa.Column("household", sa.Text(), server_default=sa.text("'wait'"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_campaigns_household"), "campaigns", "household IN ('wait', 'merge')"
    )
    for table in ("recipients", "attempts"):
        op.add_column(
            table,
            sa.Column("stage", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        )
    for name in ("counted_from", "appointment_cancelled_at"):
        op.add_column("recipients", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("recipients", sa.Column("appointment_key", sa.Text(), nullable=True))
    op.create_index(
        "uq_recipients_appointment_key",
        "recipients",
        ["campaign_id", "appointment_key"],
        unique=True,
        postgresql_where=sa.text("appointment_key IS NOT NULL"),
    )
    op.create_index(
        "ix_recipients_due_by_deadline",
        "recipients",
        ["campaign_id", "zone_key", "retry", "deadline_at", "next_attempt_at"],
        postgresql_where=sa.text("status = 'pending' AND deadline_at IS NOT NULL"),
    )
    for name in ("rows_moved", "rows_missing"):
        op.add_column(
            "imports",
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        )


def downgrade() -> None:
    for name in ("rows_missing", "rows_moved"):
        op.drop_column("imports", name)
    op.drop_index("ix_recipients_due_by_deadline", table_name="recipients")
    op.drop_index("uq_recipients_appointment_key", table_name="recipients")
    for name in ("appointment_key", "appointment_cancelled_at", "counted_from"):
        op.drop_column("recipients", name)
    for table in ("attempts", "recipients"):
        op.drop_column(table, "stage")
    op.drop_constraint(op.f("ck_campaigns_household"), "campaigns")
    op.drop_column("campaigns", "household")
    op.execute(OPTED_OUT.replace(WHERE, IN_CAMPAIGN))
    op.execute("DROP TRIGGER family_of_opt_out ON opt_outs")
    op.execute("DROP FUNCTION family_of_opt_out()")
    op.drop_column("opt_outs", "family_id")
    op.drop_index("ix_campaigns_family_id", table_name="campaigns")
    op.execute("DROP TRIGGER family_of_campaign ON campaigns")
    op.execute("DROP FUNCTION family_of_campaign()")
    op.drop_column("campaigns", "family_id")
