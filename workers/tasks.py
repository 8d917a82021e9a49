"""The tasks: thin, given ids only, and safe to lose, repeat and reorder."""

from celery import shared_task

from campaigns import hints, recalling
from workers.process import dial_process, import_process


@shared_task(name=hints.DIAL)  # type: ignore[untyped-decorator] # Celery ships no types
def dial(attempt_ids: list[int]) -> None:
    """These attempts have slots soon."""
    dial_process().run_batch(attempt_ids)


@shared_task(name=hints.RECALL)  # type: ignore[untyped-decorator]
def recall(attempt_ids: list[int]) -> None:
    """These attempts' calls are wanted back."""
    process = dial_process()
    recalling.recall(process.engine, attempt_ids, process.carriers.of)


@shared_task(name=hints.IMPORT)  # type: ignore[untyped-decorator]
def import_file(import_id: int) -> None:
    """A file waits to be imported."""
    import_process().run(import_id)


@shared_task(name=hints.FIRE)  # type: ignore[untyped-decorator]
def fire_recurrence(firing_id: int) -> None:
    """A recurring campaign is due."""
    import_process().fire(firing_id)


@shared_task(name=hints.PING_DIAL)  # type: ignore[untyped-decorator]
def ping_dial() -> None:
    """This queue is read: that the message came is all it says."""


@shared_task(name=hints.PING_IMPORTS)  # type: ignore[untyped-decorator]
def ping_imports() -> None:
    """The same, of the other queue."""
