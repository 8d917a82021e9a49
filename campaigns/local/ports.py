"""Free TCP ports."""

import errno
import socket

from campaigns.errors import NotConfigured

NEIGHBOURS = 20
_TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)


def free_port(host: str, preferred: int = 0) -> int:
    """A port free to listen on: `preferred`, else one of the next twenty, else any (0: any).

    Another process may take the port before the caller binds it, so binding may still fail.
    Raises NotConfigured when `host` is not an address of this machine.
    """
    near = range(preferred, min(preferred + NEIGHBOURS, 65535) + 1) if preferred else ()
    for candidate in (*near, 0):
        port = _bindable(host, candidate)
        if port is not None:
            return port
    raise NotConfigured(f"No free TCP port was found on {host}.")


def _bindable(host: str, port: int) -> int | None:
    """The port the system gave, or None when `port` is taken or reserved."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections linger in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno in _TAKEN:
            return None
        raise NotConfigured(f"This machine cannot listen on {host!r}: {error}") from error
