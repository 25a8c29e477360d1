"""Fault selection: how a request's answer departs, as the server is set and the request asks."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.deviations import Deviations, UnknownDeviation, check_deviations
from agentos_contract.variations import UnknownVariation, check_variations
from mockserver.faults.memory import Memories
from mockserver.faults.registry import resolve
from mockserver.http.deviating import DEVIATIONS_KEY, PROBLEM_KEY, preferences
from mockserver.http.hooks import HOOKS_KEY


class DeviationsMiddleware:
    """Notes in the scope how the answer departs: `Prefer: fault=NAME` adds a deviation,
    `Prefer: vary=NAME` a variation."""

    def __init__(self, application: ASGIApp, deviations: Deviations, memories: Memories) -> None:
        self._application = application
        self._deviations = deviations
        self._memories = memories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[DEVIATIONS_KEY] = self._deviations
        if scope["type"] == "http":
            asked = [(key, name) for key, name in preferences(scope) if key in ("fault", "vary")]
            if asked:
                try:
                    scope[DEVIATIONS_KEY] = (
                        self._deviations
                        | check_deviations(name for key, name in asked if key == "fault")
                        | check_variations(name for key, name in asked if key == "vary")
                    )
                except UnknownDeviation as error:
                    scope[PROBLEM_KEY] = f"Prefer: fault: {error}"
                except UnknownVariation as error:
                    scope[PROBLEM_KEY] = f"Prefer: vary: {error}"
        scope[HOOKS_KEY] = resolve(scope[DEVIATIONS_KEY], self._memories)
        await self._application(scope, receive, send)
