"""Scopes: one test's own sessions, ids, clock, workflows and gates, so that tests can share a mock
and never see each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mockserver.engine.ids import Ids
from mockserver.runner.clock import Clock
from mockserver.script.model import Workflow
from mockserver.sessions.store import SessionStore

MAX_SCOPES = 1000
"""Beyond it the one longest unused is closed."""

SEPARATOR = ":"
"""Between a scope's name and the rest of a session_id that belongs to it."""


class Count(Protocol):
    """Counts for all processes that share the store."""

    async def __call__(self, name: str, *, is_kept: bool = False) -> int:
        """How often that name was counted, this time included (`Channel.count`)."""
        ...


def ids_of(scope: str) -> str:
    """The name that the requests of a scope are counted under, for their ids."""
    return f"ids {scope}"


@dataclass(eq=False)
class MockScope:
    """What one scope has of its own. The unnamed one has what belongs to no test."""

    name: str
    """Empty: the unnamed one."""
    store: SessionStore
    """Its sessions, and no others."""
    clock: Clock
    seed: int | str | None = None
    """Of its ids."""
    count: Count | None = None
    """Counts for all processes that share the store; None: there is one."""
    workflows: dict[str, Workflow | None] = field(default_factory=dict)
    """Its own, by id, over those that are served; None is where one was taken away."""
    released: set[str] = field(default_factory=set)
    """The gates that are released for all its runs, those to come too."""

    def __post_init__(self) -> None:
        self.begin_again()

    def begin_again(self) -> None:
        """Give the ids of the beginning again."""
        self._random = random.Random(self.seed)

    async def ids(self, seed: int | None = None) -> Ids:
        """The source of one request's ids: its own, so that runs side by side don't change each
        other's. `seed`: the same gives the same ids. Raises StoreError."""
        if seed is not None:
            return Ids(random.Random(seed))
        if self.seed is None:
            return Ids(self._random)  # any will do
        if self.count is None:
            return Ids(random.Random(self._random.getrandbits(64)))
        # Whichever process is asked: it is the n-th request of them all.
        number = await self.count(ids_of(self.name), is_kept=True)
        return Ids(random.Random(f"{self.seed} {number}"))

    def over(self, served: Mapping[str, Workflow]) -> Mapping[str, Workflow]:
        """The workflows of this scope, where these are served."""
        if not self.workflows:
            return served
        both = {**served, **self.workflows}
        return {id: workflow for id, workflow in both.items() if workflow is not None}


class Scopes:
    """The scopes that there are: the unnamed one, and those that tests have opened."""

    def __init__(
        self,
        store: SessionStore,
        seed: int | None,
        now: Callable[[], float],
        count: Count | None = None,
    ) -> None:
        """`seed`: the same gives the same ids to the same requests of a scope in the same order,
        whatever happens in others. `now` gives seconds since the epoch. `count` counts for all
        processes that share the store."""
        self._store = store
        self._count = count
        self._seed = seed
        self._now = now
        self.unnamed = self._make("")
        self._named: dict[str, MockScope] = {}
        """The one longest unused first."""

    def of(self, name: str) -> MockScope:
        """The scope of that name, which is opened where there is none."""
        if not name:
            return self.unnamed
        scope = self._named.pop(name, None)
        if scope is None:
            scope = self._make(name)
        self._named[name] = scope
        return scope

    def get(self, name: str) -> MockScope | None:
        """The scope of that name, where it is open."""
        return self._named.get(name) if name else self.unnamed

    def of_session(self, session_id: str) -> MockScope | None:
        """The open scope that a session_id belongs to by its beginning."""
        name, separator, _ = session_id.partition(SEPARATOR)
        return self._named.get(name) if separator else None

    @property
    def are_some(self) -> bool:
        """Whether there is any besides the unnamed one."""
        return bool(self._named)

    def __iter__(self) -> Iterator[MockScope]:
        """Those that are open, the one longest unused first."""
        return iter(tuple(self._named.values()))

    def longest_unused(self) -> MockScope | None:
        """The one to close where there are too many."""
        return next(iter(self._named.values())) if len(self._named) > MAX_SCOPES else None

    def close(self, name: str) -> None:
        """Forget a scope, its sessions not included."""
        self._named.pop(name, None)

    def renew(self, scope: MockScope) -> None:
        """Make a scope as it was when it was made, its sessions aside."""
        scope.begin_again()
        scope.clock.reset()
        scope.workflows.clear()
        scope.released.clear()

    def _make(self, name: str) -> MockScope:
        seed: int | str | None = self._seed
        if seed is not None and name:
            seed = f"{seed} {name}"
        store = self._store.scoped(name)
        return MockScope(name, store, Clock(self._now), seed, self._count)
