"""The command line: `outdial ...`."""

from campaigns.cli.main import main

__all__ = ["main"]
