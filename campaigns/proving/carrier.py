"""The simulated carrier's own call log: what really reached it, whatever our books say."""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

PAGE = 500
SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Dial:
    """One dial request as the carrier saw it."""

    token: str | None
    call_id: str | None
    number: str
    arrived_at: datetime
    arrived: float
    accepted: bool
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    silent: bool
    keys: tuple[str, ...]
    caller_id: str = ""
    # What it told us and we answered that we had taken it, without what it forged.
    taken: tuple[str, ...] = ()


class CarrierLog:
    """Reads the log of one simulator."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()

    def settle(self, timeout: float = SETTLE_SECONDS) -> None:
        """Wait until no call lives at the carrier any more."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            summary = self._client.get("/simulator/summary").json()
            if not summary["live"] and not summary["queued"]:
                return
            time.sleep(0.2)

    def summary(self) -> dict[str, Any]:
        """The carrier's own totals."""
        totals: dict[str, Any] = self._client.get("/simulator/summary").json()
        return totals

    def faults(self) -> dict[str, int]:
        """How often each fault was played."""
        counts: dict[str, int] = self._client.get("/simulator/faults").json()
        return counts

    def dials(self) -> list[Dial]:
        """Every dial request, in the order of arrival."""
        found: list[Dial] = []
        after = 0
        while True:
            params = {"after": after, "limit": PAGE}
            rows = self._client.get("/simulator/calls", params=params).json()["calls"]
            if not rows:
                return found
            found += [_dial(row) for row in rows]
            after = rows[-1]["seq"]


def most_in_any_second(dials: list[Dial]) -> int:
    """The most dial requests that arrived within any second, by the carrier's clock."""
    window: deque[float] = deque()
    most = 0
    for arrived in sorted(dial.arrived for dial in dials):
        window.append(arrived)
        while window[0] <= arrived - 1.0:
            window.popleft()
        most = max(most, len(window))
    return most


def _dial(row: dict[str, Any]) -> Dial:
    return Dial(
        token=(row.get("custom_variables") or {}).get("outdial_attempt"),
        call_id=row.get("call_id"),
        number=row.get("to") or "",
        arrived_at=datetime.fromisoformat(row["arrived_at"]),
        arrived=row["arrived_monotonic"],
        accepted=row["accepted"],
        ringing_at=_time(row.get("ringing_at")),
        answered_at=_time(row.get("answered_at")),
        ended_at=_time(row.get("ended_at")),
        end_reason=row.get("end_reason"),
        silent=row["silent"],
        keys=tuple(key["digit"] for key in row["keys"]),
        caller_id=row.get("from") or "",
        taken=tuple(
            note["event"]
            for note in row["events_sent"]
            if note["ok"] and not str(note["fault"]).startswith(("forge", "huge"))
        ),
    )


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
