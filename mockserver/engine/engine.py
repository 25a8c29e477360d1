"""The scripted engine: a workflow script and an input in, the run's events out.

The engine is a generator without I/O, clock, ids or randomness of its own: they come in from
outside, so that the same seed gives the same bytes. It yields, in order,

    an event (a dict, with its keys in Agno's order), to be sent at once, or
    a Wait: nothing happens before that moment, unless one of its gates is released

and is sent back the run's elapsed time after each Wait. Time within a run is counted in seconds
since its start, and a step's delay moves it; the driver decides how long that is on a wall
clock. Nothing is computed before it is asked for: a step that a client cancelled never ran.

Parallel branches are generators too, taken in turn as asyncio's tasks are (`turns`). So their
order depends on the script alone.

Contents, wordings and defaults are those of a real AgentOS 2.5.6 (`agno/workflow/*.py`; the
tests compare them with a running one). Where the real server breaks the event protocol (a
skipped step that never ends, two terminal events, ids that disagree), the engine keeps it, unless
it is given deviations (agentos_contract/deviations/run.yaml).
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from mockserver.engine.actions import (
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
from mockserver.engine.agents import AgentRun
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.ids import Ids
from mockserver.engine.results import (
    Result,
    as_step_output,
    as_text,
    container_result,
    deepest,
    parallel_result,
    result,
)
from mockserver.engine.run import OF_THE_RUN, Run
from mockserver.engine.turns import Results, carry_out, together
from mockserver.script.cel import Cel, CelError
from mockserver.script.model import Condition, Loop, Node, Parallel, Router, Step, Steps
from mockserver.script.templates import Renderer, TemplateProblem

logger = logging.getLogger(__name__)


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
        is_sent_late: bool = False,
        hooks: EngineHooks | None = None,
        deviations: frozenset[str] = frozenset(),
    ) -> None:
        """`clock` gives seconds since the epoch, for created_at.

        `is_streamed` changes nothing but with deviations: the real server tells its two modes
        different stories. `is_sent_late`: what is said before a Wait is sent no sooner than then,
        and shows the session's state of that time.
        """
        self.is_streamed = record.is_streamed = is_streamed
        self.is_sent_late = is_sent_late
        self.deviations = deviations
        self.hooks = hooks or EngineHooks()
        self.record = record
        self.ids = ids
        self.clock = clock
        self._is_released = is_released
        self._is_cancelled = False
        self._speaking: Node | None = None
        self._partial = ""
        """What the agents of the top-level step `_speaking` have said so far."""
        self._step_ids: dict[str, str] = {}
        self._tries: dict[str, int] = {}
        self.input_text = (
            record.input
            if isinstance(record.input, str)
            else json.dumps(record.input, indent=2, ensure_ascii=False)
        )
        if "run.unnamed" in deviations and not record.workflow.source.get("name"):
            record.workflow_name = None
        self._step_head = {
            "workflow_id": record.workflow.id,
            "workflow_name": record.workflow_name or "",
            "session_id": record.session_id,
            "run_id": record.run_id,
        }
        self._head = dict(self._step_head)
        if record.workflow_name is None:
            del self._head["workflow_name"]

    # -- the run

    def run(self) -> Generator[Action, float, None]:
        """The run's events and waits, from WorkflowStarted to the one terminal event."""
        yield from carry_out(
            self._run(),
            self._is_released,
            is_handed_on=self.is_streamed and not self.is_sent_late,
            is_sent_late=self.is_sent_late,
        )

    def _run(self) -> Actions:
        record = self.record
        branch = Branch()
        try:
            yield self._event("WorkflowStarted")
            yield from self._workflow(branch)
        except RunCancelled:
            if not self.is_streamed and "cancel.noticed-late" in self.deviations:
                record.step_results = []
            self._finish("CANCELLED", self._cancellation, branch)
            terminal = self._event("WorkflowCancelled", reason=record.content)
            if "cancel.completed-too" in self.deviations:
                with contextlib.suppress(RunCancelled):
                    yield terminal
                terminal = self._completed()
        except StepFailed as error:
            self._finish("ERROR", str(error), branch)
            terminal = self._event("WorkflowError", error=str(error))
            if "run.error-twice" in self.deviations:
                with contextlib.suppress(RunCancelled):
                    yield terminal
                terminal = bare_error(self.now(), str(error))
        except Exception:
            # A fault of the mock, not of the script: whoever reads the stream still gets its end.
            logger.exception("%s: run %s failed", record.workflow.file, record.run_id)
            self._finish("ERROR", "the mock failed; its log says why", branch)
            terminal = self._event("WorkflowError", error=record.content)
        else:
            self._finish("COMPLETED", record.content, branch)
            terminal = self._completed()
        # Whoever cancels now is too late.
        with contextlib.suppress(RunCancelled):
            yield terminal
        return None

    def _finish(self, status: str, content: Any, branch: Branch) -> None:
        if "state.run-ids-leak" in self.deviations:
            for key in OF_THE_RUN:
                self.record.session_state.pop(key, None)
        self.record.status = status
        self.record.content = content
        self.record.duration = branch.now

    @property
    def _cancellation(self) -> str:
        return f"Run {self.record.run_id} was cancelled"

    def _completed(self) -> Event:
        return self._event(
            "WorkflowCompleted",
            **with_content(self.record.content),
            content_type="str",
            step_results=self.record.step_results,
        )

    def _workflow(self, branch: Branch) -> Generator[Action, float, None]:
        record = self.record
        outputs: dict[str, Result] = {}
        for index, node in enumerate(record.workflow.steps):
            if self._is_cancelled:
                self._keep_partial()
                raise RunCancelled
            last = next(reversed(outputs.values())) if outputs else None
            step_input = StepInput(dict(outputs), last["content"] if last else None)
            outcome = yield from self._top_level(node, Call(step_input, index, None, branch))
            if outcome is None:
                continue
            record.step_results.append(outcome)
            outputs[node.name] = outcome
            if outcome["stop"]:
                break
        if record.step_results:
            record.content = deepest(record.step_results[-1])["content"]
        else:
            record.content = "No steps executed"

    def _top_level(self, node: Node, call: Call) -> Actions:
        """One of the workflow's own steps: a failure, or a cancellation, may be its result."""
        actions = self._shown(self._node(node, call))
        if "cancel.noticed-late" in self.deviations:
            actions = self._cancelled_late(node, actions)
        try:
            return (yield from actions)
        except StepFailed as error:
            goes_on = "step.failure-skipped" in self.deviations
            if not (isinstance(node, Step) and (node.skip_on_error or goes_on)):
                raise
            failure = error
        except RunCancelled:
            counts_as_failure = self.is_streamed and "cancel.step-skipped" in self.deviations
            if not (isinstance(node, Step) and counts_as_failure):
                raise
            failure = StepFailed(self._cancellation)
        failure.step_id = self._step_ids[node.path]
        outcome = self._failure(node, failure, f"Step skipped due to error: {failure}")
        if "result.failure-anonymous" in self.deviations:
            outcome["step_id"], outcome["step_type"] = failure.step_id, "Step"
        return outcome

    def _shown(self, actions: Actions) -> Actions:
        """A top-level step's actions; what may change in an event is that of the moment in which it
        is sent."""
        if self.is_sent_late:
            return (yield from actions)
        answer: float | None = None
        while True:
            try:
                action = next(actions) if answer is None else actions.send(answer)
            except StopIteration as stop:
                outcome: Result | None = stop.value
                return outcome
            state = self.record.session_state
            if not isinstance(action, Wait):
                if action.get("session_state") is state:
                    action["session_state"] = dict(state)
                if "tool" in action:
                    action["tool"] = dict(action["tool"])
            answer = yield action

    def _cancelled_late(self, node: Node, actions: Actions) -> Actions:
        """A top-level step's actions, as Agno cancels them: when it says something next (in batch:
        when it is over), before it is said."""
        self._speaking, self._partial = node, ""
        answer: float | None = None
        while True:
            try:
                action = next(actions) if answer is None else actions.send(answer)
            except StopIteration as stop:
                if self._is_cancelled:
                    raise RunCancelled from None
                outcome: Result | None = stop.value
                return outcome
            answer = None
            if isinstance(action, Wait):
                while answer is None:
                    try:
                        answer = yield action
                    except RunCancelled:
                        self._is_cancelled = True
                continue
            if self._is_cancelled and self.is_streamed:
                actions.close()
                if not isinstance(node, Step):
                    self._keep_partial()
                raise RunCancelled
            if action["event"] in ("RunContent", "TeamRunContent"):
                self._partial += str(action.get("content") or "")
            try:
                yield action
            except RunCancelled:
                self._is_cancelled = True

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
                elif (
                    self.record.additional_data and "agent.additional-data-fails" in self.deviations
                ):
                    kind = type(self.record.additional_data).__name__
                    raise StepFailed(f"'{kind}' object has no attribute 'get'")
                else:
                    agent = AgentRun(self, step, step_id, call)
                    outcome = yield from agent.run()
                break
            except StepFailed as failure:
                error = str(failure)
        if outcome is None and not step.skip_on_failure:
            if "step.failure-left-open" not in self.deviations:
                yield self._step_event("StepError", step_id, call.parent_id, about, error=error)
            raise StepFailed(error, step_id)
        skipped = outcome is None
        if outcome is None:
            content = f"Step {step.name} failed but skipped"
            outcome = self._failure(step, StepFailed(error, step_id), content)
            if "result.skip-anonymous" in self.deviations:
                outcome["step_name"] = outcome["step_id"] = outcome["step_type"] = None
                outcome["executor_type"] = outcome["executor_name"] = None
        if call.parent_id is None and step.executor.type == "function":
            named = {"step_name": outcome["step_name"]} if outcome["step_name"] else {}
            yield self._event(
                "StepOutput", **named, step_index=call.index, step_output=as_step_output(outcome)
            )
        if skipped:
            if "step.skip-left-open" not in self.deviations:
                yield self._step_event("StepError", step_id, call.parent_id, about, error=error)
        elif not self._is_left_open(call, outcome, "step.stop-left-open"):
            yield self._step_event(
                "StepCompleted",
                step_id,
                call.parent_id,
                about,
                **with_content(outcome["content"]),
                content_type="str",
                step_response=outcome,
            )
        return outcome

    def _is_left_open(self, call: Call, outcome: Result, deviation: str) -> bool:
        """Whether a stop at the top level keeps what stopped from ending."""
        stops = call.parent_id is None and bool(outcome["stop"])
        return stops and deviation in self.deviations

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

    def answer(
        self, step: Step, call: Call, state: dict[str, Any] | None = None
    ) -> Generator[Action, float, dict[str, Any]]:
        """One try: wait, then fail, or update the session's state and give the variables.

        `state` is the run's unless a team's member has its own.
        """
        mock = step.mock
        state = self.record.session_state if state is None else state
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
            "session_state": state,
            "run_id": self.record.run_id,
            "session_id": self.record.session_id,
            "user_id": self.record.user_id,
            "attempt": attempt,
        }
        if mock.session_state is not None:
            state.update(self.render(mock.session_state, variables))
        return variables

    # -- containers

    def _parallel(self, node: Parallel, call: Call) -> Actions:
        node_id = self.ids()
        count = len(node.children)
        about = {"step_name": node.name, "step_index": call.index, "parallel_step_count": count}
        yield self._step_event("ParallelExecutionStarted", node_id, call.parent_id, about)
        branches = [Branch(call.branch.now, is_beside_others=True) for _ in node.children]
        children = [
            self._caught(child, self._inner(call, position, node_id, own))
            for position, (child, own) in enumerate(zip(node.children, branches, strict=True))
        ]
        by_position = yield from self.side_by_side(
            children, branches, call.branch, is_queued=self.is_streamed, is_gathered=True
        )
        order: Iterable[int] = by_position
        if not (self.is_streamed and "parallel.results-as-completed" in self.deviations):
            order = sorted(by_position)
        found = (by_position[position] for position in order)
        results = [inner for inner in found if inner is not None]
        id_in_result = self.ids() if "parallel.other-result-id" in self.deviations else node_id
        outcome = parallel_result(node.name, id_in_result, results)
        if not self._is_left_open(call, outcome, "parallel.stop-left-open"):
            yield self._step_event(
                "ParallelExecutionCompleted", node_id, call.parent_id, about, step_results=results
            )
        return outcome

    def side_by_side(
        self,
        children: Sequence[Actions],
        branches: Sequence[Branch],
        branch: Branch,
        *,
        is_queued: bool = True,
        is_gathered: bool = False,
    ) -> Generator[Action, float, Results]:
        """Carry out children, each with a branch of its own, as asyncio's tasks do (`together`).
        `branch` is that of whoever waits for them."""
        results = yield from together(
            children, is_heard=self.is_streamed, is_queued=is_queued, is_gathered=is_gathered
        )
        branch.now = max((own.now for own in branches), default=branch.now)
        return results

    def _inner(self, call: Call, position: int, node_id: str, branch: Branch) -> Call:
        """The call of a Parallel's branch."""
        inner = call.child(position, node_id, branch)
        if self._shares_index(call):
            inner.index = call.index
        return inner

    def _shares_index(self, call: Call) -> bool:
        nested = not isinstance(call.index, int)
        return nested and "step-index.shared" in self.deviations

    def _condition(self, node: Condition, call: Call) -> Actions:
        node_id = self.ids()
        is_met = self._decide(node.evaluator, self._variables(call.step_input))
        about = {"step_name": node.name, "step_index": call.index, "condition_result": is_met}
        yield self._step_event("ConditionExecutionStarted", node_id, call.parent_id, about)
        otherwise = () if "condition.else-forgotten" in self.deviations else node.else_steps
        name, steps = ("if", node.children) if is_met else ("else", otherwise)
        if not is_met and not steps:
            yield self._step_event(
                "ConditionExecutionCompleted",
                node_id,
                call.parent_id,
                about,
                executed_steps=0,
                step_results=[],
            )
            if self.is_streamed and "condition.unmet-without-result" in self.deviations:
                return None
            content = f"Condition {node.name} not met - skipped {len(node.children)} steps"
            return result(content, node.name, node_id, "Condition")
        results = yield from self._chain(steps, call, node_id, own_index=self._shares_index(call))
        counts_all = "condition.all-counted" in self.deviations
        yield self._step_event(
            "ConditionExecutionCompleted",
            node_id,
            call.parent_id,
            about,
            executed_steps=len(steps if counts_all else results),
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
            if self.is_streamed and "router.empty-without-result" in self.deviations:
                return None
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
        left_open = "loop.failure-left-open" in self.deviations
        while goes_on:
            iteration += 1
            number = {"iteration": iteration, "max_iterations": maximum}
            yield self._step_event("LoopIterationStarted", node_id, call.parent_id, about, **number)
            results: list[Result] = []
            all_results.append(results)
            try:
                yield from self._sequence(node.children, call, node_id, results)
            except StepFailed as error:
                if left_open:
                    raise StepFailed(str(error), node_id) from error
                failure = error
            should_go_on = (
                failure is None
                and not any(inner["stop"] for inner in results)
                and not self._is_at_end(node, results, iteration)
            )
            goes_on = should_go_on and iteration < maximum
            if "loop.last-continues" not in self.deviations:
                should_go_on = goes_on
            yield self._step_event(
                "LoopIterationCompleted",
                node_id,
                call.parent_id,
                about,
                **number,
                iteration_results=results,
                should_continue=should_go_on,
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
        flat = [inner for results in all_results for inner in results]
        if failure is not None:
            raise StepFailed(str(failure), node_id, flat)
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
        if failure is None or "steps.failure-left-open" not in self.deviations:
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
            return self._failure(node, StepFailed(str(failure), node_id, results), content)
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
                results.append(self._failure(node, error))
                raise
            if outcome is None:
                continue
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
            return self._failure(node, error)

    def _failure(self, node: Node, error: StepFailed, content: str | None = None) -> Result:
        """The result of a step or container that failed."""
        content = content or f"Step {node.name} failed: {error}"
        if "result.failure-anonymous" in self.deviations:
            outcome = result(content, node.name, None, "", success=False, error=str(error))
            outcome["step_type"] = None
            return outcome
        executor = node.executor if isinstance(node, Step) else None
        outcome = result(
            content,
            node.name,
            error.step_id,
            type(node).__name__,
            executor.type if executor else None,
            executor.name if executor else None,
            success=False,
            error=str(error),
        )
        if error.results:
            outcome["steps"] = list(error.results)
        return outcome

    def _keep_partial(self) -> None:
        """What a cancelled step had said by then is a result of the run."""
        node = self._speaking
        if node is None or not self._partial:
            return
        if not (self.is_streamed and "cancel.partial-result" in self.deviations):
            return
        executor = node.executor if isinstance(node, Step) else None
        self.record.step_results.append(
            result(
                self._partial,
                node.name,
                None,
                "Step",
                executor.type if executor else None,
                executor.name if executor else None,
                success=False,
                error="Cancelled during execution",
            )
        )

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
            "additional_data": self.record.additional_data or {},
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
        outputs: dict[str, str] = {}
        for inner in results:
            # Numbered from 0, where there is no name, as Agno does it.
            outputs[inner["step_name"] or f"step_{len(outputs)}"] = str(inner["content"] or "")
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
        event: Event = {
            "created_at": self.now(),
            "event": name,
            **self._step_head,
            "step_id": step_id,
        }
        if parent_id is not None:
            event["parent_step_id"] = parent_id
        event.update(about)
        event.update(more)
        return event


def with_content(content: Any) -> dict[str, Any]:
    """An event's content; it has none where an agent has said nothing."""
    return {} if content is None else {"content": content}


def bare_error(created_at: int, error: str) -> Event:
    """The WorkflowError, without ids, that the real server sends for an exception."""
    return {"created_at": created_at, "event": "WorkflowError", "error": error}
