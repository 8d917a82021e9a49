"""rates that are lowered for a while, and groups of accounts that claims keep apart as well"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# As in 0006; 0002 says why it is written in two statements and called in autocommit. New is the
# pacing group: two accounts of one group that both come late would each keep their own distance
# and together exceed what the provider allows them. So a group has one instant too, locked after
# the account's own: two accounts of a group meet there only, and in no other order.
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
          AND f.id = a.caller_id_id
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

CLAIM_ATTEMPTS_BEFORE = """
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
    room integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7420001);
    INSERT INTO account_paces (account_id, next_post_at) VALUES (p_account, '-infinity')
        ON CONFLICT DO NOTHING;
    SELECT p.next_post_at INTO first_post FROM account_paces p
        WHERE p.account_id = p_account FOR UPDATE;
    claimed := clock_timestamp();
    IF first_post > claimed + make_interval(secs => p_period + 1) THEN
        first_post := claimed + make_interval(secs => p_period);  -- the clock has stepped back
    END IF;
    first_post := greatest(first_post, claimed);
    room := 1 + floor(extract(epoch FROM claimed + make_interval(secs => p_window) - first_post)
                      / p_period);
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
          AND f.id = a.caller_id_id
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
            + make_interval(secs => p_period * (SELECT count(*) FROM taken))
        WHERE p.account_id = p_account AND EXISTS (SELECT 1 FROM taken)
    )
    SELECT t.id, t.slot_at, t.not_after, claimed,
        first_post + make_interval(
            secs => p_period * (row_number() OVER (ORDER BY t.slot_at, t.id) - 1)),
        extract(epoch FROM claimed - entered)::double precision,
        t.to_number, t.from_number, p_account, t.ring_timeout
    FROM taken t;
END
$$
"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("slowed_part", sa.Double(), nullable=True))
    op.add_column("accounts", sa.Column("slowed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "accounts",
        sa.Column("turns", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_accounts_slowed"),
        "accounts",
        "(slowed_part IS NULL) = (slowed_at IS NULL) AND slowed_part BETWEEN 0 AND 1",
    )
    op.add_column("campaigns", sa.Column("ramp", postgresql.JSONB(), nullable=True))
    op.add_column("campaigns", sa.Column("ramp_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "group_paces",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("next_post_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_name"], ["pacing_groups.name"], name=op.f("fk_group_paces_group_name")
        ),
        sa.PrimaryKeyConstraint("group_name", name=op.f("pk_group_paces")),
    )
    op.execute(CLAIM_ATTEMPTS)


def downgrade() -> None:
    op.execute(CLAIM_ATTEMPTS_BEFORE)
    op.drop_table("group_paces")
    for name in ("ramp_since", "ramp"):
        op.drop_column("campaigns", name)
    op.drop_constraint(op.f("ck_accounts_slowed"), "accounts")
    for name in ("turns", "slowed_at", "slowed_part"):
        op.drop_column("accounts", name)
