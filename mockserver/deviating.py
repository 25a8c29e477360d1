"""The deviations and variations of an answer: the server's, and those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.deviations import UnknownDeviation, check_deviations
from agentos_contract.variations import UnknownVariation, check_variations
from mockserver.errors import ApiError

Deviations = frozenset[str]
"""Names of deviations, and of variations: no name is both."""

_KEY = "mockserver.deviations"
_PROBLEM_KEY = "mockserver.deviations.problem"


class DeviationsMiddleware:
    """Notes in the scope how the answer departs: `Prefer: fault=NAME` adds a deviation,
    `Prefer: vary=NAME` a variation."""

    def __init__(self, application: ASGIApp, deviations: Deviations) -> None:
        self._application = application
        self._deviations = deviations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_KEY] = self._deviations
        if scope["type"] == "http":
            asked = [(key, name) for key, name in preferences(scope) if key in ("fault", "vary")]
            if asked:
                try:
                    scope[_KEY] = (
                        self._deviations
                        | check_deviations(name for key, name in asked if key == "fault")
                        | check_variations(name for key, name in asked if key == "vary")
                    )
                except UnknownDeviation as error:
                    scope[_PROBLEM_KEY] = f"Prefer: fault: {error}"
                except UnknownVariation as error:
                    scope[_PROBLEM_KEY] = f"Prefer: vary: {error}"
        await self._application(scope, receive, send)


def deviations_of(scope: Scope) -> Deviations:
    """How this request's answer departs."""
    found: Deviations = scope[_KEY]
    return found


def check_preferences(scope: Scope) -> None:
    """Raises ApiError(400) where the request asks for what there is not."""
    if _PROBLEM_KEY in scope:
        raise ApiError(400, scope[_PROBLEM_KEY])


def preferences(scope: Scope) -> Iterator[tuple[str, str]]:
    """The preferences of the request's Prefer headers (RFC 7240), such as scenario=overloaded."""
    for header, value in scope["headers"]:
        if header != b"prefer":
            continue
        for preference in bytes(value).decode("latin-1").split(","):
            key, equals, word = preference.strip().partition("=")
            if equals:
                yield key.strip().lower(), word.strip().strip('"')
