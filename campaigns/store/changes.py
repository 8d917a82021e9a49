"""Changes of campaigns that run, and of single people in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models import Recipient
from campaigns.store.histories import CAMPAIGN_SQL, CampaignRow

# Of the attempts around a pause, so many are looked at: a tick never queues as many.
_AROUND_A_PAUSE = 500


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call that was handed to the provider and does not ring yet."""

    attempt_id: int
    number: str
    zone: str | None
    address: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PauseRow:
    """What the rows say about one pause. `dialled_by` is the latest that the last call can have
    been dialled; None when there was none."""

    dialled_by: datetime | None
    recalled: int
    recalled_in_time: int
    recalled_too_late: int


@dataclass(frozen=True, slots=True)
class Copied:
    """Whom to copy into a redial."""

    statuses: Sequence[str]
    unknown_too: bool


def calls_not_ringing(session: Session, campaign_id: int) -> list[ClaimedCall]:
    """A campaign's calls that could still be taken back unheard. Hold the gate first."""
    rows = session.execute(
        text("""
            SELECT a.id, a.number, r.zone, r.address
            FROM attempts a JOIN recipients r ON r.id = a.recipient_id
            WHERE a.campaign_id = :campaign AND a.status = 'dialing'
              AND a.recall_requested_at IS NULL
        """),
        {"campaign": campaign_id},
    )
    return [ClaimedCall(*row) for row in rows]


def request_recall(session: Session, ids: Sequence[int], reason: str, now: datetime) -> None:
    """Ask for these calls back."""
    session.execute(
        text("""
            UPDATE attempts SET recall_requested_at = :now, recall_reason = :reason
            WHERE id = ANY (:ids) AND recall_requested_at IS NULL
        """),
        {"ids": list(ids), "reason": reason, "now": now},
    )


def facts_of_pause(
    session: Session, campaign_id: int, paused_at: datetime, freshness: float
) -> PauseRow:
    """What was dialled last before a pause held, and what became of the calls it recalled.

    A call is dialled within `freshness` seconds of its claim, and before it is accepted.
    """
    row = session.execute(
        text("""
            WITH latest AS (
                SELECT status, claimed_at, accepted_at, ringing_at, answered_at,
                       recall_reason = 'paused' AND recall_requested_at = :paused AS recalled
                FROM attempts
                WHERE campaign_id = :campaign AND slot_at <= CAST(:paused AS timestamptz)
                    + interval '10 seconds'
                ORDER BY slot_at DESC LIMIT :looked_at
            )
            SELECT max(least(claimed_at + make_interval(secs => :freshness), accepted_at))
                       FILTER (WHERE claimed_at IS NOT NULL AND status <> 'cancelled'),
                   count(*) FILTER (WHERE recalled),
                   count(*) FILTER (WHERE recalled AND status IN ('ended', 'cancelled')
                       AND ringing_at IS NULL AND answered_at IS NULL),
                   count(*) FILTER (WHERE recalled
                       AND (ringing_at IS NOT NULL OR answered_at IS NOT NULL))
            FROM latest
        """),
        {
            "campaign": campaign_id,
            "paused": paused_at,
            "freshness": freshness,
            "looked_at": _AROUND_A_PAUSE,
        },
    ).one()
    return PauseRow(*row)


