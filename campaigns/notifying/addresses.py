"""Which addresses a webhook may be sent to: never into our own network.

The name is resolved once for each delivery, every address it has is judged, and the connection is
made to one of those very addresses. A name that is public today and private tomorrow is refused
tomorrow.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from campaigns.errors import InvalidInput

PORTS = (443, 8443)
LONGEST_URL = 2000
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
SocketOption = httpcore.SOCKET_OPTION

# All IPv6 addresses that are given out to the public internet, and those behind which a translator
# stands that sends on to the IPv4 address inside (NAT64, RFC 6052). Anything else is special.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(InvalidInput):
    """A webhook must not be sent there."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def check_url(url: str, *, allow_private: bool) -> str:
    """The URL as it is kept, when a webhook may be sent to it. Raises `AddressRefused`.

    No name is looked up here: that is done, and judged, at every delivery.
    """
    if len(url) > LONGEST_URL or any(not 32 < ord(one) < 127 for one in url):
        raise AddressRefused(
            f"The address must have at most {LONGEST_URL} characters, plain ASCII without spaces. "
            "Write other letters in their encoded form (xn--..., %C3%BC)."
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise AddressRefused(f"The address cannot be read: {error}.") from error
    if not host:
        raise AddressRefused("Give a whole address, as https://example.org/outdial.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("Leave name and password out of the address: each call is signed.")
    if parts.fragment:
        raise AddressRefused("Leave the part after # out of the address: it is never sent.")
    _check_scheme(parts, port, allow_private=allow_private)
    if not allow_private:
        check_addresses(host, _written_as_number(host))
    return url


def _check_scheme(parts: SplitResult, port: int | None, *, allow_private: bool) -> None:
    if allow_private:
        if parts.scheme not in ("http", "https"):
            raise AddressRefused("The address must begin with https:// or http://.")
        return
    if parts.scheme != "https":
        raise AddressRefused("The address must begin with https://: what is sent names people.")
    if (port or 443) not in PORTS:
        raise AddressRefused(f"The port must be 443 or 8443, not {port}.")


def _written_as_number(host: str) -> list[str]:
    """The address that a host is, in any spelling (127.1, 0x7f000001, ::1); empty for a name."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(one[4][0]) for one in found]


def check_addresses(host: str, addresses: Iterable[str]) -> None:
    """Raise `AddressRefused` when any of a host's addresses is not on the public internet."""
    for address in addresses:
        if not is_public(address):
            raise AddressRefused(
                f"{host} leads to {address}, which is not on the public internet. Nothing was "
                "sent. OUTDIAL_WEBHOOK_ALLOW_PRIVATE allows it, for development."
            )


def is_public(address: str) -> bool:
    """Whether an address, and each address it carries inside, is on the public internet."""
    try:
        outer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_public(one) for one in _carried(outer))


def _is_public(address: IpAddress) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST or address in _NAT64


def _carried(outer: IpAddress) -> list[IpAddress]:
    """The addresses a packet to `outer` may end at."""
    if isinstance(outer, ipaddress.IPv4Address):
        return [outer]
    if outer.ipv4_mapped is not None:
        return [outer.ipv4_mapped]  # the kernel sends it as plain IPv4
    if outer.sixtofour is not None:
        return [outer, outer.sixtofour]
    if outer.teredo is not None:
        return [outer, *outer.teredo]
    if outer in _NAT64:
        return [outer, ipaddress.IPv4Address(int(outer) & 0xFFFFFFFF)]
    return [outer]


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that were judged, and to nothing else; ends at a deadline.

    TLS is still spoken with the name: its certificate is asked for, and checked.
    """

    def __init__(self, resolver: Resolve, *, allow_private: bool, seconds: float) -> None:
        self._resolve, self._allow_private = resolver, allow_private
        self._deadline = monotonic() + seconds
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers. Raises `AddressRefused`."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if not self._allow_private:
            check_addresses(host, addresses)
        trouble: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address, port, _time_left(self._deadline), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return _Deadlined(stream, self._deadline)
        raise trouble


class _Deadlined(httpcore.NetworkStream):
    """A stream on which no byte is waited for beyond the deadline of the whole exchange."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _time_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _time_left(self._deadline)
        return _Deadlined(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _time_left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is up")
    return left
