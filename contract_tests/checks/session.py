"""Sessions: continuity across runs, isolation between runs side by side."""

from __future__ import annotations

from concurrent.futures import wait

from agentos_contract.json_values import short
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_in
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.forms.texts import ODD
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun, repeats
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import companion_request, read_session
from contract_tests.target.target import Workflow

SIDE_BY_SIDE = 6
"""Runs at once: as many as a browser has connections to a server over HTTP/1.1."""

BUSY = (429, 503)


@check(
    Stage.PROBES,
    "session.continuity",
    "identity.session-id",
    shows=("identity.run-id-fresh", "identity.session-id-fresh"),
)
def continuity(context: Context) -> None:
    """Two runs, one session: by what the second says, and where the server lists a session's runs
    by that list. The session is made here and its id is nobody else's."""
    workflow = context.workflows.probed
    session_id = context.ids.fresh("session")
    # Whether the first run took the session asked for is identity.session-id; this is the second.
    first = context.runs.stream(workflow, session_id=session_id)
    second = context.runs.stream(
        workflow, session_id=session_id, rules=RunRules(takes_session=False)
    )
    if first is None or second is None:
        raise CannotDecide("a run with a session_id was not answered with a stream")
    if first.session_id != session_id:
        raise CannotDecide("the first run did not take the session that was asked for")
    context.findings.require(
        "session.continuity",
        second.session_id == session_id,
        f"the second run in the session {session_id} says that it is of {second.session_id!r}",
        first.exchange,
        second.exchange,
    )
    _listed(context, session_id, first, second)


def _listed(context: Context, session_id: str, first: StreamedRun, second: StreamedRun) -> None:
    if "get_session_runs" not in context.document.operations:
        return
    exchange = context.client.send(read_session(context.document, session_id))
    exchanges = first.exchange, second.exchange, exchange
    if exchange.status == 404 and _lists_sessions(context):
        message = (
            f"the server lists sessions, and of {session_id}, which two runs were of, it says "
            f"{exchange.summary}"
        )
        context.findings.require("session.continuity", False, message, *exchanges)
    listed = listed_in(exchange)
    if listed is None:
        return  # a companion that this server does not have
    missing = [run.run_id for run in (first, second) if not listed.has(run.run_id)]
    message = f"the session {session_id} does not have the runs {', '.join(map(str, missing))}"
    context.findings.require("session.continuity", not missing, message, *exchanges)


def _lists_sessions(context: Context) -> bool:
    operation_id, query = "get_sessions", "?type=workflow&limit=1"
    if operation_id not in context.document.operations:
        return False
    return context.client.send(companion_request(context.document, operation_id, query)).succeeded


@check(Stage.PROBES, "session.isolation")
def isolation(context: Context) -> None:
    """Two runs at the same time in two sessions: neither stream has anything of the other. Each has
    a message of its own, where the workflow takes any."""
    workflow = context.workflows.lasting
    sessions = [context.ids.fresh("session-a"), context.ids.fresh("session-b")]
    marks = [f"({context.ids.fresh(which)})" for which in ("this", "that")]
    messages = [workflow.message] * 2
    if workflow.input_schema is None:
        messages = [f"{workflow.message} {mark}" for mark in marks]
    futures = [
        context.runs.start_stream(workflow, session_id=session, message=message)
        for session, message in zip(sessions, messages, strict=True)
    ]
    # Whatever is wrong with ids here, and was not when one run was alone, comes of the other run.
    rules = RunRules(
        run_id=context.findings.unless_broken("session.isolation", "identity.run-id"),
        session_id=context.findings.unless_broken("session.isolation", "identity.session-id"),
        fresh_run_id=context.findings.unless_broken("session.isolation", "identity.run-id-fresh"),
    )
    runs = [context.runs.judge_stream(workflow, future.result(), rules) for future in futures]
    if None in runs:
        raise CannotDecide("two runs at the same time were not both answered with a stream")
    found = [run for run in runs if run is not None]
    context.findings.exercise("session.isolation")
    alone = context.history.streams.get(workflow.id)
    for position, run in enumerate(found if messages[0] != messages[1] else ()):
        _judge_message(context, run, found[1 - position], marks[1 - position])
        if alone is not None and repeats(alone, alone.message):
            context.findings.require(
                "session.isolation",
                repeats(run, run.message),
                f"{workflow.id} repeats its message, but not beside another run: "
                f"{short(run.message)} gave {short(run.content)}",
                run.exchange,
                found[1 - position].exchange,
            )
    for run, other in (found, found[::-1]):
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


def _judge_message(context: Context, run: StreamedRun, other: StreamedRun, mark: str) -> None:
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


@check(Stage.PROBES, "http.side-by-side", runs=6)
def side_by_side(context: Context) -> None:
    """Several runs at once. A server may say that it is busy (429, 503), and then has to be asked
    one by one."""
    workflow = context.workflows.lasting
    exchanges = _side_by_side(context, workflow)
    unless_broken = context.findings.unless_broken
    rules = RunRules(
        repeated="http.side-by-side",
        run_id=unless_broken("session.isolation", "identity.run-id"),
        session_id=unless_broken("session.isolation", "identity.session-id"),
        fresh_run_id=unless_broken("session.isolation", "identity.run-id-fresh"),
    )
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


@check(Stage.PROBES, "identity.ids-kept", runs=4)
def ids_kept(context: Context) -> None:
    """A session_id and a user_id with everything that may stand in a text, in both modes."""
    workflow = context.workflows.probed
    rules = RunRules(
        refused="identity.ids-kept",
        # Plain ids were asked for before.
        session_id=context.findings.unless_broken("identity.ids-kept", "identity.session-id"),
        echo=context.findings.unless_broken("identity.ids-kept", "identity.batch-echo"),
    )
    exchanges: list[Exchange] = []
    for one, other in (ODD, ODD[::-1]):
        session_id = f"{context.ids.fresh('session')}{one}"
        user_id = f"{context.ids.fresh('user')}{other}"
        run = context.runs.batch(workflow, session_id=session_id, user_id=user_id, rules=rules)
        exchanges.append(run.exchange)
    if run.exchange.status == 200:
        context.findings.exercise("identity.ids-kept", exchanges=exchanges)
        session_id = f"{context.ids.fresh('session')}{ODD[0]}"
        ids = (("session_id", session_id), ("user_id", user_id))
        exchanges.append(context.runs.start_stream(workflow, extra=ids).result())
        context.runs.judge_stream(workflow, exchanges[-1], rules)
    for exchange in exchanges:
        if exchange.status is not None and exchange.status >= 500:
            text = f"{workflow.id} runs, but not with ids of all sorts of text: {exchange.summary}"
            context.findings.require("identity.ids-kept", False, text, exchange)
