"""Workflows as the API describes them: GET /workflows, /workflows/{id} and /config."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.http.hooks import HttpHooks
from mockserver.http.session_views import without_none
from mockserver.script.model import DELEGATION, Condition, Executor, Node, Step, Workflow

OS_ID = "agentos-mock"
DATABASE_ID = f"{OS_ID}-db"
TABLES = ("agno_sessions", "agno_memories", "agno_metrics", "agno_eval_runs", "agno_knowledge")
"""The tables that the database has, as far as a request may name them."""


def workflow_summary(workflow: Workflow, hooks: HttpHooks) -> dict[str, Any]:
    """A workflow as GET /workflows lists it."""
    return without_none(
        {
            "id": workflow.id,
            "name": hooks.workflow_name(workflow),
            "description": workflow.description,
            "db_id": DATABASE_ID,
            "is_component": False,
        }
    )


def workflow_detail(workflow: Workflow, hooks: HttpHooks) -> dict[str, Any]:
    """A workflow as GET /workflows/{workflow_id} shows it: a runnable script."""
    return without_none(
        {
            "id": workflow.id,
            "name": hooks.workflow_name(workflow),
            "db_id": DATABASE_ID,
            "description": workflow.description,
            "input_schema": workflow.input_schema,
            "steps": _Describer(workflow, hooks).steps(workflow.steps),
            "metadata": workflow.source.get("metadata"),
            "workflow_agent": False,
            "is_component": False,
        }
    )


_PATH = re.compile(r"\[(\d+)\]|(\w+)")


def _written(workflow: Workflow, path: str) -> Any:
    """What the script says at the path of a step, such as `steps[1].choices[0]`."""
    value: Any = workflow.source
    for index, key in _PATH.findall(path):
        value = value[int(index)] if index else value[key]
    return value


class _Describer:
    """Describes one workflow's steps."""

    def __init__(self, workflow: Workflow, hooks: HttpHooks) -> None:
        self._workflow = workflow
        self._hooks = hooks

    def steps(self, nodes: Iterable[Node]) -> list[dict[str, Any]]:
        return [self._step(node) for node in nodes]

    def _step(self, node: Node) -> dict[str, Any]:
        described: dict[str, Any] = {"name": node.name}
        if node.description is not None:
            described["description"] = node.description
        described["type"] = type(node).__name__
        if isinstance(node, Step):
            kind = node.executor.type
            if kind != "function":
                source = _written(self._workflow, node.path)
                mock = source.get("mock") or {}
                described[kind] = self._executor(node.executor, source.get(kind) or {}, mock)
            return described
        described["steps"] = self.steps(node.children)
        if self._hooks.describes_else_steps and isinstance(node, Condition) and node.else_steps:
            described["else_steps"] = self.steps(node.else_steps)
        return described

    def _executor(
        self, executor: Executor, source: Mapping[str, Any], mock: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An agent or a team, in the form of Agno's AgentResponse and TeamResponse.

        What the script says of it beyond its mock is kept: it may be a real server's description.
        """
        is_team = executor.type == "team"
        tools = _tools(mock)
        members = []
        for member in executor.members:
            item = _written(self._workflow, member.path)
            members.append(self._executor(member.executor, item, item.get("mock") or {}))
        if members:
            tools.append(DELEGATION_TOOL)
        content_type = mock.get("content_type")
        described = {
            "id": executor.id,
            "name": executor.name,
            "description": None,
            "role": None,
            "mode": "coordinate" if is_team else None,
            "model": {
                "name": executor.model_name,
                "model": executor.model,
                "provider": executor.model_provider,
            },
            "tools": {"tools": tools} if tools else None,
            "system_message": None,
            "response_settings": {"output_schema_name": content_type} if content_type else None,
            "streaming": {"stream_member_events": True} if is_team else None,
            "members": members or None,
            "is_component": False,
        }
        kept = {key: source[key] for key in _DESCRIBED if key in source}
        return without_none({**described, **kept})


_DESCRIBED = (
    *("description", "role", "mode", "tools", "system_message", "response_settings"),
    *("streaming", "metadata", "is_component"),
)
_WAITS = ("requires_confirmation", "external_execution")
"""What has a tool wait, as far as descriptions say it."""

DELEGATION_TOOL = {
    "name": DELEGATION,
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
    waits: dict[str, dict[str, Any]] = {}
    for call in calls:
        if call["name"] != DELEGATION_TOOL["name"]:
            known = properties.setdefault(call["name"], {})
            known.update((name, {}) for name in call.get("args") or {})
            waits[call["name"]] = {key: True for key in _WAITS if call.get(key)}
    return [
        {
            "name": name,
            "description": f"Scripted: {name}",
            "parameters": {"type": "object", "properties": arguments, "required": []},
            **waits[name],
        }
        for name, arguments in properties.items()
    ]


def server_config(workflows: Iterable[Workflow], hooks: HttpHooks) -> dict[str, Any]:
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
        "workflows": [workflow_summary(workflow, hooks) for workflow in workflows],
        "interfaces": [],
    }
