"""The moved world's fixtures."""

from tests.stateful.fixtures import moved, moved_engine, stories, world

__all__ = ["moved", "moved_engine", "stories", "world"]
