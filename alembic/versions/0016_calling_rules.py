"""calling rules as versioned data, and the places whose rules bind a number"""

import json

import sqlalchemy as sa
from alembic import op

from campaigns.compliance import rule_document, shipped_rules

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PURPOSES = "'reminder', 'informational', 'marketing', 'debt', 'survey', 'emergency'"
VOICES = "'recorded', 'ai', 'live'"
LINES = "'wireless', 'landline', 'unknown'"

# The rules as they stood in the code before; attempts of that time name them.
BEFORE = {
    "practice": {"windows": "always", "min_gap_seconds": 1},
    "rules": [
        {
            "code": "house.before",
            "title": "House rule for every place, from before there were rules of places",
            "jurisdiction": "*",
            "purposes": "all",
            "voices": "all",
            "windows": "mon-sat 09:00-20:00",
            "min_gap_hours": 4,
            "source": "house rule",
            "seen": "2026-11-28",
            "status": "house",
        }
    ],
}

# What `outdial verify` judges past calls by: from now on also why and with what voice.
NOTE = """
CREATE OR REPLACE FUNCTION note_gate_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gate_history (kind, subject_id, at, value)
    SELECT 'campaign', NEW.id, clock_timestamp(),
        jsonb_build_object('status', NEW.status, 'windows', NEW.windows, 'ends_at', NEW.ends_at,
            'rule_set', NEW.rule_set{more});
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE OR REPLACE TRIGGER note_gate_of_campaign
AFTER INSERT OR UPDATE OF status, windows, ends_at, rule_set{more} ON campaigns
FOR EACH ROW EXECUTE FUNCTION note_gate_of_campaign()
"""

GUARD = """
CREATE FUNCTION calling_rules_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'calling rules are append-only: a change is a new version';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "calling_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("seeded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_calling_rules")),
        sa.UniqueConstraint("digest", name=op.f("uq_calling_rules_digest")),
    )
    op.create_table(
        "rule_activations",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_rule_activations")),
        sa.ForeignKeyConstraint(
            ["version"], ["calling_rules.version"], name=op.f("fk_rule_activations_version")
        ),
    )
    op.execute(GUARD)
    for table in ("calling_rules", "rule_activations"):
        op.execute(
            f"CREATE TRIGGER {table}_are_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION calling_rules_are_append_only()"
        )
    _seed()
    _places()
    _campaigns()


def _seed() -> None:
    """The rules that come with this code are in force at once.

    Where calls were made before, the rules of that time are kept as version 1.
    """
    called = op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM attempts)")).scalar_one()
    documents = [rule_document(json.dumps(BEFORE))] if called else []
    for version, one in enumerate([*documents, shipped_rules()], 1):
        op.get_bind().execute(
            sa.text("""
                INSERT INTO calling_rules (version, digest, document, seeded_at)
                VALUES (:version, :digest, CAST(:document AS jsonb), now())
            """),
            {"version": version, "digest": one.digest, "document": json.dumps(one.content)},
        )
        op.execute(
            f"INSERT INTO rule_activations (n, version, at) VALUES ({version}, {version}, now())"
        )


def _places() -> None:
    op.drop_constraint(op.f("uq_zone_keys_zones"), "zone_keys")
    op.add_column("zone_keys", sa.Column("country", sa.Text(), nullable=True))
    op.add_column(
        "zone_keys",
        sa.Column("subdivisions", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "zone_keys", sa.Column("line", sa.Text(), server_default="unknown", nullable=False)
    )
    op.create_check_constraint(op.f("ck_zone_keys_line"), "zone_keys", f"line IN ({LINES})")
    op.create_unique_constraint(
        op.f("uq_zone_keys_country_subdivisions_zones_line"),
        "zone_keys",
        ["country", "subdivisions", "zones", "line"],
        postgresql_nulls_not_distinct=True,
    )
    op.add_column("recipients", sa.Column("address", sa.dialects.postgresql.JSONB(), nullable=True))


def _campaigns() -> None:
    op.add_column(
        "campaigns", sa.Column("purpose", sa.Text(), server_default="informational", nullable=False)
    )
    op.add_column(
        "campaigns", sa.Column("voice", sa.Text(), server_default="recorded", nullable=False)
    )
    op.add_column("campaigns", sa.Column("subject", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_campaigns_purpose"), "campaigns", f"purpose IN ({PURPOSES})"
    )
    op.create_check_constraint(op.f("ck_campaigns_voice"), "campaigns", f"voice IN ({VOICES})")
    op.execute("UPDATE campaigns SET purpose = 'reminder' WHERE kind = 'reminder'")
    op.execute(NOTE.format(more=", 'purpose', NEW.purpose, 'voice', NEW.voice"))
    op.execute(TRIGGER.format(more=", purpose, voice"))


def downgrade() -> None:
    op.execute(NOTE.format(more=""))
    op.execute(TRIGGER.format(more=""))
    for name in ("voice", "purpose"):
        op.drop_constraint(op.f(f"ck_campaigns_{name}"), "campaigns")
    for name in ("subject", "voice", "purpose"):
        op.drop_column("campaigns", name)
    op.drop_column("recipients", "address")
    # Several places may have the same zones: their people share one key again.
    op.execute("""
        UPDATE recipients r SET zone_key = one.id
        FROM zone_keys k JOIN (SELECT zones, min(id) AS id FROM zone_keys GROUP BY zones) one
            ON one.zones = k.zones
        WHERE r.zone_key = k.id AND k.id <> one.id
    """)
    op.execute("""
        DELETE FROM zone_keys k USING zone_keys o WHERE o.zones = k.zones AND o.id < k.id
    """)
    op.drop_constraint(op.f("uq_zone_keys_country_subdivisions_zones_line"), "zone_keys")
    op.drop_constraint(op.f("ck_zone_keys_line"), "zone_keys")
    for name in ("line", "subdivisions", "country"):
        op.drop_column("zone_keys", name)
    op.create_unique_constraint(op.f("uq_zone_keys_zones"), "zone_keys", ["zones"])
    for table in ("rule_activations", "calling_rules"):
        op.drop_table(table)
    op.execute("DROP FUNCTION calling_rules_are_append_only()")
