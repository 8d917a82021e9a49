"""Accounts as they are shown: limits, what lowers them now, the numbers they present."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field
from sqlalchemy.orm import Session

from campaigns import pacing
from campaigns.errors import InvalidInput
from campaigns.pacing import Slowdown
from campaigns.reporting.pace import in_about
from campaigns.reporting.values import Value
from campaigns.safety import SafetyPolicy
from campaigns.store import histories


class CallerIdView(Value):
    """A number an account may present."""

    OURS: ClassVar[frozenset[str]] = frozenset({"number"})  # shown to whoever sees the account

    number: str = Field(examples=["+12125550100"])
    status: str = Field(description="active or paused", examples=["active"])
    status_reason: str | None = Field(description="Why it is paused, in a sentence.")
    cps: float | None = Field(description="Calls per second, at most; null: as the account.")
    max_per_day: int | None = Field(description="Calls in any 24 hours, at most; null: no limit.")


class AccountView(Value):
    """An account without its secrets, which are never shown again."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["clinic"])
    provider: str = Field(examples=["signalwire"])
    base_url: str = Field(examples=["https://example.signalwire.com"])
    project_id: str
    live: bool = Field(description="Places real calls. False: an account on the simulator.")
    status: str = Field(description="active, paused or off", examples=["active"])
    status_reason: str | None = Field(description="Why it is not active, in a sentence.")
    cps: float = Field(description="Calls started per second, at most.", examples=[1.0])
    max_concurrent: int = Field(description="Calls alive at once, at most.", examples=[20])
    max_waiting: int = Field(description="Calls accepted but not yet ringing, at most.")
    pacing_group: str | None = Field(description="The shared limit this account is under.")
    group_cps: float | None = Field(description="Calls per second of that group, at most.")
    time_scale: float = Field(description="Shortens the waits of simulator accounts.")
    backoff_until: datetime | None = Field(description="Nothing is dialled before this instant.")
    slowed_part: float | None = Field(
        description="The provider refused calls: this part of the rate was left at `slowed_at`. It "
        "grows by the same amount each second until `full_rate_at`; null: the full rate."
    )
    slowed_at: datetime | None
    full_rate_at: datetime | None = None
    safety: dict[str, Any] = Field(
        description="The safety stop: see the page on pace. Parts of the calls, 0 to 1."
    )
    caller_ids: list[str] = Field(examples=[["+12125550100"]])
    numbers: list[CallerIdView] = Field(description="The same with their state and limits.")
    live_calls: int = Field(description="Calls that may have somebody on the phone now.")

    def cps_at(self, now: datetime) -> float:
        """Calls per second that it may start at `now`, under what lowers its rate."""
        rate = pacing.slowed_cps(self.cps, self._slowed, now)
        return rate if self.group_cps is None else min(rate, self.group_cps)

    def slower_at(self, now: datetime) -> str:
        """Why that is less than its rate, in a sentence; empty when it is not."""
        slowed, told = self._slowed, []
        if slowed is not None and slowed.part_at(now) < 1:
            told.append(
                "The provider refused calls a while ago. It has its full rate again "
                f"{in_about(slowed.over_at - now)}, if all is well."
            )
        if self.group_cps is not None and self.group_cps < self.cps:
            told.append(f"The accounts of {self.pacing_group} share {self.group_cps:g} a second.")
        return " ".join(told)

    @property
    def _slowed(self) -> Slowdown | None:
        return Slowdown.of(self.slowed_part, self.slowed_at)


def list_accounts(session: Session) -> Sequence[AccountView]:
    """Every account, without its secrets."""
    return [_view(row) for row in histories.list_accounts(session)]


def _view(row: histories.AccountRow) -> AccountView:
    slowed = Slowdown.of(row.slowed_part, row.slowed_at)
    values = {name: getattr(row, name) for name in row.__slots__}
    values["safety"] = _safety(row).serialise()
    return AccountView(
        **values,
        caller_ids=[one["number"] for one in row.numbers],
        full_rate_at=slowed.over_at if slowed is not None else None,
    )


def _safety(row: histories.AccountRow) -> SafetyPolicy:
    """As the safety stop itself has it: the defaults where the row cannot be read."""
    try:
        return SafetyPolicy.parse(row.safety)
    except InvalidInput:
        return SafetyPolicy()
