"""Batch runs: judged as they come (judging/batches.py), and compared with their streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import NamedTuple

from agentos_contract.json_values import canonical, unlike
from contract_tests.checks.context import Context
from contract_tests.checks.plan import SAMPLES
from contract_tests.checks.registry import check
from contract_tests.checks.runs import started_ahead
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.forms.texts import AFTER, EVERYTHING, lines
from contract_tests.judging.batches import OF_BATCHES, BatchRun
from contract_tests.judging.outcomes import (
    RunOutcome,
    cause_of,
    conditions_of_modes,
    difference,
    outcome_of_batch,
    outcome_of_stream,
    runs_of_batch,
    runs_of_stream,
    structure,
)
from contract_tests.judging.rules import MAY_FAIL, RunRules
from contract_tests.judging.streams import OF_STREAMS, StreamedRun
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

WORTH_IT = 1.0
"""Seconds that a run takes from which on others need not wait for it."""

MAX_RUNS = 200
"""Characters of the agents' runs of one mode, in a message."""


@check(
    Stage.BATCHES,
    *sorted(OF_BATCHES),
    "batch.answered",
    "batch.equals-stream",
    tries_each_workflow=True,
)
def batch_runs(context: Context) -> Iterator[None]:
    """Each workflow once in batch, beside its stream. The slowest begins first, and is waited for
    while other checks are made.

    What differs might differ from one stream to the next (a model answered). Where the two have
    different outcomes both are asked again, SAMPLES times in all, and only what is constant in each
    mode and different between them is a breach: the contents, or else the structure alone. A
    workflow that the configuration calls deterministic is not asked again; of one that it calls
    not deterministic only the structure is compared.
    """
    planned = [one for one in context.target.workflows if one.id in context.plan.batched]
    if not planned:
        raise CannotDecide("--max-runs leaves none for batch runs")
    slow = _that_takes_time(context, planned)
    ahead = context.runs.start_batch(slow) if slow is not None else None
    others = [workflow for workflow in planned if workflow is not slow]
    problem: NoMoreRuns | None = None
    try:
        for workflow, future in started_ahead(others, context.runs.start_batch, context.parallel):
            _judge(context, workflow, future)
    except NoMoreRuns as reason:
        problem = reason
    left = len(planned) - len(context.history.batches) - (slow is not None)
    left += context.plan.unbatched
    if left:
        why = problem or "--max-runs leaves none for them"
        problem = NoMoreRuns(f"{left} workflows were not run in batch: {why}")
    if slow is not None and ahead is not None:
        if problem is None:
            yield
        _judge(context, slow, ahead)
    if problem is not None:
        raise problem


def _that_takes_time(context: Context, planned: list[Workflow]) -> Workflow | None:
    """The slowest of these where that is worth it; not one so slow that a server which takes one
    request at a time would keep all others waiting for too long."""
    streams = context.history.streams
    seconds = {one.id: streams[one.id].seconds for one in planned if one.id in streams}
    found = max(planned, key=lambda one: seconds.get(one.id, 0.0))
    is_worth_it = WORTH_IT < seconds.get(found.id, 0.0) < context.client.limits.idle / 3
    return found if is_worth_it else None


def _judge(context: Context, workflow: Workflow, future: Future[Exchange]) -> None:
    context.progress(f"batch {workflow.id}")
    batch = context.runs.finish_batch(workflow, future, rules=MAY_FAIL)
    stream = context.history.streams.get(workflow.id)
    context.history.batches[workflow.id] = batch
    if stream is None and batch.body and workflow.id in context.history.failed_streams:
        # It may have been an accident: a second try is judged as one of what ran before.
        failed = context.history.failed_streams[workflow.id]
        if context.runs.stream(workflow) is not None:
            message = f"{workflow.id} failed with {failed.summary}, and runs in both modes"
            context.findings.breach("error.sporadic", message, failed, batch.exchange)
    if stream is not None:
        _compare_names(context, workflow, batch, stream)
    if stream is None or outcome_of_stream(stream) is None or outcome_of_batch(batch) is None:
        return
    unlike = _compare(context, workflow, batch, stream)
    if unlike is not None:
        _report(context, f"{workflow.id}: {unlike.text}", unlike, batch, stream)
    elif workflow.deterministic is not False:
        _compare_runs(context, workflow, batch, stream)


