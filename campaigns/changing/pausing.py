"""What a pause did: when the last call was dialled, and what became of those it took back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.lifecycle import CampaignStatus
from campaigns.models import Campaign
from campaigns.store import changes

# A worker dials within this many seconds of its claim, or gives the attempt up.
FRESHNESS = 0.05


@dataclass(frozen=True, slots=True)
class PauseReport:
    """One pause, measured. `last_dial_ms` counts from the moment the pause was asked for and is
    the latest that the last call can have been dialled; None when nothing was dialled before.
    """

    paused_at: datetime
    last_dial_ms: int | None
    recalled: int
    recalled_in_time: int
    recalled_too_late: int

    @property
    def sentence(self) -> str:
        """The same for the people who run the campaign."""
        return f"{self._dialled()} {self._taken_back()}"

    def _dialled(self) -> str:
        if self.last_dial_ms is None:
            return "Nothing had been dialled before the pause."
        if self.last_dial_ms > 0:
            return (
                f"The last call was dialled at most {self.last_dial_ms} ms after the pause was "
                "asked for."
            )
        return (
            "Nothing was dialled after the pause; the last call went out "
            f"{_length(-self.last_dial_ms)} before it."
        )

    def _taken_back(self) -> str:
        if not self.recalled:
            return "No call had to be recalled."
        were = "call was" if self.recalled == 1 else "calls were"
        told = f"{self.recalled} {were} recalled because nothing rang yet"
        still = self.recalled - self.recalled_in_time - self.recalled_too_late
        parts = [
            f"{count} {what}"
            for count, what in (
                (self.recalled_in_time, "ended without ringing"),
                (self.recalled_too_late, "rang all the same"),
                (still, "being taken back"),
            )
            if count
        ]
        return f"{told}: {', '.join(parts)}."


def last_pause(session: Session, campaign: Campaign) -> PauseReport | None:
    """What the pause did that holds now; None when the campaign is not paused."""
    if campaign.status != CampaignStatus.PAUSED or campaign.paused_at is None:
        return None
    found = changes.facts_of_pause(session, campaign.id, campaign.paused_at, FRESHNESS)
    after = None
    if found.dialled_by is not None:
        # Rounded up: nothing was dialled later than is said.
        after = -((campaign.paused_at - found.dialled_by) // timedelta(milliseconds=1))
    return PauseReport(
        paused_at=campaign.paused_at,
        last_dial_ms=after,
        recalled=found.recalled,
        recalled_in_time=found.recalled_in_time,
        recalled_too_late=found.recalled_too_late,
    )


def _length(milliseconds: int) -> str:
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
