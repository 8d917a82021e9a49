"""Time zones for the audit: from the tzdata package, as the product reads them, and no further.

What the machine itself has may be older; then the audit would blame a call for the difference.
"""

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The zone called `name`; raises `FileNotFoundError` for one that does not exist."""
    with (resources.files("tzdata") / "zoneinfo" / name).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)
