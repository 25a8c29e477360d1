"""What a store of sessions can do: `memory`, `sqlite`, `redis_store`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args

from mockserver.sessions.records import Session, SessionKey, SessionType, StoredRun

T = TypeVar("T")

SortKey = Literal[
    "created_at",
    "updated_at",
    "session_id",
    "session_type",
    "user_id",
    "agent_id",
    "team_id",
    "workflow_id",
    "session_data",
    "metadata",
]
"""The columns that sessions are sorted by, by the API's names."""
SORT_KEYS: frozenset[str] = frozenset(get_args(SortKey))


class Conflict(Exception):
    """The session was written by somebody else since it was read, or is there already."""


class StoreError(Exception):
    """The store cannot be opened, read or written; str() says which, why, and what to do."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of what was asked for."""

    items: Sequence[T]
    total: int
    """How many there are on all pages."""


@dataclass(frozen=True)
class SessionQuery:
    """Which sessions, in which order, and which of them."""

    type: SessionType
    component_id: str | None = None
    """The agent_id, team_id or workflow_id, whichever the type has. None: any."""
    user_id: str | None = None
    """None: any."""
    matches: Callable[[Session], bool] | None = None
    """Another condition, asked of those that the rest selects."""
    sort_by: SortKey | None = None
    """None: in the order in which they were made."""
    is_descending: bool = False
    ties_newest_first: bool = False
    """Of those that sort the same, which comes first; else the one made first."""
    offset: int = 0
    limit: int | None = None

    def selects(self, session: Session) -> bool:
        """Whether it is one of those asked for, on whichever page."""
        component = getattr(session, f"{self.type}_id")
        return (
            session.type == self.type
            and self.component_id in (None, component)
            and self.user_id in (None, session.user_id)
            and (self.matches is None or self.matches(session))
        )

    def page(self, sessions: Iterable[Session]) -> Page[Session]:
        """The page of what it selects of these, which are all that there are."""
        found = [session for session in sessions if self.selects(session)]
        found.sort(key=lambda session: session.serial, reverse=self.ties_newest_first)
        if self.sort_by is not None:
            by = self.sort_by
            found.sort(key=lambda session: sort_value(session, by), reverse=self.is_descending)
        return page_of(found, self.offset, self.limit)


def page_of(items: Sequence[T], offset: int, limit: int | None) -> Page[T]:
    """Some of all there are."""
    end = None if limit is None else offset + limit
    return Page(items[offset:end], len(items))


def page_of_runs(
    runs: Iterable[StoredRun],
    created_after: int | None,
    created_before: int | None,
    offset: int,
    limit: int | None,
) -> Page[StoredRun]:
    """Some of these, of those that were created between two moments, both included."""
    found = [
        run
        for run in runs
        if (created_after is None or run.created_at >= created_after)
        and (created_before is None or run.created_at <= created_before)
    ]
    return page_of(found, offset, limit)


def sort_value(session: Session, key: SortKey) -> tuple[bool, Any]:
    """What a session is sorted by. No value is less than any (SQL's NULL), texts are compared as
    UTF-8, and the JSON columns as Agno keeps them in SQLite: JSON in JSON."""
    value: Any
    match key:
        case "session_type":
            value = session.type
        case "session_data":
            value = column_text(session.data)
        case "metadata":
            value = column_text(session.metadata)
        case _:
            value = getattr(session, key)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    return (False, 0) if value is None else (True, value)


def column_text(value: Any) -> str:
    """A JSON value as Agno's column of a SQLite table has it: JSON in JSON."""
    return "null" if value is None else json.dumps(json.dumps(value))


class Channel(Protocol):
    """What the processes that share a store tell each other. Each method raises StoreError."""

    async def listen(self, receive: Callable[[bytes], None]) -> None:
        """Have `receive` called in this loop with each message that is sent from now on, by this
        process too; those of one process come in the order in which it sent them."""
        ...

    async def others(self) -> int:
        """How many other processes there are."""
        ...

    async def send(self, messages: Sequence[bytes]) -> None:
        """Say something to all who listen."""
        ...

    async def count(self, name: str, times: int = 1, *, is_kept: bool = False) -> int:
        """How often that name was counted by all, these times included.

        Where it is not kept, a name that was not counted for a day begins from nothing."""
        ...

    async def forget(self, names: Sequence[str]) -> None:
        """Count these names from nothing again."""
        ...


class SessionStore(Protocol):
    """Where sessions and their runs are kept.

    A session is its head (`Session`) and its runs (`StoredRun`) in the order in which they were
    first written. Records are immutable, and what a method gives stays as it is. Every method is
    atomic: nobody sees half of it, and of two writes at a time one comes first. A store may forget
    by a policy of its own (`MemoryStore` says which); what it has forgotten is not there.

    A write says what it has read: `save` raises Conflict where the session's version is no longer
    the one given, and whoever called reads again and repeats (`mockserver.sessions.keeping`). Other
    failures (a disk, a connection) are a StoreError, and nothing was written. What a write has
    returned from, a store that outlives the process keeps, however the process ends; a run that was
    written as under way (`StoredRun.is_under_way`) is marked as `interrupted` once its process is
    gone.

    `tests/mockserver/sessions/test_stores.py` holds every store to this.
    """

    async def get(self, key: SessionKey) -> Session | None:
        """The session of this session_id and this user_id."""
        ...

    async def find(self, session_id: str) -> Session | None:
        """Of the sessions with this session_id, whoever's they are, the one that was made first."""
        ...

    async def save(
        self, session: Session, run: StoredRun | None = None, *, instead_of: Session | None = None
    ) -> Session:
        """Write a session's head and, with it, one of its runs; the session as it is then.

        A run whose run_id is there takes that one's place, any other is appended; the other runs
        are not touched or read. Version and serial of what is written are the store's to give, but
        a serial that is not 0 is kept. `instead_of`: another session, which goes with its runs.

        Raises Conflict unless both versions are the stored ones' (0: there is none).
        """
        ...

    async def replace(
        self, session: Session, runs: Sequence[StoredRun], *, instead_of: Session | None = None
    ) -> Session:
        """Write a whole session over whatever is there, if anything: these runs and no others.

        Runs that have a version keep it; the others get the session's. `instead_of`: another
        session, which goes with its runs. Raises Conflict unless that one's version is the stored.
        """
        ...

    async def run(self, key: SessionKey, run_id: str) -> StoredRun | None:
        """One run, found without a look at the others."""
        ...

    async def runs(
        self,
        key: SessionKey,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page[StoredRun]:
        """The runs of a session, the first first; those of these seconds, bounds included."""
        ...

    async def sessions(self, query: SessionQuery) -> Page[Session]:
        """A page of the sessions that a query selects."""
        ...

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        """Forget a session with its runs; without a user_id, all users' of that session_id."""
        ...

    async def clear(self) -> None:
        """Forget all sessions of this scope."""
        ...

    async def clear_all(self) -> None:
        """Forget all sessions of all scopes."""
        ...

    def channel(self) -> Channel | None:
        """How processes that share the store talk; None where there can be no other. One, for all
        scopes."""
        ...

    async def close(self) -> None:
        """Let go of what it has open, once all that was given to be written is. The views of all
        scopes are closed with it."""
        ...

    def scoped(self, scope: str) -> SessionStore:
        """The same store for another scope: neither sees the other's sessions, whatever their ids,
        and what the store may hold is what all hold together. `scope`: a name; empty for none."""
        ...
