"""the claim, the trigger that frees numbers, and the kill switch's one row"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A volatile plpgsql function runs each of its statements on a snapshot of its own. That is the
# point: the lock is taken in one statement, the gates are read in the next. In a single statement
# the gates would be read on a snapshot older than the wait for the lock, and an attempt could be
# claimed after the opt-out that the claim had been waiting for was committed (this was seen).
#
# It must be called in autocommit, so that the shared lock ends with the call.
#
# The claim also says when each call goes out: at once, or one period after the account's previous
# one, whichever worker that belongs to. So a batch that comes late shifts and never bunches up
# with the one behind it, and no provider sees more than its rate. Only as many are claimed as go
# out while the claim is fresh; the rest stay queued for the next claim.
CLAIM_ATTEMPTS = """
CREATE FUNCTION claim_attempts(
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
          AND NOT EXISTS (SELECT 1 FROM opt_outs o WHERE o.number = ANY (r.numbers))
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

FREE_NUMBERS = """
CREATE FUNCTION free_attempt_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE attempt_numbers SET live = false WHERE attempt_id = NEW.id AND live;
    RETURN NULL;
END
$$
"""

FREE_NUMBERS_TRIGGER = """
CREATE TRIGGER free_attempt_numbers AFTER UPDATE OF status ON attempts
FOR EACH ROW WHEN (NEW.status IN ('ended', 'cancelled') AND OLD.status <> NEW.status)
EXECUTE FUNCTION free_attempt_numbers()
"""

# An attempt that is over never lives again, whoever asks: a carrier's late event may be an
# incident, but it does not reopen a row.
FORWARD_ONLY = """
CREATE FUNCTION attempts_move_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % is % and cannot become %', OLD.id, OLD.status, NEW.status;
END
$$
"""

FORWARD_ONLY_TRIGGER = """
CREATE TRIGGER attempts_move_forward BEFORE UPDATE OF status ON attempts
FOR EACH ROW WHEN (
    array_position(ARRAY['queued', 'dialing', 'ringing', 'in_progress', 'ended'],
        replace(NEW.status, 'cancelled', 'ended'))
    < array_position(ARRAY['queued', 'dialing', 'ringing', 'in_progress', 'ended'],
        replace(OLD.status, 'cancelled', 'ended'))
)
EXECUTE FUNCTION attempts_move_forward()
"""


def upgrade() -> None:
    op.execute(CLAIM_ATTEMPTS)
    op.execute(FREE_NUMBERS)
    op.execute(FREE_NUMBERS_TRIGGER)
    op.execute(FORWARD_ONLY)
    op.execute(FORWARD_ONLY_TRIGGER)
    op.execute("INSERT INTO dialing_switch (id, enabled) VALUES (true, true)")


def downgrade() -> None:
    op.execute("DELETE FROM dialing_switch")
    op.execute("DROP TRIGGER attempts_move_forward ON attempts")
    op.execute("DROP FUNCTION attempts_move_forward()")
    op.execute("DROP TRIGGER free_attempt_numbers ON attempts")
    op.execute("DROP FUNCTION free_attempt_numbers()")
    op.execute(
        "DROP FUNCTION claim_attempts(bigint, bigint[], text, boolean, double precision, "
        "double precision)"
    )
