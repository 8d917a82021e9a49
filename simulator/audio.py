"""Fetching the audio that a document plays, and noting it in the call's row."""

from typing import Any

from simulator.calls import Call
from simulator.clock import Instant
from simulator.wire import DOCUMENT_TIMEOUT, Unreachable, Wire

PLAYABLE = ("audio/wav", "audio/x-wav", "audio/wave", "audio/mpeg", "audio/mp3")


async def fetch_audio(call: Call, wire: Wire, url: str) -> bool:
    """Whether there is an audio at `url` to be heard; the row says what was found.

    What cannot be had is the row's error too, and the document goes on without it.
    """
    note: dict[str, Any] = {
        "url": url,
        "at": Instant.now().iso(),
        "ok": False,
        "status": None,
        "content_type": None,
        "bytes": 0,
        "error": None,
    }
    call.row.audio.append(note)
    note["error"] = await _problem(wire, url, note)
    note["ok"] = note["error"] is None
    if not note["ok"]:
        call.row.script_error = call.row.script_error or f"no audio: {note['error']}"
    return bool(note["ok"])


async def _problem(wire: Wire, url: str, note: dict[str, Any]) -> str | None:
    try:
        reply = await wire.send("GET", url, None, {}, DOCUMENT_TIMEOUT)
    except Unreachable as error:
        return str(error)
    kind = reply.content_type.partition(";")[0].strip().lower()
    note |= {"status": reply.status, "content_type": kind, "bytes": len(reply.body)}
    if not reply.ok:
        return f"HTTP {reply.status}"
    if kind not in PLAYABLE:
        return f"content type {kind[:80]!r}"
    return None if reply.body else "empty"
