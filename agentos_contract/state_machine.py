"""The life of one workflow run as its events tell it: a state machine without I/O.

The machine is the table in `events.py`. It keeps a stack-like tree of *spans*, one for each scope
that has started. Every event is looked up by name and handled by what the table says it does:

    STARTS  a span opens, in the open span that the event names as its parent, if the table lets
            that kind of scope start there
    ENDS    the span closes; nothing within it may still be open
    BREAKS  the span closes, and with it whatever is open within it: after a failure or a
            cancellation nobody can ask for good order below
    WITHIN  the span must be open

The run itself is the outermost span. It opens with WorkflowStarted and nothing comes before;
one terminal event closes it and nothing comes after. That is the whole protocol, but for a
workflow that has an agent of its own: the agent stands around the run (WorkflowAgentStarted
comes before it, WorkflowAgentCompleted after it) and may answer by itself, without one. Spans are
matched by identity (step_id, run_id, tool_call_id), never by position, because branches of a
Parallel interleave freely.

What breaks the protocol is returned as violations and never raised: the machine recovers (it
drops a span that its parent's end left open, it ignores an end of something that never started)
so that one fault is reported once and what comes after it is still judged.

Both halves use it: the mock's engine, to be sure of what it sends; the contract tests, to judge
what they receive.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from agentos_contract.events import (
    CONTAINERS,
    CUSTOM_EVENT,
    EVENTS,
    PARENTS,
    STEPS_AND_CONTAINERS,
    TERMINAL_EVENTS,
    EventKind,
    Role,
    Scope,
)
from agentos_contract.spans import (
    EventData,
    Span,
    named_parent,
    span_key,
    span_name,
    stands_at,
    step_key,
    whose,
)
from agentos_contract.verdict import Violation


class RunState(Enum):
    """Where a run is, as its stream tells it."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    PAUSED = "paused"

    @property
    def is_terminal(self) -> bool:
        return self not in (RunState.NOT_STARTED, RunState.RUNNING)


_STATE_AFTER = {
    "WorkflowCompleted": RunState.COMPLETED,
    "WorkflowCancelled": RunState.CANCELLED,
    "WorkflowError": RunState.FAILED,
    "StepPaused": RunState.PAUSED,
    "ConditionPaused": RunState.PAUSED,
    "RouterPaused": RunState.PAUSED,
}


TRIED_AGAIN = "tried-again"

_ENDED_TWICE = {
    (RunState.FAILED, RunState.FAILED): "failed-twice",
    (RunState.CANCELLED, RunState.COMPLETED): "completed-after-cancelled",
}
"""Causes of a run that ended twice."""


# Scopes whose children run one after the other.
_SEQUENTIAL = (CONTAINERS - {Scope.PARALLEL}) | {Scope.WORKFLOW, Scope.ITERATION}


