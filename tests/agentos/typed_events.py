"""Agno's own client, unchanged: what it makes of a server's runs, as its own types.

Run with the python of .venv-agentos: `python typed_events.py URL`. Prints one JSON object: a name
for each use, and what came, in order: the type's name and its values, or the error's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from agno.client import AgentOSClient
from agno.db.base import SessionType

STREAMED = ["article-writer", "research-team", "everything", "market-scan", "best-effort", "doomed"]


async def typed(events: AsyncIterator[Any], seen: list[Any]) -> None:
    """Put each event into `seen`; an error too."""
    try:
        async for event in events:
            seen.append([type(event).__name__, event.to_dict()])
    except Exception as error:
        seen.append([type(error).__name__, str(error)])


async def use(url: str) -> dict[str, list[Any]]:
    client = AgentOSClient(base_url=url)
    seen: dict[str, list[Any]] = {}

    for workflow in STREAMED:
        events = client.run_workflow_stream(workflow, "tea", session_id=f"typed-{workflow}")
        await typed(events, seen.setdefault(f"stream {workflow}", []))

    resumed = seen["resumed"] = []
    for message in ("one", "two"):
        events = client.run_workflow_stream("visit-counter", message, session_id="typed-resumed")
        await typed(events, resumed)
    batch = await client.run_workflow("visit-counter", "three", session_id="typed-resumed")
    resumed.append([type(batch).__name__, batch.to_dict()])
    session = await client.get_session("typed-resumed", session_type=SessionType.WORKFLOW)
    resumed.append([type(session).__name__, session.session_state])

    cancelled = seen["cancelled in mid-step"] = []
    async for event in client.run_workflow_stream(
        "slow-report", "bees", session_id="typed-cancelled"
    ):
        cancelled.append([type(event).__name__, event.to_dict()])
        if type(event).__name__ == "RunStartedEvent":
            await client.cancel_workflow_run("slow-report", event.workflow_run_id)
    (run,) = await client.get_session_runs("typed-cancelled", session_type=SessionType.WORKFLOW)
    cancelled.append([type(run).__name__, run.status, run.content])

    errors = seen["errors"] = []
    for workflow, message in (("nobody", "tea"), ("order-intake", "no order"), ("doomed", "tea")):
        await typed(client.run_workflow_stream(workflow, message), errors)
        try:
            output = await client.run_workflow(workflow, message)
            errors.append([type(output).__name__, output.to_dict()])
        except Exception as error:
            errors.append([type(error).__name__, str(error)])
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(use(sys.argv[1])), default=str))
