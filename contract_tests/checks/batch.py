"""Batch runs: judged as they come (streams.py), and compared with their streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contract_tests.client import NoMoreRuns
from contract_tests.context import Context
from contract_tests.registry import CannotDecide, Stage, check
from contract_tests.streams import BatchRun, StreamedRun, mappings
from contract_tests.target import Workflow

Story = Any
"""What a run came to, without what may differ: nested (name, success, content, children)."""


@check(
    Stage.BATCHES,
    "batch.answered",
    "batch.body",
    "batch.content-in-results",
    "batch.content-type",
    "batch.equals-stream",
    "batch.status-completed",
    "identity.batch-echo",
)
def batch_runs(context: Context) -> None:
    """Each workflow once in batch, beside its stream.

    What differs might differ from one stream to the next (a model answered). So where the two tell
    different stories both are asked again, and only what is constant in each mode and different
    between them is a breach: the contents, or else the structure alone. A workflow that the
    configuration calls deterministic is not asked again; of one that it calls not deterministic
    only the structure is compared.
    """
    for workflow in context.target.workflows:
        if workflow.id not in context.plan.batched:
            continue
        context.progress(f"batch {workflow.id}")
        batch = context.batch(workflow)
        stream = context.streams.get(workflow.id)
        context.batches[workflow.id] = batch
        if stream is None or _of_stream(stream) is None or _of_batch(batch) is None:
            continue
        message = _compare(context, workflow, batch, stream)
        if message is not None:
            message = f"{workflow.id}: {message}"
            context.breach("batch.equals-stream", message, batch.exchange, stream.exchange)
    if not context.plan.batched:
        raise CannotDecide("--max-runs leaves none for batch runs")


def _compare(
    context: Context, workflow: Workflow, batch: BatchRun, stream: StreamedRun
) -> str | None:
    """What is different in the two modes; None where nothing surely is."""
    stories = _of_batch(batch), _of_stream(stream)
    if workflow.deterministic is False:
        stories = _structure(stories[0]), _structure(stories[1])
    if stories[0] == stories[1] or workflow.deterministic:
        context.findings.exercise("batch.equals-stream", exchanges=[batch.exchange])
        return None if stories[0] == stories[1] else _difference(*stories)
    try:
        again = context.batch(workflow), context.stream(workflow)
    except NoMoreRuns:
        reason = "too few runs were left to see what is constant"
        context.findings.cannot(["batch.equals-stream"], reason)
        return None
    if again[1] is None:
        return None
    others = _of_batch(again[0]), _of_stream(again[1])
    views: list[Callable[[Story], Story]] = [lambda story: story, _structure]
    for view in views:
        kept = [view(story) for story in stories]
        if kept == [view(story) for story in others]:
            context.findings.exercise("batch.equals-stream", exchanges=[batch.exchange])
            return None if kept[0] == kept[1] else _difference(*kept)
    reason = "answers differ from run to run, and so do the steps that are taken"
    context.findings.cannot(["batch.equals-stream"], reason)
    return None


def _of_batch(run: BatchRun) -> Story:
    """None where there is nothing to compare: what is wrong then is another requirement's."""
    if run.exchange.status == 500:
        return "failed"
    if run.exchange.status != 200 or run.exchange.fault is not None or not run.body:
        return None
    return _story(run.body, _masks(run.body))


def _of_stream(run: StreamedRun) -> Story:
    """None where the stream does not tell how the run ended."""
    if run.terminal is None or run.exchange.fault is not None:
        return None
    if run.terminal["event"] == "WorkflowError":
        return "failed"
    if run.terminal["event"] != "WorkflowCompleted":
        return None
    return _story(run.terminal, _masks(run.terminal))


def _masks(run: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Replaces the run's own ids in a content, which say nothing about the run."""
    ids = [str(run[key]) for key in ("run_id", "session_id") if run.get(key)]

    def mask(value: Any) -> Any:
        if isinstance(value, str):
            for position, identifier in enumerate(ids):
                value = value.replace(identifier, f"<id {position}>")
        return value

    return mask


def _story(run: Mapping[str, Any], mask: Callable[[Any], Any]) -> Story:
    return (
        mask(run.get("content")),
        [_result(result, mask) for result in mappings(run.get("step_results"))],
    )


def _result(result: Mapping[str, Any], mask: Callable[[Any], Any]) -> Story:
    children = [_result(child, mask) for child in mappings(result.get("steps"))]
    if result.get("step_type") == "Parallel":
        children.sort(key=repr)
    # A container's content is a text about its children, with times in it.
    content = None if children else mask(result.get("content"))
    return (result.get("step_name"), result.get("success"), content, children)


def _structure(story: Story) -> Story:
    """The same without what a model may have said: which steps ran, and how they ended."""
    if not isinstance(story, tuple):
        return story
    return (None, [_bare(result) for result in story[1]])


def _bare(result: Story) -> Story:
    name, success, _, children = result
    return (name, success, None, [_bare(child) for child in children])


def _difference(batch: Story, stream: Story) -> str:
    if batch == "failed" or stream == "failed":
        failing = "batch" if batch == "failed" else "the stream"
        other = "the stream" if batch == "failed" else "batch"
        return f"the run fails in {failing} and completes in {other}"
    if batch[0] != stream[0]:
        return f"the content is {batch[0]!r} in batch and {stream[0]!r} in the stream"
    names = [[_names(result) for result in story[1]] for story in (batch, stream)]
    if names[0] != names[1]:
        return f"the results are {names[0]} in batch and {names[1]} in the stream"
    for one, other in zip(batch[1], stream[1], strict=True):
        if one != other:
            return f"the result of {one[0]!r} is {one!r} in batch and {other!r} in the stream"
    return "the results differ"


def _names(result: Story) -> Any:
    return [result[0], [_names(child) for child in result[3]]] if result[3] else result[0]
