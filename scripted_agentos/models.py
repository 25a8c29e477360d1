"""A model that answers what a script says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agno.agent import _run
from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.team import _init
from agno.workflow import Step
from agno.workflow.types import StepInput

from scripted_agentos.calls import Call, ToolCall
from scripted_agentos.mocked import MockedStep
from scripted_agentos.templates import Json

# An agent is told its message, not its step's input or the workflow's run. Its model needs them for
# the templates, so the step leaves them here. Each branch of a Parallel has a context of its own.
current_call: ContextVar[Call] = ContextVar("current_call")


def _remember_calls() -> None:
    """Has `Step` note what it is called with. Nothing that it does or answers changes."""
    execute, execute_stream = Step.aexecute, Step.aexecute_stream

    def aexecute(self: Step, step_input: StepInput, **arguments: Any) -> Any:
        current_call.set(Call(step_input, arguments["run_context"]))
        return execute(self, step_input, **arguments)

    def aexecute_stream(self: Step, step_input: StepInput, **arguments: Any) -> Any:
        current_call.set(Call(step_input, arguments["run_context"]))
        return execute_stream(self, step_input, **arguments)

    Step.aexecute, Step.aexecute_stream = aexecute, aexecute_stream  # type: ignore[method-assign]


def _remember_states() -> None:
    """Has agents and teams note the session's state that their run has, for its templates."""
    of_agent, of_team = _run._initialize_session_state, _init._initialize_session_state

    def for_agent(session_state: dict[str, Any], **about: Any) -> dict[str, Any]:
        current_call.get().states[about["run_id"]] = session_state
        return of_agent(session_state, **about)

    def for_team(team: Any, session_state: dict[str, Any], **about: Any) -> dict[str, Any]:
        current_call.get().states[about["run_id"]] = session_state
        return of_team(team, session_state, **about)

    _run._initialize_session_state = for_agent
    _init._initialize_session_state = for_team


_remember_calls()
_remember_states()


@dataclass
class ScriptedModel(Model):
    """A model whose answers stand in a script."""

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "Scripted"
    mocked: MockedStep | None = None
    supports_native_structured_outputs: bool = True

    async def _respond(self, messages: list[Message], run_id: str) -> AsyncIterator[ModelResponse]:
        assert self.mocked is not None
        call = current_call.get()
        number = 0
        for message, before in zip(
            reversed(messages), reversed([None, *messages[:-1]]), strict=False
        ):
            # Media of tools come back in a user's message, behind the tools' own.
            if message.role == "user" and (before is None or before.role != "tool"):
                break
            number += message.role == "assistant"
        if number == 0:  # the first request of a try
            call.answers[run_id] = await self.mocked.model_answer(call, call.states.get(run_id))
        answer = call.answers[run_id]
        request = answer.requests[number]
        timing = self.mocked.timing
        await timing.before_first()
        is_first = True
        for text, is_reasoning in [
            *((text, True) for text in request.reasoning),
            *((text, False) for text in request.chunks),
        ]:
            if not is_first:
                await timing.before_next(text)
            is_first = False
            answer.says_a_piece()
            if is_reasoning:
                yield ModelResponse(role="assistant", reasoning_content=text)
            else:
                yield ModelResponse(role="assistant", content=text)
        if request is answer.requests[-1]:
            answer.ends()
            if answer.images:
                yield ModelResponse(role="assistant", images=answer.images)
            if answer.citations:
                yield ModelResponse(role="assistant", citations=answer.citations)
        if request.tools:
            yield ModelResponse(
                role="assistant", tool_calls=self._tool_calls(call, request.tools, run_id)
            )
        if request.tokens:
            yield ModelResponse(role="assistant", response_usage=_usage(request.tokens))

    def _tool_calls(self, call: Call, tools: list[ToolCall], run_id: str) -> list[dict[str, Any]]:
        """The calls as a model asks for them, numbered through the run."""
        assert self.mocked is not None
        before = call.answers[run_id].asked
        asked = []
        for number, tool in enumerate(tools, len(before) + 1):
            before.append(tool)
            call.tool_calls.setdefault((self.mocked.key, tool.name), []).append(tool)
            function = {"name": tool.name, "arguments": json.dumps(tool.args)}
            asked.append({"id": f"call_{number}", "type": "function", "function": function})
        return asked

    async def ainvoke_stream(
        self, messages: list[Message], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ModelResponse]:
        async for response in self._respond(messages, kwargs["run_response"].run_id):
            yield response

    async def ainvoke(self, messages: list[Message], *args: Any, **kwargs: Any) -> ModelResponse:
        whole = ModelResponse(role="assistant")
        async for response in self._respond(messages, kwargs["run_response"].run_id):
            if response.content is not None:
                whole.content = (whole.content or "") + response.content
            if response.reasoning_content is not None:
                whole.reasoning_content = (
                    whole.reasoning_content or ""
                ) + response.reasoning_content
            whole.tool_calls = [*whole.tool_calls, *response.tool_calls]
            whole.response_usage = response.response_usage or whole.response_usage
            whole.images = response.images or whole.images
            whole.citations = response.citations or whole.citations
        return whole

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response


def _usage(tokens: Mapping[str, int]) -> MessageMetrics:
    counts = {f"{name}_tokens": count for name, count in tokens.items()}
    counts.setdefault("total_tokens", tokens.get("input", 0) + tokens.get("output", 0))
    return MessageMetrics(**counts)


def scripted_model(described: Json, mocked: MockedStep) -> ScriptedModel:
    """The model that `GET /workflows/{id}` describes as `{name, model, provider}`."""
    described = described if isinstance(described, Mapping) else {}
    return ScriptedModel(
        id=described.get("model") or "scripted",
        name=described.get("name") or "Scripted",
        provider=described.get("provider") or "Scripted",
        mocked=mocked,
    )
