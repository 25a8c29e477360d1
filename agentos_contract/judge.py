"""Judges one run's stream, event by event: what each says and how they fit together.

`run.py` knows order and nesting. Here is the rest: the event's name and payload, identity across
events, time, and the flow of contents from each step into its container's results and the run's.
No I/O: feed it decoded server-sent events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agentos_contract.events import (
    CONTAINERS,
    CUSTOM_EVENT,
    EVENTS,
    STEPS_AND_CONTAINERS,
    Role,
    Scope,
)
from agentos_contract.json_values import read_json_object
from agentos_contract.run import EventData, RunStateMachine, Span, Violation, step_key
from agentos_contract.sse import ServerSentEvent

JUDGED_REQUIREMENTS = frozenset(
    {
        "event.data-json",
        "event.name-in-data",
        "event.known-name",
        "event.schema",
        "identity.run-id",
        "identity.session-id",
        "identity.workflow-id",
        "identity.step-id-unique",
        "identity.step-index",
        "loop.iterations",
        "loop.should-continue",
        "order.content-completed",
        "order.ended",
        "order.ended-once",
        "order.first-event",
        "order.nested",
        "order.nothing-after",
        "order.one-start",
        "order.one-terminal-event",
        "order.sequential",
        "order.started-before-ended",
        "order.started-once",
        "order.terminal-event",
        "order.within",
        "parallel.step-count",
        "condition.branch",
        "router.selected-steps",
        "results.content",
        "results.in-container",
        "results.run-content",
        "results.step-response",
        "time.created-at",
    }
)
"""Everything that a RunJudge may report."""


class PayloadValidator(Protocol):
    """What jsonschema-rs's validators offer."""

    def iter_errors(self, instance: Any) -> Any: ...


