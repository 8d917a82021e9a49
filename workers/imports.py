"""The import worker: `python -m workers.imports`. Its own processes, because parsing telephone
numbers keeps the interpreter busy and would make slots late in a dial worker.

Celery's own soft shutdown is of no use here: it hands messages back, and ours are only hints. What
an import has read is in a transaction that ends with its process; the row says that nobody works on
it, and the next worker begins it anew.
"""

import os
import signal
from typing import Any

from celery.signals import (
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from campaigns import logs
from campaigns.config import settings
from campaigns.local.owner import exit_with_owner

# Told to end, a short import is let end; a longer one is left to the next worker.
LEAVE_SECONDS = 20.0


def main() -> None:
    """Run until SIGTERM."""
    exit_with_owner()
    logs.configure(settings().log_level, "imports")
    from workers.app import app
    from workers.process import import_process
    from workers.watch import end_within

    parent = os.getpid()

    def child_begins(**_: Any) -> None:
        watch = import_process().begin(parent, lambda _why: os.kill(parent, signal.SIGKILL))
        task_prerun.connect(watch.heard, weak=False)

    def child_ends(**_: Any) -> None:
        import_process().close()

    def told_to_end(**_: Any) -> None:
        if os.getpid() == parent:
            end_within(LEAVE_SECONDS, "the import worker", children=True)

    worker_process_init.connect(child_begins, weak=False)
    worker_process_shutdown.connect(child_ends, weak=False)
    worker_shutting_down.connect(told_to_end, weak=False)
    # An import may take as long as its file; only dial tasks are short by nature.
    app.conf.update(task_soft_time_limit=None, task_time_limit=None, worker_max_tasks_per_child=100)
    app.worker_main(
        [
            *("worker", "--pool=prefork", "--concurrency=1", "--queues=imports"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--hostname=imports@%h", "--loglevel=WARNING"),
        ]
    )


if __name__ == "__main__":
    main()
