"""What makes a recipient of a person, wherever they come from: a file, or the API. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from campaigns.compliance import Place, PostalAddress, place_of, zone_named
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing.samples import MAX_PHONE_COLUMNS
from campaigns.lifecycle import RecipientStatus
from campaigns.phone import ReadNumber, Repair, is_fictional, read_numbers
from campaigns.reminders import ReminderRule, TooLate, due_times

MAX_NUMBERS = MAX_PHONE_COLUMNS
DEADLINE_PASSED = "deadline passed"


class Repaired(NamedTuple):
    """One thing that was put right: its kind, and the text before and after."""

    kind: str
    before: str
    after: str


class Whereabouts(NamedTuple):
    """Where somebody is, as far as it was given, and the place of the number called first."""

    zone: str | None  # None: the zones follow from the address, or from the number
    address: PostalAddress | None
    place: Place


class Accepted(NamedTuple):
    """A recipient as one row describes it. `due_at` is set exactly when it is pending."""

    numbers: tuple[str, ...]
    fields: dict[str, str]
    zone: str | None  # as given; `None` means that the zones follow from the number
    address: PostalAddress | None
    place: Place  # of the first number
    status: RecipientStatus
    reason: str | None
    due_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    stage: int  # which of the reminders comes first
    appointment_key: str | None  # what the list calls the appointment
    dedupe_key: str
    repairs: tuple[Repaired, ...] = ()


class Rejected(NamedTuple):
    """Why a row is no recipient: a code for counting and a sentence for the reader."""

    reason: str
    detail: str


class Refusal(Exception):
    """Carries a `Rejected` out of the middle of a row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


class PersonRules:
    """The rules of one campaign for the people who come into it."""

    def __init__(
        self, *, live: bool, reminder: ReminderRule | None, now: datetime, default_country: str
    ) -> None:
        """`live` accounts refuse numbers reserved for fiction; without a `reminder` rule everybody
        is due at `now`."""
        self.reminder = reminder
        self._live = live
        self._now = now
        self._country = default_country

    def numbers(self, texts: Iterable[str]) -> tuple[tuple[str, ...], list[Repaired]]:
        """The good numbers, each once and in order, and what was put right in them.

        A bad second number does not cost the recipient, but is told among the repairs: `Refusal` is
        raised only when no number is good, for the reason of the first.
        """
        good: dict[str, None] = {}
        repairs: list[Repaired] = []
        left_out: list[tuple[str, Refusal]] = []
        for text in texts:
            if not text or text.isspace():
                continue
            try:
                found = self._readable(text)
            except Refusal as problem:
                left_out.append((text, problem))
                continue
            good.update(dict.fromkeys(read.number for read in found))
            if any(read.repairs for read in found):
                repairs += _repairs_of(text, found)
        if good:
            repairs += [
                Repaired(Repair.LEFT_OUT, _seen(text), problem.rejected.detail)
                for text, problem in left_out
            ]
            return tuple(good)[:MAX_NUMBERS], repairs
        if left_out:
            raise left_out[0][1]
        raise Refusal("no_number", "The row has no telephone number.")

    def whereabouts(
        self, given: str, number: str, address: PostalAddress | None = None
    ) -> Whereabouts:
        """The zone and address that were given, and the place that follows; raises `Refusal`."""
        try:
            zone = zone_named(given).key if given else None
            place = place_of(number, zone=zone, address=address)
        except InvalidInput as problem:
            raise Refusal("unknown_time_zone", str(problem)) from None
        return Whereabouts(zone, address, place)

    def accept(
        self,
        numbers: tuple[str, ...],
        fields: dict[str, str],
        where: Whereabouts,
        appointment: datetime | None,
        repairs: Iterable[Repaired] = (),
        appointment_key: str | None = None,
    ) -> Accepted:
        """The recipient, with when they are due and until when."""
        status, reason = RecipientStatus.PENDING, None
        due_at: datetime | None = self._now
        deadline_at, stage = None, 0
        if self.reminder and appointment:
            planned = due_times(self.reminder, appointment, self._now)
            deadline_at = planned.deadline_at
            if isinstance(planned, TooLate):
                status, reason, due_at = RecipientStatus.EXPIRED, DEADLINE_PASSED, None
            else:
                due_at, stage = planned.due_at, planned.stage
        if not where.place.known and due_at:
            status, reason, due_at = RecipientStatus.REVIEW, where.place.unknown_as, None
        return Accepted(
            numbers=numbers,
            fields=fields,
            zone=where.zone,
            address=where.address,
            place=where.place,
            status=status,
            reason=reason,
            due_at=due_at,
            deadline_at=deadline_at,
            appointment_at=appointment,
            stage=stage,
            appointment_key=appointment_key,
            dedupe_key=dedupe_key(numbers[0], appointment),
            repairs=tuple(repairs),
        )

    def _readable(self, text: str) -> list[ReadNumber]:
        try:
            found = read_numbers(text, self._country)
        except NotAPhoneNumber as problem:
            raise Refusal(problem.reason, str(problem)) from None
        if not self._live:
            return list(found)
        real = [read for read in found if not is_fictional(read.number)]
        if not real:
            number = found[0].number
            raise Refusal("fictional", f"{number} is reserved for fiction; nobody can be reached.")
        if len(real) < len(found):
            first, *others = real
            real = [ReadNumber(first.number, (Repair.LEFT_OUT, *first.repairs)), *others]
        return real


def _repairs_of(text: str, found: list[ReadNumber]) -> list[Repaired]:
    kinds = dict.fromkeys(kind for read in found for kind in read.repairs)
    after = ", ".join(read.number for read in found)
    return [Repaired(kind, _seen(text), after) for kind in kinds]


def _seen(text: str) -> str:
    """The beginning of a cell, with what is invisible in it made visible."""
    return "".join(c if c.isprintable() else _marked(c) for c in text[:100]).strip()


def _marked(character: str) -> str:
    """An invisible character as a reader can see it."""
    return " " if character.isspace() else f"<U+{ord(character):04X}>"


def dedupe_key(number: str, appointment: datetime | None) -> str:
    """What makes two recipients of a campaign the same: the first number, and the appointment."""
    return number if appointment is None else f"{number}|{appointment.astimezone(UTC).isoformat()}"
