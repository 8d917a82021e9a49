"""An installation of the product on a database of its own, with its accounts and campaigns."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString, TypeVar

from sqlalchemy import Engine

from campaigns import importing
from campaigns.db import database_now, transaction
from campaigns.errors import OutdialError
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import ImportOptions, PushedRecipient
from campaigns.models import Account
from tests.databases import empty_database
from tests.factories import make_account, make_campaign, make_flow
from tests.stateful.exchange import Exchange
from tests.stateful.moved_clock import MovedClock
from tests.stateful.promises import (
    ALWAYS,
    Hours,
    KnownAccount,
    Person,
    PlannedCampaign,
    Promises,
)

T = TypeVar("T")
LEASE = 1e8  # seconds: longer than any story
WAITS = {"busy": 60, "no_answer": 120, "failed": 30}


class Installation:
    """Accounts, campaigns and people, said to the product and to the model alike."""

    def __init__(self, engine: Engine, moved: MovedClock, directory: Path) -> None:
        empty_database(engine)
        moved.begin()
        self.engine, self.clock, self.directory = engine, moved, directory
        self.exchange = Exchange(moved)
        self.promises = Promises(self.exchange)
        self.story: list[str] = []
        self.hints: list[list[int]] = []
        self.wanted_back: list[int] = []
        self._files = 0

    # Words for acts.

    def run(self, act: Callable[..., T], *args: Any, **named: Any) -> T:
        """`act(session, ...)`, committed."""
        with transaction(self.engine) as session:
            return act(session, *args, **named)

    def rows(self, query: LiteralString, **values: Any) -> list[Any]:
        """What a query finds."""
        return self.clock.rows(query, **values)

    def tell(self, sentence: str) -> None:
        self.story.append(f"{self.clock.now():%a %d %H:%M:%S.%f} {sentence}")

    # Set up.

    def account(
        self, cps: float = 5.0, max_concurrent: int = 20, max_waiting: int = 10, **columns: Any
    ) -> int:
        row = self.run(
            make_account,
            cps=cps,
            max_concurrent=max_concurrent,
            max_waiting=max_waiting,
            name=f"account {len(self.promises.accounts) + 1}",
            **columns,
        )
        self.promises.accounts[row.id] = KnownAccount(cps, max_concurrent, max_waiting)
        return row.id

    def campaign(
        self,
        account: int,
        windows: str = "always",
        hours: Sequence[Hours] = (ALWAYS,),
        *,
        status: str = "draft",
        waits: dict[str, int] | None = None,
        max_attempts: int = 3,
        machine_counts: bool = True,
        **columns: Any,
    ) -> int:
        """A campaign whose hours are said twice: in the product's words and in the model's."""
        waits = WAITS if waits is None else waits
        given = {name: [seconds] for name, seconds in waits.items()}
        policy = {"waits": given, "max_attempts": max_attempts}
        policy["machine_counts_as_reached"] = machine_counts
        flow = None if columns.get("kind") == "reminder" else announcement_flow("Hello {name}.")
        row = self.run(
            lambda s: make_campaign(
                s,
                s.get_one(Account, account),
                windows=windows,
                status=status,
                retry_policy=policy,
                flow_id=make_flow(s, flow).id,
                **columns,
            )
        )
        self.promises.campaigns[row.id] = PlannedCampaign(
            account,
            tuple(hours),
            status,
            max_attempts,
            dict(waits),
            columns.get("ends_at"),
            needs_consent=columns.get("rule_set") == "house",
        )
        return row.id

    def push(
        self,
        campaign: int,
        numbers: Sequence[str],
        zone: str | None = None,
        appointment: datetime | None = None,
    ) -> int | None:
        """One person, pushed by another program; None when they are there already or too late."""
        (made,) = self.push_all(campaign, [(numbers, zone, appointment)])
        return made

    def push_all(
        self, campaign: int, given: Sequence[tuple[Sequence[str], str | None, datetime | None]]
    ) -> list[int | None]:
        """The same for several at once."""
        people = [
            PushedRecipient(numbers=list(numbers), name="Ada", zone=zone, appointment_at=at)
            for numbers, zone, at in given
        ]
        try:
            rows = self.run(
                lambda s: importing.push_recipients(s, campaign, people, database_now(s))
            ).rows
        except OutdialError as refusal:
            self.tell(f"push into campaign {campaign}: refused, {refusal}")
            return [None] * len(given)
        for (numbers, zone, _), row in zip(given, rows, strict=True):
            self.tell(f"push {'/'.join(numbers)} ({zone}) into {campaign}: {row.outcome}")
        self._know_people()
        return [row.recipient_id if row.outcome == "created" else None for row in rows]

    def import_list(self, campaign: int, lines: Sequence[tuple[str, str | None]]) -> None:
        """A file of numbers and zones, imported as the import worker does."""
        self._files += 1
        path = self.directory / f"list{self._files}.csv"
        body = "".join(f"{number},Ada,{zone or ''}\n" for number, zone in lines)
        path.write_text(f"phone,name,time_zone\n{body}", encoding="utf-8")
        try:
            registered = self.run(
                importing.register,
                campaign,
                file_name=path.name,
                file=importing.fingerprint(path),
                options=ImportOptions(),
            )
            told = importing.run(self.engine, registered.row.id, path).sentence
        except OutdialError as refusal:
            told = f"refused, {refusal}"
        self.tell(f"import {len(lines)} rows into {campaign}: {told}")
        self._know_people()

    def _know_people(self) -> None:
        for row in self.rows("SELECT id, campaign_id, zone, deadline_at FROM recipients"):
            if row.id not in self.promises.people:
                person = Person(row.campaign_id, row.zone, row.deadline_at)
                self.promises.people[row.id] = person
