"""several caller ids for a campaign, each with limits and a life of its own, and safety stops"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# As in 0013. Only the gate of the caller id is new.
CLAIM_ATTEMPTS = """
CREATE OR REPLACE FUNCTION claim_attempts(
    p_account bigint, p_ids bigint[], p_worker text, p_live_allowed boolean,
    p_period double precision, p_window double precision
)
RETURNS TABLE (
    attempt_id bigint, slot_at timestamptz, not_after timestamptz, claimed_at timestamptz,
    post_at timestamptz, waited double precision, number text, caller_id text,
    account_id bigint, ring_timeout integer
)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    entered timestamptz := clock_timestamp();
    claimed timestamptz;
    first_post timestamptz;
    period double precision := p_period;
    shared_by text;
    shared_post timestamptz;
    room integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7420001);
    INSERT INTO account_paces (account_id, next_post_at) VALUES (p_account, '-infinity')
        ON CONFLICT DO NOTHING;
    SELECT p.next_post_at INTO first_post FROM account_paces p
        WHERE p.account_id = p_account FOR UPDATE;
    SELECT g.name, greatest(p_period, 1.01 / g.cps) INTO shared_by, period
        FROM accounts k JOIN pacing_groups g ON g.name = k.pacing_group WHERE k.id = p_account;
    IF shared_by IS NULL THEN
        period := p_period;
    ELSE
        INSERT INTO group_paces (group_name, next_post_at) VALUES (shared_by, '-infinity')
            ON CONFLICT DO NOTHING;
        SELECT p.next_post_at INTO shared_post FROM group_paces p
            WHERE p.group_name = shared_by FOR UPDATE;
        first_post := greatest(first_post, shared_post);
    END IF;
    claimed := clock_timestamp();
    IF first_post > claimed + make_interval(secs => period + 1) THEN
        first_post := claimed + make_interval(secs => period);  -- the clock has stepped back
    END IF;
    first_post := greatest(first_post, claimed);
    room := 1 + floor(extract(epoch FROM claimed + make_interval(secs => p_window) - first_post)
                      / period);
    IF room < 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH mine AS (
        -- Gated before they are counted: whoever may not be called takes nobody else's room.
        -- Skipping what another worker with the same message holds: it claims or refuses it.
        SELECT a.id, f.number AS from_number, c.ring_timeout
        FROM attempts a, campaigns c, accounts k, recipients r, caller_ids f
        WHERE a.id = ANY (p_ids) AND a.account_id = p_account
          AND a.status = 'queued'
          AND a.recall_requested_at IS NULL
          AND a.slot_at <= claimed AND claimed < a.not_after AND claimed < a.open_until
          AND c.id = a.campaign_id AND c.status = 'running'
          AND (c.ends_at IS NULL OR claimed < c.ends_at)
          AND k.id = a.account_id AND k.status = 'active'
          AND (k.backoff_until IS NULL OR k.backoff_until <= claimed)
          AND (NOT k.live OR p_live_allowed)
          AND r.id = a.recipient_id AND r.status = 'in_flight'
          AND (r.deadline_at IS NULL OR claimed < r.deadline_at)
          AND f.id = a.caller_id_id AND /* the gate of the caller id */
          AND NOT opted_out(r.numbers, a.campaign_id, claimed)
          AND EXISTS (SELECT 1 FROM dialing_switch WHERE enabled)
        ORDER BY a.slot_at LIMIT room FOR UPDATE OF a SKIP LOCKED
    ), taken AS (
        UPDATE attempts AS a
        SET status = 'dialing', claimed_at = claimed, claimed_by = p_worker
        FROM mine
        WHERE a.id = mine.id AND a.status = 'queued'
        RETURNING a.id, a.slot_at, a.not_after, a.number AS to_number,
            mine.from_number, mine.ring_timeout
    ), paced AS (
        UPDATE account_paces p
        SET next_post_at = first_post
            + make_interval(secs => period * (SELECT count(*) FROM taken))
        WHERE p.account_id = p_account AND EXISTS (SELECT 1 FROM taken)
    ), shared AS (
        UPDATE group_paces p
        SET next_post_at = first_post
            + make_interval(secs => period * (SELECT count(*) FROM taken))
        WHERE p.group_name = shared_by AND EXISTS (SELECT 1 FROM taken)
    )
    SELECT t.id, t.slot_at, t.not_after, claimed,
        first_post + make_interval(
            secs => period * (row_number() OVER (ORDER BY t.slot_at, t.id) - 1)),
        extract(epoch FROM claimed - entered)::double precision,
        t.to_number, t.from_number, p_account, t.ring_timeout
    FROM taken t;
END
$$
"""

GATE = "/* the gate of the caller id */"
FIRST_GATE = "true"
THIS_GATE = "f.status = 'active'"

# As in 0007. New is a campaign that pauses by itself: its list is bad, so a mail goes out for it.
TELL_OF_CAMPAIGN = """
CREATE OR REPLACE FUNCTION tell_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := 'campaign.' || CASE
        WHEN NEW.status = 'running' AND OLD.status = 'paused' THEN 'resumed'
        WHEN NEW.status = 'running' THEN 'started'
        WHEN NEW.status = 'paused' AND NEW.paused_itself THEN 'paused_itself'
        ELSE NEW.status END;
