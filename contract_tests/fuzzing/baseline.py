"""What the target does when nothing is odd: each workflow once as a stream and once in batch, one
request at a time, and which of the companion operations it has."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contract_tests.checks.context import Context
from contract_tests.fuzzing.steps import MARK, Run, Steps
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.outcomes import RunOutcome, outcome_of_batch, outcome_of_stream
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.operations import cancel_run, read_run, read_session
from contract_tests.target.target import Workflow

LASTING_SECONDS = 0.5
"""A run that is shorter does not last, however short the others are."""

BATCH_SECONDS = 3.0
"""A workflow that takes longer is not run in batch to see what is usual."""

LASTING_FACTOR = 2
"""How much longer than usual a workflow takes that is only run to be cancelled or left."""


@dataclass(frozen=True)
class Usual:
    """How a workflow's run goes, alone and in a session of its own."""

    seconds: float
    completes: bool
    outcome: RunOutcome = None
    """What it comes to; None where that differs from run to run."""


@dataclass(frozen=True)
class Baseline:
    """What the target usually does."""

    usual: dict[str, Usual]
    """By workflow id."""
    companions: frozenset[str] = frozenset()
    """Operation ids of those that it has: of get_workflow_run, get_session_runs and
    cancel_workflow_run."""

    def is_lasting(self, workflow_id: str) -> bool:
        """Whether its runs take much longer than those of most workflows."""
        usual = statistics.median_low(one.seconds for one in self.usual.values())
        seconds = self.usual[workflow_id].seconds
        return seconds > max(LASTING_SECONDS, LASTING_FACTOR * usual)

    def vocabulary(self, workflows: Iterable[Workflow]) -> str:
        """A digest of what sequences for this target are made of: those of one that has another
        mean something else there. A workflow that there was no time to observe is in none."""
        words = [
            (w.id, w.input_schema is not None, w.wrong_messages, self.is_lasting(w.id))
            for w in workflows
            if w.id in self.usual
        ]
        text = repr((words, sorted(self.companions)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Observed:
    """The baseline, and what the runs showed that it is made of."""

    baseline: Baseline
    judgements: tuple[tuple[Steps, Judgement], ...]
    """Each with the sequence that is that run alone."""


def observe(
    context: Context,
    token: str,
    until: float,
    progress: Callable[[str], None] = lambda text: None,
) -> Observed:
    """Run each workflow twice, four workflows at a time.

    `token` makes the sessions' names; none but the first is begun after `until`
    (time.monotonic()). Raises NoMoreRuns, CouldNotRun.
    """
    session_id = MARK.replace("0" * 12, token) + "baseline"
    workflows = context.target.workflows

    def run(workflow: Workflow) -> tuple[Exchange, Exchange | None] | None:
        if workflow is not workflows[0] and time.monotonic() > until:
            return None
        stream = context.runs.start_stream(workflow).result()
        if stream.seconds > BATCH_SECONDS:
            return stream, None
        fields = [
            ("message", workflow.message),
            ("stream", "false"),
            ("session_id", f"{session_id}-{workflow.id}"),
        ]
        return stream, context.client.send(context.requests.make(workflow.id, fields))

    usual: dict[str, Usual] = {}
    judgements: list[tuple[Steps, Judgement]] = []
    companions: frozenset[str] = frozenset()
    with ThreadPoolExecutor(4) as pool:
        for workflow, ran in zip(workflows, pool.map(run, workflows), strict=True):
            progress(f"how {workflow.id} usually goes")
            if ran is None:
                continue
            streamed, batched = ran
            judgement, stream = context.judge.stream(workflow, streamed)
            judgements.append(((Run(workflow=workflow.id),), judgement))
            batch = None
            if batched is not None:
                judgement, batch = context.judge.batch(workflow, batched)
                step = Run(workflow=workflow.id, stream="false", session=f"{MARK}0")
                judgements.append(((step,), judgement))
            usual[workflow.id] = _usual(workflow, streamed, stream, batch)
            if not companions and stream is not None and stream.is_completed:
                companions = _companions(context, stream)
    return Observed(Baseline(usual, companions), tuple(judgements))


def _usual(
    workflow: Workflow, streamed: Exchange, stream: StreamedRun | None, batch: BatchRun | None
) -> Usual:
    if stream is None:
        return Usual(streamed.seconds, False)
    if batch is None:
        return Usual(_seconds(stream), stream.is_completed)
    told = outcome_of_batch(batch)
    is_constant = told == outcome_of_stream(stream) and workflow.deterministic is not False
    completes = stream.is_completed and batch.exchange.status == 200
    # A busy moment makes one of the two long, and is not how long the workflow takes.
    seconds = min(_seconds(stream), batch.exchange.seconds)
    return Usual(seconds, completes, told if is_constant else None)


def _seconds(stream: StreamedRun) -> float:
    """Since its first event: before that the first of all may wait for something to be loaded."""
    events = stream.exchange.events
    return events[-1][0] - events[0][0] if events else stream.seconds


def _companions(context: Context, run: StreamedRun) -> frozenset[str]:
    """Which operations answer for a run that has ended."""
    document, run_id, session_id = context.document, run.run_id, run.session_id
    if run_id is None or session_id is None:
        return frozenset()
    requests: dict[str, Callable[[], Request]] = {
        "get_workflow_run": lambda: read_run(document, run.workflow_id, session_id, run_id),
        "get_session_runs": lambda: read_session(document, session_id),
        "cancel_workflow_run": lambda: cancel_run(document, run.workflow_id, run_id),
    }
    return frozenset(
        name
        for name, request in requests.items()
        if name in document.operations and context.client.send(request()).succeeded
    )
