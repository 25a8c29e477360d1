"""Parallel, Condition, Router, Loop and Steps: what is carried out, in which order, with which
events and results."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from mockserver.engine import decisions
from mockserver.engine.actions import Actions, Branch, Call, NodeActions, StepFailed
from mockserver.engine.context import NodeEvents, RunContext
from mockserver.engine.hooks import Ending
from mockserver.engine.results import Result, container_result, parallel_result, result
from mockserver.engine.steps import failed_result, run_step
from mockserver.script.model import Condition, Loop, Node, Parallel, Router, Step, Steps


def run_node(context: RunContext, node: Node, call: Call) -> NodeActions:
    """Carry a step or container out."""
    match node:
        case Step():
            return run_step(context, node, call)
        case Parallel():
            return _parallel(context, node, call)
        case Condition():
            return _condition(context, node, call)
        case Loop():
            return _loop(context, node, call)
        case Router():
            return _router(context, node, call)
        case Steps():
            return _steps(context, node, call)


def _parallel(context: RunContext, node: Parallel, call: Call) -> NodeActions:
    node_id, hooks = context.ids(), context.hooks
    event = NodeEvents(context, node_id, node.name, call, parallel_step_count=len(node.children))
    yield event("ParallelExecutionStarted")
    branches = [Branch(call.branch.now, is_beside_others=True) for _ in node.children]
    children = []
    for position, (child, own) in enumerate(zip(node.children, branches, strict=True)):
        is_alone = len(node.children) == 1
        index = hooks.child_index(node, call.index, position, is_alone=is_alone)
        children.append(_branch(context, child, Call(call.step_input, index, node_id, own)))
    by_position = yield from context.side_by_side(children, branches, call.branch, is_parallel=True)
    found = (by_position[position] for position in hooks.parallel_order(by_position))
    results = [inner for inner in found if inner is not None]
    outcome = parallel_result(node.name, hooks.result_id(node, node_id), results)
    ending: Ending = "stopped" if outcome["stop"] else "completed"
    if hooks.has_end_event(node, ending, is_top_level=call.parent_id is None):
        yield event("ParallelExecutionCompleted", step_results=results)
    return outcome


def _branch(context: RunContext, node: Node, call: Call) -> NodeActions:
    """A Parallel's branch: its failure is its result."""
    try:
        return (yield from run_node(context, node, call))
    except StepFailed as error:
        return failed_result(context, node, error, "container")


def _condition(context: RunContext, node: Condition, call: Call) -> NodeActions:
    context.fail_decision(node, call.step_input)
    node_id, hooks = context.ids(), context.hooks
    is_met = decisions.is_met(context, node, call.step_input)
    event = NodeEvents(context, node_id, node.name, call, condition_result=is_met)
    yield event("ConditionExecutionStarted")
    branch, steps = ("if", node.children) if is_met else ("else", hooks.else_steps(node))
    if not is_met and not steps:
        yield event("ConditionExecutionCompleted", executed_steps=0, step_results=[])
        if not hooks.has_empty_result(node):
            return None
        content = f"Condition {node.name} not met - skipped {len(node.children)} steps"
        return result(content, node.name, node_id, "Condition")
    results = yield from _until_failure(context, node, node_id, steps, call)
    yield event(
        "ConditionExecutionCompleted",
        executed_steps=hooks.executed_steps(steps, results),
        branch=branch,
        step_results=results,
    )
    content = f"Condition {node.name} completed with {len(results)} results ({branch} branch)"
    return container_result(content, node.name, node_id, "Condition", results)


def _router(context: RunContext, node: Router, call: Call) -> NodeActions:
    context.fail_decision(node, call.step_input)
    node_id, hooks = context.ids(), context.hooks
    steps = decisions.selected(context, node, call.step_input)
    names = [choice.name for choice in steps]
    event = NodeEvents(context, node_id, node.name, call, selected_steps=names)
    yield event("RouterExecutionStarted")
    results = yield from _until_failure(context, node, node_id, steps, call)
    executed = hooks.executed_steps(steps, results)
    yield event("RouterExecutionCompleted", executed_steps=executed, step_results=results)
    if not steps:
        if not hooks.has_empty_result(node):
            return None
        content = f"Router {node.name} completed with 0 results (no steps selected)"
        return result(content, node.name, node_id, "Router")
    content = f"Router {node.name} completed with {len(results)} results"
    return container_result(content, node.name, node_id, "Router", results)


