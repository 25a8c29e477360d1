"""The operations on sessions, and on the runs in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mockserver.http.descriptions import DATABASE_ID, TABLES
from mockserver.http.errors import ApiError
from mockserver.http.request import Answer, Handler, Request
from mockserver.http.session_views import (
    agent_run,
    session_detail,
    session_name,
    session_run,
    session_summary,
    without_none,
)
from mockserver.sessions.keeping import find_session, keep
from mockserver.sessions.records import Session, SessionType, StoredRun, new_session
from mockserver.sessions.store import SORT_KEYS, SessionQuery


def _type(request: Request) -> SessionType:
    """Whose session the request takes it for. A document with --spec may have no default."""
    asked: SessionType = request.query.get("type", "agent")
    return asked


async def _session(request: Request, detail: str) -> Session:
    """The session that the path names. Raises ApiError(404) with this detail."""
    user_id = request.query.get("user_id")
    session = await find_session(request.store, request.path["session_id"], user_id)
    if session is None:
        raise ApiError(404, detail)
    return session


async def _get_sessions(request: Request) -> Answer:
    query = request.query
    try:
        _check_database(query)
    except ApiError as error:
        # As the real server answers every such mistake here.
        raise ApiError(404, error.statement, hint=error.hint) from error
    as_type, name = _type(request), query.get("session_name")

    def is_named(session: Session) -> bool:
        shown = session_name(session, session.type)
        return request.hooks.name_matches(session, shown, str(name))

    sort_by, limit, page = (
        query.get("sort_by", "created_at"),
        query.get("limit", 20),
        query.get("page", 1),
    )
    is_sorted, is_descending = sort_by in SORT_KEYS, query.get("sort_order", "desc") != "asc"
    found = await request.store.sessions(
        SessionQuery(
            as_type,
            query.get("component_id"),
            query.get("user_id"),
            None if name is None else is_named,
            sort_by=sort_by if is_sorted else None,
            is_descending=is_descending,
            ties_newest_first=is_sorted and is_descending and request.hooks.ties_newest_first,
            offset=max(0, (page - 1) * limit),
            limit=limit,
        )
    )
    return 200, {
        "data": [session_summary(session) for session in found.items],
        "meta": {
            "page": page,
            "limit": limit,
            "total_pages": math.ceil(found.total / limit),
            "total_count": found.total,
            "search_time_ms": 0.0,
        },
    }


async def _create_session(request: Request) -> Answer:
    _check_database(request.query, has_table=False)
    body = request.body or {}
    now = request.now()
    session_id = body.get("session_id") or (await request.mock_scope.ids())()
    names = ("session_state", "session_name")
    data = {name: body[name] for name in names if body.get(name) is not None}
    # A workflow's session has mappings where the others have nothing.
    nothing: dict[str, Any] | None = {} if _type(request) == "workflow" else None
    as_type = _type(request)
    component = f"{as_type}_id"
    session = new_session(
        session_id,
        as_type,
        body.get("user_id"),
        now,
        **{component: body.get(component)},
        data=data or nothing,
        workflow_data=nothing,
        metadata=nothing if body.get("metadata") is None else body["metadata"],
    )
    other = await request.store.find(session_id)
    if other is not None and other.user_id not in (None, session.user_id):
        request.hooks.check_owner(session, other)

    def created(there: Session | None) -> Session:
        if there is None:
            return session
        return request.hooks.created(session, there, _with_changes(there, body))

    kept = await keep(request.store, session.key, created, now, request.hooks.runner.sessions)
    return 201, without_none(session_detail(kept or session, as_type))


def _with_changes(session: Session, changes: Mapping[str, Any]) -> Session:
    """The session with what a body gives of name, state, metadata and summary."""
    data = session.data
    for name in ("session_name", "session_state"):
        if changes.get(name) is not None:
            data = {**(data or {}), name: changes[name]}
    columns = {
        name: changes[name] for name in ("metadata", "summary") if changes.get(name) is not None
    }
    return session.changed(data=data, **columns)


async def _get_session(request: Request) -> Answer:
    _check_database(request.query)
    session_id = request.path["session_id"]
    detail = f"{_type(request).capitalize()} Session with id '{session_id}' not found"
    session = await _session(request, detail)
    return 200, without_none(session_detail(session, _type(request)))


async def _get_session_runs(request: Request) -> Answer:
    query = request.query
    _check_database(query)
    detail = f"Session with ID {request.path['session_id']} not found"
    session = await _session(request, detail)
    runs = await request.served.runner.stored_runs(
        session,
        request.mock_scope,
        created_after=query.get("created_after") or None,
        created_before=query.get("created_before") or None,
    )
    as_type = _type(request)
    if as_type == "team":
        return 200, []
    show, form = (session_run, "WorkflowRun") if as_type == "workflow" else (agent_run, "Run")
    for stored in runs:
        request.hooks.check_listed(stored, f"{form}Schema")
    return 200, [without_none(show(_as_read(session, stored, request))) for stored in runs]


async def _get_session_run(request: Request) -> Answer:
    _check_database(request.query, has_table=False)
    session_id, run_id = request.path["session_id"], request.path["run_id"]
    session = await _session(request, f"Session with ID {session_id} not found")
    if session.first_run is None:
        raise ApiError(404, f"Session with ID {session_id} has no runs")
    stored = await request.served.runner.stored_run(session, run_id, request.mock_scope)
    if stored is None:
        raise ApiError(404, f"Run with ID {run_id} not found in session {session_id}")
    request.hooks.check_listed(stored, "WorkflowRunSchema")
    return 200, session_run(_as_read(session, stored, request))


def _as_read(session: Session, stored: StoredRun, request: Request) -> StoredRun:
    """A run as its session has it: written with the session's last writing, or read back since."""
    is_fresh = stored.version == session.version
    return stored if is_fresh else request.hooks.runner.sessions.read_back(stored)


async def _rename_session(request: Request) -> Answer:
    _check_database(request.query)
    changes = {"session_name": request.body["session_name"]}
    return await _changed(request, changes)


async def _update_session(request: Request) -> Answer:
    _check_database(request.query, has_table=False)
    return await _changed(request, request.body or {})


async def _changed(request: Request, changes: Mapping[str, Any]) -> Answer:
    detail = f"Session with id '{request.path['session_id']}' not found"
    session = await _session(request, detail)
    request.hooks.check_changes(changes)

    def changed(there: Session | None) -> Session:
        return request.hooks.updated(_with_changes(there or session, changes), _type(request))

    now = request.now()
    kept = await keep(request.store, session.key, changed, now, request.hooks.runner.sessions)
    return 200, session_detail(kept or session, _type(request))


async def _delete_session(request: Request) -> Answer:
    query = request.query
    _check_database(query)
    await request.store.delete(request.path["session_id"], query.get("user_id"))
    return 204, None


async def _delete_sessions(request: Request) -> Answer:
    query, body = request.query, request.body
    ids, kinds = body["session_ids"], body["session_types"]
    if len(ids) != len(kinds):
        statement = f"body: {len(ids)} session_ids and {len(kinds)} session_types"
        raise ApiError(400, statement, hint="expected as many", kind="lengths")
    _check_database(query)
    for session_id in ids:
        await request.store.delete(session_id, query.get("user_id"))
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
