"""Batch runs: judged as they come (streams.py), and compared with their streams."""

from __future__ import annotations

from collections.abc import Callable

from contract_tests.client import NoMoreRuns
from contract_tests.context import Context
from contract_tests.registry import CannotDecide, Stage, check
from contract_tests.stories import Story, difference, story_of_batch, story_of_stream, structure
from contract_tests.streams import BatchRun, StreamedRun
from contract_tests.target import Workflow


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
        if stream is None or story_of_stream(stream) is None or story_of_batch(batch) is None:
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
    stories = story_of_batch(batch), story_of_stream(stream)
    if workflow.deterministic is False:
        stories = structure(stories[0]), structure(stories[1])
    if stories[0] == stories[1] or workflow.deterministic:
        context.findings.exercise("batch.equals-stream", exchanges=[batch.exchange])
        return None if stories[0] == stories[1] else difference(*stories)
    try:
        again = context.batch(workflow), context.stream(workflow)
    except NoMoreRuns:
        reason = "too few runs were left to see what is constant"
        context.findings.cannot(["batch.equals-stream"], reason)
        return None
    if again[1] is None:
        return None
    others = story_of_batch(again[0]), story_of_stream(again[1])
    views: list[Callable[[Story], Story]] = [lambda story: story, structure]
    for view in views:
        kept = [view(story) for story in stories]
        if kept == [view(story) for story in others]:
            context.findings.exercise("batch.equals-stream", exchanges=[batch.exchange])
            return None if kept[0] == kept[1] else difference(*kept)
    reason = "answers differ from run to run, and so do the steps that are taken"
    context.findings.cannot(["batch.equals-stream"], reason)
    return None
