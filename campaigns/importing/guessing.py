"""What a list's columns mean when nobody says: by their names, or by their values alone."""

from collections.abc import Callable, Iterable, Sequence

from campaigns.compliance import is_country, is_state, zone_named
from campaigns.errors import InvalidInput, NotAPhoneNumber, NotARecipientList
from campaigns.importing import dates
from campaigns.importing import headers as names
from campaigns.importing.samples import MAX_PHONE_COLUMNS, Samples
from campaigns.phone import read_numbers

_BACKED_SHARE = 0.5  # of the values of a column with a telling name
_WEAK_BACKED_SHARE = 0.8  # of the values of a column whose name alone says little


class GuessByName:
    """Columns have names, and their values do not speak against them."""

    def __init__(self, headers: Sequence[str], samples: Samples) -> None:
        self._headers = headers
        self._samples = samples

    def phones(self, _country: str) -> tuple[str, ...]:
        """The telephone columns in the order to call them; () when there is none."""
        ranked = self._ranked(self._headers, names.phone_rank, _BACKED_SHARE)
        if not ranked:
            filled = [header for header in self._headers if self._samples.of(header)]
            ranked = self._ranked(filled, names.weak_phone_rank, _WEAK_BACKED_SHARE)
        return ranked[:MAX_PHONE_COLUMNS]

    def appointment(self, free: Sequence[str]) -> str:
        """The column with appointments; raises `NotARecipientList`."""
        dated = [h for h in free if self._samples.back(h, _has_digits, _BACKED_SHARE)]
        found = _first_called(dated, names.APPOINTMENT_NAMES)
        if found is None:
            raise no_appointments(self._headers)
        return found

    def appointment_id(self, free: Sequence[str]) -> str | None:
        """A column with what a system calls its appointments."""
        return _first_called(list(free), names.APPOINTMENT_ID_NAMES)

    def time_of_day(self, appointment: str, free: Sequence[str]) -> str | None:
        """A column of times, when the appointments have none."""
        if self._samples.back(appointment, dates.tells_time, _BACKED_SHARE):
            return None
        timed = [
            header
            for header in free
            if header != appointment
            and self._samples.of(header)
            and self._samples.back(header, dates.is_time, _BACKED_SHARE)
        ]
        return _first_called(timed, names.TIME_NAMES)

    def person(self, free: Sequence[str]) -> str | None:
        """The column with the recipients' names."""
        return _first_called(free, names.PERSON_NAMES)

    def zone(self, free: Sequence[str]) -> str | None:
        """The column with time zones.

        Under a plain name the values are not asked: a zone that is given but not understood must
        reject its row, not be passed over.
        """
        certain = _first_called(free, tuple(names.ZONE_NAMES))
        if certain is not None:
            return certain
        weak = _first_called(free, tuple(names.WEAK_ZONE_NAMES))
        filled = weak is not None and self._samples.of(weak)
        return weak if weak and filled and self._samples.back(weak, _is_zone, 1.0) else None

    def postal_code(self, free: Sequence[str]) -> str | None:
        """The column with postal codes."""
        return self._named(free, names.POSTAL_CODE_NAMES, _has_digits)

    def state(self, free: Sequence[str]) -> str | None:
        """The column with states or provinces."""
        return self._named(free, names.STATE_NAMES, is_state)

    def country(self, free: Sequence[str]) -> str | None:
        """The column with countries; one with calling codes is none."""
        return self._named(free, names.COUNTRY_NAMES, is_country)

    def _named(
        self, free: Sequence[str], wanted: Sequence[str], test: Callable[[str], bool]
    ) -> str | None:
        """The column of such a name, if nearly all of its values are of that kind."""
        found = _first_called(free, wanted)
        if found is None or not self._samples.of(found):
            return None
        return found if self._samples.back(found, test, _WEAK_BACKED_SHARE) else None

    def _ranked(
        self, headers: Iterable[str], rank: Callable[[str], int | None], share: float
    ) -> tuple[str, ...]:
        """The columns with a rank whose values are numbers: by rank, then as they stand."""
        found = [
            (place, position, header)
            for position, header in enumerate(headers)
            if (place := rank(header)) is not None
            and self._samples.back(header, names.looks_like_telephone, share)
        ]
        return tuple(header for _, _, header in sorted(found))


class GuessByValue:
    """Columns have no names; what they hold must be plain to see."""

    def __init__(self, headers: Sequence[str], samples: Samples) -> None:
        self._headers = headers
        self._samples = samples

    def phones(self, country: str) -> tuple[str, ...]:
        """The one column whose values are telephone numbers, above all others; or ()."""

        def is_number(text: str) -> bool:
            try:
                return bool(read_numbers(text, country))
            except NotAPhoneNumber:
                return False

        shares = []
        for position, header in enumerate(self._headers):
            good, of = self._samples.share(header, is_number)
            if of and good >= _BACKED_SHARE * of:
                shares.append((-good / of, position, header))
        return (min(shares)[2],) if shares else ()

    def appointment(self, free: Sequence[str]) -> str:
        """The first column of dates; raises `NotARecipientList`."""
        found = self._first(free, dates.is_date)
        if found is None:
            raise no_appointments(self._headers)
        return found

    def appointment_id(self, _free: Sequence[str]) -> str | None:
        """Nobody can tell one kind of number from another."""
        return None

    def time_of_day(self, appointment: str, free: Sequence[str]) -> str | None:
        """The first column of times, when the appointments have none."""
        if self._samples.back(appointment, dates.tells_time, _BACKED_SHARE):
            return None
        return self._first([h for h in free if h != appointment], dates.is_time)

    def person(self, _free: Sequence[str]) -> str | None:
        """Nobody can tell a name from a street."""
        return None

    def zone(self, free: Sequence[str]) -> str | None:
        """The first column of time zones."""
        return self._first(free, _is_zone)

    def postal_code(self, _free: Sequence[str]) -> str | None:
        """Nobody can tell a postal code from any other number."""
        return None

    def state(self, _free: Sequence[str]) -> str | None:
        """Two letters may mean anything."""
        return None

    def country(self, _free: Sequence[str]) -> str | None:
        """Two letters may mean anything."""
        return None

    def _first(self, headers: Sequence[str], test: Callable[[str], bool]) -> str | None:
        return next(
            (
                header
                for header in headers
                if self._samples.of(header) and self._samples.back(header, test, _WEAK_BACKED_SHARE)
            ),
            None,
        )


def no_appointments(headers: Sequence[str]) -> NotARecipientList:
    """The refusal of a list for a reminder without a column of appointments."""
    return NotARecipientList(
        "A reminder needs a column with the date and time of the appointment, and none was "
        f"found. Nothing was imported. {listed(headers)}"
    )


def listed(headers: Sequence[str]) -> str:
    """The columns there are, as a sentence."""
    shown = ", ".join(repr(header[:40]) for header in headers[:30])
    more = f" and {len(headers) - 30} more" if len(headers) > 30 else ""
    return f"The columns are: {shown}{more}."


def _has_digits(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _is_zone(text: str) -> bool:
    try:
        zone_named(text)
    except InvalidInput:
        return False
    return True


def _first_called(headers: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column whose name comes first in `wanted`."""
    by_name = {names.folded(header): header for header in reversed(headers)}
    return next((by_name[name] for name in wanted if name in by_name), None)
