"""Which of its departures a request's answer really comes of.

Whoever wants to know opens a set with `noting`; while it is open, all that is done for the request
adds the names of the departures that changed something.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ACTED: ContextVar[set[Any] | None] = ContextVar("acted", default=None)

_NOT_ASKED = object()


@contextmanager
def noting(names: set[Any]) -> Iterator[None]:
    """Have the names of what changes something added there, in tasks too that begin meanwhile."""
    token = _ACTED.set(names)
    try:
        yield
    finally:
        _ACTED.reset(token)


def note(name: str) -> None:
    """A departure has changed something."""
    acted = _ACTED.get()
    if acted is not None:
        acted.add(name)


def is_asked(name: str) -> bool:
    """Whether somebody wants to know of it."""
    acted = _ACTED.get()
    return acted is not None and name not in acted


def noted(name: str, hooks: type[Any], *, compares: bool) -> type[Any]:
    """A subclass of a class of hooks that notes its name where one of its members is asked and
    gives something else than without the class.

    Methods are called once more for that; without `compares` those alone that give a truth value or
    a text: any other may do something, and notes that it was called. It costs time, so that it
    stands in the class's place only where somebody wants to know.
    """
    members: dict[str, Any] = {}
    for member, own in vars(hooks).items():
        if member.startswith("__") or not any(hasattr(base, member) for base in hooks.__bases__):
            continue
        if inspect.iscoroutinefunction(own):
            members[member] = _async_method(name, hooks, member, own, compares)
        elif inspect.isfunction(own):
            is_plain = own.__annotations__.get("return") in ("bool", "str", "str | None")
            members[member] = _method(name, hooks, member, own, compares or is_plain)
        elif not isinstance(own, property | classmethod | staticmethod):
            members[member] = _Value(name, hooks, member, own)
    return type(hooks.__name__, (hooks,), members)


class _Value:
    """An attribute that notes where it is read, of an instance, and is another than usual."""

    def __init__(self, name: str, hooks: type[Any], member: str, own: Any) -> None:
        self._name = name
        self._hooks = hooks
        self._member = member
        self._own = own

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is not None and is_asked(self._name) and self._usual(instance) != self._own:
            note(self._name)
        return self._own

    def _usual(self, instance: Any) -> Any:
        return getattr(super(self._hooks, instance), self._member)


def _method(
    name: str, hooks: type[Any], member: str, own: Callable[..., Any], compares: bool
) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: Any, *arguments: Any, **more: Any) -> Any:
        if not is_asked(name):
            return own(self, *arguments, **more)
        usual = _NOT_ASKED
        if compares:
            usual = _outcome(lambda: getattr(super(hooks, self), member)(*arguments, **more))
        return _note_difference(name, usual, _outcome(lambda: own(self, *arguments, **more)))

    return method


def _async_method(
    name: str, hooks: type[Any], member: str, own: Callable[..., Awaitable[Any]], compares: bool
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(own)
    async def method(self: Any, *arguments: Any, **more: Any) -> Any:
        if not is_asked(name):
            return await own(self, *arguments, **more)
        usual = _NOT_ASKED
        if compares:
            usual = await _awaited_outcome(
                lambda: getattr(super(hooks, self), member)(*arguments, **more)
            )
        return _note_difference(
            name, usual, await _awaited_outcome(lambda: own(self, *arguments, **more))
        )

    return method


def _outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or _Raised with its exception."""
    try:
        return call()
    except Exception as error:
        return _Raised(error)


async def _awaited_outcome(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except Exception as error:
        return _Raised(error)


class _Raised:
    """What was raised in place of a value; the same where it says the same."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Raised) and _facts_of(self.error) == _facts_of(other.error)

    def __hash__(self) -> int:
        return hash(_facts_of(self.error))


def _facts_of(error: Exception) -> tuple[type[Exception], str, Any]:
    return type(error), str(error), getattr(error, "status", None)


def _note_difference(name: str, usual: Any, given: Any) -> Any:
    """What was given, or raised again. Notes the name where that is not the usual."""
    if usual is _NOT_ASKED or given != usual:
        note(name)
    if isinstance(given, _Raised):
        raise given.error
    return given
