"""Observers of what a server remembers: sessions, their runs, and the operations that show them.

They make sessions of their own (`contract-tests-…`) and touch no other.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from agentos_contract.json_values import mapping, mappings, read_json
from contract_tests.checks.stages import CannotDecide
from contract_tests.learning.evidence import Evidence, Json, json_of
from contract_tests.learning.observers import (
    ANY_STATUS,
    REFUSED,
    Observation,
    Observations,
    by_status,
    observes,
)
from contract_tests.learning.pauses import during_pause, pauses_of
from contract_tests.target.exchange import Exchange

KEY = "contract_tests_mark"
"""A key that no other session's state has."""

ADA, BOB = {"user_id": "contract-tests-ada"}, {"user_id": "contract-tests-bob"}
WORKFLOW = {"type": "workflow"}


# -- ways to ask


def _send(
    evidence: Evidence, operation_id: str, body: Json, session_id: str = "", query: Any = WORKFLOW
) -> Exchange:
    """Send JSON to a companion for sessions."""
    return evidence.ask_operation(
        operation_id,
        {"session_id": session_id},
        query,
        content=json.dumps(body).encode(),
        content_type="application/json",
    )


def _make(evidence: Evidence, session_id: str, **body: Any) -> Exchange:
    return _send(evidence, "create_session", {"session_id": session_id, **body})


def _made(evidence: Evidence, **body: Any) -> str | None:
    """The id of a new session; None where none can be made."""
    session_id = evidence.context.ids.fresh("session")
    return session_id if _make(evidence, session_id, **body).status == 201 else None


def _session(evidence: Evidence, session_id: str) -> Exchange:
    return evidence.ask_operation("get_session_by_id", {"session_id": session_id}, WORKFLOW)


def _list(evidence: Evidence, **query: str) -> list[Json]:
    """The sessions that a query finds."""
    query = {**WORKFLOW, "limit": "100", **query}
    return mappings(json_of(evidence.ask_operation("get_sessions", None, query)).get("data"))


def _run_ids(evidence: Evidence, session_id: str, **query: str) -> list[Any]:
    """The runs of a session; none where it does not say."""
    ids = {"session_id": session_id}
    answer = evidence.ask_operation("get_session_runs", ids, {**WORKFLOW, **query})
    try:
        return [run.get("run_id") for run in mappings(read_json(answer.body))]
    except ValueError:
        return []


def _run(evidence: Evidence, workflow_id: str | None = None, **fields: str) -> Exchange:
    """A batch run of a workflow, of the quickest one unless it is named."""
    try:
        workflow = evidence.context.workflows.probed
    except CannotDecide:
        workflow = evidence.context.workflows.any
    workflow = evidence.workflows.get(workflow_id or "", workflow)
    form = {"message": workflow.message, "stream": "false", **fields}
    return evidence.ask_run(workflow.id, *form.items())


def _is_served(evidence: Evidence) -> bool:
    """Whether the server has these companions at all."""

    def ask() -> bool:
        session_id = _made(evidence)
        return session_id is not None and _session(evidence, session_id).status == 200

    return evidence.once("sessions are served", ask)


# -- when there is a session


@observes("session.made-at-end")
def made_at_end(evidence: Evidence) -> Observations:
    for pause in pauses_of(evidence)[:1] if _is_served(evidence) else ():
        found = during_pause(
            evidence, pause, lambda started: _session(evidence, str(started.get("session_id")))
        )
        if found is not None and found.is_within and found.done.status in (200, 404):
            is_there = found.done.status == 200
            where = pause.run.say(f"during a run its session is {'' if is_there else 'not '}there")
            yield Observation("session.made-at-end", not is_there, where)


@observes("session.written-whole")
def written_whole(evidence: Evidence) -> Observations:
    pauses = pauses_of(evidence)
    session_id = _made(evidence, session_name="first") if pauses else None
    if session_id is None:
        return
    asked = {"session_name": "second"}
    found = during_pause(
        evidence,
        pauses[0],
        lambda started: _send(evidence, "rename_session", asked, session_id),
        session_id=session_id,
    )
    name = json_of(_session(evidence, session_id)).get("session_name")
    if found is None or not found.is_within:
        return
    if found.done.status == 200 and name in ("first", "second"):
        how = "undone" if name == "first" else "kept"
        where = f"a session's new name was {how} at its run's end"
        yield Observation("session.written-whole", name == "first", where)


