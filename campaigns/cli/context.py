"""What commands stand on: the settings, a database, and hints to the workers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import migrations, ruling
from campaigns.config import settings
from campaigns.db import engine_for, transaction
from campaigns.hints import HintPublisher
from campaigns.local import embedded_servers, server_status, termination_interrupts


@contextmanager
def open_engine() -> Iterator[Engine]:
    """An engine on the configured database, or on the embedded one, which is started if needed."""
    url = settings().database_url
    if url is not None:
        yield engine_for(url, pool_size=3)
        return
    with (
        termination_interrupts(),
        embedded_servers(settings().data_dir, redis=False) as servers,
    ):
        engine = engine_for(servers.database_url, pool_size=3)
        migrations.upgrade(engine)
        ruling.adopt_shipped_rules(engine)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def open_session() -> Iterator[Session]:
    """One transaction on that database, committed when the block ends."""
    with open_engine() as engine, transaction(engine) as session:
        yield session


def send_recall(attempt_ids: Sequence[int]) -> None:
    """Tell the workers, where there are any, to take calls back. The sweeper asks again anyway."""
    url = settings().broker_url or settings().redis_url or _embedded_redis()
    if url is None or not attempt_ids:
        return
    publisher = HintPublisher(url)
    publisher.recall(attempt_ids)
    publisher.close()


def _embedded_redis() -> str | None:
    status = server_status(settings().data_dir)
    return status.redis.url if status.redis.pid is not None else None
