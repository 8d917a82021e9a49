"""Running a document on an answered call, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from simulator.callbacks import Callbacks
from simulator.callee import Callee
from simulator.calls import Call
from simulator.clock import Clock
from simulator.documents import Documents, FetchFailed, call_facts
from simulator.faults import Faults
from simulator.swml.document import (
    INVALID_VALUE,
    UNHEARD_METHODS,
    UNSIMULATED_METHODS,
    Document,
    ScriptError,
    method_of,
)
from simulator.swml.expressions import ExpressionError, evaluate, truthy
from simulator.swml.variables import Scopes
from simulator.wire import Wire

EXECUTE_FAILED = "relay_script_method_execute_failed"
TOO_MANY_TRANSFERS = "relay_script_too_many_transfers"
MOST_NESTED_EXECUTES = 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a running document needs of the carrier."""

    clock: Clock
    wire: Wire
    documents: Documents
    callbacks: Callbacks
    faults: Faults
    spawn: Callable[[Coroutine[Any, Any, None]], object]


class Jump(Exception):
    """`goto`: go on behind a label of the running section."""

    def __init__(self, label: str) -> None:
        self.label = label


class Moved(Exception):
    """`transfer`: go on in another section or document, and never come back."""

    def __init__(self, document: Document, section: str) -> None:
        self.document = document
        self.section = section


class Returned(Exception):
    """`return`: leave the running section."""

    def __init__(self, value: Any) -> None:
        self.value = value


class HungUp(Exception):
    """`hangup`: the document ends the call."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


Method = Callable[["Run", Any], Awaitable[None]]


class Run:
    """One call's script: its document, its variables and how far it may still jump.

    `limit` bounds the answered part of the call; the `answer` method moves it.
    """

    def __init__(
        self, call: Call, exchange: Exchange, limit: asyncio.Timeout, methods: dict[str, Method]
    ) -> None:
        self.call = call
        self.exchange = exchange
        self.limit = limit
        self.callee = Callee(call, exchange.clock)
        self.scopes = Scopes(call_facts(call), call.request.custom_variables)
        self.document = Document({"main": []})
        self.acted = False  # some step did more than hang up
        self.moved_since_key = False  # a document was fetched by URL since the last key
        self._methods = methods
        self._jumps = 0
        self._quiet_jumps = 0
        self._jumps_to: dict[str, int] = {}
        self._depth = 0

    async def start(self, document: Document) -> None:
        """Run from `main` to the end. Raises HungUp, CalleeLeft or ScriptError for other ends."""
        section = "main"
        self.document = document
        while True:
            try:
                await self.section(section)
                return
            except Moved as move:
                self.document, section = move.document, move.section

    async def section(self, name: str) -> None:
        steps = self.document.sections.get(name)
        if steps is None:
            raise ScriptError("relay_script_section_parameter_undefined", repr(name)[:60])
        try:
            await self.steps(steps)
        except Returned as returned:
            self.scopes.vars["return_value"] = returned.value
        except Jump as jump:
            raise ScriptError(INVALID_VALUE, f"no label {jump.label!r}") from jump

    async def steps(self, steps: list[Any]) -> None:
        """Run a list of steps; a jump to one of its own labels stays inside it."""
        position = 0
        while position < len(steps):
            try:
                await self._step(steps[position])
                position += 1
            except Jump as jump:
                labels = [{"label": jump.label} == step for step in steps]
                if True not in labels:
                    raise
                position = labels.index(True) + 1

    async def _step(self, step: Any) -> None:
        name, params = method_of(step)
        if name in UNSIMULATED_METHODS:
            raise ScriptError(EXECUTE_FAILED, f"this carrier does not simulate {name}")
        if name not in UNHEARD_METHODS:
            await self._methods[name](self, params)

    def holds(self, condition: Any) -> bool:
        """Whether a JavaScript condition is true. Raises ScriptError when it cannot be told."""
        if isinstance(condition, bool):
            return condition
        try:
            return truthy(evaluate(str(condition), self.scopes.lookup))
        except ExpressionError as error:
            raise ScriptError("relay_script_js_eval_error", f"{condition!r}: {error}") from error

    def pressed(self) -> None:
        """A key was pressed: the caller is there, so quiet jumps start again."""
        self._quiet_jumps = 0
        self.moved_since_key = False

    def spend_jump(self) -> None:
        """Transfers and gotos share one budget per call (SignalWire documents: `goto`)."""
        knobs = self.exchange.faults.knobs
        self._jumps += 1
        self._quiet_jumps += 1
        if self._jumps > knobs.jump_limit or self._quiet_jumps > knobs.quiet_jump_limit:
            raise ScriptError(
                TOO_MANY_TRANSFERS, f"{self._jumps} in all, {self._quiet_jumps} without a key"
            )

    def may_jump_to(self, label: str, most: int) -> bool:
        """Count a goto against the label's own limit; past it the goto is skipped."""
        count = self._jumps_to.get(label, 0)
        self._jumps_to[label] = count + 1
        return count < most

    async def open(self, dest: str) -> tuple[Document, str]:
        """The document and section a destination names, fetched when it is a URL."""
        if dest.startswith(("http://", "https://")):
            try:
                fetched = await self.exchange.documents.fetch(self.call, dest, self.scopes.bodies())
            except FetchFailed as error:
                raise ScriptError(EXECUTE_FAILED, f"no document: {error}") from error
            self.moved_since_key = True
            return fetched, "main"
        if dest.lstrip().startswith("{"):
            return Document.parse(dest), "main"
        return self.document, dest

    async def subroutine(self, document: Document, section: str, params: dict[str, Any]) -> None:
        """Run a section and come back, with the caller's document and parameters restored."""
        if self._depth >= MOST_NESTED_EXECUTES:
            raise ScriptError("relay_script_nested_too_deep", "execute")
        saved = self.document, self.scopes.params
        self.document, self.scopes.params = document, params
        self._depth += 1
        try:
            await self.section(section)
        finally:
            self._depth -= 1
        self.document, self.scopes.params = saved
