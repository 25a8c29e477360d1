"""Workflows as the API describes them: GET /workflows, /workflows/{id} and /config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentos_contract.deviations import Deviations
from mockserver.script.model import Condition, Executor, Node, Step, Workflow

OS_ID = "agentos-mock"
DATABASE_ID = f"{OS_ID}-db"
TABLES = ("agno_sessions", "agno_memories", "agno_metrics", "agno_eval_runs", "agno_knowledge")
"""The tables that the database has, as far as a request may name them."""


def workflow_summary(workflow: Workflow, deviations: Deviations = frozenset()) -> dict[str, Any]:
    """A workflow as GET /workflows lists it."""
    return _without_none(
        {
            "id": workflow.id,
            "name": _name(workflow, deviations),
            "description": workflow.description,
            "db_id": DATABASE_ID,
            "is_component": False,
        }
    )


def workflow_detail(workflow: Workflow, deviations: Deviations = frozenset()) -> dict[str, Any]:
    """A workflow as GET /workflows/{workflow_id} shows it: a runnable script."""
    steps = _sources(workflow.source, workflow.steps)
    return _without_none(
        {
            "id": workflow.id,
            "name": _name(workflow, deviations),
            "db_id": DATABASE_ID,
            "description": workflow.description,
            "input_schema": workflow.input_schema,
            "steps": [_step(node, source, deviations) for node, source in steps],
            "metadata": workflow.source.get("metadata"),
            "workflow_agent": False,
            "is_component": False,
        }
    )


def _name(workflow: Workflow, deviations: Deviations) -> str | None:
    is_unnamed = "run.unnamed" in deviations and not workflow.source.get("name")
    return None if is_unnamed else workflow.name


def _sources(
    source: Mapping[str, Any], nodes: Iterable[Node]
) -> list[tuple[Node, Mapping[str, Any]]]:
    """Steps, each with what the script says of it."""
    written = source.get("choices") or source.get("steps") or ()
    return list(zip(nodes, written, strict=True))


def _step(node: Node, source: Mapping[str, Any], deviations: Deviations) -> dict[str, Any]:
    described: dict[str, Any] = {"name": node.name}
    if node.description is not None:
        described["description"] = node.description
    described["type"] = type(node).__name__
    if isinstance(node, Step):
        kind = node.executor.type
        if kind != "function":
            mock = source.get("mock") or {}
            described[kind] = _executor(node.executor, source.get(kind) or {}, mock)
        return described
    described["steps"] = [_step(*child, deviations) for child in _sources(source, node.children)]
    is_whole = "condition.else-forgotten" not in deviations
    if is_whole and isinstance(node, Condition) and node.else_steps:
        branch = _sources({"steps": source.get("else_steps")}, node.else_steps)
        described["else_steps"] = [_step(*child, deviations) for child in branch]
    return described


def _executor(
    executor: Executor, source: Mapping[str, Any], mock: Mapping[str, Any]
) -> dict[str, Any]:
    """An agent or a team, in the form of Agno's AgentResponse and TeamResponse.

    What the script says of it beyond its mock is kept: it may be a real server's description.
    """
    is_team = executor.type == "team"
    tools = _tools(mock)
    members = zip(executor.members, source.get("members") or (), strict=True)
    described_members = [
        _executor(member.executor, item, item.get("mock") or {}) for member, item in members
    ]
    if described_members:
        tools.append(DELEGATION_TOOL)
    described = {
        "id": executor.id,
        "name": executor.name,
        "mode": "coordinate" if is_team else None,
        "model": {
            "name": executor.model_name,
            "model": executor.model,
            "provider": executor.model_provider,
        },
        "tools": {"tools": tools} if tools else None,
        "streaming": {"stream_member_events": True} if is_team else None,
        "members": described_members or None,
        "is_component": False,
    }
    kept = {key: source[key] for key in _DESCRIBED if key in source}
    return _without_none({**described, **kept})


_DESCRIBED = ("description", "role", "mode", "tools", "streaming", "metadata", "is_component")

DELEGATION_TOOL = {
    "name": "delegate_task_to_member",
    "description": "Use this function to delegate a task to the selected team member.\n"
    "You must provide a clear and concise description of the task the member should achieve AND "
    "the expected output.",
    "parameters": {
        "type": "object",
        "properties": {
            "member_id": {
                "type": "string",
                "description": "(str) The ID of the member to delegate the task to. Use only the "
                "ID of the member, not the ID of the team followed by the ID of the member.",
            },
            "task": {
                "type": "string",
                "description": "(str) A clear and concise description of the task the member "
                "should achieve.",
            },
        },
        "required": ["member_id", "task"],
        "additionalProperties": False,
    },
}
"""What Agno gives every team that has members."""


def _tools(mock: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One tool for each name among a script's tool calls."""
    requests = mock.get("requests") or ()
    calls = [*(mock.get("tools") or ()), *(c for r in requests for c in r.get("tools") or ())]
    properties: dict[str, dict[str, Any]] = {}
    for call in calls:
        if call["name"] != DELEGATION_TOOL["name"]:
            known = properties.setdefault(call["name"], {})
            known.update((name, {}) for name in call.get("args") or {})
    return [
        {
            "name": name,
            "description": f"Scripted: {name}",
            "parameters": {"type": "object", "properties": arguments, "required": []},
        }
        for name, arguments in properties.items()
    ]


def server_config(
    workflows: Iterable[Workflow], deviations: Deviations = frozenset()
) -> dict[str, Any]:
    """GET /config, in the form that Agno's ConfigResponse reads."""

    def domain(*tables: str) -> dict[str, Any]:
        database: dict[str, Any] = {
            "db_id": DATABASE_ID,
            "domain_config": {"display_name": DATABASE_ID},
        }
        if tables:
            database["tables"] = list(tables)
        return {"dbs": [database]}

    return {
        "os_id": OS_ID,
        "available_models": [],
        "os_database": DATABASE_ID,
        "databases": [DATABASE_ID],
        "session": domain("agno_sessions"),
        "metrics": domain("agno_metrics"),
        "memory": domain("agno_memories"),
        "knowledge": {"dbs": [], "knowledge_instances": []},
        "evals": domain("agno_eval_runs"),
        "traces": domain(),
        "agents": [],
        "teams": [],
        "workflows": [workflow_summary(workflow, deviations) for workflow in workflows],
        "interfaces": [],
    }


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
