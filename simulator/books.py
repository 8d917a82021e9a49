"""The carrier's own books: every dial request that reached it and what became of it.

They are the independent witness a product's records are compared with, so nothing in here is
ever taken from the product's word: only what arrived, what was answered and what was played.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any

from simulator.clock import Instant
from simulator.journal import Journal

JSON = dict[str, Any]


@dataclass(slots=True, eq=False)
class CallRow:
    """One dial request. Moments are ISO 8601 UTC with microseconds, None until they happen.

    `silent`: somebody answered and heard nothing, though no document chose to hang up.
    `audio`: each audio that a document played, as it was fetched.
    `void_document`: somebody answered and the document did nothing but hang up.
    `ended_by`: callee, script, product (a command of the REST API), carrier or error.
    """

    seq: int
    arrived_at: str
    arrived_monotonic: float
    project: str | None
    from_: Any
    to: Any
    url: Any
    status_url: Any
    custom_variables: Any
    call_id: str | None = None
    accepted: bool = False
    http_status: int | None = None
    error_code: str | None = None
    fault: str | None = None
    persona: str | None = None
    queued_until: str | None = None
    dialled_at: str | None = None
    ringing_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    end_reason: str | None = None
    ended_by: str | None = None
    answered_by: str | None = None
    documents: list[JSON] = field(default_factory=list)
    audio: list[JSON] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    keys: list[JSON] = field(default_factory=list)
    events_sent: list[JSON] = field(default_factory=list)
    silent: bool = False
    void_document: bool = False
    script_error: str | None = None

    def body(self) -> JSON:
        return {name: getattr(self, attribute) for name, attribute in _COLUMNS}


_COLUMNS = [(f.name.rstrip("_"), f.name) for f in fields(CallRow)]


class Books:
    """Rows in order of arrival, the busiest second, and the journal they are copied to."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.reset()

    def reset(self) -> None:
        self.rows: list[CallRow] = []
        self.busiest_second = 0
        self.internal_errors = 0
        self._last_second: deque[float] = deque()

    def open(self, arrived: Instant, project: str | None, params: JSON) -> CallRow:
        """The row of a dial request that has just arrived, before anybody looked at it."""
        self._count_arrival(arrived.ticks)
        row = CallRow(
            seq=len(self.rows) + 1,
            arrived_at=arrived.iso(),
            arrived_monotonic=arrived.ticks,
            project=project,
            from_=params.get("from"),
            to=params.get("to"),
            url=params.get("url"),
            status_url=params.get("status_url"),
            custom_variables=params.get("custom_variables"),
        )
        self.rows.append(row)
        self._journal.write({"row": "dial", **row.body()})
        return row

    def close(self, row: CallRow) -> None:
        """Copy a call that has ended to the journal."""
        self._journal.write({"row": "end", **row.body()})

    def after(self, seq: int, limit: int) -> list[JSON]:
        start = bisect_right(self.rows, seq, key=lambda row: row.seq)
        return [row.body() for row in islice(self.rows, start, start + limit)]

    def summary(self) -> JSON:
        rows = self.rows
        accepted = [row for row in rows if row.accepted]
        answered = [row for row in accepted if row.answered_at]
        sent = [note for row in accepted for note in row.events_sent]
        return {
            "dials": len(rows),
            "accepted": len(accepted),
            "refused": len(rows) - len(accepted),
            "live": sum(row.ended_at is None for row in accepted),
            "queued": sum(row.ended_at is None and row.dialled_at is None for row in accepted),
            "answered": len(answered),
            "ended": sum(row.ended_at is not None for row in accepted),
            "silent": sum(row.silent for row in answered),
            "void_documents": sum(row.void_document for row in answered),
            "script_errors": sum(row.script_error is not None for row in accepted),
            "audio_fetched": sum(note["ok"] for row in answered for note in row.audio),
            "keys": sum(len(row.keys) for row in answered),
            "callbacks_sent": len(sent),
            "callbacks_accepted": sum(note["ok"] is True for note in sent),
            "forgeries_accepted": sum(
                note["ok"] is True and str(note["fault"]).startswith("forge") for note in sent
            ),
            "max_dials_in_one_second": self.busiest_second,
            "internal_errors": self.internal_errors,
        }

    def _count_arrival(self, ticks: float) -> None:
        window = self._last_second
        window.append(ticks)
        while window[0] <= ticks - 1.0:
            window.popleft()
        self.busiest_second = max(self.busiest_second, len(window))
