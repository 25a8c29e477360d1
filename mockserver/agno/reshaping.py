"""What becomes of a run that Agno reads from its database and writes again.

Its classes drop lists that are empty and make others of what was nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_contract.events import MEDIA_KINDS

Json = dict[str, Any]

_SCHEMAS = ("user_input_schema", "user_feedback_schema")


def reshaped_body(body: Mapping[str, Any]) -> Json:
    """A batch body, read and written again."""
    kept = {key: value for key, value in body.items() if key not in MEDIA_KINDS or value}
    if "step_executor_runs" in kept:
        kept["step_executor_runs"] = [_executor_run(run) for run in kept["step_executor_runs"]]
    return kept


def reshaped_event(event: Mapping[str, Any]) -> Json:
    """An event that was kept with its run, read and written again."""
    if isinstance(event.get("tool"), Mapping):
        return {**event, "tool": _tool(event["tool"])}
    if event.get("event") == "RunPaused":
        tools = [_tool(tool) for tool in event["tools"]]
        asked = [_requirement(one) for one in event["requirements"]]
        return {**event, "tools": tools, "requirements": asked}
    return dict(event)


def _executor_run(run: Mapping[str, Any]) -> Json:
    """An agent's or a team's run: it has events, none, after its metrics (a team's: before)."""
    reshaped: Json = {}
    is_team = "team_id" in run
    for key, value in run.items():
        if key in (*MEDIA_KINDS, "tools") and not value:
            continue
        if key == "tools":
            value = [_tool(tool) for tool in value]
        if key == "requirements":
            value = [_requirement(one) for one in value]
        if key == "member_responses":
            value = [_executor_run(member) for member in value]
        if is_team and key == "metrics":
            reshaped.setdefault("events", [])
        reshaped[key] = value
        if not is_team and key == "metrics":
            reshaped.setdefault("events", [])
    return reshaped


def _requirement(requirement: Mapping[str, Any]) -> Json:
    tool = _tool(requirement["tool_execution"])
    return {**requirement, "tool_execution": tool, **{key: [] for key in _SCHEMAS}}


def _tool(tool: Mapping[str, Any]) -> Json:
    return {key: [] if key in _SCHEMAS and value is None else value for key, value in tool.items()}
