"""consents, an index for the calls that count in caps, and what the gates were told"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_PURPOSES = "'reminder', 'informational', 'marketing', 'debt', 'survey', 'emergency'"

# The consent a queued attempt rests on, asked once more in the claim, after its lock. Stable, as
# `opted_out` is and for the same reason.
CONSENT_HOLDS = """
CREATE FUNCTION consent_holds(p_consent bigint, p_at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p_consent IS NULL OR EXISTS (
        SELECT 1 FROM consents c
        WHERE c.id = p_consent AND c.revoked_at IS NULL
          AND (c.expires_at IS NULL OR p_at < c.expires_at))
$$
"""

# The claim is changed where it stands, since several changes to it may come in any order: what
# is added is one more gate behind that of the opt-outs.
_OPT_OUT_GATE = "NOT opted_out(r.numbers, a.campaign_id, claimed)"
_CONSENT_GATE = f"{_OPT_OUT_GATE}\n          AND consent_holds(a.consent_id, claimed)"
_CHANGE_CLAIM = """
DO $change$
DECLARE
    written text := pg_get_functiondef('claim_attempts'::regproc);
BEGIN
    IF strpos(written, '{before}') = 0 THEN
        RAISE EXCEPTION 'claim_attempts has no such gate: {before}';
    END IF;
    EXECUTE replace(written, '{before}', '{after}');
END
$change$
"""


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("number", sa.Text(collation="C"), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "basis IN ('existing_relationship', 'express', 'written', 'optin_proof')",
            name=op.f("ck_consents_basis"),
        ),
        sa.CheckConstraint(f"purpose IN ({_PURPOSES})", name=op.f("ck_consents_purpose")),
        sa.CheckConstraint(
            "source IN ('api', 'cli', 'import', 'page')", name=op.f("ck_consents_source")
        ),
        sa.CheckConstraint("number ~ '^[+][0-9]{7,15}$'", name=op.f("ck_consents_number")),
        sa.CheckConstraint("evidence <> ''", name=op.f("ck_consents_evidence")),
        sa.CheckConstraint(
            "expires_at > given_at", name=op.f("ck_consents_expires_after_it_was_given")
        ),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)"
            " AND (revoked_at IS NULL) = (revoked_why IS NULL)",
            name=op.f("ck_consents_revoked"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        "uq_consents_given",
        "consents",
        ["number", "basis", "purpose", "subject", "given_at"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_consents_number_id", "consents", ["number", "id"])
    op.create_index("ix_consents_reversed", "consents", [sa.text("reverse(number)"), "id"])
    op.create_index(
        "ix_consents_revoked",
        "consents",
        ["id"],
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.add_column("attempts", sa.Column("consent_id", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("gate_inputs", postgresql.JSONB(), nullable=True))
    op.create_foreign_key(
        op.f("fk_attempts_consent_id"), "attempts", "consents", ["consent_id"], ["id"]
    )
    op.create_index(
        "ix_attempts_number_claimed_at",
        "attempts",
        ["number", "claimed_at"],
        postgresql_include=["campaign_id"],
        postgresql_where=sa.text("spent AND claimed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_attempts_consent_id",
        "attempts",
        ["consent_id"],
        postgresql_where=sa.text("consent_id > 0"),
    )
    op.add_column(
        "campaigns",
        sa.Column("caps", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("recipients", sa.Column("import_line", sa.Integer(), nullable=True))
    op.create_index(
        "ix_campaigns_subject",
        "campaigns",
        ["subject"],
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.execute(CONSENT_HOLDS)
    op.execute(_CHANGE_CLAIM.format(before=_OPT_OUT_GATE, after=_CONSENT_GATE))


def downgrade() -> None:
    op.execute(_CHANGE_CLAIM.format(before=_CONSENT_GATE, after=_OPT_OUT_GATE))
    op.execute("DROP FUNCTION consent_holds(bigint, timestamptz)")
    op.drop_index("ix_campaigns_subject", table_name="campaigns")
    op.drop_column("recipients", "import_line")
    op.drop_column("campaigns", "caps")
    op.drop_index("ix_attempts_consent_id", table_name="attempts")
    op.drop_index("ix_attempts_number_claimed_at", table_name="attempts")
    op.drop_constraint(op.f("fk_attempts_consent_id"), "attempts")
    op.drop_column("attempts", "gate_inputs")
    op.drop_column("attempts", "consent_id")
    op.drop_table("consents")
