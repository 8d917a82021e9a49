"""The dial worker: `python -m workers.dial`. Threads, because every call waits for an answer.

Celery's thread pool ignores time limits; what bounds a task here are the provider's time-outs,
the database's statement time-out, and the slot itself, which passes.
"""

import os
from typing import Any

from celery.signals import task_prerun, worker_ready, worker_shutdown, worker_shutting_down

from campaigns import logs
from campaigns.config import settings
from campaigns.local.owner import exit_with_owner

# Batches that may wait for their slots at the same time; each is a quarter second of one account.
BATCHES_AT_ONCE = 32


def main() -> None:
    """Run until SIGTERM."""
    exit_with_owner()
    logs.configure(settings().log_level, "dial")
    from workers.app import app
    from workers.process import LEAVE_SECONDS, dial_process
    from workers.watch import end_within

    process = dial_process()

    def ready(**_: Any) -> None:
        process.begin()
        task_prerun.connect(process.watch.heard, weak=False)

    def told_to_end(**_: Any) -> None:
        end_within(LEAVE_SECONDS, "the dial worker")
        process.leave()

    def shutdown(**_: Any) -> None:
        process.close()

    worker_ready.connect(ready, weak=False)
    worker_shutting_down.connect(told_to_end, weak=False)
    worker_shutdown.connect(shutdown, weak=False)
    app.worker_main(
        [
            *("worker", "--pool=threads", f"--concurrency={BATCHES_AT_ONCE}", "--queues=dial"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *(f"--hostname=dial-{os.getpid()}@%h", "--loglevel=WARNING"),
        ]
    )


if __name__ == "__main__":
    main()
