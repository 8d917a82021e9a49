"""A callee for SWML documents: a small interpreter that goes by the provider's documented rules."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from campaigns.flows.model import CallFlow
from campaigns.flows.swml import FlowLinks, render_opening

Call = Callable[..., "Callee"]


@pytest.fixture(scope="session")
def links() -> FlowLinks:
    return FlowLinks(
        key_url=lambda digit: f"https://calls.example.com/flows/t/keys/{digit}",
        said_url=lambda digit: f"https://calls.example.com/flows/t/said/{digit}",
        hook_url="https://calls.example.com/hooks/signalwire/t",
    )


@pytest.fixture
def listen() -> Callable[[Any], "Callee"]:
    """A callee hears one document."""
    return lambda document: Callee().hears(document)


@pytest.fixture
def call(links: FlowLinks) -> Call:
    """A callee, made of the given traits, takes a call of a flow."""

    def take(flow: CallFlow, **traits: Any) -> Callee:
        fields = {"name": "Ada", "appointment": "Monday at 9"}
        return Callee(**traits).hears(render_opening(flow, fields, links))

    return take


class Transferred(Exception):
    pass


class HungUp(Exception):
    pass


class Jump(Exception):
    pass


@dataclass
class Callee:
    """Runs a document. `keys` are pressed prompt by prompt ("" is nothing), `replies` are the
    answers to our own requests, the last one for ever; None is a failing network."""

    keys: list[str] = field(default_factory=list)
    replies: list[int | None] = field(default_factory=lambda: [200])
    detects: str = "human"
    failed_result: str = "failed"
    heard: list[str] = field(default_factory=list)
    reported: list[Any] = field(default_factory=list)
    waited: int = 0
    jumps: int = 0
    end: str = ""

    def __post_init__(self) -> None:
        self.vars: dict[str, Any] = {}
        self.jumps_to: Counter[str] = Counter()

    def hears(self, document: Any) -> "Callee":
        self.sections = document["sections"]
        section: str | None = "main"
        try:
            while section:
                section = self.run_section(self.sections[section])
            self.end = "end of document"
        except HungUp:
            self.end = "hang-up"
        except Transferred as moved:
            self.end = str(moved)
        return self

    def run_section(self, steps: Any) -> str | None:
        position = 0
        while position < len(steps):
            try:
                self.step(steps[position])
                position += 1
            except Jump as jump:
                position = steps.index({"label": str(jump)})
            except Transferred as moved:
                if str(moved) not in self.sections:
                    raise
                return str(moved)
        return None

    def step(self, step: Any) -> None:
        ((name, params),) = step.items()
        getattr(self, f"do_{name}")(params)

    def steps(self, steps: Any) -> None:
        for step in steps:
            self.step(step)

    def holds(self, condition: str) -> bool:
        code = re.sub(r"vars\.(\w+)", r"vars['\1']", condition).replace("&&", "and")
        return bool(eval(code, {"__builtins__": {}}, {"vars": self.vars}))

    def spend(self) -> None:
        self.jumps += 1
        assert self.jumps <= 8, "relay_script_too_many_transfers"

    def do_answer(self, params: Any) -> None:
        self.limit = params["max_duration"]

    def do_detect_machine(self, params: Any) -> None:
        self.vars["detect_result"] = self.detects

    def do_label(self, params: Any) -> None:
        pass

    def do_set(self, params: Any) -> None:
        self.vars.update(params)

    def do_sleep(self, params: Any) -> None:
        self.waited += params["duration"]

    def do_play(self, params: Any) -> None:
        self.heard.append(params["url"].removeprefix("say:"))

    def do_hangup(self, params: Any) -> None:
        raise HungUp

    def do_transfer(self, params: Any) -> None:
        self.spend()
        raise Transferred(params["dest"])

    def do_goto(self, params: Any) -> None:
        self.jumps_to[params["label"]] += 1
        if self.jumps_to[params["label"]] <= params["max"]:
            self.spend()
            raise Jump(params["label"])

    def do_cond(self, cases: Any) -> None:
        for case in cases:
            if self.holds(case["when"]):
                return self.steps(case["then"])
        return None

    def do_prompt(self, params: Any) -> None:
        self.heard += [sound.removeprefix("say:") for sound in params["play"]]
        key = self.keys.pop(0) if self.keys else ""
        # The value of an earlier prompt may well stay when nothing is pressed.
        self.vars["prompt_value"] = key or self.vars.get("prompt_value", "")
        self.vars["prompt_result"] = "match_digits" if key else "no_input"

    def do_switch(self, params: Any) -> None:
        value = self.vars[params["variable"]]
        self.steps(params["case"].get(value, params["default"]))

    def do_request(self, params: Any) -> None:
        self.reported.append((params["url"], params["body"]["digit"], self.vars["digit"]))
        status = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.vars.pop("request_response_code", None)
        if status is None:
            self.vars["request_result"] = "failed"
        else:
            self.vars["request_result"] = "success" if status < 300 else self.failed_result
            self.vars["request_response_code"] = status
