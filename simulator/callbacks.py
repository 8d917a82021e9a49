"""Status callbacks: sent in order, tried three times, best effort, and unreliable on demand."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from simulator.auth import Signer
from simulator.calls import Call, Status
from simulator.clock import Instant
from simulator.envelopes import Body, forged_state, oversized
from simulator.faults import Faults
from simulator.wire import CALLBACK_TIMEOUT, Unreachable, Wire

TRIES = 3
SPENT: Body = (b"", "")  # in place of a body that was delivered, for calls are kept for ever
Spawn = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(slots=True, eq=False)
class Parcel:
    """One callback on its way. `note` is its entry in the books."""

    url: str
    body: Body
    note: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    behind: "Parcel | None" = None
    delay: float = 0.0
    tries: int = TRIES
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class Callbacks:
    """Sends notifications of calls to the product and writes down what came of each."""

    def __init__(self, wire: Wire, signer: Signer, faults: Faults, spawn: Spawn) -> None:
        self._wire = wire
        self._signer = signer
        self._faults = faults
        self._spawn = spawn
        self.reset()

    def reset(self) -> None:
        """Drop what a burst has gathered."""
        self._pen: list[Parcel] = []

    def notify(self, call: Call, url: str, event: str, body: Body) -> None:
        """Send one event of a call, or do to it what the faults say."""
        parcel = Parcel(url, body, self._note(call, event))
        if self._lost(call, parcel, event):
            return
        if event != Status.ENDED and self._faults.strikes("reorder"):
            parcel.note["fault"] = "reorder"
            call.held_parcels.append(parcel)
            return
        self._post(call, parcel)
        self._send_extras(call, parcel, event)
        # What was held back follows the event that overtook it.
        held, call.held_parcels = call.held_parcels, []
        for overtaken in held:
            self._post(call, overtaken)

    def release(self) -> None:
        """Let go of everything a burst has gathered, all at once."""
        pen, self._pen = self._pen, []
        for parcel in pen:
            self._spawn(self._deliver(parcel))

    def _lost(self, call: Call, parcel: Parcel, event: str) -> bool:
        if call.mute:
            parcel.note["fault"] = "lose_all"
        elif event == Status.ENDED and self._faults.strikes("lose_ended"):
            parcel.note["fault"] = "lose_ended"
        elif self._faults.strikes("lose"):
            parcel.note["fault"] = "lose"
        else:
            return False
        return True

    def _post(self, call: Call, parcel: Parcel) -> None:
        parcel.delay = self._faults.seconds("late")
        if parcel.delay:
            parcel.note["fault"] = "late"
            parcel.tried.set()  # nobody waits for a late one
        else:
            parcel.behind, call.last_parcel = call.last_parcel, parcel
        if self._faults.knobs.sign_callbacks:
            parcel.headers = self._signer.headers(parcel.url, parcel.body[0])
        if self._faults.knobs.burst:
            self._faults.count("burst")
            self._pen.append(parcel)
        else:
            self._spawn(self._deliver(parcel))

    def _send_extras(self, call: Call, parcel: Parcel, event: str) -> None:
        knobs = self._faults.knobs
        if self._faults.strikes("duplicate"):
            self._extra(call, parcel.url, parcel.body, event, "duplicate", parcel.headers)
        if self._faults.strikes("forge"):
            lie = forged_state(call, knobs)
            elsewhere = with_wrong_token(parcel.url)
            signed = self._signer.headers(elsewhere, lie[0])
            self._extra(call, elsewhere, lie, event, "forge_token", signed)
            forged = self._signer.forged_headers()
            self._extra(call, parcel.url, lie, event, "forge_signature", forged)
        if self._faults.strikes("huge"):
            self._extra(call, parcel.url, oversized(call, knobs), event, "huge", {})

    def _extra(
        self, call: Call, url: str, body: Body, event: str, fault: str, headers: dict[str, str]
    ) -> None:
        note = self._note(call, event, fault)
        self._spawn(self._deliver(Parcel(url, body, note, headers, call.last_parcel, tries=1)))

    def _note(self, call: Call, event: str, fault: str | None = None) -> dict[str, Any]:
        note = {
            "event": event,
            "at": Instant.now().iso(),
            "tries": 0,
            "ok": None,
            "status": None,
            "fault": fault,
        }
        call.row.events_sent.append(note)
        return note

    async def _deliver(self, parcel: Parcel) -> None:
        if parcel.delay:
            await asyncio.sleep(parcel.delay)
        if parcel.behind is not None:
            behind, parcel.behind = parcel.behind, None  # or every callback of a call is kept
            await behind.tried.wait()
        for attempt in range(1, parcel.tries + 1):
            await self._try(parcel)
            parcel.tried.set()
            if parcel.note["ok"] or attempt == parcel.tries:
                break
            await asyncio.sleep(self._faults.knobs.callback_retry_pause * attempt)
        parcel.body = SPENT

    async def _try(self, parcel: Parcel) -> None:
        payload, content_type = parcel.body
        headers = {"Content-Type": content_type, **parcel.headers}
        parcel.note["tries"] += 1
        try:
            reply = await self._wire.send("POST", parcel.url, payload, headers, CALLBACK_TIMEOUT)
        except Unreachable:
            parcel.note.update(ok=False, status=None)
        else:
            parcel.note.update(ok=reply.ok, status=reply.status)


def with_wrong_token(url: str) -> str:
    """The URL with the end of its last path segment, where the token is, replaced."""
    end = min((url.index(mark) for mark in "?#" if mark in url), default=len(url))
    head, slash, token = url[:end].rpartition("/")
    wrong = token[:-4] + "".join("A" if char != "A" else "B" for char in token[-4:])
    return f"{head}{slash}{wrong or 'forged'}{url[end:]}"
