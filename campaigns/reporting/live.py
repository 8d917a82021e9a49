"""What pages show while they are watched: each time one statement, told in the same words.

Which zone keys are closed is worked out from the statement before: that one says under which keys
people wait. So the first statement of a watch is made twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.errors import NotFound
from campaigns.phone.masking import mask_numbers_in
from campaigns.reporting import health
from campaigns.reporting.campaigns import (
    Facts,
    attempt_counts,
    dispositions_of,
    opening,
    shut_of,
    tell_counts,
)
from campaigns.reporting.charts import funnel, last_minutes
from campaigns.reporting.health import Surroundings
from campaigns.reporting.overview import SHOWN
from campaigns.reporting.values import (
    CampaignCounts,
    CampaignLive,
    LogEntry,
    OverviewLive,
    Pulse,
)
from campaigns.reporting.waiting import Shut
from campaigns.store import reports, rules, snapshots
from campaigns.store.histories import LogRow
from campaigns.store.snapshots import Snapshot

LINES = 10  # of the log
# Another process took the looks meanwhile: what this one knows of closed hours is too old.
STALE = timedelta(seconds=30)
_TALLIES = (*reports.COUNTS, "minutes")


@dataclass(slots=True)
class Watch:
    """What the last look left behind for the next one. Belongs to one topic and one thread."""

    shut: Mapping[int, Mapping[int, Shut]] = field(default_factory=dict)
    basis: object = None  # what `shut` was worked out from
    looked_at: datetime | None = None

    def campaign(
        self, connection: Connection, campaign_id: int, around: Surroundings
    ) -> CampaignLive:
        """One campaign as it is now, by one statement; raises `NotFound`."""
        closed = opening(self.shut)
        found = snapshots.campaign_snapshot(connection, campaign_id, _TALLIES, closed, LINES)
        if not found.campaigns:
            raise NotFound(f"There is no campaign {campaign_id}.")
        facts = self._facts(connection, found)
        if facts is None:
            return self.campaign(connection, campaign_id, around)
        row, numbers = found.campaigns[0], facts.numbers[campaign_id]
        groups = numbers.attempt_groups()
        return CampaignLive(
            **_pulse(tell_counts(row, facts, around)),
            as_of=found.now,
            dispositions=dispositions_of(groups),
            attempts=attempt_counts(groups),
            funnel=funnel(numbers, row.flow),
            minutes=last_minutes(numbers, found.now),
            log=[_line(line) for line in found.log],
        )

    def overview(self, connection: Connection, around: Surroundings) -> OverviewLive:
        """The overview as it is now, by one statement."""
        closed = opening(self.shut)
        found = snapshots.overview_snapshot(connection, SHOWN, reports.COUNTS, closed)
        facts = self._facts(connection, found)
        if facts is None:
            return self.overview(connection, around)
        return OverviewLive(
            as_of=found.now,
            health=health.told(found.system, found.now, around),
            campaigns=[Pulse(**_pulse(tell_counts(row, facts, around))) for row in found.campaigns],
        )

    def _facts(self, connection: Connection, found: Snapshot) -> Facts | None:
        """What was found; None when it must be asked again, knowing what is closed."""
        ids = [row.id for row in found.campaigns]
        numbers = reports.by_campaign(ids, found.tallies)
        asked_with, first = self.shut, self.basis is None
        # Windows open and close on the minute; between, only other people or other windows count.
        basis = (
            found.now.replace(second=0, microsecond=0),
            found.rules,
            [
                (
                    *(row.id, row.rule_set, row.purpose, row.voice, row.windows),
                    numbers[row.id].zone_keys(),
                )
                for row in found.campaigns
            ],
        )
        previous, self.looked_at = self.looked_at, found.now
        if previous is not None and found.now - previous > STALE:
            first = True
        if basis != self.basis:
            self.basis = basis
            book = rules.current_rulebook(connection)
            self.shut = shut_of(found.campaigns, numbers, found.places, book, found.now)
        if first:
            return None
        return Facts(
            now=found.now,
            system=found.system,
            numbers=numbers,
            last_minute=found.last_minute,
            shut={one: _still(asked_with.get(one, {}), found.now) for one in ids},
            zones=found.waiting,
        )


def _line(line: LogRow) -> LogEntry:
    """A sentence for whoever watches: not all of them may see numbers in full."""
    masked = replace(line, sentence=mask_numbers_in(line.sentence))
    return LogEntry.model_validate(masked)


def _still(shut: Mapping[int, Shut], now: datetime) -> dict[int, Shut]:
    return {key: one for key, one in shut.items() if one.opens_at is None or one.opens_at > now}


def _pulse(counts: CampaignCounts) -> dict[str, object]:
    values = {name: getattr(counts, name, None) for name in Pulse.model_fields}
    return values | {
        "id": counts.campaign.id,
        "name": counts.campaign.name,
        "status": counts.campaign.status,
        "done": counts.recipients.done,
        "on_the_phone": counts.on_the_phone,
    }
