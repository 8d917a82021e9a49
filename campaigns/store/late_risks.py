"""People with near deadlines who wait, counted in groups; and whom of them nobody may be able to
call in time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# More people with near deadlines than that are not looked at: it is late for some of them anyway.
MOST_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True)
class RunningAccount:
    """A running campaign with its own limits and those of its account."""

    id: int
    account_id: int
    rule_set: str
    windows: dict[str, Any]
    purpose: str
    voice: str
    weight: float
    max_cps: float | None
    cps: float
    max_concurrent: int


@dataclass(frozen=True, slots=True)
class Risk:
    """What was said last of a campaign whose people may be called too late."""

    campaign_id: int
    at: datetime
    people: int
    sentence: str
    spans: list[dict[str, Any]]


def running(session: Session) -> list[RunningAccount]:
    """Every running campaign on an account that dials."""
    rows = session.execute(
        text("""
            SELECT c.id, c.account_id, c.rule_set, c.windows, c.purpose, c.voice, c.weight,
                   c.max_cps, least(k.cps, g.cps), k.max_concurrent
            FROM campaigns c JOIN accounts k ON k.id = c.account_id
            LEFT JOIN pacing_groups g ON g.name = k.pacing_group
            WHERE c.status = 'running' AND k.status = 'active' ORDER BY c.id
        """)
    )
    return [RunningAccount(*row) for row in rows]


def waiting_groups(
    session: Session, now: datetime, until: datetime
) -> list[tuple[int, int, datetime, datetime, int]]:
    """Who waits with a deadline before `until`: campaign, zone key, due, deadline, how many.

    Times are rounded down to five minutes.
    """
    rows = session.execute(
        text("""
            SELECT campaign_id, zone_key,
                   date_bin('5 minutes', greatest(next_attempt_at, :now), 'epoch') AS due,
                   date_bin('5 minutes', deadline_at, 'epoch') AS deadline, count(*)
            FROM (
                SELECT campaign_id, zone_key, next_attempt_at, deadline_at FROM recipients
                WHERE status = 'pending' AND next_attempt_at IS NOT NULL
                  AND deadline_at > :now AND deadline_at <= :until
                ORDER BY deadline_at LIMIT :most
            ) near
            GROUP BY 1, 2, 3, 4
        """),
        {"now": now, "until": until, "most": MOST_LOOKED_AT},
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def known_risks(session: Session, campaign_id: int | None = None) -> dict[int, Risk]:
    """What was said last, by campaign; of running ones, or of one campaign."""
    rows = session.execute(
        text("""
            SELECT l.campaign_id, l.at, l.people, l.sentence, l.spans
            FROM late_risks l JOIN campaigns c ON c.id = l.campaign_id
            WHERE c.status = 'running'
              AND (CAST(:id AS bigint) IS NULL OR l.campaign_id = :id)
            ORDER BY l.campaign_id
        """),
        {"id": campaign_id},
    )
    return {row[0]: Risk(*row) for row in rows}


def keep_risk(session: Session, risk: Risk) -> None:
    """Remember what is said of a campaign from now on."""
    session.execute(
        text("""
            INSERT INTO late_risks (campaign_id, at, people, sentence, spans)
            VALUES (:id, :at, :people, :sentence, CAST(:spans AS jsonb))
            ON CONFLICT (campaign_id) DO UPDATE SET at = EXCLUDED.at, people = EXCLUDED.people,
                sentence = EXCLUDED.sentence, spans = EXCLUDED.spans
        """),
        {
            "id": risk.campaign_id,
            "at": risk.at,
            "people": risk.people,
            "sentence": risk.sentence,
            "spans": json.dumps(risk.spans),
        },
    )


def forget_risks(session: Session, campaign_ids: Sequence[int]) -> None:
    """Nothing is said of these campaigns any more."""
    session.execute(
        text("DELETE FROM late_risks WHERE campaign_id = ANY (:ids)"), {"ids": list(campaign_ids)}
    )


def people_at_risk(session: Session, risk: Risk, after: int, limit: int) -> list[int]:
    """Whoever waits with one of the deadlines concerned, in the order of their ids."""
    (span,) = risk.spans
    rows = session.execute(
        text("""
            SELECT id FROM recipients
            WHERE campaign_id = :campaign AND status = 'pending' AND id > :after
              AND zone_key = ANY (CAST(:keys AS integer[]))
              AND deadline_at >= CAST(:from AS timestamptz)
              AND deadline_at < CAST(:to AS timestamptz) + interval '5 minutes'
            ORDER BY id LIMIT :limit
        """),
        {
            "campaign": risk.campaign_id,
            "after": after,
            "limit": limit,
            "keys": span["zone_keys"],
            "from": span["from"],
            "to": span["to"],
        },
    )
    return [row[0] for row in rows]
