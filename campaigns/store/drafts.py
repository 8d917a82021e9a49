"""Drafts: the people in them, looked at one by one, planned anew, and thrown away with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One recipient, as far as it decides what they hear."""

    id: int
    numbers: list[str]
    zone: str | None
    address: dict[str, Any] | None
    appointment_at: datetime | None
    fields: dict[str, Any]

    @property
    def number(self) -> str:
        """The number that is called first."""
        return self.numbers[0]


_PERSON = "SELECT id, numbers, zone, address, appointment_at, fields FROM recipients"


def person_after(session: Session, campaign_id: int, recipient_id: int) -> PersonRow | None:
    """The next person of the campaign, in the order of the list."""
    row = session.execute(
        text(f"{_PERSON} WHERE campaign_id = :campaign AND id > :id ORDER BY id LIMIT 1"),
        {"campaign": campaign_id, "id": recipient_id},
    ).one_or_none()
    return None if row is None else PersonRow(*row)


def person_before(session: Session, campaign_id: int, recipient_id: int) -> PersonRow | None:
    """The person before, in the order of the list."""
    row = session.execute(
        text(f"{_PERSON} WHERE campaign_id = :campaign AND id < :id ORDER BY id DESC LIMIT 1"),
        {"campaign": campaign_id, "id": recipient_id},
    ).one_or_none()
    return None if row is None else PersonRow(*row)


def replan_reminders(session: Session, campaign_id: int, now: datetime) -> None:
    """Give everybody with an appointment, who was never called, their times by the campaign's
    rule as it is now."""
    session.execute(
        text("""
            UPDATE recipients r SET
                deadline_at = coalesce(t.deadline_at, r.deadline_at),
                stage = coalesce(t.stage, r.stage),
                status = CASE WHEN t.stage IS NULL THEN 'expired'
                              WHEN r.zone_key IS NULL THEN 'review' ELSE 'pending' END,
                reason = CASE WHEN t.stage IS NULL THEN 'deadline passed'
                              WHEN r.zone_key IS NOT NULL THEN NULL
                              WHEN r.reason = 'countries_differ' THEN r.reason
                              ELSE 'time zone unknown' END,
                next_attempt_at = CASE WHEN r.zone_key IS NOT NULL THEN t.due_at END,
                updated_at = :now
            FROM (
                SELECT x.id, p.* FROM recipients x JOIN campaigns c ON c.id = x.campaign_id
                LEFT JOIN LATERAL planned_stage(c.reminder, x.appointment_at, 0, :now) p ON true
                WHERE x.campaign_id = :campaign AND x.appointment_at IS NOT NULL
            ) t
            WHERE r.id = t.id AND r.attempts_spent = 0 AND (
                r.status = 'pending'
                OR (r.status = 'expired' AND r.reason = 'deadline passed')
                OR (r.status = 'review' AND r.reason IN ('time zone unknown', 'countries_differ')))
        """),
        {"campaign": campaign_id, "now": now},
    )


# What was opted out of a draft holds for its family, and goes on to hold without the draft: it is
# kept under another campaign of the family, in place of what is weaker there.
_FAMILY_OPT_OUTS = """
    FROM opt_outs o JOIN campaigns gone ON gone.id = o.campaign_id
    CROSS JOIN LATERAL (
        SELECT c.id FROM campaigns c
        WHERE c.family_id = gone.family_id AND c.id <> gone.id ORDER BY c.id LIMIT 1
    ) other
    LEFT JOIN opt_outs same ON same.number = o.number AND same.is_prefix = o.is_prefix
        AND same.campaign_id = other.id AND same.lifted_at IS NULL AND same.replaced_at IS NULL
    WHERE gone.id = :id AND o.lifted_at IS NULL AND o.replaced_at IS NULL
      AND (same.id IS NULL
           OR coalesce(o.expires_at, 'infinity') > coalesce(same.expires_at, 'infinity'))
"""
_REPLACE_THE_WEAKER = f"""
    UPDATE opt_outs SET replaced_at = now() WHERE id IN (SELECT same.id {_FAMILY_OPT_OUTS})
"""
_LEAVE_TO_FAMILY = f"""
    UPDATE opt_outs SET campaign_id = kept.other_id
    FROM (SELECT o.id, other.id AS other_id {_FAMILY_OPT_OUTS}) kept WHERE opt_outs.id = kept.id
"""


def delete_campaign(session: Session, campaign_id: int) -> list[str]:
    """Delete a campaign that never called anybody; returns where its imported files are kept."""
    files = session.execute(
        text("SELECT stored_at FROM imports WHERE campaign_id = :id AND stored_at IS NOT NULL"),
        {"id": campaign_id},
    ).scalars()
    kept = [str(path) for path in files]
    for statement in (
        "DELETE FROM recipients WHERE campaign_id = :id",
        "DELETE FROM import_repairs WHERE import_id IN "
        "(SELECT id FROM imports WHERE campaign_id = :id)",
        "DELETE FROM import_rejects WHERE import_id IN "
        "(SELECT id FROM imports WHERE campaign_id = :id)",
        "DELETE FROM imports WHERE campaign_id = :id",
        _REPLACE_THE_WEAKER,
        _LEAVE_TO_FAMILY,
        "DELETE FROM opt_outs WHERE campaign_id = :id",
        "DELETE FROM campaign_log WHERE campaign_id = :id",
        "DELETE FROM tally_proofs WHERE campaign_id = :id",
        "DELETE FROM campaigns WHERE id = :id",
    ):
        session.execute(text(statement), {"id": campaign_id})
    return kept


def count_recently_called(session: Session, campaign_id: int) -> int:
    """People of a campaign's lists who had been called shortly before they were imported."""
    found: int = session.execute(
        text("""
            SELECT CAST(coalesce(sum(rows_recently_called), 0) AS bigint) FROM imports
            WHERE campaign_id = :id AND status = 'done'
        """),
        {"id": campaign_id},
    ).scalar_one()
    return found


def first_due(session: Session, campaign_id: int, zone_keys: Sequence[int]) -> dict[int, datetime]:
    """When the first of those who wait under each zone key is due."""
    rows = session.execute(
        text("""
            SELECT key, first.next_attempt_at
            FROM unnest(CAST(:keys AS integer[])) AS keys (key)
            CROSS JOIN LATERAL (
                SELECT next_attempt_at FROM recipients
                WHERE campaign_id = :id AND zone_key = key AND NOT retry AND status = 'pending'
                ORDER BY next_attempt_at LIMIT 1
            ) first
        """),
        {"id": campaign_id, "keys": list(zone_keys)},
    )
    return {row[0]: row[1] for row in rows}
