"""Judges one run's stream, event by event: what each says and how they fit together.

`state_machine` knows order and nesting. Here is the rest: the event's name and payload, identity
across events, time, and the flow of contents from each step into its container's results and the
run's. No I/O: feed it decoded server-sent events.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from agentos_contract.announcements import ANNOUNCED, STEP_OUTPUT, announcements
from agentos_contract.broken_off import broken_off
from agentos_contract.conditions import PARTS
from agentos_contract.containers import CONTAINER_REQUIREMENTS, judge_container
from agentos_contract.events import (
    CUSTOM_EVENT,
    EVENTS,
    MEDIA_KINDS,
    STEPS_AND_CONTAINERS,
    Role,
    Scope,
)
from agentos_contract.identity import IDENTITY_REQUIREMENTS, judge_identity
from agentos_contract.json_values import kind_of, mapping, read_json_object, repeated_name, unlike
from agentos_contract.results import RESULT_REQUIREMENTS, judge_results, was_tried_again
from agentos_contract.spans import EventData, Span, steps_of
from agentos_contract.sse import ServerSentEvent
from agentos_contract.state_machine import TRIED_AGAIN, RunStateMachine
from agentos_contract.verdict import Verdict, Violation, Words

JUDGED_REQUIREMENTS = frozenset(
    {
        "event.data-json",
        "event.name-in-data",
        "event.known-name",
        "event.schema",
        "identity.run-id",
        "identity.session-id",
        "identity.workflow-id",
        "identity.workflow-name",
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
        "order.step-output",
        "order.terminal-event",
        "order.within",
        "results.step-response",
        "time.created-at",
        "time.seconds",
        "tool.error",
    }
    | CONTAINER_REQUIREMENTS
    | IDENTITY_REQUIREMENTS
    | RESULT_REQUIREMENTS
)
"""Everything that a RunJudge may report."""

_OF_WORKFLOW = STEPS_AND_CONTAINERS | {Scope.WORKFLOW, Scope.ITERATION}
"""Scopes whose events are the workflow's own."""


