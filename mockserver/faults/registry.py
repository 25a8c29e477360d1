"""The registry of departures: by its name, what each deviation and variation changes.

A departure is a subclass of one of the hooks classes (`engine/hooks.py`, `sessions/hooks.py`,
`runner/hooks.py`, `http/hooks.py`) that overrides what it changes and leaves the rest to
`super()`:

    @departure("loop.last-continues")
    class LastIterationContinues(EngineHooks):
        def should_continue(self, wanted: bool, *, is_last: bool) -> bool:
            return wanted

One name may have a class of each. Several names together are one class with these as its bases
(Python's method resolution order): the one registered last is asked first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from mockserver.engine.hooks import EngineHooks
from mockserver.http.hooks import HttpHooks
from mockserver.runner.hooks import RunnerHooks
from mockserver.sessions.hooks import SessionHooks

T = TypeVar("T", bound=type[Any])
H = TypeVar("H")

_REGISTERED: dict[type[Any], dict[str, type[Any]]] = {
    EngineHooks: {},
    SessionHooks: {},
    RunnerHooks: {},
    HttpHooks: {},
}


def departure(name: str) -> Callable[[T], T]:
    """Register a subclass of a hooks class as what `name` changes there."""

    def register(hooks: T) -> T:
        by_name = next(names for base, names in _REGISTERED.items() if issubclass(hooks, base))
        assert name not in by_name, name
        by_name[name] = hooks
        return hooks

    return register


def registered() -> frozenset[str]:
    """The names that have a class."""
    return frozenset().union(*_REGISTERED.values())


@lru_cache(maxsize=256)
def resolve(names: frozenset[str]) -> HttpHooks:
    """The hooks of a request whose answer departs in these ways."""
    runner = _composed(RunnerHooks, names)()
    runner.engine = _composed(EngineHooks, names)
    runner.sessions = _composed(SessionHooks, names)()
    http = _composed(HttpHooks, names)()
    http.runner = runner
    return http


def _composed(base: type[H], names: frozenset[str]) -> type[H]:
    classes = [hooks for name, hooks in _REGISTERED[base].items() if name in names]
    return type(base.__name__, (*reversed(classes), base), {}) if classes else base
