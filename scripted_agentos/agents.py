"""Agents and teams as a script describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agno.agent import Agent
from agno.team import Team
from agno.tools.function import Function

from scripted_agentos.errors import ScriptError
from scripted_agentos.mocked import MockedStep
from scripted_agentos.models import current_call, scripted_model
from scripted_agentos.templates import Json


def scripted_tools(mocked: MockedStep, place: str) -> list[Function]:
    """One tool for each name among the script's tool calls; it gives their results in turn."""
    tools: dict[str, Function] = {}
    for i, tool in enumerate(mocked.tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str):
            raise ScriptError(f"{place}.tools[{i}]: must be {{name, args, result}}, not {tool!r}")
        arguments = tool.get("args") or {}
        function = tools.setdefault(tool["name"], _scripted_tool(tool["name"]))
        function.parameters["properties"].update({name: {} for name in arguments})
    return list(tools.values())


def _scripted_tool(name: str) -> Function:
    async def entrypoint(**arguments: Any) -> str:
        return current_call.get().tool_results[name].pop(0)

    entrypoint.__name__ = name
    return Function(
        name=name,
        description=f"Scripted: {name}",
        parameters={"type": "object", "properties": {}, "required": []},
        entrypoint=entrypoint,
        skip_entrypoint_processing=True,
    )


def build_agent(described: Json, mocked: MockedStep | None, place: str) -> Agent:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be {{id, name, model}}, not {described!r}")
    return Agent(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        tools=scripted_tools(mocked, f"{place}.mock") if mocked else None,
        telemetry=False,
    )


def build_team(described: Json, mocked: MockedStep, place: str) -> Team:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be {{id, name, model, members}}, not {described!r}")
    members = described.get("members") or []
    return Team(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        members=[build_agent(m, None, f"{place}.members[{i}]") for i, m in enumerate(members)],
        tools=scripted_tools(mocked, f"{place}.mock") or None,
        telemetry=False,
    )
