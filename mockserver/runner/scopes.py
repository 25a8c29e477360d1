"""Scopes: one test's own sessions, ids, clock, workflows and gates, so that tests can share a mock
and never see each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mockserver.engine.ids import Ids
from mockserver.runner.clock import Clock
from mockserver.script.model import Workflow
from mockserver.sessions.store import SessionStore

MAX_SCOPES = 1000
"""Beyond it the one longest unused is closed."""

SEPARATOR = ":"
"""Between a scope's name and the rest of a session_id that belongs to it."""


@dataclass(eq=False)
class MockScope:
    """What one scope has of its own. The unnamed one has what belongs to no test."""

    name: str
    """Empty: the unnamed one."""
    store: SessionStore
    """Its sessions, and no others."""
    random: random.Random
    clock: Clock
    workflows: dict[str, Workflow | None] = field(default_factory=dict)
    """Its own, by id, over those that are served; None is where one was taken away."""
    released: set[str] = field(default_factory=set)
    """The gates that are released for all its runs, those to come too."""

    def __post_init__(self) -> None:
        self.new_id = Ids(self.random)

    def run_ids(self, seed: int | None = None) -> Ids:
        """The source of one run's ids: its own, so that runs side by side don't change each
        other's. `seed`: the same gives the same ids."""
        drawn = self.random.getrandbits(64)
        return Ids(random.Random(drawn if seed is None else seed))

    def over(self, served: Mapping[str, Workflow]) -> Mapping[str, Workflow]:
        """The workflows of this scope, where these are served."""
        if not self.workflows:
            return served
        both = {**served, **self.workflows}
        return {id: workflow for id, workflow in both.items() if workflow is not None}


class Scopes:
    """The scopes that there are: the unnamed one, and those that tests have opened."""

    def __init__(self, store: SessionStore, seed: int | None, now: Callable[[], float]) -> None:
        """`seed`: the same gives the same ids to the same requests of a scope in the same order,
        whatever happens in others. `now` gives seconds since the epoch."""
        self._store = store
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
        new = self._make(scope.name)
        scope.random.setstate(new.random.getstate())
        scope.clock.reset()
        scope.workflows.clear()
        scope.released.clear()

    def _make(self, name: str) -> MockScope:
        seed: int | str | None = self._seed
        if seed is not None and name:
            seed = f"{seed} {name}"
        return MockScope(name, self._store.scoped(name), random.Random(seed), Clock(self._now))
