"""The flow of contents in one run: each result in its container's results, and in the run's.

Asked by `judge.py` when a stream is over, span by span. A fault is reported where it begins: what a
container says of its own steps is compared with what those said themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from agentos_contract.conditions import about
from agentos_contract.events import CONTAINERS, Scope
from agentos_contract.json_values import canonical, mapping, mappings, unlike
from agentos_contract.spans import EventData, Span, steps_of
from agentos_contract.verdict import Verdict

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

UNNAMED = canonical(None)
"""The step_id of a result that has none."""

MAX_SAME_ID = 100
"""A container with more results of one step_id is not asked whether each is as its step ended."""


def judge_results(span: Span, ended: EventData, verdict: Verdict) -> None:
    """Judge a span that ended in good order, by its last event."""
    siblings = steps_of(span)
    match span.scope:
        case Scope.RUN:
            _run_content(span, ended, verdict)
        case Scope.STEP:
            _step_output(span, ended, verdict)
            _executor_content(span, ended, verdict)
        case Scope.CONDITION | Scope.ROUTER | Scope.STEPS:
            _executed_steps(span, ended, len(siblings), verdict)
        case Scope.LOOP:
            _all_results(span, ended, verdict)
    if span.scope in CONTAINERS or span.scope in (Scope.WORKFLOW, Scope.ITERATION):
        results = results_of(span)
        if results is not None:
            _in_container(span, siblings, results, verdict)
            _no_others(span, siblings, results, verdict)
    if span.scope is Scope.WORKFLOW:
        _final_content(span, ended, verdict)


# -- a container's results


def _in_container(
    span: Span, siblings: Sequence[Span], results: Sequence[EventData], verdict: Verdict
) -> None:
    """Each child's result stands in its container's, by step_id and content; by its name where
    no result has a step_id, which the document lets a server leave out."""
    by_id: dict[str, list[EventData]] = {}
    by_name: dict[str, list[EventData]] = {}
    kinds = set()
    for result in results:
        name = canonical(result.get("step_name"))
        by_id.setdefault(canonical(result.get("step_id")), []).append(result)
        by_name.setdefault(name, []).append(result)
        kinds.add((name, canonical(result.get("step_type"))))
    has_ids = set(by_id) != {UNNAMED}
    for child in siblings:
        if not child.ended:
            continue
        child_id, name = child.started.get("step_id"), canonical(child.name)
        same_id = by_id.get(canonical(child_id), []) if has_ids else by_name.get(name, [])
        difference: str | None = f"(step_id {child_id}) has no result of that id"
        # Whether there is one of its name and type, whatever its id.
        kind = "Step" if child.scope is Scope.STEP else child.scope.value
        cause = "other-id" if (name, canonical(kind)) in kinds else "no-result"
        if same_id:
            cause = "other-result"
            # Of very many nobody can say whose is whose; identity.step-id-unique reports them.
            is_few = len(same_id) <= MAX_SAME_ID
            difference = _difference_from_all(child, same_id) if is_few else None
        message = f"{child.label} {difference} in the results of {span.label}"
        verdict.require(
            "results.in-container",
            difference is None,
            message,
            span.ended_index,
            cause=cause,
            when=about(child),
        )


def _no_others(
    span: Span, siblings: Sequence[Span], results: Sequence[EventData], verdict: Verdict
) -> None:
    """No result is there twice, or of a step that did not run; in the order of the steps."""
    if not results or not all(child.name for child in siblings):
        return
    started = [child.name for child in siblings]
    names = [result.get("step_name") for result in results]
    named = [name for name in names if isinstance(name, str) and name]
    extra = next(iter(Counter(named) - Counter(started)), None)
    is_ordered = span.scope is Scope.PARALLEL or _in_order(named, started)
    message = f"{span.label} ran {started} and has its results as {named}"
    if extra is not None:
        message = (
            f"{span.label} has {named.count(extra)} results of {extra!r}, "
            f"which started {started.count(extra)} times in it"
        )
    kept = extra is None and is_ordered
    verdict.require("results.no-others", kept, message, span.ended_index)


def _all_results(span: Span, ended: EventData, verdict: Verdict) -> None:
    """A Loop's results are those of its iterations, in their order."""
    iterations = [child for child in span.children if child.scope is Scope.ITERATION]
    own = [results_of(child) for child in iterations if child.ended]
    listed = ended.get("all_results")
    if not own or None in own or not isinstance(listed, list):
        return
    had = [[_brief(result) for result in results or ()] for results in own]
    has = [[_brief(one) for one in mappings(each)] for each in listed if isinstance(each, list)]
    lengths = [[len(each) for each in results] for results in (has, had)]
    message = f"{span.label}: all_results differ from what the iterations had"
    if lengths[0] != lengths[1]:
        message = (
            f"{span.label}: all_results has {lengths[0]} results by iteration, "
            f"the iterations had {lengths[1]}"
        )
    verdict.require("loop.all-results", has == had, message, span.ended_index)


