"""Files on their way in: streamed to disk, counted and hashed as they come, never held in memory.

The framework's own form parsing would take the whole body before anything of ours has run, so the
multipart envelope is opened here, piece by piece.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from campaigns.errors import InvalidInput, Unavailable
from campaigns.importing import Fingerprint
from campaigns.web.bodies import lift_bound

UPLOADS = "uploads"  # below the data directory
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a bare file may be called. What it is, its bytes decide: browsers and programs guess.
RAW_TYPES = frozenset(
    {
        *("text/csv", "text/plain", "text/tab-separated-values", "application/csv"),
        *("application/octet-stream", "application/vnd.ms-excel", XLSX_TYPE),
    }
)
# What a multipart envelope may add to the file: boundaries, headers, a few small fields.
ENVELOPE_BYTES = 64 * 1024
_LONGEST_NAME = 200


@dataclass(slots=True)
class Upload:
    """A file that has arrived. It is deleted after the request unless `kept` is set."""

    path: Path
    stored_at: str
    file_name: str
    file: Fingerprint
    kept: bool = False


class _Sink:
    """Where the bytes of the file go. Raises 413 as soon as there are too many."""

    def __init__(self, path: Path, limit_mb: int) -> None:
        self._limit_mb = limit_mb
        self._left = limit_mb * 1024 * 1024
        self._digest = hashlib.sha256()
        self._stream = path.open("xb")
        self.size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._left:
            raise HTTPException(
                413,
                f"The file is larger than {self._limit_mb} MB. Nothing was imported. Split it, "
                "or raise OUTDIAL_MAX_UPLOAD_MB.",
            )
        self._digest.update(data)
        self._stream.write(data)

    def close(self) -> Fingerprint:
        self._stream.close()
        return Fingerprint(self._digest.hexdigest(), self.size)


class _Envelope:
    """Opens a multipart body as it comes and hands the bytes of its one file on."""

    def __init__(self, boundary: bytes, write: Callable[[bytes], None]) -> None:
        self.file_name: str | None = None
        self.complete = False
        self._write = write
        self._headers: dict[str, bytes] = {}
        self._field = self._value = b""
        self._in_file = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_field,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput("The multipart body cannot be read. Nothing was stored.") from error

    def _begin_part(self) -> None:
        self._headers = {}
        self._in_file = False

    def _add_to_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if b"filename" not in options:
            name = options.get(b"name", b"?").decode("utf-8", "replace")[:40]
            raise InvalidInput(
                f"Send {name!r} in the query of the address; the body holds the file alone."
            )
        if self.file_name is not None:
            raise InvalidInput("Send one file at a time. Nothing was stored.")
        self.file_name = options[b"filename"].decode("utf-8", "replace")
        self._in_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._write(data[start:end])

    def _end(self) -> None:
        self.complete = True


async def receive_file(
    request: Request, data_dir: Path, limit_mb: int, file_name: str | None
) -> Upload:
    """Take the file of a request: a multipart body with one file, or the bare bytes of one.

    Raises 413 for more than `limit_mb` MB while it streams, 415 for any other kind of body,
    `InvalidInput` for a broken or empty one and `Unavailable` when it cannot be stored.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = kind.decode("latin-1").lower()
    boundary = options.get(b"boundary")
    if media_type not in RAW_TYPES and (media_type != "multipart/form-data" or not boundary):
        raise HTTPException(
            415, "Send a CSV or XLSX file as multipart/form-data, or bare with its own type."
        )
    _refuse_announced_size(request, limit_mb)
    lift_bound(request.scope)
    stored_at = f"{UPLOADS}/{uuid.uuid4().hex}.list"
    path = data_dir / stored_at
    with _stored(path, limit_mb) as sink:
        if media_type in RAW_TYPES:
            await _drain(request, sink.write)
        else:
            file_name = await _unpack(request, boundary or b"", sink) or file_name
        found = sink.close()
        if not found.size:
            raise InvalidInput("The file is empty. Nothing was imported.")
    return Upload(path, stored_at, _plain_name(file_name, media_type), found)


@contextmanager
def _stored(path: Path, limit_mb: int) -> Iterator[_Sink]:
    """A new file, gone again when the block raises; trouble with it is `Unavailable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sink = _Sink(path, limit_mb)
    except OSError as error:
        raise _not_stored(error) from error
    try:
        yield sink
    except BaseException as error:
        sink.close()
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_stored(error) from error
        raise


def _not_stored(error: OSError) -> Unavailable:
    why = error.strerror or type(error).__name__
    return Unavailable(f"The file cannot be stored ({why}). Nothing was imported.")


def _refuse_announced_size(request: Request, limit_mb: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_mb * 1024 * 1024 + ENVELOPE_BYTES:
        raise HTTPException(
            413, f"The file is larger than {limit_mb} MB. Nothing was imported. Split it."
        )


async def _drain(request: Request, write: Callable[[bytes], None]) -> None:
    """Hand on the body piece by piece, on a thread: a slow disk must not stop other requests."""
    try:
        async for chunk in request.stream():
            if chunk:
                await run_in_threadpool(write, chunk)
    except ClientDisconnect as gone:
        # Nobody hears this; it keeps an everyday event from being logged as a fault.
        raise HTTPException(400, "The file did not arrive whole. Nothing was imported.") from gone


async def _unpack(request: Request, boundary: bytes, sink: _Sink) -> str | None:
    try:
        envelope = _Envelope(boundary, sink.write)
    except FormParserError as error:
        raise InvalidInput("The multipart boundary cannot be used.") from error
    await _drain(request, envelope.feed)
    if envelope.file_name is None:
        raise InvalidInput("The body holds no file. Nothing was imported.")
    if not envelope.complete:
        raise InvalidInput("The body ends in the middle of the file. Nothing was imported.")
    return envelope.file_name


def _plain_name(name: str | None, media_type: str) -> str:
    """A file's own name for people to recognise it by; it is never used as a path."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in last if c.isprintable()).strip()[:_LONGEST_NAME]
    return plain or ("list.xlsx" if media_type == XLSX_TYPE else "list.csv")
