"""Documents, checked the way the provider does before it runs the first step."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]
Steps = list[Any]

PARSE_ERROR = "relay_script_parse_error"
SECTIONS_MISSING = "relay_script_sections_missing"
MAIN_MISSING = "relay_script_main_section_missing"
WRONG_TYPE = "relay_script_element_wrong_type"
METHOD_UNDEFINED = "relay_script_method_undefined"
PARAMETER_MISSING = "relay_script_method_parameter_missing"
INVALID_VALUE = "relay_script_method_parameter_invalid_value"
TOO_DEEP = "relay_script_nested_too_deep"
NOT_SWML = frozenset({PARSE_ERROR, SECTIONS_MISSING, MAIN_MISSING})
DEEPEST = 20

# Methods and the parameters they cannot do without.
REQUIRED: dict[str, tuple[str, ...]] = {
    "answer": (),
    "cond": (),
    "detect_machine": (),
    "execute": ("dest",),
    "goto": ("label",),
    "hangup": (),
    "label": (),
    "play": (),
    "prompt": ("play",),
    "request": ("url", "method"),
    "return": (),
    "send_digits": ("digits",),
    "set": (),
    "sleep": (),
    "switch": ("variable", "case"),
    "transfer": ("dest",),
    "unset": (),
}
# Methods whose parameters may be something else than an object.
LOOSE_METHODS = frozenset({"cond", "execute", "goto", "label", "return", "sleep", "unset"})
# Methods that change nothing a campaign's callee could hear; they are accepted and do nothing.
UNHEARD_METHODS = frozenset(
    [
        "denoise",
        "stop_denoise",
        "live_transcribe",
        "live_translate",
        "record_call",
        "stop_record_call",
        "stream",
        "stop_stream",
        "tap",
        "stop_tap",
        "transcribe",
        "transcribe_stop",
        "user_event",
    ]
)
# Methods of the provider that this carrier cannot carry out; reaching one is a script error.
UNSIMULATED_METHODS = frozenset(
    [
        "ai",
        "ai_sidecar",
        "amazon_bedrock",
        "connect",
        "enter_queue",
        "join_conference",
        "join_room",
        "pay",
        "receive_fax",
        "record",
        "send_fax",
        "send_sms",
        "sip_refer",
    ]
)


class ScriptError(Exception):
    """A document cannot be run (further). `code` is the provider's own."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Document:
    """A checked document: its sections by name, `main` among them."""

    sections: dict[str, Steps]

    @classmethod
    def parse(cls, text: bytes | str) -> "Document":
        """Read JSON (which YAML includes). Raises ScriptError for anything but a document."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ScriptError(PARSE_ERROR, "neither JSON nor the JSON part of YAML") from error
        return cls.check(value)

    @classmethod
    def check(cls, value: Any) -> "Document":
        """Check a parsed document, every branch of it. Raises ScriptError."""
        if not isinstance(value, dict):
            raise ScriptError(PARSE_ERROR, "not an object")
        if value.get("version", "1.0.0") != "1.0.0":
            raise ScriptError("relay_script_version_invalid", repr(value["version"])[:40])
        sections = value.get("sections")
        if not isinstance(sections, dict):
            raise ScriptError(SECTIONS_MISSING, "no sections")
        if "main" not in sections:
            raise ScriptError(MAIN_MISSING, "no section main")
        for name, steps in sections.items():
            _check_section(name, steps)
        return cls(sections)


def method_of(step: Any) -> tuple[str, Any]:
    """The one method of a step and its parameters."""
    if not isinstance(step, dict) or len(step) != 1:
        raise ScriptError("relay_script_method_missing_name", repr(step)[:60])
    ((name, params),) = step.items()
    return name, params


def branches(name: str, params: Any) -> Iterator[Steps]:
    """The lists of steps inside a method's parameters."""
    if name == "cond" and isinstance(params, list):
        for case in params:
            if isinstance(case, dict):
                yield from (case[key] for key in ("then", "else") if key in case)
    elif name == "switch" and isinstance(params, dict):
        yield from _cases(params)
    elif name == "execute" and isinstance(params, dict):
        yield params.get("on_return", [])
        result = params.get("result")
        yield from branches("cond" if isinstance(result, list) else "switch", result)


def _cases(params: JSON) -> Iterator[Steps]:
    cases = params.get("case", {})
    if not isinstance(cases, dict):
        raise ScriptError(WRONG_TYPE, "case is not an object")
    yield from cases.values()
    if "default" in params:
        yield params["default"]


def _check_section(name: str, steps: Any) -> None:
    labels: set[Any] = set()
    wanted: set[str] = set()
    _check_steps(name, steps, labels, wanted, 0)
    if missing := wanted - labels:
        raise ScriptError(INVALID_VALUE, f"no label {sorted(missing)[0]!r} in section {name!r}")


def _check_steps(name: str, steps: Any, labels: set[Any], wanted: set[str], depth: int) -> None:
    if not isinstance(steps, list):
        raise ScriptError(WRONG_TYPE, f"section {name!r} has something else than a list of steps")
    if depth > DEEPEST:
        raise ScriptError(TOO_DEEP, f"section {name!r}")
    for step in steps:
        method, params = method_of(step)
        _check_method(method, params)
        if method == "label" and isinstance(params, str):
            labels.add(params)
        elif method == "goto":
            wanted.update(_literal_label(params))
        for branch in branches(method, params):
            _check_steps(name, branch, labels, wanted, depth + 1)


def _check_method(method: str, params: Any) -> None:
    if method in UNHEARD_METHODS or method in UNSIMULATED_METHODS:
        return
    required = REQUIRED.get(method)
    if required is None:
        raise ScriptError(METHOD_UNDEFINED, repr(method)[:60])
    if method not in LOOSE_METHODS and not isinstance(params, dict | None):
        raise ScriptError(WRONG_TYPE, f"{method} needs an object")
    shorthand = method in ("execute", "goto") and isinstance(params, str)
    if required and not shorthand:
        _check_parameters(method, params, required)
    if method == "set" and params is None:
        raise ScriptError(WRONG_TYPE, "set needs an object")
    if method == "play" and ("url" in (params or {})) == ("urls" in (params or {})):
        raise ScriptError(PARAMETER_MISSING, "play needs url or urls")
    if method == "cond" and not (
        isinstance(params, list)
        and all(isinstance(case, dict) and ("when" in case or "else" in case) for case in params)
    ):
        raise ScriptError(WRONG_TYPE, "cond needs a list of when and else")


def _check_parameters(method: str, params: Any, required: tuple[str, ...]) -> None:
    if not isinstance(params, dict):
        raise ScriptError(WRONG_TYPE, f"{method} needs an object")
    for name in required:
        if params.get(name) is None:
            raise ScriptError(PARAMETER_MISSING, f"{method} needs {name}")


def _literal_label(params: Any) -> list[str]:
    """The label a goto names, unless a variable names it only when the step runs."""
    label = params if isinstance(params, str) else params.get("label")
    if not isinstance(label, str):
        raise ScriptError(INVALID_VALUE, "goto needs the name of a label")
    return [] if "{" in label else [label]
