"""Whether anybody can be called at all, and if not, what is missing, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy.orm import Session

from campaigns.config import Settings
from campaigns.dispatcher import TickRules, why_blocked
from campaigns.reporting import words
from campaigns.reporting.values import HealthLine, SystemHealth
from campaigns.store import dispatch
from campaigns.store import health as health_rows

PROBE_SECONDS = 10.0

Beat = tuple[str, str, datetime, bool, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reports must know of the settings: `heartbeat_limit` is seconds."""

    heartbeat_limit: float = 3.0
    live_allowed: bool = False

    @classmethod
    def of(cls, config: Settings) -> Self:
        """From the settings."""
        return cls(config.heartbeat_limit, config.live_dialling)

    def why_blocked(self, session: Session, now: datetime) -> str | None:
        """Why nobody is called at all, asked as the scheduler asks it; None when they may be."""
        rules = TickRules(heartbeat_limit=self.heartbeat_limit, live_allowed=self.live_allowed)
        return why_blocked(session, rules, now)


def system_health(session: Session, now: datetime, around: Surroundings) -> SystemHealth:
    """The scheduler, the processes and the public URL as they are at `now`."""
    beats: Sequence[Beat] = dispatch.heartbeats(session)
    limit = timedelta(seconds=around.heartbeat_limit)
    lines = [
        _scheduler(session, now),
        _processes("Web", "web", beats, now, limit),
        _processes("Dial workers", "dial", beats, now, limit),
        _public_url(beats, now),
    ]
    blocked = around.why_blocked(session, now)
    return SystemHealth(
        ok=blocked is None and all(line.ok for line in lines), blocked=blocked, lines=lines
    )


def _scheduler(session: Session, now: datetime) -> HealthLine:
    lease = health_rows.scheduler_lease(session)
    if lease is None:
        return HealthLine(part="Scheduler", ok=False, sentence="No scheduler has led yet.")
    holder, expires_at = lease
    if expires_at is None or expires_at <= now:
        return HealthLine(part="Scheduler", ok=False, sentence="No scheduler leads.")
    return HealthLine(part="Scheduler", ok=True, sentence=f"{_short(holder)} leads.")


def _processes(
    part: str, kind: str, beats: Sequence[Beat], now: datetime, limit: timedelta
) -> HealthLine:
    alive = [beat for beat in beats if beat[1] == kind and beat[2] > now - limit]
    ready = sum(beat[3] for beat in alive)
    if ready:
        told = "1 is alive" if ready == 1 else f"{ready} are alive"
        unready = f"; {len(alive) - ready} not ready" if len(alive) > ready else ""
        return HealthLine(part=part, ok=True, sentence=f"{told}{unready}.")
    if alive:
        return HealthLine(part=part, ok=False, sentence="Alive, but not ready.")
    last = max((beat[2] for beat in beats if beat[1] == kind), default=None)
    seen = f" The last sign was at {words.instant(last)}." if last else ""
    return HealthLine(part=part, ok=False, sentence=f"No sign of life.{seen}")


def _public_url(beats: Sequence[Beat], now: datetime) -> HealthLine:
    fresh = timedelta(seconds=PROBE_SECONDS)
    found = next((beat for beat in beats if beat[1] == "public_url"), None)
    if found is None or found[2] <= now - fresh:
        return HealthLine(part="Public URL", ok=False, sentence="Not probed for a while.")
    url, told = found[4].get("url", ""), found[4].get("sentence", "")
    sentence = f"{url} answers." if found[3] else str(told or f"{url} does not answer.")
    return HealthLine(part="Public URL", ok=found[3], sentence=sentence)


def _short(holder: str) -> str:
    """ "scheduler:host:123:ab" as "scheduler on host"."""
    kind, _, rest = holder.partition(":")
    return f"{kind} on {rest.split(':')[0]}" if rest else kind
