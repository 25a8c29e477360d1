"""Streams: each workflow once, judged by the shared state machine and by when events came."""

from __future__ import annotations

from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.runs import started_ahead
from contract_tests.checks.stages import Stage
from contract_tests.judging.pacing import (
    LASTS,
    held_back,
    shows_pacing,
    tells_first_tokens,
    time_stands_still,
    words_at_once,
)
from contract_tests.judging.streams import OF_STREAMS, StreamedRun, describe
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.target import Workflow

# How late the first event is, as a part of the whole run, where all come in one burst at the end.
LATE = 0.9


@check(
    Stage.STREAMS,
    *sorted(OF_STREAMS),
    "error.sporadic",
    "form.valid-accepted",
    "routing.known-workflow",
    "sse.ends",
    "sse.idle",
    tries_each_workflow=True,
)
def streams(context: Context) -> None:
    """One stream of each workflow that the plan has."""
    planned = [one for one in context.target.workflows if one.id in context.plan.streamed]
    started = started_ahead(planned, context.runs.start_stream, context.parallel)
    for workflow, future in started:
        context.progress(f"stream {workflow.id}")
        run = context.runs.finish_stream(workflow, future)
        if run is not None:
            context.history.streams[workflow.id] = run
            context.progress(f"stream {workflow.id}: {describe(run)}")
    if context.plan.unstreamed:
        raise NoMoreRuns(f"--max-runs leaves no stream to {context.plan.unstreamed} workflows")


@check(Stage.BATCHES, *sorted(OF_STREAMS), tries_each_workflow=True)
def further_messages(context: Context) -> None:
    """One stream of each further message that the configuration has."""
    further = [
        (workflow, message)
        for workflow in context.target.workflows
        if workflow.id in context.plan.streamed
        for message in workflow.more_messages
    ][: context.plan.samples]
    started = started_ahead(
        further, lambda one: context.runs.start_stream(one[0], message=one[1]), context.parallel
    )
    for (workflow, _), future in started:
        context.progress(f"stream {workflow.id}: another message")
        context.runs.finish_stream(workflow, future)


@check(Stage.STREAMS, "sse.pacing", tries_each_workflow=True)
def pacing(context: Context) -> None:
    """Whether events came as they happened, from the streams that there already are. Where those
    are of a few workflows, and none took time, of others too.

    A stream that begins only when it is nearly over is suspicious, and may be a cold start: it is
    asked for again.
    """
    reason = "no run took long enough to tell (3 s by its events' created_at, 1 s by the clock)"
    context.findings.cannot(["sse.pacing"], reason)
    spare = context.plan.spare
    for workflow in context.target.workflows:
        run = context.history.streams.get(workflow.id)
        if run is None and spare and not context.findings.is_exercised("sse.pacing"):
            spare -= 1
            run = context.runs.stream(workflow)
        if run is None or len(run.exchange.events) < 3:
            continue
        if shows_pacing(run):
            message = held_back(run)
            context.findings.require(
                "sse.pacing", message is None, f"{workflow.id}: {message}", run.exchange
            )
        if tells_first_tokens(run):
            _judge_words(context, workflow, run)
        if run.seconds < 1.0:
            continue
        late = run.exchange.events[0][0] >= LATE * run.seconds
        if late:
            try:
                again = context.runs.stream(workflow)
            except NoMoreRuns as reason:
                context.findings.leave_partly(["sse.pacing"], str(reason))
                continue
            if again is None or not again.exchange.events or again.seconds < 1.0:
                continue
            late = again.exchange.events[0][0] >= LATE * again.seconds
            run = again
        message = (
            f"{workflow.id}: the first event came {run.exchange.events[0][0]:.1f} s after the "
            f"request and the last at {run.seconds:.1f} s: all in one burst when the run was over"
        )
        context.findings.require("sse.pacing", not late, message, run.exchange)


def _judge_words(context: Context, workflow: Workflow, run: StreamedRun) -> None:
    """Whether an agent's words came when its model said them; once more where they did not, as a
    model may think before it speaks."""
    why = words_at_once(run)
    if why is not None:
        try:
            again = context.runs.stream(workflow)
        except NoMoreRuns as reason:
            context.findings.leave_partly(["sse.pacing"], str(reason))
            return
        if again is None or not tells_first_tokens(again):
            return
        why, run = words_at_once(again), again
    message = f"{workflow.id}: {why}"
    context.findings.require("sse.pacing", why is None, message, run.exchange)


@check(Stage.STREAMS, "time.advances", tries_each_workflow=True)
def time_advances(context: Context) -> None:
    """Whether created_at goes on in long streams, of those that there already are. One whose events
    were late by accident may look as if it did not: it is asked for again."""
    reason = f"no run's own events came over {LASTS:g} s"
    context.findings.cannot(["time.advances"], reason)
    for workflow in context.target.workflows:
        run = context.history.streams.get(workflow.id)
        stands_still = run and time_stands_still(run)
        if stands_still:
            try:
                run = context.runs.stream(workflow)
            except NoMoreRuns as reason:
                context.findings.leave_partly(["time.advances"], str(reason))
                continue
            stands_still = run and time_stands_still(run)
        if run is not None and stands_still is not None:
            message = f"{workflow.id}: all events have one created_at, and took {run.seconds:.1f} s"
            context.findings.require("time.advances", not stands_still, message, run.exchange)
