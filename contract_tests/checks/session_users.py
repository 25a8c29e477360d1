"""What belongs to one user is not another's: a session's runs, its state, the list of sessions.

The document's `user_id` of a query asks for "only what belongs to this user". Whoever guesses or
repeats another's session_id gets nothing by it.
"""

from __future__ import annotations

from agentos_contract.json_values import mapping, mappings, parse_json
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_in, listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.session_views import judge_changes, judge_pages
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.target.exchange import Exchange
from contract_tests.target.operations import list_sessions, read_session, read_state


@check(
    Stage.PROBES,
    "session.users-apart",
    "session.pages",
    "session.changed",
    shows=("session.continuity", "time.seconds"),
    runs=3,
)
def users_apart(context: Context) -> None:
    """A run of one user; then another asks for its session, runs in it, and asks again."""
    workflow = context.workflows.probed
    session_id, mark = context.ids.fresh("session"), f"({context.ids.fresh('secret')})"
    owner, other = context.ids.fresh("user-a"), context.ids.fresh("user-b")
    message = workflow.message if workflow.input_schema else f"{workflow.message} {mark}"
    first, run_id = _run(context, message, session_id, owner)
    own = listed_runs(context, session_id, owner) if run_id is not None else None
    if own is None or not own.has(run_id):
        raise CannotDecide("the server does not list the runs of a user's session")
    second_id = _judge_streamed(context, owner, first)
    if second_id is not None:
        judge_pages(context, owner, [session_id, second_id])
        judge_changes(context, owner, second_id, session_id)
    _judge_views(context, session_id, run_id, mark, owner, other, first)
    second, other_id = _run(context, workflow.message, session_id, other)
    if second.status == 200:
        text = f"a run of {other} in a session of {owner} tells the message of the run before"
        is_apart = mark.encode() not in second.body
        context.findings.require("session.users-apart", is_apart, text, first, second)
        # Of two runs with one id nobody can say whose is listed.
        shown = None if other_id == run_id else run_id
        _judge_views(context, session_id, shown, mark, owner, other, first, second)


def _judge_streamed(context: Context, owner: str, first: Exchange) -> str | None:
    """A stream in another session of the user is listed as the user's too, as the batch run is.
    That session, where it is so."""
    workflow, session_id = context.workflows.probed, context.ids.fresh("session")
    ids = (("session_id", session_id), ("user_id", owner))
    future = context.runs.start_stream(workflow, extra=ids)
    run = context.runs.finish_stream(workflow, future)
    if run is None or not run.is_completed or run.session_id != session_id:
        return None
    asked = context.client.send(read_session(context.document, session_id, owner))
    if not asked.succeeded and asked.status != 404:
        return None
    listed = listed_in(asked)
    is_listed = listed is not None and listed.has(run.run_id)
    context.findings.require(
        "session.continuity",
        is_listed,
        f"the session {session_id}, asked for as {owner}, does not have that user's stream "
        f"{run.run_id}; in another session it has that user's batch run",
        first,
        run.exchange,
        asked,
    )
    return session_id if is_listed else None


def _run(
    context: Context, message: str, session_id: str, user_id: str
) -> tuple[Exchange, str | None]:
    """A batch run, and its id; None where it says that it is of another session or user: a server
    may know by the token who asks."""
    ids = (("session_id", session_id), ("user_id", user_id))
    fields = (("message", message), ("stream", "false"), *ids)
    exchange = context.client.send(context.requests.make(context.workflows.probed.id, fields))
    body = mapping(parse_json(exchange.body)) if exchange.status == 200 else {}
    run_id = body.get("run_id")
    is_its = all(body.get(name) == value for name, value in ids)
    return exchange, run_id if is_its and isinstance(run_id, str) else None


def _judge_views(
    context: Context,
    session_id: str,
    run_id: str | None,
    mark: str,
    owner: str,
    user_id: str,
    *before: Exchange,
) -> None:
    """Nothing that a user is shown of a session is of another's run."""
    runs = listed_runs(context, session_id, user_id)
    if runs is not None:
        told = (run_id is not None and runs.has(run_id)) or mark.encode() in runs.exchange.body
        text = f"{user_id} is shown a run of another user in the session {session_id}"
        context.findings.require("session.users-apart", not told, text, *before, runs.exchange)
    document = context.document
    if "get_session_by_id" in document.operations:
        exchange = context.client.send(read_state(document, session_id, user_id))
        body = mapping(parse_json(exchange.body)) if exchange.succeeded else {}
        told = mark.encode() in exchange.body or body.get("user_id") == owner
        text = f"{user_id} is shown the session {session_id} of another user"
        context.findings.require("session.users-apart", not told, text, *before, exchange)
    if "get_sessions" in document.operations and len(before) == 1:
        exchange = context.client.send(list_sessions(document, user_id))
        listed = mapping(parse_json(exchange.body)).get("data") if exchange.succeeded else None
        ids = {session.get("session_id") for session in mappings(listed)}
        text = f"the list of the sessions of {user_id} has {session_id}, which is another user's"
        is_apart = session_id not in ids
        context.findings.require("session.users-apart", is_apart, text, *before, exchange)
