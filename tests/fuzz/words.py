"""What parsers are given: their own words, JSON of any form, and anything else."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Pacific/Kiritimati", "Africa/Monrovia", "Australia/Lord_Howe"]


def pieces(*words: str) -> st.SearchStrategy[str]:
    """Texts of the words that a parser knows, of signs, digits of any script, and of anything."""
    odd = [
        "",
        " ",
        "\0",
        "\n",
        "-",
        "/",
        ":",
        ",",
        ".",
        "+",
        "'",
        "\u0663",
        "\uff11",
        "\u200f",
        "²",
    ]
    one = st.sampled_from([*words, *odd]) | st.text(max_size=3) | st.integers(-1, 10**12).map(str)
    return st.lists(one, max_size=9).map("".join) | st.lists(one, max_size=7).map(" ".join)


def values(*names: str) -> st.SearchStrategy[Any]:
    """JSON of any form, in which the names that a parser looks for come up often."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from([*names, "08:00", "24:00", "2026-12-24", "US", "1e9", "\ud800", "\0"])
        | st.text(max_size=6)
    )
    keys = st.sampled_from([*names]) | st.text(max_size=4)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )
