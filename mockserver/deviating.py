"""Which deviations a request is answered with: those of the server, and those it asks for."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.deviations import UnknownDeviation, check_deviations
from mockserver.errors import ApiError

Deviations = frozenset[str]

_KEY = "mockserver.deviations"
_PROBLEM_KEY = "mockserver.deviations.problem"


class DeviationsMiddleware:
    """Notes in the scope what the answer's deviations are: `Prefer: fault=NAME` adds one."""

    def __init__(self, application: ASGIApp, deviations: Deviations) -> None:
        self._application = application
        self._deviations = deviations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_KEY] = self._deviations
        if scope["type"] == "http":
            faults = [value for key, value in preferences(scope) if key == "fault"]
            if faults:
                try:
                    scope[_KEY] = self._deviations | check_deviations(faults)
                except UnknownDeviation as error:
                    scope[_PROBLEM_KEY] = str(error)
        await self._application(scope, receive, send)


def deviations_of(scope: Scope) -> Deviations:
    """The deviations that this request is answered with."""
    found: Deviations = scope[_KEY]
    return found


def check_preferences(scope: Scope) -> None:
    """Raises ApiError(400) where the request asks for a deviation that there is not."""
    if _PROBLEM_KEY in scope:
        raise ApiError(400, f"Prefer: fault: {scope[_PROBLEM_KEY]}")


def preferences(scope: Scope) -> Iterator[tuple[str, str]]:
    """The preferences of the request's Prefer headers (RFC 7240), such as scenario=overloaded."""
    for header, value in scope["headers"]:
        if header != b"prefer":
            continue
        for preference in bytes(value).decode("latin-1").split(","):
            key, equals, word = preference.strip().partition("=")
            if equals:
                yield key.strip().lower(), word.strip().strip('"')
