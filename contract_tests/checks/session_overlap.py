"""Two runs that are under way at the same time: in two sessions, in one, and many."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace

from agentos_contract.json_values import short
from contract_tests.checks.context import Context
from contract_tests.checks.listed import Listed, listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.rules import ANY_RUN, RunRules
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

SIDE_BY_SIDE = 6
"""Runs at once: as many as a browser has connections to a server over HTTP/1.1."""

BUSY = (429, 503)

OVERLAPPING = frozenset({"overlapping"})


@check(Stage.PROBES, "session.isolation", runs=2 * TRIES)
def isolation(context: Context) -> None:
    """Two runs at the same time in two sessions: neither stream has anything of the other. Each has
    a message of its own, where the workflow takes any."""
    workflow = context.workflows.lasting
    for _ in range(TRIES if context.workflows.seconds(workflow) >= TAKES_TIME else 1):
        sessions = [context.ids.fresh("session-a"), context.ids.fresh("session-b")]
        marks, messages = _marked(context, workflow)
        futures = [
            context.runs.start_stream(workflow, session_id=session, message=message)
            for session, message in zip(sessions, messages, strict=True)
        ]
        first, second = (future.result() for future in futures)
        if are_together := were_together(first, second):
            break
    # Whatever is wrong with ids then, and was not when one run was alone, comes of the other run.
    rules = _beside(context) if are_together else ANY_RUN
    runs = [context.runs.judge_stream(workflow, each, rules) for each in (first, second)]
    if runs[0] is None or runs[1] is None:
        raise CannotDecide("two runs at the same time were not both answered with a stream")
    _judge_foreign(context, runs[0], runs[1])
    if messages[0] != messages[1]:
        _judge_mark(context, runs[0], runs[1], marks[1])
        _judge_mark(context, runs[1], runs[0], marks[0])
    if not are_together:
        raise CannotDecide("two runs in two sessions were never under way at the same time")
    context.findings.exercise("session.isolation", exchanges=[first, second])
    if messages[0] != messages[1]:
        _judge_repeated(context, workflow, runs[0], runs[1])
        _judge_repeated(context, workflow, runs[1], runs[0])


def _judge_repeated(
    context: Context, workflow: Workflow, run: StreamedRun, other: StreamedRun
) -> None:
    """What repeats its message does so beside another run, too."""
    alone = context.history.streams.get(workflow.id)
    if alone is not None and repeats(alone, alone.message):
        context.findings.require(
            "session.isolation",
            repeats(run, run.message),
            f"{workflow.id} repeats its message, but not beside another run: "
            f"{short(run.message)} gave {short(run.content)}",
            run.exchange,
            other.exchange,
        )


def _judge_foreign(context: Context, *runs: StreamedRun) -> None:
    """No event has the other's ids."""
    for run, other in (runs, runs[::-1]):
        foreign = {other.run_id, other.exchange.request.field("session_id")} - {None}
        for payload in run.judge.payloads:
            strange = [
                key
                for key in ("run_id", "session_id")
                if isinstance(payload.get(key), str) and payload[key] in foreign
            ]
            if strange:
                context.findings.breach(
                    "session.isolation",
                    f"{payload.get('event')} has the {strange[0]} of the run beside it: "
                    f"{payload[strange[0]]}",
                    run.exchange,
                    other.exchange,
                )
                return


def _judge_mark(context: Context, run: StreamedRun, other: StreamedRun, mark: str) -> None:
    """Nothing of the other's message may be in a run."""
    for _, event in run.exchange.events:
        if mark in event.data:
            context.findings.breach(
                "session.isolation",
                f"{event.event} has the message of the run beside it: {other.message!r}",
                run.exchange,
                other.exchange,
            )
            return


def _marked(context: Context, workflow: Workflow) -> tuple[list[str], list[str]]:
    """Two texts that stand nowhere else, and two messages with them, where it takes any."""
    marks = [f"({context.ids.fresh(which)})" for which in ("this", "that")]
    if workflow.input_schema is not None:
        return marks, [workflow.message] * 2
    return marks, [f"{workflow.message} {mark}" for mark in marks]


def _beside(context: Context) -> RunRules:
    """What a run is judged by that was beside another one."""
    unless_broken = context.findings.unless_broken
    return RunRules(
        run_id=unless_broken("session.isolation", "identity.run-id"),
        session_id=unless_broken("session.isolation", "identity.session-id"),
        fresh_run_id=unless_broken("session.isolation", "identity.run-id-fresh"),
    )