class PayloadValidator(Protocol):
    """What jsonschema-rs's validators offer."""

    def iter_errors(self, instance: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class StreamRules:
    """The requirement that a fault of a run's stream breaks, where the run is no common one: it is
    cancelled, or another is under way beside it. None: that is not judged."""

    run_id: str | None = "identity.run-id"
    session_id: str | None = "identity.session-id"
    end: str | None = None
    """It has no terminal event, or more than one, or something after it; unless said,
    order.terminal-event, order.one-terminal-event and order.nothing-after."""


class RunJudge:
    """Feed it each server-sent event of one run with `receive`, then `end`."""

    def __init__(
        self,
        *,
        workflow_id: str | None = None,
        workflow_name: str | None = None,
        session_id: str | None = None,
        validators: Mapping[str, PayloadValidator] | None = None,
        now: float | None = None,
        rules: StreamRules = StreamRules(),
    ) -> None:
        """`workflow_id` and `session_id` are those asked for, where there were any; `workflow_name`
        is the one that the server lists; `now` is when the stream was over (seconds since the
        epoch), where a created_at after it, or hours before, is a fault."""
        self.machine = RunStateMachine(rules.end)
        self.verdict = Verdict()
        self.verdict.exercise("order.first-event", rules.end or "order.terminal-event")
        self.payloads: list[dict[str, Any]] = []
        """The payloads that could be read, in order."""
        self._rules = rules
        self._validators = validators or {}
        self._expected = {"workflow_id": workflow_id, "session_id": session_id}
        self._now = now
        self._workflow_name: Any = workflow_name or None
        self._names: set[str] = set()
        self._unnamed: list[tuple[str, int]] = []
        """Events of the workflow's own without its name."""
        self._run_id: str | None = None
        self._last_created_at: float | None = None
        self._count = 0

    @property
    def violations(self) -> list[Violation]:
        """What was broken."""
        return self.verdict.violations

    @property
    def exercised(self) -> set[str]:
        """The requirements that this run could have broken: one without a loop says nothing of
        loops."""
        return self.verdict.exercised

    @property
    def conditions(self) -> Mapping[str, Collection[Words]]:
        """The same, each with the conditions under which it could have broken them."""
        return self.verdict.conditions

    # -- input

    def receive(self, event: ServerSentEvent) -> list[Violation]:
        """Judge one event; returns what it broke."""
        before = len(self.violations)
        index = self._count
        self._count += 1
        self.verdict.exercise("event.data-json")
        try:
            data = read_json_object(event.data)
        except ValueError as error:
            message = f"{event.event}: its data is no JSON object: {error}"
            self.verdict.report("event.data-json", message, index)
            return self.violations[before:]
        if (repeated := repeated_name(event.data)) is not None:
            message = f"{event.event}: its data has {repeated!r} twice in one object"
            self.verdict.report("event.data-json", message, index)
        self.payloads.append(data)
        self.verdict.exercise("event.known-name")
        name, named = event.event, data.get("event")
        message = f"event: {name}, but its data says event: {named!r}"
        self.verdict.require("event.name-in-data", named == name, message, index)
        if name not in EVENTS and str(named) in EVENTS:
            name = str(named)
        self._schema(name, data, index)
        words = _words_of(name)
        for violation in self.machine.receive(name, data):
            self.violations.append(replace(violation, when=violation.when | words))
        self._exercise_order(name, words)
        self._identity(name, data, index)
        self._created_at(name, data, index)
        self._step_response(name, data, index)
        self._tool(name, data, index)
        return self.violations[before:]

    def end(self, *, lost_event: bool = False) -> list[Violation]:
        """The stream is over: judge what only the whole can show. `lost_event`: it ended within an
        event, which may have been the terminal one."""
        before = len(self.violations)
        self.violations.extend(self.machine.end(lost_event=lost_event))
        if self._names and self._unnamed:
            name, index = self._unnamed[0]
            message = f"{name} has no workflow_name, other events have"
            self.verdict.report("identity.workflow-name", message, index)
        root = self.machine.root
        if root is not None:
            for span in root.walk():
                self._span(span)
            self._announcements(root)
            self._ends(root)
        return self.violations[before:]

    # -- event by event

    def _schema(self, name: str, data: EventData, index: int) -> None:
        validator = self._validators.get(name)
        if validator is None:
            return
        output = mapping(data.get("step_output"))
        when = {"media"} if any(output.get(kind) for kind in MEDIA_KINDS) else ()
        self.verdict.exercise("event.schema", when=when)
        for error in islice(validator.iter_errors(data), MAX_SCHEMA_ERRORS):
            at, cause = fault_of(error)
            where = f" at {at}" if error.instance_path else ""
            message = f"{name}: {error.message}{where}"
            self.verdict.report("event.schema", message, index, cause=cause, at=at, when=when)

    def _exercise_order(self, name: str, words: Words) -> None:
        kind, exercise = EVENTS.get(name), self.verdict.exercise
        if kind is None:
            return
        match kind.scope is Scope.WORKFLOW, kind.role:
            case True, Role.STARTS:
                exercise("order.one-start")
            case True, role:
                usual = ("order.one-terminal-event", "order.nothing-after")
                exercise(*([self._rules.end] if self._rules.end else usual))
                if role is Role.ENDS:
                    exercise("order.ended")
            case False, Role.STARTS:
                exercise("order.nested", "order.started-once")
            case False, Role.WITHIN:
                exercise("order.within")
                if name.endswith("RunContentCompleted"):
                    exercise("order.content-completed")
            case False, _:
                exercise("order.started-before-ended", "order.ended-once", when=words)

    def _identity(self, name: str, data: EventData, index: int) -> None:
        kind = EVENTS.get(name)
        if kind is None or name == CUSTOM_EVENT:
            return
        for key, requirement in (
            ("workflow_id", "identity.workflow-id"),
            ("session_id", self._rules.session_id),
        ):
            value = data.get(key)
            if requirement is None or (value is None and kind.scope is not Scope.WORKFLOW):
                continue
            if (expected := self._expected[key]) is None:
                expected = self._expected[key] = value
            self.verdict.exercise(requirement)
            if value != expected:
                came, asked = unlike(value, expected)
                message = f"{name}: {key} is {came}, not {asked}"
                cause = "another" if value else "missing"
                self.verdict.report(requirement, message, index, cause=cause)
        self._name_of_workflow(name, data, index)
        # Within an agent's run, run_id is the agent's and workflow_run_id the workflow's.
        of_workflow = kind.scope in _OF_WORKFLOW
        key = "run_id" if of_workflow else "workflow_run_id"
        value = data.get(key)
        if value is None and not of_workflow:
            return
        if self._run_id is None:
            self._run_id = value
        if self._rules.run_id is None:
            return
        self.verdict.exercise(self._rules.run_id)
        if not value or value != self._run_id:
            came, began = unlike(value, self._run_id)
            message = f"{name}: {key} is {came}, not {began}"
            cause = "another" if value else "missing"
            self.verdict.report(self._rules.run_id, message, index, cause=cause)

    def _name_of_workflow(self, name: str, data: EventData, index: int) -> None:
        """Agno leaves it out, or empty, where a workflow has none."""
        value = data.get("workflow_name") or ""
        if not value:
            # An error may come of a run that had no time to learn it.
            if EVENTS[name].scope in _OF_WORKFLOW and name != "WorkflowError":
                self._unnamed.append((name, index))
            return
        self._names.add(str(value))
        if self._workflow_name is None:
            self._workflow_name = value
        self.verdict.exercise("identity.workflow-name")
        if value != self._workflow_name:
            came, listed = unlike(value, self._workflow_name)
            message = f"{name}: workflow_name is {came}, not {listed}"
            self.verdict.report("identity.workflow-name", message, index)

    def _created_at(self, name: str, data: EventData, index: int) -> None:
        value = data.get("created_at")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        if name not in EVENTS:
            return  # what its time is of nobody says
        wrong = wrong_time(value, self._now)
        message = f"{name}: created_at {value} {wrong}"
        self.verdict.require("time.seconds", wrong is None, message, index)
        last = self._last_created_at
        if last is not None:
            message = f"{name}: created_at {value} is before {last}, already seen"
            self.verdict.require("time.created-at", value >= last, message, index)
        self._last_created_at = value if last is None else max(value, last)

    def _step_response(self, name: str, data: EventData, index: int) -> None:
        if name != "StepCompleted" or not isinstance(data.get("step_response"), Mapping):
            return
        self.verdict.exercise("results.step-response")
        response = data["step_response"]
        for key in ("content", "step_name", "step_id"):
            # The event need not have the content, nor the response the name and the id.
            is_said = key in data and (key == "content" or response.get(key) is not None)
            if is_said and data[key] != response.get(key):
                message = (
                    f"StepCompleted ({data.get('step_name')}): {key} is {data.get(key)!r}, "
                    f"its step_response says {response.get(key)!r}"
                )
                self.verdict.report("results.step-response", message, index)

    def _tool(self, name: str, data: EventData, index: int) -> None:
        """Whether a call failed is told by its event and in its tool alike."""
        tool, failed = data.get("tool"), name.endswith("ToolCallError")
        if isinstance(tool, Mapping) and (failed or name.endswith("ToolCallCompleted")):
            flag = tool.get("tool_call_error")
            message = f"{name} ({tool.get('tool_name')}): its tool says tool_call_error {flag!r}"
            is_kept = bool(flag) is failed or (failed and flag is None)
            when = {"tool-failed"} if failed or flag else ()
            # Whether an error comes as well is known at the end.
            cause = "" if failed else _call_id(data)
            self.verdict.require("tool.error", is_kept, message, index, cause=cause, when=when)

    # -- the whole

    def _span(self, span: Span) -> None:
        judge_identity(span, self._run_id, self.verdict)
        if len(steps_of(span)) > 1 and span.scope is not Scope.PARALLEL:
            self.verdict.exercise("order.sequential")
        if span.ended:
            judge_container(span, span.ended, self.verdict)
            judge_results(span, span.ended, self.verdict)

    def _ends(self, root: Span) -> None:
        """Under which conditions what started ended, or never did."""
        found = broken_off(root, self.payloads)
        for span in root.walk():
            if span.ended:
                self.verdict.exercise("order.ended", when=found.about(span))
            if span.scope is Scope.RUN and was_tried_again(span):
                self.verdict.exercise("order.started-once", when=(TRIED_AGAIN,))
        failed = {_call_id(data) for data in self.payloads if _is_tool_error(data)}
        for position, violation in enumerate(self.violations):
            if violation.span is not None:
                when = found.about(violation.span)
                self.violations[position] = replace(violation, when=when)
            elif violation.requirement == "tool.error":
                is_twice = violation.cause in failed
                cause = "told-twice" if is_twice else "told-otherwise"
                self.violations[position] = replace(violation, cause=cause)

    def _announcements(self, root: Span) -> None:
        """What some steps or runs announce, all of their kind do: no event was lost."""
        found = announcements(root)
        for requirement, what in ANNOUNCED.items():
            own = [
                (one.span, one.does)
                for one in found
                if one.requirement == requirement and (what != STEP_OUTPUT or one.is_top_level)
            ]
            for span, does in own if any(does for _, does in own) else ():
                message = f"{span.label} had no {what} at its end, where others have one"
                self.verdict.require(requirement, does, message, span.ended_index)


def _is_tool_error(data: EventData) -> bool:
    return str(data.get("event")).endswith("ToolCallError")


def _call_id(data: EventData) -> str:
    return str(mapping(data.get("tool")).get("tool_call_id"))


def _words_of(name: str) -> Words:
    """The conditions that an event's name tells of what it is about."""
    kind = EVENTS.get(name)
    part = PARTS.get(kind.scope) if kind is not None else None
    failed = "tool-failed" if name.endswith("ToolCallError") else None
    return frozenset(word for word in (part, failed) if word is not None)


MAX_SCHEMA_ERRORS = 20
"""So many faults of one payload are reported."""


def fault_of(error: Any) -> tuple[str, str]:
    """Where a schema's error is, as a JSON pointer, and what kind it is: the keyword, with what was
    found where that is a type. `error`: jsonschema-rs's."""
    path, cause = [*error.instance_path], str(error.schema_path[-1]) if error.schema_path else ""
    kind = getattr(error, "kind", None)
    if cause == "required" and (name := getattr(kind, "property", None)) is not None:
        path.append(name)
    if cause == "type":
        cause = f"type-{kind_of(error.instance)}"
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in escaped), cause


SKEW = 600.0
"""Seconds by which two machines' clocks may differ."""

ZONES = (3000.0, 14 * 3600 + SKEW)
"""Seconds between which a time that is behind is another time zone's, or that of the server's
start. A run takes less; a clock that is further behind is one that was set, as tests do."""


def wrong_time(created_at: float, now: float | None) -> str | None:
    """What is wrong with a created_at as seconds since the epoch; None where nothing is."""
    if created_at <= 0:
        return "is no time at which anything ran"
    if created_at >= 1e11:
        return "is more than 3,000 years ahead in seconds: it counts something smaller"
    if now is not None and created_at > now + SKEW:
        return f"is {created_at - now:.0f} s ahead of the time"
    if now is not None and ZONES[0] < now - created_at < ZONES[1]:
        return f"is {now - created_at:.0f} s behind the time"
    return None
