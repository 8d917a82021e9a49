"""What people call their columns, in the languages of the lists that came our way."""

import re
import unicodedata
from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a file of rejects has in front of the columns of its list.
REJECT_COLUMNS = ("outdial_line", "outdial_reason", "outdial_why")

# A column with one of these words holds telephone numbers, if its values agree.
PHONE_WORDS = _words(
    "phone telephone tel mobile cell cellphone cellular landline msisdn gsm handy mobil telefon "
    "telefonnummer telefonnr rufnummer handynummer mobilnummer festnetz telefono telefone movil "
    "celular fijo fixe portable cellulare telefoon telefoonnummer mobiel komorka puhelin tlf "
    "puhelinnumero telefonszam telefonas telefonnumer telefoni phonenumber phoneno telno mobileno "
    "mobilenumber homephone workphone cellnumber telefonnummern"
)
# These hold one only when nothing has a better name: "number" may be an order number as well.
WEAK_PHONE_WORDS = _words(
    "number no nr num numero nummer numer contact contacto contatto kontakt whatsapp home work "
    "office primary main 1"
)
# Words that turn "phone" into something about a phone, or somebody else's phone.
NOT_A_PHONE = _words(
    "fax emergency notfall urgence emergencia type typ tipo date datum fecha consent opt optin "
    "optout notes note comment ext extension country code carrier status id valid verified updated "
    "created model plan label owner agent doctor clinic provider caller sender app time zone "
    "timezone"
)
# A second line of the same person, tried after the first.
LATER_WORDS = _words(
    "alternate alternative alt other secondary second backup andere weitere autre otro otra altro "
    "landline festnetz fijo fixe home work office"
)

ZONE_NAMES = frozenset(
    {
        *("time zone", "timezone", "tz", "iana zone", "time zone name", "tzid", "zeitzone"),
        *("zona horaria", "huso horario", "fuseau horaire", "fuso orario", "fuso horario"),
        *("tijdzone", "tidszon", "tidssone", "tidszone", "strefa czasowa", "aikavyohyke"),
    }
)
WEAK_ZONE_NAMES = frozenset({"zone", "zona", "tz name"})

POSTAL_CODE_NAMES = (
    *("zip", "zip code", "zipcode", "postal code", "postalcode", "postcode", "post code", "plz"),
    *("postleitzahl", "code postal", "codigo postal", "cap", "zip postal code"),
)
STATE_NAMES = (
    *("state", "province", "state province", "province state", "us state", "home state"),
    *("state code", "address state", "billing state", "mailing state", "shipping state"),
)
COUNTRY_NAMES = (
    *("country", "country name", "land", "pays", "pais", "paese", "address country"),
    *("billing country", "mailing country"),
)

# Best first.
APPOINTMENT_NAMES = (
    *("appointment", "appointment at", "appointment time", "appointment date", "appointment start"),
    *("appointment datetime", "appointment date time", "appointment on", "appt", "appt time"),
    *("appt date", "termin", "terminzeit", "cita", "fecha cita", "fecha de la cita", "rendez vous"),
    *("rdv", "date rdv", "date du rendez vous", "appuntamento", "data appuntamento", "consulta"),
    *("data da consulta", "afspraak", "wizyta", "visit", "visit date", "visit time", "starts at"),
    *("start", "start time", "start date", "scheduled at", "scheduled time", "datetime"),
    *("date time", "date and time", "date", "datum", "fecha", "data", "due", "due date", "when"),
)

APPOINTMENT_ID_NAMES = (
    *("appointment id", "appointment no", "appointment number", "appointment ref"),
    *("appointment reference", "appt id", "appt no", "appt number", "booking id", "booking no"),
    *("booking number", "booking ref", "booking reference", "visit id", "termin id", "termin nr"),
)
TIME_NAMES = (
    *(
        "time",
        "appointment time",
        "appt time",
        "start time",
        "time of day",
        "at",
        "uhrzeit",
        "zeit",
    ),
    *("hora", "hora cita", "hora de la cita", "heure", "heure rdv", "ora", "tijd", "godzina"),
)

# Best first.
PERSON_NAMES = (
    *("name", "full name", "fullname", "customer name", "client name", "patient name"),
    *("contact name", "recipient name", "recipient", "customer", "patient", "nombre completo"),
    *("nombre y apellidos", "nom complet", "nome completo", "nombre", "nome", "nom", "naam"),
    *("namn", "navn", "nimi", "imie i nazwisko", "imie", "first name", "firstname", "given name"),
    *("vorname", "prenom", "voornaam", "fornamn", "fornavn"),
)

_TELEPHONE = re.compile(
    r"""['"]?[\s(\[+]*(?:\d[\s().\-/\[\]]*){6,15}(?:[.,]\d+|[eE]\+?\d+)?
        (?:\s*(?:ext|x|\#)[.\s]*\d{1,6})?""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\b.*|\d{1,2}([./-])\d{1,2}\1\d{2,4}\b.*")

# What stands between two numbers in one cell, and marks that nobody sees.
_BETWEEN = re.compile(r"[;,/|&\n]|\b(?:or|and)\b", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_TIME_OF_DAY = re.compile(r"\d:\d\d|\d\s?[ap]\.?m\b", re.IGNORECASE)


def folded(header: str) -> str:
    """`header` in lower-case ASCII words: "Téléphone_2" is "telephone 2"."""
    plain = unicodedata.normalize("NFKD", header.casefold().replace("ß", "ss").replace("ł", "l"))
    ascii_only = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.findall(r"[^\W\d_]+|\d+", ascii_only)
    return " ".join(words)


def looks_like_telephone(text: str) -> bool:
    """Whether a value could be meant as a telephone number, good or not, or begins with one of
    several."""
    stripped = text.strip()
    if _TELEPHONE.fullmatch(stripped) is None:
        first = _BETWEEN.split(_INVISIBLE.sub("", stripped), maxsplit=1)[0].strip()
        if _TELEPHONE.fullmatch(first) is None:
            return False
    return _DATE.fullmatch(stripped) is None


def has_time_of_day(text: str) -> bool:
    """Whether a value says an hour, such as 15:30 or 3 pm."""
    return _TIME_OF_DAY.search(text) is not None


def phone_rank(header: str) -> int | None:
    """1 for a first telephone column, more for later ones, `None` for what is none by its name."""
    words = folded(header).split()
    if NOT_A_PHONE.intersection(words) or not PHONE_WORDS.intersection(words):
        return None
    return _rank(words)


def weak_phone_rank(header: str) -> int | None:
    """As `phone_rank`, for names that might mean a telephone number, such as "number"."""
    words = folded(header).split()
    return _rank(words) if words and WEAK_PHONE_WORDS.issuperset(words) else None


def _rank(words: list[str]) -> int:
    numbers = [int(word) for word in words if word.isdigit() and len(word) == 1]
    if numbers:
        return max(numbers[0], 1)
    return 2 if LATER_WORDS.intersection(words) else 1


def identifiers(headers: Iterable[str]) -> tuple[str, ...]:
    """A name for each column that a `{placeholder}` can use: ASCII, snake_case, each once."""
    taken: set[str] = set()
    names = []
    for position, header in enumerate(headers, 1):
        base = _identifier(header, position)
        name, n = base, 2
        while name in taken:
            name, n = f"{base}_{n}", n + 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def _identifier(header: str, position: int) -> str:
    plain = unicodedata.normalize("NFKD", header.replace("ß", "ss").replace("ł", "l").lower())
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"[\u0300-\u036f]", "", plain)).strip("_")[:60]
    if not name:
        return f"column_{position}"
    return name if name[0].isalpha() else f"column_{name}"
