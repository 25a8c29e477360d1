"""The companions: what Agno's client calls besides runs. One handler for each operationId.

Requests have been routed, let in and validated when they come here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from agentos_contract.deviations import Deviations
from mockserver.http.descriptions import (
    DATABASE_ID,
    OS_ID,
    TABLES,
    server_config,
    workflow_detail,
    workflow_summary,
)
from mockserver.http.errors import ApiError
from mockserver.http.session_views import (
    agent_run,
    session_detail,
    session_run,
    session_summary,
    without_none,
)
from mockserver.http.validation import ValidRequest
from mockserver.runner.runner import Runner
from mockserver.script.model import Workflow
from mockserver.sessions.sessions import Session, SessionType, StoredRun, keep

API_VERSION = "1.0.0"
"""What every AgentOS 2.5.6 says of its API, whatever its own version."""

Answer = tuple[int, Any]
"""A status and a JSON value (None: no body)."""


Handler = Callable[["Companions", ValidRequest], Awaitable[Answer]]

_HANDLERS: dict[str, Handler] = {}


def _handles(operation_id: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS[operation_id] = handler
        return handler

    return register


class Companions:
    """Answers the companion operations."""

    def __init__(self, workflows: Mapping[str, Workflow], runner: Runner) -> None:
        self.workflows = workflows
        self.runner = runner
        self.started_at = runner.clock()

    async def __call__(self, request: ValidRequest) -> Answer:
        """Raises ApiError."""
        handler = _HANDLERS.get(request.operation_id)
        if handler is None:
            detail = f"the mock has no behaviour for operation {request.operation_id!r}"
            raise ApiError(501, detail)
        return await handler(self, request)

    async def session(self, request: ValidRequest, detail: str) -> Session:
        """The session that the path names. Raises ApiError(404) with this detail."""
        user_id = request.query.get("user_id")
        session = await self.runner.store.get(request.path["session_id"], user_id)
        if session is None:
            raise ApiError(404, detail)
        return session


def _type(request: ValidRequest) -> SessionType:
    """Whose session the request takes it for. A document with --spec may have no default."""
    asked: SessionType = request.query.get("type", "agent")
    return asked


# -- the server and its workflows


@_handles("get_api_info")
async def _api_info(companions: Companions, request: ValidRequest) -> Answer:
    return 200, {"name": "AgentOS API", "id": OS_ID, "version": API_VERSION}


@_handles("health_check")
async def _health(companions: Companions, request: ValidRequest) -> Answer:
    moment = datetime.fromtimestamp(companions.started_at, UTC)
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return 200, {"status": "ok", "instantiated_at": text}


@_handles("get_config")
async def _config(companions: Companions, request: ValidRequest) -> Answer:
    return 200, server_config(companions.workflows.values(), request.deviations)


@_handles("get_workflows")
async def _workflows(companions: Companions, request: ValidRequest) -> Answer:
    return 200, [
        workflow_summary(workflow, request.deviations) for workflow in companions.workflows.values()
    ]


@_handles("get_workflow")
async def _workflow(companions: Companions, request: ValidRequest) -> Answer:
    workflow = companions.workflows[request.path["workflow_id"]]
    return 200, workflow_detail(workflow, request.deviations)


@_handles("cancel_workflow_run")
async def _cancel(companions: Companions, request: ValidRequest) -> Answer:
    companions.runner.cancel(request.path["run_id"])
    return 200, {}


@_handles("get_workflow_run")
async def _get_run(companions: Companions, request: ValidRequest) -> Answer:
    session_id = request.query.get("session_id", "")
    if not session_id and "session.empty-id-fails" in request.deviations:
        raise ApiError(500, "No session_id provided", is_crash=True)
    session = await companions.runner.store.get(session_id)
    stored = session.runs.get(request.path["run_id"]) if session else None
    if stored is None:
        raise ApiError(404, "Run not found")
    if "run.reshaped" in request.deviations:
        stored = stored.reshaped()
    return 200, {**stored.to_dict(), "events": stored.event_payloads()}


# -- sessions


@_handles("get_sessions")
async def _get_sessions(companions: Companions, request: ValidRequest) -> Answer:
    query = request.query
    _check_database(query, is_listing=True)
    found = [
        session
        for session in await companions.runner.store.sessions()
        if _matches(session, _type(request), query, request.deviations)
    ]
    sort_by = query.get("sort_by", "created_at")
    if sort_by in _SORT_KEYS:
        key = _SORT_KEYS[sort_by]
        is_descending = query.get("sort_order", "desc") != "asc"
        if is_descending and "session.ties-oldest-first" not in request.deviations:
            found.reverse()
        found.sort(key=lambda session: _sortable(key(session)), reverse=is_descending)
    limit, page = query.get("limit", 20), query.get("page", 1)
    first = max(0, (page - 1) * limit)
    return 200, {
        "data": [session_summary(session) for session in found[first : first + limit]],
        "meta": {
            "page": page,
            "limit": limit,
            "total_pages": math.ceil(len(found) / limit),
            "total_count": len(found),
            "search_time_ms": 0.0,
        },
    }


def _column(value: Any) -> str:
    """A JSON value as Agno's column of a SQLite table has it: JSON in JSON."""
    return "null" if value is None else json.dumps(json.dumps(value))


