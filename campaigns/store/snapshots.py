"""What live pages show, each as one statement: every number of one instant, for one round trip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, text

from campaigns.compliance import Place
from campaigns.store.health import SYSTEM_SQL, System, system_of
from campaigns.store.histories import (
    CAMPAIGN_SQL,
    SHOWN_SQL,
    CampaignRow,
    LogRow,
    shown_values,
)
from campaigns.store.recipients import PLACES_SQL, place_of_row
from campaigns.store.reports import (
    LAST_MINUTE_SQL,
    WAITING_SQL,
    Closed,
    WaitingZone,
    waiting_values,
)
from campaigns.store.rules import VERSION_SQL
from campaigns.store.tallies import TALLIES_SQL, Tally


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Some campaigns and the system, at one instant of the database's clock."""

    now: datetime
    campaigns: list[CampaignRow]
    tallies: list[Tally]
    waiting: list[WaitingZone]
    last_minute: dict[int, int]
    places: dict[int, Place]
    rules: int | None  # the version in force
    log: list[LogRow]
    system: System


_CAMPAIGNS = TypeAdapter(list[CampaignRow])
_TALLIES = TypeAdapter(list[Tally])
_WAITING = TypeAdapter(list[WaitingZone])
_LOG = TypeAdapter(list[LogRow])
_IDS = "CAST(:ids AS bigint[])"
_CHOSEN = "CAST((SELECT ids FROM chosen) AS bigint[])"
_NOW = "CAST(:now AS timestamptz)"

_LOG_SQL = """
    SELECT id, at, campaign_id, account_id, sentence FROM campaign_log
    WHERE campaign_id = :log_of ORDER BY id DESC LIMIT :log_limit
"""


def _snapshot(campaigns: str, log: str) -> str:
    statement = f"""
        WITH shown AS ({campaigns}),
            chosen AS (SELECT coalesce(array_agg(id), '{{}}') AS ids FROM shown)
        SELECT statement_timestamp(),
            {_array("SELECT * FROM shown")}, {_array(TALLIES_SQL)}, {_array(WAITING_SQL)},
            {_array(LAST_MINUTE_SQL)}, {_array(PLACES_SQL)},
            {_array(log)}, ({SYSTEM_SQL}), ({VERSION_SQL})
    """
    return statement.replace(_IDS, _CHOSEN).replace(_NOW, "statement_timestamp()")


def _array(rows: str) -> str:
    return f"(SELECT coalesce(json_agg(to_json(part)), '[]') FROM ({rows}) part)"


_OF_CAMPAIGN = _snapshot(f"{CAMPAIGN_SQL} WHERE c.id = :log_of", _LOG_SQL)
_OF_OVERVIEW = _snapshot(SHOWN_SQL, "SELECT WHERE false")


def campaign_snapshot(
    connection: Connection, campaign_id: int, tallies: Sequence[str], closed: Closed, lines: int
) -> Snapshot:
    """One campaign with the last `lines` of its log; without campaigns when it does not exist."""
    values = {"log_of": campaign_id, "log_limit": lines}
    return _read(connection, _OF_CAMPAIGN, tallies, closed, values)


def overview_snapshot(
    connection: Connection, limit: int, tallies: Sequence[str], closed: Closed
) -> Snapshot:
    """The first `limit` campaigns of the overview."""
    return _read(connection, _OF_OVERVIEW, tallies, closed, {"shown": limit, **shown_values()})


def _read(
    connection: Connection,
    statement: str,
    tallies: Sequence[str],
    closed: Closed,
    values: Mapping[str, Any],
) -> Snapshot:
    given = waiting_values([], None, closed) | dict(values)
    del given["ids"], given["now"]
    row = connection.execute(text(statement), {**given, "tallies": list(tallies)}).one()
    now, campaigns, counted, waiting, minute, places, log, system, rules = row
    return Snapshot(
        now=now,
        campaigns=_CAMPAIGNS.validate_python(campaigns),
        tallies=_TALLIES.validate_python(counted),
        waiting=_WAITING.validate_python(waiting),
        last_minute={one["campaign_id"]: one["calls"] for one in minute},
        places={one.pop("id"): place_of_row(**one) for one in places},
        log=_LOG.validate_python(log),
        system=system_of(system),
        rules=rules,
    )
