"""What each event of a run is about, for the page's timeline: said by the contract's own state
machine, so that the page knows no event by its name and shows what breaks the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_contract.events import EVENTS
from agentos_contract.spans import Span
from agentos_contract.state_machine import RunStateMachine


class Annotations:
    """Follows one run's events."""

    def __init__(self) -> None:
        self._machine = RunStateMachine()
        self._numbers: dict[Span, int] = {}

    def of(self, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The members `about` and `violations` of the run's next event.

        `about`: {"span": its number within the run, "parent": that of what it is in, "role":
        "starts" | "ends" | "breaks" | "within", "kind": its scope, "label": its name}; null where
        the event is about nothing that is known. `violations`: texts.
        """
        violations = [violation.message for violation in self._machine.receive(name, data)]
        return {"about": self._about(name), "violations": violations}

    def _about(self, name: str) -> dict[str, Any] | None:
        span, kind = self._machine.span, EVENTS.get(name)
        if span is None:
            return None
        return {
            "span": self._number(span),
            "parent": self._number(span.parent) if span.parent is not None else None,
            "role": kind.role.name.lower() if kind is not None else "within",
            "kind": span.scope.value,
            "label": span.name or span.scope.value,
        }

    def _number(self, span: Span) -> int:
        return self._numbers.setdefault(span, len(self._numbers))
