"""What a container says of itself: how many branches it has, which of them it takes, how often.
Asked by `judge.py` when a stream is over, span by span.
"""

from __future__ import annotations

from agentos_contract.events import Scope
from agentos_contract.spans import EventData, Span, steps_of
from agentos_contract.verdict import Verdict

CONTAINER_REQUIREMENTS = frozenset(
    {
        "condition.branch",
        "loop.iterations",
        "loop.should-continue",
        "parallel.step-count",
        "router.selected-steps",
    }
)


def judge_container(span: Span, ended: EventData, verdict: Verdict) -> None:
    """Judge a span that ended in good order, by its last event."""
    match span.scope:
        case Scope.PARALLEL:
            _parallel(span, ended, verdict)
        case Scope.CONDITION:
            _condition(span, ended, verdict)
        case Scope.LOOP:
            _loop(span, ended, verdict)
        case Scope.ROUTER:
            _router(span, ended, verdict)


def _parallel(span: Span, ended: EventData, verdict: Verdict) -> None:
    count = len(steps_of(span))
    announced = span.started.get("parallel_step_count")
    at_end = ended.get("parallel_step_count", announced)
    message = f"{span.label} announced {announced} steps and {count} started"
    if announced == count:
        message = f"{span.label} announced {announced} steps at its start and {at_end} at its end"
    kept = announced == count == at_end
    verdict.require("parallel.step-count", kept, message, span.ended_index)


def _condition(span: Span, ended: EventData, verdict: Verdict) -> None:
    result, branch = span.started.get("condition_result"), ended.get("branch")
    said = ended.get("condition_result")
    label, count = span.label, len(span.children)
    for kept, message in (
        (
            said == result,
            f"{label} started with condition_result {result!r} and ended with {said!r}",
        ),
        (
            branch in (("if",) if result else ("else", None)),
            f"{label}: condition_result {result!r}, but branch {branch!r} ran",
        ),
        (
            branch is not None or not count,
            f"{label}: it ran {count} steps and names no branch",
        ),
    ):
        verdict.require("condition.branch", kept, message, span.ended_index)


def _router(span: Span, ended: EventData, verdict: Verdict) -> None:
    selected, at_end = span.started.get("selected_steps"), ended.get("selected_steps")
    started = [child.name for child in steps_of(span)]
    if at_end != selected:
        kept, message = False, f"selected {selected!r} at its start and {at_end!r} at its end"
    else:
        kept = isinstance(selected, list) and started == selected[: len(started)]
        message = f"selected {selected!r} and started {started!r}"
    verdict.require("router.selected-steps", kept, f"{span.label} {message}", span.ended_index)


def _loop(span: Span, ended: EventData, verdict: Verdict) -> None:
    iterations = [child for child in span.children if child.scope is Scope.ITERATION]
    numbers = [child.started.get("iteration") for child in iterations]
    count, maximum, total = (
        len(iterations),
        span.started.get("max_iterations"),
        ended.get("total_iterations"),
    )
    events = [event for one in (*iterations, span) for event in (one.started, one.ended or {})]
    maxima = [event["max_iterations"] for event in events if "max_iterations" in event]
    for kept, message in (
        (
            numbers == list(range(1, count + 1)),
            f"its iterations are numbered {numbers}, not from 1 upwards",
        ),
        (total == count, f"total_iterations is {total!r} after {count} iterations"),
        (
            not isinstance(maximum, int) or count <= maximum,
            f"{count} iterations of at most {maximum}",
        ),
        (
            all(value == maximum for value in maxima),
            f"max_iterations is {maxima} in its events",
        ),
    ):
        text = f"{span.label}: {message}"
        verdict.require("loop.iterations", kept, text, span.ended_index)
    for position, child in enumerate(iterations, 1):
        if child.ended and "should_continue" in child.ended:
            said, more = child.ended["should_continue"], position < count
            came = "another came" if more else "it was the last"
            message = f"{child.label}: should_continue is {said!r}, but {came}"
            cause = "at-maximum" if not more and count == maximum else "otherwise"
            verdict.require(
                "loop.should-continue",
                said is more,
                message,
                child.ended_index,
                cause=cause,
            )
