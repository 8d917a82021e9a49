"""tallies of what reports count, last answers, words to search by, and the indexes of lists"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What a row counts in. A trigger adds the new rows' keys and takes the old rows' away; keys that
# cancel out leave nothing, so a statement costs one row per group of rows that changed alike, and
# a change of columns that are not counted costs no row at all.
#
# The deltas are only ever inserted: two calls of one campaign never wait for each other. Every
# second they are folded into `campaign_tallies`; who reads adds the two up in one statement.
RECIPIENTS = """
    SELECT r.campaign_id, t.tally, t.key, {sign} AS n
    FROM {rows} r CROSS JOIN LATERAL (VALUES
        ('recipients', ARRAY[r.status, r.retry::text, coalesce(left(r.reason, 200), '')]),
        ('zones', CASE WHEN r.status = 'pending'
            THEN ARRAY[r.zone_key::text, r.retry::text] END),
        ('waiting', CASE WHEN r.status = 'pending'
            THEN ARRAY[r.zone_key::text, r.retry::text,
                left(to_char(r.next_attempt_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'), 15)] END)
    ) AS t (tally, key)
    WHERE t.key IS NOT NULL
    UNION ALL
    SELECT r.campaign_id, 'columns', ARRAY[f.name], {sign}
    FROM {rows} r CROSS JOIN LATERAL jsonb_object_keys(
        CASE WHEN jsonb_typeof(r.fields) = 'object' THEN r.fields ELSE '{{}}' END) AS f (name)
    WHERE r.import_id IS NULL
"""

ATTEMPTS = """
    SELECT a.campaign_id, t.tally, t.key, {sign} AS n
    FROM {rows} a CROSS JOIN LATERAL (VALUES
        ('attempts', ARRAY[a.status, coalesce(a.disposition, ''), coalesce(a.cancel_reason, ''),
            a.spent::text, (a.in_doubt_at IS NOT NULL)::text,
            (a.accepted_at IS NULL AND a.provider_call_id IS NULL AND a.claimed_at IS NOT NULL
                AND (coalesce(a.disposition, '') = 'invalid_number'
                    OR coalesce(a.cancel_reason, '') IN ('congested', 'account_fault')))::text,
            CASE WHEN a.answered_at IS NOT NULL THEN 'answered'
                 WHEN a.ringing_at IS NOT NULL THEN 'rang' ELSE '' END]),
        ('hours', ARRAY[to_char(a.slot_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'),
            CASE WHEN a.status IN ('queued', 'cancelled') THEN a.status
                 ELSE coalesce(a.disposition, 'live') END,
            (a.answered_at IS NOT NULL)::text]),
        ('minutes', CASE WHEN a.claimed_at IS NOT NULL AND a.status NOT IN ('queued', 'cancelled')
            THEN ARRAY[to_char(a.claimed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI')] END)
    ) AS t (tally, key)
    WHERE t.key IS NOT NULL
"""

RESPONSES = """
    SELECT p.campaign_id, 'answers' AS tally, ARRAY[p.digit, p.meaning] AS key, {sign} AS n
    FROM {rows} p
"""

LAST_ANSWERS = """
    SELECT l.campaign_id, 'latest' AS tally, ARRAY[l.digit, l.meaning] AS key, {sign} AS n
    FROM {rows} l
"""

COUNTED = {
    "recipients": RECIPIENTS,
    "attempts": ATTEMPTS,
    "responses": RESPONSES,
    "last_answers": LAST_ANSWERS,
}

# A number is found by its last digits, so it is kept from the last one on; a name from its first,
# its second and its last word on.
WORDS = """
    SELECT r.campaign_id, w.word, r.id
    FROM {rows} r
    CROSS JOIN LATERAL (SELECT search_text(r.fields->>'name') AS name OFFSET 0) t
    CROSS JOIN LATERAL (
        SELECT '#' || reverse(substr(n.number, 2)) AS word FROM unnest(r.numbers) AS n (number)
        UNION ALL SELECT left(t.name, 80) WHERE t.name <> ''
        UNION ALL SELECT left(substr(t.name, strpos(t.name, ' ') + 1), 80)
            WHERE strpos(t.name, ' ') > 0
        UNION ALL SELECT left(split_part(t.name, ' ', -1), 80)
            WHERE length(t.name) > length(replace(t.name, ' ', '')) + 1
    ) w
"""

# One function per table and kind of statement, so that each is planned once and reads only the
# transition tables that it has. The plan that one changed row made is kept for a statement that
# changes thousands: without the setting it may read search_words from end to end for each of them.
TALLY_FUNCTION = """
CREATE FUNCTION tally_{table}_{kind}() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO tally_deltas (campaign_id, tally, key, n)
    SELECT campaign_id, tally, key, sum(n) FROM ({counted}) changed
    GROUP BY campaign_id, tally, key HAVING sum(n) <> 0;
    {more}
    RETURN NULL;
END
$$
"""

TALLY_TRIGGER = """
CREATE TRIGGER tally_{table}_{kind} AFTER {kind} ON {table}
REFERENCING {transition} FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}_{kind}()
"""

KINDS = {
    "insert": ("NEW TABLE AS new_rows", (("new_rows", 1),)),
    "update": (
        "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        (("old_rows", -1), ("new_rows", 1)),
    ),
    "delete": ("OLD TABLE AS old_rows", (("old_rows", -1),)),
}

ADD_WORDS = """
    INSERT INTO search_words (campaign_id, word, recipient_id) {words}
    ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;
"""

DROP_WORDS = """
    DELETE FROM search_words s USING ({words}) w (campaign_id, word, recipient_id)
    WHERE s.campaign_id = w.campaign_id AND s.word = w.word AND s.recipient_id = w.recipient_id;
"""

# Most statements change neither numbers nor names. Told by a difference of sets and not by a join,
# which would be planned for the few rows of the first statement and kept for the many of a later.
CHANGE_WORDS = """
    IF EXISTS (SELECT id, numbers, fields->>'name' FROM new_rows
               EXCEPT SELECT id, numbers, fields->>'name' FROM old_rows) THEN
        {drop}
        {add}
    END IF;
"""

# The later press stays, whichever commits first.
KEEP_LAST_ANSWER = """
    INSERT INTO last_answers AS l (recipient_id, campaign_id, response_id, digit, meaning, at)
    SELECT DISTINCT ON (recipient_id) recipient_id, campaign_id, id, digit, meaning, at
    FROM {responses} ORDER BY recipient_id, at DESC, id DESC
    ON CONFLICT (recipient_id) DO UPDATE
    SET campaign_id = EXCLUDED.campaign_id, response_id = EXCLUDED.response_id,
        digit = EXCLUDED.digit, meaning = EXCLUDED.meaning, at = EXCLUDED.at
    WHERE (EXCLUDED.at, EXCLUDED.response_id) > (l.at, l.response_id);
"""

# Two keys of one person meet on the person's row. So it is written at the very end of the
# transaction: a key that opts out must not wait, and fail, for one whose call is slow to be noted.
LAST_ANSWER_FUNCTION = """
CREATE FUNCTION keep_last_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {keep}
    RETURN NULL;
END
$$
"""

LAST_ANSWER_TRIGGER = """
CREATE CONSTRAINT TRIGGER keep_last_answer AFTER INSERT ON responses
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keep_last_answer()
"""

# A response that is changed or deleted is nothing the product does; somebody who does it by hand
# must not leave a last answer behind that nobody gave.
FIND_LAST_ANSWER = """
    DELETE FROM last_answers l USING old_rows o WHERE l.recipient_id = o.recipient_id;
""" + KEEP_LAST_ANSWER.format(
    responses="(SELECT p.* FROM responses p WHERE p.recipient_id IN "
    "(SELECT recipient_id FROM {changed})) again"
)

IN_DOUBT = (
    "(in_doubt_at IS NOT NULL AND status IN ('dialing', 'ringing', 'in_progress'))"
    " OR disposition = 'unknown'"
)


def upgrade() -> None:
    _create_tables()
    _create_indexes()
    _create_search_text()
    for table, counted in COUNTED.items():
        for kind, (transition, signs) in KINDS.items():
            op.execute(
                TALLY_FUNCTION.format(
                    table=table,
                    kind=kind,
                    counted=_counted(counted, signs),
                    more=_more(table, kind),
                )
            )
            op.execute(TALLY_TRIGGER.format(table=table, kind=kind, transition=transition))
    keep = KEEP_LAST_ANSWER.format(responses="(SELECT * FROM responses WHERE id = NEW.id) pressed")
    op.execute(LAST_ANSWER_FUNCTION.format(keep=keep))
    op.execute(LAST_ANSWER_TRIGGER)
    _fill()


def _create_tables() -> None:
    key = sa.ARRAY(sa.Text(collation="C"))
    op.create_table(
        "tally_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("key", key, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_deltas")),
    )
    op.create_index("ix_tally_deltas_campaign_id_tally", "tally_deltas", ["campaign_id", "tally"])
    # Emptied every second: what is dead is most of it, whatever its size.
    op.execute(
        "ALTER TABLE tally_deltas SET (autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0, "
        "autovacuum_analyze_threshold = 1000000)"
    )
    # Whoever analyses it finds one campaign's deltas, or none; a plan must not be made from that.
    op.execute("ALTER TABLE tally_deltas ALTER COLUMN campaign_id SET (n_distinct = -0.1)")
    op.create_table(
        "campaign_tallies",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("tally", sa.Text(collation="C"), nullable=False),
        sa.Column("key", key, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "tally IN ('recipients', 'zones', 'waiting', 'columns', 'attempts', 'hours', "
            "'minutes', 'answers', 'latest')",
            name=op.f("ck_campaign_tallies_tally_known"),
        ),
        sa.PrimaryKeyConstraint("campaign_id", "tally", "key", name=op.f("pk_campaign_tallies")),
    )
    # Room on each page for the next version of its rows, which then needs no index entries.
    op.execute("ALTER TABLE campaign_tallies SET (fillfactor = 50)")
    op.create_table(
        "tally_proofs",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_tally_proofs_campaign_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_tally_proofs")),
    )
    op.create_table(
        "last_answers",
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("response_id", sa.BigInteger(), nullable=False),
        sa.Column("digit", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_last_answers_recipient_id")
        ),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_last_answers")),
    )
    op.create_table(
        "search_words",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "campaign_id", "word", "recipient_id", name=op.f("pk_search_words")
        ),
    )


def _create_indexes() -> None:
    op.create_index("ix_search_words_word_recipient_id", "search_words", ["word", "recipient_id"])
    op.create_index("ix_responses_recipient_id", "responses", ["recipient_id"])
    op.create_index("ix_attempts_in_doubt", "attempts", ["id"], postgresql_where=sa.text(IN_DOUBT))
    op.create_index(
        "ix_attempts_late_slot",
        "attempts",
        ["slot_at"],
        postgresql_where=sa.text("cancel_reason = 'late_slot'"),
    )


def _create_search_text() -> None:
    """`search_text`: a name as it is searched by. Every alphabet has its lower case, whatever the
    collation of the database, as far as the server brings one that knows them."""
    known = set(op.get_bind().execute(sa.text("SELECT collname FROM pg_collation")).scalars())
    collation = next((name for name in ("pg_c_utf8", "und-x-icu") if name in known), "default")
    op.execute(f"""
        CREATE FUNCTION search_text(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
            SELECT btrim(regexp_replace(lower(name COLLATE "{collation}"), '[#\\s]+', ' ', 'g'))
        $$
    """)


def _counted(counted: str, signs: tuple[tuple[str, int], ...]) -> str:
    return " UNION ALL ".join(counted.format(rows=rows, sign=sign) for rows, sign in signs)


def _more(table: str, kind: str) -> str:
    add = ADD_WORDS.format(words=WORDS.format(rows="new_rows"))
    drop = DROP_WORDS.format(words=WORDS.format(rows="old_rows"))
    changed = {
        ("recipients", "insert"): add,
        ("recipients", "update"): CHANGE_WORDS.format(drop=drop, add=add),
        ("recipients", "delete"): drop,
        ("responses", "update"): FIND_LAST_ANSWER.format(
            changed="(SELECT recipient_id FROM old_rows UNION SELECT recipient_id FROM new_rows) c"
        ),
        ("responses", "delete"): FIND_LAST_ANSWER.format(changed="old_rows"),
    }
    return changed.get((table, kind), "")


def _fill() -> None:
    """Count what is there already. The last answers are counted by their own trigger."""
    for table in ("recipients", "attempts", "responses"):
        op.execute(f"""
            INSERT INTO campaign_tallies (campaign_id, tally, key, n)
            SELECT campaign_id, tally, key, sum(n)
            FROM ({COUNTED[table].format(rows=table, sign=1)}) counted
            WHERE tally <> 'minutes' OR key[1] > to_char(
                now() AT TIME ZONE 'UTC' - interval '2 hours', 'YYYY-MM-DD"T"HH24:MI')
            GROUP BY campaign_id, tally, key
        """)
    op.execute(ADD_WORDS.format(words=WORDS.format(rows="recipients")))
    op.execute(KEEP_LAST_ANSWER.format(responses="responses"))


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_last_answer ON responses")
    op.execute("DROP FUNCTION keep_last_answer()")
    for table in COUNTED:
        for kind in KINDS:
            op.execute(f"DROP TRIGGER tally_{table}_{kind} ON {table}")
            op.execute(f"DROP FUNCTION tally_{table}_{kind}()")
    op.execute("DROP FUNCTION search_text(text)")
    op.drop_index("ix_attempts_late_slot", table_name="attempts")
    op.drop_index("ix_attempts_in_doubt", table_name="attempts")
    op.drop_index("ix_responses_recipient_id", table_name="responses")
    for name in ("search_words", "last_answers", "tally_proofs", "campaign_tallies"):
        op.drop_table(name)
    op.drop_table("tally_deltas")
