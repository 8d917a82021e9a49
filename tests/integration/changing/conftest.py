"""The bench of the core's tests, for changes of what it runs."""

from tests.integration.core.conftest import account, bench, campaign, ticker

__all__ = ["account", "bench", "campaign", "ticker"]