class RunStateMachine:
    """Judges the order and nesting of one run's events as they come.

    `receive` each event, then `end`. Both return the violations that they saw.
    """

    def __init__(self, end_requirement: str | None = None) -> None:
        """`end_requirement`: what a wrong end of the run breaks, instead of order.terminal-event,
        order.one-terminal-event and order.nothing-after."""
        self.end_requirement = end_requirement
        self.state = RunState.NOT_STARTED
        self.root: Span | None = None
        self.count = 0
        """How many events were received."""
        self.span: Span | None = None
        """What the last event was about: what it started or ended, or came within; None where that
        is not known."""
        self._open: dict[tuple[Scope, str, str], list[Span]] = {}
        self._ended: dict[tuple[Scope, str, str], str] = {}
        """What has ended, and by which event."""
        self._tried_again: set[str] = set()
        """Runs that started again in the middle of a model's request."""
        self._agent_is_open = False
        """Whether the workflow's own agent has started and not ended."""

    def receive(self, name: str, data: EventData) -> list[Violation]:
        """One event: its name and its payload."""
        index = self.count
        self.count += 1
        self.span = None
        violations: list[Violation] = []
        kind = EVENTS.get(name)
        if kind is None and name != CUSTOM_EVENT:
            message = f"{name!r} is no event of the vocabulary"
            return [Violation("event.known-name", message, index)]
        if kind is not None and kind.scope is Scope.WORKFLOW_AGENT:
            return self._workflow_agent(kind, index)
        if self.state.is_terminal:
            usual = "order.one-terminal-event" if name in TERMINAL_EVENTS else "order.nothing-after"
            message = f"{name} came after the run had {self.state.value}"
            requirement, cause = self.end_requirement or usual, ""
            if requirement != "order.nothing-after":
                ends = self.state, _STATE_AFTER.get(name, RunState.RUNNING)
                cause = _ENDED_TWICE.get(ends, "otherwise")
            return [Violation(requirement, message, index, cause)]
        if self.state is RunState.NOT_STARTED and self._agent_is_open and kind is not None:
            if name in TERMINAL_EVENTS:
                self.state = _STATE_AFTER[name]
                return []
            if kind.scope is Scope.RUN:
                return []
        if self.state is RunState.NOT_STARTED and name != "WorkflowStarted":
            message = f"the stream began with {name}, not with WorkflowStarted"
            violations.append(Violation("order.first-event", message, index))
            # Judge the rest as if it had started.
            self._open_root({}, index)
        if kind is None:
            return violations
        match kind.role:
            case Role.STARTS:
                violations += self._start(kind, data, index)
            case Role.WITHIN:
                violations += self._within(kind, data, index)
            case Role.ENDS | Role.BREAKS:
                violations += self._end(kind, data, index)
        return violations

    def end(self, *, lost_event: bool = False) -> list[Violation]:
        """The stream is over. `lost_event`: it ended within an event, which may have been the
        terminal one."""
        if self._agent_is_open:
            message = "the stream ended while the workflow's own agent was open"
            return [Violation("order.ended", message)]
        if self.state.is_terminal or lost_event:
            return []
        seen = (
            "no event at all" if self.count == 0 else f"{self.count} events, none of them terminal"
        )
        message = f"the stream ended after {seen}"
        if self.end_requirement is not None:
            return [Violation(self.end_requirement, message, cause="otherwise")]
        return [Violation("order.terminal-event", message)]

    def _all_open(self) -> Iterator[Span]:
        return (span for spans in self._open.values() for span in spans)

    # -- what the table's roles do

    def _workflow_agent(self, kind: EventKind, index: int) -> list[Violation]:
        starts = kind.role is Role.STARTS
        was_open, self._agent_is_open = self._agent_is_open, starts
        if starts and was_open:
            return [Violation("order.started-once", f"{kind.name}: it is already open", index)]
        if not starts and not was_open:
            message = f"{kind.name}: no workflow agent had started"
            return [Violation("order.started-before-ended", message, index)]
        return []

    def _open_root(self, data: EventData, index: int) -> None:
        name = str(data.get("workflow_name") or "")
        self.root = self.span = Span(Scope.WORKFLOW, "", name, None, data, index)
        self._open[Scope.WORKFLOW, "", ""] = [self.root]
        self.state = RunState.RUNNING

    def _start(self, kind: EventKind, data: EventData, index: int) -> list[Violation]:
        if kind.scope is Scope.WORKFLOW:
            if self.root is not None:
                return [Violation("order.one-start", "the run started a second time", index)]
            self._open_root(data, index)
            return []
        key = span_key(kind.scope, data)
        name = span_name(kind.scope, data)
        identity = (kind.scope, key, kind.family)
        parent = self._parent(kind, data)
        if self._open.get(identity) and not self._may_be_open_twice(kind.scope, parent, identity):
            message = f"{kind.name}: {name or key} is already open"
            cause = self._cause_of_restart(kind, key)
            when = frozenset({TRIED_AGAIN} if cause == TRIED_AGAIN else ())
            return [Violation("order.started-once", message, index, cause, when=when)]
        violations = []
        if parent is None:
            # It belongs nowhere: its end is awaited, and nothing else is said of it.
            wanted = " or ".join(sorted(scope.value for scope in PARENTS[kind.scope]))
            named = named_parent(data)
            message = f"{kind.name} ({name or key}) names no open {wanted} as its parent{named}"
            violations.append(Violation("order.nested", message, index))
        elif parent.scope in _SEQUENTIAL:
            # Those before the last one overlapped with that already.
            last = next(reversed(parent.open_children), None)
            if last is not None and last.overlap is None:
                last.overlap = f"{kind.name} ({name or key})"
        span = self.span = Span(kind.scope, key, name, parent, data, index, kind.family)
        if parent is not None:
            parent.children.append(span)
            parent.open_children[span] = None
        self._open.setdefault(identity, []).append(span)
        return violations

    def _cause_of_restart(self, kind: EventKind, key: str) -> str:
        """Whether a model's request had failed without a word, and is made again."""
        if kind.scope is Scope.RUN:
            if any(
                span.scope is Scope.MODEL_REQUEST and span.key == key for span in self._all_open()
            ):
                self._tried_again.add(key)
                return TRIED_AGAIN
        elif kind.scope is Scope.MODEL_REQUEST and key in self._tried_again:
            self._tried_again.remove(key)
            return TRIED_AGAIN
        return "again"

    def _may_be_open_twice(
        self, scope: Scope, parent: Span | None, identity: tuple[Scope, str, str]
    ) -> bool:
        # One Step object may stand in two branches of a Parallel; its id is then open twice.
        if scope is not Scope.STEP or parent is None:
            return False
        return all(span.parent is not parent for span in self._open[identity])

    def _within(self, kind: EventKind, data: EventData, index: int) -> list[Violation]:
        span = self.span = self._find_open(kind, data)
        if span is None and kind.scope is Scope.RUN and self._agent_is_open:
            return []
        if span is None:
            message = f"{kind.name} came outside any open {kind.scope.value}{whose(kind, data)}"
            cause = "never-started"
            if (kind.scope, span_key(kind.scope, data), kind.family) in self._ended:
                cause = "ended"
            elif any(
                span.scope is Scope.RUN and span.parent and span.parent.key == step_key(data)
                for span in self._all_open()
            ):
                cause = "another-is-open"
            return [Violation("order.within", message, index, cause)]
        violations = []
        if kind.name.endswith(("RunContent", "RunContentCompleted")) and any(
            name.endswith("RunContentCompleted") for name in span.within_names
        ):
            message = f"{kind.name} came after the run's RunContentCompleted"
            violations.append(Violation("order.content-completed", message, index))
        if kind.name == "StepOutput" and "StepOutput" in span.within_names:
            message = f"StepOutput came a second time from {span.label}"
            violations.append(Violation("order.step-output", message, index))
        span.within.append(data)
        span.within_indexes.append(index)
        span.within_names.add(kind.name)
        return violations

    def _end(self, kind: EventKind, data: EventData, index: int) -> list[Violation]:
        if kind.scope is Scope.WORKFLOW:
            violations = self._close_below(self.root, kind, index) if self.root else []
            self.state, self.span = _STATE_AFTER[kind.name], self.root
            if self.root is not None:
                self.root.ended, self.root.ended_index = data, index
            self._open.clear()
            return violations
        span = self.span = self._find_open(kind, data)
        if span is None:
            key = span_key(kind.scope, data)
            named = whose(kind, data)
            if by := self._ended.get((kind.scope, key, kind.family)):
                message = f"{kind.name}: the {kind.scope.value}{named} had ended before"
                cause = "in-the-same-way" if by == kind.name else "in-another-way"
                return [Violation("order.ended-once", message, index, cause)]
            message = f"{kind.name}: no {kind.scope.value}{named} had started"
            return [Violation("order.started-before-ended", message, index)]
        violations = self._close_below(span, kind, index)
        if span.overlap is not None:
            # Had it never ended, that would be the fault, and not what came after it.
            within = span.parent.label if span.parent else "the run"
            message = (
                f"{span.overlap} came while {span.label} was open; "
                f"within {within} one comes after the other"
            )
            violations.append(Violation("order.sequential", message, index))
        self._close(span, data, index, kind.name)
        return violations

    # -- spans

    def _close(self, span: Span, data: EventData, index: int, by: str) -> None:
        span.ended, span.ended_index = data, index
        identity = (span.scope, span.key, span.family)
        self._open[identity].remove(span)
        if not self._open[identity]:
            del self._open[identity]
        self._ended[identity] = by
        if span.parent is not None:
            del span.parent.open_children[span]

    def _close_below(self, span: Span, kind: EventKind, index: int) -> list[Violation]:
        """Close what is open below `span`; each is a violation unless the event breaks it off."""
        violations: list[Violation] = []
        for child in span.open_below():
            if kind.role is Role.ENDS:
                message = (
                    f"{kind.name} came while {child.label} was open: it started and never ended"
                )
                violations.append(Violation("order.ended", message, index, span=child))
            self._close(child, {}, index, kind.name)
        return violations

    def _find_open(self, kind: EventKind, data: EventData) -> Span | None:
        key = span_key(kind.scope, data)
        spans = self._open.get((kind.scope, key, kind.family))
        if spans:
            if len(spans) > 1:
                parent_id = data.get("parent_step_id")
                for span in spans:
                    if span.started.get("parent_step_id") == parent_id:
                        return span
            return spans[-1]
        if kind.name == "StepOutput":
            # It may have no id of its own; then its name says which.
            steps = [span for span in self._all_open() if span.scope is Scope.STEP]
            named = [span for span in steps if span.name == data.get("step_name")]
            if not named and not data.get("step_name"):
                # Of a failed step that is skipped, it has nothing but the place where it stands.
                named = [span for span in steps if stands_at(span, data.get("step_index"))]
            return min(named, key=_started, default=None)
        return None

    def _parent(self, kind: EventKind, data: EventData) -> Span | None:
        """The open span in which the event's scope starts; None where there is none to be."""
        candidates: list[tuple[Scope, str]] = []
        if kind.scope in STEPS_AND_CONTAINERS:
            parent_id = data.get("parent_step_id")
            if not parent_id:
                return self.root
            found = [
                spans[0]
                for scope in CONTAINERS
                if (spans := self._open.get((scope, str(parent_id), "")))
            ]
            span = min(found, key=_started, default=None)
            if span is not None and span.scope is Scope.LOOP:
                return next(iter(span.open_children), None)
            return span
        if kind.scope is Scope.ITERATION:
            candidates.append((Scope.LOOP, step_key(data)))
        elif kind.scope is Scope.RUN:
            if data.get("parent_run_id"):
                candidates.append((Scope.RUN, str(data["parent_run_id"])))
            candidates.append((Scope.STEP, step_key(data)))
        else:
            candidates.append((Scope.RUN, str(data.get("run_id") or "")))
        for scope, key in candidates:
            for family in ("", "Team"):
                spans = self._open.get((scope, key, family))
                if spans:
                    return spans[-1]
        return None


def _started(span: Span) -> int:
    return span.started_index
