"""The scripted engine: a workflow script and an input in, the run's events out.

The engine is a generator without I/O, clock, ids or randomness of its own: they come in from
outside, so that the same seed gives the same bytes. It yields, in order,

    an event (a dict, with its keys in Agno's order), to be sent at once, or
    a Wait: nothing happens before that moment, unless one of its gates is released

and is sent back the run's elapsed time after each Wait. Time within a run is counted in seconds
since its start, and a step's delay moves it; the driver decides how long that is on a wall
clock. Nothing is computed before it is asked for: a step that a client cancelled never ran.

Parallel branches are generators too, taken in turn by the time that each has reached, the
earlier in the script first among equals. So their order depends on the script alone.

Contents, wordings and defaults are those of a real AgentOS 2.5.6 (`agno/workflow/*.py`; the
tests compare them with a running one). Where the real server breaks the event protocol (a
skipped step that never ends, two terminal events, ids that disagree), the engine keeps it.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import logging
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mockserver.agents import AgentRun
from mockserver.cel import Cel, CelError
from mockserver.results import (
    Result,
    as_step_output,
    as_text,
    container_result,
    deepest,
    metrics_by_step,
    parallel_result,
    result,
)
from mockserver.run_actions import (
    Action,
    Actions,
    Branch,
    Call,
    Event,
    RunCancelled,
    StepFailed,
    StepInput,
    Wait,
)
from mockserver.script import Condition, Loop, Node, Parallel, Router, Step, Steps, Workflow
from mockserver.templates import Renderer, TemplateProblem

logger = logging.getLogger(__name__)


# The first digit of a UUID's variant (RFC 9562 section 4.1), for any random one.
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """UUIDs, of version 4 in form, from a seeded generator."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def __call__(self) -> str:
        digits = f"{self._source.getrandbits(128):032x}"
        variant = _VARIANTS[digits[16]]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )


@dataclass
class Run:
    """One run: what was asked, and what has come of it so far."""

    workflow: Workflow
    run_id: str
    session_id: str
    user_id: str | None
    input: Any
    """The message: a text, or the JSON value in it where the workflow has an input_schema."""
    session_state: dict[str, Any]
    created_at: int
    """Seconds since the epoch."""
    status: str = "RUNNING"
    """One of Agno's RunStatus: RUNNING, COMPLETED, CANCELLED, ERROR."""
    content: Any = None
    step_results: list[Result] = field(default_factory=list)
    step_executor_runs: list[dict[str, Any]] = field(default_factory=list)
    duration: float = 0.0
    """Seconds."""

    def to_dict(self) -> dict[str, Any]:
        """The batch body, with its keys in Agno's order (`WorkflowRunOutput.to_dict`)."""
        body: dict[str, Any] = {
            "input": self.input,
            "content": self.content,
            "content_type": "str",
            "workflow_id": self.workflow.id,
            "workflow_name": self.workflow.name,
            "run_id": self.run_id,
            "session_id": self.session_id,
            "user_id": self.user_id,
            "created_at": self.created_at,
            "status": self.status,
            "images": [],
            "videos": [],
            "audio": [],
            "files": [],
            "step_results": self.step_results or None,
            "step_executor_runs": self.step_executor_runs or None,
            "metrics": {
                "steps": metrics_by_step(self.step_results),
                "duration": round(self.duration, 6),
            },
        }
        return {key: value for key, value in body.items() if value is not None}


