"""Cancelling a run, where the server has that operation (the page does not document it)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace

from agentos_contract.events import STEPS_AND_CONTAINERS, TERMINAL_EVENTS
from agentos_contract.json_values import parse_object
from agentos_contract.spans import steps_of
from agentos_contract.sse import ServerSentEvent
from contract_tests.checks.context import Context
from contract_tests.checks.registry import check
from contract_tests.checks.session_views import judge_cancelled, judge_cancelling_nothing
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.budget import NoMoreRuns
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import RUN_IS_OVER, cancel_run
from contract_tests.target.target import Workflow

SLOW_SECONDS = 0.4
"""A run shorter than that is over before it can be cancelled."""


CANCELLING = (
    "cancel.answered",
    "cancel.idempotent",
    "cancel.one-terminal-event",
    "cancel.only-one",
)

# Whether two runs that are under way are mixed up is what session.isolation tests.
BESIDE = RunRules(
    run_id=None, session_id=None, fresh_run_id=None, fresh_session_id=None, repeated=None
)
CANCELLED = replace(BESIDE, end="cancel.one-terminal-event")


@check(
    Stage.BATCHES,
    *CANCELLING,
    shows=("error.sporadic", "session.run-read", "routing.unknown-others"),
)
def cancel(context: Context) -> Iterator[None]:
    """Cancel the slowest workflow's run in the middle, from another connection, and read on; a run
    of the same workflow beside it is to go on, which it does while other checks are made."""
    if "cancel_workflow_run" not in context.document.operations:
        raise CannotDecide("the document has no operation cancel_workflow_run")
    workflow, usual = _slowest(context)
    two = _start(context, workflow)
    beside = two.beside
    request = cancel_run(context.document, workflow.id, two.run_id)
    was_over = two.cancelled.done()
    first = context.client.send(request)
    cancelled_at = time.monotonic() - two.started
    cancelled = two.cancelled.result()
    # What comes after it is to go well. In batch: what other checks stream next shows that too.
    with suppress(NoMoreRuns):
        context.runs.batch(context.workflows.probed)
    if beside is not None and not beside.done():
        yield
    exchanges = [cancelled, *([beside.result()] if beside is not None else [])]
    if _mixed_up(exchanges):
        raise CannotDecide("two runs that were under way named each other's ids")
    run = context.runs.judge_stream(workflow, exchanges[0], CANCELLED)
    if first.status in (404, 405, 501) and not was_over:
        reason = f"the server does not have the operation (it answered {first.summary})"
        context.findings.cannot(CANCELLING, reason)
        return
    if run is None:
        raise CannotDecide("the run to be cancelled was not answered with a stream")
    if not was_over:
        _judge_end(context, run, first, usual=usual, cancelled_at=cancelled_at)
        judge_cancelled(context, run)
        context.findings.require(
            "cancel.answered",
            first.status is not None and first.status < 300,
            f"cancelling a run that was under way was answered with {first.summary}",
            run.exchange,
            first,
        )
    if beside is not None:
        _judge_beside(context, workflow, beside.result(), run.exchange, first)
    if first.status is not None and first.status < 500:
        judge_cancelling_nothing(context)
    second = context.client.send(request)
    # The run is over by now: a server need not know it any more.
    is_alike = second.status == first.status or second.status in RUN_IS_OVER
    context.findings.require(
        "cancel.idempotent",
        is_alike,
        f"cancelled once: {first.summary}; cancelled again: {second.summary}",
        run.exchange,
        first,
        second,
    )


@dataclass(frozen=True)
class _TwoRuns:
    """Two runs of a workflow that are under way."""

    started: float
    """By `time.monotonic`."""
    cancelled: Future[Exchange]
    """The one to be cancelled."""
    run_id: str
    """Its id."""
    beside: Future[Exchange] | None
    """The one that is to go on; None: there are no more runs."""


def _start(context: Context, workflow: Workflow) -> _TwoRuns:
    """Start both, and wait until the one to be cancelled has begun its first step. Raises
    CannotDecide."""
    under_way = threading.Event()
    run_ids: list[str] = []

    def listen(event: ServerSentEvent) -> None:
        # After the first step began: the run is known and surely under way.
        payload = parse_object(event.data) or {}
        if event.event == "WorkflowStarted" and payload.get("run_id"):
            run_ids.append(str(payload["run_id"]))
        elif run_ids:
            under_way.set()

    started = time.monotonic()
    try:
        beside = context.runs.start_stream(workflow)
    except NoMoreRuns:
        beside = None
    future = context.runs.start_stream(workflow, on_event=listen)
    future.add_done_callback(lambda done: under_way.set())
    under_way.wait(context.client.limits.total)
    if not run_ids:
        context.runs.judge_stream(workflow, future.result())
        raise CannotDecide("the stream to be cancelled named no run")
    return _TwoRuns(started, future, run_ids[0], beside)


def _judge_beside(
    context: Context,
    workflow: Workflow,
    exchange: Exchange,
    cancelled: Exchange,
    cancelling: Exchange,
) -> None:
    """The run that nobody cancelled, beside one that was."""
    run = context.runs.judge_stream(workflow, exchange, BESIDE)
    if run is None or run.terminal is None:
        return
    end = run.terminal.get("event")
    context.findings.require(
        "cancel.only-one",
        end == "WorkflowCompleted",
        f"{workflow.id}: another run was cancelled, and this one ended with {end}",
        cancelled,
        exchange,
        cancelling,
    )


def _mixed_up(exchanges: list[Exchange]) -> bool:
    """Whether one run's stream has the other's run_id."""
    found = []
    for exchange in exchanges:
        payloads = [parse_object(event.data) or {} for _, event in exchange.events]
        named = [one for one in payloads if isinstance(one.get("workflow_name"), str)]
        found.append({str(one.get("run_id")) for one in named})
    return len(found) == 2 and bool(found[0] & found[1])


def _slowest(context: Context) -> tuple[Workflow, StreamedRun]:
    workflow, stream = context.workflows.slowest
    if stream.seconds < SLOW_SECONDS:
        raise CannotDecide(
            f"the slowest run took {stream.seconds:.2f} s: too short to be cancelled"
        )
    return workflow, stream


def _judge_end(
    context: Context,
    run: StreamedRun,
    cancelled: Exchange,
    *,
    usual: StreamedRun,
    cancelled_at: float,
) -> None:
    """Judge how a cancelled run's stream ended. `usual` is one of that workflow that was not
    cancelled; `cancelled_at` is when the cancelling was answered, in seconds since the request."""
    names = [event.event for _, event in run.exchange.events]
    terminal = [name for name in names if name in TERMINAL_EVENTS]
    if terminal == ["WorkflowCompleted"]:
        went_on = run.seconds - cancelled_at > SLOW_SECONDS
        # It broke off, so the cancelling did work: what the stream says of it is wrong. Times
        # don't show that: the run before may have waited for something.
        broke_off = 2 * _steps(run) < _steps(usual)
        if not went_on and not broke_off:
            context.findings.cannot(
                ["cancel.one-terminal-event"], "the run was over before it could be cancelled"
            )
            return
    said = " and ".join(terminal) or "no terminal event"
    when = {"one-step"} if _own_steps(usual) == 1 else set()
    if "WorkflowCancelled" in terminal:
        when.add("cancelled")
    context.findings.require(
        "cancel.one-terminal-event",
        terminal == ["WorkflowCancelled"],
        f"{run.workflow_id}: cancelled {cancelled_at:.1f} s after its start (it takes "
        f"{usual.seconds:.1f} s); its stream ended at {run.seconds:.1f} s with {said}",
        run.exchange,
        cancelled,
        cause=_CAUSES.get(tuple(terminal), "otherwise"),
        when=frozenset(when),
    )


_CAUSES = {
    ("WorkflowCancelled", "WorkflowCompleted"): "completed-after-cancelled",
    ("WorkflowCompleted",): "not-cancelled",
}
"""What is wrong with a cancelled run that ends with these."""


def _own_steps(run: StreamedRun) -> int:
    """How many steps and containers of the workflow itself began."""
    root = run.judge.machine.root
    return len(steps_of(root)) if root is not None else 0


def _steps(run: StreamedRun) -> int:
    """How many steps and containers began."""
    root = run.judge.machine.root
    spans = root.walk() if root is not None else ()
    return sum(span.scope in STEPS_AND_CONTAINERS for span in spans)
