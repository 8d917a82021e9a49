"""The first rows of a list, read by column."""

from collections.abc import Callable, Sequence

from campaigns.importing.dates import appointment_text

MAX_PHONE_COLUMNS = 10


class Samples:
    """The first rows of a list, read by column."""

    def __init__(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._headers, self._rows = headers, rows
        self._values = {
            header: [cells[i].strip() for cells in rows if cells[i].strip()]
            for i, header in enumerate(headers)
        }

    def of(self, header: str) -> list[str]:
        """The values of a column that are not blank."""
        return self._values[header]

    def appointments(self, date: str, time_of_day: str | None, date_system: int) -> list[str]:
        """The texts of the appointments, dates and times put together; blank ones left out."""
        i = self._headers.index(date)
        j = None if time_of_day is None else self._headers.index(time_of_day)
        texts = (
            appointment_text(row[i], None if j is None else row[j], date_system)
            for row in self._rows
        )
        return [text for text in texts if text]

    def share(self, header: str, test: Callable[[str], bool]) -> tuple[int, int]:
        """How many of a column's values pass, of how many. Blank ones are not counted."""
        values = self._values[header]
        return sum(map(test, values)), len(values)

    def back(self, header: str, test: Callable[[str], bool], share: float) -> bool:
        """Whether at least `share` of a column's values pass. Blank ones speak against nothing."""
        values = self._values[header]
        return sum(map(test, values)) >= share * len(values)
