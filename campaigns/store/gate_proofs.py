"""Evidence that whoever was dialled had passed the gates of that moment: counted anew from rows.

What bound a call is kept with it (`gate_inputs`): its caps, gap and cool-offs, and the consent it
rests on. What they are about (other calls, refusals, consents) keeps its own times. So each proof
judges a call by the rules under which it was made, whatever is in force now.
"""

from campaigns.models.attempts import ABANDONED_SQL
from campaigns.store.proofs import Claim

_JUDGED = "SELECT count(*) FROM attempts WHERE claimed_at IS NOT NULL AND gate_inputs ? '{key}'"
# Of a call whose end came late nobody knew before; neither did the gates.
_KNOWN = "interval '15 seconds'"
_ABANDONED = ABANDONED_SQL.replace("status", "e.status").replace("answered_", "e.answered_")
_ABANDONED = _ABANDONED.replace("served_at", "e.served_at").replace("'e.answered_", "'answered_")
_ABANDONED = _ABANDONED.replace("disposition", "e.disposition")

GATE_CLAIMS = (
    Claim(
        "consent_held",
        "whatever needed a consent was claimed while that consent held",
        "attempt",
        "SELECT count(*) FROM attempts WHERE claimed_at IS NOT NULL"
        " AND (consent_id IS NOT NULL OR gate_inputs ? 'consent_needed')",
        # From the instant under the gate on; an older revocation has only the start of its
        # transaction, which may have waited for the gate.
        """
        SELECT a.id, format('was claimed at %s without the consent it needed (%s)', a.claimed_at,
                            a.gate_inputs ->> 'consent_needed')
        FROM attempts a
        WHERE a.claimed_at IS NOT NULL AND a.consent_id IS NULL
          AND a.gate_inputs ? 'consent_needed'
        UNION ALL
        SELECT a.id, format('was claimed at %s; consent %s of %s was given %s, ends %s, revoked %s',
                            a.claimed_at, c.id, c.number, c.given_at,
                            coalesce(CAST(c.expires_at AS text), 'never'),
                            coalesce(CAST(c.revoked_at AS text), 'never'))
        FROM attempts a JOIN consents c ON c.id = a.consent_id
        WHERE a.claimed_at IS NOT NULL AND (
            c.number <> a.number OR c.given_at > a.claimed_at OR c.expires_at <= a.claimed_at
            OR coalesce(c.revoked_in_force_at, c.revoked_at + interval '15 seconds')
               < a.claimed_at)
        """,
    ),
    Claim(
        "caps_kept",
        "no cap was full when a call was claimed: neither of its rules nor of its campaign",
        "attempt",
        _JUDGED.format(key="caps"),
        # Caps on a subject are judged by what was counted then: which campaigns were on it then
        # is not kept. The others are counted anew.
        """
        SELECT a.id, format('was claimed at %s; %s allows %s calls in %s s (%s)', a.claimed_at,
                            k.rule, k.n, k.seconds, k.scope)
        FROM attempts a
        CROSS JOIN LATERAL (
            SELECT cap ->> 0 AS rule, CAST(cap ->> 1 AS integer) AS n, cap ->> 3 AS scope,
                   CAST(cap ->> 2 AS double precision)
                   * coalesce(CAST(a.gate_inputs ->> 'time_scale' AS double precision), 1)
                   AS seconds, CAST(cap ->> 4 AS integer) AS counted
            FROM jsonb_array_elements(a.gate_inputs -> 'caps') AS c (cap)
        ) k
        WHERE a.claimed_at IS NOT NULL AND a.gate_inputs ? 'caps' AND (
            k.counted >= k.n
            OR (k.scope = 'number' AND EXISTS (
                SELECT 1 FROM attempts e
                WHERE e.number = a.number AND e.spent AND e.claimed_at < a.claimed_at
                  AND e.claimed_at > a.claimed_at - make_interval(secs => k.seconds)
                ORDER BY e.claimed_at DESC OFFSET k.n - 1))
            OR (k.scope = 'recipient' AND EXISTS (
                SELECT 1 FROM attempts e
                WHERE e.recipient_id = a.recipient_id AND e.spent AND e.claimed_at < a.claimed_at
                  AND e.claimed_at > a.claimed_at - make_interval(secs => k.seconds)
                ORDER BY e.claimed_at DESC OFFSET k.n - 1)))
        """,
    ),
    Claim(
        "gap_kept",
        "no number was called again before its rules' least time since its last call was over",
        "attempt",
        _JUDGED.format(key="gap"),
        """
        SELECT a.id, format('was claimed at %s; attempt %s to the number ended at %s',
                            a.claimed_at, last.id, last.ended_at)
        FROM attempts a
        CROSS JOIN LATERAL (
            SELECT e.id, e.ended_at FROM attempts e
            WHERE e.number = a.number AND e.status = 'ended' AND e.spent
              AND e.ended_at <= a.claimed_at AND e.id <> a.id
            ORDER BY e.ended_at DESC LIMIT 1
        ) last
        WHERE a.claimed_at IS NOT NULL AND a.gate_inputs ? 'gap'
          AND last.ended_at > a.claimed_at - make_interval(
                secs => CAST(a.gate_inputs ->> 'gap' AS double precision))
        """,
    ),
    Claim(
        "cooled_off",
        "nobody was called too soon after a refusal, or after a call that met silence",
        "attempt",
        _JUDGED.format(key="cooloffs"),
        f"""
        SELECT a.id, format('was claimed at %s; opt-out %s is of %s', a.claimed_at, o.id,
                            o.created_at)
        FROM attempts a
        JOIN opt_outs o ON o.number = ANY (ARRAY(
                SELECT left(a.number, size) FROM generate_series(4, length(a.number)) AS size))
            AND (o.is_prefix OR o.number = a.number)
        WHERE a.claimed_at IS NOT NULL AND a.gate_inputs -> 'cooloffs' ? 'refusal'
          AND coalesce(o.in_force_at, o.created_at + interval '15 seconds') < a.claimed_at
          AND o.created_at > a.claimed_at - make_interval(
                secs => CAST(a.gate_inputs -> 'cooloffs' ->> 'refusal' AS double precision))
          AND (o.lifted_at IS NULL OR o.lifted_at > a.claimed_at)
        UNION ALL
        SELECT a.id, format('was claimed at %s; attempt %s met silence until %s', a.claimed_at,
                            e.id, e.ended_at)
        FROM attempts a JOIN attempts e ON e.number = a.number AND {_ABANDONED}
        WHERE a.claimed_at IS NOT NULL AND a.gate_inputs -> 'cooloffs' ? 'abandoned'
          AND e.id <> a.id AND e.ended_at < a.claimed_at - {_KNOWN}
          AND e.answered_at < a.claimed_at - {_KNOWN}
          AND e.ended_at > a.claimed_at - make_interval(
                secs => CAST(a.gate_inputs -> 'cooloffs' ->> 'abandoned' AS double precision))
        """,
    ),
)
