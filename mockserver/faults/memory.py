"""What faults remember: of one run, and from one request to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from mockserver.engine.run import Run

MAX_MARKS = 1000
"""Ids that one fault remembers; the oldest are forgotten."""


class Memory:
    """What one fault remembers from one request to the next, as long as the server lives."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        """A few values under fixed names."""
        self._marks: dict[bytes, None] = {}

    def mark(self, text: str) -> bool:
        """Remember an id; whether it had not been remembered. At most MAX_MARKS are."""
        key = _digest(text)
        is_new = key not in self._marks
        self._marks.pop(key, None)
        self._marks[key] = None
        while len(self._marks) > MAX_MARKS:
            del self._marks[next(iter(self._marks))]
        return is_new

    def unmark(self, text: str) -> None:
        self._marks.pop(_digest(text), None)

    def is_marked(self, text: str) -> bool:
        return _digest(text) in self._marks


def _digest(text: str) -> bytes:
    # An id may be as long as a request; what is kept of it is not.
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Memories:
    """Each fault's memory, of one server."""

    def __init__(self) -> None:
        self._by_name: dict[str, Memory] = {}

    def of(self, name: str) -> Memory:
        return self._by_name.setdefault(name, Memory())


@dataclass
class FaultState:
    """What one fault knows of one run."""

    run: Run
    memory: Memory
    under_way: Callable[[], list[Run]]
    """The runs that are under way at the same time, this one among them."""
    before: set[str] = field(default_factory=set)
    """The names of the events before this one."""
    notes: dict[str, Any] = field(default_factory=dict)
    """The fault's own."""
