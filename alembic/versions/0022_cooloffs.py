"""calls that met silence: when something was first said, their tally, and cool-offs in the claim"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ABANDONED = (
    "status = 'ended' AND answered_at IS NOT NULL AND served_at IS NULL"
    " AND disposition <> 'answered_machine'"
    " AND (answered_by IS NULL OR answered_by NOT IN ('machine', 'fax'))"
)
INDEXES = {
    "ix_attempts_abandoned_number": ["number", "ended_at"],
    "ix_attempts_abandoned_campaign_id": ["campaign_id", "ended_at"],
}

# Asked once more in the claim, after its lock: what was said, and which call turned out to have
# met silence, since the tick asked. `p_cooloffs` is what the tick noted with the attempt, seconds.
# Planned as `opted_out` is, and for the same reasons.
COOLED_OFF = f"""
CREATE FUNCTION cooled_off(
    p_numbers text[], p_number text, p_cooloffs jsonb, p_at timestamptz
)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SET enable_seqscan = off AS $$
DECLARE
    refused_since timestamptz := p_at
        - make_interval(secs => CAST(p_cooloffs ->> 'refusal' AS double precision));
    abandoned_since timestamptz := p_at
        - make_interval(secs => CAST(p_cooloffs ->> 'abandoned' AS double precision));
    called text;
BEGIN
    IF refused_since IS NOT NULL THEN
        FOREACH called IN ARRAY p_numbers LOOP
            IF EXISTS (
                SELECT 1 FROM opt_outs o
                WHERE o.number = ANY (ARRAY[
                        left(called, 4), left(called, 5), left(called, 6), left(called, 7),
                        left(called, 8), left(called, 9), left(called, 10), left(called, 11),
                        left(called, 12), left(called, 13), left(called, 14), left(called, 15),
                        left(called, 16)])
                  AND (o.is_prefix OR o.number = called)
                  AND o.lifted_at IS NULL AND o.created_at > refused_since
            ) THEN
                RETURN false;
            END IF;
        END LOOP;
    END IF;
    RETURN abandoned_since IS NULL OR NOT EXISTS (
        SELECT 1 FROM attempts
        WHERE number = p_number AND {ABANDONED} AND ended_at > abandoned_since);
END
$$
"""

_CONSENT_GATE = "consent_holds(a.consent_id, claimed)"
_COOLOFF_GATE = (
    f"{_CONSENT_GATE}\n"
    "          AND cooled_off(r.numbers, a.number, a.gate_inputs -> ''cooloffs'', claimed)"
)
_MINUTES = "(''minutes'', CASE"
_HOUR = "to_char(a.slot_at AT TIME ZONE ''UTC'', ''YYYY-MM-DD\"T\"HH24'')"
_QUALIFIED = (
    ABANDONED.replace("status", "a.status")
    .replace("answered_at", "a.answered_at")
    .replace("served_at", "a.served_at")
    .replace("disposition", "a.disposition")
    .replace("answered_by", "a.answered_by")
    .replace("'", "''")
)
_COUNTED = (
    f"(''abandoned'', CASE WHEN {_QUALIFIED}\n            THEN ARRAY[{_HOUR}] END),\n        "
)
# Changed where it stands, since several changes to it may come in any order.
_CHANGE = """
DO $change$
DECLARE
    written text := pg_get_functiondef('{function}'::regproc);
BEGIN
    IF strpos(written, '{before}') = 0 THEN
        RAISE EXCEPTION '{function} is not as expected';
    END IF;
    EXECUTE replace(written, '{before}', '{after}');
END
$change$
"""
_KINDS = ("insert", "update", "delete")
_TALLIES = (
    "recipients",
    "zones",
    "waiting",
    "columns",
    "attempts",
    "hours",
    "minutes",
    "answers",
    "latest",
)


def upgrade() -> None:
    # Who still runs the release before takes no note of what is said: then nothing is known. A
    # constant, so nothing is rewritten.
    op.add_column(
        "attempts",
        sa.Column(
            "served_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("'epoch'"),
            nullable=True,
        ),
    )
    _know_tallies((*_TALLIES, "abandoned"))
    for kind in _KINDS:
        _change(f"tally_attempts_{kind}", _MINUTES, _COUNTED + _MINUTES)
    op.execute(COOLED_OFF)
    _change("claim_attempts", _CONSENT_GATE, _COOLOFF_GATE)
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            op.create_index(
                name,
                "attempts",
                columns,
                postgresql_where=sa.text(ABANDONED),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    _change("claim_attempts", _COOLOFF_GATE, _CONSENT_GATE)
    op.execute("DROP FUNCTION cooled_off(text[], text, jsonb, timestamptz)")
    for kind in _KINDS:
        _change(f"tally_attempts_{kind}", _COUNTED + _MINUTES, _MINUTES)
    for table in ("tally_deltas", "campaign_tallies"):
        op.execute(f"DELETE FROM {table} WHERE tally = 'abandoned'")
    _know_tallies(_TALLIES)
    for name in INDEXES:
        op.drop_index(name, table_name="attempts")
    op.drop_column("attempts", "served_at")


def _change(function: str, before: str, after: str) -> None:
    op.execute(_CHANGE.format(function=function, before=before, after=after))


def _know_tallies(names: tuple[str, ...]) -> None:
    known = ", ".join(f"'{name}'" for name in names)
    op.drop_constraint(op.f("ck_campaign_tallies_tally_known"), "campaign_tallies")
    op.create_check_constraint(
        op.f("ck_campaign_tallies_tally_known"), "campaign_tallies", f"tally IN ({known})"
    )