class Engine:
    """Carries out one run, and keeps its record."""

    def __init__(
        self,
        record: Run,
        *,
        ids: Ids,
        clock: Callable[[], float],
        is_released: Callable[[str], bool] = lambda gate: False,
        is_streamed: bool = True,
        deviations: frozenset[str] = frozenset(),
    ) -> None:
        """`clock` gives seconds since the epoch, for created_at.

        `is_streamed` changes nothing but with deviations: the real server tells its two modes
        different stories.
        """
        self.is_streamed = is_streamed
        self.deviations = deviations
        self.record = record
        self.ids = ids
        self.clock = clock
        self._is_released = is_released
        self._step_ids: dict[str, str] = {}
        self._tries: dict[str, int] = {}
        self.input_text = (
            record.input
            if isinstance(record.input, str)
            else json.dumps(record.input, indent=2, ensure_ascii=False)
        )
        self._head = {
            "workflow_id": record.workflow.id,
            "workflow_name": record.workflow.name,
            "session_id": record.session_id,
            "run_id": record.run_id,
        }

    # -- the run

    def run(self) -> Generator[Action, float, None]:
        """The run's events and waits, from WorkflowStarted to the one terminal event."""
        record = self.record
        branch = Branch()
        try:
            yield self._event("WorkflowStarted")
            yield from self._workflow(branch)
        except RunCancelled:
            self._finish("CANCELLED", f"Run {record.run_id} was cancelled", branch)
            terminal = self._event("WorkflowCancelled", reason=record.content)
        except StepFailed as error:
            self._finish("ERROR", str(error), branch)
            terminal = self._event("WorkflowError", error=str(error))
        except Exception:
            # A fault of the mock, not of the script: whoever reads the stream still gets its end.
            logger.exception("%s: run %s failed", record.workflow.file, record.run_id)
            self._finish("ERROR", "the mock failed; its log says why", branch)
            terminal = self._event("WorkflowError", error=record.content)
        else:
            self._finish("COMPLETED", record.content, branch)
            terminal = self._event(
                "WorkflowCompleted",
                content=record.content,
                content_type="str",
                step_results=record.step_results,
            )
        # Whoever cancels now is too late.
        with contextlib.suppress(RunCancelled):
            yield terminal

    def _finish(self, status: str, content: Any, branch: Branch) -> None:
        self.record.status = status
        self.record.content = content
        self.record.duration = branch.now

    def _workflow(self, branch: Branch) -> Generator[Action, float, None]:
        record = self.record
        outputs: dict[str, Result] = {}
        for index, node in enumerate(record.workflow.steps):
            last = next(reversed(outputs.values())) if outputs else None
            step_input = StepInput(dict(outputs), last["content"] if last else None)
            try:
                outcome = yield from self._node(node, Call(step_input, index, None, branch))
            except StepFailed as error:
                if not (isinstance(node, Step) and node.skip_on_error):
                    raise
                outcome = _failure(node, error, f"Step skipped due to error: {error}")
            record.step_results.append(outcome)
            outputs[node.name] = outcome
            if outcome["stop"]:
                break
        if record.step_results:
            record.content = deepest(record.step_results[-1])["content"]
        else:
            record.content = "No steps executed"

    def _node(self, node: Node, call: Call) -> Actions:
        match node:
            case Step():
                return self._step(node, call)
            case Parallel():
                return self._parallel(node, call)
            case Condition():
                return self._condition(node, call)
            case Loop():
                return self._loop(node, call)
            case Router():
                return self._router(node, call)
            case Steps():
                return self._steps(node, call)

    # -- a step

    def _step(self, step: Step, call: Call) -> Actions:
        if call.step_input.previous_step_outputs:
            last = next(reversed(call.step_input.previous_step_outputs.values()))
            call.step_input.previous_step_content = deepest(last)["content"]
        step_id = self._step_ids.get(step.path)
        if step_id is None:
            step_id = self._step_ids[step.path] = self.ids()
        about = {"step_name": step.name, "step_index": call.index}
        yield self._step_event("StepStarted", step_id, call.parent_id, about)
        outcome: Result | None = None
        error = ""
        for _ in range(step.max_retries + 1):
            try:
                if step.executor.type == "function":
                    outcome = yield from self._function(step, step_id, call)
                else:
                    agent = AgentRun(self, step, step_id, call)
                    outcome = yield from agent.run()
                break
            except StepFailed as failure:
                error = str(failure)
        if outcome is None and not step.skip_on_failure:
            yield self._step_event("StepError", step_id, call.parent_id, about, error=error)
            raise StepFailed(error, step_id)
        skipped = outcome is None
        if outcome is None:
            outcome = result(
                f"Step {step.name} failed but skipped",
                step.name,
                step_id,
                "Step",
                step.executor.type,
                step.executor.name,
                success=False,
                error=error,
            )
        if call.parent_id is None and step.executor.type == "function":
            yield self._event("StepOutput", **about, step_output=as_step_output(outcome))
        if skipped:
            yield self._step_event("StepError", step_id, call.parent_id, about, error=error)
        else:
            yield self._step_event(
                "StepCompleted",
                step_id,
                call.parent_id,
                about,
                content=outcome["content"],
                content_type="str",
                step_response=outcome,
            )
        return outcome

    def _function(self, step: Step, step_id: str, call: Call) -> Actions:
        variables = yield from self.answer(step, call)
        mock = step.mock
        if mock.chunks is not None:
            content: Any = "".join(as_text(self.render(chunk, variables)) for chunk in mock.chunks)
        else:
            content = self.render(mock.content, variables)
            if not isinstance(content, str | dict | list):
                content = str(content)
        name = step.executor.name
        return result(content, step.name, step_id, "Step", "function", name, stop=mock.stop)

    def answer(self, step: Step, call: Call) -> Generator[Action, float, dict[str, Any]]:
        """One try: wait, then fail, or update the session's state and give the variables."""
        mock = step.mock
        if mock.gate is not None:
            while not self._is_released(mock.gate):
                call.branch.now = yield Wait(None, frozenset({mock.gate}))
        if mock.delay:
            call.branch.now = yield Wait(call.branch.now + mock.delay)
        attempt = self._tries[step.path] = self._tries.get(step.path, 0) + 1
        if attempt <= mock.fails:
            raise StepFailed(mock.error)
        variables = {
            **self._variables(call.step_input),
            "run_id": self.record.run_id,
            "session_id": self.record.session_id,
            "user_id": self.record.user_id,
            "attempt": attempt,
        }
        if mock.session_state is not None:
            self.record.session_state.update(self.render(mock.session_state, variables))
        return variables

    # -- containers

    def _parallel(self, node: Parallel, call: Call) -> Actions:
        node_id = self.ids()
        count = len(node.children)
        about = {"step_name": node.name, "step_index": call.index, "parallel_step_count": count}
        yield self._step_event("ParallelExecutionStarted", node_id, call.parent_id, about)
        branches = [Branch(call.branch.now) for _ in node.children]
        children = [
            self._caught(child, call.child(position, node_id, own))
            for position, (child, own) in enumerate(zip(node.children, branches, strict=True))
        ]
        results = yield from _side_by_side(children, branches, self._is_released)
        call.branch.now = max((own.now for own in branches), default=call.branch.now)
        yield self._step_event(
            "ParallelExecutionCompleted", node_id, call.parent_id, about, step_results=results
        )
        return parallel_result(node.name, node_id, results)

    def _condition(self, node: Condition, call: Call) -> Actions:
        node_id = self.ids()
        is_met = self._decide(node.evaluator, self._variables(call.step_input))
        about = {"step_name": node.name, "step_index": call.index, "condition_result": is_met}
        yield self._step_event("ConditionExecutionStarted", node_id, call.parent_id, about)
        name, steps = ("if", node.children) if is_met else ("else", node.else_steps)
        if not is_met and not steps:
            yield self._step_event(
                "ConditionExecutionCompleted",
                node_id,
                call.parent_id,
                about,
                executed_steps=0,
                step_results=[],
            )
            content = f"Condition {node.name} not met - skipped {len(node.children)} steps"
            return result(content, node.name, node_id, "Condition")
        results = yield from self._chain(steps, call, node_id)
        yield self._step_event(
            "ConditionExecutionCompleted",
            node_id,
            call.parent_id,
            about,
            executed_steps=len(steps),
            branch=name,
            step_results=results,
        )
        content = f"Condition {node.name} completed with {len(results)} results ({name} branch)"
        return container_result(content, node.name, node_id, "Condition", results)

    def _router(self, node: Router, call: Call) -> Actions:
        node_id = self.ids()
        selected = self._select(node, call.step_input)
        names = [choice.name for choice in selected]
        about = {"step_name": node.name, "step_index": call.index, "selected_steps": names}
        yield self._step_event("RouterExecutionStarted", node_id, call.parent_id, about)
        # The one step that runs has the Router's own index, as in Agno.
        results = yield from self._chain(selected, call, node_id, own_index=True)
        yield self._step_event(
            "RouterExecutionCompleted",
            node_id,
            call.parent_id,
            about,
            executed_steps=len(selected),
            step_results=results,
        )
        if not selected:
            content = f"Router {node.name} completed with 0 results (no steps selected)"
            return result(content, node.name, node_id, "Router")
        content = f"Router {node.name} completed with {len(results)} results"
        return container_result(content, node.name, node_id, "Router", results)

    def _loop(self, node: Loop, call: Call) -> Actions:
        node_id = self.ids()
        about = {"step_name": node.name, "step_index": call.index}
        maximum = node.max_iterations
        yield self._step_event(
            "LoopExecutionStarted", node_id, call.parent_id, about, max_iterations=maximum
        )
        all_results: list[list[Result]] = []
        failure: StepFailed | None = None
        iteration = 0
        goes_on = maximum > 0
        while goes_on:
            iteration += 1
            number = {"iteration": iteration, "max_iterations": maximum}
            yield self._step_event("LoopIterationStarted", node_id, call.parent_id, about, **number)
            results: list[Result] = []
            all_results.append(results)
            try:
                yield from self._sequence(node.children, call, node_id, results)
            except StepFailed as error:
                failure = error
            goes_on = (
                failure is None
                and iteration < maximum
                and not any(inner["stop"] for inner in results)
                and not self._is_at_end(node, results, iteration)
            )
            yield self._step_event(
                "LoopIterationCompleted",
                node_id,
                call.parent_id,
                about,
                **number,
                iteration_results=results,
                should_continue=goes_on,
            )
        yield self._step_event(
            "LoopExecutionCompleted",
            node_id,
            call.parent_id,
            about,
            total_iterations=iteration,
            max_iterations=maximum,
            all_results=all_results,
        )
        if failure is not None:
            raise StepFailed(str(failure), node_id)
        flat = [inner for results in all_results for inner in results]
        content = f"Loop {node.name} completed {iteration} iterations with {len(flat)} total steps"
        return container_result(content, node.name, node_id, "Loop", flat)

    def _steps(self, node: Steps, call: Call) -> Actions:
        node_id = self.ids()
        about = {
            "step_name": node.name,
            "step_index": call.index,
            "steps_count": len(node.children),
        }
        yield self._step_event("StepsExecutionStarted", node_id, call.parent_id, about)
        results: list[Result] = []
        failure: StepFailed | None = None
        try:
            yield from self._sequence(node.children, call, node_id, results)
        except StepFailed as error:
            failure = error
        yield self._step_event(
            "StepsExecutionCompleted",
            node_id,
            call.parent_id,
            about,
            executed_steps=len(results),
            step_results=results,
        )
        if failure is not None:
            content = f"Steps execution failed: {failure}"
            error_text = str(failure)
            return result(content, node.name, node_id, "Steps", success=False, error=error_text)
        if not node.children:
            return result("No steps to execute", node.name, node_id, "Steps")
        content = f"Steps {node.name} completed with {len(results)} results"
        return container_result(content, node.name, node_id, "Steps", results)

    def _sequence(
        self,
        nodes: Sequence[Node],
        call: Call,
        node_id: str,
        results: list[Result],
        *,
        own_index: bool = False,
    ) -> Generator[Action, float, None]:
        """A container's steps one after the other, each told of those before it.

        A stop ends them. Fills `results`. Raises StepFailed, after it has put the failure among
        them. `own_index`: the steps have the container's index, and none within it.
        """
        outputs: dict[str, Result] = {}
        step_input = call.step_input
        for position, node in enumerate(nodes):
            inner = call.child(position, node_id, step_input=step_input)
            if own_index:
                inner.index = call.index
            try:
                outcome = yield from self._node(node, inner)
            except StepFailed as error:
                results.append(_failure(node, error))
                raise
            results.append(outcome)
            outputs[node.name] = outcome
            if outcome["stop"]:
                return
            step_input = step_input.after(outcome, outputs)

    def _chain(
        self, nodes: Sequence[Node], call: Call, node_id: str, *, own_index: bool = False
    ) -> Generator[Action, float, list[Result]]:
        """A Condition's or Router's sequence: a failure ends it, and is one of its results."""
        results: list[Result] = []
        with contextlib.suppress(StepFailed):
            yield from self._sequence(nodes, call, node_id, results, own_index=own_index)
        return results

    def _caught(self, node: Node, call: Call) -> Actions:
        """A Parallel's branch: its failure is its result."""
        try:
            return (yield from self._node(node, call))
        except StepFailed as error:
            return _failure(node, error)

    # -- decisions

    def _variables(self, step_input: StepInput) -> dict[str, Any]:
        """Agno's CEL variables (`_build_step_input_context`), for templates too."""
        previous = step_input.previous_step_content
        if previous is None:
            previous = ""
        elif isinstance(previous, dict):
            previous = json.dumps(previous)
        return {
            "input": self.input_text,
            "previous_step_content": str(previous),
            "previous_step_outputs": {
                name: str(outcome["content"]) if outcome["content"] else ""
                for name, outcome in step_input.previous_step_outputs.items()
            },
            "additional_data": {},
            "session_state": self.record.session_state,
        }

    def _decide(self, condition: Cel | bool, variables: dict[str, Any]) -> bool:
        """A condition's value; false where it fails, as in Agno."""
        if isinstance(condition, bool):
            return condition
        try:
            return bool(condition(variables))
        except CelError as error:
            logger.warning("%s: %s; taken as false", self.record.workflow.id, error)
            return False

    def _is_at_end(self, node: Loop, results: Sequence[Result], iteration: int) -> bool:
        if node.end_condition is None:
            return False
        outputs = {inner["step_name"]: str(inner["content"] or "") for inner in results}
        return self._decide(
            node.end_condition,
            {
                "current_iteration": iteration,
                "max_iterations": node.max_iterations,
                "all_success": all(inner["success"] for inner in results),
                "last_step_content": str(results[-1]["content"] or "") if results else "",
                "step_outputs": outputs,
            },
        )

    def _select(self, node: Router, step_input: StepInput) -> list[Node]:
        """The choice that a Router's selector names: none where it names no choice, or fails."""
        if node.selector is None:
            return list(node.children[:1])
        by_name = {choice.name: choice for choice in node.children}
        variables = {**self._variables(step_input), "step_choices": list(by_name)}
        try:
            name = str(node.selector(variables))
        except CelError as error:
            logger.warning("%s: %s; nothing selected", self.record.workflow.id, error)
            return []
        if name not in by_name:
            names = ", ".join(by_name)
            workflow = self.record.workflow.id
            logger.warning("%s: %s: no choice %r (%s)", workflow, node.path, name, names)
            return []
        return [by_name[name]]

    def render(self, renderer: Renderer, variables: dict[str, Any]) -> Any:
        """Render a template. Raises StepFailed where it fails on these values."""
        try:
            return renderer(variables)
        except TemplateProblem as error:
            raise StepFailed(str(error)) from error

    # -- events

    def now(self) -> int:
        """Seconds since the epoch, whole, as created_at has them."""
        return int(self.clock())

    def _event(self, name: str, **more: Any) -> Event:
        return {"created_at": self.now(), "event": name, **self._head, **more}

    def _step_event(
        self,
        name: str,
        step_id: str,
        parent_id: str | None,
        about: dict[str, Any],
        **more: Any,
    ) -> Event:
        event = self._event(name, step_id=step_id)
        if parent_id is not None:
            event["parent_step_id"] = parent_id
        event.update(about)
        event.update(more)
        return event


