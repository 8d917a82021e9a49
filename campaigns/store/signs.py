"""Signs of life that processes read of each other: pings through queues, heartbeats by name."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.liveness import PINGED_SECONDS, Pings

PINGS = "pings"  # the kind of their rows


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of life of a process: `age` is seconds since then."""

    name: str
    kind: str
    age: float
    ready: bool
    detail: dict[str, Any]

    @property
    def host(self) -> str:
        """The machine it is on."""
        return self.name.split(":")[1] if self.name.count(":") >= 2 else ""

    @property
    def pid(self) -> int:
        """Its number there; 0 when its name has none."""
        parts = self.name.split(":")
        return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0

    @property
    def problems(self) -> list[str]:
        """Why it is not ready, in sentences."""
        return [str(problem) for problem in self.detail.get("problems", ())]


def note_pings(session: Session, queue: str) -> None:
    """That a queue was pinged just now; after a gap, the unbroken row of pings begins anew."""
    session.execute(
        text("""
            INSERT INTO heartbeats AS h (name, kind, at, ready, detail)
            VALUES (:name, :kind, clock_timestamp(), true,
                    jsonb_build_object('since', clock_timestamp()))
            ON CONFLICT (name) DO UPDATE
            SET at = EXCLUDED.at,
                detail = CASE WHEN h.at > EXCLUDED.at - make_interval(secs => :gap)
                              THEN h.detail ELSE EXCLUDED.detail END
        """),
        {"name": f"{PINGS}:{queue}", "kind": PINGS, "gap": PINGED_SECONDS},
    )


def pings_through(session: Session, queue: str) -> Pings | None:
    """The pings through a queue; None before the first."""
    row = session.execute(
        text("""
            SELECT extract(epoch FROM clock_timestamp() - at),
                   extract(epoch FROM clock_timestamp() - CAST(detail ->> 'since' AS timestamptz))
            FROM heartbeats WHERE name = :name
        """),
        {"name": f"{PINGS}:{queue}"},
    ).one_or_none()
    return None if row is None else Pings(float(row[0]), float(row[1]))


def signs_of_life(session: Session) -> list[Sign]:
    """Every process's last sign of life."""
    rows = session.execute(
        text("""
            SELECT name, kind, extract(epoch FROM clock_timestamp() - at), ready, detail
            FROM heartbeats WHERE kind NOT IN ('pings', 'public_url') ORDER BY name
        """)
    )
    return [Sign(row[0], row[1], float(row[2]), row[3], row[4]) for row in rows]


def alive_of_kind(session: Session, kind: str, seconds: float) -> int:
    """How many processes of a kind gave a sign of life within so many seconds."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM heartbeats
                WHERE kind = :kind AND at > clock_timestamp() - make_interval(secs => :seconds)
            """),
            {"kind": kind, "seconds": seconds},
        ).scalar_one()
    )
