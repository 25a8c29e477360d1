"""The things that start and end during a run, and how an event names the one that it is about.

A span's identity is its scope with an id (step_id, run_id, tool_call_id), never its position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.events import STEPS_AND_CONTAINERS, EventKind, Scope

EventData = Mapping[str, Any]


@dataclass(eq=False, slots=True)
class Span:
    """One thing that started: a step, a container, an agent's run, a tool call."""

    scope: Scope
    key: str
    """Its identity among spans of its scope: step_id, run_id or the like."""
    name: str
    parent: Span | None
    started: EventData
    started_index: int
    family: str = ""
    ended: EventData | None = None
    ended_index: int | None = None
    children: list[Span] = field(default_factory=list)
    open_children: dict[Span, None] = field(default_factory=dict)
    """Those that have not ended, in the order in which they started."""
    within: list[EventData] = field(default_factory=list)
    """The WITHIN events that named it."""
    within_indexes: list[int] = field(default_factory=list)
    """Where in the stream those came."""
    within_names: set[str] = field(default_factory=set)
    overlap: str | None = None
    """What started beside it where one thing comes after the other; a fault once it ends."""

    @property
    def is_open(self) -> bool:
        return self.ended_index is None

    @property
    def label(self) -> str:
        return f"{self.scope.value} {self.name!r}" if self.name else self.scope.value

    def walk(self) -> Iterator[Span]:
        """This span and all below it, in the order in which they started."""
        waiting = [self]
        while waiting:
            span = waiting.pop()
            yield span
            waiting += reversed(span.children)

    def open_below(self) -> list[Span]:
        """What is still open within it; each comes after what is open within that."""
        found: list[Span] = []
        waiting = [*self.open_children]
        while waiting:
            span = waiting.pop()
            found.append(span)
            waiting += span.open_children
        return found[::-1]


def step_key(data: EventData) -> str:
    """What identifies a step or container: its step_id, or its name where an event has none.

    A StepOutput carries the id in the output that it announces.
    """
    step_id = data.get("step_id")
    if not step_id and isinstance(data.get("step_output"), Mapping):
        step_id = data["step_output"].get("step_id")
    return str(step_id or data.get("step_name") or "")


def span_key(scope: Scope, data: EventData) -> str:
    """The identity that an event of that scope names."""
    if scope in STEPS_AND_CONTAINERS:
        return step_key(data)
    if scope is Scope.ITERATION:
        return f"{step_key(data)}#{data.get('iteration')}"
    if scope in (Scope.WORKFLOW, Scope.WORKFLOW_AGENT):
        return ""
    run_id = str(data.get("run_id") or "")
    if scope is Scope.TOOL_CALL:
        tool = data.get("tool")
        tool_call_id = tool.get("tool_call_id") if isinstance(tool, Mapping) else None
        return f"{run_id}#{tool_call_id}"
    return run_id


def stands_at(span: Span, step_index: Any) -> bool:
    """Whether the event that started it has that `step_index`."""
    return step_index is not None and span.started.get("step_index") == step_index


def span_name(scope: Scope, data: EventData) -> str:
    """What an event of that scope calls its span: for messages, not for identity; may be empty."""
    if scope in STEPS_AND_CONTAINERS:
        return str(data.get("step_name") or "")
    if scope is Scope.ITERATION:
        return f"{data.get('step_name')} #{data.get('iteration')}"
    if scope is Scope.TOOL_CALL:
        tool = data.get("tool")
        return str(tool.get("tool_name") or "") if isinstance(tool, Mapping) else ""
    return str(data.get("agent_name") or data.get("team_name") or data.get("agent_id") or "")


def whose(kind: EventKind, data: EventData) -> str:
    """` 'NAME'` of the span that an event names, or its key; empty where it names none."""
    name = span_name(kind.scope, data) or span_key(kind.scope, data)
    return f" {name!r}" if name else ""


def named_parent(data: EventData) -> str:
    """` (KEY ID)`: the id by which an event names what it is within; empty where there is none."""
    for key in ("parent_step_id", "parent_run_id", "step_id", "run_id"):
        if data.get(key):
            return f" ({key} {data[key]})"
    return ""


def steps_of(span: Span) -> list[Span]:
    """The steps and containers that started directly in it."""
    return [child for child in span.children if child.scope in STEPS_AND_CONTAINERS]
