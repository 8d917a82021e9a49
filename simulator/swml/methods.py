"""The SWML methods this carrier carries out, one function each.

Names, defaults and output variables are those of SignalWire's SWML reference.
"""

import asyncio
import json
import math
import re
from typing import Any
from uuid import uuid4

from aiohttp import ClientTimeout

from simulator.answers import dumps
from simulator.audio import fetch_audio
from simulator.callee import SPEECH_RATE
from simulator.calls import Status
from simulator.envelopes import detect_event
from simulator.swml.document import INVALID_VALUE, PARAMETER_MISSING, WRONG_TYPE, ScriptError
from simulator.swml.expressions import UNDEFINED, to_text
from simulator.swml.interpreter import HungUp, Jump, Method, Moved, Returned, Run
from simulator.wire import Reply, Unreachable

JSON = dict[str, Any]

# What the provider's schema allows as a sound; a line break in a text to be said breaks it.
SOUND = re.compile(
    r"(?P<audio>https?://.*)|say: ?(?P<text>.*)|silence: ?(?P<silence>[0-9.]*)"
    r"|ring: ?(?:(?P<ring>[0-9.]*): ?)?[a-zA-Z]{2}"
)
SPEECH_FIELDS = ("speech_timeout", "speech_end_timeout", "speech_language", "speech_hints")
DIGIT_FIELDS = ("max_digits", "terminators", "digit_timeout", "initial_timeout")
RING_SECONDS = 6.0
LONGEST_BODY = 65_536  # bytes of an answer kept in request_response_body


async def answer(run: Run, params: JSON) -> None:
    run.scopes.vars["answer_result"] = "success"
    longest = number(run, (params or {}).get("max_duration"), 0.0)
    if longest > 0:
        talked = run.call.duration
        left = run.exchange.clock.longest(longest) - talked
        run.limit.reschedule(asyncio.get_running_loop().time() + max(0.0, left))


async def play(run: Run, params: JSON) -> None:
    sounds = params.get("urls", params.get("url"))
    await hear(run, sounds)
    run.scopes.vars["play_result"] = "finished"


async def hear(run: Run, sounds: Any) -> None:
    """Let the callee hear one sound or several, each as long as it lasts."""
    run.acted = True
    for sound in run.scopes.fill(sounds if isinstance(sounds, list) else [sounds]):
        found = SOUND.fullmatch(sound) if isinstance(sound, str) else None
        if found is None:
            raise ScriptError(INVALID_VALUE, f"not a playable sound: {sound!r}"[:120])
        if found["text"] == "":
            continue
        if (heard := found["audio"] or found["text"]) is None:
            await run.exchange.clock.pass_time(_pause(found))
            continue
        if found["audio"] and not await fetch_audio(run.call, run.exchange.wire, heard):
            continue
        if run.moved_since_key and run.call.row.keys:
            run.call.row.keys[-1]["confirmed"] = True
        audio = run.exchange.faults.knobs.audio_seconds
        await run.callee.listen(heard, audio if found["audio"] else len(heard) / SPEECH_RATE)


def _pause(found: re.Match[str]) -> float:
    try:
        return float(found["silence"] or found["ring"] or RING_SECONDS)
    except ValueError as error:
        raise ScriptError(INVALID_VALUE, f"not a duration in {found[0]!r}") from error


async def prompt(run: Run, params: JSON) -> None:
    await hear(run, params["play"])
    patience = number(run, params.get("initial_timeout"), 5.0)
    speech_only = any(field in params for field in SPEECH_FIELDS) and not any(
        field in params for field in DIGIT_FIELDS
    )
    if speech_only:
        await run.exchange.clock.pass_time(patience)
        pressed = ""
    else:
        pressed = await run.callee.press(patience)
    digits, terminator = await _collect(run, params, pressed)
    run.scopes.vars.update(
        prompt_result="match_digits" if digits or terminator else "no_input",
        prompt_value=digits,
        prompt_digit_terminator=terminator,
    )
    if pressed:
        run.pressed()
        run.callee.note_key(digits)