# One row for each number that would be dialled first, and for each appointment; nobody whom
# another redial has taken on, unless it was stopped before it called them.
_COPY = """
    WITH held AS MATERIALIZED (
        SELECT DISTINCT n.number, h.appointment_at
        FROM campaigns d JOIN recipients h ON h.campaign_id = d.id
        CROSS JOIN LATERAL unnest(h.numbers) AS n (number)
        WHERE d.copied_from = :from AND d.copied_how = 'redial' AND d.id <> :to
          AND NOT (d.status = 'stopped' AND h.status = 'pending')
    )
    INSERT INTO recipients (campaign_id, dedupe_key, numbers, number_index, fields, zone,
        address, zone_key, status, reason, next_attempt_at, deadline_at, appointment_at, stage)
    SELECT DISTINCT ON (r.numbers[1 + r.number_index], r.appointment_at)
        :to, r.dedupe_key, r.numbers, r.number_index, r.fields, r.zone, r.address,
        r.zone_key,
        CASE WHEN r.zone_key IS NULL THEN 'review' ELSE 'pending' END,
        CASE WHEN r.zone_key IS NULL THEN 'time zone unknown' END,
        CASE WHEN r.zone_key IS NOT NULL
             THEN coalesce(p.due_at, CAST(:now AS timestamptz)) END,
        p.deadline_at, r.appointment_at, coalesce(p.stage, 0)
    FROM recipients r JOIN campaigns c ON c.id = r.campaign_id
    LEFT JOIN LATERAL planned_stage(c.reminder, r.appointment_at, 0, :now) p ON true
    WHERE r.campaign_id = :from
      AND (r.status = ANY (:statuses) OR (:unknown_too AND r.status = 'review' AND 'unknown' = (
            SELECT a.disposition FROM attempts a
            WHERE a.recipient_id = r.id AND a.status <> 'cancelled'
            ORDER BY a.n DESC LIMIT 1)))
      AND r.reason IS DISTINCT FROM 'no valid number left'
      AND (c.kind <> 'reminder' OR p.stage IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM held
            WHERE held.number = r.numbers[1 + r.number_index]
              AND held.appointment_at IS NOT DISTINCT FROM r.appointment_at)
      AND NOT opted_out(r.numbers, r.campaign_id, :now)
    ORDER BY r.numbers[1 + r.number_index], r.appointment_at, r.id
    ON CONFLICT (campaign_id, dedupe_key) DO NOTHING
"""


def copy_people(
    session: Session, from_campaign: int, to_campaign: int, whom: Copied, now: datetime
) -> int:
    """Let people of one campaign wait to be called in another one; returns how many.

    Nobody who is opted out, nobody without a valid number, and nobody whom another redial has
    taken on is copied. With a reminder rule, nobody whose reminder would come too late.
    """
    done = session.execute(
        text(f"WITH copied AS ({_COPY} RETURNING 1) SELECT count(*) FROM copied"),
        {
            "from": from_campaign,
            "to": to_campaign,
            "statuses": list(whom.statuses),
            "unknown_too": whom.unknown_too,
            "now": now,
        },
    )
    return int(done.scalar_one())


def plan_reminders_anew(session: Session, campaign_id: int, now: datetime) -> None:
    """Give whoever waits for a reminder their times by the campaign's rule as it is now.

    Who was called about the appointment already is not called about it again at once: for them
    only those reminders count whose time is still to come. Who is between two attempts at one
    stays there.
    """
    session.execute(
        text("""
            UPDATE recipients r SET
                status = CASE WHEN t.stage IS NULL THEN 'expired' ELSE 'pending' END,
                reason = CASE WHEN t.stage IS NULL THEN 'deadline passed'
                              WHEN r.counted_from IS NULL THEN r.reason ELSE 'next_reminder' END,
                next_attempt_at = t.due_at, deadline_at = coalesce(t.deadline_at, r.deadline_at),
                stage = coalesce(t.stage, r.stage), updated_at = :now
            FROM (
                SELECT x.id, p.* FROM recipients x JOIN campaigns c ON c.id = x.campaign_id
                LEFT JOIN LATERAL planned_stage(c.reminder, x.appointment_at, CASE
                    WHEN EXISTS (SELECT 1 FROM attempts a
                        WHERE a.recipient_id = x.id AND a.spent AND a.claimed_at
                            >= coalesce(x.appointment_set_at, '-infinity'))
                    THEN passed_stages(c.reminder, x.appointment_at, :now) ELSE 0 END, :now) p
                    ON true
                WHERE x.campaign_id = :campaign AND x.appointment_at IS NOT NULL
                  AND x.status = 'pending' AND x.attempts_spent = 0
            ) t
            WHERE r.id = t.id
        """),
        {"campaign": campaign_id, "now": now},
    )


def lock_recipient(session: Session, recipient_id: int) -> Recipient | None:
    """The recipient, for this transaction to change; a tick passes over it meanwhile."""
    return session.get(Recipient, recipient_id, with_for_update=True, populate_existing=True)


