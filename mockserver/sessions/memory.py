"""A store of sessions in memory, with a limit in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mockserver.sessions.records import Session, SessionKey, StoredRun
from mockserver.sessions.store import Conflict, Page, SessionQuery, page_of_runs

DEFAULT_MAX_BYTES = 192 * 1024 * 1024


@dataclass(slots=True)
class _Kept:
    """A session with its runs."""

    session: Session
    runs: dict[str, StoredRun]
    size: int


@dataclass(slots=True)
class _All:
    """The sessions of all scopes."""

    sessions: OrderedDict[tuple[str, SessionKey], _Kept] = field(default_factory=OrderedDict)
    """By scope and key, the one longest unused first."""
    keys: dict[tuple[str, str], tuple[SessionKey, ...]] = field(default_factory=dict)
    """For each scope and session_id its sessions, the one made first first."""
    size: int = 0
    version: int = 0


class MemoryStore:
    """A SessionStore that keeps sessions as long as the process lives, up to `max_bytes`.

    A session may have half of that: its oldest runs are forgotten first, the one just written
    never. Then the sessions that nobody has read or written for the longest time are forgotten as a
    whole, the one just written never.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._scope = ""
        self._all = _All()
        """Shared by the views of all scopes."""

    def scoped(self, scope: str) -> MemoryStore:
        view = MemoryStore(self._max_bytes)
        view._scope, view._all = scope, self._all
        return view

    async def get(self, key: SessionKey) -> Session | None:
        kept = self._used(key)
        return kept.session if kept else None

    async def find(self, session_id: str) -> Session | None:
        keys = self._all.keys.get((self._scope, session_id))
        return await self.get(keys[0]) if keys else None

    async def save(
        self, session: Session, run: StoredRun | None = None, *, instead_of: Session | None = None
    ) -> Session:
        there = self._as_read(session)
        self._take_away(instead_of)
        runs = there.runs if there else {}
        size = there.size - there.session.size if there else 0
        session = self._numbered(session)
        if run is not None:
            before = runs.get(run.run_id)
            run = runs[run.run_id] = run._replace(version=session.version)
            size += run.size - (before.size if before else 0)
        self._keep(_Kept(session, runs, size + session.size), run)
        return session

    async def replace(
        self, session: Session, runs: Sequence[StoredRun], *, instead_of: Session | None = None
    ) -> Session:
        self._take_away(instead_of)
        session = self._numbered(session)
        by_id = {
            run.run_id: run if run.version else run._replace(version=session.version)
            for run in runs
        }
        size = session.size + sum(run.size for run in by_id.values())
        self._keep(_Kept(session, by_id, size), runs[-1] if runs else None)
        return session

    async def run(self, key: SessionKey, run_id: str) -> StoredRun | None:
        kept = self._used(key)
        return kept.runs.get(run_id) if kept else None

    async def runs(
        self,
        key: SessionKey,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page[StoredRun]:
        kept = self._used(key)
        runs = kept.runs.values() if kept else ()
        return page_of_runs(runs, created_after, created_before, offset, limit)

    async def sessions(self, query: SessionQuery) -> Page[Session]:
        return query.page(self._own())

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        for key in list(self._all.keys.get((self._scope, session_id), ())):
            if user_id in (None, key[1]):
                self._forget((self._scope, key))

    async def clear(self) -> None:
        for session in self._own():
            self._forget((self._scope, session.key))

    async def clear_all(self) -> None:
        for place in list(self._all.sessions):
            self._forget(place)

    def channel(self) -> None:
        """Nobody else has this memory."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _as_read(self, session: Session) -> _Kept | None:
        """What is kept of a session. Raises Conflict where that is not as it was read."""
        there = self._all.sessions.get((self._scope, session.key))
        if session.version != (there.session.version if there else 0):
            raise Conflict(f"session {session.session_id!r} is not as it was read")
        return there

    def _take_away(self, other: Session | None) -> None:
        if other is not None and self._as_read(other) is not None:
            self._forget((self._scope, other.key))

    def _own(self) -> list[Session]:
        """The sessions of this scope."""
        everything = self._all.sessions.items()
        return [kept.session for (scope, _), kept in everything if scope == self._scope]

    def _used(self, key: SessionKey) -> _Kept | None:
        place = (self._scope, key)
        kept = self._all.sessions.get(place)
        if kept is not None:
            self._all.sessions.move_to_end(place)
        return kept

    def _numbered(self, session: Session) -> Session:
        self._all.version += 1
        version = self._all.version
        return session._replace(version=version, serial=session.serial or version)

    def _keep(self, kept: _Kept, written: StoredRun | None) -> None:
        everything, key = self._all, kept.session.key
        place = (self._scope, key)
        there = everything.sessions.get(place)
        if there is None:
            named = self._scope, key[0]
            everything.keys[named] = (*everything.keys.get(named, ()), key)
        else:
            everything.size -= there.size
        everything.sessions[place] = kept
        everything.sessions.move_to_end(place)
        if kept.size > self._max_bytes // 2:
            self._forget_runs(kept, written)
        everything.size += kept.size
        while everything.size > self._max_bytes and len(everything.sessions) > 1:
            self._forget(next(iter(everything.sessions)))

    def _forget_runs(self, kept: _Kept, written: StoredRun | None) -> None:
        """Forget the oldest runs of a session that has more than its share."""
        too_much = kept.size - self._max_bytes // 2
        forgotten = []
        for run_id, run in kept.runs.items():  # those that stay are not looked at
            if too_much <= 0:
                break
            if written is None or run_id != written.run_id:
                forgotten.append(run_id)
                too_much -= run.size
        for run_id in forgotten:
            kept.size -= kept.runs.pop(run_id).size

    def _forget(self, place: tuple[str, SessionKey]) -> None:
        everything, (scope, key) = self._all, place
        everything.size -= everything.sessions.pop(place).size
        named = scope, key[0]
        keys = tuple(each for each in everything.keys[named] if each != key)
        if keys:
            everything.keys[named] = keys
        else:
            del everything.keys[named]