async def _collect(run: Run, params: JSON, pressed: str) -> tuple[str, str]:
    """What of the pressed keys the prompt takes, and the key that ended it."""
    most = int(number(run, params.get("max_digits"), 1.0))
    terminators = to_text(run.scopes.fill(params.get("terminators", "")))
    digits = ""
    for key in pressed:
        if key in terminators:
            return digits, key
        digits += key
        if len(digits) >= most:
            return digits, ""
    if digits:
        await run.exchange.clock.pass_time(number(run, params.get("digit_timeout"), 5.0))
    return digits, ""


async def sleep(run: Run, params: Any) -> None:
    run.acted = True
    milliseconds = params.get("duration") if isinstance(params, dict) else params
    duration = number(run, milliseconds, -2.0)
    if duration == -1:
        await asyncio.Event().wait()
    if duration < 0:
        raise ScriptError(INVALID_VALUE, f"sleep {milliseconds!r}"[:60])
    clock = run.exchange.clock
    unheard = run.scopes.vars.get("request_response_code", 200) not in range(200, 300)
    await (clock.pass_between_tries if unheard else clock.pass_time)(duration / 1000)


async def switch(run: Run, params: JSON) -> None:
    value = run.scopes.path(to_text(run.scopes.fill(params["variable"])))
    steps = params["case"].get(to_text(value), params.get("default"))
    if steps is None or (value is UNDEFINED and "default" not in params):
        raise ScriptError(
            "relay_script_method_no_matching_condition", f"{params['variable']}={value!r}"[:120]
        )
    await run.steps(steps)


async def cond(run: Run, cases: list[JSON]) -> None:
    for case in cases:
        if "when" not in case or run.holds(case["when"]):
            await run.steps(case["then"] if "when" in case else case["else"])
            return
        if "else" in case:
            await run.steps(case["else"])
            return


async def label(run: Run, params: Any) -> None:
    """A place to jump to; running over it does nothing."""


async def goto(run: Run, params: Any) -> None:
    options = params if isinstance(params, dict) else {"label": params}
    name = to_text(run.scopes.fill(options["label"]))
    if "when" in options and not run.holds(options["when"]):
        return
    if run.may_jump_to(name, int(number(run, options.get("max"), 100.0))):
        run.spend_jump()
        raise Jump(name)


async def set_variables(run: Run, params: JSON) -> None:
    run.scopes.vars.update(run.scopes.fill(params))


async def unset(run: Run, params: Any) -> None:
    for name in params if isinstance(params, list) else [params]:
        run.scopes.vars.pop(to_text(name), None)


async def transfer(run: Run, params: JSON) -> None:
    run.spend_jump()
    run.scopes.params = run.scopes.fill(_object(params, "params"))
    document, section = await run.open(to_text(run.scopes.fill(params["dest"])))
    raise Moved(document, section)


async def execute(run: Run, params: Any) -> None:
    options = params if isinstance(params, dict) else {"dest": params}
    passed = run.scopes.fill(_object(options, "params"))
    outer, run.scopes.params = run.scopes.params, passed
    document, section = await run.open(to_text(run.scopes.fill(options["dest"])))
    run.scopes.params = outer
    run.scopes.vars.pop("return_value", None)
    await run.subroutine(document, section, passed)
    await run.steps(options.get("on_return", []))
    result = options.get("result")
    if result is not None and "return_value" in run.scopes.vars:
        if isinstance(result, list):
            await cond(run, result)
        else:
            await switch(run, {"variable": "return_value", **result})


async def return_value(run: Run, params: Any) -> None:
    raise Returned(run.scopes.fill(params))


async def hangup(run: Run, params: Any) -> None:
    raise HungUp(to_text((params or {}).get("reason", "hangup")))


async def send_digits(run: Run, params: JSON) -> None:
    run.acted = True
    await run.exchange.clock.pass_time(0.3 * len(to_text(params["digits"])))


async def request(run: Run, params: JSON) -> None:
    """An unsigned HTTP request of the document. Its answer is data and is never executed."""
    run.acted = True
    url = to_text(run.scopes.fill(params["url"]))
    method = to_text(params["method"]).upper()
    if method not in ("GET", "POST", "PUT", "DELETE"):
        raise ScriptError(INVALID_VALUE, f"request method {method!r}"[:60])
    body, headers = _request_body(run, params)
    try:
        reply = await run.exchange.wire.send(method, url, body, headers, _timeouts(run, params))
    except Unreachable:
        reply = None
    succeeded = reply is not None and reply.ok
    if run.call.row.keys:
        key = run.call.row.keys[-1]
        key["requested_ok"] = succeeded or bool(key["requested_ok"])
    _save_reply(run, url, reply, params.get("save_variables") in (True, "true"))


