"""Observers of runs: how steps and containers end, and what their results say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agentos_contract.events import Scope
from agentos_contract.spans import Span
from contract_tests.learning.evidence import (
    Evidence,
    Json,
    Run,
    Sighting,
    children_of,
    is_top_level,
    observes,
    result_of,
    results_of,
    skipped_name,
)

SKIPPED_AT_TOP = "Step skipped due to error: "
"""How a top-level step's result begins whose failure does not fail the run (Agno's words)."""

Sightings = Iterator[Sighting]


# -- failures


@observes("step.failure-skipped", occasion="a step of the workflow itself failed for good")
def failure_skipped(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        asked_for = {
            str(node.get("name"))
            for node in evidence.nodes(run.workflow_id)
            if node.get("on_error") == "skip"
        }
        for result in run.own_results:
            name = str(result.get("step_name"))
            if str(result.get("content")).startswith(SKIPPED_AT_TOP) and name not in asked_for:
                yield Sighting(True, run.say(f"{name!r} failed, and the run went on"))
        for failure in run.failures:
            if is_top_level(failure.span) and run.ended_by == "WorkflowError":
                yield Sighting(False, run.say(f"{failure.span.name!r} failed the run"))


@observes("step.failure-left-open", occasion="a step failed for good, and was not skipped")
def failure_left_open(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for failure in run.failures:
            if not failure.is_skipped:
                yield _left_open(run, failure.span, failure.is_left_open)


@observes("step.skip-left-open", occasion="a step failed, and was skipped")
def skip_left_open(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for failure in run.failures:
            if failure.is_skipped:
                yield _left_open(run, failure.span, failure.is_left_open)


@observes("loop.failure-left-open", occasion="a step in a Loop failed for good")
def loop_left_open(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for failure in run.failures:
            span = failure.span
            while not failure.is_skipped and span.parent and span.parent.scope is Scope.ITERATION:
                loop = span.parent.parent
                assert loop is not None
                yield _left_open(run, loop, not loop.ended)
                span = loop


@observes("steps.failure-left-open", occasion="a step in a Steps failed for good")
def steps_left_open(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for failure in run.failures:
            span = failure.span
            # A failure fails the Loop that it is in, and what that is in.
            while span.parent and span.parent.scope is Scope.ITERATION:
                assert span.parent.parent is not None
                span = span.parent.parent
            if not failure.is_skipped and span.parent and span.parent.scope is Scope.STEPS:
                yield _left_open(run, span.parent, not span.parent.ended)


@observes("result.failure-anonymous", occasion="a failure is a result")
def failure_anonymous(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for result in run.results:
            is_failure = result.get("success") is False and not result.get("steps")
            content = str(result.get("content"))
            if (
                is_failure
                and " failed: " in content
                and skipped_name(result) is None
                and not content.startswith((SKIPPED_AT_TOP, "## Parallel"))
            ):
                name = result.get("step_name")
                has = "no step_type" if result.get("step_type") is None else "a step_type"
                where = run.say(f"the result of {name!r}, which failed, has {has}")
                yield Sighting(result.get("step_type") is None, where)


@observes("result.skip-anonymous", occasion="a failure that was skipped is a result")
def skip_anonymous(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for result in run.results:
            if (name := skipped_name(result)) is not None:
                named = result.get("step_name")
                where = run.say(f"the result of {name!r}, which was skipped, is named {named!r}")
                yield Sighting(named is None, where)


@observes("run.error-twice", occasion="a run failed")
def error_twice(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        errors = run.only("WorkflowError")
        if run.ended_by == "WorkflowError":
            is_bare = len(errors) > 1 and not errors[1].get("run_id")
            yield Sighting(is_bare, run.say(f"it failed with {len(errors)} WorkflowErrors"))


# -- stops


@observes("step.stop-left-open", occasion="a step of the workflow itself stopped the run")
def step_stop(evidence: Evidence) -> Sightings:
    return _stops(evidence, Scope.STEP)


@observes("parallel.stop-left-open", occasion="a step in the workflow's Parallel stopped the run")
def parallel_stop(evidence: Evidence) -> Sightings:
    return _stops(evidence, Scope.PARALLEL)


def _stops(evidence: Evidence, scope: Scope) -> Sightings:
    for run in evidence.runs:
        stopped = {result.get("step_name") for result in run.own_results if result.get("stop")}
        for span in children_of(run.root):
            if span.scope is scope and span.name in stopped:
                yield _left_open(run, span, not span.ended)


# -- containers


@observes("parallel.other-result-id", occasion="a Parallel's result stands beside its events")
def other_result_id(evidence: Evidence) -> Sightings:
    for run, span, result in _with_results(evidence, Scope.PARALLEL):
        started, shown = span.started.get("step_id"), result.get("step_id")
        where = run.say(f"{span.label} has the step_id {started} and {shown} in its result")
        yield Sighting(started != shown, where)


@observes(
    "parallel.results-as-completed",
    occasion="the branches of a Parallel ended in another order than they began",
)
def results_as_completed(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for span in run.of(Scope.PARALLEL):
            children = children_of(span)
            if not all(child.ended for child in children):
                continue
            began = [child.name for child in children]
            ended = [c.name for c in sorted(children, key=lambda c: c.ended_index or 0)]
            results = [str(result.get("step_name")) for result in results_of(span) or ()]
            if began != ended and len(set(began)) == len(began) and results in (began, ended):
                where = run.say(
                    f"{span.label}: its results are {results}, the first to end {ended[0]}"
                )
                yield Sighting(results == ended, where)


@observes("condition.unmet-without-result", occasion="a Condition was not met and ran nothing")
def unmet_without_result(evidence: Evidence) -> Sightings:
    return _without_result(evidence, Scope.CONDITION, _ran_nothing)


@observes("router.empty-without-result", occasion="a Router selected nothing")
def empty_without_result(evidence: Evidence) -> Sightings:
    return _without_result(
        evidence, Scope.ROUTER, lambda span: span.started.get("selected_steps") == []
    )


def _without_result(
    evidence: Evidence, scope: Scope, is_empty: Callable[[Span], bool]
) -> Sightings:
    for run in evidence.runs:
        for span in run.of(scope):
            if is_empty(span) and span.parent and results_of(span.parent) is not None:
                has = "no result" if result_of(span) is None else "a result"
                where = run.say(f"{span.label} ran nothing and has {has} in the stream")
                yield Sighting(result_of(span) is None, where)


@observes(
    "condition.else-forgotten",
    occasion="a Condition with else_steps (by its script, or its description) was not met",
)
def else_forgotten(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        with_else = {
            str(node.get("name"))
            for node in evidence.nodes(run.workflow_id)
            if node.get("type") == "Condition" and node.get("else_steps")
        }
        for span in run.of(Scope.CONDITION):
            if span.started.get("condition_result") is False and span.name in with_else:
                ran = "nothing" if _ran_nothing(span) else "its else_steps"
                where = run.say(f"{span.label} has else_steps, was not met and ran {ran}")
                yield Sighting(_ran_nothing(span), where)


@observes(
    "condition.all-counted",
    occasion="a Condition that was met did not come to its last step (as its description has them)",
)
def all_counted(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        steps = {
            str(node.get("name")): len(node.get("steps") or ())
            for node in evidence.nodes(run.workflow_id)
            if node.get("type") == "Condition"
        }
        for span in run.of(Scope.CONDITION):
            began, has = len(children_of(span)), steps.get(span.name, 0)
            if span.ended and span.started.get("condition_result") is True and began < has:
                counted = span.ended.get("executed_steps")
                where = run.say(f"{span.label} ran {began} of {has} steps and counts {counted}")
                yield Sighting(counted == has, where)


def _ran_nothing(span: Span) -> bool:
    is_met = span.started.get("condition_result") is not False
    return not is_met and bool(span.ended) and not children_of(span)


@observes("loop.last-continues", occasion="a Loop ran as often as it may")
def last_continues(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for span in run.of(Scope.LOOP):
            iterations = [child for child in span.children if child.scope is Scope.ITERATION]
            maximum = span.started.get("max_iterations")
            if iterations and iterations[-1].ended and len(iterations) == maximum:
                goes_on = iterations[-1].ended.get("should_continue")
                where = run.say(f"{iterations[-1].label} of {maximum}: should_continue {goes_on}")
                yield Sighting(goes_on is True, where)


@observes(
    "step-index.shared", occasion="a Parallel or Condition with steps stood in another container"
)
def index_shared(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        for span in run.of(Scope.PARALLEL, Scope.CONDITION):
            own, children = span.started.get("step_index"), children_of(span)
            if isinstance(own, list) and children:
                indexes = [child.started.get("step_index") for child in children]
                where = run.say(f"{span.label} has the index {own}, its steps {indexes}")
                yield Sighting(all(index == own for index in indexes), where)


# -- names


@observes("run.unnamed", occasion="a workflow had no name of its own")
def unnamed(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        name = run.root.started.get("workflow_name")
        if not name or name == run.workflow_id:
            yield Sighting(not name, run.say(f"workflow_name is {name!r}"))


def _left_open(run: Run, span: Span, is_left_open: bool) -> Sighting:
    did = "never ended" if is_left_open else "ended"
    return Sighting(is_left_open, run.say(f"{span.label} {did}"))


def _with_results(evidence: Evidence, scope: Scope) -> Iterator[tuple[Run, Span, Json]]:
    """The spans of one kind that have a result in their parent's end."""
    for run in evidence.runs:
        for span in run.of(scope):
            result = result_of(span)
            if result is not None and result.get("step_type") == scope.value:
                yield run, span, result
