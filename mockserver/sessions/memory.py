"""A store of sessions in memory, with a limit in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mockserver.sessions.records import Session, SessionKey, StoredRun
from mockserver.sessions.store import Conflict, Page, SessionQuery, sort_value

T = TypeVar("T")

DEFAULT_MAX_BYTES = 192 * 1024 * 1024


@dataclass(slots=True)
class _Kept:
    """A session with its runs."""

    session: Session
    runs: dict[str, StoredRun]
    size: int


class MemoryStore:
    """A SessionStore that keeps sessions as long as the process lives, up to `max_bytes`.

    A session may have half of that: its oldest runs are forgotten first, the one just written
    never. Then the sessions that nobody has read or written for the longest time are forgotten as a
    whole, the one just written never.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._sessions: OrderedDict[SessionKey, _Kept] = OrderedDict()
        """The one longest unused first."""
        self._keys: dict[str, list[SessionKey]] = {}
        """For each session_id its sessions, the one made first first."""
        self._size = 0
        self._version = 0

    async def get(self, key: SessionKey) -> Session | None:
        kept = self._used(key)
        return kept.session if kept else None

    async def find(self, session_id: str) -> Session | None:
        keys = self._keys.get(session_id)
        return await self.get(keys[0]) if keys else None

    async def save(self, session: Session, run: StoredRun | None = None) -> Session:
        there = self._sessions.get(session.key)
        if session.version != (there.session.version if there else 0):
            raise Conflict(f"session {session.session_id!r} is not as it was read")
        runs = there.runs if there else {}
        size = there.size - there.session.size if there else 0
        session = self._numbered(session)
        if run is not None:
            before = runs.get(run.run_id)
            run = runs[run.run_id] = run._replace(version=session.version)
            size += run.size - (before.size if before else 0)
        self._keep(_Kept(session, runs, size + session.size), run)
        return session

    async def replace(self, session: Session, runs: Sequence[StoredRun]) -> Session:
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
        runs = list(kept.runs.values()) if kept else []
        if created_after is not None:
            runs = [run for run in runs if run.created_at >= created_after]
        if created_before is not None:
            runs = [run for run in runs if run.created_at <= created_before]
        return _page(runs, offset, limit)

    async def sessions(self, query: SessionQuery) -> Page[Session]:
        found = [kept.session for kept in self._sessions.values() if query.selects(kept.session)]
        found.sort(key=lambda session: session.serial, reverse=query.ties_newest_first)
        if query.sort_by is not None:
            by = query.sort_by
            found.sort(key=lambda session: sort_value(session, by), reverse=query.is_descending)
        return _page(found, query.offset, query.limit)

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        for key in list(self._keys.get(session_id, ())):
            if user_id in (None, key[1]):
                self._forget(key)

    def _used(self, key: SessionKey) -> _Kept | None:
        kept = self._sessions.get(key)
        if kept is not None:
            self._sessions.move_to_end(key)
        return kept

    def _numbered(self, session: Session) -> Session:
        self._version += 1
        serial = session.serial or self._version
        return session._replace(version=self._version, serial=serial)

    def _keep(self, kept: _Kept, written: StoredRun | None) -> None:
        key = kept.session.key
        there = self._sessions.get(key)
        if there is None:
            self._keys.setdefault(key[0], []).append(key)
        else:
            self._size -= there.size
        self._sessions[key] = kept
        self._sessions.move_to_end(key)
        if kept.size > self._max_bytes // 2:
            self._forget_runs(kept, written)
        self._size += kept.size
        while self._size > self._max_bytes and len(self._sessions) > 1:
            self._forget(next(iter(self._sessions)))

    def _forget_runs(self, kept: _Kept, written: StoredRun | None) -> None:
        """Forget the oldest runs of a session that has more than its share."""
        for run_id in list(kept.runs):
            if kept.size <= self._max_bytes // 2:
                break
            if written is None or run_id != written.run_id:
                kept.size -= kept.runs.pop(run_id).size

    def _forget(self, key: SessionKey) -> None:
        self._size -= self._sessions.pop(key).size
        self._keys[key[0]].remove(key)
        if not self._keys[key[0]]:
            del self._keys[key[0]]


def _page(items: Sequence[T], offset: int, limit: int | None) -> Page[T]:
    end = None if limit is None else offset + limit
    return Page(items[offset:end], len(items))
