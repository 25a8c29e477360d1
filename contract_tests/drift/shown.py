"""Which events must have come in a stream, by what its results say ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_contract.events import CONTAINERS, EVENTS, Role, Scope

_BY_TYPE = {
    scope.value: [
        name
        for name, kind in EVENTS.items()
        if kind.scope in ((scope, Scope.ITERATION) if scope is Scope.LOOP else (scope,))
        and kind.role in (Role.STARTS, Role.ENDS)
    ]
    for scope in CONTAINERS
}
_BY_EXECUTOR = {
    "function": [],
    "agent": ["RunStarted", "RunContent", "RunCompleted"],
    "team": ["TeamRunStarted", "TeamRunContent", "TeamRunCompleted"],
}


def events_shown_by(results: Any) -> Iterator[tuple[str, str]]:
    """Names of events, each with what shows it: `there is a result of a Loop`.

    Results that failed or stopped the run show nothing: what they leave open differs among servers.
    """
    for result in results if isinstance(results, list) else ():
        if not isinstance(result, Mapping) or result.get("success") is not True:
            continue
        if result.get("stop"):
            continue
        kind, executor = str(result.get("step_type")), str(result.get("executor_type"))
        if kind in _BY_TYPE:
            yield from ((name, f"there is a result of a {kind}") for name in _BY_TYPE[kind])
        elif not result.get("steps") and executor in _BY_EXECUTOR:
            has_content = isinstance(result.get("content"), str) and bool(result["content"])
            yield from ((name, "there is a step's result") for name in _STEP)
            for name in _BY_EXECUTOR[executor]:
                if has_content or not name.endswith("Content"):
                    yield name, f"there is a result of an executor: {executor}"
        yield from events_shown_by(result.get("steps"))


_STEP = ("StepStarted", "StepCompleted")
