"""One POST to one endpoint: no redirects, no proxy, a deadline, and only the answer's beginning."""

import email.utils
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import httpcore

from campaigns.notifying.addresses import AddressRefused, GuardedBackend, Resolve, check_url

SECONDS = 15.0
KEPT_BYTES = 1024
TOO_BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a POST. `status` None: no answer came, and `error` says why."""

    status: int | None
    error: str | None
    milliseconds: int
    text: str | None = None
    retry_after: float | None = None  # seconds the receiver asked us to wait

    @property
    def ok(self) -> bool:
        """Whether the receiver accepted it (2xx)."""
        return self.status is not None and 200 <= self.status < 300


class Poster:
    """Sends bodies to addresses that may be sent to. Safe on any number of threads."""

    def __init__(
        self,
        resolver: Resolve,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._resolve, self._allow_private, self._seconds = resolver, allow_private, seconds
        self._tls = tls or httpcore.default_ssl_context()

    def post(self, url: str, body: str, headers: Mapping[str, str]) -> Reply:
        """POST `body` once. Whatever goes wrong is in the reply."""
        began = monotonic()
        try:
            check_url(url, allow_private=self._allow_private)
            return self._exchange(url, body.encode(), headers, began)
        except AddressRefused as error:
            return Reply(None, str(error), _since(began))
        except httpcore.TimeoutException:
            sentence = f"No complete answer within {self._seconds:g} seconds."
            return Reply(None, sentence, _since(began))
        except Exception as error:  # of whatever kind: a delivery must end with a record
            return Reply(None, f"{type(error).__name__}: {error}"[:500], _since(began))

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], began: float) -> Reply:
        backend = GuardedBackend(
            self._resolve, allow_private=self._allow_private, seconds=self._seconds
        )
        sent = {"Content-Type": "application/json", "User-Agent": "Outdial-Webhooks/1", **headers}
        with (
            # Made for this exchange alone: a connection that is kept would be one to an address
            # that was judged for an earlier delivery.
            httpcore.ConnectionPool(self._tls, network_backend=backend) as pool,
            pool.stream("POST", url, headers=_encoded(sent), content=body) as response,
        ):
            text = _beginning(response)
            status = response.status
            asked = _retry_after(response) if status in TOO_BUSY else None
        return Reply(status, _complaint(status), _since(began), text, asked)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _complaint(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"Answered {status}: redirects are not followed. Enter the address it leads to."
    return f"Answered {status}."


def _beginning(response: httpcore.Response) -> str:
    """The first kilobyte of an answer as text; the rest is not read."""
    kept = b""
    try:
        for chunk in response.iter_stream():
            kept += chunk[: KEPT_BYTES - len(kept)]
            if len(kept) >= KEPT_BYTES:
                break
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        pass  # the status has come, and it is what counts
    return kept.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _retry_after(response: httpcore.Response) -> float | None:
    values = [value for name, value in response.headers if name.lower() == b"retry-after"]
    if not values:
        return None
    text = values[0].decode("ascii", "replace").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _since(began: float) -> int:
    return round((monotonic() - began) * 1000)
