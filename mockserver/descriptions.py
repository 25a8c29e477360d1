"""Workflows as the API describes them: GET /workflows, /workflows/{id} and /config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.script import Condition, Node, Step, Workflow

DATABASE_ID = "mock-db"
OS_ID = "agentos-mock"


def workflow_summary(workflow: Workflow) -> dict[str, Any]:
    """A workflow as GET /workflows lists it."""
    return _without_none(
        {
            "id": workflow.id,
            "name": workflow.name,
            "description": workflow.description,
            "db_id": DATABASE_ID,
            "is_component": False,
        }
    )


def workflow_detail(workflow: Workflow) -> dict[str, Any]:
    """A workflow as GET /workflows/{workflow_id} shows it: a runnable script."""
    return _without_none(
        {
            "id": workflow.id,
            "name": workflow.name,
            "db_id": DATABASE_ID,
            "description": workflow.description,
            "input_schema": workflow.input_schema,
            "steps": [_step(node) for node in workflow.steps],
            "workflow_agent": False,
            "is_component": False,
        }
    )


def _step(node: Node) -> dict[str, Any]:
    described: dict[str, Any] = {"name": node.name}
    if node.description is not None:
        described["description"] = node.description
    described["type"] = type(node).__name__
    if isinstance(node, Step):
        executor = node.executor
        if executor.type != "function":
            described[executor.type] = {
                "id": executor.id,
                "name": executor.name,
                "model": {
                    "name": executor.model_name,
                    "model": executor.model,
                    "provider": executor.model_provider,
                },
                "is_component": False,
            }
        return described
    described["steps"] = [_step(child) for child in node.children]
    if isinstance(node, Condition) and node.else_steps:
        described["else_steps"] = [_step(child) for child in node.else_steps]
    return described


def server_config(workflows: Iterable[Workflow]) -> dict[str, Any]:
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
        "description": "A scripted mock of AgentOS",
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
        "workflows": [workflow_summary(workflow) for workflow in workflows],
        "interfaces": [],
    }


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
