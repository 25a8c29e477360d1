"""Which events must have come in a stream, by what its results say ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_BY_TYPE = {
    "Parallel": ("ParallelExecutionStarted", "ParallelExecutionCompleted"),
    "Condition": ("ConditionExecutionStarted", "ConditionExecutionCompleted"),
    "Loop": (
        "LoopExecutionStarted",
        "LoopIterationStarted",
        "LoopIterationCompleted",
        "LoopExecutionCompleted",
    ),
    "Router": ("RouterExecutionStarted", "RouterExecutionCompleted"),
    "Steps": ("StepsExecutionStarted", "StepsExecutionCompleted"),
}
_BY_EXECUTOR = {
    "agent": ("RunStarted", "RunContent", "RunCompleted"),
    "team": ("TeamRunStarted", "TeamRunContent", "TeamRunCompleted"),
}


def events_shown_by(results: Any, *, at_top: bool = True) -> Iterator[tuple[str, str]]:
    """Names of events, each with what shows it: `a result of a Loop`.

    Results that failed or stopped the run show nothing: what they leave open differs among servers.
    """
    for result in results if isinstance(results, list) else ():
        if not isinstance(result, Mapping) or result.get("success") is not True:
            continue
        if result.get("stop"):
            continue
        kind, executor = result.get("step_type"), result.get("executor_type")
        inner = result.get("steps")
        if at_top:
            yield from _because("there are results", "WorkflowStarted")
        if isinstance(kind, str) and kind in _BY_TYPE:
            yield from _because(f"there is a result of a {kind}", *_BY_TYPE[kind])
        elif not inner and executor in ("function", *_BY_EXECUTOR):
            yield from _because("there is a step's result", "StepStarted", "StepCompleted")
            names = list(_BY_EXECUTOR.get(executor, ()))
            if not isinstance(result.get("content"), str) or not result["content"]:
                names = [name for name in names if not name.endswith("Content")]
            yield from _because(f"there is a result of an executor: {executor}", *names)
        yield from events_shown_by(inner, at_top=False)


def _because(why: str, *names: str) -> Iterator[tuple[str, str]]:
    for name in names:
        yield name, why
