"""What becomes of a run in its session: when it starts, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.sessions.keeping import find_session, keep
from mockserver.sessions.records import Session, StoredRun
from mockserver.sessions.store import SessionStore
from mockserver.sessions.workflow_sessions import left, new_workflow_session


async def session_of(
    store: SessionStore, request: RunRequest, session_id: str, now: int
) -> Session:
    """The session that a run is in, as the run finds it: the one there is, or a new one."""
    there = await find_session(store, session_id, request.user_id)
    if there is None:
        return new_workflow_session(request.workflow, session_id, request.user_id, now)
    return request.hooks.sessions.joined(there, request.workflow)


async def keep_start(active: ActiveRun) -> None:
    """Keep a run that has begun, and its session as it found it."""

    def started(there: Session | None) -> Session:
        session = active.session
        if active.earlier_runs is None and there is not None and there.version != session.version:
            session = active.request.hooks.sessions.joined(there, active.request.workflow)
        return session.with_run(active.run.run_id, active.run.input)

    run = active.so_far()._replace(is_under_way=True)
    await _keep(active, run, started, active.run.created_at)


async def keep_end(active: ActiveRun, body: Mapping[str, Any], now: int) -> None:
    """Keep a run that is over, and what it has made of its session.

    Of a session that was deleted meanwhile comes another, which has this run alone.
    """
    run = active.run

    def ended(there: Session | None) -> Session:
        session = active.session
        if active.earlier_runs is None:
            session = there or session._replace(first_run=None)
        return left(session, run, body)

    await _keep(active, active.so_far(), ended, now)


async def _keep(
    active: ActiveRun,
    run: StoredRun,
    change: Callable[[Session | None], Session],
    now: int,
) -> None:
    store, key, hooks = active.scope.store, active.session.key, active.request.hooks.sessions
    kept = await keep(store, key, change, now, hooks, run=run, earlier_runs=active.earlier_runs)
    active.session = kept or active.session
