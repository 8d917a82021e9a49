"""The reviewed file of calling rules: read strictly, so that no rule is ever half understood."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ValidationError

from campaigns.compliance.rule import Rule
from campaigns.compliance.rulebook import Practice, Rulebook
from campaigns.compliance.windows import WeeklyWindows
from campaigns.errors import InvalidInput

_KEYS = frozenset({"format", "practice", "groups", "territories", "rules"})


class UnreadableRules(InvalidInput):
    """The rules cannot be read; says which row and which field are at fault."""


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """The file's content in JSON, and the digest by which a new one is recognised."""

    content: dict[str, Any]
    digest: str


@lru_cache(maxsize=1)
def shipped_rules() -> RuleDocument:
    """The rules that came with this code. Raises `UnreadableRules`."""
    text = resources.files("campaigns.compliance").joinpath("calling_rules.yaml").read_text("utf-8")
    return rule_document(text)


def rule_document(text: str) -> RuleDocument:
    """A file of rules, read and checked. Raises `UnreadableRules`."""
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UnreadableRules(f"The calling rules are not YAML: {str(error)[:300]}") from None
    content: dict[str, Any] = json.loads(json.dumps(loaded, default=str))
    read_rulebook(content, version=0)
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return RuleDocument(content, hashlib.sha256(plain.encode()).hexdigest())


@lru_cache(maxsize=1)
def shipped_rulebook() -> Rulebook:
    """The rules that came with this code, as a rulebook without a version of its own (0)."""
    return read_rulebook(shipped_rules().content, version=0)


def read_rulebook(content: Mapping[str, Any], version: int) -> Rulebook:
    """The rulebook of a document. Raises `UnreadableRules` naming the row and the field."""
    if not isinstance(content, Mapping) or not isinstance(content.get("rules"), list):
        raise UnreadableRules("The calling rules have no list of rules. Nothing was loaded.")
    if unknown := sorted(set(content) - _KEYS):
        raise UnreadableRules(f"The calling rules have no “{unknown[0]}”. Nothing was loaded.")
    rules = tuple(_rule(row, place) for place, row in enumerate(content["rules"], 1))
    _check_codes(rules)
    groups = {
        str(name): frozenset(map(str, members))
        for name, members in dict(content.get("groups") or {}).items()
    }
    return Rulebook(
        version=version,
        rules=rules,
        practice=_practice(content.get("practice")),
        groups=groups,
        territories={str(k): str(v) for k, v in dict(content.get("territories") or {}).items()},
    )


def _rule(row: object, place: int) -> Rule:
    name = str(row.get("code", "without a code")) if isinstance(row, Mapping) else "no table"
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "as a whole"
        raise UnreadableRules(
            f"Calling rule {place} ({name}), field {field}: {first['msg']}. Nothing was loaded."
        ) from None


def _check_codes(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for place, rule in enumerate(rules, 1):
        if rule.code in seen:
            raise UnreadableRules(
                f"Calling rule {place} ({rule.code}), field code: another rule has this code. "
                "Nothing was loaded."
            )
        seen.add(rule.code)


def _practice(value: Mapping[str, Any] | None) -> Practice:
    if value is None:
        return Practice()
    try:
        return Practice(WeeklyWindows.parse(value["windows"]), float(value["min_gap_seconds"]))
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise UnreadableRules(f"The calling rules' part “practice” is wrong: {error}.") from None
