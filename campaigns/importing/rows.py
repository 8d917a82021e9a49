"""One row as a recipient, or as a reject with its reason. Pure: `now` comes from the caller."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.compliance import zone_named, zones_of
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing.mapping import Mapping
from campaigns.lifecycle import RecipientStatus
from campaigns.phone import is_fictional, parse_number
from campaigns.reminders import ReminderRule, TooLate, due_times, parse_appointment

ZONE_UNKNOWN = "time zone unknown"
DEADLINE_PASSED = "deadline passed"


class Accepted(NamedTuple):
    """A recipient as one row describes it. `due_at` is set exactly when it is pending."""

    numbers: tuple[str, ...]
    fields: dict[str, str]
    zone: str | None  # as given; `None` means that the zones follow from the number
    zones: tuple[str, ...]  # of the first number; () is unknown
    status: RecipientStatus
    reason: str | None
    due_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    dedupe_key: str


class Rejected(NamedTuple):
    """Why a row is no recipient: a code for counting and a sentence for the reader."""

    reason: str
    detail: str


class _Refusal(Exception):
    """Carries a `Rejected` out of the middle of a row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


class RowReader:
    """Reads rows of one list by one mapping."""

    def __init__(
        self, mapping: Mapping, *, live: bool, reminder: ReminderRule | None, now: datetime
    ) -> None:
        """`live` accounts refuse numbers reserved for fiction; without a `reminder` rule everybody
        is due at `now`."""
        self._mapping = mapping
        self._live = live
        self._rule = reminder
        self._now = now
        self._phones = [mapping.headers.index(header) for header in mapping.phone_columns]
        self._zone = mapping.position(mapping.zone_column)
        self._appointment = mapping.position(mapping.appointment_column)
        self._format = mapping.date_format or ""
        self._time = mapping.position(mapping.time_column)
        self._name = None if "name" in mapping.fields else mapping.position(mapping.name_column)

    def read(self, cells: Sequence[str]) -> Accepted | Rejected:
        """The recipient of one row, which has a cell for every header."""
        try:
            return self._accepted(cells)
        except _Refusal as refusal:
            return refusal.rejected

    def _accepted(self, cells: Sequence[str]) -> Accepted:
        numbers = self._numbers(cells)
        zone, zones = self._zones(cells, numbers[0])
        appointment = self._appointment_of(cells, zones) if self._rule else None
        status, reason = RecipientStatus.PENDING, None
        due_at: datetime | None = self._now
        deadline_at = None
        if self._rule and appointment:
            planned = due_times(self._rule, appointment, self._now)
            deadline_at = planned.deadline_at
            if isinstance(planned, TooLate):
                status, reason, due_at = RecipientStatus.EXPIRED, DEADLINE_PASSED, None
            else:
                due_at = planned.due_at
        if not zones and due_at:
            status, reason, due_at = RecipientStatus.REVIEW, ZONE_UNKNOWN, None
        return Accepted(
            numbers=numbers,
            fields=self._fields(cells),
            zone=zone,
            zones=zones,
            status=status,
            reason=reason,
            due_at=due_at,
            deadline_at=deadline_at,
            appointment_at=appointment,
            dedupe_key=dedupe_key(numbers[0], appointment),
        )

    def _numbers(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The good numbers, each once, in the order of their columns.

        A bad second number does not cost the recipient: the row is refused only when no number is
        good, for the reason of the first.
        """
        good: dict[str, None] = {}
        first_problem: _Refusal | None = None
        for position in self._phones:
            text = cells[position]
            if not text or text.isspace():
                continue
            try:
                good[self._number(text)] = None
            except _Refusal as problem:
                first_problem = first_problem or problem
        if good:
            return tuple(good)
        if first_problem:
            raise first_problem
        raise _Refusal("no_number", "The row has no telephone number.")

    def _number(self, text: str) -> str:
        try:
            number = parse_number(text, self._mapping.default_country)
        except NotAPhoneNumber as problem:
            raise _Refusal(problem.reason, str(problem)) from None
        if self._live and is_fictional(number):
            raise _Refusal("fictional", f"{number} is reserved for fiction; nobody can be reached.")
        return number

    def _zones(self, cells: Sequence[str], number: str) -> tuple[str | None, tuple[str, ...]]:
        given = cells[self._zone].strip() if self._zone is not None else ""
        try:
            zones = zones_of(given or None, number)
        except InvalidInput as problem:
            raise _Refusal("unknown_time_zone", str(problem)) from None
        return (zones[0] if given else None), zones

    def _appointment_of(self, cells: Sequence[str], zones: tuple[str, ...]) -> datetime:
        """The instant of the appointment, refused unless one hour can be told for it.

        Where zones differ on it, it would be planned, or spoken, an hour off for somebody.
        """
        text = self._appointment_text(cells)
        if not text:
            raise _Refusal("no_appointment", "The row has no appointment.")
        own = self._mapping.appointment_zone
        written_in = (own,) if own else zones or (None,)
        try:
            instants = {parse_appointment(text, self._format, zone) for zone in written_in}
        except InvalidInput as problem:
            raise _Refusal("bad_appointment", str(problem)) from None
        instant = instants.pop()
        if instants or (not own and len(_wall_times(instant, zones)) > 1):
            raise _Refusal(
                "time_zone_needed",
                f"The number may be in {len(zones)} time zones that differ on the appointment. Add "
                "a time zone column, or say in which zone appointments are written.",
            )
        return instant

    def _appointment_text(self, cells: Sequence[str]) -> str:
        date = cells[self._appointment].strip() if self._appointment is not None else ""
        return f"{date} {cells[self._time].strip()}" if date and self._time is not None else date

    def _fields(self, cells: Sequence[str]) -> dict[str, str]:
        """Every column as a variable; the name column also as `name`, whatever its header is.

        A zone that was named for all appointments is one too, as `appointment_zone`.
        """
        fields = dict(zip(self._mapping.fields, map(str.strip, cells), strict=True))
        if self._name is not None:
            fields["name"] = cells[self._name].strip()
        if self._rule and self._mapping.appointment_zone:
            fields["appointment_zone"] = self._mapping.appointment_zone  # to say the time in
        return fields


def _wall_times(instant: datetime, zones: tuple[str, ...]) -> set[datetime]:
    """What clocks show at `instant` in each zone."""
    return {instant.astimezone(zone_named(zone)).replace(tzinfo=None) for zone in zones}


def dedupe_key(number: str, appointment: datetime | None) -> str:
    """What makes two recipients of a campaign the same: the first number, and the appointment."""
    return number if appointment is None else f"{number}|{appointment.isoformat()}"
