"""The flow of contents in one run: each result in its container's results, and in the run's.

Asked by `judge.py` when a stream is over, span by span. A fault is reported where it begins: what a
container says of its own steps is compared with what those said themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentos_contract.events import CONTAINERS, STEPS_AND_CONTAINERS, Scope
from agentos_contract.json_values import canonical, mapping, mappings, short
from agentos_contract.spans import EventData, Span

RESULT_REQUIREMENTS = frozenset(
    {
        "loop.all-results",
        "results.content",
        "results.executed-steps",
        "results.executor-content",
        "results.in-container",
        "results.no-others",
        "results.run-content",
        "results.step-output",
    }
)

SAME_IN_RESULTS = ("step_name", "success", "error", "stop", "executor_type")
"""What a step's own response and its result in its container have in common, beside the content."""


MAX_SAME_ID = 100
"""A container with more results of one step_id is not asked whether each is as its step ended."""


class ResultsJudge:
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
        assert span.ended is not None
        siblings = steps_of(span)
        match span.scope:
            case Scope.RUN:
                self._run_content(span)
            case Scope.STEP:
                self._step_output(span)
                self._executor_content(span)
            case Scope.CONDITION | Scope.ROUTER | Scope.STEPS:
                self._executed_steps(span, siblings)
            case Scope.LOOP:
                self._all_results(span)
        if span.scope in CONTAINERS or span.scope in (Scope.WORKFLOW, Scope.ITERATION):
            results = results_of(span)
            if results is not None:
                self._in_container(span, siblings, results)
                self._no_others(span, siblings, results)
        if span.scope is Scope.WORKFLOW:
            self._final_content(span)

    # -- a container's results

    def _in_container(
        self, span: Span, siblings: Sequence[Span], results: Sequence[EventData]
    ) -> None:
        """Each child's result stands in its container's, by step_id and content."""
        by_id: dict[str, list[EventData]] = {}
        for result in results:
            by_id.setdefault(canonical(result.get("step_id")), []).append(result)
        for child in siblings:
            if not child.ended:
                continue
            self._exercise("results.in-container")
            child_id = child.started.get("step_id")
            same_id = by_id.get(canonical(child_id))
            if not same_id:
                message = (
                    f"{child.label} (step_id {child_id}) has no result of that id "
                    f"in the results of {span.label}"
                )
                self._report("results.in-container", message, span.ended_index)
                continue
            if len(same_id) > MAX_SAME_ID:
                continue  # nobody can tell whose is whose; identity.step-id-unique says so
            unlike = _unlike(child, same_id)
            if unlike is not None:
                message = f"{child.label} {unlike} in the results of {span.label}"
                self._report("results.in-container", message, span.ended_index)

    def _no_others(
        self, span: Span, siblings: Sequence[Span], results: Sequence[EventData]
    ) -> None:
        """No result is there twice, or of a step that did not run; in the order of the steps."""
        if not results or not all(child.name for child in siblings):
            return
        self._exercise("results.no-others")
        started = [child.name for child in siblings]
        named = [result.get("step_name") for result in results]
        told = [name for name in named if isinstance(name, str) and name]
        extra = next(iter(Counter(told) - Counter(started)), None)
        if extra is not None:
            message = (
                f"{span.label} has {told.count(extra)} results of {extra!r}, "
                f"which started {started.count(extra)} times in it"
            )
            self._report("results.no-others", message, span.ended_index)
        elif span.scope is not Scope.PARALLEL and not _in_order(told, started):
            message = f"{span.label} ran {started} and has its results as {told}"
            self._report("results.no-others", message, span.ended_index)

    def _all_results(self, span: Span) -> None:
        """A Loop's results are those of its iterations, in their order."""
        assert span.ended is not None
        iterations = [child for child in span.children if child.scope is Scope.ITERATION]
        own = [results_of(child) for child in iterations if child.ended]
        told = span.ended.get("all_results")
        if not own or None in own or not isinstance(told, list):
            return
        self._exercise("loop.all-results")
        brief = [[_brief(result) for result in results or ()] for results in own]
        said = [
            [_brief(result) for result in mappings(results)]
            for results in told
            if isinstance(results, list)
        ]
        if said != brief:
            message = (
                f"{span.label}: all_results has {_lengths(said)} results by iteration, "
                f"the iterations had {_lengths(brief)}"
                if _lengths(said) != _lengths(brief)
                else f"{span.label}: all_results differ from what the iterations had"
            )
            self._report("loop.all-results", message, span.ended_index)

    def _executed_steps(self, span: Span, siblings: Sequence[Span]) -> None:
        """A container counts the steps that it executed."""
        assert span.ended is not None
        announced = span.started.get("steps_count")
        if isinstance(announced, int):
            self._exercise("results.executed-steps")
            if span.ended.get("steps_count") != announced or len(siblings) > announced:
                message = (
                    f"{span.label} says steps_count {announced} at its start and "
                    f"{span.ended.get('steps_count')!r} at its end; {len(siblings)} started"
                )
                self._report("results.executed-steps", message, span.ended_index)
        count = span.ended.get("executed_steps")
        if isinstance(count, bool) or not isinstance(count, int):
            return
        self._exercise("results.executed-steps")
        if count != len(siblings):
            message = f"{span.label} says executed_steps {count} after {len(siblings)} started"
            self._report("results.executed-steps", message, span.ended_index)

    # -- a step's own result

    def _step_output(self, span: Span) -> None:
        """A StepOutput says what the step's StepCompleted says."""
        assert span.ended is not None
        if span.ended.get("event") != "StepCompleted":
            return
        for event in span.within:
            output = event.get("step_output")
            if not isinstance(output, Mapping):
                continue
            self._exercise("results.step-output")
            for key, value in (
                ("content", span.ended.get("content")),
                ("step_name", span.ended.get("step_name")),
            ):
                if output.get(key) != value:
                    message = (
                        f"StepOutput of {span.label} has the {key} {short(output.get(key))}, "
                        f"its StepCompleted {short(value)}"
                    )
                    self._report("results.step-output", message, span.ended_index)

    def _executor_content(self, span: Span) -> None:
        """A step's content is that of the agent's or team's run that carried it out."""
        assert span.ended is not None
        runs = [child for child in span.children if child.scope is Scope.RUN and child.ended]
        if not runs:
            return
        last = runs[-1].ended
        assert last is not None
        if not str(last.get("event")).endswith("RunCompleted") or "content" not in last:
            return
        self._exercise("results.executor-content")
        if span.ended.get("content") != last["content"]:
            message = (
                f"{span.label} ended with content {short(span.ended.get('content'))}, "
                f"its {runs[-1].label} with {short(last['content'])}"
            )
            self._report("results.executor-content", message, span.ended_index)

    def _run_content(self, span: Span) -> None:
        """An agent's final content is what it streamed."""
        assert span.ended is not None
        names = [str(event.get("event")) for event in span.within]
        chunks = [
            event.get("content")
            for name, event in zip(names, span.within, strict=True)
            if name.endswith("RunContent") and event.get("content") is not None
        ]
        said_so = any(name.endswith("RunContentCompleted") for name in names)
        if not (chunks or said_so) or not all(isinstance(chunk, str) for chunk in chunks):
            return
        self._exercise("results.run-content")
        content = span.ended.get("content")
        streamed = "".join(map(str, chunks))
        if (isinstance(content, str) or (content is None and streamed)) and content != streamed:
            message = (
                f"{span.label}: it streamed {short(streamed)} and completed with {short(content)}"
            )
            self._report("results.run-content", message, span.ended_index)

    # -- the run

    def _final_content(self, span: Span) -> None:
        """The run's content is the last result's, taken as deep as it goes."""
        assert span.ended is not None
        results = span.ended.get("step_results")
        if not isinstance(results, list) or not results:
            return
        self._exercise("results.content")
        content = last_content(results)
        if content != span.ended.get("content"):
            message = (
                f"the run completed with content {short(span.ended.get('content'))}, "
                f"its last result has {short(content)}"
            )
            self._report("results.content", message, span.ended_index)


