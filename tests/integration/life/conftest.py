"""The bench of the core's tests, for what is told about a campaign's life."""

from tests.integration.core.conftest import account, bench

__all__ = ["account", "bench"]
