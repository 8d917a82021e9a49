"""What people decide: campaigns started and stopped, opt-outs, accounts, the kill switch."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns import changing, consenting, opting_out
from campaigns.access import CLI
from campaigns.consenting import NewConsent
from campaigns.db import database_now
from campaigns.errors import OutdialError
from campaigns.operating import accounts as operating_accounts
from campaigns.opting_out import NewOptOut
from tests.factories import open_for_business
from tests.stateful.installation import Installation
from tests.stateful.promises import (
    Broken,
)

# What may be true after an act, whether it was legal or refused.
AFTER = {
    *(("start", s) for s in ("draft", "scheduled", "running", "paused", "completed", "stopped")),
    *(("pause", s) for s in ("draft", "scheduled", "paused", "completed", "stopped")),
    *(("resume", s) for s in ("draft", "scheduled", "running", "paused", "completed", "stopped")),
    *(("stop", s) for s in ("completed", "stopped")),
}


class Deciding(Installation):
    """An installation whose people say what they want."""

    # What people decide.

    def decide(self, campaign: int, verb: str) -> None:
        """Start, pause, resume or stop; what is not legal is refused and changes nothing."""
        known = self.promises.campaigns[campaign]
        act: dict[str, Callable[[Any, datetime], Any]] = {
            "start": lambda s, now: changing.start(s, campaign, CLI, now) and [],
            "pause": lambda s, now: changing.pause(s, campaign, CLI, now, "a person"),
            "resume": lambda s, now: changing.resume(s, campaign, CLI, now) and [],
            "stop": lambda s, now: changing.stop(s, campaign, CLI, now, "a person"),
        }
        try:
            recalled = self.run(lambda s: act[verb](s, database_now(s)))
        except OutdialError as refusal:
            self.tell(f"{verb} campaign {campaign}: refused, {refusal}")
        else:
            self.wanted_back += recalled if isinstance(recalled, list) else []
            known.status = self._status_of(campaign)
            self.tell(f"{verb} campaign {campaign}: now {known.status}")
        if (verb, known.status) not in AFTER:
            raise Broken("campaigns", f"{verb} left campaign {campaign} {known.status}")

    def _status_of(self, campaign: int) -> str:
        ((status,),) = self.rows("SELECT status FROM campaigns WHERE id = %(id)s", id=campaign)
        return str(status)

    def opt_out(
        self,
        number: str,
        *,
        prefix: bool = False,
        campaign: int | None = None,
        lasts: float | None = None,
    ) -> None:
        now = self.clock.now()
        until = None if lasts is None else now + timedelta(seconds=lasts)
        new = [NewOptOut(number, prefix, until, "said so")]
        done = self.run(opting_out.opt_out, new, "api", CLI, now, campaign_id=campaign)
        self.promises.opt_out(number, now, prefix=prefix, campaign=campaign, until=until)
        self.wanted_back += done.recalled
        self.tell(f"opt out {new[0].shown} in {campaign or 'all'} until {until or 'ever'}")

    def undo_opt_out(self, pick: int, *, put_back: bool) -> None:
        """Undo one of those in force."""
        rows = self.rows(
            "SELECT id, number, is_prefix, campaign_id FROM opt_outs WHERE lifted_at IS NULL "
            "AND replaced_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s) ORDER BY id",
            now=self.clock.now(),
        )
        if not rows:
            return
        row = rows[pick % len(rows)]
        before = {one.id: one.status for one in self.rows("SELECT id, status FROM recipients")}
        self.run(
            lambda s: opting_out.lift(s, row.id, CLI, "asked", database_now(s), put_back=put_back)
        )
        self.promises.undone((row.number, row.is_prefix, row.campaign_id))
        for one in self.rows("SELECT id, status FROM recipients"):
            if before[one.id] == "blocked" and one.status != "blocked" and put_back:
                self.promises.put_back(one.id)
        self.tell(f"undo opt-out {row.number}{'*' if row.is_prefix else ''}, {put_back=}")

    def consent(self, numbers: Sequence[str]) -> None:
        """These people agreed to recorded calls; whoever was blocked for want of it comes back."""
        now = self.clock.now()
        new = [NewConsent(n, "express", now, "a form") for n in numbers]
        before = {one.id: one.status for one in self.rows("SELECT id, status FROM recipients")}
        self.run(consenting.give, new, "api", CLI, now, put_back=True)
        for one in self.rows("SELECT id, status FROM recipients"):
            if before[one.id] == "blocked" and one.status != "blocked":
                self.promises.put_back(one.id)
        for one in self.rows("SELECT number FROM consents WHERE revoked_at IS NULL"):
            self.promises.consents.add(one.number)
        self.tell(f"consent of {len(numbers)} numbers")

    def revoke_consent(self, number: str) -> None:
        for row in self.rows(
            "SELECT id FROM consents WHERE number = %(number)s AND revoked_at IS NULL",
            number=number,
        ):
            taken = self.run(
                lambda s, row=row: consenting.revoke(s, row.id, CLI, "a letter", self.clock.now())
            )
            self.wanted_back += taken.recalled
        self.promises.consents.discard(number)
        self.tell(f"consent of {number} is revoked")

    def account_action(self, account: int, verb: str) -> None:
        name = f"account {account}"
        if verb == "pause":
            self.wanted_back += self.run(
                lambda s: operating_accounts.pause_account_named(
                    s, name, "a person", database_now(s), actor=CLI
                )
            )
        else:
            self.run(lambda s: operating_accounts.resume_account(s, name, CLI, database_now(s)))
        self.tell(f"{verb} {name}")

    def switch(self, *, on: bool) -> None:
        """The kill switch."""
        if on:
            self.run(lambda s: changing.switch_on(s, CLI, database_now(s)))
        else:
            self.wanted_back += self.run(
                lambda s: changing.switch_off(s, CLI, database_now(s), "a person")
            )
        self.promises.switched_on = on
        self.tell(f"dialling switched {'on' if on else 'off'}")

    def web(self, *, alive: bool) -> None:
        """Whether somebody would hear anything when they pick up."""
        self.web_alive = alive
        self.run(open_for_business, "infinity" if alive else "2020-01-01")
        self.tell(f"web process {'alive' if alive else 'gone'}")

    def heal(self) -> None:
        """Whatever was stopped and can be resumed is."""
        if not self.web_alive:
            self.web(alive=True)
        if not self.promises.switched_on:
            self.switch(on=True)
        for row in self.rows("SELECT id FROM accounts WHERE status <> 'active' ORDER BY id"):
            self.account_action(row.id, "resume")
        for campaign, known in self.promises.campaigns.items():
            if known.status == "paused":
                self.decide(campaign, "resume")
