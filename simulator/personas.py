"""Who is at the other end. The last two digits of the number called choose a persona."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class Outcome(StrEnum):
    """What becomes of a call placed to a persona."""

    ANSWERS = "answers"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINES = "declines"
    ERROR = "error"
    NOT_FOUND = "not_found"
    REFUSED = "refused"


class Leaves(StrEnum):
    """When a person who answered hangs up on their own."""

    NEVER = "never"
    AFTER_MESSAGE = "after_message"
    FIRST_WORDS = "first_words"


@dataclass(frozen=True, slots=True)
class Persona:
    """One way to behave. `rings` is the range of seconds until something happens.

    `keys` are pressed one per prompt; the last one serves every further prompt. `at_first` names
    the persona that takes the first call to a number in place of this one.
    """

    name: str
    outcome: Outcome = Outcome.ANSWERS
    rings: tuple[float, float] = (3.0, 8.0)
    keys: tuple[str, ...] = ()
    machine: bool = False
    leaves: Leaves = Leaves.NEVER
    at_first: str | None = None


PERSONAS = {
    persona.name: persona
    for persona in (
        Persona("presses_1", keys=("1",)),
        Persona("presses_2", keys=("2",)),
        Persona("presses_3", keys=("3",)),
        Persona("presses_9", keys=("9",)),
        Persona("listens", leaves=Leaves.AFTER_MESSAGE),
        Persona("machine", machine=True),
        Persona("never_answers", Outcome.NO_ANSWER),
        Persona("busy", Outcome.BUSY),
        Persona("declines", Outcome.DECLINES, rings=(2.0, 5.0)),
        Persona("fails", Outcome.ERROR),
        Persona("slow", rings=(20.0, 20.0), keys=("1",)),
        Persona("hangs_up", leaves=Leaves.FIRST_WORDS),
        Persona("refused", Outcome.REFUSED),
        Persona("not_found", Outcome.NOT_FOUND),
        Persona("busy_once", keys=("1",), at_first="busy"),
        Persona("no_answer_once", keys=("1",), at_first="never_answers"),
        Persona("wrong_key_first", keys=("5", "1")),
    )
}
RANGES = (
    (39, "presses_1"),
    (49, "presses_2"),
    (54, "presses_3"),
    (59, "presses_9"),
    (64, "listens"),
    (74, "machine"),
    (84, "never_answers"),
    (89, "busy"),
    (91, "declines"),
    (92, "fails"),
    (93, "slow"),
    (94, "hangs_up"),
    (95, "refused"),
    (96, "not_found"),
    (97, "busy_once"),
    (98, "no_answer_once"),
    (99, "wrong_key_first"),
)
_READER = TypeAdapter(Persona)


def by_digits(number: str) -> Persona:
    """The persona behind the last two digits of an E.164 number."""
    digits = int(number[-2:])
    return PERSONAS[next(name for last, name in RANGES if digits <= last)]


def read_persona(value: Any) -> Persona:
    """A persona by name, or as an object that changes the one named by its `as`.

    Raises ValueError when there is no such persona or field.
    """
    wanted = {"as": value} if isinstance(value, str) else value
    if not isinstance(wanted, dict):
        raise ValueError("a persona is a name or an object")
    changes = {key: field for key, field in wanted.items() if key != "as"}
    base = _named(wanted.get("as", "presses_1"))
    if unknown := changes.keys() - asdict(base).keys():
        raise ValueError(f"a persona has no {', '.join(sorted(map(str, unknown)))}")
    persona = _READER.validate_python({**asdict(base), **changes})
    if persona.at_first is not None:
        _named(persona.at_first)
    return persona


def _named(name: Any) -> Persona:
    if not isinstance(name, str) or name not in PERSONAS:
        raise ValueError(f"no persona is called {name!r}")
    return PERSONAS[name]


def read_overrides(values: Mapping[str, Any]) -> dict[str, Persona]:
    """Personas by E.164 number or by two last digits; raises ValueError for a bad one."""
    return {number: read_persona(value) for number, value in values.items()}


def choose(number: str, first_call: bool, overrides: Mapping[str, Persona]) -> Persona:
    """Who takes a call to this number. An override for the number beats one for its digits."""
    persona = overrides.get(number) or overrides.get(number[-2:]) or by_digits(number)
    if first_call and persona.at_first:
        return PERSONAS[persona.at_first]
    return persona
