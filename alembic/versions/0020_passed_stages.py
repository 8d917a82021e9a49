"""how many of an appointment's reminders have had their time"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION passed_stages(
            p_reminder jsonb, p_appointment timestamptz, p_now timestamptz
        )
        RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
            SELECT CAST(count(*) AS integer)
            FROM jsonb_array_elements_text(
                coalesce(p_reminder -> 'offsets', jsonb_build_array(p_reminder -> 'offset')))
                AS o (seconds)
            WHERE p_appointment - make_interval(secs => CAST(o.seconds AS double precision))
                <= p_now
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION passed_stages(jsonb, timestamptz, timestamptz)")
