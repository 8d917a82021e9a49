"""The variables of a document: `vars`, `params`, `call` and `envs`, and texts that name them."""

import re
from collections.abc import Mapping
from typing import Any

from simulator.swml.expressions import UNDEFINED, ExpressionError, evaluate, to_text

_PLACE = re.compile(r"[$%]\{([^{}]*)\}")
_PATH = re.compile(r"\s*[\w.-]+\s*")


class Scopes:
    """What a document can name. A bare name is looked for in `vars` first."""

    def __init__(self, call: dict[str, Any], envs: Mapping[str, str]) -> None:
        self.vars: dict[str, Any] = {}
        self.params: dict[str, Any] = {}
        self.call = call
        self.envs = dict(envs)

    def lookup(self, name: str) -> Any:
        """The value of a bare name; raises KeyError when nothing is called so."""
        if name in self.vars:
            return self.vars[name]
        scopes = {"vars": self.vars, "params": self.params, "call": self.call, "envs": self.envs}
        return scopes[name] if name in scopes else self.params[name]

    def fill(self, value: Any) -> Any:
        """`value` with every `${...}` and `%{...}` in its texts replaced, at any depth."""
        if isinstance(value, str):
            return _PLACE.sub(self._replacement, value) if "{" in value else value
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value

    def path(self, path: str) -> Any:
        """The value at a dotted path, UNDEFINED when there is none."""
        first, *rest = path.strip().split(".")
        try:
            value = self.lookup(first)
        except KeyError:
            return UNDEFINED
        for part in rest:
            if not isinstance(value, dict):
                return UNDEFINED
            value = value.get(part, UNDEFINED)
        return value

    def bodies(self) -> dict[str, Any]:
        """The scopes as they go into the body of a document fetch."""
        return {"vars": self.vars, "envs": self.envs, "params": self.params}

    def _replacement(self, place: re.Match[str]) -> str:
        """An unset path or a failing expression is replaced by nothing."""
        if _PATH.fullmatch(place[1]):
            return to_text(self.path(place[1]))
        try:
            return to_text(evaluate(place[1], self.lookup))
        except ExpressionError:
            return ""