@observes("session.failed-run-lost")
def failed_run_lost(evidence: Evidence) -> Observations:
    for run in evidence.runs if _is_served(evidence) else ():
        session_id = run.stream.session_id
        if run.ended_by == "WorkflowError" and session_id:
            answer = evidence.run_record(run.workflow_id, run.stream.run_id, session_id)
            what = run.say("it failed, and was looked up")
            yield from by_status("session.failed-run-lost", what, answer, shown=404, kept=(200,))


# -- whose it is


@observes("session.one-owner", "session.anonymous-replaced")
def two_users(evidence: Evidence) -> Observations:
    """Two users run in one session; then somebody without a name, and a user."""
    no_user: dict[str, str] = {}
    for first_user in (ADA, no_user) if _is_served(evidence) else ():
        session = {"session_id": evidence.context.ids.fresh("session")}
        runs = [json_of(_run(evidence, **session, **user)) for user in (first_user, BOB)]
        # Either user may have a session of that id.
        users = (no_user, first_user, BOB)
        found = {run_id for user in users for run_id in _run_ids(evidence, **session, **user)}
        first_is_there, second_is_there = (run.get("run_id") in found for run in runs)
        stays = first_is_there if first_user else second_is_there
        # A run that failed may be in no session at all.
        if any(run.get("status") != "COMPLETED" for run in runs) or not stays:
            continue
        if first_user:
            is_lost = not second_is_there
            where = (
                f"another user's run in a session is {'not ' if is_lost else ''}remembered in it"
            )
            yield Observation("session.one-owner", is_lost, where)
        else:
            is_lost = not first_is_there
            where = (
                f"a session's run is {'not ' if is_lost else ''}there after a user's first in it"
            )
            yield Observation("session.anonymous-replaced", is_lost, where)


@observes("session.conflict-fails", "session.post-replaces")
def posted_again(evidence: Evidence) -> Observations:
    session_id = _made(evidence, session_name="first", **ADA)
    if session_id is None:
        return
    answer = _make(evidence, session_id, **BOB)
    what = "another user's session_id"
    yield from by_status("session.conflict-fails", what, answer, shown=500, kept=ANY_STATUS)
    answer = _make(evidence, session_id, **ADA)
    name = json_of(_session(evidence, session_id)).get("session_name")
    if answer.status is not None and answer.status < 500:
        how = "kept" if name == "first" else "forgotten"
        where = f"a session was posted again: its name was {how}"
        yield Observation("session.post-replaces", name != "first", where)


# -- what is kept of it


@observes("session.type-drops-runs")
def type_drops_runs(evidence: Evidence) -> Observations:
    for stream in evidence.context.history.all_streams:
        session_id = stream.exchange.request.field("session_id")
        if not session_id or not stream.is_completed or not _run_ids(evidence, session_id):
            continue
        answer = _send(evidence, "rename_session", {"session_name": "renamed"}, session_id, None)
        if answer.status == 200:
            left = _run_ids(evidence, session_id)
            where = f"a session's runs are {'' if left else 'not '}there after it was renamed"
            yield Observation("session.type-drops-runs", not left, where)
        return


@observes("session.seeded-once")
def seeded_once(evidence: Evidence) -> Observations:
    for run in evidence.runs:
        initial = set(mapping(run.description.get("session_state")))
        for node in run.nodes.values():
            initial -= set(mapping(mapping(node.get("mock")).get("session_state")))
        session_id = _made(evidence) if initial else None
        if session_id is None:
            continue
        _run(evidence, run.workflow_id, session_id=session_id)
        answer = _session(evidence, session_id)
        if _run_ids(evidence, session_id) and answer.status == 200:
            is_seeded = bool(initial & set(mapping(json_of(answer).get("session_state"))))
            how = "has" if is_seeded else "has not"
            where = run.say(f"a session made before {how} its initial session_state")
            yield Observation("session.seeded-once", not is_seeded, where)
        return


