"""Sessions: continuity across runs, and ids of every kind."""

from __future__ import annotations

from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_in
from contract_tests.checks.registry import check
from contract_tests.checks.session_views import Run, judge_listing, judge_reading
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.forms.texts import ODD
from contract_tests.judging.rules import RunRules
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import companion_request, read_session


@check(
    Stage.PROBES,
    "session.continuity",
    "identity.session-id",
    "session.listed",
    "session.run-read",
    shows=("identity.run-id-fresh", "identity.session-id-fresh"),
    runs=4,
)
def continuity(context: Context) -> None:
    """Two runs, one session: by what the second says, and where the server lists a session's runs
    by that list, which two batch runs more are to follow in. The session is made here and its id is
    nobody else's."""
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
    if not _listed(context, session_id, first, second):
        return
    more = [context.runs.batch(workflow, session_id=session_id) for _ in range(2)]
    runs: list[Run] = [
        *(run for run in (first, second) if run.is_completed),
        *(run for run in more if run.body.get("status") == "COMPLETED"),
    ]
    judge_listing(context, session_id, runs)
    judge_reading(context, session_id, [runs[0], runs[-1]] if runs else [])


def _listed(context: Context, session_id: str, first: StreamedRun, second: StreamedRun) -> bool:
    """Whether the session's list has both; where there is one it must."""
    if "get_session_runs" not in context.document.operations:
        return False
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
        return False  # a companion that this server does not have
    missing = [run.run_id for run in (first, second) if not listed.has(run.run_id)]
    message = f"the session {session_id} does not have the runs {', '.join(map(str, missing))}"
    context.findings.require("session.continuity", not missing, message, *exchanges)
    return not missing


def _lists_sessions(context: Context) -> bool:
    operation_id, query = "get_sessions", "?type=workflow&limit=1"
    if operation_id not in context.document.operations:
        return False
    return context.client.send(companion_request(context.document, operation_id, query)).succeeded


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
