"""Telephone numbers that regulators keep free for films, books and examples, as a table.

In a pattern `x` is any digit and `N` any digit from 2 to 9; spaces are for the reader.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reserved:
    """Numbers of one country calling code that its regulator reserves for fiction."""

    calling_code: str
    regulator: str
    patterns: tuple[str, ...]


RESERVED: tuple[Reserved, ...] = (
    Reserved("1", "North American Numbering Plan Administrator (555 lines)", ("Nxx 555 01xx",)),
    Reserved(
        "44",
        "Ofcom, United Kingdom (telephone numbers for drama use)",
        (
            "113 496 0xxx",  # Leeds
            "114 496 0xxx",  # Sheffield
            "115 496 0xxx",  # Nottingham
            "116 496 0xxx",  # Leicester
            "117 496 0xxx",  # Bristol
            "118 496 0xxx",  # Reading
            "121 496 0xxx",  # Birmingham
            "131 496 0xxx",  # Edinburgh
            "141 496 0xxx",  # Glasgow
            "151 496 0xxx",  # Liverpool
            "161 496 0xxx",  # Manchester
            "191 498 0xxx",  # Tyneside, Durham, Sunderland
            "20 7946 0xxx",  # London
            "28 9649 6xxx",  # Northern Ireland
            "29 2018 0xxx",  # Cardiff
            "1632 960 xxx",  # no area
            "3069 990 xxx",  # whole country
            "7700 900 xxx",  # mobile
            "8081 570 xxx",  # freephone
            "909 879 0xxx",  # premium rate
        ),
    ),
    Reserved(
        "49",
        "Bundesnetzagentur, Germany (Rufnummern für Medienproduktionen, 148/2021)",
        (
            "30 23125 xxx",  # Berlin
            "40 66969 xxx",  # Hamburg
            "69 90009 xxx",  # Frankfurt am Main
            "89 99998 xxx",  # München
            "221 4710 xxx",  # Köln
            "152 28817386",
            "152 28895456",
            "152 54599371",
            "171 39200 xx",
            "172 9925904",
            "172 9968532",
            "172 9973185",
            "174 9091317",
            "174 9464308",
            "176 040690 xx",
        ),
    ),
    Reserved(
        "33",
        "Arcep, France (numéros réservés aux œuvres audiovisuelles)",
        (
            "1 99 00 xxxx",
            "2 61 91 xxxx",
            "3 53 01 xxxx",
            "4 65 71 xxxx",
            "5 36 49 xxxx",
            "6 39 98 xxxx",
        ),
    ),
    Reserved(
        "61",
        "Australian Communications and Media Authority (numbers for creative works)",
        (
            *(f"{area} {block} xxxx" for area in "2378" for block in ("5550", "7010")),
            *(
                f"491 57{rest}"
                for rest in (
                    *("0 006", "0 110", "0 156", "0 157", "0 158", "0 159", "0 313", "0 737"),
                    *("1 266", "1 491", "1 804", "2 549", "2 665", "2 983", "3 087", "3 770"),
                    *("4 118", "4 632", "5 254", "5 789", "6 398", "6 801", "7 426", "7 644"),
                    *("8 148", "8 888", "8 957", "9 212", "9 455", "9 760"),
                )
            ),
        ),
    ),
    Reserved("353", "ComReg, Ireland (numbers for drama use)", ("20 91x xxxx",)),
    Reserved(
        "46",
        "Post- och telestyrelsen, Sweden (telefonnummer för böcker och filmer)",
        (
            "31 39006 xx",  # Göteborg
            "40 62804 xx",  # Malmö
            "8 465004 xx",  # Stockholm
            "980 3192 xx",  # Kiruna
            "70 17406 0[5-9]",  # mobile
            "70 17406 [1-9]x",
        ),
    ),
)


def _expression(reserved: Reserved) -> str:
    """One reserved entry as a regular expression over digits without the plus sign."""
    joined = "|".join(reserved.patterns).replace(" ", "")
    digits = joined.replace("x", "[0-9]").replace("N", "[2-9]")
    return rf"{reserved.calling_code}(?:{digits})"


_FICTION = re.compile(r"\+(?:" + "|".join(map(_expression, RESERVED)) + ")")


def is_fictional(e164: str) -> bool:
    """Whether a regulator reserves this number for fiction; live accounts never dial these."""
    return _FICTION.fullmatch(e164) is not None
