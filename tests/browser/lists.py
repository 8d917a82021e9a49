"""The files that people of these tests bring along."""

from datetime import date, timedelta

from tests.browser.conftest import Stack


def sample_of(stack: Stack, people: int = 0) -> bytes:
    """The sample list, moved by `up --sample` to the days ahead; the first rows of it, or all."""
    lines = (stack.home / "data/samples/appointments.csv").read_bytes().splitlines(keepends=True)
    return b"".join(lines[: people + 1] if people else lines)


def members(area: str, people: int, first: int = 100) -> bytes:
    """A list of members with numbers of one area: 555-0100 and on, which answer and press 1."""
    rows = (f"Robin Vale {n},+1{area}555{n:04d},Boston" for n in range(first, first + people))
    return "\n".join(["Name,Mobile,City", *rows]).encode()


# What a spreadsheet in an office makes of a list: another encoding, other separators, numbers in
# scientific notation, and a quote that somebody never closed.
DAMAGED_NUMBER = "1.2065550143E+10"
LOST_NUMBER = "1.20656E+10"
DAMAGED = "\r\n".join(
    [
        "Name;Phone;Office phone;City",
        "Zoë Müller;(206) 555-0101;(206) 555-0199;Córdoba",
        "Renée Dubois;206.555.0102;(206) 555-0199;Liège",
        f"Søren Holm;{DAMAGED_NUMBER};(206) 555-0199;Ærø",
        f"Lucía Peña;{LOST_NUMBER};(206) 555-0199;León",
        "Ana Brandão;1 206 555 0104;(206) 555-0199;Évora",
        '"Jürgen Groß;(206) 555-0105;(206) 555-0199;Köln',
        "Inés Núñez;206-555-0106;(206) 555-0199;Cádiz",
        "Åsa Lindén;(206) 555-0107;(206) 555-0199;Malmö",
    ]
).encode("cp1252")


def ambiguous_dates(today: date) -> bytes:
    """A list whose dates may begin with the day or with the month."""
    soon = next(d for d in (today + timedelta(days=n) for n in range(2, 60)) if d.day == 5)
    rows = (f"Kim Ode {n},(971) 555-01{n:02d},{soon:%d/%m/%Y} 10:{n}" for n in range(10, 14))
    return "\n".join(["Patient,Phone,Appointment", *rows]).encode()
