"""Calls that people answered and that met silence: how many of a campaign's, and where to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.compliance import Line, Place, place_of
from campaigns.models.attempts import ABANDONED_SQL
from campaigns.store.tallies import summed_since


@dataclass(frozen=True, slots=True)
class DiallingCampaign:
    """A running campaign, with what selects the rules that bind it.

    `judged_from`: when somebody last let it run.
    """

    id: int
    rule_set: str
    windows: Mapping[str, Any]
    purpose: str
    voice: str
    judged_from: datetime | None


@dataclass(frozen=True, slots=True)
class AbandonedCall:
    """One such call: when it ended, and where its number was taken to be."""

    ended_at: datetime
    place: Place


def campaigns_that_dial(session: Session) -> list[DiallingCampaign]:
    """Every running campaign."""
    rows = session.execute(
        text("""
            SELECT id, rule_set, windows, purpose, voice, judged_from
            FROM campaigns WHERE status = 'running' ORDER BY id
        """)
    )
    return [DiallingCampaign(*row) for row in rows]


def latest_abandoned_calls(session: Session, campaign_id: int, limit: int) -> list[AbandonedCall]:
    """The latest of a campaign, newest first."""
    rows = session.execute(
        text(f"""
            SELECT ended_at, number, gate_inputs FROM attempts
            WHERE campaign_id = :id AND {ABANDONED_SQL} ORDER BY ended_at DESC LIMIT :limit
        """),
        {"id": campaign_id, "limit": limit},
    )
    return [AbandonedCall(row[0], _place(row[1], row[2] or {})) for row in rows]


def _place(number: str, inputs: Mapping[str, Any]) -> Place:
    if not inputs.get("zones"):
        return place_of(number)
    return Place(
        inputs.get("country"),
        tuple(inputs.get("subdivisions", ())),
        tuple(inputs["zones"]),
        Line(inputs.get("line", Line.UNKNOWN)),
    )


def abandoned_and_answered(session: Session, campaign_id: int, since: datetime) -> tuple[int, int]:
    """How many of a campaign's calls met silence, and how many people answered, since then.

    Counted by tallies, so by whole hours: the one in which `since` lies is in it.
    """
    row = session.execute(
        text(f"""
            SELECT coalesce((SELECT sum(n) FROM ({summed_since("abandoned")}) a), 0),
                   coalesce((SELECT sum(n) FROM ({summed_since("hours")}) h
                             WHERE key[3] = 'true'
                               AND key[2] NOT IN ('answered_machine', 'live')), 0)
        """),
        {"id": campaign_id, "since": since},
    ).one()
    return int(row[0]), int(row[1])
