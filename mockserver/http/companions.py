"""The companion operations but those on sessions: the server, its workflows, a run by its id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mockserver.engine.run import REQUIREMENTS
from mockserver.http import session_operations
from mockserver.http.descriptions import OS_ID, server_config, workflow_detail, workflow_summary
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer, Handler, Request
from mockserver.sessions.keeping import find_session

API_VERSION = "1.0.0"
"""What every AgentOS 2.5.6 says of its API, whatever its own version."""


async def _api_info(request: Request) -> Answer:
    return 200, {"name": "AgentOS API", "id": OS_ID, "version": API_VERSION}


async def _health(request: Request) -> Answer:
    moment = datetime.fromtimestamp(request.served.started_at, UTC)
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return 200, {"status": "ok", "instantiated_at": text}


async def _config(request: Request) -> Answer:
    return 200, server_config(request.workflows.values(), request.hooks)


async def _workflows(request: Request) -> Answer:
    return 200, [workflow_summary(each, request.hooks) for each in request.workflows.values()]


async def _nothing(request: Request) -> Answer:
    """The agents, or teams, that are served beside the workflows: there are none."""
    return 200, []


async def _workflow(request: Request) -> Answer:
    return 200, workflow_detail(request.workflow, request.hooks)


async def _cancel(request: Request) -> Answer:
    scope = request.mock_scope if request.mock_scope.name else None
    await request.served.runner.cancel(request.path["run_id"], scope)
    return 200, {}


async def _get_run(request: Request) -> Answer:
    session_id = request.query.get("session_id", "")
    request.hooks.check_session_id(session_id)
    session = await find_session(request.store, session_id)
    stored = session and await request.served.runner.stored_run(
        session, request.path["run_id"], request.mock_scope
    )
    if not stored:
        raise ApiError(404, "Run not found")
    stored = request.hooks.runner.sessions.read_back(stored)
    body = stored.to_dict()
    asked = {key: body.pop(key) for key in REQUIREMENTS if key in body}
    return 200, {**body, "events": stored.event_payloads(), **asked}


HANDLERS: Mapping[str, Handler] = {
    "get_api_info": _api_info,
    "health_check": _health,
    "get_config": _config,
    "get_workflows": _workflows,
    "get_agents": _nothing,
    "get_teams": _nothing,
    "get_workflow": _workflow,
    "cancel_workflow_run": _cancel,
    "get_workflow_run": _get_run,
    **session_operations.HANDLERS,
}
"""By operationId."""