def _failure(node: Node, error: StepFailed, content: str | None = None) -> Result:
    executor = node.executor if isinstance(node, Step) else None
    return result(
        content or f"Step {node.name} failed: {error}",
        node.name,
        error.step_id,
        type(node).__name__,
        executor.type if executor else None,
        executor.name if executor else None,
        success=False,
        error=str(error),
    )


def _side_by_side(
    children: Sequence[Actions],
    branches: Sequence[Branch],
    is_released: Callable[[str], bool],
) -> Generator[Action, float, list[Result]]:
    """Take branches in turn by the time that each has reached; their results by position."""
    results: dict[int, Result] = {}
    ready: list[tuple[float, int]] = [(own.now, i) for i, own in enumerate(branches)]
    heapq.heapify(ready)
    waits: dict[int, Wait] = {}
    try:
        while ready or waits:
            while ready:
                moment, position = heapq.heappop(ready)
                child = children[position]
                try:
                    # A generator that has not begun takes no value.
                    began = position in waits
                    action = child.send(moment) if began else next(child)
                    waits.pop(position, None)
                    while not isinstance(action, Wait):
                        yield action
                        action = next(child)
                    waits[position] = action
                except StopIteration as stop:
                    waits.pop(position, None)
                    results[position] = stop.value
            if not waits:
                break
            moments = [wait.until for wait in waits.values() if wait.until is not None]
            gates = frozenset(gate for wait in waits.values() for gate in wait.gates)
            elapsed = yield Wait(min(moments, default=None), gates)
            for position, wait in waits.items():
                if wait.until is not None and wait.until <= elapsed:
                    heapq.heappush(ready, (wait.until, position))
                elif any(is_released(gate) for gate in wait.gates):
                    heapq.heappush(ready, (elapsed, position))
    finally:
        for child in children:
            child.close()
    return [results[position] for position in range(len(children))]
