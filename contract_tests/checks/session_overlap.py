"""Two runs in one session that are under way at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from contract_tests.checks.context import Context
from contract_tests.checks.listed import Listed, listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun, repeats
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

TRIES = 3
"""How often two runs are started until they overlap."""

TAKES_TIME = 0.1
"""Seconds that a run has to take for another to begin before it is over."""

WRITTEN_BY = 1.0
"""Seconds after which a run that is over is written down."""

TAKES_ONE = (409, 423, 429, 503)
"""How a server may answer a run in a session in which another is under way."""

OVERLAPPING = frozenset({"overlapping"})


@check(Stage.PROBES, "session.continuity", "session.isolation", runs=2 * TRIES)
def overlapping_runs(context: Context) -> None:
    """Two streams in one session, the second begun when the first has said something and is not
    over: each has its own run and message, and the session has both in the end."""
    workflow = context.workflows.lasting
    if context.workflows.seconds(workflow) < TAKES_TIME:
        raise CannotDecide("no quick workflow takes long enough for two runs to overlap")
    for _ in range(TRIES):
        session_id = context.ids.fresh("session")
        exchanges = _two_in(context, workflow, session_id)
        if exchanges[1].status in TAKES_ONE:
            raise CannotDecide("the server takes one run at a time in a session")
        if _overlap(*exchanges):
            break
    else:
        raise CannotDecide("two runs in one session were never under way at the same time")
    unless_broken = context.findings.unless_broken
    rules = RunRules(
        run_id=unless_broken("session.isolation", "identity.run-id"),
        session_id=unless_broken("session.isolation", "identity.session-id"),
        fresh_run_id=unless_broken("session.isolation", "identity.run-id-fresh"),
    )
    runs = [context.runs.judge_stream(workflow, exchange, rules) for exchange in exchanges]
    if runs[0] is None or runs[1] is None:
        raise CannotDecide("two runs in one session were not both answered with a stream")
    context.findings.exercise("session.isolation", exchanges=exchanges, about=OVERLAPPING)
    alone = context.history.streams[workflow.id]
    for run in (runs[0], runs[1]):
        if run.is_completed and repeats(alone, alone.message):
            context.findings.require(
                "session.isolation",
                repeats(run, run.message),
                f"{workflow.id} repeats its message, but not beside another run of its session",
                *exchanges,
                about=OVERLAPPING,
            )
    _judge_listed(context, session_id, runs[0], runs[1])


def _two_in(context: Context, workflow: Workflow, session_id: str) -> tuple[Exchange, Exchange]:
    """Two streams in a session, each with a message of its own where the workflow takes any."""
    messages = [workflow.message] * 2
    if workflow.input_schema is None:
        messages = [f"{workflow.message} ({context.ids.fresh(one)})" for one in ("this", "that")]
    under_way = threading.Event()
    first = context.runs.start_stream(
        workflow,
        message=messages[0],
        session_id=session_id,
        on_event=lambda event: under_way.set(),
    )
    first.add_done_callback(lambda done: under_way.set())
    under_way.wait(context.client.limits.total)
    second = context.runs.start_stream(workflow, message=messages[1], session_id=session_id)
    return first.result(), second.result()


def _overlap(first: Exchange, second: Exchange) -> bool:
    """Whether the second run said something before the first was over."""
    if not first.events or not second.events:
        return False
    return second.began + second.events[0][0] < first.began + first.events[-1][0]


def _judge_listed(context: Context, session_id: str, *runs: StreamedRun) -> None:
    """Both runs are in the session and over, each with the message that it got."""
    listed = listed_runs(context, session_id)
    if listed is None or not all(run.is_completed for run in runs):
        return
    if _lost(listed, runs):
        time.sleep(WRITTEN_BY)
        listed = listed_runs(context, session_id) or listed
    exchanges = *(run.exchange for run in runs), listed.exchange
    lost = _lost(listed, runs)
    context.findings.require(
        "session.continuity",
        not lost,
        f"two runs were under way at the same time in the session {session_id}: {lost}",
        *exchanges,
        about=OVERLAPPING,
    )
    for run in runs:
        given = listed.input_of(run.run_id)
        if given is not None and given != run.message and run.message != "":
            text = f"the run {run.run_id} was sent {run.message!r}, and is listed with {given!r}"
            others = [one.message for one in runs if one is not run]
            if given in others:
                context.findings.breach("session.isolation", text, *exchanges, about=OVERLAPPING)


def _lost(listed: Listed, runs: Sequence[StreamedRun]) -> str:
    """What became of runs that have ended, where it is wrong."""
    missing = [run.run_id for run in runs if not listed.has(run.run_id)]
    if missing:
        return f"it does not list {' and '.join(map(str, missing))}"
    running = [run.run_id for run in runs if listed.is_running(run.run_id)]
    return f"it lists {running[0]} as running, which is over" if running else ""
