"""What an address says about where somebody is: country, states, and the zones they may be in.

US postal codes come from the `zipcodes` package, which brings its data along. What an address does
not say, or what nobody knows, is left open; nothing is guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from campaigns.compliance.zones import zone_names
from campaigns.phone import zones_of_part

_ZIP = re.compile(r"\s*([0-9]{5})(?:[-\s]?[0-9]{4})?\s*")
_CANADIAN = re.compile(r"\s*([A-CEGHJ-NPR-TVXY])[0-9][A-Z][\s-]?[0-9][A-Z][0-9]\s*")
# A mailbox of the armed forces: its owner may be anywhere.
_MILITARY = frozenset({"AA", "AE", "AP"})
_BY_LETTER = {
    "A": "NL",
    "B": "NS",
    "C": "PE",
    "E": "NB",
    "G": "QC",
    "H": "QC",
    "J": "QC",
    "K": "ON",
    "L": "ON",
    "M": "ON",
    "N": "ON",
    "P": "ON",
    "R": "MB",
    "S": "SK",
    "T": "AB",
    "V": "BC",
    "X": "NT NU",
    "Y": "YT",
}
_NAMES = {
    "US": """
        AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,
        DE Delaware,DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,
        IN Indiana,IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MD Maryland,
        MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,
        NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,
        NC North Carolina,ND North Dakota,OH Ohio,OK Oklahoma,OR Oregon,PA Pennsylvania,
        RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,UT Utah,
        VT Vermont,VA Virginia,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming,
        DC Washington DC,PR Puerto Rico,GU Guam,VI Virgin Islands,AS American Samoa,
        MP Northern Mariana Islands,AA Armed Forces Americas,AE Armed Forces Europe,
        AP Armed Forces Pacific
    """,
    "CA": """
        AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,NL Newfoundland,
        NL Newfoundland and Labrador,NS Nova Scotia,NT Northwest Territories,NU Nunavut,
        ON Ontario,PE Prince Edward Island,QC Quebec,QC Québec,SK Saskatchewan,YT Yukon
    """,
    "AU": """
        NSW New South Wales,VIC Victoria,QLD Queensland,SA South Australia,WA Western Australia,
        TAS Tasmania,NT Northern Territory,ACT Australian Capital Territory
    """,
}
_AUSTRALIA = {
    "NSW": ("Australia/Broken_Hill", "Australia/Lord_Howe", "Australia/Sydney"),
    "VIC": ("Australia/Melbourne",),
    "QLD": ("Australia/Brisbane", "Australia/Lindeman"),
    "SA": ("Australia/Adelaide",),
    "WA": ("Australia/Eucla", "Australia/Perth"),
    "TAS": ("Australia/Hobart",),
    "NT": ("Australia/Darwin",),
    "ACT": ("Australia/Sydney",),
}
_TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})  # of the United States
_COUNTRIES = {
    **dict.fromkeys(("USA", "UNITED STATES", "UNITED STATES OF AMERICA", "U.S.", "U.S.A."), "US"),
    **dict.fromkeys(("UK", "UNITED KINGDOM", "GREAT BRITAIN", "ENGLAND", "SCOTLAND"), "GB"),
    "WALES": "GB",
    "CANADA": "CA",
    "CAN": "CA",
    "AUSTRALIA": "AU",
    "AUS": "AU",
    "GERMANY": "DE",
    "DEUTSCHLAND": "DE",
    "FRANCE": "FR",
    "SPAIN": "ES",
    "MEXICO": "MX",
    "IRELAND": "IE",
    "ITALY": "IT",
    "NETHERLANDS": "NL",
    "NEW ZEALAND": "NZ",
    "INDIA": "IN",
}


@dataclass(frozen=True, slots=True)
class Located:
    """What an address says. `country` None: nothing; `lost`: it says that nobody can tell."""

    country: str | None = None
    subdivisions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    lost: bool = False


def country_named(text: str | None) -> str | None:
    """The ISO 3166 code of a country by its code or its English name; None for anything else."""
    plain = (text or "").strip().upper()
    found = _COUNTRIES.get(plain, plain)
    return found if found in _zones_by_country() else None


def part_named(country: str, text: str | None) -> str | None:
    """The code of a state or province by its code or name; None for what is not known."""
    plain = " ".join((text or "").replace(".", "").split()).upper()
    return _parts(country).get(plain)


def is_country(text: str) -> bool:
    """Whether a text names a country."""
    return country_named(text) is not None


def is_state(text: str) -> bool:
    """Whether a text names a state or province of a country whose parts are known."""
    return any(part_named(country, text) is not None for country in _NAMES)


def located(
    country: str | None, state: str | None, postal_code: str | None, of_number: str | None
) -> Located:
    """Where an address is; what it leaves open about the country is read as the number's."""
    home = country_named(country) or (_plain(of_number) if not (country or "").strip() else None)
    if home is None:
        return Located()
    if home in _TERRITORIES:
        return Located("US", (home,), _zones_by_country()[home])
    by_code = _by_postal_code(home, postal_code or "")
    part = part_named(home, state)
    if part in _MILITARY or _MILITARY & set(by_code.subdivisions):
        return Located(home, lost=True)
    by_part = Located(home, (part,), _zones_of(home, part)) if part else Located(home)
    if not by_part.subdivisions or by_part.subdivisions == by_code.subdivisions:
        return by_code
    if not by_code.subdivisions:
        return by_part
    if part in by_code.subdivisions:
        return by_code
    return Located(  # they differ, and either may be right
        home,
        _sorted(by_part.subdivisions + by_code.subdivisions),
        _sorted(by_part.zones + by_code.zones),
    )


def zones_of_country(country: str) -> tuple[str, ...]:
    """Every zone of a country by ISO 3166; () for one that is not known."""
    return _zones_by_country().get(country, ())


def _plain(country: str | None) -> str | None:
    return "US" if country in _TERRITORIES else country


def _by_postal_code(country: str, text: str) -> Located:
    if country == "US" and (found := _ZIP.fullmatch(text)):
        return _by_zip(found[1])
    if country == "CA" and (found := _CANADIAN.fullmatch(text.upper())):
        parts = tuple(_BY_LETTER[found[1]].split())
        return Located("CA", parts, _sorted(z for part in parts for z in _zones_of("CA", part)))
    return Located(country)


@lru_cache(maxsize=50_000)
def _by_zip(code: str) -> Located:
    import zipcodes  # with all its places, which only lists with postal codes need

    rows = zipcodes.matching(code)  # type: ignore[no-untyped-call]  # its stub says nothing of it
    states = _sorted(str(row["state"]) for row in rows)
    known = _all_zones()
    zones = _sorted(str(row["timezone"]) for row in rows)
    if not zones or not known.issuperset(zones):
        zones = _sorted(zone for state in states for zone in _zones_of("US", state))
    return Located("US", states, zones)


def _zones_of(country: str, part: str) -> tuple[str, ...]:
    if country == "AU":
        return _AUSTRALIA[part]
    if country == "US" and part in _TERRITORIES:
        return _zones_by_country()[part]
    return zones_of_part(country, part)


@lru_cache(maxsize=8)
def _parts(country: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _NAMES.get(country, "").split(","):
        code, _, name = entry.strip().partition(" ")
        if code:
            found |= {code: code, name.upper(): code}
    return found


@lru_cache(maxsize=1)
def _all_zones() -> frozenset[str]:
    return frozenset(zone_names())


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: _sorted(zones) for country, zones in found.items()}


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
