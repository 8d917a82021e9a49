"""several reminders for one appointment, planned in one place; people at risk of being late"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# The first reminder of an appointment, from stage p_first on, that is still of use at p_now. Reads
# both forms of a rule: {"offset", "deadline"} for one reminder, {"offsets", "deadlines"} for
# several. The same rule, for one person at a time, is campaigns.reminders.stages.
PLANNED_STAGE = """
CREATE FUNCTION planned_stage(
    p_reminder jsonb, p_appointment timestamptz, p_first integer, p_now timestamptz
)
RETURNS TABLE (stage smallint, due_at timestamptz, deadline_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CAST(o.n - 1 AS smallint),
           greatest(p_appointment - make_interval(secs => CAST(o.seconds AS double precision)),
                    p_now),
           p_appointment - make_interval(secs => CAST(d.seconds AS double precision))
    FROM jsonb_array_elements_text(
             coalesce(p_reminder -> 'offsets', jsonb_build_array(p_reminder -> 'offset')))
             WITH ORDINALITY AS o (seconds, n)
    JOIN jsonb_array_elements_text(
             coalesce(p_reminder -> 'deadlines',
                      jsonb_build_array(coalesce(p_reminder -> 'deadline', '0'))))
             WITH ORDINALITY AS d (seconds, n) ON d.n = o.n
    WHERE p_appointment IS NOT NULL AND jsonb_typeof(p_reminder) = 'object' AND o.n > p_first
      AND p_appointment - make_interval(secs => CAST(d.seconds AS double precision)) > p_now
    ORDER BY o.n LIMIT 1
$$
"""

# Whether a person has answered so that nobody needs to remind them again of this appointment.
APPOINTMENT_ANSWERED = """
CREATE FUNCTION appointment_answered(p_recipient bigint, p_since timestamptz, p_reminder jsonb)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT 1 FROM responses s JOIN attempts a ON a.id = s.attempt_id
        WHERE s.recipient_id = p_recipient
          AND coalesce(a.claimed_at, s.at) >= coalesce(p_since, '-infinity')
          AND (s.meaning IN ('reschedule', 'cancel', 'opt_out')
               OR (s.meaning = 'confirm'
                   AND NOT coalesce(CAST(p_reminder ->> 'again_when_confirmed' AS boolean),
                                    false))))
$$
"""


def upgrade() -> None:
    op.execute(PLANNED_STAGE)
    op.execute(APPOINTMENT_ANSWERED)
    op.add_column(
        "recipients", sa.Column("appointment_set_at", sa.DateTime(timezone=True), nullable=True)
    )
    # Slots for the sake of a deadline are not charged to vtime, so that tells no longer how many a
    # campaign has had, by which the ratio of first calls and retries is kept.
    op.add_column(
        "campaigns",
        sa.Column("served", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    # Only for what asks about all campaigns at once, and says so by asking for a time.
    op.drop_index("ix_recipients_deadline", table_name="recipients")
    op.create_index(
        "ix_recipients_deadline",
        "recipients",
        ["deadline_at"],
        postgresql_where=sa.text(
            "status = 'pending' AND deadline_at IS NOT NULL AND next_attempt_at IS NOT NULL"
        ),
    )
    op.create_table(
        "late_risks",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("spans", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_late_risks_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_late_risks")),
    )


def downgrade() -> None:
    op.drop_table("late_risks")
    op.drop_index("ix_recipients_deadline", table_name="recipients")
    op.create_index(
        "ix_recipients_deadline",
        "recipients",
        ["deadline_at"],
        postgresql_where=sa.text("status = 'pending' AND deadline_at IS NOT NULL"),
    )
    op.drop_column("campaigns", "served")
    op.drop_column("recipients", "appointment_set_at")
    op.execute("DROP FUNCTION appointment_answered(bigint, timestamptz, jsonb)")
    op.execute("DROP FUNCTION planned_stage(jsonb, timestamptz, integer, timestamptz)")