def _executed_steps(span: Span, ended: EventData, count: int, verdict: Verdict) -> None:
    """A container counts the steps that it executed."""
    announced, at_end = span.started.get("steps_count"), ended.get("steps_count")
    if isinstance(announced, int):
        message = (
            f"{span.label} says steps_count {announced} at its start and "
            f"{at_end!r} at its end; {count} started"
        )
        kept = at_end == announced and count <= announced
        verdict.require("results.executed-steps", kept, message, span.ended_index)
    executed = ended.get("executed_steps")
    if isinstance(executed, int) and not isinstance(executed, bool):
        message = f"{span.label} says executed_steps {executed} after {count} started"
        is_more = executed > count and _broke_off(span, ended)
        nothing = sum("ran-nothing" in about(child) for child in steps_of(span))
        cause = "all-counted" if is_more else "otherwise"
        if nothing and executed == count - nothing:
            cause = "ran-nothing"
        verdict.require(
            "results.executed-steps",
            executed == count,
            message,
            span.ended_index,
            cause=cause,
            when=about(span) | ({"around-nothing"} if nothing else set()),
        )


def _broke_off(span: Span, ended: EventData) -> bool:
    """Whether the last of a container's steps to run failed, or stopped the run."""
    children, results = steps_of(span), mappings(ended.get("step_results"))
    last = results[-1] if results else {}
    is_open = bool(children) and not children[-1].ended
    return is_open or last.get("success") is False or bool(last.get("stop"))


# -- a step's own result


def _step_output(span: Span, ended: EventData, verdict: Verdict) -> None:
    """A StepOutput says what the step's StepCompleted says."""
    if ended.get("event") != "StepCompleted":
        return
    for event in span.within:
        output = event.get("step_output")
        if not isinstance(output, Mapping):
            continue
        for key in ("content", "step_name", *(["step_id"] if output.get("step_id") else [])):
            here, there = unlike(output.get(key), ended.get(key))
            message = f"StepOutput of {span.label} has the {key} {here}, its StepCompleted {there}"
            kept = output.get(key) == ended.get(key)
            verdict.require("results.step-output", kept, message, span.ended_index)


def _executor_content(span: Span, ended: EventData, verdict: Verdict) -> None:
    """A step's content is that of the agent's or team's run that carried it out, which its
    step_run_id names."""
    runs = [child for child in span.children if child.scope is Scope.RUN and child.ended]
    if mapping(ended.get("step_response")).get("executor_type") == "function":
        return  # it ran within the function, which answers as it likes
    last = (runs[-1].ended or {}) if runs else {}
    if str(last.get("event")).endswith("RunError"):
        _failure_said(span, ended, runs[-1], verdict)
    if not str(last.get("event")).endswith("RunCompleted") or "content" not in last:
        return
    if ended.get("event") == "StepError":
        return  # it failed with what came after that run
    here, there = unlike(ended.get("content"), last["content"])
    message = f"{span.label} ended with content {here}, its {runs[-1].label} with {there}"
    kept = ended.get("content") == last["content"]
    verdict.require("results.executor-content", kept, message, span.ended_index)
    named, run_id = mapping(ended.get("step_response")).get("step_run_id"), last.get("run_id")
    if kept and named and run_id and run_id != last.get("workflow_run_id"):
        message = f"{span.label} has the step_run_id {named}, its {runs[-1].label} is {run_id}"
        verdict.require("results.executor-content", named == run_id, message, span.ended_index)


def _failure_said(span: Span, ended: EventData, run: Span, verdict: Verdict) -> None:
    """A step whose agent or team failed says that it failed, or something in its place: it does not
    succeed with nothing."""
    response = mapping(ended.get("step_response"))
    if ended.get("event") != "StepCompleted" or response.get("success") is not True:
        return
    said = [ended.get("content"), *(response.get(key) for key in ("content", "error"))]
    kept = any(one not in (None, "") for one in said) or bool(response.get("stop"))
    message = f"{span.label} succeeded with no content, and its {run.label} had failed"
    verdict.require("results.executor-content", kept, message, span.ended_index)


