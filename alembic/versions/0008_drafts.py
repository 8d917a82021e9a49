"""drafts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "campaigns",
        sa.Column("draft", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )

    op.create_table(
        "audio_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "media_type IN ('audio/wav', 'audio/mpeg')",
            name=op.f("ck_audio_files_media_type_known"),
        ),
        sa.CheckConstraint(
            "size = octet_length(data) AND seconds > 0", name=op.f("ck_audio_files_whole")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audio_files")),
        sa.UniqueConstraint("sha256", name=op.f("uq_audio_files_sha256")),
    )
    # Audio does not shrink when it is packed again.
    op.execute("ALTER TABLE audio_files ALTER COLUMN data SET STORAGE EXTERNAL")
    op.create_table(
        "flow_audio",
        sa.Column("flow_id", sa.BigInteger(), nullable=False),
        sa.Column("audio_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audio_id"], ["audio_files.id"], name=op.f("fk_flow_audio_audio_id")
        ),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name=op.f("fk_flow_audio_flow_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("flow_id", "audio_id", name=op.f("pk_flow_audio")),
    )
    op.create_index("ix_flow_audio_audio_id", "flow_audio", ["audio_id"])

    op.create_table(
        "recurrences",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("unchanged", sa.Text(), nullable=False),
        sa.Column("grace_hours", sa.Double(), nullable=False),
        sa.Column("run_hours", sa.Double(), nullable=True),
        sa.Column("next_key", sa.Text(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'active') = (next_at IS NOT NULL) AND (next_at IS NULL) = (next_key IS NULL)",
            name=op.f("ck_recurrences_active_has_a_time"),
        ),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'ended')", name=op.f("ck_recurrences_status_known")
        ),
        sa.CheckConstraint(
            "unchanged IN ('run', 'skip')", name=op.f("ck_recurrences_unchanged_known")
        ),
        sa.CheckConstraint(
            "grace_hours > 0 AND (run_hours IS NULL OR run_hours > 0)",
            name=op.f("ck_recurrences_hours"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_recurrences_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recurrences")),
    )
    op.create_index(
        "ix_recurrences_next_at",
        "recurrences",
        ["next_at"],
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(
        "uq_recurrences_campaign_id_live",
        "recurrences",
        ["campaign_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'ended'"),
    )
    op.create_table(
        "recurrence_firings",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("recurrence_id", sa.BigInteger(), nullable=False),
        sa.Column("fire_key", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("file_sha256", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status IN ('waiting', 'running')) = (next_try_at IS NOT NULL) AND (next_try_at IS NULL) = (finished_at IS NOT NULL)",
            name=op.f("ck_recurrence_firings_open_has_a_time"),
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'started', 'skipped', 'missed', 'failed')",
            name=op.f("ck_recurrence_firings_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_recurrence_firings_campaign_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
            name=op.f("fk_recurrence_firings_import_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["recurrence_id"],
            ["recurrences.id"],
            name=op.f("fk_recurrence_firings_recurrence_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recurrence_firings")),
        sa.UniqueConstraint(
            "recurrence_id", "fire_key", name=op.f("uq_recurrence_firings_recurrence_id_fire_key")
        ),
    )
    op.create_index("ix_recurrence_firings_campaign_id", "recurrence_firings", ["campaign_id"])
    op.create_index("ix_recurrence_firings_import_id", "recurrence_firings", ["import_id"])
    op.create_index(
        "ix_recurrence_firings_next_try_at",
        "recurrence_firings",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_index(
        "ix_recurrence_firings_recurrence_id_due_at",
        "recurrence_firings",
        ["recurrence_id", "due_at"],
    )
    op.create_table(
        "reminded_appointments",
        sa.Column("recurrence_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("appointment_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_reminded_appointments_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recurrence_id"],
            ["recurrences.id"],
            name=op.f("fk_reminded_appointments_recurrence_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recurrence_id",
            "number",
            "appointment_at",
            "recipient_id",
            name=op.f("pk_reminded_appointments"),
        ),
    )
    op.create_index(
        "ix_reminded_appointments_recipient_id", "reminded_appointments", ["recipient_id"]
    )
    op.create_index(
        "ix_reminded_appointments_appointment_at", "reminded_appointments", ["appointment_at"]
    )


def downgrade() -> None:
    op.drop_table("reminded_appointments")
    op.drop_table("recurrence_firings")
    op.drop_table("recurrences")
    op.drop_table("flow_audio")
    op.drop_table("audio_files")
    op.drop_column("campaigns", "draft")