LONG_CONTENT = 20_000
"""Characters: more than the buffers that things pass through."""

LONG_TALK = 4_000
"""Characters that an agent is to say again: hundreds of words, an event each perhaps."""

QUICK_SECONDS = 10.0
"""An agent that would take longer to say as much is not asked to."""


@check(Stage.BATCHES, "batch.equals-stream", "results.run-content", shows=OF_STREAMS, runs=3)
def unusual_message(context: Context) -> None:
    """A long message with unusual characters, in both modes, by a workflow that repeats it: what it
    says is long, and has these characters, too."""
    message = f"{EVERYTHING}{lines(LONG_CONTENT)}{AFTER}"
    repeating = _repeating(context)
    if not repeating:
        return
    rules = RunRules(refused="form.text-kept")
    compared = [one for one in repeating if one.id in context.history.batches]
    workflow = (compared or repeating)[0]
    by_agent = next((one for one in repeating if _agent_repeats(context, one)), workflow)
    if by_agent is not workflow:
        # Its stream has an agent's words one by one, and very many of them.
        words = f"{EVERYTHING}{lines(LONG_TALK)}{AFTER}"
        context.runs.stream(by_agent, message=words, rules=rules)
    stream = context.runs.stream(workflow, message=message, rules=rules)
    if not compared or stream is None or outcome_of_stream(stream) is None:
        return
    batch = context.runs.batch(workflow, message=message, rules=MAY_FAIL)
    if outcome_of_batch(batch) is None:
        return
    unlike = _compare(context, workflow, batch, stream)
    if unlike is not None:
        message = f"{workflow.id}, with a long message of unusual characters: {unlike.text}"
        _report(context, message, unlike, batch, stream)


def _repeating(context: Context) -> list[Workflow]:
    """The workflows whose run had their message in its end, the quickest first."""
    found = [
        (stream.seconds, position)
        for position, workflow in enumerate(context.target.workflows)
        if workflow.input_schema is None
        and (stream := context.history.streams.get(workflow.id)) is not None
        and workflow.message in str(stream.terminal)
    ]
    return [context.target.workflows[position] for _, position in sorted(found)]


def _agent_repeats(context: Context, workflow: Workflow) -> bool:
    """Whether an agent or a team said a workflow's message again, streamed what it said, and would
    say a long one soon enough."""
    stream = context.history.streams[workflow.id]
    named = [(str(payload.get("event")), payload) for payload in stream.judge.payloads]
    said = [str(payload.get("content")) for name, payload in named if name.endswith("RunContent")]
    repeats = any(
        name.endswith("RunCompleted") and workflow.message in str(payload.get("content"))
        for name, payload in named
    )
    if not said or not repeats:
        return False
    return stream.seconds * LONG_TALK / max(1, sum(map(len, said))) <= QUICK_SECONDS


class Unlike(NamedTuple):
    """A difference between the two modes."""

    text: str
    by_structure: bool
    """Whether contents were left aside."""


def _report(
    context: Context, message: str, unlike: Unlike, batch: BatchRun, stream: StreamedRun
) -> None:
    context.findings.breach(
        "batch.equals-stream",
        message,
        batch.exchange,
        stream.exchange,
        cause=cause_of(batch, stream, by_structure=unlike.by_structure),
        when=conditions_of_modes(batch, stream),
    )


