"""Where a recurring campaign's list is read anew: a file below one directory, or an https address.

Neither may lead elsewhere: not a path out of the directory, not by way of a link either, and not an
address into our own network, nor a redirect to one.
"""

import os
import ssl
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from campaigns.config import Settings
from campaigns.errors import InvalidInput
from campaigns.notifying.addresses import (
    AddressRefused,
    GuardedBackend,
    Resolve,
    check_url,
    resolve,
)

SECONDS = 120.0  # for a whole download
MOST_REDIRECTS = 3
_CHUNK = 1024 * 1024
_LONGEST_PATH = 500
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOW = 'Write {"file": "folder/list.csv"} or {"url": "https://example.org/list.csv"}.'


class SourceFailed(InvalidInput):
    """A list could not be read this time; it may be the next time."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list is read: `file`, below the directory of lists, or `url`."""

    file: str | None = None
    url: str | None = None

    @classmethod
    def parse(cls, value: object, *, allow_private: bool) -> Self:
        """A source from JSON, for its form alone; nothing is read. Raises `InvalidInput`."""
        if not isinstance(value, Mapping) or len(value) != 1:
            raise InvalidInput(f"A list is read from one file or one address. {_HOW}")
        ((kind, where),) = value.items()
        if not isinstance(where, str) or kind not in ("file", "url"):
            raise InvalidInput(f"A list is read from a file or an address. {_HOW}")
        if kind == "file":
            return cls(file=_plain_path(where))
        if "@" in where.partition("://")[2].partition("/")[0]:
            raise InvalidInput("Leave name and password out of the address of a list.")
        return cls(url=check_url(where, allow_private=allow_private))

    def serialise(self) -> dict[str, Any]:
        """The JSON form that `parse` reads back to an equal value."""
        return {"file": self.file} if self.file is not None else {"url": self.url}

    def __str__(self) -> str:
        """The source as people may see it: what follows a question mark may be a password."""
        if self.url is None:
            return f"the file {self.file}"
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}{'?...' if parts.query else ''}"


def _plain_path(text: str) -> str:
    path = PurePosixPath(text.strip())
    parts = path.parts
    if (
        not parts
        or len(text) > _LONGEST_PATH
        or path.is_absolute()
        or ".." in parts
        or any(not part.isprintable() or "\\" in part for part in parts)
    ):
        raise InvalidInput(
            f"“{text[:60]}” is not a file below the directory of lists. "
            "Name it from there on, as folder/list.csv."
        )
    return str(path)


class Reader:
    """Reads sources into files of ours, bounded in size and time. Safe on any number of threads."""

    def __init__(
        self,
        directory: Path | None,
        most_mb: int,
        *,
        allow_private: bool = False,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`directory` is the one of lists; None: no files are read."""
        self.allow_private = allow_private
        self._directory, self._most_mb, self._seconds = directory, most_mb, seconds
        self._resolve, self._tls = resolver, tls

    @classmethod
    def of(cls, config: Settings) -> "Reader":
        """As the settings have it."""
        return cls(
            config.sources_dir, config.max_upload_mb, allow_private=config.webhook_allow_private
        )

    def check(self, value: object) -> Source:
        """A source that may be read here, for its form alone. Raises `InvalidInput`."""
        source = Source.parse(value, allow_private=self.allow_private)
        if source.file is not None and self._directory is None:
            raise InvalidInput(
                "No directory of lists is set up here (OUTDIAL_SOURCES_DIR), so no file can be "
                "read again. Nothing was changed. Use an https address, or set it up."
            )
        return source

    def read(self, source: Source, target: Path) -> str:
        """Write the source to `target` as it is now; returns the list's name.

        Raises `SourceFailed` in words; `target` may then hold a part.
        """
        try:
            with target.open("xb") as out:
                write = _bounded(out.write, self._most_mb)
                if source.file is not None:
                    return self._copy(source.file, write)
                return self._download(str(source.url), write)
        except AddressRefused as error:
            raise SourceFailed(f"{source} cannot be read: {error}") from error
        except httpcore.TimeoutException as error:
            raise SourceFailed(
                f"{source} did not send the whole list within {self._seconds:g} seconds."
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            raise SourceFailed(f"{source} cannot be read: {str(error)[:200]}.") from error
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            why = getattr(error, "strerror", None) or type(error).__name__
            raise SourceFailed(f"{source} cannot be read: {why}.") from error

    def _copy(self, name: str, write: Callable[[bytes], object]) -> str:
        if self._directory is None:
            raise SourceFailed("No directory of lists is set up here (OUTDIAL_SOURCES_DIR).")
        with _opened_below(self._directory, name) as descriptor:
            before = _state(descriptor)
            while chunk := os.read(descriptor, _CHUNK):
                write(chunk)
            # Half of a row may end in a number that is somebody else's.
            if _state(descriptor) != before:
                raise SourceFailed(f"The file {name} was written while it was read.")
        return PurePosixPath(name).name

    def _download(self, url: str, write: Callable[[bytes], object]) -> str:
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            check_url(asked, allow_private=self.allow_private)
            redirected = self._exchange(asked, write)
            if redirected is None:
                return unquote(urlsplit(url).path.rpartition("/")[2])[:200] or "list"
            asked = urljoin(asked, redirected)
        raise SourceFailed(f"{Source(url=url)} redirects more than {MOST_REDIRECTS} times.")

    def _exchange(self, url: str, write: Callable[[bytes], object]) -> str | None:
        """Write what is at `url`; or where it redirects to, which is judged anew."""
        backend = GuardedBackend(
            self._resolve, allow_private=self.allow_private, seconds=self._seconds
        )
        headers = [(b"User-Agent", b"Outdial-Lists/1"), (b"Accept-Encoding", b"identity")]
        tls = self._tls or httpcore.default_ssl_context()
        with (
            httpcore.ConnectionPool(tls, network_backend=backend) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            told = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in told:
                return told[b"location"].decode("ascii", "replace")
            if response.status != 200:
                raise SourceFailed(f"{Source(url=url)} answered {response.status}.")
            if told.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
                raise SourceFailed(f"{Source(url=url)} sends the list packed, which was not asked.")
            for chunk in response.iter_stream():
                write(chunk)
        return None


def _state(descriptor: int) -> tuple[int, int]:
    """What changes when somebody writes to an open file."""
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def _bounded(write: Callable[[bytes], object], most_mb: int) -> Callable[[bytes], object]:
    left = most_mb * 1024 * 1024

    def bounded(data: bytes) -> object:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise SourceFailed(
                f"The list is larger than {most_mb} MB. Split it, or raise OUTDIAL_MAX_UPLOAD_MB."
            )
        return write(data)

    return bounded


@contextmanager
def _opened_below(directory: Path, name: str) -> Iterator[int]:
    """A regular file below a directory, open for reading. Links are followed, but not out of it.

    Where they lead is found first and judged; then each folder on the way is opened from the one
    above without following a link, so that one put there in between leads nowhere.
    """
    root = directory.resolve(strict=True)
    real = (root / name).resolve(strict=True)
    if not real.is_relative_to(root) or real == root:
        raise SourceFailed(f"The file {name} leads out of the directory of lists.")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, last = real.relative_to(root).parts
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not blocking: a pipe would be waited for.
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceFailed(f"{name} is not a file.")
        yield descriptor
    finally:
        os.close(descriptor)