def retry_policy_of(session: Session, campaign_id: int) -> dict[str, Any]:
    """The campaign's retry policy, as it is stored."""
    policy: dict[str, Any] = session.execute(
        text("SELECT retry_policy FROM campaigns WHERE id = :id"), {"id": campaign_id}
    ).scalar_one()
    return policy


def is_opted_out(session: Session, numbers: Sequence[str], campaign_id: int, now: datetime) -> bool:
    """Whether any of these numbers is opted out, everywhere or of this campaign."""
    return bool(
        session.execute(
            text("SELECT opted_out(CAST(:numbers AS text[]), :campaign, :now)"),
            {"numbers": list(numbers), "campaign": campaign_id, "now": now},
        ).scalar_one()
    )


def another_is_the_same(
    session: Session, campaign_id: int, dedupe_key: str, recipient_id: int
) -> bool:
    """Whether somebody else in the campaign is the same person, with the same appointment."""
    return bool(
        session.execute(
            text("""
                SELECT EXISTS (SELECT 1 FROM recipients
                    WHERE campaign_id = :campaign AND dedupe_key = :key AND id <> :id)
            """),
            {"campaign": campaign_id, "key": dedupe_key, "id": recipient_id},
        ).scalar_one()
    )


def delete_recipient(session: Session, recipient_id: int) -> None:
    """Forget a recipient who never had an attempt."""
    session.execute(text("DELETE FROM recipients WHERE id = :id"), {"id": recipient_id})


def listed_campaigns(
    session: Session, before: int | None, limit: int, *, statuses: Sequence[str], archived: bool
) -> list[CampaignRow]:
    """Campaigns for their list, newest first, older than `before`; no statuses: of any."""
    rows = session.execute(
        text(f"""
            {CAMPAIGN_SQL}
            WHERE c.id < :before AND c.kind <> 'test' AND (c.archived_at IS NOT NULL) = :archived
              AND (cardinality(CAST(:statuses AS text[])) = 0 OR c.status = ANY (:statuses))
            ORDER BY c.id DESC LIMIT :limit
        """),
        {
            "before": before or 2**63 - 1,
            "limit": limit,
            "statuses": list(statuses),
            "archived": archived,
        },
    )
    return [CampaignRow(*row) for row in rows]


def campaigns_with_status(session: Session) -> dict[str, int]:
    """How many campaigns there are of each status; archived ones count as `archived`."""
    rows = session.execute(
        text("""
            SELECT CASE WHEN archived_at IS NULL THEN status ELSE 'archived' END, count(*)
            FROM campaigns WHERE kind <> 'test' GROUP BY 1
        """)
    )
    return {row[0]: row[1] for row in rows}


def copies_of(session: Session, campaign_id: int) -> list[tuple[int, str, str]]:
    """Id, name and kind (clone, redial) of the campaigns that were made from one."""
    rows = session.execute(
        text("""
            SELECT id, name, copied_how FROM campaigns WHERE copied_from = :id ORDER BY id LIMIT 20
        """),
        {"id": campaign_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def started_campaigns(session: Session, limit: int) -> list[tuple[int, str]]:
    """Id and name of the latest campaigns that are no drafts."""
    rows = session.execute(
        text("""
            SELECT id, name FROM campaigns WHERE status <> 'draft' AND kind <> 'test'
            ORDER BY id DESC LIMIT :limit
        """),
        {"limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def names_of_campaigns(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """The names of some campaigns."""
    rows = session.execute(
        text("SELECT id, name FROM campaigns WHERE id = ANY (:ids)"), {"ids": list(ids)}
    )
    return {row[0]: row[1] for row in rows}


def archived_among(session: Session, ids: Sequence[int]) -> set[int]:
    """Those of these campaigns that are in the archive."""
    rows = session.execute(
        text("SELECT id FROM campaigns WHERE id = ANY (:ids) AND archived_at IS NOT NULL"),
        {"ids": list(ids)},
    )
    return {row[0] for row in rows}
