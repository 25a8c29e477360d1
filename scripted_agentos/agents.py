"""Agents and teams as a script describes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from agno.agent import Agent
from agno.team import Team
from agno.tools.function import Function, ToolResult
from pydantic import BaseModel, ConfigDict, create_model

from scripted_agentos.calls import MockedFailure
from scripted_agentos.errors import Place, ScriptError
from scripted_agentos.keys import WAITS
from scripted_agentos.mocked import MockedStep
from scripted_agentos.models import current_call, scripted_model
from scripted_agentos.templates import Json

# A team's own tool: its member answers, not the script.
DELEGATION = "delegate_task_to_member"

_OF_TOOLS = {"audio": "audios"}
"""What a tool's result calls them."""

SETTINGS = ("retries", "delay_between_retries", "exponential_backoff", "role", "description")
PROMPT_SETTINGS = (
    "system_message",
    "instructions",
    "markdown",
    "expected_output",
    "additional_context",
)


def build_agent(described: Json, mocked: MockedStep, place: Place) -> Agent:
    """An Agno agent. Raises ScriptError."""
    described = _described(described, place)
    return Agent(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        tools=_tools(mocked) or None,
        output_schema=_output_schema(mocked),
        telemetry=False,
        **given(described, SETTINGS),
        **given(described.get("system_message") or {}, PROMPT_SETTINGS),
    )


def build_team(described: Json, mocked: MockedStep, place: Place) -> Team:
    """An Agno team with its members. Raises ScriptError."""
    described = _described(described, place)
    members = described.get("members") or []
    return Team(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        members=[_member(member, place / f"members[{i}]") for i, member in enumerate(members)],
        tools=_tools(mocked) or None,
        output_schema=_output_schema(mocked),
        telemetry=False,
        **given(described, SETTINGS),
        **given(described.get("system_message") or {}, PROMPT_SETTINGS),
    )


def _output_schema(mocked: MockedStep) -> type[BaseModel] | None:
    """The class of a structured answer: it has whatever members the script's answer has."""
    if mocked.content_type is None:
        return None
    return create_model(mocked.content_type, __config__=ConfigDict(extra="allow"))


def _member(described: Json, place: Place) -> Agent | Team:
    described = _described(described, place)
    name = described.get("name") or described.get("id") or "member"
    mocked = MockedStep(described.get("mock"), key=str(place), name=name, place=str(place / "mock"))
    if described.get("members") is not None:
        return build_team(described, mocked, place)
    return build_agent(described, mocked, place)


def _described(described: Json, place: Place) -> Mapping[str, Any]:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be {{id, name, model}}, not {described!r}")
    return described


def given(described: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The settings that the script has; Agno's own defaults hold for the others."""
    return {key: described[key] for key in keys if described.get(key) is not None}


def _tools(mocked: MockedStep) -> list[Function]:
    """One tool for each name among the script's tool calls; it gives their results in turn."""
    tools: dict[str, Function] = {}
    for tool in mocked.tools:
        if tool["name"] == DELEGATION:
            continue
        function = tools.setdefault(tool["name"], _tool(mocked, tool["name"]))
        function.parameters["properties"].update({name: {} for name in tool.get("args") or {}})
        for setting in WAITS:
            if tool.get(setting):
                setattr(function, setting, True)
    return list(tools.values())


def _tool(mocked: MockedStep, name: str) -> Function:
    async def entrypoint(**arguments: Any) -> str | ToolResult:
        asked = current_call.get().tool_calls[mocked.key, name].pop(0)
        if asked.delay:
            await asyncio.sleep(asked.delay)
        if asked.error is not None:
            raise MockedFailure(asked.error)
        if asked.media:
            kinds = {_OF_TOOLS.get(kind, kind): items for kind, items in asked.media.items()}
            return ToolResult(content=asked.result, **kinds)
        return asked.result

    entrypoint.__name__ = name
    return Function(
        name=name,
        description=f"Scripted: {name}",
        parameters={"type": "object", "properties": {}, "required": []},
        entrypoint=entrypoint,
        skip_entrypoint_processing=True,
    )