def _loop(context: RunContext, node: Loop, call: Call) -> NodeActions:
    node_id, hooks = context.ids(), context.hooks
    event = NodeEvents(context, node_id, node.name, call)
    maximum = node.max_iterations
    yield event("LoopExecutionStarted", max_iterations=maximum)
    all_results: list[list[Result]] = []
    failure: StepFailed | None = None
    has_end_event = True
    is_wanted, iteration = True, 0
    while is_wanted and has_end_event and iteration < maximum:
        iteration += 1
        number = {"iteration": iteration, "max_iterations": maximum}
        yield event("LoopIterationStarted", **number)
        results: list[Result] = []
        all_results.append(results)
        try:
            yield from _sequence(context, node, node_id, node.children, call, results)
        except StepFailed as error:
            failure = error
            has_end_event = hooks.has_end_event(node, "failed", is_top_level=call.parent_id is None)
        is_wanted = (
            failure is None
            and not any(inner["stop"] for inner in results)
            and not decisions.is_at_end(context, node, results, iteration)
        )
        if has_end_event:
            yield event(
                "LoopIterationCompleted",
                **number,
                iteration_results=results,
                should_continue=hooks.should_continue(is_wanted, is_last=iteration == maximum),
            )
    if has_end_event:
        yield event(
            "LoopExecutionCompleted",
            total_iterations=iteration,
            max_iterations=maximum,
            all_results=all_results,
        )
    flat = [inner for results in all_results for inner in results]
    if failure is not None:
        raise StepFailed(str(failure), node_id, flat)
    content = f"Loop {node.name} completed {iteration} iterations with {len(flat)} total steps"
    return container_result(content, node.name, node_id, "Loop", flat)


def _steps(context: RunContext, node: Steps, call: Call) -> NodeActions:
    node_id = context.ids()
    event = NodeEvents(context, node_id, node.name, call, steps_count=len(node.children))
    yield event("StepsExecutionStarted")
    results: list[Result] = []
    failure: StepFailed | None = None
    try:
        yield from _sequence(context, node, node_id, node.children, call, results)
    except StepFailed as error:
        failure = StepFailed(str(error), node_id, results)
    ending: Ending = "completed" if failure is None else "failed"
    if context.hooks.has_end_event(node, ending, is_top_level=call.parent_id is None):
        yield event("StepsExecutionCompleted", executed_steps=len(results), step_results=results)
    if failure is not None:
        content = f"Steps execution failed: {failure}"
        return failed_result(context, node, failure, "container", content)
    if not node.children:
        return result("No steps to execute", node.name, node_id, "Steps")
    content = f"Steps {node.name} completed with {len(results)} results"
    return container_result(content, node.name, node_id, "Steps", results)


def _until_failure(
    context: RunContext,
    node: Condition | Router,
    node_id: str,
    steps: Sequence[Node],
    call: Call,
) -> Actions[list[Result]]:
    """A Condition's or Router's sequence: a failure ends it, and is one of its results."""
    results: list[Result] = []
    with contextlib.suppress(StepFailed):
        yield from _sequence(context, node, node_id, steps, call, results)
    return results


def _sequence(
    context: RunContext,
    node: Condition | Router | Loop | Steps,
    node_id: str,
    steps: Sequence[Node],
    call: Call,
    results: list[Result],
) -> Actions[None]:
    """A container's steps one after the other, each with the results of those before it.

    A stop ends them. Fills `results`. Raises StepFailed, after it has put the failure among them.
    """
    outputs: dict[str, Result] = {}
    step_input = call.step_input
    hooks, is_alone = context.hooks, len(steps) == 1
    for position, step in enumerate(steps):
        index = hooks.child_index(node, call.index, position, is_alone=is_alone)
        is_repeated = any(step is one for one in steps[:position])
        if isinstance(node, Router) and is_repeated and hooks.has_new_id(node):
            context.step_ids.pop(step.path, None)
        try:
            inner = Call(step_input, index, node_id, call.branch)
            outcome = yield from run_node(context, step, inner)
        except StepFailed as error:
            results.append(failed_result(context, step, error, "container"))
            raise
        if outcome is None:
            continue
        results.append(outcome)
        outputs[step.name] = outcome
        if outcome["stop"]:
            return
        step_input = step_input.after(outcome, outputs)