@observes("session.name-matches-data")
def name_matches_data(evidence: Evidence) -> Observations:
    session_id = _made(evidence, session_name="plain", session_state={KEY: 1})
    by_name, by_key = (
        any(found.get("session_id") == session_id for found in _list(evidence, session_name=name))
        for name in ("plain", KEY)
    )
    if session_id is not None and by_name:
        where = f"a session is {'' if by_key else 'not '}found by a key of its state"
        yield Observation("session.name-matches-data", by_key, where)


@observes("session.ties-oldest-first")
def ties_oldest_first(evidence: Evidence) -> Observations:
    user = evidence.context.ids.fresh("user")
    made = [_made(evidence, user_id=user) for _ in range(4)]
    found = _list(evidence, user_id=user, sort_by="created_at", sort_order="desc")
    listed = {
        session.get("session_id"): (position, session.get("created_at"))
        for position, session in enumerate(found)
    }
    for older, newer in pairwise(made):
        if older in listed and newer in listed and listed[older][1] == listed[newer][1]:
            is_oldest_first = listed[older][0] < listed[newer][0]
            first = "older" if is_oldest_first else "newer"
            where = f"of two sessions of one second the {first} is first"
            yield Observation("session.ties-oldest-first", is_oldest_first, where)


@observes("session.list-content-fails")
def list_content_fails(evidence: Evidence) -> Observations:
    for run in evidence.runs:
        ends = run.only("WorkflowCompleted")
        if ends and isinstance(ends[0].get("content"), list) and run.stream.session_id:
            ids = {"session_id": run.stream.session_id}
            answer = evidence.ask_operation("get_session_runs", ids, WORKFLOW)
            what = run.say("it came to a list; its session's runs")
            return by_status("session.list-content-fails", what, answer, shown=500, kept=(200,))
    return iter(())


@observes("session.summary-fails")
def summary_fails(evidence: Evidence) -> Observations:
    session_id = _made(evidence)
    if session_id is not None:
        answer = _send(evidence, "update_session", {"summary": {KEY: 1}}, session_id)
        what = "a summary of its own"
        yield from by_status("session.summary-fails", what, answer, shown=500, kept=ANY_STATUS)


@observes("session.empty-id-fails")
def empty_id_fails(evidence: Evidence) -> Observations:
    for run in evidence.runs[:1]:
        answer = evidence.run_record(run.workflow_id, run.stream.run_id, "")
        what = "an empty session_id"
        yield from by_status("session.empty-id-fails", what, answer, shown=500, kept=REFUSED)


@observes("run.reshaped")
def reshaped(evidence: Evidence) -> Observations:
    for batch in evidence.batches:
        empty = {key for key, value in batch.body.items() if value == []}
        session_id = batch.body.get("session_id")
        if not empty or not session_id:
            continue
        answer = evidence.run_record(batch.workflow_id, batch.body.get("run_id"), str(session_id))
        if answer.status == 200:
            lost = empty - set(json_of(answer))
            which = f"without {', '.join(sorted(lost))}" if lost else "whole"
            where = f"{batch.workflow_id}: a run was read back {which}"
            yield Observation("run.reshaped", bool(lost), where)
            return


# -- in the background


@observes("run.background-any-text")
def background_any_text(evidence: Evidence) -> Observations:
    answer = _run(evidence, background="no")
    status = json_of(answer).get("status")
    if answer.status == 200 and status in ("PENDING", "RUNNING", "COMPLETED"):
        where = f"with background=no a batch run was answered as {status}"
        yield Observation("run.background-any-text", status != "COMPLETED", where)


@observes("run.background-stream-fails")
def background_stream_fails(evidence: Evidence) -> Observations:
    answer = _run(evidence, stream="true", background="true")
    names = [event.event for _, event in answer.events]
    if answer.status == 200 and names:
        is_failing = names[0] == "WorkflowError"
        where = f"its first event is {names[0]}"
        yield Observation("run.background-stream-fails", is_failing, where)
