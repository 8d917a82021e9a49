"""The import worker: `python -m workers.imports`. Its own processes, because parsing telephone
numbers keeps the interpreter busy and would make slots late in a dial worker."""

from campaigns import logs
from campaigns.config import settings
from campaigns.local.owner import exit_with_owner


def main() -> None:
    """Run until SIGTERM."""
    exit_with_owner()
    logs.configure(settings().log_level, "imports")
    from workers.app import app

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
