"""The operations on sessions, and on the runs in them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from mockserver.http.descriptions import DATABASE_ID, TABLES
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks
from mockserver.http.served import Answer, Handler, Served
from mockserver.http.session_views import (
    agent_run,
    session_detail,
    session_run,
    session_summary,
    without_none,
)
from mockserver.http.validation import ValidRequest
from mockserver.sessions.sessions import Session, SessionType, keep


def _type(request: ValidRequest) -> SessionType:
    """Whose session the request takes it for. A document with --spec may have no default."""
    asked: SessionType = request.query.get("type", "agent")
    return asked


async def _session(served: Served, request: ValidRequest, detail: str) -> Session:
    """The session that the path names. Raises ApiError(404) with this detail."""
    user_id = request.query.get("user_id")
    session = await served.runner.store.get(request.path["session_id"], user_id)
    if session is None:
        raise ApiError(404, detail)
    return session


async def _get_sessions(served: Served, request: ValidRequest) -> Answer:
    query = request.query
    try:
        _check_database(query)
    except ApiError as error:
        # As the real server answers every such mistake here.
        raise ApiError(404, error.statement, hint=error.hint) from error
    found = [
        session
        for session in await served.runner.store.sessions()
        if _matches(session, _type(request), query, request.hooks)
    ]
    sort_by = query.get("sort_by", "created_at")
    if sort_by in _SORT_KEYS:
        key = _SORT_KEYS[sort_by]
        is_descending = query.get("sort_order", "desc") != "asc"
        if is_descending and request.hooks.ties_newest_first:
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
    session: Session, of_type: SessionType, query: Mapping[str, Any], hooks: HttpHooks
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
    return hooks.name_matches(session, str(session_summary(session)["session_name"]), name)


async def _create_session(served: Served, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    body = request.body or {}
    runner = served.runner
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
    if there is not None and there.user_id not in (None, session.user_id):
        request.hooks.check_owner(session, there)
    there = await runner.store.get(session_id, session.user_id)
    if there is not None and there.user_id == session.user_id:
        session = request.hooks.created(session, there, _with_changes(there, body))
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


async def _get_session(served: Served, request: ValidRequest) -> Answer:
    _check_database(request.query)
    session_id = request.path["session_id"]
    detail = f"{_type(request).capitalize()} Session with id '{session_id}' not found"
    session = await _session(served, request, detail)
    return 200, without_none(session_detail(session, _type(request)))


async def _get_session_runs(served: Served, request: ValidRequest) -> Answer:
    query = request.query
    _check_database(query)
    detail = f"Session with ID {request.path['session_id']} not found"
    session = await _session(served, request, detail)
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
        request.hooks.check_listed(stored, f"{form}Schema")
    return 200, [without_none(show(stored)) for stored in runs]


async def _get_session_run(served: Served, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    session_id, run_id = request.path["session_id"], request.path["run_id"]
    session = await _session(served, request, f"Session with ID {session_id} not found")
    if not session.runs:
        raise ApiError(404, f"Session with ID {session_id} has no runs")
    stored = session.runs.get(run_id)
    if stored is None:
        raise ApiError(404, f"Run with ID {run_id} not found in session {session_id}")
    request.hooks.check_listed(stored, "WorkflowRunSchema")
    return 200, session_run(stored)


async def _rename_session(served: Served, request: ValidRequest) -> Answer:
    _check_database(request.query)
    changes = {"session_name": request.body["session_name"]}
    return await _changed(served, request, changes)


async def _update_session(served: Served, request: ValidRequest) -> Answer:
    _check_database(request.query, has_table=False)
    return await _changed(served, request, request.body or {})


async def _changed(served: Served, request: ValidRequest, changes: Mapping[str, Any]) -> Answer:
    detail = f"Session with id '{request.path['session_id']}' not found"
    session = await _session(served, request, detail)
    request.hooks.check_changes(changes)
    changed = request.hooks.updated(_with_changes(session, changes), _type(request))
    runner = served.runner
    kept = await keep(runner.store, changed, int(runner.clock()), request.deviations)
    return 200, session_detail(kept or changed, _type(request))


async def _delete_session(served: Served, request: ValidRequest) -> Answer:
    query = request.query
    _check_database(query)
    await served.runner.store.delete(request.path["session_id"], query.get("user_id"))
    return 204, None


async def _delete_sessions(served: Served, request: ValidRequest) -> Answer:
    query, body = request.query, request.body
    ids, kinds = body["session_ids"], body["session_types"]
    if len(ids) != len(kinds):
        statement = f"body: {len(ids)} session_ids and {len(kinds)} session_types"
        raise ApiError(400, statement, hint="expected as many", kind="lengths")
    _check_database(query)
    for session_id in ids:
        await served.runner.store.delete(session_id, query.get("user_id"))
    return 204, None


def _check_database(query: Mapping[str, Any], *, has_table: bool = True) -> None:
    """Raises ApiError where the query names a database or a table that there is not."""
    db_id, table = query.get("db_id"), query.get("table") if has_table else None
    if table and not db_id:
        raise ApiError(400, "The db_id query parameter is required when passing a table")
    if db_id and db_id != DATABASE_ID:
        hint = f"there is {DATABASE_ID!r}"
        raise ApiError(404, f"No database found with id '{db_id}'", hint=hint)
    if table and table not in TABLES:
        raise ApiError(404, f"No database with id '{db_id}' has table '{table}'")


HANDLERS: Mapping[str, Handler] = {
    "get_sessions": _get_sessions,
    "create_session": _create_session,
    "get_session_by_id": _get_session,
    "get_session_runs": _get_session_runs,
    "get_session_run": _get_session_run,
    "rename_session": _rename_session,
    "update_session": _update_session,
    "delete_session": _delete_session,
    "delete_sessions": _delete_sessions,
}
"""By operationId."""