def _compare(
    context: Context, workflow: Workflow, batch: BatchRun, stream: StreamedRun
) -> Unlike | None:
    """What is different in the two modes, of the same message; None where nothing surely is."""
    exchanges, when = [batch.exchange, stream.exchange], conditions_of_modes(batch, stream)
    message = stream.message
    outcomes = outcome_of_batch(batch), outcome_of_stream(stream)
    views: list[Callable[[RunOutcome], RunOutcome]] = [lambda outcome: outcome, structure]
    if workflow.deterministic is False:
        views = [structure]
    kept = views[0](outcomes[0]), views[0](outcomes[1])
    if kept[0] == kept[1] or workflow.deterministic:
        context.findings.exercise("batch.equals-stream", exchanges=exchanges, when=when)
        return None if kept[0] == kept[1] else Unlike(difference(*kept), views[0] is structure)
    batches, streams = [outcomes[0]], [outcomes[1]]
    for _ in range(SAMPLES - 1):
        try:
            again = _both_again(context, workflow, message)
        except NoMoreRuns:
            reason = "too few runs were left to see what is constant"
            context.findings.leave_partly(["batch.equals-stream"], reason)
            return None
        if again[1] is None:
            return None
        batches.append(outcome_of_batch(again[0]))
        streams.append(outcome_of_stream(again[1]))
        views = [
            view for view in views if _is_constant(batches, view) and _is_constant(streams, view)
        ]
        if not views:
            reason = "answers differ from run to run, and so do the steps that are taken"
            context.findings.cannot(["batch.equals-stream"], reason)
            return None
        kept = views[0](batches[0]), views[0](streams[0])
        if kept[0] == kept[1]:
            break  # it was the one mode's or the other's accident
    context.findings.exercise("batch.equals-stream", exchanges=exchanges, when=when)
    return None if kept[0] == kept[1] else Unlike(difference(*kept), views[0] is structure)


def _both_again(
    context: Context, workflow: Workflow, message: str
) -> tuple[BatchRun, StreamedRun | None]:
    """The workflow in both modes, at once where that was allowed. Raises NoMoreRuns."""
    batch = context.runs.start_batch(workflow, message=message)
    if context.parallel == 1:
        wait([batch])
    stream = context.runs.start_stream(workflow, message=message)
    return (
        context.runs.finish_batch(workflow, batch, message=message, rules=MAY_FAIL),
        context.runs.finish_stream(workflow, stream),
    )


def _is_constant(
    outcomes: list[RunOutcome | None], view: Callable[[RunOutcome], RunOutcome]
) -> bool:
    return None not in outcomes and len({canonical(view(one)) for one in outcomes if one}) == 1


def _compare_names(
    context: Context, workflow: Workflow, batch: BatchRun, stream: StreamedRun
) -> None:
    """Whether both modes give the workflow one name, where the server does not list it under one:
    where it does, each was judged by that."""
    told = (payload.get("workflow_name") for payload in stream.judge.payloads)
    one, other = next(filter(None, told), None), batch.body.get("workflow_name")
    if workflow.name or not one or not other:
        return
    message = f"the workflow {one!r} of the stream is {other!r} in the body"
    exchanges = batch.exchange, stream.exchange
    context.findings.require("identity.workflow-name", one == other, message, *exchanges)


def _compare_runs(
    context: Context, workflow: Workflow, batch: BatchRun, stream: StreamedRun
) -> None:
    """Whether a batch body tells of the same agents' runs as the stream; where not, both are asked
    again, and only what is constant in each mode is a breach."""
    runs = runs_of_batch(batch), runs_of_stream(stream)
    if None in runs or stream.judge.violations:
        return  # what is wrong with a stream in itself is another requirement's
    exchanges, when = [batch.exchange, stream.exchange], conditions_of_modes(batch, stream)
    context.findings.exercise("batch.executor-runs", exchanges=exchanges, when=when)
    if sorted(map(canonical, runs[0])) == sorted(map(canonical, runs[1])):
        return
    for _ in range(SAMPLES - 1 if workflow.deterministic is None else 0):
        again = _both_again(context, workflow, workflow.message)
        if again[1] is None or (runs_of_batch(again[0]), runs_of_stream(again[1])) != runs:
            return
    told = [{canonical(one) for one in found} for found in runs]
    lost = [one for one in runs[1] if canonical(one) not in told[0]] or runs[1]
    other = [one for one in runs[0] if canonical(one) not in told[1]] or runs[0]
    here, there = unlike(other, lost, MAX_RUNS)
    message = f"{workflow.id}: the agents' runs are {here} in batch and {there} in the stream"
    context.findings.breach("batch.executor-runs", message, *exchanges, when=when)
