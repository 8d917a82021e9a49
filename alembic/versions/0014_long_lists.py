"""people who come by the hundred thousand: counted by the group, and their words written once"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What rows count in; `{reasons}` is a reason as it is counted, `{n}` how many rows are alike.
COUNTED = """
    SELECT r.campaign_id, t.tally, t.key, {n} AS n
    FROM {rows} r CROSS JOIN LATERAL (VALUES
        ('recipients', ARRAY[r.status, r.retry::text, coalesce(left(r.reason, 200), '')]),
        ('zones', CASE WHEN r.status = 'pending'
            THEN ARRAY[r.zone_key::text, r.retry::text] END),
        ('waiting', CASE WHEN r.status = 'pending'
            THEN ARRAY[r.zone_key::text, r.retry::text,
                left(to_char(r.next_attempt_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'), 15)] END)
    ) AS t (tally, key)
    WHERE t.key IS NOT NULL
"""

# The rows of a list differ in few of the things that are counted.
GROUPS = """(
    SELECT campaign_id, status, retry, reason, zone_key, next_attempt_at, count(*) AS n
    FROM new_rows GROUP BY 1, 2, 3, 4, 5, 6
)"""

COLUMNS = """
    SELECT r.campaign_id, 'columns', ARRAY[f.name], 1
    FROM new_rows r CROSS JOIN LATERAL jsonb_object_keys(
        CASE WHEN jsonb_typeof(r.fields) = 'object' THEN r.fields ELSE '{}' END) AS f (name)
    WHERE r.import_id IS NULL
"""

WORDS = """
    SELECT r.campaign_id, w.word, r.id
    FROM new_rows r
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

# A new recipient has no words yet, so only their own can repeat: looking for conflicts with others,
# once per word, was a tenth of what storing a list costs.
ONCE = f"SELECT DISTINCT * FROM ({WORDS}) w (campaign_id, word, id) ORDER BY 1, 2, 3"
UNLESS_KNOWN = f"{WORDS} ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING"

COUNT_NEW_RECIPIENTS = """
CREATE OR REPLACE FUNCTION tally_recipients_insert() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO tally_deltas (campaign_id, tally, key, n)
    SELECT campaign_id, tally, key, sum(n) FROM (%s UNION ALL %s) changed
    GROUP BY campaign_id, tally, key HAVING sum(n) <> 0;
    INSERT INTO search_words (campaign_id, word, recipient_id) %s;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    by_group = COUNTED.format(rows=GROUPS, n="r.n")
    op.execute(COUNT_NEW_RECIPIENTS % (by_group, COLUMNS, ONCE))


def downgrade() -> None:
    by_row = COUNTED.format(rows="new_rows", n="1")
    op.execute(COUNT_NEW_RECIPIENTS % (by_row, COLUMNS, UNLESS_KNOWN))
