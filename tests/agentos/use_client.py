"""Agno's own client, unchanged, as a user's program calls it: a session of every kind of call.

Run with the python of .venv-agentos: `python use_client.py URL [TOKEN]`. Prints what each call
gave, as one JSON object, for tests to judge. Any call that raises ends it with a traceback.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agno.client import AgentOSClient
from agno.db.base import SessionType

WORKFLOW = SessionType.WORKFLOW


async def use(url: str, token: str | None) -> dict[str, Any]:
    """What each call gave: types by name, and what a test can compare."""
    client = AgentOSClient(base_url=url)
    auth: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"} if token else None}
    seen: dict[str, Any] = {}

    config = await client.aget_config(**auth)
    seen["config"] = [type(config).__name__, len(config.workflows)]
    workflows = await client.list_workflows(**auth)
    seen["workflows"] = [workflow.id for workflow in workflows]
    workflow = await client.aget_workflow("article-writer", **auth)
    seen["workflow"] = [workflow.name, [step["name"] for step in workflow.steps]]

    counter = {"session_id": "client", "user_id": "ada", **auth}
    first = await client.run_workflow("visit-counter", "hello", **counter)
    seen["run"] = [type(first).__name__, first.status, first.content, first.session_id]
    agents = await client.run_workflow("article-writer", "bees", session_id="agents", **auth)
    seen["agent_runs"] = [type(run).__name__ for run in agents.step_executor_runs or []]

    streamed = []
    async for event in client.run_workflow_stream("visit-counter", "again", **counter):
        streamed.append(event)
    seen["stream"] = [type(event).__name__ for event in streamed]
    seen["stream_content"] = streamed[-1].content
    teams = client.run_workflow_stream("research-team", "bees", session_id="teams", **auth)
    seen["team_stream"] = [type(event).__name__ async for event in teams]

    typed = {"session_type": WORKFLOW, **auth}
    page = await client.get_sessions(**typed)
    seen["sessions"] = [sorted(entry.session_id for entry in page.data), page.meta.total_count]
    session = await client.get_session("client", **typed)
    seen["session"] = [type(session).__name__, session.session_state]
    runs = await client.get_session_runs("client", **typed)
    seen["session_runs"] = [[type(run).__name__, run.status] for run in runs]
    run = await client.get_session_run("client", first.run_id, **typed)
    seen["session_run"] = [type(run).__name__, run.run_id == first.run_id, run.content]
    renamed = await client.rename_session("client", "Renamed", **typed)
    seen["renamed"] = renamed.session_name
    updated = await client.update_session("client", session_state={"count": 41}, **typed)
    seen["updated"] = updated.session_state
    after = await client.run_workflow("visit-counter", "after", **counter)
    seen["after_update"] = after.content
    created = await client.create_session(workflow_id="visit-counter", session_name="Made", **typed)
    seen["created"] = [type(created).__name__, created.session_name]

    names = []
    slow = client.run_workflow_stream("slow-report", "bees", session_id="cancelled", **auth)
    async for event in slow:
        names.append(type(event).__name__)
        if names[-1] == "RunStartedEvent":
            await client.cancel_workflow_run("slow-report", event.workflow_run_id, **auth)
    seen["cancelled"] = names
    (cancelled,) = await client.get_session_runs("cancelled", **typed)
    seen["cancelled_status"] = cancelled.status

    await client.delete_session("client", **auth)
    await client.delete_sessions(["agents", "teams"], [WORKFLOW, WORKFLOW], **auth)
    page = await client.get_sessions(**typed)
    seen["left"] = sorted(entry.session_id for entry in page.data if entry.session_name != "Made")
    return seen


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = asyncio.run(use(arguments[0], arguments[1] if len(arguments) > 1 else None))
    print(json.dumps(result))
