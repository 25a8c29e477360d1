"""One step: its tries, its result, its events."""

from __future__ import annotations

from typing import Any

from mockserver.engine.actions import (
    Actions,
    Call,
    Event,
    NodeActions,
    StepFailed,
    filtered,
    sleep,
)
from mockserver.engine.agents import AgentRun
from mockserver.engine.context import NodeEvents, RunContext, with_content
from mockserver.engine.hooks import Ending, Maker
from mockserver.engine.media import render_media
from mockserver.engine.results import Result, as_step_output, as_text, deepest, result
from mockserver.script.model import Node, Step


def run_step(context: RunContext, step: Step, call: Call) -> NodeActions:
    """Carry a step out. Raises StepFailed where it fails for good and does not skip that."""
    hooks, is_top_level = context.hooks, call.parent_id is None
    if call.step_input.previous_step_outputs:
        last = next(reversed(call.step_input.previous_step_outputs.values()))
        call.step_input.previous_step_content = deepest(last)["content"]
    step_id = context.step_ids.get(step.path)
    if step_id is None:
        step_id = context.step_ids[step.path] = context.ids()
    event = NodeEvents(context, step_id, step.name, call)
    yield event("StepStarted")
    failure: StepFailed | None = None
    try:
        tried = _tried(context, step, step_id, call)
        if not context.run.workflow.streams_executors:
            tried = filtered(tried, call.branch, lambda event: False)
        outcome = yield from tried
        ending: Ending = "stopped" if outcome["stop"] else "completed"
    except StepFailed as error:
        failure = StepFailed(str(error), step_id, kind=error.kind)
        if not step.skip_on_failure:
            if hooks.has_end_event(step, "failed", is_top_level=is_top_level):
                yield event("StepError", error=str(failure))
            raise failure from error
        content = f"Step {step.name} failed but skipped"
        outcome = failed_result(context, step, failure, "step", content)
        ending = "skipped"
    if is_top_level and step.executor.type == "function":
        named = {"step_name": outcome["step_name"]} if outcome["step_name"] else {}
        yield context.event(
            "StepOutput",
            **named,
            step_index=call.index,
            step_output=context.hooks.step_output(as_step_output(outcome)),
        )
    if hooks.has_end_event(step, ending, is_top_level=is_top_level):
        if failure is not None:
            yield event("StepError", error=str(failure))
        else:
            yield event(
                "StepCompleted",
                **with_content(outcome["content"]),
                content_type="str",
                step_response=outcome,
            )
    return outcome


def _tried(context: RunContext, step: Step, step_id: str, call: Call) -> Actions[Result]:
    """The step's result, tried as often as it may be. Raises the last try's StepFailed."""
    retries_left = step.max_retries
    while True:
        try:
            if step.executor.type == "function":
                return (yield from run_function(context, step, step_id, call))
            context.hooks.before_agent()
            return (yield from AgentRun(context, step, step_id, call).run())
        except StepFailed:
            if not retries_left:
                raise
            retries_left -= 1


def run_function(context: RunContext, step: Step, step_id: str, call: Call) -> Actions[Result]:
    """One try of a function. Raises StepFailed."""
    variables, _ = yield from context.answer(step, call, context.run.session_state)
    mock, render = step.mock, context.render
    for own in mock.events:
        if own.delay:
            call.branch.now = yield sleep(call.branch.now, own.delay)
        yield _own_event(context, step, step_id, call, render(own.data, variables))
    said = ""
    for inner in mock.runs:
        run = AgentRun(context, inner.step, step_id, call, function=step, how=inner.passes_on)
        answer, all_said = yield from run.run_within(inner.passes_on)
        variables["answers"].append(answer)
        said += all_said
    content: Any
    if mock.chunks is not None:
        content = "".join(as_text(render(chunk, variables)) for chunk in mock.chunks)
    elif mock.answers_by_runs:
        content = said
    else:
        content = render(mock.content, variables)
        if not isinstance(content, str | dict | list):
            content = str(content)
    content = context.hooks.function_content(content)
    name = step.executor.name
    stop = context.setting("stop", mock.stop, variables, "true or false")
    success = context.setting("success", mock.success, variables, "true or false")
    error = None
    if not success and mock.has_error:
        error = context.setting("error", mock.error, variables, "a text")
    outcome = result(
        content,
        step.name,
        step_id,
        "Step",
        "function",
        name,
        success=success,
        error=error,
        stop=stop,
    )
    if mock.media:
        outcome.update(render_media(mock.media, lambda each: render(each, variables), context.ids))
    return outcome


def _own_event(
    context: RunContext, step: Step, step_id: str, call: Call, members: dict[str, Any]
) -> Event:
    """An event of a function's own: it is an agent's, as Agno has them, without one."""
    run = context.run
    return {
        "created_at": context.now(),
        "event": "CustomEvent",
        "agent_id": "",
        "agent_name": "",
        "session_id": run.session_id,
        "workflow_id": run.workflow.id,
        "workflow_run_id": run.run_id,
        "step_id": step_id,
        "step_name": step.name,
        "step_index": call.index,
        **{name: value for name, value in members.items() if value is not None},
    }


def failed_result(
    context: RunContext,
    node: Node,
    failure: StepFailed,
    maker: Maker,
    content: str | None = None,
) -> Result:
    """The result of a step or container that failed."""
    executor = node.executor if isinstance(node, Step) else None
    outcome = result(
        content or f"Step {node.name} failed: {failure}",
        node.name,
        failure.step_id,
        type(node).__name__,
        executor.type if executor else None,
        executor.name if executor else None,
        success=False,
        error=str(failure),
    )
    if failure.results:
        outcome["steps"] = list(failure.results)
    context.hooks.on_failed_result(outcome, maker)
    return outcome