_SORT_KEYS: dict[str, Callable[[Session], Any]] = {
    "created_at": lambda session: session.created_at,
    "updated_at": lambda session: session.updated_at,
    "session_id": lambda session: session.session_id,
    "session_type": lambda session: session.type,
    "user_id": lambda session: session.user_id,
    "agent_id": lambda session: session.agent_id,
    "team_id": lambda session: session.team_id,
    "workflow_id": lambda session: session.workflow_id,
    "session_data": lambda session: _column(session.data),
    "metadata": lambda session: _column(session.metadata),
}


def _sortable(value: Any) -> tuple[bool, Any]:
    """No value is less than any (SQL's NULL)."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    return (False, 0) if value is None else (True, value)


def _matches(
    session: Session, of_type: SessionType, query: Mapping[str, Any], deviations: Deviations
) -> bool:
    component = {
        "agent": session.agent_id,
        "team": session.team_id,
        "workflow": session.workflow_id,
    }
    if session.type != of_type:
        return False
    for asked, value in (("component_id", component[of_type]), ("user_id", session.user_id)):
        if query.get(asked) is not None and query[asked] != value:
            return False
    name = query.get("session_name")
    if name is None:
        return True
    if "session.name-matches-data" in deviations:
        return _like(f"%{name}%").fullmatch(_column(session.data)) is not None
    return name.lower() in str(session_summary(session)["session_name"]).lower()


def _like(pattern: str) -> re.Pattern[str]:
    """SQLite's LIKE: % is any text, _ any character, ASCII letters of either case."""
    wildcards = {"%": ".*", "_": "."}
    parts = (wildcards.get(letter) or re.escape(letter) for letter in pattern)
    # What is searched is ASCII: nothing else has cases there.
    return re.compile("".join(parts), re.DOTALL | re.IGNORECASE | re.ASCII)