class RunJudge:
    """Feed it each server-sent event of one run with `receive`, then `end`.

    `violations` collects what was broken; `exercised` which requirements this run could have
    broken: a run without a loop says nothing of loops.
    """

    def __init__(
        self,
        *,
        workflow_id: str | None = None,
        session_id: str | None = None,
        validators: Mapping[str, PayloadValidator] | None = None,
    ) -> None:
        self.machine = RunStateMachine()
        self.violations: list[Violation] = []
        self.exercised: set[str] = {"order.first-event", "order.terminal-event"}
        self.payloads: list[dict[str, Any]] = []
        """The payloads that could be read, in order."""
        self._validators = validators or {}
        self._expected = {"workflow_id": workflow_id, "session_id": session_id}
        self._run_id: str | None = None
        self._last_created_at: float | None = None
        self._count = 0

    # -- input

    def receive(self, event: ServerSentEvent) -> list[Violation]:
        """Judge one event; returns what it broke."""
        before = len(self.violations)
        index = self._count
        self._count += 1
        self.exercised.add("event.data-json")
        try:
            data = read_json_object(event.data)
        except ValueError as error:
            self._report(
                "event.data-json", f"{event.event}: its data is no JSON object: {error}", index
            )
            return self.violations[before:]
        self.payloads.append(data)
        self.exercised |= {"event.name-in-data", "event.known-name"}
        name = event.event
        if data.get("event") != name:
            message = f"event: {name}, but its data says event: {data.get('event')!r}"
            self._report("event.name-in-data", message, index)
            if name not in EVENTS and str(data.get("event")) in EVENTS:
                name = str(data["event"])
        self._schema(name, data, index)
        self.violations += self.machine.receive(name, data)
        self._exercise_order(name)
        self._identity(name, data, index)
        self._created_at(name, data, index)
        self._step_response(name, data, index)
        return self.violations[before:]

    def end(self) -> list[Violation]:
        """The stream is over: judge what only the whole can show."""
        before = len(self.violations)
        self.violations += self.machine.end()
        root = self.machine.root
        if root is not None:
            for span in root.walk():
                self._span(span)
        return self.violations[before:]

    # -- event by event

    def _report(self, requirement: str, message: str, index: int | None = None) -> None:
        self.exercised.add(requirement)
        self.violations.append(Violation(requirement, message, index))

    def _schema(self, name: str, data: EventData, index: int) -> None:
        validator = self._validators.get(name)
        if validator is None:
            return
        self.exercised.add("event.schema")
        for error in validator.iter_errors(data):
            path = "/".join(str(part) for part in error.instance_path)
            where = f" at /{path}" if path else ""
            self._report("event.schema", f"{name}: {error.message}{where}", index)
            return

    def _exercise_order(self, name: str) -> None:
        kind = EVENTS.get(name)
        if kind is None:
            return
        if kind.scope is Scope.WORKFLOW:
            if kind.role is Role.STARTS:
                self.exercised.add("order.one-start")
            else:
                self.exercised |= {"order.one-terminal-event", "order.nothing-after"}
                if kind.role is Role.ENDS:
                    self.exercised.add("order.ended")
            return
        match kind.role:
            case Role.STARTS:
                self.exercised |= {"order.nested", "order.started-once"}
            case Role.WITHIN:
                self.exercised.add("order.within")
            case _:
                self.exercised |= {"order.started-before-ended", "order.ended-once"}
        if name.endswith("RunContentCompleted"):
            self.exercised.add("order.content-completed")

    def _identity(self, name: str, data: EventData, index: int) -> None:
        kind = EVENTS.get(name)
        if kind is None or name == CUSTOM_EVENT:
            return
        for key, requirement in (
            ("workflow_id", "identity.workflow-id"),
            ("session_id", "identity.session-id"),
        ):
            value = data.get(key)
            if value is None and kind.scope is not Scope.WORKFLOW:
                continue
            self.exercised.add(requirement)
            expected = self._expected[key]
            if expected is None:
                self._expected[key] = value
            elif value != expected:
                self._report(requirement, f"{name}: {key} is {value!r}, not {expected!r}", index)
        # Within an agent's run, run_id is the agent's and workflow_run_id the workflow's.
        of_workflow = kind.scope in STEPS_AND_CONTAINERS or kind.scope in (
            Scope.WORKFLOW,
            Scope.ITERATION,
        )
        key = "run_id" if of_workflow else "workflow_run_id"
        value = data.get(key)
        if value is None and not of_workflow:
            return
        self.exercised.add("identity.run-id")
        if self._run_id is None:
            self._run_id = value
        if value != self._run_id or not value:
            self._report(
                "identity.run-id", f"{name}: {key} is {value!r}, not {self._run_id!r}", index
            )

    def _created_at(self, name: str, data: EventData, index: int) -> None:
        value = data.get("created_at")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        if self._last_created_at is not None:
            self.exercised.add("time.created-at")
            if value < self._last_created_at:
                message = (
                    f"{name}: created_at {value} is before {self._last_created_at}, already seen"
                )
                self._report("time.created-at", message, index)
                return
        self._last_created_at = value

    def _step_response(self, name: str, data: EventData, index: int) -> None:
        if name != "StepCompleted" or not isinstance(data.get("step_response"), Mapping):
            return
        self.exercised.add("results.step-response")
        response = data["step_response"]
        for key in ("content", "step_name", "step_id"):
            if data.get(key) != response.get(key):
                message = (
                    f"StepCompleted ({data.get('step_name')}): {key} is {data.get(key)!r}, "
                    f"its step_response says {response.get(key)!r}"
                )
                self._report("results.step-response", message, index)

    # -- the whole

    def _span(self, span: Span) -> None:
        siblings = [child for child in span.children if child.scope in STEPS_AND_CONTAINERS]
        self._sibling_identity(span, siblings)
        if len(siblings) > 1 and span.scope is not Scope.PARALLEL:
            self.exercised.add("order.sequential")
        if span.ended is None or not span.ended:
            return
        match span.scope:
            case Scope.PARALLEL:
                self._parallel(span, siblings)
            case Scope.CONDITION:
                self._condition(span)
            case Scope.LOOP:
                self._loop(span)
            case Scope.ROUTER:
                self._router(span, siblings)
            case Scope.RUN:
                self._run_content(span)
        if span.scope in CONTAINERS or span.scope in (Scope.WORKFLOW, Scope.ITERATION):
            self._results(span, siblings)
        if span.scope is Scope.WORKFLOW:
            self._final_content(span)

    def _sibling_identity(self, span: Span, siblings: Sequence[Span]) -> None:
        if len(siblings) < 2:
            return
        self.exercised |= {"identity.step-id-unique", "identity.step-index"}
        for what, requirement, values in (
            ("step_id", "identity.step-id-unique", [s.started.get("step_id") for s in siblings]),
            ("step_index", "identity.step-index", [s.started.get("step_index") for s in siblings]),
        ):
            for position, value in enumerate(values):
                if value is not None and value in values[:position]:
                    first = siblings[values.index(value)]
                    message = (
                        f"{first.label} and {siblings[position].label} in {span.label} "
                        f"have the same {what} {value!r}"
                    )
                    self._report(requirement, message, siblings[position].started_index)

    def _parallel(self, span: Span, siblings: Sequence[Span]) -> None:
        self.exercised.add("parallel.step-count")
        announced = span.started.get("parallel_step_count")
        if announced != len(siblings):
            message = f"{span.label} announced {announced} steps and {len(siblings)} started"
            self._report("parallel.step-count", message, span.ended_index)

    def _condition(self, span: Span) -> None:
        assert span.ended is not None
        self.exercised.add("condition.branch")
        result = span.started.get("condition_result")
        if span.ended.get("condition_result") != result:
            message = (
                f"{span.label} started with condition_result {result!r} "
                f"and ended with {span.ended.get('condition_result')!r}"
            )
            self._report("condition.branch", message, span.ended_index)
        branch = span.ended.get("branch")
        if branch not in (("if",) if result else ("else", None)):
            message = f"{span.label}: condition_result {result!r}, but branch {branch!r} ran"
            self._report("condition.branch", message, span.ended_index)
        if branch is None and span.children:
            message = f"{span.label}: it ran {len(span.children)} steps and names no branch"
            self._report("condition.branch", message, span.ended_index)

    def _router(self, span: Span, siblings: Sequence[Span]) -> None:
        assert span.ended is not None
        self.exercised.add("router.selected-steps")
        selected = span.started.get("selected_steps")
        started = [child.name for child in siblings]
        if span.ended.get("selected_steps") != selected:
            message = (
                f"{span.label} selected {selected!r} at its start "
                f"and {span.ended.get('selected_steps')!r} at its end"
            )
            self._report("router.selected-steps", message, span.ended_index)
        elif not isinstance(selected, list) or started != selected[: len(started)]:
            message = f"{span.label} selected {selected!r} and started {started!r}"
            self._report("router.selected-steps", message, span.ended_index)

    def _loop(self, span: Span) -> None:
        assert span.ended is not None
        self.exercised.add("loop.iterations")
        iterations = [child for child in span.children if child.scope is Scope.ITERATION]
        numbers = [child.started.get("iteration") for child in iterations]
        if numbers != list(range(1, len(numbers) + 1)):
            message = f"{span.label}: its iterations are numbered {numbers}, not from 1 upwards"
            self._report("loop.iterations", message, span.ended_index)
        maximum = span.started.get("max_iterations")
        if span.ended.get("total_iterations") != len(numbers):
            message = (
                f"{span.label}: total_iterations is {span.ended.get('total_iterations')!r} "
                f"after {len(numbers)} iterations"
            )
            self._report("loop.iterations", message, span.ended_index)
        if isinstance(maximum, int) and len(numbers) > maximum:
            message = f"{span.label}: {len(numbers)} iterations of at most {maximum}"
            self._report("loop.iterations", message, span.ended_index)
        for position, child in enumerate(iterations):
            if not child.ended or "should_continue" not in child.ended:
                continue
            self.exercised.add("loop.should-continue")
            more = position + 1 < len(iterations)
            if child.ended["should_continue"] is not more:
                said = child.ended["should_continue"]
                came = "another came" if more else "it was the last"
                message = f"{child.label}: should_continue is {said!r}, but {came}"
                self._report("loop.should-continue", message, child.ended_index)

    def _results(self, span: Span, siblings: Sequence[Span]) -> None:
        """Each child's result stands in its container's, by step_id and content."""
        assert span.ended is not None
        results = _results_of(span)
        if results is None:
            return
        for child in siblings:
            content = _content_of(child)
            if child.ended is None or not child.ended:
                continue
            self.exercised.add("results.in-container")
            child_id = child.started.get("step_id")
            same_id = [r for r in results if r.get("step_id") == child_id]
            if not same_id:
                message = (
                    f"{child.label} (step_id {child_id}) has no result of that id "
                    f"in the results of {span.label}"
                )
                self._report("results.in-container", message, span.ended_index)
            elif content is not None and not any(r.get("content") == content for r in same_id):
                message = (
                    f"{child.label} ended with content {_short(content)}, but the results of "
                    f"{span.label} have {_short(same_id[-1].get('content'))} for it"
                )
                self._report("results.in-container", message, span.ended_index)

    def _run_content(self, span: Span) -> None:
        """An agent's final content is what it streamed."""
        assert span.ended is not None
        chunks = [
            event.get("content")
            for event in span.within
            if str(event.get("event", "")).endswith("RunContent")
            and event.get("content") is not None
        ]
        if not chunks or not all(isinstance(chunk, str) for chunk in chunks):
            return
        self.exercised.add("results.run-content")
        content = span.ended.get("content")
        if isinstance(content, str) and content != "".join(map(str, chunks)):
            message = (
                f"{span.label}: it streamed {_short(''.join(map(str, chunks)))} "
                f"and completed with {_short(content)}"
            )
            self._report("results.run-content", message, span.ended_index)

    def _final_content(self, span: Span) -> None:
        """The run's content is the last result's, taken as deep as it goes."""
        assert span.ended is not None
        results = span.ended.get("step_results")
        if not isinstance(results, list) or not results or "content" not in span.ended:
            return
        self.exercised.add("results.content")
        last = results[-1]
        while isinstance(last, Mapping) and isinstance(last.get("steps"), list) and last["steps"]:
            last = last["steps"][-1]
        content = last.get("content") if isinstance(last, Mapping) else None
        if content != span.ended["content"]:
            message = (
                f"the run completed with content {_short(span.ended['content'])}, "
                f"its last result has {_short(content)}"
            )
            self._report("results.content", message, span.ended_index)


def _results_of(span: Span) -> list[Mapping[str, Any]] | None:
    assert span.ended is not None
    if span.scope is Scope.LOOP:
        return None  # its iterations have them
    key = "iteration_results" if span.scope is Scope.ITERATION else "step_results"
    results = span.ended.get(key)
    if not isinstance(results, list):
        return None
    return [result for result in results if isinstance(result, Mapping)]


def _content_of(span: Span) -> Any:
    """A step's content, where its end says it; containers' ends do not."""
    if span.scope is not Scope.STEP or not span.ended:
        return None
    return span.ended.get("content")


def _short(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


__all__ = ["JUDGED_REQUIREMENTS", "PayloadValidator", "RunJudge", "step_key"]
