"""Everything about one number, for a complaint: streamed, each piece in a transaction of its own.

What was handed in, what people agreed to and took back, every call with what it was allowed on,
what the provider said word for word, and who changed what.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.compliance import place_of, zone_named
from campaigns.db import database_now, transaction
from campaigns.reporting.numbers import recipients_with_number
from campaigns.store import about_number as store
from campaigns.store import consents, histories, opt_outs
from campaigns.store.about_number import ListedRow, TriedRow
from campaigns.store.opt_outs import OptOutRow

# Rows of one kind that are read at once; and the most campaigns that one number is looked up in.
PIECE = 200
MOST_PEOPLE = 10_000
SECTIONS = ("opt_outs", "consents", "recipients", "attempts", "audit_log")

Item = dict[str, Any]


def json_document(engine: Engine, number: str) -> Iterator[str]:
    """One JSON object about a number (E.164), in pieces; it has every section, even if empty."""
    with transaction(engine) as session:
        head = about(session, number, database_now(session))
    yield json.dumps(head, ensure_ascii=False, default=_plain)[:-1]
    for name, items in sections(engine, number):
        yield f', "{name}": ['
        for n, item in enumerate(items):
            yield f"{', ' if n else ''}{json.dumps(item, ensure_ascii=False, default=_plain)}"
        yield "]"
    yield "}\n"


def sections(engine: Engine, number: str) -> Iterator[tuple[str, Iterator[Item]]]:
    """Every section in order, with its items; each is to be read before the next is asked for."""
    yield "opt_outs", _opt_outs(engine, number)
    yield "consents", _consents(engine, number)
    yield "recipients", _recipients(engine, number)
    yield "attempts", _attempts(engine, number)
    yield "audit_log", _audit_log(engine, number)


def about(session: Session, number: str, now: datetime) -> Item:
    """The number itself: where it may be, and whether it may be called at all."""
    place = place_of(number)
    return {
        "number": number,
        "as_of": now,
        "country": place.country,
        "subdivisions": place.subdivisions,
        "zones": place.zones,
        "opted_out_everywhere": opt_outs.is_opted_out(session, [number], now),
    }


def opt_outs_of(session: Session, number: str, now: datetime, limit: int) -> list[Item]:
    """Every opt-out there ever was of a number or of how it begins, newest first."""
    rows = opt_outs.opt_outs_of_number(session, number, limit)
    return [_opt_out(row, now) for row in rows]


def consents_of(session: Session, number: str, now: datetime) -> list[Item]:
    """Every consent there ever was, newest first."""
    rows = consents.consents_of_numbers(session, [number]).get(number, [])
    return [{**asdict(row), "state": row.state(now)} for row in rows]


def people_of(session: Session, number: str, limit: int) -> list[Item]:
    """Whoever has the number, in any campaign, with the list they came from."""
    ids = recipients_with_number(session, number, limit)
    return [_person(row) for row in store.recipients_listed(session, ids)]


def attempts_of(session: Session, number: str, before: int | None, limit: int) -> list[Item]:
    """Attempts newest first, each with its events word for word and what was pressed."""
    rows = store.attempts_to(session, number, before, limit)
    ids = [row.id for row in rows]
    heard = _by_attempt([asdict(row) for row in store.events_verbatim(session, ids)])
    pressed = _by_attempt([asdict(row) for row in histories.responses_of(session, ids)])
    return [
        {
            **asdict(row),
            "local_times": _local_times(row),
            "keypresses": pressed.get(row.id, []),
            "events": heard.get(row.id, []),
        }
        for row in rows
    ]


def _opt_outs(engine: Engine, number: str) -> Iterator[Item]:
    with transaction(engine) as session:
        found = opt_outs_of(session, number, database_now(session), MOST_PEOPLE)
    yield from found


def _consents(engine: Engine, number: str) -> Iterator[Item]:
    with transaction(engine) as session:
        found = consents_of(session, number, database_now(session))
    yield from found


def _recipients(engine: Engine, number: str) -> Iterator[Item]:
    with transaction(engine) as session:
        ids = sorted(recipients_with_number(session, number, MOST_PEOPLE))
    for start in range(0, len(ids), PIECE):
        with transaction(engine) as session:
            rows = store.recipients_listed(session, ids[start : start + PIECE])
        yield from map(_person, rows)


def _attempts(engine: Engine, number: str) -> Iterator[Item]:
    before: int | None = None
    while True:
        with transaction(engine) as session:
            found = attempts_of(session, number, before, PIECE)
        yield from found
        if len(found) < PIECE:
            return
        before = found[-1]["id"]


def _audit_log(engine: Engine, number: str) -> Iterator[Item]:
    with transaction(engine) as session:
        stopped = opt_outs.opt_outs_of_number(session, number, MOST_PEOPLE)
        agreed = consents.consents_of_numbers(session, [number]).get(number, [])
        people = recipients_with_number(session, number, MOST_PEOPLE)
        listed = store.recipients_listed(session, people)
        subjects = {
            *(f"opt_out:{row.id}" for row in stopped),
            *(f"consent:{row.id}" for row in agreed),
            *(f"recipient:{one}" for one in people),
            *(f"import:{row.import_id}" for row in listed if row.import_id is not None),
        }
        found = store.audit_entries_about(
            session,
            sorted(subjects),
            number,
            [*(row.created_at for row in stopped), *(row.created_at for row in agreed)],
        )
    yield from map(asdict, found)


def _opt_out(row: OptOutRow, now: datetime) -> Item:
    return {**asdict(row), "shown": row.shown, "state": row.state(now)}


def _person(row: ListedRow) -> Item:
    values = asdict(row)
    source = {
        "import_id": values.pop("import_id"),
        "file": values.pop("import_file"),
        "sha256": values.pop("import_sha256"),
        "line": values.pop("import_line"),
        "at": values.pop("imported_at"),
        "by": values.pop("imported_by"),
    }
    return {**values, "came_from": source if source["import_id"] is not None else None}


def _local_times(row: TriedRow) -> dict[str, str]:
    """When it was dialled (or was to be) on every clock that the gates looked at then."""
    zones: Sequence[str] = (row.gate_inputs or {}).get("zones") or _place_zones(row.number)
    at = row.claimed_at or row.slot_at
    return {zone: at.astimezone(zone_named(zone)).isoformat() for zone in zones}


def _place_zones(number: str) -> Sequence[str]:
    """Where it may be by itself: of calls from before the gates' inputs were kept."""
    return place_of(number).zones


def _by_attempt(rows: Sequence[Item]) -> Mapping[int, list[Item]]:
    found: dict[int, list[Item]] = {}
    for row in rows:
        found.setdefault(row.pop("attempt_id"), []).append(row)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} is not for JSON")
