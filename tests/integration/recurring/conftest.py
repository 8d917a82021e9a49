"""A campaign that can recur, and a directory with its list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from campaigns import recurring
from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.recurring import NewRecurrence, Reader
from tests.integration.reporting.seed import make_account, make_campaign

NEW_YORK = "America/New_York"


@dataclass
class Place:
    """A database with one recurring campaign, and the directory that its list is in."""

    engine: Engine
    lists: Path
    data_dir: Path
    campaign_id: int
    recurrence_id: int = 0
    reader: Any = None
    fired: list[int] = field(default_factory=list)

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """What a query finds, or a statement returns, committed."""
        with transaction(self.engine) as session:
            found = session.execute(text(sql), values)
            return list(found.all()) if found.returns_rows else []  # type: ignore[attr-defined]

    def value(self, sql: str, **values: Any) -> Any:
        """The one value that a query finds."""
        ((found,),) = self.rows(sql, **values)
        return found

    def recur(self, **over: Any) -> int:
        """Let the campaign recur, every day at nine unless told otherwise."""
        values: dict[str, Any] = {
            "rule": {"times": ["09:00"], "zone": NEW_YORK},
            "source": {"file": "list.csv"},
        }
        new = NewRecurrence(self.campaign_id, **{**values, **over})
        with transaction(self.engine) as session:
            now = database_now(session)
            row = recurring.create_recurrence(session, new, self.reader, CLI, now)
            self.recurrence_id = row.id
        return self.recurrence_id

    def write(self, *lines: str) -> None:
        """What the list is from now on."""
        (self.lists / "list.csv").write_text("".join(f"{line}\n" for line in lines))

    def due(self, key: str = "2026-11-20T09:00", ago: float = 60.0) -> None:
        """The next firing has come due so many seconds ago."""
        at = self.now() - timedelta(seconds=ago)
        self.rows(
            "UPDATE recurrences SET next_at = :at, next_key = :key WHERE id = :id",
            at=at,
            key=key,
            id=self.recurrence_id,
        )

    def note(self, now: datetime | None = None) -> int:
        """The scheduler looks at the clock."""
        with transaction(self.engine) as session:
            return recurring.note_due_firings(session, now or database_now(session))

    def run(self, firing_id: int | None = None) -> str | None:
        """A worker carries the newest firing out."""
        wanted = firing_id or self.value("SELECT max(id) FROM recurrence_firings")
        return recurring.run_firing(self.engine, wanted, self.reader, self.data_dir)

    def fire(self, key: str = "2026-11-20T09:00") -> str | None:
        """A firing comes due and is carried out."""
        self.due(key)
        assert self.note() == 1
        return self.run()

    def retry(self) -> str | None:
        """The wait of a firing that failed is over."""
        self.rows("UPDATE recurrence_firings SET next_try_at = now() WHERE status = 'waiting'")
        return self.run()

    def now(self) -> datetime:
        """The database's clock."""
        with transaction(self.engine) as session:
            return database_now(session)

    def firing(self) -> Any:
        """The newest firing."""
        return self.rows("SELECT * FROM recurrence_firings ORDER BY id DESC LIMIT 1")[0]

    def recurrence(self) -> Any:
        """The recurrence."""
        return self.rows("SELECT * FROM recurrences WHERE id = :id", id=self.recurrence_id)[0]

    def children(self) -> Sequence[Any]:
        """The campaigns that were made, oldest first."""
        return self.rows("SELECT * FROM campaigns WHERE id <> :id ORDER BY id", id=self.campaign_id)

    def people(self, campaign_id: int) -> list[str]:
        """The first numbers of a campaign's recipients."""
        rows = self.rows(
            "SELECT numbers[1] FROM recipients WHERE campaign_id = :id ORDER BY id", id=campaign_id
        )
        return [row[0] for row in rows]

    def log(self) -> list[str]:
        """What the campaign's log says, oldest first."""
        rows = self.rows(
            "SELECT sentence FROM campaign_log WHERE campaign_id = :id ORDER BY id",
            id=self.campaign_id,
        )
        return [row[0] for row in rows]


@pytest.fixture
def make_place(engine: Engine, tmp_path: Path) -> Callable[..., Place]:
    """Makes the place with a draft campaign of these settings."""

    def make(**campaign: Any) -> Place:
        lists = tmp_path / "lists"
        lists.mkdir()
        with transaction(engine) as session:
            make_account(session)
            campaign_id = make_campaign(session, "draft", **campaign)
        place = Place(engine, lists, tmp_path / "data", campaign_id)
        place.reader = Reader(lists, 1)
        return place

    return make


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """An announcement that recurs every day at nine, and runs whatever its list is."""
    found = make_place()
    found.write("phone", "+12125550100", "+12125550101")
    found.recur(unchanged="run")
    return found


@pytest.fixture
def reminders(make_place: Callable[..., Place]) -> Place:
    """A reminder that recurs every day at nine."""
    found = make_place(kind="reminder")
    found.recur()
    return found
