"""A database in which each row of the table of sentences makes what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from campaigns import importing
from campaigns.access import Actor, Role
from campaigns.db import database_now
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import ImportOptions
from campaigns.models import Account, Campaign, Recipient
from tests.factories import make_account, make_attempt, make_campaign, make_flow, make_recipient
from tests.integration.core.conftest import Bench

ADA = Actor("user", "Ada", Role.ADMIN)
RULE = {"offset": 86400.0, "deadline": 0.0}


@dataclass
class World:
    """A bench, and a place for files."""

    bench: Bench
    tmp: Path

    def do(self, act: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`act(session, ..., now)`, committed."""
        return self.bench.run(lambda s: act(s, *args, database_now(s), **named))

    def account(self, **columns: Any) -> Account:
        """One of its own, so that no row meddles with another's."""
        return self.bench.run(make_account, **columns)

    def campaign(self, status: str = "running", **columns: Any) -> Campaign:
        """A campaign with somebody in it, on an account of its own."""
        account = columns.pop("account", None) or self.account()
        flow = self.bench.run(make_flow, announcement_flow("Hello.")).id
        campaign = self.bench.run(make_campaign, account, status=status, flow_id=flow, **columns)
        self.person(campaign)
        return campaign

    def reminder(self, status: str = "running", **columns: Any) -> Campaign:
        """A reminder with somebody whose appointment is in a week."""
        values: dict[str, Any] = {"kind": "reminder", "reminder": RULE, **columns}
        account = values.pop("account", None) or self.account()
        campaign = self.bench.run(make_campaign, account, status=status, **values)
        week = self.bench.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=7)
        self.person(campaign, appointment_at=week, due=week - timedelta(days=1))
        return campaign

    def person(self, campaign: Campaign, **columns: Any) -> Recipient:
        """Somebody in it."""
        return self.bench.run(make_recipient, campaign, **columns)

    def someone(self, campaign: Campaign) -> int:
        """Who was made with it."""
        found: int = self.bench.value(
            "SELECT min(id) FROM recipients WHERE campaign_id = :id", id=campaign.id
        )
        return found

    def ended(self, campaign: Campaign, disposition: str, count: int = 20) -> None:
        """Calls that ended just now."""
        now = self.bench.now()

        def act(session: Any) -> None:
            for n in range(count):
                over = now - timedelta(seconds=count - n)
                times = {"slot_at": over - timedelta(milliseconds=500), "ended_at": over}
                who = make_recipient(session, campaign, status="exhausted")
                make_attempt(session, who, "ended", disposition=disposition, **times)

        self.bench.run(act)

    def hand_in(self, campaign: Campaign, lines: Sequence[str], **options: Any) -> int:
        """A list that waits to be imported."""
        path = self.tmp / f"{campaign.id}-{len(lines)}.csv"
        path.write_text("".join(f"{line}\n" for line in lines))

        def act(session: Any) -> int:
            return importing.hand_in(
                session,
                campaign.id,
                file_name="people.csv",
                file=importing.fingerprint(path),
                options=ImportOptions(**options),
                stored_at=str(path),
            ).row.id

        return self.bench.run(act)

    def imported(self, campaign: Campaign, lines: Sequence[str], **options: Any) -> int:
        """A list that was imported."""
        import_id = self.hand_in(campaign, lines, **options)
        self.do(lambda s, now: importing.confirm(s, import_id, None, now))
        path = self.bench.value("SELECT stored_at FROM imports WHERE id = :id", id=import_id)
        summary = importing.run(self.bench.engine, import_id, Path(path))
        assert summary.status == "done", summary.sentence
        return import_id
