"""One row as a recipient, or as a reject with its reason. Pure: `now` comes from the caller."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from campaigns.compliance import PostalAddress, zone_named
from campaigns.errors import InvalidInput
from campaigns.importing.dates import appointment_text, is_serial
from campaigns.importing.headers import REJECT_COLUMNS
from campaigns.importing.mapping import Mapping
from campaigns.importing.persons import (
    Accepted,
    PersonRules,
    Refusal,
    Rejected,
    Repaired,
    dedupe_key,
)
from campaigns.reminders import ReminderRule, parse_appointment

_CACHED = 10_000  # appointments
DATE_SERIAL = "date_serial"  # the kind of repair that reads a spreadsheet's date


class RowReader:
    """Reads rows of one list by one mapping."""

    def __init__(
        self, mapping: Mapping, *, live: bool, reminder: ReminderRule | None, now: datetime
    ) -> None:
        """`live` accounts refuse numbers reserved for fiction; without a `reminder` rule everybody
        is due at `now`."""
        self._mapping = mapping
        self.now = now
        self._rules = PersonRules(
            live=live, reminder=reminder, now=now, default_country=mapping.default_country
        )
        self._phones = [mapping.headers.index(header) for header in mapping.phone_columns]
        self._zone = mapping.position(mapping.zone_column)
        self._address = {
            part: mapping.position(getattr(mapping, f"{part}_column"))
            for part in ("country", "state", "postal_code")
            if getattr(mapping, f"{part}_column") is not None
        }
        self._appointment = mapping.position(mapping.appointment_column)
        self._format = mapping.date_format or ""
        self._time = mapping.position(mapping.time_column)
        self._key = mapping.position(mapping.appointment_id_column)
        # Many people share a day and an hour; the answer for one is the answer for all.
        self._instant = lru_cache(maxsize=_CACHED)(self._instant_of)
        self._ours = [name for name in REJECT_COLUMNS if name in mapping.fields]
        self._name = None if "name" in mapping.fields else mapping.position(mapping.name_column)

    def read(self, cells: Sequence[str]) -> Accepted | Rejected:
        """The recipient of one row, which has a cell for every header."""
        try:
            return self._accepted(cells)
        except Refusal as refusal:
            return refusal.rejected

    def _accepted(self, cells: Sequence[str]) -> Accepted:
        numbers, repairs = self._rules.numbers(cells[position] for position in self._phones)
        given = cells[self._zone].strip() if self._zone is not None else ""
        where = self._rules.whereabouts(given, numbers[0], self._address_of(cells))
        appointment = None
        if self._rules.reminder:
            text = self._appointment_text(cells)
            appointment = self._appointment_of(text, where.place.zones)
            date = cells[self._appointment] if self._appointment is not None else ""
            if is_serial(date):
                repairs.append(Repaired(DATE_SERIAL, date.strip(), text))
        key = cells[self._key].strip()[:200] if self._key is not None else ""
        fields = self._fields(cells)
        return self._rules.accept(numbers, fields, where, appointment, repairs, key or None)

    def _address_of(self, cells: Sequence[str]) -> PostalAddress | None:
        parts = {
            part: cells[position].strip()[:100] or None
            for part, position in self._address.items()
            if position is not None
        }
        return PostalAddress(**parts) if any(parts.values()) else None

    def _appointment_of(self, text: str, zones: tuple[str, ...]) -> datetime:
        """The instant of the appointment, refused unless one hour can be told for it.

        Where zones differ on it, it would be planned, or spoken, an hour off for somebody.
        """
        if not text:
            raise Refusal("no_appointment", "The row has no appointment.")
        found = self._instant(text, zones)
        if isinstance(found, Rejected):
            raise Refusal(*found)
        return found

    def _instant_of(self, text: str, zones: tuple[str, ...]) -> datetime | Rejected:
        own = self._mapping.appointment_zone
        written_in = (own,) if own else zones or (None,)
        try:
            instants = {parse_appointment(text, self._format, zone) for zone in written_in}
        except InvalidInput as problem:
            return Rejected("bad_appointment", str(problem))
        instant = instants.pop()
        if instants or (not own and len(_wall_times(instant, zones)) > 1):
            return Rejected(
                "time_zone_needed",
                f"The number may be in {len(zones)} time zones that differ on the appointment. Add "
                "a time zone column, or say in which zone appointments are written.",
            )
        return instant

    def _appointment_text(self, cells: Sequence[str]) -> str:
        if self._appointment is None:
            return ""
        time_of_day = cells[self._time] if self._time is not None else None
        return appointment_text(cells[self._appointment], time_of_day, self._mapping.date_system)

    def _fields(self, cells: Sequence[str]) -> dict[str, str]:
        """Every column as a variable, but for what a file of rejects says of its own accord; the
        name column also as `name`, whatever its header is.

        A zone that was named for all appointments is one too, as `appointment_zone`.
        """
        fields = dict(zip(self._mapping.fields, map(str.strip, cells), strict=True))
        for name in self._ours:
            del fields[name]
        if self._name is not None:
            fields["name"] = cells[self._name].strip()
        if self._rules.reminder and self._mapping.appointment_zone:
            fields["appointment_zone"] = self._mapping.appointment_zone  # to say the time in
        return fields


def _wall_times(instant: datetime, zones: tuple[str, ...]) -> set[datetime]:
    """What clocks show at `instant` in each zone."""
    return {instant.astimezone(zone_named(zone)).replace(tzinfo=None) for zone in zones}


__all__ = ["DATE_SERIAL", "Accepted", "Rejected", "Repaired", "RowReader", "dedupe_key"]
