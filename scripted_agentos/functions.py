"""Functions that carry steps out: those that answer, and those that run agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Any
from uuid import uuid4

from agno.agent import Agent
from agno.run import RunContext
from agno.run.agent import CustomEvent, RunContentEvent
from agno.run.team import RunContentEvent as TeamRunContentEvent
from agno.team import Team
from agno.workflow import Workflow
from agno.workflow.types import StepInput, StepOutput, WorkflowExecutionInput
from pydantic import BaseModel

from scripted_agentos.agents import build_agent, build_team
from scripted_agentos.calls import Call, plain
from scripted_agentos.errors import Place, ScriptError
from scripted_agentos.mocked import MockedStep
from scripted_agentos.models import current_call
from scripted_agentos.templates import Json

PASSES_ON = ("events", "content", "nothing")


def function_executor(mocked: MockedStep, name: str, place: Place) -> Callable[..., Any]:
    """An executor named `name` that answers as the script says. Raises ScriptError."""
    runs = [_InnerRun.of(run, place / f"runs[{i}]") for i, run in enumerate(mocked.runs)]

    async def answering(step_input: StepInput, run_context: RunContext) -> StepOutput:
        call = Call(step_input, run_context)
        answer = await mocked.answer(call)
        return mocked.output(answer.content, answer.variables)

    async def running(step_input: StepInput, run_context: RunContext) -> AsyncIterator[Any]:
        variables = await mocked.begin(current_call.get())
        for members, delay in mocked.events:
            if delay:
                await asyncio.sleep(delay)
            yield custom_event(members(variables))
        said = ""
        for run in runs:
            answer: Any = ""
            async for event, part, is_own in run.carry_out(step_input.input):
                if event is not None:
                    yield event
                if isinstance(part, str):
                    answer += part if is_own else ""
                    said += part
                elif is_own:
                    answer = part
            variables["answers"].append(answer)
        content = mocked.content(variables) if mocked.says_itself else said
        output = mocked.output(content, variables)
        says_more = output.stop or not output.success or mocked.gives_media
        is_silent = any(run.passes_on == "nothing" for run in runs)
        if not runs or mocked.says_itself or says_more or is_silent:
            yield output
        # Else it only passes on, and Agno puts together what was said.

    executor: Callable[..., Any] = running if runs or mocked.events else answering
    executor.__name__ = executor.__qualname__ = name
    return executor


def workflow_function(mock: Json, name: str, place: Place) -> Callable[..., Any]:
    """A function in the place of a workflow's steps. Raises ScriptError."""
    mocked = MockedStep(mock, key=str(place), name=name, place=str(place))

    async def function(workflow: Workflow, execution_input: WorkflowExecutionInput) -> Any:
        # It is told what was asked, and nothing of the run.
        given = StepInput(
            input=execution_input.input, additional_data=execution_input.additional_data
        )
        about = RunContext(run_id=str(uuid4()), session_id="")
        return (await mocked.answer(Call(given, about))).content

    return function


def custom_event(members: Mapping[str, Any]) -> CustomEvent:
    """An event of one's own, with these members: its class is a dataclass, as Agno asks."""
    fields = [(name, Any, field(default=None)) for name in members]
    made: CustomEvent = make_dataclass("ScriptedEvent", fields, bases=(CustomEvent,))(**members)
    return made


@dataclass(frozen=True)
class _InnerRun:
    """An agent or a team that a function runs, made anew each time."""

    make: Callable[[], Agent | Team]
    passes_on: str

    @classmethod
    def of(cls, described: Any, place: Place) -> _InnerRun:
        known = {"agent", "team", "mock", "passes_on"}
        if not isinstance(described, Mapping) or set(described) - known:
            raise ScriptError(f"{place}: must be {{{', '.join(sorted(known))}}}, not {described!r}")
        passes_on = described.get("passes_on") or "events"
        if passes_on not in PASSES_ON:
            raise ScriptError(f"{place}.passes_on: {passes_on!r} is none of {', '.join(PASSES_ON)}")
        kind = "team" if described.get("team") is not None else "agent"
        whose = described.get(kind)
        if not isinstance(whose, Mapping):
            raise ScriptError(f"{place}: needs `agent` or `team`")
        name = whose.get("name") or whose.get("id") or "agent"
        mocked = MockedStep(
            described.get("mock"), key=str(place), name=name, place=str(place / "mock")
        )
        build: Callable[..., Agent | Team] = build_team if kind == "team" else build_agent
        build(whose, mocked, place / kind)  # what is wrong is told now
        return cls(lambda: build(whose, mocked, place / kind), passes_on)

    async def carry_out(self, message: Any) -> AsyncIterator[tuple[Any, Any, bool]]:
        """Its events, as far as they are passed on, what each says (a text, or a value of a class),
        and whether that is the agent's own and not a member's."""
        agent = self.make()
        if self.passes_on == "nothing":
            response = await agent.arun(message)
            is_value = isinstance(response.content, BaseModel)
            yield None, plain(response.content) if is_value else str(response.content or ""), True
            return
        is_whole = self.passes_on == "events"
        async for event in agent.arun(message, stream=True, stream_events=is_whole):
            is_content = isinstance(event, RunContentEvent | TeamRunContentEvent)
            said = plain(event.content) if is_content else ""
            yield event, "" if said is None else said, event.parent_run_id is None