@_handles("create_session")
async def _create_session(companions: Companions, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    body = request.body or {}
    runner = companions.runner
    now = int(runner.clock())
    session_id = body.get("session_id") or runner.new_id()
    names = ("session_state", "session_name")
    data = {name: body[name] for name in names if body.get(name) is not None}
    # A workflow's session has mappings where the others have nothing.
    nothing: dict[str, Any] | None = {} if _type(request) == "workflow" else None
    session = Session(
        session_id,
        _type(request),
        body.get("user_id"),
        now,
        now,
        agent_id=body.get("agent_id") if _type(request) == "agent" else None,
        team_id=body.get("team_id") if _type(request) == "team" else None,
        workflow_id=body.get("workflow_id") if _type(request) == "workflow" else None,
        data=data or nothing,
        workflow_data=nothing,
        metadata=nothing if body.get("metadata") is None else body["metadata"],
    )
    there = await runner.store.get(session_id)
    is_owned = there is not None and there.user_id not in (None, session.user_id)
    if is_owned and "session.conflict-fails" in request.deviations:
        raise ApiError(500, "Failed to create session: 500: Failed to create session")
    if "session.post-replaces" not in request.deviations:
        there = await runner.store.get(session_id, session.user_id)
        if there is not None and there.user_id == session.user_id:
            session = _with_changes(there, body)
    kept = await keep(runner.store, session, now, request.deviations) or session
    return 201, without_none(session_detail(kept, _type(request)))


def _with_changes(session: Session, changes: Mapping[str, Any]) -> Session:
    """The session with what a body gives of name, state, metadata and summary."""
    session = session.copy()
    for name in ("session_name", "session_state"):
        if changes.get(name) is not None:
            session.data = {**(session.data or {}), name: changes[name]}
    for name in ("metadata", "summary"):
        if changes.get(name) is not None:
            setattr(session, name, changes[name])
    return session


@_handles("get_session_by_id")
async def _get_session(companions: Companions, request: ValidRequest) -> Answer:
    _check_database(request.query)
    session_id = request.path["session_id"]
    detail = f"{_type(request).capitalize()} Session with id '{session_id}' not found"
    session = await companions.session(request, detail)
    return 200, without_none(session_detail(session, _type(request)))


@_handles("get_session_runs")
async def _get_session_runs(companions: Companions, request: ValidRequest) -> Answer:
    query = request.query
    _check_database(query)
    detail = f"Session with ID {request.path['session_id']} not found"
    session = await companions.session(request, detail)
    runs = [
        stored
        for stored in session.runs.values()
        if (query.get("created_after") or 0) <= stored.created_at
        and stored.created_at <= (query.get("created_before") or math.inf)
    ]
    as_type = _type(request)
    if as_type == "team":
        return 200, []
    show, form = (session_run, "WorkflowRun") if as_type == "workflow" else (agent_run, "Run")
    for stored in runs:
        _check_content(stored, f"{form}Schema", request.deviations)
    return 200, [without_none(show(stored)) for stored in runs]


@_handles("get_session_run")
async def _get_session_run(companions: Companions, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    session_id, run_id = request.path["session_id"], request.path["run_id"]
    session = await companions.session(request, f"Session with ID {session_id} not found")
    if not session.runs:
        raise ApiError(404, f"Session with ID {session_id} has no runs")
    stored = session.runs.get(run_id)
    if stored is None:
        raise ApiError(404, f"Run with ID {run_id} not found in session {session_id}")
    _check_content(stored, "WorkflowRunSchema", request.deviations)
    return 200, session_run(stored)


def _check_content(stored: StoredRun, form: str, deviations: Deviations) -> None:
    """Raises ApiError(500) where a server with the deviation cannot show a run: what it came to
    is neither a text nor a mapping."""
    content = stored.to_dict().get("content")
    if "session.list-content-fails" not in deviations or isinstance(content, str | dict | None):
        return
    kind = type(content).__name__
    shown = repr(content)
    if len(shown) > _PYDANTIC_SHOWS:
        shown = f"{shown[:25]}...{shown[-24:]}"
    faults = "\n".join(
        f"content.{place}\n  Input should be a valid {what} [type={code}, input_value={shown}, "
        f"input_type={kind}]\n    For further information visit "
        f"https://errors.pydantic.dev/{_PYDANTIC}/v/{code}"
        for place, what, code in (
            ("str", "string", "string_type"),
            ("dict[any,any]", "dictionary", "dict_type"),
        )
    )
    raise ApiError(500, f"2 validation errors for {form}\n{faults}", is_crash=True)


_PYDANTIC = "2.14"
_PYDANTIC_SHOWS = 50
"""Characters of a value that pydantic tells in full."""


@_handles("rename_session")
async def _rename_session(companions: Companions, request: ValidRequest) -> Answer:
    _check_database(request.query)
    changes = {"session_name": request.body["session_name"]}
    return await _changed(companions, request, changes)


@_handles("update_session")
async def _update_session(companions: Companions, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    return await _changed(companions, request, request.body or {})


async def _changed(
    companions: Companions, request: ValidRequest, changes: Mapping[str, Any]
) -> Answer:
    detail = f"Session with id '{request.path['session_id']}' not found"
    session = await companions.session(request, detail)
    summary = changes.get("summary")
    if summary is not None and "session.summary-fails" in request.deviations:
        _check_summary(summary)
    changed = _with_changes(session, changes)
    if "session.type-drops-runs" in request.deviations:
        # It is read, and written back, as a session of the type that the request says.
        changed.type = _type(request)
        if _type(request) == "workflow":
            changed.data, changed.metadata = changed.data or {}, changed.metadata or {}
            changed.workflow_data = changed.workflow_data or {}
            changed.summary = None
        else:
            changed.runs.clear()
    runner = companions.runner
    kept = await keep(runner.store, changed, int(runner.clock()), request.deviations)
    return 200, session_detail(kept or changed, _type(request))


def _check_summary(summary: Mapping[str, Any]) -> None:
    """Raises ApiError(500) for what Agno's SessionSummary cannot be made of."""
    known = ("summary", "topics", "updated_at")
    for name in summary:
        if name not in known:
            what = f"got an unexpected keyword argument '{name}'"
            raise ApiError(500, f"SessionSummary.__init__() {what}", is_crash=True)
    if "summary" not in summary:
        what = "missing 1 required positional argument: 'summary'"
        raise ApiError(500, f"SessionSummary.__init__() {what}", is_crash=True)


@_handles("delete_session")
async def _delete_session(companions: Companions, request: ValidRequest) -> Answer:
    query = request.query
    _check_database(query)
    await companions.runner.store.delete(request.path["session_id"], query.get("user_id"))
    return 204, None


@_handles("delete_sessions")
async def _delete_sessions(companions: Companions, request: ValidRequest) -> Answer:
    query, body = request.query, request.body
    ids, kinds = body["session_ids"], body["session_types"]
    if len(ids) != len(kinds):
        detail = f"body: {len(ids)} session_ids and {len(kinds)} session_types; expected as many"
        words = "Session IDs and session types must have the same length"
        raise ApiError(400, detail, words=words)
    _check_database(query)
    for session_id in ids:
        await companions.runner.store.delete(session_id, query.get("user_id"))
    return 204, None


def _check_database(
    query: Mapping[str, Any], *, has_table: bool = True, is_listing: bool = False
) -> None:
    """Raises ApiError where the query names a database or a table that there is not.

    GET /sessions answers every such mistake with 404, as the real server does.
    """
    db_id, table = query.get("db_id"), query.get("table") if has_table else None
    if table and not db_id:
        status, detail = 400, "The db_id query parameter is required when passing a table"
    elif db_id and db_id != DATABASE_ID:
        status, detail = 404, f"No database found with id '{db_id}'"
    elif table and table not in TABLES:
        status, detail = 404, f"No database with id '{db_id}' has table '{table}'"
    else:
        return
    words = f"{status}: {detail}" if is_listing else detail
    hint = f"; there is {DATABASE_ID!r}" if status == 404 and db_id != DATABASE_ID else ""
    raise ApiError(404 if is_listing else status, detail + hint, words=words)
