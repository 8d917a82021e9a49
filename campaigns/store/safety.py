"""How the latest calls of an account went, for the safety stop."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.safety import SafetyPolicy, Tally

# So many of an account's latest attempts are looked at, whatever is among them: what the judgement
# costs does not grow with the history.
REACH = 2000


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """An account that may dial for a running campaign, with its own limits."""

    id: int
    name: str
    safety: dict[str, object] | None
    time_scale: float


@dataclass(frozen=True, slots=True)
class LatestCalls:
    """The latest calls of one account: together, by caller id, by campaign.

    `congested` of `since` calls met a full network since the account was last slowed down.
    """

    account: Tally
    callers: Mapping[int, Tally]
    campaigns: Mapping[int, Tally]
    congested: int
    since: int


def watched_accounts(session: Session) -> list[WatchedAccount]:
    """The accounts that dial: active, with a running campaign."""
    rows = session.execute(
        text("""
            SELECT k.id, k.name, k.safety, k.time_scale FROM accounts k
            WHERE k.status = 'active'
              AND EXISTS (SELECT 1 FROM campaigns c
                          WHERE c.account_id = k.id AND c.status = 'running')
            ORDER BY k.id
        """)
    )
    return [WatchedAccount(*row) for row in rows]


_COUNTS = """
    count(*) FILTER (WHERE NOT invalid), count(*) FILTER (WHERE failed),
    count(*) FILTER (WHERE answered), count(*) FILTER (WHERE short),
    count(*) FILTER (WHERE invalid), min(slot_at), max(slot_at)
"""

# How long an answered call lasted: by the provider's clock, since its words may reach us late and
# all at once; else by ours, unless one of the two words never came. Unknown is neither short nor
# long.
_TALKED = """
    SELECT coalesce(
        max(w.at) FILTER (WHERE w.kind = 'ended') - min(w.at) FILTER (WHERE w.kind = 'answered'),
        CASE WHEN a.answered_at < a.ended_at THEN a.ended_at - a.answered_at END) AS talked
    FROM (SELECT e.kind, CAST(e.event ->> 'occurred_at' AS timestamptz) AS at
          FROM call_events e
          WHERE e.attempt_id = a.id AND e.kind IN ('answered', 'ended')) w
"""


_LATEST = f"""
    WITH reach AS (
        SELECT a.id, a.caller_id_id, a.campaign_id, a.slot_at, a.status, a.disposition,
               a.answered_at, a.ended_at, a.served_at
        FROM attempts a
        WHERE a.account_id = :account
          AND a.slot_at > coalesce(
                (SELECT judged_from FROM accounts WHERE id = :account), '-infinity')
        ORDER BY a.slot_at DESC LIMIT {REACH}
    ), calls AS (
        SELECT a.caller_id_id, a.campaign_id, a.slot_at,
            a.disposition = 'invalid_number' AS invalid,
            a.disposition IN ('failed', 'rejected') AS failed,
            a.disposition = 'carrier_congestion' AS congested,
            t.talked IS NOT NULL AS answered,
            t.talked < make_interval(secs => :short) AND a.disposition <> 'opted_out'
                AND NOT EXISTS (SELECT 1 FROM responses r WHERE r.attempt_id = a.id)
                AS short,
            a.slot_at > coalesce(c.judged_from, '-infinity') AS of_campaign
        FROM reach a
        JOIN caller_ids f ON f.id = a.caller_id_id AND f.status = 'active'
            AND a.slot_at > coalesce(f.judged_from, '-infinity')
        JOIN campaigns c ON c.id = a.campaign_id
        LEFT JOIN LATERAL ({_TALKED}) t ON a.answered_at IS NOT NULL
        WHERE a.status = 'ended' AND a.disposition NOT IN ('canceled', 'unknown')
          AND (a.answered_at IS NULL OR a.served_at IS NOT NULL)
    ), placed AS (
        SELECT *,
            row_number() OVER (PARTITION BY invalid ORDER BY slot_at DESC) AS place,
            row_number() OVER (PARTITION BY caller_id_id, invalid ORDER BY slot_at DESC)
                AS caller_place,
            row_number() OVER (PARTITION BY campaign_id, of_campaign ORDER BY slot_at DESC)
                AS campaign_place
        FROM calls
    )
    SELECT 'account', 0, {_COUNTS} FROM placed WHERE place <= :window AND NOT invalid
    UNION ALL
    SELECT 'caller', caller_id_id, {_COUNTS} FROM placed
    WHERE caller_place <= :window AND NOT invalid GROUP BY caller_id_id
    UNION ALL
    SELECT 'campaign', campaign_id, {_COUNTS} FROM placed
    WHERE campaign_place <= :window AND of_campaign GROUP BY campaign_id
    UNION ALL
    SELECT 'since', 0, count(*), count(*) FILTER (WHERE congested), 0, 0, 0, NULL, NULL
    FROM placed
    WHERE place <= :window AND NOT invalid AND slot_at > coalesce(
        (SELECT slowed_at FROM accounts WHERE id = :account), '-infinity')
"""


def latest_calls(session: Session, account: WatchedAccount, policy: SafetyPolicy) -> LatestCalls:
    """How an account's latest calls went.

    Left out are calls from before somebody resumed the account, the caller id or, for the
    campaign's own count, the campaign; calls of caller ids that are paused; and those that we took
    back or of which nobody knows how they ended; and those that met silence, since it is ours (the
    abandon limit judges them).
    """
    rows = session.execute(
        text(_LATEST),
        {
            "account": account.id,
            "window": policy.window,
            "short": policy.short_seconds * account.time_scale,
        },
    ).all()
    found: dict[str, dict[int, Tally]] = {"caller": {}, "campaign": {}, "account": {}, "since": {}}
    for kind, id_, *counts in rows:
        found[kind][id_] = Tally(*counts)
    since = found["since"].get(0, Tally())
    return LatestCalls(
        account=found["account"].get(0, Tally()),
        callers=found["caller"],
        campaigns=found["campaign"],
        congested=since.failed,
        since=since.calls,
    )


def number_of(session: Session, caller_id_id: int) -> str:
    """A caller id as it is shown."""
    return str(
        session.execute(
            text("SELECT number FROM caller_ids WHERE id = :id"), {"id": caller_id_id}
        ).scalar_one()
    )
