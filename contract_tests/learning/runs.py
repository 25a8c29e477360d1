"""Observers of streams: how steps and containers end, and what their results say."""

from __future__ import annotations

from collections.abc import Iterator

from agentos_contract.broken_off import results_in, skipped_name
from agentos_contract.events import Scope
from agentos_contract.json_values import mapping, short
from agentos_contract.spans import Span, steps_of
from contract_tests.learning.evidence import Json, Run, result_of
from contract_tests.learning.observers import Observation, Observations, observes_streams

SKIPPED_AT_TOP = "Step skipped due to error: "
"""How a top-level step's result begins whose failure does not fail the run (Agno's words)."""


@observes_streams("step.failure-skipped")
def failure_skipped(run: Run) -> Observations:
    for result in run.own_results:
        name = str(result.get("step_name"))
        is_asked_for = run.nodes.get(name, {}).get("on_error") == "skip"
        if str(result.get("content")).startswith(SKIPPED_AT_TOP) and not is_asked_for:
            where = run.say(f"{name!r} failed, and the run went on")
            yield Observation("step.failure-skipped", True, where)
    for span, _ in run.failures:
        if span.parent is run.root and run.ended_by == "WorkflowError":
            where = run.say(f"{span.name!r} failed the run")
            yield Observation("step.failure-skipped", False, where)


@observes_streams(
    "step.failure-left-open",
    "step.skip-left-open",
    "loop.failure-left-open",
    "steps.failure-left-open",
    "step.stop-left-open",
    "parallel.stop-left-open",
)
def left_open(run: Run) -> Observations:
    """All break order.ended: which it is, is said by what became of the step or what stands in
    it."""
    for name, span in _broken_off(run):
        did = "ended" if span.ended else "never ended"
        yield Observation(name, not span.ended, run.say(f"{span.label} {did}"))


def _broken_off(run: Run) -> Iterator[tuple[str, Span]]:
    """What failed or stopped the run, by the deviation that leaves it open."""
    for step, is_skipped in run.failures:
        if is_skipped:
            yield "step.skip-left-open", step
            continue
        yield "step.failure-left-open", step
        span = step
        # A failure fails the Loop that it is in, and what that is in.
        while span.parent and span.parent.scope is Scope.ITERATION and span.parent.parent:
            span = span.parent.parent
            yield "loop.failure-left-open", span
        if span.parent and span.parent.scope is Scope.STEPS:
            yield "steps.failure-left-open", span.parent
    stopped = {result.get("step_name") for result in run.own_results if result.get("stop")}
    for span in steps_of(run.root):
        if span.name in stopped and span.scope in (Scope.STEP, Scope.PARALLEL):
            yield f"{span.scope.value.lower()}.stop-left-open", span


@observes_streams("result.failure-anonymous", "result.skip-anonymous")
def anonymous_failures(run: Run) -> Observations:
    for result in run.results:
        content, name = str(result.get("content")), result.get("step_name")
        if (skipped := skipped_name(result)) is not None:
            where = run.say(f"the result of {skipped!r}, which was skipped, is named {name!r}")
            yield Observation("result.skip-anonymous", name is None, where)
        elif (
            result.get("success") is False
            and not result.get("steps")
            and " failed: " in content
            and not content.startswith((SKIPPED_AT_TOP, "## Parallel"))
        ):
            kind = result.get("step_type")
            where = run.say(f"the result of {name!r}, which failed, has the step_type {kind!r}")
            yield Observation("result.failure-anonymous", kind is None, where)


@observes_streams("condition.unmet-without-result", "router.empty-without-result")
def without_result(run: Run) -> Observations:
    for span in run.of(Scope.CONDITION, Scope.ROUTER):
        is_router = span.scope is Scope.ROUTER
        is_empty = span.started.get("selected_steps") == [] if is_router else _ran_nothing(span)
        if is_empty and span.parent and results_in(span.parent) is not None:
            name = "router.empty-without-result" if is_router else "condition.unmet-without-result"
            has = "no result" if result_of(span) is None else "a result"
            where = run.say(f"{span.label} ran nothing and has {has} in the stream")
            yield Observation(name, result_of(span) is None, where)


@observes_streams("condition.else-forgotten")
def else_forgotten(run: Run) -> Observations:
    for span in run.of(Scope.CONDITION):
        is_met = span.started.get("condition_result") is not False
        if not is_met and run.nodes.get(span.name, {}).get("else_steps"):
            ran = "nothing" if _ran_nothing(span) else "its else_steps"
            where = run.say(f"{span.label} has else_steps, was not met and ran {ran}")
            yield Observation("condition.else-forgotten", _ran_nothing(span), where)


def _ran_nothing(span: Span) -> bool:
    is_met = span.started.get("condition_result") is not False
    return not is_met and bool(span.ended) and not steps_of(span)


@observes_streams("pause.forgotten")
def pause_forgotten(run: Run) -> Observations:
    if run.ended_by in ("StepPaused", "RouterPaused"):
        yield Observation("pause.forgotten", False, run.say(f"it ended with {run.ended_by}"))
    for span in steps_of(run.root):
        node = run.nodes.get(span.name, {})
        is_router = node.get("type") == "Router"
        asks = node.get("requires_confirmation") and node.get("type") != "Parallel"
        chosen = node.get("requires_user_input") and (is_router or node.get("type") == "Step")
        if asks or chosen:
            where = run.say(f"{span.label} was to wait for its user, and ran")
            yield Observation("pause.forgotten", True, where)


@observes_streams("parallel.other-result-id")
def other_result_id(run: Run) -> Observations:
    for span in run.of(Scope.PARALLEL):
        result: Json = result_of(span) or {}
        if result.get("step_type") == Scope.PARALLEL.value:
            started, shown = span.started.get("step_id"), result.get("step_id")
            where = run.say(f"{span.label} has the step_id {started} and {shown} in its result")
            yield Observation("parallel.other-result-id", started != shown, where)


@observes_streams("parallel.results-as-completed")
def results_as_completed(run: Run) -> Observations:
    for span in run.of(Scope.PARALLEL):
        children = steps_of(span)
        if not all(child.ended for child in children):
            continue
        began = [child.name for child in children]
        ended = [c.name for c in sorted(children, key=lambda c: c.ended_index or 0)]
        results = [str(result.get("step_name")) for result in results_in(span) or ()]
        if began != ended and len(set(began)) == len(began) and results in (began, ended):
            where = run.say(f"{span.label}: its results are {results}, the first to end {ended[0]}")
            yield Observation("parallel.results-as-completed", results == ended, where)


@observes_streams("run.unnamed")
def unnamed(run: Run) -> Observations:
    name = run.root.started.get("workflow_name")
    is_named = bool(run.description.get("name"))  # as its id, perhaps
    if not name or (name == run.workflow_id and not is_named):
        yield Observation("run.unnamed", not name, run.say(f"workflow_name is {name!r}"))


@observes_streams("media.as-text")
def media_as_text(run: Run) -> Observations:
    for payload in run.only("StepOutput"):
        output = mapping(payload.get("step_output"))
        for kind in ("images", "videos", "audio", "files"):
            for item in output.get(kind) or ():
                where = run.say(f"StepOutput of {payload.get('step_name')!r} has {short(item)}")
                yield Observation("media.as-text", isinstance(item, str), where)
