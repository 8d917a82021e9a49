"""Audio on its way in from a browser or a program, and out to the provider that plays it.

It is served under any host name, as provider callbacks are; who has no signed address has nothing.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive

from campaigns import audio
from campaigns.db import transaction
from campaigns.errors import InvalidInput, NotFound
from campaigns.models import AudioFile
from campaigns.store.audio import read_audio
from campaigns.web.bodies import lift_bound

# What a multipart envelope may add to the file.
ENVELOPE_BYTES = 64 * 1024
RAW_TYPES = ("audio/", "application/octet-stream")
# An address is the content's own: what is behind it never changes.
CACHE = "public, max-age=31536000, immutable"
SHELF_BYTES = 64 * 1024 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Received:
    """An audio as it came, not looked into yet."""

    name: str
    data: bytes


async def receive_audio(request: Request, name: str | None = None) -> Received:
    """The audio of a request: a form with one file, or the bytes themselves as audio/...

    Raises 413 for more than 10 MB while they come, 415 for another kind of body, and `InvalidInput`
    for a form without a file. Call it after the request was let in: it reads the body.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    lift_bound(request.scope)
    bounded = Request(request.scope, _bounded(request.receive))
    try:
        if kind.startswith(RAW_TYPES):
            return Received(name or "audio", await bounded.body())
        if kind == "multipart/form-data":
            return await _from_form(bounded, name)
    except ClientDisconnect as gone:
        raise HTTPException(400, "The audio did not arrive whole. Nothing was kept.") from gone
    raise HTTPException(415, "Send a WAV or MP3 file as multipart/form-data, or raw as audio/wav.")


async def _from_form(request: Request, name: str | None) -> Received:
    async with request.form(max_files=1, max_fields=20) as form:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if not files or not files[0].filename:
            raise InvalidInput("No file was chosen. Choose a WAV or MP3 file.")
        return Received(name or files[0].filename, await files[0].read())


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > audio.MOST_BYTES + ENVELOPE_BYTES:
            raise HTTPException(
                413, f"The audio is larger than {audio.MOST_MB} MB. Nothing was kept."
            )
        return message

    return counted


class Shelf:
    """The audio that was played last, by content: a campaign plays the same one all day."""

    def __init__(self, most_bytes: int = SHELF_BYTES) -> None:
        self._most, self._used = most_bytes, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, sha256: str, read: Callable[[], bytes]) -> bytes:
        """The bytes with this content, from `read` unless they are at hand."""
        with self._lock:
            if (found := self._kept.get(sha256)) is not None:
                self._kept.move_to_end(sha256)
                return found
        data = read()
        with self._lock:
            if sha256 not in self._kept:
                self._kept[sha256] = data
                self._used += len(data)
            while self._used > self._most:
                self._used -= len(self._kept.popitem(last=False)[1])
        return data


_shelf = Shelf()


def serve_audio(request: Request) -> Response:
    """An audio, whole or a range of it."""
    state = request.app.state
    audio_id = state.vault.audio_of(request.path_params["token"])
    with transaction(state.engine) as session:
        found = audio.audio_by_id(session, audio_id)
        headers = {"ETag": f'"{found.sha256}"', "Accept-Ranges": "bytes", "Cache-Control": CACHE}
        if _has(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        span = _span(request, found.size, headers["ETag"])
        data = b"" if request.method == "HEAD" else _bytes(session, found)
    if span is None:
        return _answer(200, found, data, found.size, headers)
    start, end = span
    if start >= end:
        headers["Content-Range"] = f"bytes */{found.size}"
        return Response(status_code=416, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return _answer(206, found, data[start:end], end - start, headers)


def _bytes(session: Session, found: AudioFile) -> bytes:
    def read() -> bytes:
        data = read_audio(session, found.id)
        if data is None:  # deleted at this moment
            raise NotFound("There is nothing at this address.")
        return data

    return _shelf.get(found.sha256, read)


def _answer(
    status: int, found: AudioFile, data: bytes, length: int, headers: dict[str, str]
) -> Response:
    # Named here, since an answer to HEAD has no bytes to count.
    headers["Content-Length"] = str(length)
    return Response(data, status, headers, media_type=found.media_type)


def _has(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    named = [one.strip().removeprefix("W/") for one in header.split(",")]
    return etag in named or "*" in named


def _span(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """The one range that is asked for, as a half-open span; None for the whole."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or found[0] == "bytes=-" or request.headers.get("if-range", etag) != etag:
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None  # not a range at all
    return start, min(int(found[2]) + 1, size) if found[2] else size


routes = [
    Route(
        "/audio/{token}.{extension}",
        serve_audio,
        methods=["GET", "HEAD"],
        include_in_schema=False,
    )
]
