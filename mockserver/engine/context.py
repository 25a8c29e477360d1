"""What all parts of one run share: its `Run` and hooks, ids and time, tries, events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from mockserver.engine.actions import (
    Actions,
    Branch,
    Call,
    Event,
    NodeActions,
    StepFailed,
    StepInput,
    sleep,
)
from mockserver.engine.gates import Gates
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.ids import Ids
from mockserver.engine.results import Structured, members_of
from mockserver.engine.run import Run
from mockserver.engine.turns import Results, together, turns
from mockserver.script.model import Container, Step
from mockserver.script.templates import Renderer, TemplateProblem

_FITS: dict[str, Callable[[Any], bool]] = {
    "delay": lambda value: type(value) in (int, float) and value >= 0,
    "fails": lambda value: type(value) in (int, bool) and value >= 0,
    "error": lambda value: isinstance(value, str),
    "stop": lambda value: type(value) is bool,
    "success": lambda value: type(value) is bool,
}
"""Which values a setting can have that a template gives."""


class Variables(dict[str, Any]):
    """What a template or CEL sees of a step: Agno's CEL variables (`_build_step_input_context`),
    the same as values, and ids.

    Each is made where it is read. What grows with the steps before, made for each step, would make
    the time of a run grow with the square of its steps.
    """

    def __init__(self, run: Run, step_input: StepInput, **own: Any) -> None:
        """`own`: others, or what some are instead."""
        super().__init__(own)
        self._run = run
        self._step_input = step_input

    def __missing__(self, name: str) -> Any:
        value = self[name] = _VARIABLES[name](self._run, self._step_input)
        return value

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in _VARIABLES


def _previous_content(run: Run, step_input: StepInput) -> str:
    previous = step_input.previous_step_content
    if previous is None:
        return ""
    if isinstance(previous, Structured):
        return previous.to_json()
    return json.dumps(previous) if isinstance(previous, dict) else str(previous)


_VARIABLES: dict[str, Callable[[Run, StepInput], Any]] = {
    "input": lambda run, step_input: run.input_text,
    "input_value": lambda run, step_input: run.input_value,
    "previous_step_content": _previous_content,
    "previous_step_value": lambda run, step_input: members_of(step_input.previous_step_content),
    "previous_step_outputs": lambda run, step_input: {
        name: str(outcome["content"]) if outcome["content"] else ""
        for name, outcome in step_input.previous_step_outputs.items()
    },
    "previous_step_values": lambda run, step_input: {
        name: members_of(outcome["content"])
        for name, outcome in step_input.previous_step_outputs.items()
    },
    "additional_data": lambda run, step_input: run.additional_data or {},
    "session_state": lambda run, step_input: run.session_state,
    "run_id": lambda run, step_input: run.run_id,
    "session_id": lambda run, step_input: run.session_id,
    "user_id": lambda run, step_input: run.user_id,
}


class RunContext:
    """One run, as its steps, containers and agents know it."""

    def __init__(
        self,
        run: Run,
        *,
        hooks: EngineHooks,
        ids: Ids,
        clock: Callable[[], float],
        gates: Gates,
    ) -> None:
        self.run = run
        self.hooks = hooks
        self.ids = ids
        self.clock = clock
        self.is_streamed = run.is_streamed
        self.gates = gates
        self.step_ids: dict[str, str] = {}
        """By a step's path: it has one id however often it is carried out."""
        self._tries: dict[str, int] = {}
        self.step_head = {
            "workflow_id": run.workflow.id,
            "workflow_name": run.workflow_name or "",
            "session_id": run.session_id,
            "run_id": run.run_id,
        }
        self._head = dict(self.step_head)
        if run.workflow_name is None:
            del self._head["workflow_name"]

    # -- events

    def now(self) -> int:
        """Seconds since the epoch, whole, as created_at has them."""
        return int(self.clock())

    def event(self, name: str, **more: Any) -> Event:
        """An event of the workflow's run itself."""
        return {"created_at": self.now(), "event": name, **self._head, **more}

    # -- what a step does

    def answer(
        self, step: Step, call: Call, state: dict[str, Any]
    ) -> Actions[tuple[dict[str, Any], StepFailed | None]]:
        """One try: wait, then fail, or update the session's `state` and give the variables, and
        the failure of a model that says something first."""
        mock = step.mock
        failure = None
        if mock.gate is not None:
            held_until = yield from self.gates.wait(mock.gate, step.name)
            if held_until is not None:
                call.branch.now = held_until
        variables = Variables(
            self.run,
            call.step_input,
            session_state=state,
            attempt=self._tries.get(step.path, 0) + 1,
            answers=[],
        )
        if mock.delay:
            delay = self.setting("delay", mock.delay, variables, "a number of seconds from 0 on")
            call.branch.now = yield sleep(call.branch.now, delay)
        attempt = self._tries[step.path] = self._tries.get(step.path, 0) + 1
        variables["attempt"] = attempt
        if mock.fails:
            fails = self.setting("fails", mock.fails, variables, "a number of tries, or whether")
            if fails is True or (fails is not False and attempt <= fails):
                failure = StepFailed(str(self.setting("error", mock.error, variables, "a text")))
                if mock.fails_after is None:
                    raise failure
        if mock.session_state is not None:
            state.update(self.render(mock.session_state, variables))
        return variables, failure

    def fail_decision(self, node: Container, step_input: StepInput) -> None:
        """What a Condition or a Router decides by is asked. Raises StepFailed where it raises."""
        if node.failure is None:
            return
        variables = Variables(self.run, step_input)
        expected = "true or false"
        fails = self.setting("fails", node.failure.fails, variables, expected)
        if type(fails) is not bool:
            raise StepFailed(f"mock.fails: {fails!r} is not {expected}")
        if fails:
            raise StepFailed(self.setting("error", node.failure.error, variables, "a text"))

    def setting(self, key: str, value: Any, variables: dict[str, Any], expected: str) -> Any:
        """A setting of a `mock`, rendered where it is a template. Raises StepFailed for a value
        that it cannot have."""
        if not callable(value):
            return value
        given = self.render(value, variables)
        if not _FITS[key](given):
            raise StepFailed(f"mock.{key}: {given!r} is not {expected}")
        return given

    def render(self, renderer: Renderer, variables: dict[str, Any]) -> Any:
        """Render a template. Raises StepFailed where it fails on these values."""
        try:
            return renderer(variables)
        except TemplateProblem as error:
            raise StepFailed(str(error)) from error

    def side_by_side(
        self,
        children: Sequence[NodeActions],
        branches: Sequence[Branch],
        branch: Branch,
        *,
        is_parallel: bool,
        is_seen: bool = False,
    ) -> Actions[Results]:
        """Carry out children, each with a branch of its own, as asyncio's tasks do (`together`).

        `branch` is that of whoever waits for them. `is_parallel`: they are a Parallel's, not the
        members that a team delegates to. `is_seen`: a function looks at what they send first.
        """
        results = yield from together(
            children,
            is_queued=self.is_streamed or not is_parallel,
            queues_events=self.is_streamed or is_seen,
        )
        if is_parallel and self.is_streamed:
            yield turns(2)  # asyncio.gather, of tasks that have all ended
        branch.now = max((own.now for own in branches), default=branch.now)
        return results


class NodeEvents:
    """Makes the events of a step or container, as it is carried out this once."""

    __slots__ = ("_context", "_head")

    def __init__(
        self, context: RunContext, step_id: str, name: str, call: Call, **about: Any
    ) -> None:
        self._context = context
        parent = {} if call.parent_id is None else {"parent_step_id": call.parent_id}
        self._head = {
            **context.step_head,
            "step_id": step_id,
            **parent,
            "step_name": name,
            "step_index": call.index,
            **about,
        }

    def __call__(self, name: str, **more: Any) -> Event:
        return {"created_at": self._context.now(), "event": name, **self._head, **more}


def with_content(content: Any) -> dict[str, Any]:
    """An event's content; it has none where an agent has not answered."""
    return {} if content is None else {"content": content}