BEGIN
    IF told = 'campaign.paused_itself' OR event_is_wanted(told) THEN
        PERFORM emit_event(told, jsonb_build_object(
            'campaign', campaign_in_event(NEW.id),
            'account', (SELECT k.name FROM accounts k WHERE k.id = NEW.account_id),
            'status', NEW.status,
            'before', OLD.status,
            'reason', NEW.status_reason
        ), told = 'campaign.paused_itself');
    END IF;
    RETURN NULL;
END
$$
"""

TELL_OF_CAMPAIGN_BEFORE = """
CREATE OR REPLACE FUNCTION tell_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
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

# A caller id that stops itself is told like an account that does: by event, and by mail.
TELL_OF_CALLER_ID = """
CREATE FUNCTION tell_of_caller_id() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := CASE NEW.status WHEN 'active' THEN 'caller_id.resumed'
                                 ELSE 'caller_id.paused' END;
    itself boolean := NEW.status = 'paused' AND NEW.paused_itself;
BEGIN
    IF NOT (itself OR event_is_wanted(told)) THEN
        RETURN NULL;
    END IF;
    PERFORM emit_event(told, jsonb_build_object(
        'caller_id', NEW.number,
        'account', (SELECT k.name FROM accounts k WHERE k.id = NEW.account_id),
        'by', CASE WHEN itself THEN 'itself' ELSE 'person' END,
        'reason', NEW.status_reason,
        'campaigns', (
            SELECT coalesce(jsonb_agg(campaign_in_event(c.id) ORDER BY c.id), '[]')
            FROM campaigns c
            WHERE c.account_id = NEW.account_id AND c.status = 'running'
              AND (c.caller_id_id = NEW.id OR EXISTS (
                    SELECT 1 FROM campaign_caller_ids p
                    WHERE p.campaign_id = c.id AND p.caller_id_id = NEW.id)))
    ), itself);
    RETURN NULL;
END
$$
"""

TELL_OF_CALLER_ID_TRIGGER = """
CREATE TRIGGER tell_of_caller_id AFTER UPDATE OF status ON caller_ids
FOR EACH ROW WHEN (NEW.status <> OLD.status)
EXECUTE FUNCTION tell_of_caller_id()
"""

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("paused_itself", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("max_per_day", sa.Integer(), nullable=True),
        sa.Column("day_left", sa.Integer(), nullable=True),
        sa.Column("day_counted_at", WHEN, nullable=True),
        sa.Column("last_slot_at", WHEN, nullable=True),
        sa.Column("judged_from", WHEN, nullable=True),
    ):
        op.add_column("caller_ids", column)
    op.create_check_constraint(
        op.f("ck_caller_ids_status_known"), "caller_ids", "status IN ('active', 'paused')"
    )
    op.create_check_constraint(
        op.f("ck_caller_ids_limits"),
        "caller_ids",
        "(cps IS NULL OR cps > 0) AND (max_per_day IS NULL OR max_per_day > 0)",
    )
    op.create_table(
        "campaign_caller_ids",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("caller_id_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_campaign_caller_ids_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["caller_id_id"], ["caller_ids.id"], name=op.f("fk_campaign_caller_ids_caller_id_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "caller_id_id", name=op.f("pk_campaign_caller_ids")),
    )
    op.create_index(
        op.f("ix_campaign_caller_ids_caller_id_id"), "campaign_caller_ids", ["caller_id_id"]
    )
    op.create_index(
        op.f("ix_attempts_caller_id_id_slot_at"), "attempts", ["caller_id_id", "slot_at"]
    )
    for name in ("local_presence", "paused_itself"):
        op.add_column(
            "campaigns",
            sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False),
        )
    op.add_column("campaigns", sa.Column("judged_from", WHEN, nullable=True))
    op.add_column("accounts", sa.Column("judged_from", WHEN, nullable=True))
    op.add_column("accounts", sa.Column("safety", postgresql.JSONB(), nullable=True))
    op.execute(CLAIM_ATTEMPTS.replace(GATE, THIS_GATE))
    op.execute(TELL_OF_CAMPAIGN)
    op.execute(TELL_OF_CALLER_ID)
    op.execute(TELL_OF_CALLER_ID_TRIGGER)


def downgrade() -> None:
    """Go back to one caller id a campaign; one that is paused keeps its account from dialling."""
    op.execute("""
        UPDATE accounts k SET status = 'paused',
            status_reason = 'A caller id of the account was paused before a downgrade.'
        WHERE status = 'active'
          AND EXISTS (SELECT 1 FROM caller_ids f WHERE f.account_id = k.id AND f.status = 'paused')
    """)
    op.execute("DROP TRIGGER tell_of_caller_id ON caller_ids")
    op.execute("DROP FUNCTION tell_of_caller_id()")
    op.execute(TELL_OF_CAMPAIGN_BEFORE)
    op.execute(CLAIM_ATTEMPTS.replace(GATE, FIRST_GATE))
    for name in ("safety", "judged_from"):
        op.drop_column("accounts", name)
    for name in ("judged_from", "paused_itself", "local_presence"):
        op.drop_column("campaigns", name)
    op.drop_index(op.f("ix_attempts_caller_id_id_slot_at"), table_name="attempts")
    op.drop_table("campaign_caller_ids")
    op.drop_constraint(op.f("ck_caller_ids_limits"), "caller_ids")
    op.drop_constraint(op.f("ck_caller_ids_status_known"), "caller_ids")
    for name in (
        *("judged_from", "last_slot_at", "day_counted_at", "day_left", "max_per_day"),
        *("paused_itself", "status_reason", "status"),
    ):
        op.drop_column("caller_ids", name)
