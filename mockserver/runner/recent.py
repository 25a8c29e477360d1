"""What was used last, up to so many bytes: streamed runs, the ids of cancelled ones."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_OF_ENTRY = 200
"""Bytes that CPython 3.11 needs for an entry, about, besides its texts."""


@dataclass(frozen=True)
class StreamedRun:
    """What a streamed run has said so far, or in all."""

    status: str
    events: tuple[bytes, ...]
    """Their payloads."""

    def event_payloads(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events]


class Recent(Generic[T]):
    """Values by name; beyond `max_bytes` those longest unused are forgotten."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._size = 0

    def get(self, name: str) -> T | None:
        if name not in self._kept:
            return None
        self._kept.move_to_end(name)
        return self._kept[name][0]

    def put(self, name: str, value: T, size: int = 0) -> None:
        """Keep a value of `size` bytes. One that is larger than everything may be is not kept."""
        self.pop(name)
        size += _OF_ENTRY + len(name)
        self._kept[name] = (value, size)
        self._size += size
        while self._size > self._max_bytes:
            _, (_, forgotten) = self._kept.popitem(last=False)
            self._size -= forgotten

    def pop(self, name: str) -> T | None:
        """A value, which is forgotten."""
        value, size = self._kept.pop(name, (None, 0))
        self._size -= size
        return value
