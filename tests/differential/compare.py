"""Two outcomes compared, frame by frame and field by field: ids renamed, times masked, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.runs import masked


@dataclass(frozen=True)
class Outcome:
    """What a server made of a case."""

    frames: list[tuple[str, Any]]
    """Of the stream: each event's name and payload."""
    batch: tuple[int, Any]
    """Status and body."""


@dataclass(frozen=True)
class Difference:
    """One place where two outcomes differ."""

    where: str
    """`stream` or `batch`, and the JSON path."""
    ours: Any
    theirs: Any

    @property
    def signature(self) -> str:
        """What differences of one cause have in common: the place, without its positions."""
        return re.sub(r"\[[0-9]+\]", "[]", self.where)

    def __str__(self) -> str:
        ours, theirs = (json.dumps(v, ensure_ascii=False)[:200] for v in (self.ours, self.theirs))
        return f"{self.where}: the mock {ours}, the real server {theirs}"


@dataclass(frozen=True)
class Comparison:
    frames: int
    same_frames: int
    is_batch_same: bool
    differences: list[Difference]

    @property
    def is_same(self) -> bool:
        return not self.differences


def compare(ours: Outcome, theirs: Outcome) -> Comparison:
    """Compare the mock's outcome with the real server's."""
    our_frames, their_frames = (masked([list(f) for f in o.frames]) for o in (ours, theirs))
    pairs = zip(our_frames, their_frames, strict=False)
    same = sum(_text(mine) == _text(yours) for mine, yours in pairs)
    differences = list(_differences(our_frames, their_frames, "stream"))
    our_batch, their_batch = masked(list(ours.batch)), masked(list(theirs.batch))
    is_batch_same = _text(our_batch) == _text(their_batch)
    differences += _differences(our_batch, their_batch, "batch")
    return Comparison(max(len(our_frames), len(their_frames)), same, is_batch_same, differences)


def _text(value: Any) -> str:
    return json.dumps(value)


def _differences(ours: Any, theirs: Any, where: str) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield Difference(f"{where}: keys", list(ours), list(theirs))
        for key in ours.keys() & theirs.keys():
            yield from _differences(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        if len(ours) != len(theirs):
            yield Difference(f"{where}: length", len(ours), len(theirs))
        for index, (mine, yours) in enumerate(zip(ours, theirs, strict=False)):
            yield from _differences(mine, yours, f"{where}[{index}]")
    elif _text(ours) != _text(theirs):
        yield Difference(where, ours, theirs)
