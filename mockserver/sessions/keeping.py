"""Finding and keeping sessions by the rules of whose they are, whatever the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mockserver.sessions.hooks import SessionHooks
from mockserver.sessions.records import Session, SessionKey, SessionType, StoredRun
from mockserver.sessions.store import Conflict, SessionStore

# What is written where a session is stored as one of a type; the rest stays as it was.
_ALWAYS_WRITTEN = ("summary_json", "data_json", "metadata_json", "first_run", "first_input_json")
_WRITTEN: dict[SessionType, tuple[str, ...]] = {
    "agent": ("agent_id", *_ALWAYS_WRITTEN),
    "team": ("team_id", *_ALWAYS_WRITTEN),
    "workflow": ("workflow_id", "workflow_data_json", *_ALWAYS_WRITTEN),
}


async def find_session(
    store: SessionStore, session_id: str, user_id: str | None = None
) -> Session | None:
    """A user's session; that of whoever was there first where no user is named."""
    if user_id is None:
        return await store.find(session_id)
    return await store.get((session_id, user_id))


async def keep(
    store: SessionStore,
    key: SessionKey,
    change: Callable[[Session | None], Session],
    now: int,
    hooks: SessionHooks,
    *,
    run: StoredRun | None = None,
    earlier_runs: Sequence[StoredRun] | None = None,
) -> Session | None:
    """Store a session as it becomes; the session as it is then, None where it is not kept.

    `change` is given the session that has this key, None where there is none, and is called again
    where somebody else wrote it meanwhile. Of one that is there already, its making and the columns
    of other types stay; one that `change` leaves without a first run loses its runs. `run` is added
    to them; to `earlier_runs` instead, where the session has been written since `change`'s was
    read. `now`: seconds since the epoch.
    """
    while True:
        there = await store.get(key)
        session = change(there)
        runs = _all_runs(there, session, run, earlier_runs, hooks)
        gone = None
        if there is not None:
            session = _written_over(there, session, now)
        else:
            if session.version or session.serial:
                session = session._replace(version=0, serial=0)
            other = await store.find(key[0])
            place = "beside" if other is None else hooks.place(session, other)
            if place == "nowhere":
                return None
            if other is not None and place == "instead":
                gone = other
                session = _written_over(other, session, now)._replace(user_id=key[1], version=0)
        try:
            if runs is None:
                return await store.save(session, run, instead_of=gone)
            return await store.replace(_named_by(session, runs), runs, instead_of=gone)
        except Conflict:
            continue


def _all_runs(
    there: Session | None,
    session: Session,
    run: StoredRun | None,
    earlier_runs: Sequence[StoredRun] | None,
    hooks: SessionHooks,
) -> Sequence[StoredRun] | None:
    """The runs to be written in the place of all that are there; None: none but the one."""
    if run is None:
        return () if there and there.first_run is not None and session.first_run is None else None
    if not hooks.keeps_runs:
        return (run,)
    if earlier_runs is None or session.version == (there.version if there else 0):
        return None
    by_id = {each.run_id: each for each in earlier_runs}
    return tuple({**by_id, run.run_id: run}.values())


def _written_over(there: Session, session: Session, now: int) -> Session:
    columns = {name: getattr(session, name) for name in _WRITTEN[session.type]}
    return there._replace(**columns, updated_at=now)


def _named_by(session: Session, runs: Sequence[StoredRun]) -> Session:
    """A session whose name is that of one of these runs: it was, or is now that of the first."""
    if any(run.run_id == session.first_run for run in runs):
        return session
    if not runs:
        return session.changed(first_run=None, first_input=None)
    return session.changed(first_run=runs[0].run_id, first_input=runs[0].to_dict().get("input"))
