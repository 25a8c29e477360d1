"""Two outcomes compared, frame by frame and field by field: ids renamed, times masked, no more.

Keys must stand in the same order, and where the values are the same, so must be the bytes: the
spaces, the escapes and the digits of the JSON, and the lines around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tests.runs import masked


@dataclass(frozen=True)
class Outcome:
    """What a server made of a case."""

    frames: list[tuple[str, Any]]
    """Of the stream: each event's name and payload."""
    batch: tuple[int, Any]
    """Status and body."""
    heads: tuple[str, str] = ("", "")
    """Status and content type of the stream, and of the batch answer."""
    texts: tuple[str, str] = ("", "")
    """The stream and the batch answer as they came."""


@dataclass(frozen=True)
class Difference:
    """One place where two outcomes differ."""

    where: str
    """`stream` or `batch`, and the JSON path."""
    signature: str
    """What differences of one cause have in common: the event and the path, without positions."""
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        ours, theirs = (json.dumps(v, ensure_ascii=False)[:200] for v in (self.ours, self.theirs))
        return f"{self.where}: the mock {ours}, the real server {theirs}"


@dataclass(frozen=True)
class Comparison:
    frames: int
    """As many as the longer stream has."""
    same_frames: int
    """Those equal, position by position."""
    stream: list[Difference]
    batch: list[Difference]

    @property
    def is_same(self) -> bool:
        return not self.differences

    @property
    def differences(self) -> list[Difference]:
        return self.stream + self.batch

    @property
    def causes(self) -> list[Difference]:
        """The first difference of each mode: what comes after may follow from it."""
        return self.stream[:1] + self.batch[:1]


def compare(ours: Outcome, theirs: Outcome) -> Comparison:
    """Compare the mock's outcome with the real server's."""
    our_frames, their_frames = (masked([list(f) for f in o.frames]) for o in (ours, theirs))
    same = sum(
        _text(mine) == _text(yours) for mine, yours in zip(our_frames, their_frames, strict=False)
    )
    found: list[Difference] = []
    for index, (mine, yours) in enumerate(zip_longest(our_frames, their_frames)):
        found += _frame_differences(index, mine, yours)
    stream = found or list(_wire_differences("stream", 0, ours, theirs))
    our_batch, their_batch = masked(list(ours.batch)), masked(list(theirs.batch))
    batch = list(_differences(our_batch[1], their_batch[1], "batch", "batch "))
    if our_batch[0] != their_batch[0]:
        statuses = f"batch: status {our_batch[0]} for {their_batch[0]}"
        batch.insert(0, Difference("batch: status", statuses, our_batch, their_batch))
    batch = batch or list(_wire_differences("batch", 1, ours, theirs))
    return Comparison(max(len(our_frames), len(their_frames)), same, stream, batch)


def _text(value: Any) -> str:
    return json.dumps(value)


def _frame_differences(index: int, ours: Any, theirs: Any) -> Iterator[Difference]:
    where = f"stream[{index}]"
    names = [frame[0] if frame else "nothing" for frame in (ours, theirs)]
    if names[0] != names[1]:
        yield Difference(where, f"stream: {names[0]} for {names[1]}", ours, theirs)
        return
    yield from _differences(ours[1], theirs[1], where, f"stream {names[0]}")


def _differences(ours: Any, theirs: Any, where: str, about: str) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        mine, yours = list(ours), list(theirs)
        if mine != yours:
            kind = _difference_of_keys(mine, yours)
            yield Difference(f"{where}: keys", f"{_path(about)}: {kind}", mine, yours)
        for key in mine:
            if key in theirs:
                place = f".{key}" if re.fullmatch(r"\w+", key) else "[key]"
                yield from _differences(
                    ours[key], theirs[key], f"{where}{place}", f"{about}{place}"
                )
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield Difference(f"{where}: length", f"{_path(about)}: length", ours, theirs)
        for index, (mine_, yours_) in enumerate(zip(ours, theirs, strict=False)):
            yield from _differences(mine_, yours_, f"{where}[{index}]", f"{about}[]")
    elif _text(ours) != _text(theirs):
        yield Difference(where, _path(about), ours, theirs)


def _difference_of_keys(ours: list[str], theirs: list[str]) -> str:
    missing = ", ".join(key for key in theirs if key not in ours)
    more = ", ".join(key for key in ours if key not in theirs)
    if not missing and not more:
        return "order of keys"
    return " and ".join(
        f"{text} {keys}" for text, keys in (("without", missing), ("with", more)) if keys
    )


def _path(about: str) -> str:
    """Results within results are one place, however deep."""
    return re.sub(r"(\.steps\[\])+", ".steps[]", about)


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SECONDS = re.compile(r"completed in [0-9.]+s")
_TIME = re.compile(
    r'("(?:created_at|start_time|end_time|duration|time_to_first_token)": ?)'
    r"-?[0-9]+(\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)


_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{6})?\+00:00")


def _masked_text(text: str) -> str:
    """`text` with ids renamed by first appearance and times left out; their types are not."""
    ids: dict[str, str] = {}
    text = _UUID.sub(lambda found: ids.setdefault(found[0], f"ID{len(ids)}"), text)
    text = _MOMENT.sub("MOMENT", _SECONDS.sub("completed in TIME", text))
    return _TIME.sub(lambda found: f"{found[1]}{'FLOAT' if found[2] else 'INTEGER'}", text)


def _wire_differences(
    mode: str, position: int, ours: Outcome, theirs: Outcome
) -> Iterator[Difference]:
    """Where the values are the same: what differs in how they came."""
    heads = ours.heads[position], theirs.heads[position]
    if heads[0] != heads[1]:
        yield Difference(f"{mode}: head", f"{mode}: {heads[0]} for {heads[1]}", *heads)
    mine, yours = _masked_text(ours.texts[position]), _masked_text(theirs.texts[position])
    if mine == yours:
        return
    first = next(
        (i for i, (a, b) in enumerate(zip(mine, yours, strict=False)) if a != b),
        min(len(mine), len(yours)),
    )
    start = max(0, first - 60)
    around = mine[start : first + 60], yours[start : first + 60]
    yield Difference(f"{mode}: character {first}", f"{mode}: as text", *around)
