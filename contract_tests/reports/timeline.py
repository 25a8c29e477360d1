"""A stream as a timeline: what ran from when to when, and the events around the one that matters.

The run's own state machine says what started and ended where; nothing is judged here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.events import CONTAINERS, Scope
from agentos_contract.json_values import read_json_object
from agentos_contract.spans import Span
from agentos_contract.state_machine import RunStateMachine
from contract_tests.reports.terminal import cut
from contract_tests.target.exchange import Exchange

Clean = Callable[[str], str]
"""Takes the token out of a text."""

MAX_BARS = 48
"""Spans that are drawn."""

BEFORE, AFTER = 12, 8
"""Events beside the marked one that are shown in full."""

MAX_ROWS = 120
"""Events that are listed beyond those, before and after together."""

MAX_DATA, SHORT_DATA = 4000, 160
"""Characters of an event's data: near the marked one, and on one line."""

_SHOWN_ELSEWHERE = frozenset(
    {"created_at", "event", "workflow_id", "workflow_name", "session_id", "step_name", "agent_name"}
)
"""Fields that a line leaves out: they are the same everywhere, or stand beside it."""

_KINDS = {
    Scope.WORKFLOW: "workflow",
    Scope.STEP: "step",
    Scope.ITERATION: "container",
    Scope.RUN: "run",
    **dict.fromkeys(CONTAINERS, "container"),
}


@dataclass(frozen=True)
class Bar:
    """One span, drawn by the order of events: as wide as the events that came meanwhile."""

    label: str
    kind: str
    """`workflow`, `container`, `step`, `run` or `call`."""
    depth: int
    left: float
    """Percent of the whole stream."""
    width: float
    seconds: str
    """`0.012 - 0.480 s`."""
    is_open: bool
    """Whether it never ended."""
    is_marked: bool
    """Whether the marked event starts or ends it."""


@dataclass(frozen=True)
class Row:
    """One event."""

    number: int
    """From 1."""
    seconds: str
    name: str
    about: str
    """The step, agent or tool that it names."""
    depth: int
    summary: str
    """Its data on one line, without what is the same everywhere."""
    data: str
    """Its data, as it came or a field a line; "" for events that are not near."""
    is_marked: bool


@dataclass(frozen=True)
class Timeline:
    """What the page shows of one stream."""

    bars: Sequence[Bar]
    bars_left_out: int
    drawn: tuple[int, int]
    """The numbers of the first and the last event that the bars are drawn over."""
    marker: float | None
    """Where the marked event stands, in percent; None where no single one is to blame."""
    before: Sequence[Row]
    """Listed, but not near."""
    near: Sequence[Row]
    after: Sequence[Row]
    count: int
    left_out: int
    """Events that are not listed."""
    seconds: str
    end: str
    """How the stream ended, if not as it should: "" where it did."""


class Timelines:
    """Makes timelines; a stream that shows several failures is followed once."""

    def __init__(self, clean: Clean) -> None:
        self._clean = clean
        self._followed: dict[int, _Followed] = {}

    def of(self, exchange: Exchange, marked: int | None) -> Timeline | None:
        """The timeline of a stream with an event marked; None for what is no stream."""
        if not exchange.is_stream:
            return None
        followed = self._followed.get(id(exchange))
        if followed is None:
            followed = self._followed[id(exchange)] = _Followed(exchange)
        return _timeline(followed, marked, self._clean)


