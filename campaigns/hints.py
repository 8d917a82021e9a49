"""Hints to the workers: a task's name and some ids, sent through Celery and free to be lost.

Nothing depends on a hint arriving, arriving once, or arriving in order: the rows in PostgreSQL
decide. So messages are acknowledged early (with late acknowledgement, Celery 5.7 dies on every
restart of Redis), are never retried for long, and are sent from a thread with a bounded queue so
that a dead broker never delays the tick.
"""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery

from campaigns.crash_points import crash_point

DIAL = "outdial.dial"
RECALL = "outdial.recall"
IMPORT = "outdial.import_file"
FIRE = "outdial.fire_recurrence"
PING_DIAL = "outdial.ping_dial"
PING_IMPORTS = "outdial.ping_imports"
QUEUES = {
    DIAL: "dial",
    RECALL: "dial",
    IMPORT: "imports",
    FIRE: "imports",
    PING_DIAL: "dial",
    PING_IMPORTS: "imports",
}
PINGS = {"dial": PING_DIAL, "imports": PING_IMPORTS}

# How long a failed publish counts as "publishing fails": longer than a blocked publish takes.
FAILING_FOR_SECONDS = 2.0

log = logging.getLogger(__name__)


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Celery's configuration, shared by producers and workers so that they agree on every key.

    There is no result backend, no eta, no countdown and no retry: time lives in the database.
    """
    return {
        "broker_url": broker_url,
        "task_ignore_result": True,
        "result_backend": None,
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "broker_transport_options": {
            "visibility_timeout": 600,
            "global_keyprefix": "outdial:",
            "socket_timeout": 15,
            "socket_connect_timeout": 3,
            "health_check_interval": 10,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 2,
        },
        "visibility_timeout": 600,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A Redis that is full is as good as one that is away; without this a worker that connects
        # at that moment ends.
        "broker_channel_error_retry": True,
        "task_soft_time_limit": 30,
        "task_time_limit": 60,
        "worker_soft_shutdown_timeout": 10,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_publish_retry_policy": {"max_retries": 2, "interval_max": 0.5},
        "task_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "enable_utc": True,
        "task_default_queue": "dial",
        "task_routes": {name: {"queue": queue_name} for name, queue_name in QUEUES.items()},
    }


def broker_problem(broker_url: str) -> str | None:
    """Why the broker cannot be used, asked on a connection of its own; None when it answers."""
    asker = Celery("outdial-asker", set_as_current=False)
    asker.conf.update(celery_settings(broker_url))
    try:
        with asker.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0, timeout=3)
            with connection.channel():  # with Redis, only this sends anything
                return None
    except Exception as error:  # whatever the broker's client raises
        return f"The broker does not answer ({type(error).__name__})."
    finally:
        asker.close()


class HintPublisher:
    """Sends hints from a thread of its own. A hint that cannot be sent is dropped and counted."""

    def __init__(self, broker_url: str, *, capacity: int = 500) -> None:
        self._celery = Celery("outdial-hints", set_as_current=False)
        self._celery.conf.update(celery_settings(broker_url))
        self._waiting: queue.Queue[tuple[str, list[Any]] | None] = queue.Queue(capacity)
        self._failed_at = float("-inf")
        self._sent_at: dict[str, float] = {}
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether a hint had to be dropped within the last two seconds."""
        return time.monotonic() - self._failed_at < FAILING_FOR_SECONDS

    def last_sent(self, task: str) -> float | None:
        """The monotonic instant at which the broker last took this task; None before the first."""
        return self._sent_at.get(task)

    def send(self, task: str, *args: Any) -> None:
        """Send `task(*args)` soon, or drop it. Returns at once."""
        try:
            self._waiting.put_nowait((task, list(args)))
        except queue.Full:
            self._dropped(task, "the queue of unsent hints is full")

    def dial(self, attempt_ids: Sequence[int]) -> None:
        """These attempts have slots soon."""
        self.send(DIAL, list(attempt_ids))

    def recall(self, attempt_ids: Sequence[int]) -> None:
        """These attempts' calls are wanted back."""
        if attempt_ids:
            crash_point("recall_requested")
            self.send(RECALL, list(attempt_ids))

    def close(self, timeout: float = 3.0) -> None:
        """Send what waits, then stop the thread; gives up after `timeout` seconds."""
        try:
            self._waiting.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)
        self._celery.close()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            task, args = item
            try:
                self._celery.send_task(task, args=args, retry=False, ignore_result=True)
            except Exception as error:  # whatever the broker's client raises, it is only a hint
                self._dropped(task, f"{type(error).__name__}: {error}")
            else:
                self._sent_at[task] = time.monotonic()

    def _dropped(self, task: str, why: str) -> None:
        self._failed_at = time.monotonic()
        self.dropped += 1
        if self.dropped == 1 or self.dropped % 100 == 0:
            log.warning("hint dropped task=%s why=%s dropped_so_far=%d", task, why, self.dropped)
