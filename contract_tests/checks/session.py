"""Sessions: continuity across runs, isolation between runs side by side."""

from __future__ import annotations

from agentos_contract.document import Document
from contract_tests.client import Request
from contract_tests.context import Context, mapping, parse_object
from contract_tests.registry import CannotDecide, Stage, check
from contract_tests.streams import StreamedRun


@check(Stage.PROBES, "session.continuity", "identity.session-id")
def continuity(context: Context) -> None:
    """Two runs, one session: by what the second says, and where the server lists a session's runs
    by that list. The session is made here and its id is nobody else's."""
    workflow = context.probed_workflow
    session_id = context.fresh_id("session")
    # Whether the first run took the session asked for is identity.session-id; this is the second.
    first = context.stream(workflow, session_id=session_id)
    second = context.stream(workflow, session_id=session_id, expects_session=False)
    if first is None or second is None:
        raise CannotDecide("a run with a session_id was not answered with a stream")
    if first.session_id != session_id:
        raise CannotDecide("the first run did not take the session that was asked for")
    context.require(
        "session.continuity",
        second.session_id == session_id,
        f"the second run in the session {session_id} says that it is of {second.session_id!r}",
        first.exchange,
        second.exchange,
    )
    _listed(context, session_id, first, second)


def _listed(context: Context, session_id: str, first: StreamedRun, second: StreamedRun) -> None:
    path = _companion_path(context.document, "get_session_runs", session_id)
    if path is None:
        return
    exchange = context.client.send(Request("GET", path))
    if exchange.status != 200 or exchange.fault is not None:
        return  # a companion that this server does not have
    body = parse_object(b'{"runs": ' + exchange.body + b"}")
    runs = mapping(body).get("runs")
    if not isinstance(runs, list):
        return
    listed = [mapping(run).get("run_id") for run in runs]
    missing = [run.run_id for run in (first, second) if run.run_id not in listed]
    context.require(
        "session.continuity",
        not missing,
        f"the session {session_id} does not have the runs {', '.join(map(str, missing))}",
        first.exchange,
        second.exchange,
        exchange,
    )


def _companion_path(document: Document, operation_id: str, session_id: str) -> str | None:
    operation = document.operations.get(operation_id)
    if operation is None:
        return None
    return operation.path.replace("{session_id}", session_id) + "?type=workflow"


@check(Stage.PROBES, "session.isolation")
def isolation(context: Context) -> None:
    """Two runs at the same time in two sessions: neither stream has anything of the other."""
    workflow = context.lasting_workflow
    sessions = [context.fresh_id("session-a"), context.fresh_id("session-b")]
    futures = [context.start_stream(workflow, session_id=session) for session in sessions]
    # Whatever is wrong with ids here, and was not when one run was alone, comes of the other run.
    names: dict[str, str | None] = {
        requirement: "session.isolation"
        for requirement in ("identity.session-id", "identity.run-id", "identity.run-id-fresh")
        if not context.findings.is_broken(requirement)
    }
    runs = [context.judge_streamed(workflow, future.result(), rename=names) for future in futures]
    if None in runs:
        raise CannotDecide("two runs at the same time were not both answered with a stream")
    found = [run for run in runs if run is not None]
    context.findings.exercise("session.isolation")
    for run, other in (found, found[::-1]):
        foreign = {other.run_id, other.exchange.request.field("session_id")} - {None}
        for payload in run.judge.payloads:
            strange = [
                key
                for key in ("run_id", "session_id")
                if isinstance(payload.get(key), str) and payload[key] in foreign
            ]
            if strange:
                context.breach(
                    "session.isolation",
                    f"{payload.get('event')} has the {strange[0]} of the run beside it: "
                    f"{payload[strange[0]]}",
                    run.exchange,
                    other.exchange,
                )
                return
