"""What reaches a drill's stack that should not: stale hints, events again or astray, more files."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

from campaigns.drill.faults import Fault
from campaigns.drill.stage import Stage
from campaigns.drill.world import BIG_FILE, World
from campaigns.hints import DIAL, IMPORT, RECALL, HintPublisher

SMALL_FILE = 30
MESSAGES = (
    *("hints_repeated", "hints_that_mean_nothing", "events_of_another_attempt"),
    *("events_replayed", "a_file_to_a_running_campaign", "a_large_file"),
)


class Messages:
    """Sends them. `insist` asks the API until it answers; what it granted is counted."""

    def __init__(
        self,
        stage: Stage,
        world: World,
        pool: ThreadPoolExecutor,
        insist: Callable[..., httpx.Response],
        answered: Counter[str],
    ) -> None:
        self._stage, self._world, self._pool = stage, world, pool
        self._insist, self._answered = insist, answered
        self._hints = HintPublisher(stage.stack.servers.redis_url)
        self.imports: dict[int, int] = {}  # import id → rows that everybody can read
        self._files = 0

    def close(self) -> None:
        """Drop the connection to the broker."""
        self._hints.close(1)

    def faults(self) -> list[Fault]:
        """All of them, as faults."""
        return [Fault(name, "messages", getattr(self, f"_{name}"), 0.0) for name in MESSAGES]

    def _hints_repeated(self, stage: Stage) -> str | None:
        ids = stage.column("SELECT id FROM attempts WHERE status = 'queued'")
        for _ in range(5):
            self._hints.dial(ids)
        return f"{len(ids)} attempts five times" if ids else None

    def _hints_that_mean_nothing(self, stage: Stage) -> str | None:
        """Ids that never were, or are long over, and messages that are no JSON."""
        old = stage.column("SELECT id FROM attempts ORDER BY random() LIMIT 20")
        self._hints.dial([*old, 10**12])
        self._hints.send(RECALL, [*old, 10**12])
        self._hints.send(IMPORT, 10**12)
        self._hints.send(DIAL, "not a list")
        return f"{len(old)} old attempts"

    def _event_of(self, attempt_id: int) -> tuple[str, bytes] | None:
        raw = self._stage.value(
            "SELECT raw FROM call_events WHERE attempt_id = :id AND source = 'webhook'"
            " ORDER BY id DESC LIMIT 1",
            id=attempt_id,
        )
        return None if raw is None else (self._world.vault.attempt_token(attempt_id), raw.encode())

    def _events_of_another_attempt(self, stage: Stage) -> str | None:
        """The last word about one call, sent to the address of another one of that account."""
        live = stage.value(
            "SELECT id FROM attempts WHERE status IN ('ringing', 'in_progress') ORDER BY random()"
            " LIMIT 1"
        )
        over = stage.value(
            "SELECT a.id FROM attempts a JOIN call_events e ON e.attempt_id = a.id"
            " WHERE a.status = 'ended' AND e.kind = 'ended' AND a.provider_call_id IS NOT NULL"
            " AND a.account_id = (SELECT account_id FROM attempts WHERE id = :live)"
            " ORDER BY a.id DESC LIMIT 1",
            live=live,
        )
        found = self._event_of(over) if live and over else None
        if found is None:
            return None
        self._send_event(self._world.vault.attempt_token(live), found[1])
        return "one"

    def _events_replayed(self, stage: Stage) -> str | None:
        sent = 0
        for attempt_id in stage.column(
            "SELECT id FROM attempts WHERE status = 'ended' ORDER BY random() LIMIT 10"
        ):
            if found := self._event_of(attempt_id):
                self._send_event(*found)
                sent += 1
        return f"{sent} old events" if sent else None

    def _send_event(self, token: str, body: bytes) -> None:
        url = f"{self._stage.public_url}/hooks/signalwire/{token}"
        content_type = "application/json" if _is_json(body) else "application/x-www-form-urlencoded"

        def work() -> None:
            with suppress(httpx.HTTPError):
                httpx.post(
                    url, content=body, headers={"Content-Type": content_type}, trust_env=False
                )

        with suppress(RuntimeError):
            self._pool.submit(work)

    def _import(self, campaign_id: int, rows: int) -> str | None:
        self._files += 1
        content, name = self._world.file(rows), f"list {self._files}.csv"

        def work() -> None:
            # Sent again until it is answered: the same file is one import.
            with suppress(TimeoutError):
                answer = self._insist(
                    "POST", "/imports", 20,
                    params={"campaign_id": campaign_id},
                    files={"file": (name, content)},
                )  # fmt: skip
                if answer.is_success:
                    self.imports[answer.json()["id"]] = rows
                    self._answered["import"] += 1

        with suppress(RuntimeError):
            self._pool.submit(work)
        return f"{rows} rows"

    def _a_file_to_a_running_campaign(self, stage: Stage) -> str | None:
        return self._import(self._world.announcement, SMALL_FILE)

    def _a_large_file(self, stage: Stage) -> str | None:
        return self._import(self._world.archive, BIG_FILE)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
