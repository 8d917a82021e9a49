"""Recalls and look-ups: calls we want back, and calls nobody has told us about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class RecallTarget:
    """A call to be cancelled at its provider."""

    attempt_id: int
    account_id: int
    provider_call_id: str


@dataclass(frozen=True, slots=True)
class SilentAttempt:
    """A live attempt that has been silent for too long."""

    id: int
    account_id: int
    number: str
    caller_id: str
    provider_call_id: str | None
    claimed_at: datetime
    live: bool
    time_scale: float


def request_recall_of_campaign(
    session: Session, campaign_id: int, reason: str, now: datetime, *, ringing_too: bool
) -> list[int]:
    """Ask for a campaign's unanswered calls back; pause leaves alone what already rings."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts
                SET recall_requested_at = :now, recall_reason = :reason
                WHERE campaign_id = :campaign AND recall_requested_at IS NULL
                  AND (status = 'dialing' OR (:ringing_too AND status = 'ringing'))
                RETURNING id
            """),
            {"campaign": campaign_id, "reason": reason, "now": now, "ringing_too": ringing_too},
        ).all()
    )


def request_recall_of_recipients(
    session: Session, ids: Sequence[int], reason: str, now: datetime
) -> list[int]:
    """Ask for the calls to some recipients back that nobody has answered."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
                WHERE recipient_id = ANY (:ids) AND recall_requested_at IS NULL
                  AND status IN ('dialing', 'ringing')
                RETURNING id
            """),
            {"ids": list(ids), "reason": reason, "now": now},
        ).all()
    )


def request_recall_of_account(
    session: Session, account_id: int, reason: str, now: datetime
) -> list[int]:
    """Ask for an account's calls back that do not ring yet."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
                WHERE account_id = :account AND recall_requested_at IS NULL AND status = 'dialing'
                RETURNING id
            """),
            {"account": account_id, "reason": reason, "now": now},
        ).all()
    )


def request_recall_of_caller_id(
    session: Session, caller_id_id: int, reason: str, now: datetime
) -> list[int]:
    """Ask for the calls back that would show a caller id and do not ring yet."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
                WHERE caller_id_id = :caller AND recall_requested_at IS NULL AND status = 'dialing'
                  AND account_id = (SELECT account_id FROM caller_ids WHERE id = :caller)
                RETURNING id
            """),
            {"caller": caller_id_id, "reason": reason, "now": now},
        ).all()
    )


def request_recall_of_everything(session: Session, reason: str, now: datetime) -> list[int]:
    """Ask for every unanswered call back."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
                WHERE recall_requested_at IS NULL AND status IN ('dialing', 'ringing')
                RETURNING id
            """),
            {"reason": reason, "now": now},
        ).all()
    )


def request_recall_of_numbers(
    session: Session,
    numbers: Sequence[str],
    reason: str,
    now: datetime,
    *,
    prefixes: Sequence[str] = (),
    campaign_id: int | None = None,
) -> list[int]:
    """Ask for every unanswered call back whose recipient has one of these numbers.

    Also one that begins with one of `prefixes`; with `campaign_id`, only the calls of that
    campaign's family.
    """
    return _ids(
        session.execute(
            text("""
                UPDATE attempts a SET recall_requested_at = :now, recall_reason = :reason
                FROM recipients r
                WHERE r.id = a.recipient_id
                  AND (r.numbers && CAST(:numbers AS text[])
                       OR EXISTS (
                            SELECT 1 FROM unnest(r.numbers) AS n (number),
                                unnest(CAST(:prefixes AS text[])) AS p (prefix)
                            WHERE starts_with(n.number, p.prefix)))
                  AND (CAST(:campaign AS bigint) IS NULL OR a.campaign_id IN (
                        SELECT c.id FROM campaigns c JOIN campaigns one
                        ON one.family_id = c.family_id WHERE one.id = :campaign))
                  AND a.recall_requested_at IS NULL AND a.status IN ('dialing', 'ringing')
                RETURNING a.id
            """),
            {
                "numbers": list(numbers),
                "prefixes": list(prefixes),
                "campaign": campaign_id,
                "reason": reason,
                "now": now,
            },
        ).all()
    )


def request_recall_of_consents(
    session: Session, consents: Sequence[int], reason: str, now: datetime
) -> list[int]:
    """Ask for every unanswered call back that rests on one of these consents."""
    return _ids(
        session.execute(
            text("""
                UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
                WHERE consent_id = ANY (:consents) AND recall_requested_at IS NULL
                  AND status IN ('dialing', 'ringing')
                RETURNING id
            """),
            {"consents": list(consents), "reason": reason, "now": now},
        ).all()
    )


def _ids(rows: Sequence[object]) -> list[int]:
    return [row[0] for row in rows]  # type: ignore[index]


def recallable(session: Session, ids: Sequence[int]) -> list[RecallTarget]:
    """Those of the attempts that are to be recalled, are unanswered, and have a call id."""
    rows = session.execute(
        text("""
            SELECT id, account_id, provider_call_id FROM attempts
            WHERE id = ANY (:ids) AND recall_requested_at IS NOT NULL
              AND provider_call_id IS NOT NULL
              AND (status IN ('dialing', 'ringing') OR incident IS NOT NULL)
        """),
        {"ids": list(ids)},
    )
    return [RecallTarget(*row) for row in rows]


def recalls_to_repeat(session: Session, before: datetime, limit: int = 200) -> list[int]:
    """Attempts whose recall was last asked for before `before`, as far as their calls may live.

    A call that should not exist has a cancelled attempt, whose status tells nothing: it is asked
    for until the provider reports its end, for an hour.
    """
    return _ids(
        session.execute(
            text("""
                (SELECT id FROM attempts
                 WHERE recall_requested_at IS NOT NULL AND status IN ('dialing', 'ringing')
                   AND provider_call_id IS NOT NULL
                   AND coalesce(recalled_at, recall_requested_at) < :before
                 ORDER BY coalesce(recalled_at, recall_requested_at) LIMIT :limit)
                UNION ALL
                (SELECT a.id FROM attempts a
                 WHERE a.incident IS NOT NULL AND a.status = 'cancelled'
                   AND a.provider_call_id IS NOT NULL
                   AND a.accepted_at > CAST(:before AS timestamptz) - interval '1 hour'
                   AND coalesce(a.recalled_at, a.recall_requested_at) < :before
                   AND NOT EXISTS (SELECT 1 FROM call_events e
                        WHERE e.attempt_id = a.id AND e.kind = 'ended')
                 ORDER BY a.accepted_at LIMIT :limit)
            """),
            {"before": before, "limit": limit},
        ).all()
    )


def note_recalled(session: Session, ids: Sequence[int], at: datetime | None) -> None:
    """The provider was last asked at `at`; None: not yet."""
    session.execute(
        text("UPDATE attempts SET recalled_at = :at WHERE id = ANY (:ids)"),
        {"ids": list(ids), "at": at},
    )


def newest_live_claim(session: Session) -> datetime | None:
    """When the latest attempt was claimed that is not over."""
    newest: datetime | None = session.execute(
        text("""
            SELECT max(claimed_at) FROM attempts
            WHERE status IN ('dialing', 'ringing', 'in_progress')
        """)
    ).scalar_one()
    return newest


def silent_attempts(
    session: Session,
    now: datetime,
    *,
    dialing: float,
    ringing: float,
    in_progress: float,
    again: float,
    limit: int = 100,
) -> list[SilentAttempt]:
    """Live attempts silent for longer than their status allows, not looked up within `again`.

    All limits are seconds and are scaled by the account's time scale. An attempt in doubt is due
    for a look-up at once, and so is one that was looked up later than now: the clock was put back.
    """
    rows = session.execute(
        text("""
            SELECT a.id, a.account_id, a.number, f.number, a.provider_call_id, a.claimed_at,
                   k.live, k.time_scale
            FROM attempts a
            JOIN accounts k ON k.id = a.account_id
            JOIN caller_ids f ON f.id = a.caller_id_id
            JOIN campaigns c ON c.id = a.campaign_id
            WHERE a.status IN ('dialing', 'ringing', 'in_progress')
              AND (a.looked_up_at IS NULL OR a.looked_up_at > :now
                   OR a.looked_up_at < :now - make_interval(secs => :again * k.time_scale))
              AND (a.in_doubt_at IS NOT NULL OR CASE a.status
                WHEN 'dialing' THEN a.claimed_at < :now
                    - make_interval(secs => :dialing * k.time_scale + 2)
                WHEN 'ringing' THEN coalesce(a.ringing_at, a.claimed_at) < :now
                    - make_interval(secs => (:ringing + c.ring_timeout) * k.time_scale + 2)
                ELSE coalesce(a.answered_at, a.claimed_at) < :now
                    - make_interval(secs => :in_progress * k.time_scale + 2) END)
            ORDER BY a.looked_up_at NULLS FIRST, a.id LIMIT :limit
        """),
        {
            "now": now,
            "dialing": dialing,
            "ringing": ringing,
            "in_progress": in_progress,
            "again": again,
            "limit": limit,
        },
    )
    return [SilentAttempt(*row) for row in rows]


def note_lookup(
    session: Session, attempt_id: int, now: datetime, *, empty: bool, again: float
) -> int:
    """Remember that we looked; returns how many look-ups in a row found nothing.

    One that comes less than `again` seconds after another counts as the same.
    """
    return int(
        session.execute(
            text("""
                UPDATE attempts
                SET looked_up_at = :now,
                    empty_lookups = CASE
                        WHEN NOT :empty THEN 0
                        WHEN looked_up_at > :now - make_interval(secs => :again)
                        THEN greatest(empty_lookups, 1)
                        ELSE empty_lookups + 1 END
                WHERE id = :id RETURNING empty_lookups
            """),
            {"id": attempt_id, "now": now, "empty": empty, "again": again},
        ).scalar_one()
    )


def note_lookup_failed(session: Session, attempt_id: int, now: datetime) -> None:
    """We asked and got no answer: nothing was learnt, so nothing is counted."""
    session.execute(
        text("UPDATE attempts SET looked_up_at = :now WHERE id = :id"),
        {"id": attempt_id, "now": now},
    )


def known_call_ids(session: Session, account_id: int, number: str, since: datetime) -> list[str]:
    """Call ids of other attempts on the number: a look-up must never adopt one of these."""
    rows = session.execute(
        text("""
            SELECT provider_call_id FROM attempts
            WHERE account_id = :account AND number = :number AND provider_call_id IS NOT NULL
              AND slot_at > :since
        """),
        {"account": account_id, "number": number, "since": since},
    )
    return [row[0] for row in rows]
