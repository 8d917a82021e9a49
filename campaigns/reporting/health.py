"""Whether anybody can be called at all, and if not, what is missing, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy.orm import Session

from campaigns.config import Settings
from campaigns.dispatcher import PROBE_SECONDS, blocked_by
from campaigns.gates import Installation
from campaigns.reporting import words
from campaigns.reporting.values import HealthLine, SystemHealth
from campaigns.store.health import MISSED_LIMIT, Beat, System, read_system

# An event that is not applied after this long was left behind; one that waits less is on its way.
LAG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reports must know of the settings: `heartbeat_limit` is seconds."""

    heartbeat_limit: float = 3.0
    live_allowed: bool = False

    @classmethod
    def of(cls, config: Settings) -> Self:
        """From the settings."""
        return cls(config.heartbeat_limit, config.live_dialling)

    def installation(self, system: System, now: datetime) -> Installation:
        """The installation as the gates judge it, from its signs of life."""

        def fresh(kind: str, seconds: float) -> bool:
            since = now - timedelta(seconds=seconds)
            return any(b.kind == kind and b.ready and b.at > since for b in system.beats)

        return Installation(
            dialling=system.enabled,
            web_alive=fresh("web", self.heartbeat_limit),
            url_answers=fresh("public_url", PROBE_SECONDS),
            live_allowed=self.live_allowed,
            heartbeat_limit=self.heartbeat_limit,
        )

    def why_blocked(self, system: System, now: datetime) -> str | None:
        """Why nobody is called at all, by the scheduler's own gates; None when they may be."""
        return blocked_by(self.installation(system, now))


def system_health(session: Session, now: datetime, around: Surroundings) -> SystemHealth:
    """The scheduler, the processes and the public URL as they are at `now`."""
    return told(read_system(session, now), now, around)


def told(system: System, now: datetime, around: Surroundings) -> SystemHealth:
    """The health of the system in words. Pure.

    Slots that were missed and events that wait are shown; they keep nobody from being called.
    """
    limit = timedelta(seconds=around.heartbeat_limit)
    needed = [
        _scheduler(system, now),
        _processes("Web", "web", system.beats, now, limit),
        _processes("Dial workers", "dial", system.beats, now, limit),
        *_import_workers(system.beats, now, limit),
        _public_url(system.beats, now),
        HealthLine(part="Database", ok=True, sentence=f"PostgreSQL {system.database} answers."),
    ]
    blocked = around.why_blocked(system, now)
    return SystemHealth(
        ok=blocked is None and all(line.ok for line in needed),
        blocked=blocked,
        lines=[*needed, _slots(system), _callbacks(system, now)],
    )


def _scheduler(system: System, now: datetime) -> HealthLine:
    if system.leader is None:
        return HealthLine(part="Scheduler", ok=False, sentence="No scheduler has led yet.")
    if system.leads_until is None or system.leads_until <= now:
        return HealthLine(part="Scheduler", ok=False, sentence="No scheduler leads.")
    return HealthLine(part="Scheduler", ok=True, sentence=f"{_short(system.leader)} leads.")


def _processes(
    part: str, kind: str, beats: Sequence[Beat], now: datetime, limit: timedelta
) -> HealthLine:
    alive = [beat for beat in beats if beat.kind == kind and beat.at > now - limit]
    ready = sum(beat.ready for beat in alive)
    if ready:
        told = "1 is alive" if ready == 1 else f"{ready} are alive"
        unready = f"; {len(alive) - ready} not ready" if len(alive) > ready else ""
        return HealthLine(part=part, ok=True, sentence=f"{told}{unready}.")
    if alive:
        told = " ".join(dict.fromkeys(str(p) for b in alive for p in b.detail.get("problems", ())))
        return HealthLine(part=part, ok=False, sentence=f"Alive, but not ready. {told}".strip())
    last = max((beat.at for beat in beats if beat.kind == kind), default=None)
    seen = f" The last sign was at {words.instant(last)}." if last else ""
    return HealthLine(part=part, ok=False, sentence=f"No sign of life.{seen}")


def _import_workers(beats: Sequence[Beat], now: datetime, limit: timedelta) -> Iterator[HealthLine]:
    """Nothing where none ever was: an installation may import on the command line alone."""
    if any(beat.kind == "imports" for beat in beats):
        yield _processes("Import workers", "imports", beats, now, limit)


def _public_url(beats: Sequence[Beat], now: datetime) -> HealthLine:
    fresh = timedelta(seconds=PROBE_SECONDS)
    found = next((beat for beat in beats if beat.kind == "public_url"), None)
    if found is None or found.at <= now - fresh:
        return HealthLine(part="Public URL", ok=False, sentence="Not probed for a while.")
    url, told = found.detail.get("url", ""), found.detail.get("sentence", "")
    sentence = f"{url} answers." if found.ready else str(told or f"{url} does not answer.")
    return HealthLine(part="Public URL", ok=found.ready, sentence=sentence)


def _slots(system: System) -> HealthLine:
    missed = system.slots_missed
    if not missed:
        return HealthLine(part="Slots", ok=True, sentence="None was missed in the last minute.")
    count = f"{missed:,}" if missed < MISSED_LIMIT else f"At least {missed:,}"
    were = "was" if missed == 1 else "were"
    return HealthLine(
        part="Slots",
        ok=False,
        sentence=f"{count} {were} missed in the last minute; those people are called again soon.",
    )


def _callbacks(system: System, now: datetime) -> HealthLine:
    part = "Callbacks"
    if system.oldest_event_at is not None:
        waits = (now - system.oldest_event_at).total_seconds()
        if waits > LAG_SECONDS:
            sentence = f"The oldest one has waited {waits:,.0f} seconds to be applied."
            return HealthLine(part=part, ok=False, sentence=sentence)
    if system.event_delay is None:
        return HealthLine(part=part, ok=True, sentence="None came yet.")
    sentence = "The latest was applied at once."
    if system.event_delay >= 0.1:
        sentence = f"The latest was applied after {system.event_delay:.1f} seconds."
    return HealthLine(part=part, ok=system.event_delay <= LAG_SECONDS, sentence=sentence)


def _short(holder: str) -> str:
    """ "scheduler:host:123:ab" as "scheduler on host"."""
    kind, _, rest = holder.partition(":")
    return f"{kind} on {rest.split(':')[0]}" if rest else kind
