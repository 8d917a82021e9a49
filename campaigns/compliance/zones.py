"""IANA time zones from one source, the tzdata package, whatever the machine has installed."""

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from campaigns.errors import InvalidInput


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The zone called `name` (case and spaces forgiven); raises `InvalidInput` for any other text.

    Abbreviations are refused although IANA keeps some of them: "EST" there is five hours behind
    all year, while people who write it mean New York, an hour off every summer.
    """
    canonical = _names().get(name.strip().replace(" ", "_").lower())
    if canonical is None:
        raise InvalidInput(
            f"“{name[:60]}” is not a time zone. Use a name such as America/New_York or "
            "Europe/London; abbreviations such as EST do not say when clocks change."
        )
    file = resources.files("tzdata").joinpath("zoneinfo", *canonical.split("/"))
    with file.open("rb") as data:
        return ZoneInfo.from_file(data, key=canonical)


def zone_names() -> list[str]:
    """Every name that `zone_named` knows, for people to choose from."""
    return sorted(_names().values())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Every usable zone name, by its lower-case form."""
    listed = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
    return {name.lower(): name for name in listed if "/" in name or name == "UTC"}