class _Followed:
    """A stream with its payloads and spans."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.payloads = [_payload(event.data) for _, event in exchange.events]
        machine = RunStateMachine()
        for (_, event), payload in zip(exchange.events, self.payloads, strict=True):
            machine.receive(event.event, payload)
        self.spans = _walk(machine.root, 0)
        self.depths = _depths(self.spans, self.payloads)


def _timeline(followed: _Followed, marked: int | None, clean: Clean) -> Timeline:
    exchange = followed.exchange
    count = len(exchange.events)

    def rows(start: int, stop: int, *, is_near: bool) -> list[Row]:
        return [_row(followed, index, marked, clean, is_near) for index in range(start, stop)]

    first, last = _window(count, marked)
    listed = MAX_ROWS // 2
    before, after = max(0, first - listed), min(count, last + listed)
    drawn = _choose(followed.spans, marked)
    left_out = len(followed.spans) - len(drawn)
    scale = _Scale(drawn, count) if left_out else _Scale((), count)
    return Timeline(
        [_bar(span, depth, exchange, marked, clean, scale) for span, depth in drawn],
        left_out,
        (scale.first + 1, scale.stop),
        scale.percent(marked + 0.5) if marked is not None and marked < count else None,
        rows(before, first, is_near=False),
        rows(first, last, is_near=True),
        rows(last, after, is_near=False),
        count,
        before + count - after,
        f"{exchange.events[-1][0] if count else exchange.seconds:.3f}",
        clean(exchange.error_message),
    )


def _row(followed: _Followed, index: int, marked: int | None, clean: Clean, is_near: bool) -> Row:
    arrived, event = followed.exchange.events[index]
    payload = followed.payloads[index]
    is_marked = index == marked
    data = _data(payload, event.data, is_marked) if is_near else ""
    return Row(
        index + 1,
        f"{arrived:.3f}",
        clean(event.event)[:80],
        clean(_about(payload))[:80],
        followed.depths.get(index, 0),
        cut(clean(_summary(payload, event.data)), SHORT_DATA),
        cut(clean(data), MAX_DATA),
        is_marked,
    )


def _payload(data: str) -> Mapping[str, Any]:
    try:
        return read_json_object(data)
    except ValueError:
        return {}


def _walk(span: Span | None, depth: int) -> Sequence[tuple[Span, int]]:
    """A span and those below it with their depths, in the order in which they started."""
    found: list[tuple[Span, int]] = []
    waiting = [(span, depth)] if span is not None else []
    while waiting:
        one, at = waiting.pop()
        found.append((one, at))
        waiting += [(child, at + 1) for child in reversed(one.children)]
    return found


def _depths(
    spans: Sequence[tuple[Span, int]], payloads: Sequence[Mapping[str, Any]]
) -> dict[int, int]:
    """How deep each event stands, by its index."""
    indexes = {id(payload): index for index, payload in enumerate(payloads)}
    depths: dict[int, int] = {}
    for span, depth in spans:
        depths[span.started_index] = depth
        if span.ended_index is not None:
            depths.setdefault(span.ended_index, depth)
        for payload in span.within:
            depths[indexes[id(payload)]] = depth + 1
    return depths


def _window(count: int, marked: int | None) -> tuple[int, int]:
    """The events that are shown in full: around the marked one, or the last."""
    if marked is None or marked >= count:
        return max(0, count - BEFORE - AFTER), count
    return max(0, marked - BEFORE), min(count, marked + AFTER + 1)


def _choose(spans: Sequence[tuple[Span, int]], marked: int | None) -> Sequence[tuple[Span, int]]:
    """The spans that are drawn: all, or those nearest to the marked event, or the first."""
    if len(spans) <= MAX_BARS:
        return spans

    def distance(item: tuple[int, tuple[Span, int]]) -> tuple[int, int]:
        position, (span, depth) = item
        if marked is None:
            return depth, position
        ends = span.ended_index if span.ended_index is not None else marked
        if marked in (span.started_index, span.ended_index):
            return -1, 0
        if span.started_index <= marked <= ends:
            return 0, 0
        return min(abs(span.started_index - marked), abs(ends - marked)), position

    nearest = sorted(enumerate(spans), key=distance)[:MAX_BARS]
    return [spans[position] for position in sorted(position for position, _ in nearest)]


class _Scale:
    """Which events the bars are drawn over: all, or those of the spans that are short."""

    def __init__(self, spans: Sequence[tuple[Span, int]], count: int) -> None:
        short = [
            (span.started_index, span.ended_index + 1)
            for span, _ in spans
            if span.ended_index is not None and 2 * (span.ended_index - span.started_index) < count
        ]
        self.first = min((start for start, _ in short), default=0)
        self.stop = max((stop for _, stop in short), default=count)

    def percent(self, index: float) -> float:
        share = (index - self.first) / max(1, self.stop - self.first)
        return 100 * min(1.0, max(0.0, share))


def _bar(
    span: Span,
    depth: int,
    exchange: Exchange,
    marked: int | None,
    clean: Clean,
    scale: _Scale,
) -> Bar:
    count = len(exchange.events)
    last = span.ended_index if span.ended_index is not None else count - 1
    # The machine closes what its parent's end left open; no event ended it.
    is_open = span.ended_index is None or not span.ended
    times = [exchange.events[index][0] for index in (span.started_index, last)]
    return Bar(
        clean(span.label)[:80],
        _KINDS.get(span.scope, "call"),
        depth,
        scale.percent(span.started_index),
        max(0.4, scale.percent(last + 1) - scale.percent(span.started_index)),
        f"{times[0]:.3f} - {times[1]:.3f} s",
        is_open,
        marked is not None and marked in (span.started_index, last),
    )


def _about(payload: Mapping[str, Any]) -> str:
    tool = payload.get("tool")
    if isinstance(tool, Mapping) and tool.get("tool_name"):
        return str(tool["tool_name"])
    name = payload.get("step_name") or payload.get("agent_name") or payload.get("team_name")
    return str(name or "")


def _summary(payload: Mapping[str, Any], data: str) -> str:
    own = {key: value for key, value in payload.items() if key not in _SHOWN_ELSEWHERE}
    return json.dumps(own, ensure_ascii=False) if payload else data


def _data(payload: Mapping[str, Any], data: str, is_marked: bool) -> str:
    """As it came; a field a line for the one that matters."""
    return json.dumps(payload, indent=1, ensure_ascii=False) if payload and is_marked else data