def steps_of(span: Span) -> list[Span]:
    """The steps and containers that started directly in it."""
    return [child for child in span.children if child.scope in STEPS_AND_CONTAINERS]


def results_of(span: Span) -> list[EventData] | None:
    """The results that its end carries; None where it has none. A Loop's iterations have them."""
    assert span.ended is not None
    if span.scope is Scope.LOOP:
        return None
    key = "iteration_results" if span.scope is Scope.ITERATION else "step_results"
    results = span.ended.get(key)
    if not isinstance(results, list):
        return None
    return mappings(results)


def last_content(results: Sequence[Any]) -> Any:
    """The content of the last result, taken as deep as it goes."""
    last = results[-1]
    while isinstance(last, Mapping) and mappings(last.get("steps")):
        last = mappings(last["steps"])[-1]
    return mapping(last).get("content")


def results_within(span: Span) -> list[EventData]:
    """The results of what ran directly in a container; of a Loop, those of all its iterations."""
    if span.scope is not Scope.LOOP:
        return results_of(span) or []
    iterations = [child for child in span.children if child.ended]
    return [result for child in iterations for result in results_of(child) or []]


def _unlike(child: Span, results: Sequence[EventData]) -> str | None:
    """How a child's end differs from each result of its id; None where one is like it."""
    assert child.ended is not None
    said: str | None = None
    for result in results:
        said = _difference(child, result)
        if said is None:
            return None
    return said


def _difference(child: Span, result: EventData) -> str | None:
    assert child.ended is not None
    if child.scope is Scope.STEP:
        content = child.ended.get("content")
        if content is not None and result.get("content") != content:
            return f"ended with content {short(content)}, and has {short(result.get('content'))}"
        own = mapping(child.ended.get("step_response"))
        for key in SAME_IN_RESULTS:
            if key in own and key in result and own[key] != result[key]:
                return f"ended with {key} {short(own[key])}, and has {short(result[key])}"
        return None
    inner = results_within(child)
    nested = result.get("steps")
    if inner and nested and isinstance(nested, list):
        own_steps = sorted(canonical(_brief(one)) for one in inner)
        told = sorted(canonical(_brief(one)) for one in mappings(nested))
        if own_steps != told:
            return "had other results, or with other contents, than it has as `steps`"
    return None


def _brief(result: EventData) -> tuple[Any, Any]:
    return (result.get("step_name"), result.get("content"))


def _lengths(results: Sequence[Sequence[Any]]) -> list[int]:
    return [len(one) for one in results]


def _in_order(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether `part` is `whole` with some left out."""
    rest = iter(whole)
    return all(name in rest for name in part)
