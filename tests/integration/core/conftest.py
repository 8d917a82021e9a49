"""A database with one account and one running campaign, and short words for what tests do."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, event, text

from campaigns.calls import CallEvent, EventKind
from campaigns.db import database_now, transaction
from campaigns.dispatcher import Leadership, OpenHours, TickReport, TickRules, tick
from campaigns.lifecycle import Disposition
from campaigns.models import Account, Campaign
from campaigns.recording import FollowUp, apply_event
from campaigns.store.events import store_event
from tests.factories import lead, make_account, make_campaign, open_for_business

T = TypeVar("T")


class Bench:
    """A database that a test looks into and acts on, each act in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, act: Callable[..., T], *args: Any, **named: Any) -> T:
        """`act(session, ...)`, committed."""
        with transaction(self.engine) as session:
            return act(session, *args, **named)

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """What a query finds, or what a statement returns, committed."""
        with transaction(self.engine) as session:
            found = session.execute(text(sql), values)
            return list(found.all()) if found.returns_rows else []  # type: ignore[attr-defined]

    def wait_for_a_waiter(self) -> None:
        """Until some transaction of this database waits for a lock."""
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        while not self.value(waiting + "AND wait_event_type = 'Lock'"):
            time.sleep(0.01)

    def value(self, sql: str, **values: Any) -> Any:
        """The one value that a query finds."""
        ((found,),) = self.rows(sql, **values)
        return found

    def attempt(self, attempt_id: int) -> Any:
        """The attempt's row."""
        (row,) = self.rows("SELECT * FROM attempts WHERE id = :id", id=attempt_id)
        return row

    def recipient(self, recipient_id: int) -> Any:
        """The recipient's row."""
        (row,) = self.rows("SELECT * FROM recipients WHERE id = :id", id=recipient_id)
        return row

    def queued(self) -> list[Any]:
        """Every attempt there is, by its slot."""
        return self.rows("SELECT * FROM attempts ORDER BY slot_at, id")

    def set(self, table: str, row_id: int, **columns: Any) -> None:
        """Change a row behind the code's back."""
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        self.rows(f"UPDATE {table} SET {changes} WHERE id = :row_id", row_id=row_id, **columns)

    def now(self) -> datetime:
        """The database's clock."""
        return self.run(database_now)


class Ticker:
    """A leading scheduler whose clock the test moves."""

    def __init__(self, bench: Bench, leadership: Leadership) -> None:
        self.bench, self.leadership, self.hours = bench, leadership, OpenHours()
        self.now = bench.now()
        self.rules = TickRules(lease=3600.0)

    def tick(self, after: float = 0.0, *, claiming: bool = False, **named: Any) -> TickReport:
        """One tick `after` seconds later than the last; `claiming`: workers took what came due."""
        self.now += timedelta(seconds=after)
        if claiming:
            self.bench.rows(
                "UPDATE attempts SET status = 'dialing', claimed_at = slot_at, claimed_by = 'w' "
                "WHERE status = 'queued' AND slot_at <= :now",
                now=self.now,
            )
        return self.bench.run(tick, self.leadership, self.rules, self.now, self.hours, **named)


@pytest.fixture
def bench(engine: Engine) -> Bench:
    """An empty database."""
    return Bench(engine)


@pytest.fixture
def account(bench: Bench) -> Account:
    """An account of 10 calls a second without any other limit that a test would notice."""
    return bench.run(make_account)


@pytest.fixture
def campaign(bench: Bench, account: Account) -> Campaign:
    """A running campaign that may call at all hours."""
    return bench.run(make_campaign, account)


@pytest.fixture
def ticker(bench: Bench) -> Ticker:
    """A leader; the web process and the public URL are alive."""
    bench.run(open_for_business)
    return Ticker(bench, bench.run(lead))


def tell(bench: Bench, attempt_id: int, event: CallEvent, source: str = "webhook") -> FollowUp:
    """One notification: stored, then applied. Nothing comes of a second copy."""
    stored = bench.run(store_event, attempt_id, event, "raw", source)
    return bench.run(apply_event, *stored) if stored is not None else FollowUp()


def said(kind: str, call_id: str | None = "call-1", **facts: Any) -> CallEvent:
    """An event of a call, as a provider's adapter would make it."""
    key = ":".join([call_id or "-", kind, *(str(value) for value in facts.values())])
    return CallEvent(EventKind(kind), key, provider_call_id=call_id, **facts)


def ended(disposition: str = "unknown", call_id: str | None = "call-1") -> CallEvent:
    """The end of a call, with what it proves."""
    return said("ended", call_id, disposition=Disposition(disposition), end_reason="because")


@pytest.fixture
def counting() -> Callable[[Engine], AbstractContextManager[list[str]]]:
    """Collects the statements that run on an engine meanwhile."""

    @contextmanager
    def collected(engine: Engine) -> Iterator[list[str]]:
        seen: list[str] = []

        def note(*told: Any) -> None:
            seen.append(told[2])

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return collected
