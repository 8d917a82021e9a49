"""what others are told: endpoints, events stored with what they tell of, deliveries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Events are stored by triggers, so that no road through the code can forget one: in the same
# transaction as what they tell of, and only while somebody listens. They are row triggers with a
# condition, because nearly every update of these tables (claims, slots, pacing, recalls) is no
# event: the condition is read before anything is called. A statement trigger has no condition
# and would collect the changed rows of every one of them. Nothing fires on insert: an import of a
# million people is no news about anybody.
EVENT_IS_WANTED = """
CREATE FUNCTION event_is_wanted(p_type text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM webhook_endpoints WHERE status = 'active' AND p_type = ANY (event_types)
    )
$$
"""

EMIT_EVENT = """
CREATE FUNCTION emit_event(p_type text, p_data jsonb, p_mail boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stored bigint;
BEGIN
    INSERT INTO outgoing_events (type, data) VALUES (p_type, p_data) RETURNING id INTO stored;
    INSERT INTO webhook_deliveries (event_id, endpoint_id, kind, due_at)
        SELECT stored, e.id, 'webhook', clock_timestamp() FROM webhook_endpoints e
        WHERE e.status = 'active' AND p_type = ANY (e.event_types);
    IF p_mail THEN
        INSERT INTO webhook_deliveries (event_id, kind, due_at)
            VALUES (stored, 'mail', clock_timestamp());
    END IF;
END
$$
"""

CAMPAIGN_IN_EVENT = """
CREATE FUNCTION campaign_in_event(p_campaign bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', id, 'name', name, 'kind', kind)
    FROM campaigns WHERE id = p_campaign
$$
"""

ATTEMPT_IN_EVENT = """
CREATE FUNCTION attempt_in_event(a attempts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'attempt_id', a.id,
        'n', a.n,
        'campaign', campaign_in_event(a.campaign_id),
        'recipient', (SELECT jsonb_build_object('id', r.id, 'fields', r.fields)
                      FROM recipients r WHERE r.id = a.recipient_id),
        'number', a.number,
        'disposition', a.disposition,
        'answered_by', a.answered_by,
        'end_reason', a.end_reason,
        'counted', a.spent,
        'provisional', a.provisional,
        'answers', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'digit', s.digit, 'meaning', s.meaning, 'at', s.at) ORDER BY s.id), '[]')
                    FROM responses s WHERE s.attempt_id = a.id),
        'dialled_at', a.claimed_at,
        'ringing_at', a.ringing_at,
        'answered_at', a.answered_at,
        'ended_at', a.ended_at
    )
$$
"""

TELL_OF_ATTEMPT = """
CREATE FUNCTION tell_of_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := CASE OLD.status WHEN 'ended' THEN 'attempt.corrected' ELSE 'attempt.ended' END;
BEGIN
    IF event_is_wanted(told) THEN
        PERFORM emit_event(told, attempt_in_event(NEW));
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_ATTEMPT_TRIGGER = """
CREATE TRIGGER tell_of_attempt AFTER UPDATE OF status, disposition ON attempts
FOR EACH ROW WHEN (
    NEW.status = 'ended'
    AND (OLD.status <> 'ended' OR NEW.disposition IS DISTINCT FROM OLD.disposition)
)
EXECUTE FUNCTION tell_of_attempt()
"""

TELL_OF_RESPONSE = """
CREATE FUNCTION tell_of_response() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF event_is_wanted('attempt.responded') THEN
        PERFORM emit_event('attempt.responded', jsonb_build_object(
            'attempt_id', NEW.attempt_id,
            'campaign', campaign_in_event(NEW.campaign_id),
            'recipient', (SELECT jsonb_build_object('id', r.id, 'fields', r.fields)
                          FROM recipients r WHERE r.id = NEW.recipient_id),
            'number', (SELECT a.number FROM attempts a WHERE a.id = NEW.attempt_id),
            'digit', NEW.digit,
            'meaning', NEW.meaning,
            'at', NEW.at
        ));
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_RESPONSE_TRIGGER = """
CREATE TRIGGER tell_of_response AFTER INSERT ON responses
FOR EACH ROW EXECUTE FUNCTION tell_of_response()
"""

TELL_OF_RECIPIENT = """
CREATE FUNCTION tell_of_recipient() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := 'recipient.' || NEW.status;
BEGIN
    IF event_is_wanted(told) THEN
        PERFORM emit_event(told, jsonb_build_object(
            'recipient_id', NEW.id,
            'campaign', campaign_in_event(NEW.campaign_id),
            'status', NEW.status,
            'reason', NEW.reason,
            'numbers', NEW.numbers,
            'fields', NEW.fields,
            'appointment_at', NEW.appointment_at,
            'attempts_spent', NEW.attempts_spent,
            'last_attempt', (
                SELECT jsonb_build_object('attempt_id', a.id, 'number', a.number,
                    'disposition', a.disposition, 'answered_by', a.answered_by,
                    'ended_at', a.ended_at)
                FROM attempts a WHERE a.recipient_id = NEW.id AND a.status = 'ended'
                ORDER BY a.n DESC, a.id DESC LIMIT 1),
            'answers', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('digit', s.digit,
                    'meaning', s.meaning, 'at', s.at) ORDER BY s.id), '[]')
                FROM attempts a JOIN responses s ON s.attempt_id = a.id
                WHERE a.recipient_id = NEW.id)
        ));
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_RECIPIENT_TRIGGER = """
CREATE TRIGGER tell_of_recipient AFTER UPDATE OF status ON recipients
FOR EACH ROW WHEN (
    NEW.status <> OLD.status
    AND NEW.status IN ('completed', 'exhausted', 'expired', 'blocked', 'review', 'removed')
)
EXECUTE FUNCTION tell_of_recipient()
"""

