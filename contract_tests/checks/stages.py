"""When a check runs, and how it says that the target offers nothing to look at."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """When a check runs. Those that start no runs come first: they are free."""

    REFUSALS = 1
    STREAMS = 2
    PROBES = 3
    BATCHES = 4
    GENERATED = 5


class CannotDecide(Exception):
    """Raised by a check: the target offers nothing that could show its requirements broken."""
