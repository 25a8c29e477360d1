"""What an operation of the control API is asked: its request, and the scope that it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from mockserver.http.errors import ApiError
from mockserver.http.request import Answer
from mockserver.runner.scopes import MockScope, Scopes
from mockserver.script.problems import elided


class Sent(Protocol):
    """A body as it was sent."""

    @property
    def content(self) -> bytes: ...

    @property
    def media_type(self) -> str: ...


class ControlRequest(Protocol):
    """What an operation is asked, by whom ever."""

    @property
    def query(self) -> Mapping[str, Any]: ...

    @property
    def body(self) -> Any: ...

    @property
    def path(self) -> Mapping[str, Any]: ...

    @property
    def sent(self) -> Sent | None: ...


Handler = Callable[[ControlRequest], Awaitable[Answer]]


def scope_of(scopes: Scopes, name: str | None) -> MockScope:
    """An open scope. Raises ApiError(404)."""
    scope = scopes.get(name or "")
    if scope is None:
        are_open = elided(", ".join(scope.name for scope in scopes)) or "none"
        hint = f"open are: {are_open}; POST /__mock__/scopes opens one"
        raise ApiError(404, f"there is no scope {name!r}", hint=hint)
    return scope