TELL_OF_CAMPAIGN = """
CREATE FUNCTION tell_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := 'campaign.' || CASE
        WHEN NEW.status = 'running' AND OLD.status = 'paused' THEN 'resumed'
        WHEN NEW.status = 'running' THEN 'started'
        ELSE NEW.status END;
BEGIN
    IF event_is_wanted(told) THEN
        PERFORM emit_event(told, jsonb_build_object(
            'campaign', campaign_in_event(NEW.id),
            'account', (SELECT k.name FROM accounts k WHERE k.id = NEW.account_id),
            'status', NEW.status,
            'before', OLD.status,
            'reason', NEW.status_reason
        ));
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_CAMPAIGN_TRIGGER = """
CREATE TRIGGER tell_of_campaign AFTER UPDATE OF status ON campaigns
FOR EACH ROW WHEN (
    NEW.status <> OLD.status AND NEW.status IN ('running', 'paused', 'completed', 'stopped')
)
EXECUTE FUNCTION tell_of_campaign()
"""

# What pauses by itself is an account: then every running campaign on it stands still. The mail is
# stored whether anybody listens or not.
TELL_OF_ACCOUNT = """
CREATE FUNCTION tell_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := CASE NEW.status WHEN 'active' THEN 'account.resumed' ELSE 'account.paused' END;
    itself boolean := NEW.status = 'paused' AND NEW.paused_itself;
    standing jsonb;
    one jsonb;
BEGIN
    IF NOT (itself OR event_is_wanted(told)) THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(jsonb_agg(campaign_in_event(c.id) ORDER BY c.id), '[]') INTO standing
        FROM campaigns c WHERE c.account_id = NEW.id AND c.status = 'running';
    PERFORM emit_event(told, jsonb_build_object(
        'account', NEW.name,
        'by', CASE WHEN itself THEN 'itself' ELSE 'person' END,
        'reason', NEW.status_reason,
        'campaigns', standing
    ), itself);
    IF itself AND event_is_wanted('campaign.paused_itself') THEN
        FOR one IN SELECT jsonb_array_elements(standing) LOOP
            PERFORM emit_event('campaign.paused_itself', jsonb_build_object(
                'campaign', one,
                'account', NEW.name,
                'status', 'running',
                'before', 'running',
                'reason', NEW.status_reason
            ));
        END LOOP;
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_ACCOUNT_TRIGGER = """
CREATE TRIGGER tell_of_account AFTER UPDATE OF status ON accounts
FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status IN ('active', 'paused'))
EXECUTE FUNCTION tell_of_account()
"""

TRIGGERS = {
    "tell_of_attempt": "attempts",
    "tell_of_response": "responses",
    "tell_of_recipient": "recipients",
    "tell_of_campaign": "campaigns",
    "tell_of_account": "accounts",
}


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column("paused_itself", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    _create_endpoints()
    _create_events()
    _create_deliveries()
    for statement in (
        EVENT_IS_WANTED,
        EMIT_EVENT,
        CAMPAIGN_IN_EVENT,
        ATTEMPT_IN_EVENT,
        TELL_OF_ATTEMPT,
        TELL_OF_ATTEMPT_TRIGGER,
        TELL_OF_RESPONSE,
        TELL_OF_RESPONSE_TRIGGER,
        TELL_OF_RECIPIENT,
        TELL_OF_RECIPIENT_TRIGGER,
        TELL_OF_CAMPAIGN,
        TELL_OF_CAMPAIGN_TRIGGER,
        TELL_OF_ACCOUNT,
        TELL_OF_ACCOUNT_TRIGGER,
    ):
        op.execute(statement)


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rest_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'disabled', 'removed')",
            name=op.f("ck_webhook_endpoints_status_known"),
        ),
        sa.CheckConstraint(
            "cardinality(event_types) > 0", name=op.f("ck_webhook_endpoints_event_types")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )


def _create_events() -> None:
    op.create_table(
        "outgoing_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_events")),
    )
    op.create_index("ix_outgoing_events_at", "outgoing_events", ["at"])


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'sending', 'delivered', 'given_up')",
            name=op.f("ck_webhook_deliveries_status_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('webhook', 'mail')", name=op.f("ck_webhook_deliveries_kind_known")
        ),
        sa.CheckConstraint(
            "(kind = 'webhook') = (endpoint_id IS NOT NULL)",
            name=op.f("ck_webhook_deliveries_webhook_endpoint"),
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["outgoing_events.id"], name=op.f("fk_webhook_deliveries_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("status IN ('waiting', 'sending')"),
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id_id", "webhook_deliveries", ["endpoint_id", "id"]
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id_status",
        "webhook_deliveries",
        ["endpoint_id", "status", "id"],
    )
    op.create_index("ix_webhook_deliveries_event_id", "webhook_deliveries", ["event_id"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])


def downgrade() -> None:
    for trigger, table in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION {trigger}()")
    op.execute("DROP FUNCTION attempt_in_event(attempts)")
    op.execute("DROP FUNCTION campaign_in_event(bigint)")
    op.execute("DROP FUNCTION emit_event(text, jsonb, boolean)")
    op.execute("DROP FUNCTION event_is_wanted(text)")
    op.drop_table("webhook_deliveries")
    op.drop_table("outgoing_events")
    op.drop_table("webhook_endpoints")
    op.drop_column("accounts", "paused_itself")
