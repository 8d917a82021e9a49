"""opt-outs of a number or of a prefix, for a while, for one campaign; undone without being lost"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIVE = "lifted_at IS NULL AND replaced_at IS NULL"

# The one answer to "may this person be called", asked by every gate: the tick, the claim, the
# import, the document of a call, and what follows from a call.
#
# Stable, so it reads on the snapshot of the statement that asks. In a claim that is the statement
# after the lock, which sees every opt-out the claim has waited for.
#
# A plan is made once in each connection and kept. Made while the table was small it would read the
# whole of it for ever, so plans that do are ruled out.
OPTED_OUT = """
CREATE FUNCTION opted_out(p_numbers text[], p_campaign bigint, p_at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SET enable_seqscan = off AS $$
DECLARE
    called text;
BEGIN
    IF EXISTS (
        SELECT 1 FROM opt_outs o
        WHERE o.number = ANY (p_numbers) AND NOT o.is_prefix
          AND o.lifted_at IS NULL AND o.replaced_at IS NULL
          AND (o.campaign_id IS NULL OR o.campaign_id = p_campaign)
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
              AND (o.campaign_id IS NULL OR o.campaign_id = p_campaign)
              AND (o.expires_at IS NULL OR p_at < o.expires_at)
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$
"""

# As in 0002, which also says why it is written in two statements and called in autocommit. Only
# the gate of the opt-outs is another.
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
          AND /* the gate of the opt-outs */
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

GATE = "/* the gate of the opt-outs */"
FIRST_GATE = "NOT EXISTS (SELECT 1 FROM opt_outs o WHERE o.number = ANY (r.numbers))"
THIS_GATE = "NOT opted_out(r.numbers, a.campaign_id, claimed)"


def upgrade() -> None:
    op.drop_constraint("uq_opt_outs_number", "opt_outs")
    op.drop_constraint("ck_opt_outs_source", "opt_outs")
    # Compared by bytes: beginnings and endings of numbers are found in an index.
    op.execute('ALTER TABLE opt_outs ALTER COLUMN number TYPE text COLLATE "C"')
    for column in (
        sa.Column("is_prefix", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_why", sa.Text(), nullable=True),
    ):
        op.add_column("opt_outs", column)
    op.create_foreign_key(
        op.f("fk_opt_outs_campaign_id"), "opt_outs", "campaigns", ["campaign_id"], ["id"]
    )
    for name, condition in (
        ("source", "source IN ('keypress', 'api', 'cli', 'import', 'page', 'verbal')"),
        ("number", "number ~ '^[+][0-9]{3,15}$'"),
        ("keypress_lasts", "source <> 'keypress' OR expires_at IS NULL"),
        (
            "lifted",
            "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lifted_why IS NULL)",
        ),
    ):
        op.create_check_constraint(op.f(f"ck_opt_outs_{name}"), "opt_outs", condition)
    op.create_index(
        "uq_opt_outs_live",
        "opt_outs",
        ["number", "is_prefix", "campaign_id"],
        unique=True,
        postgresql_where=sa.text(LIVE),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "ix_opt_outs_prefix",
        "opt_outs",
        ["number"],
        postgresql_where=sa.text(f"is_prefix AND {LIVE}"),
    )
    op.create_index("ix_opt_outs_number_id", "opt_outs", ["number", "id"])
    op.create_index("ix_opt_outs_reversed", "opt_outs", [sa.text("reverse(number)"), "id"])
    op.create_index("ix_opt_outs_source_id", "opt_outs", ["source", "id"])
    op.create_index(
        "ix_opt_outs_lifted", "opt_outs", ["id"], postgresql_where=sa.text("lifted_at IS NOT NULL")
    )
    op.create_index(
        "ix_opt_outs_expiring",
        "opt_outs",
        ["id"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_recipients_blocked_numbers",
        "recipients",
        ["numbers"],
        postgresql_using="gin",
        postgresql_where=sa.text("status = 'blocked'"),
    )
    op.execute(OPTED_OUT)
    op.execute(CLAIM_ATTEMPTS.replace(GATE, THIS_GATE))


def downgrade() -> None:
    """Go back to numbers that are opted out everywhere and for ever.

    Nobody becomes callable by it: what holds for a while or for one campaign holds everywhere
    afterwards, and a prefix that is still in force stops the downgrade, since it could not be kept.
    """
    op.execute("""
        DO $$
        BEGIN
            IF EXISTS (SELECT 1 FROM opt_outs WHERE is_prefix
                       AND lifted_at IS NULL AND replaced_at IS NULL
                       AND (expires_at IS NULL OR expires_at > now())) THEN
                RAISE EXCEPTION 'opt-outs of prefixes are in force and cannot be kept: undo them first';
            END IF;
        END
        $$
    """)
    op.execute(CLAIM_ATTEMPTS.replace(GATE, FIRST_GATE))
    op.execute("DROP FUNCTION opted_out(text[], bigint, timestamptz)")
    op.drop_index("ix_recipients_blocked_numbers", table_name="recipients")
    op.execute(f"""
        DELETE FROM opt_outs WHERE is_prefix OR NOT ({LIVE}) OR expires_at <= now()
    """)
    op.execute("""
        DELETE FROM opt_outs o USING opt_outs first
        WHERE first.number = o.number AND first.id < o.id
    """)
    op.execute("UPDATE opt_outs SET source = 'cli' WHERE source IN ('page', 'verbal')")
    for index in (
        "ix_opt_outs_expiring",
        "ix_opt_outs_lifted",
        "ix_opt_outs_source_id",
        "ix_opt_outs_reversed",
        "ix_opt_outs_number_id",
        "ix_opt_outs_prefix",
        "uq_opt_outs_live",
    ):
        op.drop_index(index, table_name="opt_outs")
    for name in ("lifted", "keypress_lasts", "number", "source"):
        op.drop_constraint(op.f(f"ck_opt_outs_{name}"), "opt_outs")
    op.drop_constraint(op.f("fk_opt_outs_campaign_id"), "opt_outs")
    for column in (
        *("lifted_why", "lifted_by", "lifted_at", "replaced_at"),
        *("expires_at", "who", "campaign_id", "is_prefix"),
    ):
        op.drop_column("opt_outs", column)
    op.execute('ALTER TABLE opt_outs ALTER COLUMN number TYPE text COLLATE "default"')
    op.create_check_constraint(
        op.f("ck_opt_outs_source"), "opt_outs", "source IN ('keypress', 'api', 'cli', 'import')"
    )
    op.create_unique_constraint(op.f("uq_opt_outs_number"), "opt_outs", ["number"])