def _run_content(span: Span, ended: EventData, verdict: Verdict) -> None:
    """The final content of an agent that completes is what it streamed, but for what a model said
    before it failed and was asked again."""
    if not str(ended.get("event")).endswith("RunCompleted"):
        return
    names = [str(event.get("event")) for event in span.within]
    first = _last_try(span)
    chunks = [
        event.get("content")
        for name, event, index in zip(names, span.within, span.within_indexes, strict=True)
        if name.endswith("RunContent") and event.get("content") is not None and index > first
    ]
    is_announced = any(name.endswith("RunContentCompleted") for name in names)
    if not (chunks or is_announced) or not all(isinstance(chunk, str) for chunk in chunks):
        return
    content, streamed = ended.get("content"), "".join(map(str, chunks))
    is_text = isinstance(content, str) or (content is None and streamed)
    told, whole = unlike(streamed, content)
    message = f"{span.label}: it streamed {told} and completed with {whole}"
    kept = not is_text or content == streamed
    verdict.require("results.run-content", kept, message, span.ended_index)


def _last_try(span: Span) -> int:
    """Where the last try of an agent's run begins: after a request that succeeds come its tools,
    or the end; after one that failed the model is asked anew."""
    return next(iter(reversed(_tries(span))), span.started_index)


def was_tried_again(span: Span) -> bool:
    """Whether the model of an agent's run failed, and was asked anew in the same run."""
    return bool(_tries(span))


def _tries(span: Span) -> list[int]:
    """Where the tries of an agent's run begin, but for the first."""
    asked = [child for child in span.children if child.scope is Scope.MODEL_REQUEST]
    called = [child.started_index for child in span.children if child.scope is Scope.TOOL_CALL]
    return [
        again.started_index
        for request, again in pairwise(asked)
        if not any(request.started_index < index < again.started_index for index in called)
    ]


# -- the run


def _final_content(span: Span, ended: EventData, verdict: Verdict) -> None:
    """The run's content is the last result's, or that of a result within it."""
    results = ended.get("step_results")
    if isinstance(results, list) and results:
        last, content = last_contents(results), ended.get("content")
        here, there = unlike(content, last[-1])
        message = f"the run completed with content {here}, its last result has {there}"
        verdict.require("results.content", content in last, message, span.ended_index)


def results_of(span: Span) -> list[EventData] | None:
    """The results that its end carries; None where it has none. A Loop's iterations have them."""
    key = "iteration_results" if span.scope is Scope.ITERATION else "step_results"
    results = (span.ended or {}).get(key)
    return mappings(results) if isinstance(results, list) and span.scope is not Scope.LOOP else None


def last_contents(results: Sequence[Any]) -> list[Any]:
    """The contents that a run may have by its results: the last result's own, then that of the last
    one within it, as deep as it goes (AgentOS's own habit is the deepest), and of a Parallel
    those of all that ended it together."""
    found = []
    last = mapping(results[-1])
    while True:
        found.append(last.get("content"))
        inner = mappings(last.get("steps"))
        if not inner:
            return found
        if last.get("step_type") == "Parallel":
            found += [result.get("content") for result in inner]
        last = inner[-1]


def results_within(span: Span) -> list[EventData]:
    """The results of what ran directly in a container; of a Loop, those of all its iterations."""
    if span.scope is not Scope.LOOP:
        return results_of(span) or []
    return [result for child in span.children for result in results_of(child) or []]


def _difference_from_all(child: Span, results: Sequence[EventData]) -> str | None:
    """How a child's end differs from each result of its id; None where one is like it."""
    difference: str | None = None
    for result in results:
        difference = _difference(child, child.ended or {}, result)
        if difference is None:
            return None
    return difference


def _difference(child: Span, ended: EventData, result: EventData) -> str | None:
    if child.scope is Scope.STEP:
        content = ended.get("content")
        if content is not None and result.get("content") != content:
            here, there = unlike(content, result.get("content"))
            return f"ended with content {here}, and has {there}"
        own = mapping(ended.get("step_response"))
        for key in SAME_IN_RESULTS:
            if key in own and key in result and own[key] != result[key]:
                here, there = unlike(own[key], result[key])
                return f"ended with {key} {here}, and has {there}"
        return None
    inner, nested = results_within(child), result.get("steps")
    if inner and nested and isinstance(nested, list):
        own_steps = sorted(canonical(_brief(one)) for one in inner)
        if own_steps != sorted(canonical(_brief(one)) for one in mappings(nested)):
            return "had other results, or with other contents, than it has as `steps`"
    return None


def _brief(result: EventData) -> tuple[Any, Any]:
    return (result.get("step_name"), result.get("content"))


def _in_order(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether `part` is `whole` with some left out."""
    rest = iter(whole)
    return all(name in rest for name in part)
