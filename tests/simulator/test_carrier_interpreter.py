"""The interpreter under documents nobody would write."""

import asyncio
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.callee import CalleeLeft
from simulator.calls import Call, DialRequest
from simulator.carrier import Carrier, Options
from simulator.clock import Instant
from simulator.knobs import Knobs
from simulator.personas import PERSONAS
from simulator.swml.document import REQUIRED, Document, ScriptError
from simulator.swml.interpreter import HungUp, Run
from simulator.swml.methods import METHODS

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "x", "main", "${x}", "1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["x", "when", "then", "1"]), inner, max_size=2)
    ),
    max_leaves=4,
)


PARAMETERS = [
    "max_duration",
    "when",
    "then",
    "else",
    "dest",
    "params",
    "on_return",
    "result",
    "label",
    "max",
    "reason",
    "play",
    "url",
    "urls",
    "max_digits",
    "terminators",
    "initial_timeout",
    "method",
    "headers",
    "body",
    "timeout",
    "save_variables",
    "digits",
    "duration",
    "variable",
    "case",
    "default",
    "wait",
    "status_url",
    "detect_message_end",
]


def documents() -> st.SearchStrategy[list[Any]]:
    names = st.sampled_from(PARAMETERS)
    params = st.dictionaries(names, VALUES, max_size=4) | VALUES
    step = st.dictionaries(st.sampled_from(sorted(METHODS)), params, min_size=1, max_size=1)
    return st.lists(step, max_size=4)


@settings(max_examples=300, deadline=None)
@given(documents())
def test_no_document_breaks_the_interpreter(steps):
    """Whatever a document holds, it runs, hangs up, waits or is a script error."""
    asyncio.run(interpret(steps))


def test_every_checked_method_is_carried_out():
    assert REQUIRED.keys() == METHODS.keys()


async def interpret(steps: list[Any]) -> None:
    carrier = Carrier(Options("p", "t", "k", 1e-9, 1, None, Knobs()))  # no time passes in calls
    request = DialRequest(
        "+12025550199", "+12125550100", None, None, "POST", None, None, frozenset(), 30, {}
    )
    row = carrier.books.open(Instant.now(), None, {})
    call = Call("id", request, PERSONAS["presses_1"], row, Instant.now(), Random(1), "p")
    try:
        async with asyncio.timeout(0.05) as limit:
            run = Run(call, carrier.engine._exchange, limit, METHODS)
            await run.start(Document.check({"sections": {"main": steps}}))
    except (ScriptError, HungUp, CalleeLeft, TimeoutError):
        pass
    finally:
        await carrier.stop()
