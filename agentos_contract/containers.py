"""What a container tells of itself: how many branches it has, which of them it takes, how often.
Asked by `judge.py` when a stream is over, span by span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentos_contract.events import Scope
from agentos_contract.results import steps_of
from agentos_contract.spans import Span

CONTAINER_REQUIREMENTS = frozenset(
    {
        "condition.branch",
        "loop.iterations",
        "loop.should-continue",
        "parallel.step-count",
        "router.selected-steps",
    }
)


class ContainersJudge:
    """Judges the spans of one run. `report` is told what is broken, `exercise` what could be."""

    def __init__(
        self,
        report: Callable[[str, str, int | None], None],
        exercise: Callable[[str], None],
    ) -> None:
        self._report = report
        self._exercise = exercise

    def judge(self, span: Span) -> None:
        """One span that ended in good order."""
        siblings = steps_of(span)
        match span.scope:
            case Scope.PARALLEL:
                self._parallel(span, siblings)
            case Scope.CONDITION:
                self._condition(span)
            case Scope.LOOP:
                self._loop(span)
            case Scope.ROUTER:
                self._router(span, siblings)

    def _parallel(self, span: Span, siblings: Sequence[Span]) -> None:
        self._exercise("parallel.step-count")
        announced = span.started.get("parallel_step_count")
        if announced != len(siblings):
            message = f"{span.label} announced {announced} steps and {len(siblings)} started"
            self._report("parallel.step-count", message, span.ended_index)
        elif (
            span.ended is not None and span.ended.get("parallel_step_count", announced) != announced
        ):
            message = (
                f"{span.label} announced {announced} steps at its start "
                f"and {span.ended['parallel_step_count']} at its end"
            )
            self._report("parallel.step-count", message, span.ended_index)

    def _condition(self, span: Span) -> None:
        assert span.ended is not None
        self._exercise("condition.branch")
        result = span.started.get("condition_result")
        if span.ended.get("condition_result") != result:
            message = (
                f"{span.label} started with condition_result {result!r} "
                f"and ended with {span.ended.get('condition_result')!r}"
            )
            self._report("condition.branch", message, span.ended_index)
        branch = span.ended.get("branch")
        if branch not in (("if",) if result else ("else", None)):
            message = f"{span.label}: condition_result {result!r}, but branch {branch!r} ran"
            self._report("condition.branch", message, span.ended_index)
        if branch is None and span.children:
            message = f"{span.label}: it ran {len(span.children)} steps and names no branch"
            self._report("condition.branch", message, span.ended_index)

    def _router(self, span: Span, siblings: Sequence[Span]) -> None:
        assert span.ended is not None
        self._exercise("router.selected-steps")
        selected = span.started.get("selected_steps")
        started = [child.name for child in siblings]
        if span.ended.get("selected_steps") != selected:
            message = (
                f"{span.label} selected {selected!r} at its start "
                f"and {span.ended.get('selected_steps')!r} at its end"
            )
            self._report("router.selected-steps", message, span.ended_index)
        elif not isinstance(selected, list) or started != selected[: len(started)]:
            message = f"{span.label} selected {selected!r} and started {started!r}"
            self._report("router.selected-steps", message, span.ended_index)

    def _loop(self, span: Span) -> None:
        assert span.ended is not None
        self._exercise("loop.iterations")
        iterations = [child for child in span.children if child.scope is Scope.ITERATION]
        numbers = [child.started.get("iteration") for child in iterations]
        if numbers != list(range(1, len(numbers) + 1)):
            message = f"{span.label}: its iterations are numbered {numbers}, not from 1 upwards"
            self._report("loop.iterations", message, span.ended_index)
        maximum = span.started.get("max_iterations")
        if span.ended.get("total_iterations") != len(numbers):
            message = (
                f"{span.label}: total_iterations is {span.ended.get('total_iterations')!r} "
                f"after {len(numbers)} iterations"
            )
            self._report("loop.iterations", message, span.ended_index)
        if isinstance(maximum, int) and len(numbers) > maximum:
            message = f"{span.label}: {len(numbers)} iterations of at most {maximum}"
            self._report("loop.iterations", message, span.ended_index)
        told = [
            event["max_iterations"]
            for one in (*iterations, span)
            for event in (one.started, one.ended or {})
            if "max_iterations" in event
        ]
        if any(value != maximum for value in told):
            message = f"{span.label}: max_iterations is {told} in its events"
            self._report("loop.iterations", message, span.ended_index)
        for position, child in enumerate(iterations):
            if not child.ended or "should_continue" not in child.ended:
                continue
            self._exercise("loop.should-continue")
            more = position + 1 < len(iterations)
            if child.ended["should_continue"] is not more:
                said = child.ended["should_continue"]
                came = "another came" if more else "it was the last"
                message = f"{child.label}: should_continue is {said!r}, but {came}"
                self._report("loop.should-continue", message, child.ended_index)
