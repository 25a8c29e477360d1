"""A model that answers what a script says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.workflow import Step
from agno.workflow.types import StepInput

from scripted_agentos.mocked import Answer, Call, MockedStep
from scripted_agentos.templates import Json, as_text

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


_remember_calls()

_answers: ContextVar[Answer] = ContextVar("answer")


@dataclass
class ScriptedModel(Model):
    """A model whose answer stands in a script: one request for each tool call, then the text."""

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "Scripted"
    mocked: MockedStep | None = None

    async def _respond(self, messages: list[Message]) -> AsyncIterator[ModelResponse]:
        if self.mocked is None:  # a team's member, which nobody asks
            yield ModelResponse(role="assistant", content="")
            return
        called = 0
        for message in reversed(messages):
            if message.role == "user":
                break
            called += message.role == "tool"
        if called == 0:  # the first request of a try
            call = current_call.get()
            answer = await self.mocked.answer(call)
            for tool in answer.tools:
                call.tool_results.setdefault(tool["name"], []).append(as_text(tool.get("result")))
            _answers.set(answer)
        answer = _answers.get()
        if called < len(answer.tools):
            tool = answer.tools[called]
            yield ModelResponse(
                role="assistant",
                tool_calls=[
                    {
                        "id": f"call_{called + 1}",
                        "type": "function",
                        "function": {
                            "name": tool["name"],
                            "arguments": json.dumps(tool.get("args") or {}),
                        },
                    }
                ],
            )
            return
        for chunk in answer.chunks:
            yield ModelResponse(role="assistant", content=chunk)

    async def ainvoke_stream(
        self, messages: list[Message], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ModelResponse]:
        async for response in self._respond(messages):
            yield response

    async def ainvoke(self, messages: list[Message], *args: Any, **kwargs: Any) -> ModelResponse:
        whole = ModelResponse(role="assistant")
        async for response in self._respond(messages):
            if response.content is not None:
                whole.content = (whole.content or "") + response.content
            whole.tool_calls = [*whole.tool_calls, *response.tool_calls]
        return whole

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response


def scripted_model(described: Json, mocked: MockedStep | None) -> ScriptedModel:
    """The model that `GET /workflows/{id}` describes as `{name, model, provider}`."""
    described = described if isinstance(described, Mapping) else {}
    return ScriptedModel(
        id=described.get("model") or "scripted",
        name=described.get("name") or "Scripted",
        provider=described.get("provider") or "Scripted",
        mocked=mocked,
    )
