"""What a server shows of its sessions and runs, where it has such operations, and of what there is
not: the companions of the run operation in the document's overlay.

Functions that other checks call with the runs that they made, so that it costs few more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from agentos_contract.json_values import mapping, mappings, parse_json, unlike
from agentos_contract.judge import wrong_time
from agentos_contract.results import last_contents
from contract_tests.checks.context import Context
from contract_tests.checks.listed import listed_runs
from contract_tests.checks.registry import check
from contract_tests.checks.stages import CannotDecide, Stage
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.streams import StreamedRun
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.operations import (
    cancel_run,
    companion_request,
    delete_session,
    list_sessions,
    read_run,
    read_session,
    read_state,
)
from contract_tests.target.target import UNKNOWN_RUN, unknown_workflow_id

Run = StreamedRun | BatchRun


@check(Stage.PROBES, "routing.unknown-others", runs=0)
def nothing_there(context: Context) -> None:
    """What there is is read, and then what there is not, in the same way."""
    is_tried = False
    for known, unknown in _pairs(context):
        if not context.client.send(known).succeeded:
            continue  # a companion that this server does not have
        is_tried = True
        exchange = context.client.send(unknown)
        is_refused = exchange.status is not None and 400 <= exchange.status < 500
        message = f"{unknown.method} {unknown.path}, which there is not: {exchange.summary}"
        is_empty = exchange.succeeded and parse_json(exchange.body) == []
        context.findings.require(
            "routing.unknown-others", is_refused or is_empty, message, exchange
        )
    if not is_tried:
        raise CannotDecide("the server lets nobody read its workflows, sessions or runs")


def _pairs(context: Context) -> Iterator[tuple[Request, Request]]:
    """Requests for what there is, each with one for what there is not."""
    document, operations = context.document, context.document.operations
    streams = context.history.streams.items()
    found = (one for one in streams if one[1].run_id and one[1].session_id)
    workflow_id, run = next(found, (context.workflows.any.id, None))
    if "get_workflow" in operations:
        yield (
            companion_request(document, "get_workflow", workflow_id=workflow_id),
            companion_request(document, "get_workflow", workflow_id=unknown_workflow_id()),
        )
    if run is None or run.run_id is None or run.session_id is None:
        return
    nowhere = context.ids.fresh("session")
    if "get_session_by_id" in operations:
        yield read_state(document, run.session_id), read_state(document, nowhere)
    if "get_session_runs" in operations:
        yield read_session(document, run.session_id), read_session(document, nowhere)
    if "get_workflow_run" in operations:
        known = read_run(document, workflow_id, run.session_id, run.run_id)
        yield known, read_run(document, workflow_id, run.session_id, UNKNOWN_RUN)


def judge_cancelling_nothing(context: Context) -> None:
    """Cancels a run that there is not, of a server that cancels those that there are."""
    request = cancel_run(context.document, context.workflows.any.id, UNKNOWN_RUN)
    exchange = context.client.send(request)
    is_kept = exchange.status is None or exchange.status < 500
    message = f"cancelling a run that there is not: {exchange.summary}"
    context.findings.require("routing.unknown-others", is_kept, message, exchange)


def judge_listing(context: Context, session_id: str, runs: Sequence[Run]) -> None:
    """A session's list has its runs, all of which came to their end, one after the other. It had
    the streams among them before."""
    listed = listed_runs(context, session_id)
    if listed is None or not all(
        listed.has(_run_id(run)) for run in runs if isinstance(run, BatchRun)
    ):
        return  # that batch runs are lost is session.continuity
    expected = [_run_id(run) for run in runs]
    if len(set(expected)) < len(expected):
        return  # of two runs with one id nobody can say which is listed
    exchanges = (*(run.exchange for run in runs), listed.exchange)
    shown = [run for run in listed.runs if run.get("run_id") in expected]
    ids = [run["run_id"] for run in shown]
    message = f"a session of the runs {', '.join(map(str, expected))}, in this order, lists "
    message += ", ".join(map(str, ids))
    context.findings.require("session.listed", ids == expected, message, *exchanges)
    if ids == expected:
        for run, entry in zip(runs, shown, strict=True):
            _as_it_ended(context, "session.listed", "is listed", run, entry, listed.exchange)


def judge_reading(context: Context, session_id: str, runs: Sequence[Run]) -> None:
    """A run is read back as it ended, and by its own session alone."""
    ids = [(run, run_id) for run in runs if (run_id := _run_id(run)) is not None]
    if "get_workflow_run" not in context.document.operations or not ids:
        return
    for run, run_id in ids:
        request = read_run(context.document, run.workflow_id, session_id, run_id)
        exchange = context.client.send(request)
        body = mapping(parse_json(exchange.body))
        if not exchange.succeeded or "run_id" not in body:
            return  # it does not have the operation, or does not keep runs
        message = f"asked for the run {run_id}, it gives {body['run_id']}"
        exchanges = run.exchange, exchange
        is_it = body["run_id"] == run_id
        context.findings.require("session.run-read", is_it, message, *exchanges)
        if is_it:
            _as_it_ended(context, "session.run-read", "is read back", run, body, exchange)
    run, run_id = ids[-1]
    nowhere = context.ids.fresh("session")
    exchange = context.client.send(read_run(context.document, run.workflow_id, nowhere, run_id))
    is_told = exchange.succeeded and mapping(parse_json(exchange.body)).get("run_id") == run_id
    message = f"the run {run_id} is read back as one of the session {nowhere}, which it is not of"
    context.findings.require("session.run-read", not is_told, message, run.exchange, exchange)


def judge_cancelled(context: Context, run: StreamedRun) -> None:
    """A run whose stream said that it was cancelled is not read back as one that completed."""
    is_cancelled = (run.terminal or {}).get("event") == "WorkflowCancelled"
    if not (is_cancelled and run.run_id and run.session_id):
        return
    if "get_workflow_run" not in context.document.operations:
        return
    request = read_run(context.document, run.workflow_id, run.session_id, run.run_id)
    exchange = context.client.send(request)
    body = mapping(parse_json(exchange.body)) if exchange.succeeded else {}
    if body.get("run_id") == run.run_id:
        message = f"the run {run.run_id} was cancelled, and is read back as {body.get('status')!r}"
        is_kept = str(body.get("status")).upper() != "COMPLETED"
        context.findings.require("session.run-read", is_kept, message, run.exchange, exchange)


def _as_it_ended(
    context: Context,
    requirement: str,
    how: str,
    run: Run,
    entry: Mapping[str, Any],
    exchange: Exchange,
) -> None:
    """Whether the status and the content are those that its stream or body told."""
    status, content = entry.get("status"), _content(run)
    is_over = not isinstance(status, str) or status.upper() == "COMPLETED"
    message = f"the run {_run_id(run)} completed, and {how} as {status!r}"
    context.findings.require(requirement, is_over, message, run.exchange, exchange)
    if isinstance(content, str) and isinstance(entry.get("content"), str):
        here, there = unlike(entry["content"], content)
        message = f"the run {_run_id(run)} {how} with the content {here}, it had {there}"
        is_kept = entry["content"] == content
        context.findings.require(requirement, is_kept, message, run.exchange, exchange)


def _run_id(run: Run) -> str | None:
    run_id = run.run_id if isinstance(run, StreamedRun) else run.body.get("run_id")
    return run_id if isinstance(run_id, str) else None


def _content(run: Run) -> Any:
    """What a run came to; None where its stream or its body is wrong in itself."""
    if isinstance(run, BatchRun):
        results, content = run.body.get("step_results"), run.body.get("content")
        is_whole = not isinstance(results, list) or not results or content in last_contents(results)
        return content if is_whole else None
    return None if run.judge.violations else run.content


def judge_pages(context: Context, owner: str, session_ids: Sequence[str]) -> None:
    """The list of the sessions of a user who has these two, a page of one at a time. In which order
    is not judged: they are of the same second."""
    if "get_sessions" not in context.document.operations:
        return
    whole = context.client.send(list_sessions(context.document, owner))
    if sorted(_listed(whole)) != sorted(session_ids):
        return  # it does not list sessions by the users that are named
    pages = [_page(context, owner, "limit=1&page=1"), _page(context, owner, "limit=1&page=2")]
    found = [_listed(page) for page in pages]
    message = f"of two sessions pages of one are {found[0]} and {found[1]}"
    is_kept = sorted(found[0] + found[1]) == sorted(session_ids) and len(found[0]) == 1
    context.findings.require("session.pages", is_kept, message, whole, *pages)
    for page in pages:
        count = mapping(mapping(parse_json(page.body)).get("meta")).get("total_count")
        message = f"a page of one of two sessions says that there are {count} in all"
        is_kept = count is None or count == len(session_ids)
        context.findings.require("session.pages", is_kept, message, whole, page)
    request = list_sessions(context.document, owner)
    path = request.path.replace("type=workflow", "type=agent")
    others = context.client.send(replace(request, path=path))
    message = "the list of agents' sessions has a workflow's"
    is_kept = not set(_listed(others)) & set(session_ids)
    context.findings.require("session.pages", is_kept, message, whole, others)


def _page(context: Context, owner: str, query: str) -> Exchange:
    request = list_sessions(context.document, owner)
    return context.client.send(replace(request, path=f"{request.path}&{query}"))


def _listed(exchange: Exchange) -> list[str]:
    """The ids of the sessions that an answer lists."""
    data = mapping(parse_json(exchange.body)).get("data") if exchange.succeeded else None
    return [str(one.get("session_id")) for one in mappings(data)]


def _judge_time(context: Context, exchange: Exchange) -> None:
    """When a session was made, which is a moment ago. A time without a zone says nothing."""
    said = mapping(parse_json(exchange.body)).get("created_at") if exchange.succeeded else None
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
        seconds = at.timestamp() if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return
    if seconds is not None:
        wrong = wrong_time(seconds, time.time())
        message = f"a session's created_at {said} {wrong}"
        context.findings.require("time.seconds", wrong is None, message, exchange)


NEW_NAME = "renamed by contract-tests"


def judge_changes(context: Context, owner: str, session_id: str, other_id: str) -> None:
    """A session of two of a user is renamed, and then deleted; the other one stays as it was."""
    document, client = context.document, context.client
    mine = f"type=workflow&user_id={quote(owner, safe='')}"
    if {"rename_session", "get_session_by_id"} <= document.operations.keys():
        request = replace(
            companion_request(document, "rename_session", f"?{mine}", session_id=session_id),
            content=json.dumps({"session_name": NEW_NAME}).encode(),
            content_type="application/json",
        )
        renamed = client.send(request)
        now, other = (
            client.send(read_state(document, one, owner)) for one in (session_id, other_id)
        )
        _judge_time(context, now)
        if renamed.succeeded and now.succeeded:
            name = mapping(parse_json(now.body)).get("session_name")
            message = f"a session was renamed {NEW_NAME!r}, and is called {name!r}"
            exchanges = renamed, now
            context.findings.require("session.changed", name == NEW_NAME, message, *exchanges)
            is_other = mapping(parse_json(other.body)).get("session_name") != NEW_NAME
            message = "another session was renamed, too"
            context.findings.require("session.changed", is_other, message, renamed, other)
    if "delete_session" not in document.operations:
        return
    runs = [listed_runs(context, one, owner) for one in (session_id, other_id)]
    request = delete_session(document, session_id)
    deleted = client.send(replace(request, path=f"{request.path.partition('?')[0]}?{mine}"))
    is_done = deleted.status is not None and 200 <= deleted.status < 300
    if not is_done or not all(one is not None and one.runs for one in runs):
        return
    left, others = (listed_runs(context, one, owner) for one in (session_id, other_id))
    message = f"a session was deleted ({deleted.status}), and still has runs"
    shown = [one.exchange for one in (left,) if one is not None]
    is_gone = left is None or not left.runs
    context.findings.require("session.changed", is_gone, message, deleted, *shown)
    message = "with a session another one was deleted"
    shown = [one.exchange for one in (others,) if one is not None]
    is_kept = others is not None and len(others.runs) == len(runs[1].runs if runs[1] else ())
    context.findings.require("session.changed", is_kept, message, deleted, *shown)