def _request_body(run: Run, params: JSON) -> tuple[bytes | None, dict[str, str]]:
    filled = run.scopes.fill(_object(params, "headers"))
    headers = {to_text(name): to_text(value) for name, value in filled.items()}
    value = run.scopes.fill(params.get("body"))
    if value is None:
        return None, headers
    body = value.encode("utf-8", "replace") if isinstance(value, str) else dumps(value)
    if "content-type" not in {name.lower() for name in headers}:
        is_json = body.lstrip().startswith((b"{", b"["))
        headers["Content-Type"] = "application/json" if is_json else "text/plain"
    return body, headers


def _timeouts(run: Run, params: JSON) -> ClientTimeout:
    """0 means no time-out, as documented; these seconds are the network's and stay unscaled."""
    return ClientTimeout(
        total=number(run, params.get("timeout"), 0.0) or None,
        sock_connect=number(run, params.get("connect_timeout"), 0.0) or None,
    )


def _save_reply(run: Run, url: str, reply: Reply | None, save_variables: bool) -> None:
    on_error = run.exchange.faults.knobs.failed_request_result
    result = "failed" if reply is None else "success" if reply.ok else on_error
    saved: JSON = {
        "request_url": url,
        "request_result": result,
        "return_value": result,
        "request_response_code": reply.status if reply else 0,
        "request_response_headers": dict(reply.headers) if reply else {},
        "request_response_body": reply.body[:LONGEST_BODY].decode("utf-8", "replace")
        if reply
        else "",
    }
    run.scopes.vars.pop("request_response", None)
    run.scopes.vars.update(saved)
    if reply is not None and save_variables:
        try:
            run.scopes.vars["request_response"] = json.loads(reply.body)
        except (ValueError, RecursionError):
            return  # documented: variables come from an answer that is JSON, else there are none


async def detect_machine(run: Run, params: Any) -> None:
    run.acted = True
    options = params or {}
    run.scopes.vars.update(detect_result="detecting", detect_machine_beep=False, detect_ms=0)
    if options.get("wait", True) in (False, "false"):
        if not options.get("status_url"):
            raise ScriptError(PARAMETER_MISSING, "detect_machine needs status_url with wait false")
        run.exchange.spawn(_detect(run, options))
    else:
        await _detect(run, options)


async def _detect(run: Run, options: JSON) -> None:
    wait_for_end = options.get("detect_message_end") in (True, "true")
    limit = number(run, options.get("timeout"), 30.0)
    found, beep, seconds = await run.callee.be_detected(wait_for_end, limit)
    run.scopes.vars.update(
        detect_result=found, detect_machine_beep=beep, detect_ms=int(seconds * 1000)
    )
    url = options.get("status_url")
    if url is None or run.call.status is Status.ENDED:
        return
    control_id = str(uuid4())
    outcome: JSON = {"event": found.upper(), **({"beep": True} if beep else {})}
    for event in (outcome, {"event": "finished"}):
        body = detect_event(run.call, control_id, event)
        name = f"detect {event['event']}"
        run.exchange.callbacks.notify(run.call, to_text(run.scopes.fill(url)), name, body)


def number(run: Run, value: Any, default: float) -> float:
    """A parameter that is a number, perhaps by way of a variable."""
    if value is None:
        return default
    try:
        result = float(run.scopes.fill(value))
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise ScriptError(INVALID_VALUE, f"not a number: {value!r}"[:80])
    return result


def _object(params: JSON, name: str) -> JSON:
    value = params.get(name) or {}
    if not isinstance(value, dict):
        raise ScriptError(WRONG_TYPE, f"{name} is not an object")
    return value


METHODS: dict[str, Method] = {
    "answer": answer,
    "cond": cond,
    "detect_machine": detect_machine,
    "execute": execute,
    "goto": goto,
    "hangup": hangup,
    "label": label,
    "play": play,
    "prompt": prompt,
    "request": request,
    "return": return_value,
    "send_digits": send_digits,
    "set": set_variables,
    "sleep": sleep,
    "switch": switch,
    "transfer": transfer,
    "unset": unset,
}
