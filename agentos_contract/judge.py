"""Judges one run's stream, event by event: what each says and how they fit together.

`run.py` knows order and nesting. Here is the rest: the event's name and payload, identity across
events, time, and the flow of contents from each step into its container's results and the run's.
No I/O: feed it decoded server-sent events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agentos_contract.containers import CONTAINER_REQUIREMENTS, ContainersJudge
from agentos_contract.events import (
    CUSTOM_EVENT,
    EVENTS,
    STEPS_AND_CONTAINERS,
    Role,
    Scope,
)
from agentos_contract.identity import IDENTITY_REQUIREMENTS, IdentityJudge
from agentos_contract.json_values import read_json_object
from agentos_contract.results import RESULT_REQUIREMENTS, ResultsJudge, steps_of
from agentos_contract.run import RunStateMachine, Violation
from agentos_contract.spans import EventData, Span
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
    """Feed it each server-sent event of one run with `receive`, then `end`.

    `violations` collects what was broken; `exercised` which requirements this run could have
    broken: a run without a loop says nothing of loops.
    """

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
        epoch), where a created_at after it is a fault."""
        self.machine = RunStateMachine(rules.end)
        self.violations: list[Violation] = []
        self.exercised: set[str] = {"order.first-event", rules.end or "order.terminal-event"}
        self.payloads: list[dict[str, Any]] = []
        """The payloads that could be read, in order."""
        self._rules = rules
        self._validators = validators or {}
        self._expected = {"workflow_id": workflow_id, "session_id": session_id}
        self._now = now
        self._identities = IdentityJudge(self._report, self.exercised.add)
        self._containers = ContainersJudge(self._report, self.exercised.add)
        self._results = ResultsJudge(self._report, self.exercised.add)
        self._workflow_name: Any = workflow_name or None
        self._names: set[str] = set()
        self._unnamed: list[tuple[str, int]] = []
        """Events of the workflow's own without its name."""
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
        self._tool(name, data, index)
        return self.violations[before:]

    def end(self, *, lost_event: bool = False) -> list[Violation]:
        """The stream is over: judge what only the whole can show. `lost_event`: it ended within an
        event, which may have been the terminal one."""
        before = len(self.violations)
        self.violations += self.machine.end(lost_event=lost_event)
        if self._names and self._unnamed:
            name, index = self._unnamed[0]
            message = f"{name} has no workflow_name, other events have"
            self._report("identity.workflow-name", message, index)
        root = self.machine.root
        if root is not None:
            for span in root.walk():
                self._span(span)
            self._announcements(root)
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
                end = self._rules.end
                self.exercised |= (
                    {end} if end else {"order.one-terminal-event", "order.nothing-after"}
                )
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
            ("session_id", self._rules.session_id),
        ):
            value = data.get(key)
            if requirement is None or (value is None and kind.scope is not Scope.WORKFLOW):
                continue
            self.exercised.add(requirement)
            expected = self._expected[key]
            if expected is None:
                self._expected[key] = value
            elif value != expected:
                self._report(requirement, f"{name}: {key} is {value!r}, not {expected!r}", index)
        self._name_of_workflow(name, data, index)
        # Within an agent's run, run_id is the agent's and workflow_run_id the workflow's.
        of_workflow = kind.scope in _OF_WORKFLOW
        key = "run_id" if of_workflow else "workflow_run_id"
        value = data.get(key)
        if value is None and not of_workflow:
            return
        if self._run_id is None:
            self._run_id = value
        if (requirement := self._rules.run_id) is None:
            return
        self.exercised.add(requirement)
        if value != self._run_id or not value:
            message = f"{name}: {key} is {value!r}, not {self._run_id!r}"
            self._report(requirement, message, index)

    def _name_of_workflow(self, name: str, data: EventData, index: int) -> None:
        """Agno leaves it out, or empty, where a workflow has none."""
        value = data.get("workflow_name") or ""
        if not value:
            # An error may come of a run that had no time to learn it.
            if EVENTS[name].scope in _OF_WORKFLOW and name != "WorkflowError":
                self._unnamed.append((name, index))
            return
        self._names.add(str(value))
        self.exercised.add("identity.workflow-name")
        if self._workflow_name is None:
            self._workflow_name = value
        elif value != self._workflow_name:
            message = f"{name}: workflow_name is {value!r}, not {self._workflow_name!r}"
            self._report("identity.workflow-name", message, index)

    def _created_at(self, name: str, data: EventData, index: int) -> None:
        value = data.get("created_at")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        self.exercised.add("time.seconds")
        if (wrong := wrong_time(value, self._now)) is not None:
            self._report("time.seconds", f"{name}: created_at {value} {wrong}", index)
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

    def _tool(self, name: str, data: EventData, index: int) -> None:
        """Whether a call failed is told by its event and in its tool alike."""
        tool = data.get("tool")
        if not name.endswith(("ToolCallCompleted", "ToolCallError")) or not isinstance(
            tool, Mapping
        ):
            return
        self.exercised.add("tool.error")
        failed = name.endswith("ToolCallError")
        flag = tool.get("tool_call_error")
        if bool(flag) is not failed and not (failed and flag is None):
            message = f"{name} ({tool.get('tool_name')}): its tool says tool_call_error {flag!r}"
            self._report("tool.error", message, index)

    # -- the whole

    def _span(self, span: Span) -> None:
        siblings = steps_of(span)
        self._identities.judge(span, self._run_id)
        if len(siblings) > 1 and span.scope is not Scope.PARALLEL:
            self.exercised.add("order.sequential")
        if span.ended is None or not span.ended:
            return
        self._containers.judge(span)
        self._results.judge(span)

    def _announcements(self, root: Span) -> None:
        """What some steps or runs announce, all of their kind do: no event was lost."""
        steps = [
            (span, any(event.get("event") == "StepOutput" for event in span.within))
            for span in root.children
            if span.scope is Scope.STEP and _is_function(span)
        ]
        runs = [
            (span, names[-1].endswith("RunContentCompleted"))
            for span in root.walk()
            if span.scope is Scope.RUN
            and str((span.ended or {}).get("event")).endswith("RunCompleted")
            and (names := [str(event.get("event")) for event in span.within])
            and any(name.endswith("RunContent") for name in names)
        ]
        for requirement, what, found in (
            ("order.step-output", "StepOutput", steps),
            ("order.content-completed", "RunContentCompleted", runs),
        ):
            if not any(does for _, does in found):
                continue
            self.exercised.add(requirement)
            for span, does in found:
                if not does:
                    message = f"{span.label} had no {what} at its end, where others have one"
                    self._report(requirement, message, span.ended_index)


def _is_function(span: Span) -> bool:
    """Whether a step ended well, and no agent or team carried it out."""
    ended = span.ended or {}
    response = ended.get("step_response")
    return (
        ended.get("event") == "StepCompleted"
        and isinstance(response, Mapping)
        and response.get("executor_type", "function") == "function"
        and not any(child.scope is Scope.RUN for child in span.children)
    )


SKEW = 600.0
"""Seconds by which two machines' clocks may differ."""


def wrong_time(created_at: float, now: float | None) -> str | None:
    """What is wrong with a created_at as seconds since the epoch; None where nothing is."""
    if created_at <= 0:
        return "is no time at which anything ran"
    if created_at >= 1e11:
        return "is more than 3,000 years ahead in seconds: it counts something smaller"
    if now is not None and created_at > now + SKEW:
        return f"is {created_at - now:.0f} s ahead of the time"
    return None