def were_together(first: Exchange, second: Exchange) -> bool:
    """Whether each of two runs had said something before the other was over."""
    return _began_within(first, second) and _began_within(second, first)


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
        if _began_within(exchanges[1], exchanges[0]):
            break
    else:
        raise CannotDecide("two runs in one session were never under way at the same time")
    rules = _beside(context)
    if context.findings.is_broken("session.continuity"):
        # Who takes another session for each run does so beside another one, too.
        rules = replace(rules, session_id="session.continuity")
    runs = [context.runs.judge_stream(workflow, exchange, rules) for exchange in exchanges]
    if runs[0] is None or runs[1] is None:
        raise CannotDecide("two runs in one session were not both answered with a stream")
    context.findings.exercise("session.isolation", exchanges=exchanges, when=OVERLAPPING)
    alone = context.history.streams[workflow.id]
    for run in (runs[0], runs[1]):
        if run.is_completed and repeats(alone, alone.message):
            context.findings.require(
                "session.isolation",
                repeats(run, run.message),
                f"{workflow.id} repeats its message, but not beside another run of its session",
                *exchanges,
                when=OVERLAPPING,
            )
    _judge_listed(context, session_id, runs[0], runs[1])


def _two_in(context: Context, workflow: Workflow, session_id: str) -> tuple[Exchange, Exchange]:
    """Two streams in a session, each with a message of its own where the workflow takes any."""
    _, messages = _marked(context, workflow)
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


def _began_within(run: Exchange, other: Exchange) -> bool:
    """Whether a run said something before another was over."""
    if not run.events or not other.events:
        return False
    return run.began + run.events[0][0] < other.began + other.events[-1][0]


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
        when=OVERLAPPING,
    )
    for run in runs:
        given = listed.input_of(run.run_id)
        if given is not None and given != run.message and run.message != "":
            text = f"the run {run.run_id} was sent {run.message!r}, and is listed with {given!r}"
            others = [one.message for one in runs if one is not run]
            if given in others:
                context.findings.breach("session.isolation", text, *exchanges, when=OVERLAPPING)


def _lost(listed: Listed, runs: Sequence[StreamedRun]) -> str:
    """What became of runs that have ended, where it is wrong."""
    missing = [run.run_id for run in runs if not listed.has(run.run_id)]
    if missing:
        return f"it does not list {' and '.join(map(str, missing))}"
    running = [run.run_id for run in runs if listed.is_running(run.run_id)]
    return f"it lists {running[0]} as running, which is over" if running else ""


@check(Stage.PROBES, "http.side-by-side", runs=6)
def side_by_side(context: Context) -> None:
    """Several runs at once. A server may say that it is busy (429, 503), and then has to be asked
    one by one."""
    workflow = context.workflows.lasting
    exchanges = _side_by_side(context, workflow)
    rules = replace(_beside(context), repeated="http.side-by-side")
    if any(map(_has_failed, exchanges)):
        # One after the other, or at other times, they may fail as well: that is another matter.
        in_mode = exchanges[exchanges.index(next(filter(_has_failed, exchanges))) % 2 :: 2]
        alone = (context.client.send(each.request) for each in (*in_mode, *in_mode))
        if any(map(_has_failed, alone)):
            raise CannotDecide("runs fail now and then, not only side by side")
        again = _side_by_side(context, workflow)
        if not any(map(_has_failed, again)):
            raise CannotDecide("runs side by side failed once, and then did not")
    for number, exchange in enumerate(exchanges):
        mode = "stream" if number % 2 else "batch"
        text = f"{mode} run {number + 1} of {SIDE_BY_SIDE} side by side: {exchange.summary}"
        is_answered = not _has_failed(exchange)
        context.findings.require("http.side-by-side", is_answered, text, exchange)
        if exchange.status == 200 and number % 2:
            context.runs.judge_stream(workflow, exchange, rules)
        elif exchange.status == 200:
            judgement, _ = context.judge.batch(workflow, exchange, rules)
            context.findings.record(judgement)


def _side_by_side(context: Context, workflow: Workflow) -> list[Exchange]:
    """Runs at once, batch and stream in turn. Raises CannotDecide where the server is busy."""
    context.progress(f"{SIDE_BY_SIDE} runs of {workflow.id} side by side")
    futures = []
    try:
        for number in range(SIDE_BY_SIDE):
            fields = (
                ("message", workflow.message),
                ("stream", "true" if number % 2 else "false"),
                ("session_id", context.ids.fresh("session")),
            )
            futures.append(context.client.start(context.requests.make(workflow.id, fields)))
    finally:
        wait(futures)  # where there are no more runs others are under way
    exchanges = [future.result() for future in futures]
    if any(exchange.status in BUSY for exchange in exchanges):
        raise CannotDecide(f"the server does not take {SIDE_BY_SIDE} runs at once")
    return exchanges


def _has_failed(exchange: Exchange) -> bool:
    return exchange.status is None or exchange.status >= 500
