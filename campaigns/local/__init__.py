"""One machine, nothing to install: embedded PostgreSQL and Redis, and the supervisor of processes.

The names are loaded on first use, so that an entry point which only needs `exit_with_owner`
does not pay for database drivers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.local.owner import exit_with_owner
    from campaigns.local.ports import free_port
    from campaigns.local.servers import (
        PostgresStatus,
        RedisStatus,
        ServerStatus,
        ServerUrls,
        ServerUser,
        embedded_servers,
        revive_servers,
        server_status,
    )
    from campaigns.local.signals import termination_interrupts
    from campaigns.local.supervisor import ChildSpec, Supervisor

__all__ = [
    "ChildSpec",
    "PostgresStatus",
    "RedisStatus",
    "ServerStatus",
    "ServerUrls",
    "ServerUser",
    "Supervisor",
    "embedded_servers",
    "exit_with_owner",
    "free_port",
    "revive_servers",
    "server_status",
    "termination_interrupts",
]

_HOME = {
    "ChildSpec": "supervisor",
    "Supervisor": "supervisor",
    "exit_with_owner": "owner",
    "free_port": "ports",
    "termination_interrupts": "signals",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module; everything not listed lives in `servers`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'servers')}"), name)
