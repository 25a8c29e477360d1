"""Observers of what a server remembers: sessions, their runs, and the operations that show them.

They make sessions of their own (`contract-tests-…`) and touch no other.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from agentos_contract.json_values import mapping, mappings, read_json
from contract_tests.checks.requests import Fields
from contract_tests.checks.stages import CannotDecide
from contract_tests.learning.evidence import (
    Evidence,
    Json,
    Sighting,
    json_of,
    observes,
)
from contract_tests.learning.runs import Sightings
from contract_tests.learning.silences import in_silence, silences_of
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import run_path

MARK = "contract_tests_mark"
"""A key that no other session's state has."""


# -- ways to ask


def _ask(
    evidence: Evidence,
    operation_id: str,
    method: str,
    *,
    session_id: str = "",
    body: Json | None = None,
    **query: Any,
) -> Exchange:
    """Ask a companion for sessions; an exchange without a status where the document has none."""
    path = evidence.path(operation_id, session_id=session_id)
    if path is None:
        return evidence.ask(method, "/")
    if body is None:
        return evidence.ask(method, f"{path}?{urlencode(query)}")
    content = json.dumps(body).encode()
    return evidence.ask(
        method,
        f"{path}?{urlencode(query)}",
        content=content,
        content_type="application/json",
    )


def _make(evidence: Evidence, session_id: str, **body: Any) -> Exchange:
    body = {"session_id": session_id, **body}
    return _ask(evidence, "create_session", "POST", body=body, type="workflow")


def _session(evidence: Evidence, session_id: str) -> Exchange:
    return _ask(evidence, "get_session_by_id", "GET", session_id=session_id, type="workflow")


def _run_ids(evidence: Evidence, session_id: str, **query: Any) -> list[Any] | None:
    """The runs of a session; None where it does not say."""
    query["type"] = "workflow"
    answer = _ask(evidence, "get_session_runs", "GET", session_id=session_id, **query)
    try:
        runs = read_json(answer.body) if answer.status == 200 else None
    except ValueError:
        return None
    return [run.get("run_id") for run in mappings(runs)] if isinstance(runs, list) else None


def _run(evidence: Evidence, workflow_id: str | None = None, *extra: tuple[str, str]) -> Exchange:
    """A batch run of a workflow, of the quickest one unless it is named."""
    workflows = evidence.context.target.workflows
    try:
        quickest = evidence.context.workflows.probed
    except CannotDecide:
        quickest = workflows[0]
    workflow = next((w for w in workflows if w.id == workflow_id), quickest)
    fields: Fields = (("message", workflow.message), ("stream", "false"), *extra)
    path = run_path(evidence.context.document, workflow.id)
    return evidence.ask("POST", path, fields=tuple(fields))


def _is_served(evidence: Evidence) -> bool:
    """Whether the server has these companions at all."""

    def ask() -> bool:
        name = evidence.context.ids.fresh("session")
        return _make(evidence, name).status == 201 and _session(evidence, name).status == 200

    return evidence.once("sessions are served", ask)


# -- when there is a session


@observes("session.made-at-end", occasion="a run fell silent for a while")
def made_at_end(evidence: Evidence) -> Sightings:
    if not _is_served(evidence):
        return
    for silence in silences_of(evidence)[:1]:

        def look(started: Json) -> Exchange:
            return _session(evidence, str(started.get("session_id")))

        found = in_silence(evidence, silence, look)
        if found is not None and found.done.status in (200, 404):
            is_there = found.done.status == 200
            where = f"{silence.run.workflow_id}: during a run its session is "
            yield Sighting(not is_there, where + ("there" if is_there else "not there"))


@observes("session.failed-run-lost", occasion="a run failed")
def failed_run_lost(evidence: Evidence) -> Sightings:
    if not _is_served(evidence):
        return
    for run in evidence.runs:
        session_id = run.stream.session_id
        ids = {"workflow_id": run.workflow_id, "run_id": str(run.stream.run_id)}
        path = evidence.path("get_workflow_run", **ids)
        if run.ended_by == "WorkflowError" and session_id and path:
            answer = evidence.ask("GET", f"{path}?{urlencode({'session_id': session_id})}")
            if answer.status in (200, 404):
                where = run.say(f"it failed; looked up, it is answered with {answer.status}")
                yield Sighting(answer.status == 404, where)


@observes("session.written-whole", occasion="a run fell silent for a while")
def written_whole(evidence: Evidence) -> Sightings:
    session_id = evidence.context.ids.fresh("session")
    if not _is_served(evidence) or _make(evidence, session_id, session_name="first").status != 201:
        return
    for silence in silences_of(evidence)[:1]:

        def rename(started: Json) -> Exchange:
            return _ask(
                evidence,
                "rename_session",
                "POST",
                session_id=session_id,
                body={"session_name": "second"},
                type="workflow",
            )

        found = in_silence(evidence, silence, rename, session_id=session_id)
        name = json_of(_session(evidence, session_id)).get("session_name")
        if found is not None and found.done.status == 200 and name in ("first", "second"):
            how = "undone" if name == "first" else "kept"
            yield Sighting(name == "first", f"a session's new name was {how} at its run's end")


# -- whose it is


@observes("session.one-owner", occasion="two users ran a workflow in one session")
def one_owner(evidence: Evidence) -> Sightings:
    listed = _second_run_listed(evidence, "contract-tests-ada")
    if listed is not None:
        how = "is" if listed[1] else "is not"
        yield Sighting(not listed[1], f"another user's run in a session {how} remembered in it")


@observes(
    "session.anonymous-replaced", occasion="a user ran a workflow in a session that had no user"
)
def anonymous_replaced(evidence: Evidence) -> Sightings:
    listed = _second_run_listed(evidence, None)
    if listed is not None:
        how = "is" if listed[0] else "is not"
        yield Sighting(not listed[0], f"a session's run {how} there after a user's first in it")


def _second_run_listed(evidence: Evidence, first_user: str | None) -> tuple[bool, bool] | None:
    """Whether a session has the first user's run and another user's, after both."""
    if not _is_served(evidence):
        return None
    session_id = evidence.context.ids.fresh("session")
    users = [{"user_id": user} if user else {} for user in (first_user, "contract-tests-bob")]
    first, second = (
        json_of(_run(evidence, None, ("session_id", session_id), *user.items())).get("run_id")
        for user in users
    )
    # Either user may have a session of that id.
    listed = [_run_ids(evidence, session_id, **user) or [] for user in ({}, *users)]
    found = [run_id for run_ids in listed for run_id in run_ids]
    if first is None or second is None or not {first, second} & set(found):
        return None
    return first in found, second in found


@observes("session.conflict-fails", occasion="POST /sessions was sent another user's session_id")
def conflict_fails(evidence: Evidence) -> Sightings:
    session_id = evidence.context.ids.fresh("session")
    if _make(evidence, session_id, user_id="contract-tests-ada").status == 201:
        answer = _make(evidence, session_id, user_id="contract-tests-bob")
        if answer.status is not None:
            yield Sighting(answer.status == 500, f"another user's session_id: {answer.summary}")


@observes("session.post-replaces", occasion="POST /sessions was sent the id of a session twice")
def post_replaces(evidence: Evidence) -> Sightings:
    session_id, user = evidence.context.ids.fresh("session"), "contract-tests-ada"
    if _make(evidence, session_id, user_id=user, session_name="first").status == 201:
        answer = _make(evidence, session_id, user_id=user)
        name = json_of(_session(evidence, session_id)).get("session_name")
        if answer.status is not None and answer.status < 500:
            how = "kept" if name == "first" else "forgotten"
            yield Sighting(name != "first", f"a session was posted again: its name was {how}")


# -- what is kept of it


@observes("session.type-drops-runs", occasion="a session with runs was renamed without a type")
def type_drops_runs(evidence: Evidence) -> Sightings:
    for stream in evidence.context.history.all_streams:
        session_id = stream.exchange.request.field("session_id")
        if not session_id or not stream.is_completed or not _run_ids(evidence, session_id):
            continue
        body = {"session_name": "renamed"}
        answer = _ask(evidence, "rename_session", "POST", session_id=session_id, body=body)
        if answer.status == 200:
            left = _run_ids(evidence, session_id)
            how = "are" if left else "are not"
            yield Sighting(not left, f"a session's runs {how} there after it was renamed")
        return


@observes(
    "session.seeded-once",
    occasion="a workflow with a session_state (by its script) ran in a session made before",
)
def seeded_once(evidence: Evidence) -> Sightings:
    for workflow in evidence.context.target.workflows:
        initial = set(mapping(evidence.description(workflow.id).get("session_state")))
        for node in evidence.nodes(workflow.id):
            initial -= set(mapping(mapping(node.get("mock")).get("session_state")))
        session_id = evidence.context.ids.fresh("session")
        if not initial or _make(evidence, session_id).status != 201:
            continue
        _run(evidence, workflow.id, ("session_id", session_id))
        answer = _session(evidence, session_id)
        if _run_ids(evidence, session_id) and answer.status == 200:
            state = mapping(json_of(answer).get("session_state"))
            how = "has" if initial & set(state) else "has not"
            where = f"{workflow.id}: a session made before {how} its initial session_state"
            yield Sighting(not initial & set(state), where)
        return


@observes("session.name-matches-data", occasion="a session was looked for by a name")
def name_matches_data(evidence: Evidence) -> Sightings:
    session_id = evidence.context.ids.fresh("session")
    if _make(evidence, session_id, session_name="plain", session_state={MARK: 1}).status == 201:
        named = [
            _ask(evidence, "get_sessions", "GET", type="workflow", session_name=name, limit="100")
            for name in ("plain", MARK)
        ]
        by_name, by_key = (
            any(s.get("session_id") == session_id for s in mappings(json_of(a).get("data")))
            for a in named
        )
        if by_name:
            is_found = "is" if by_key else "is not"
            yield Sighting(by_key, f"a session {is_found} found by a key of its state")


@observes("session.ties-oldest-first", occasion="sessions were made in the same second, and listed")
def ties_oldest_first(evidence: Evidence) -> Sightings:
    user = evidence.context.ids.fresh("user")
    made = [evidence.context.ids.fresh("session") for _ in range(4)]
    if any(_make(evidence, session_id, user_id=user).status != 201 for session_id in made):
        return
    query: dict[str, Any] = {"type": "workflow", "user_id": user, "limit": "20"}
    answer = _ask(evidence, "get_sessions", "GET", sort_by="created_at", sort_order="desc", **query)
    listed = {
        session.get("session_id"): (position, session.get("created_at"))
        for position, session in enumerate(mappings(json_of(answer).get("data")))
    }
    for older, newer in pairwise(made):
        if older in listed and newer in listed and listed[older][1] == listed[newer][1]:
            is_oldest_first = listed[older][0] < listed[newer][0]
            first = "older" if is_oldest_first else "newer"
            yield Sighting(is_oldest_first, f"of two sessions of one second the {first} is first")


@observes("session.list-content-fails", occasion="a run came to a list")
def list_content_fails(evidence: Evidence) -> Sightings:
    for run in evidence.runs:
        ends = run.only("WorkflowCompleted")
        session_id = run.stream.session_id
        if ends and isinstance(ends[0].get("content"), list) and session_id:
            answer = _ask(
                evidence, "get_session_runs", "GET", session_id=session_id, type="workflow"
            )
            if answer.status in (200, 500):
                where = run.say(f"it came to a list; its session's runs: {answer.status}")
                yield Sighting(answer.status == 500, where)
                return


@observes("session.summary-fails", occasion="a session was sent a summary with a key of its own")
def summary_fails(evidence: Evidence) -> Sightings:
    session_id = evidence.context.ids.fresh("session")
    if _make(evidence, session_id).status == 201:
        answer = _ask(
            evidence,
            "update_session",
            "PATCH",
            session_id=session_id,
            body={"summary": {MARK: 1}},
            type="workflow",
        )
        if answer.status is not None:
            yield Sighting(answer.status == 500, f"a summary of its own: {answer.status}")


@observes("session.empty-id-fails", occasion="a run was looked up with an empty session_id")
def empty_id_fails(evidence: Evidence) -> Sightings:
    for run in evidence.runs[:1]:
        ids = {"workflow_id": run.workflow_id, "run_id": str(run.stream.run_id)}
        path = evidence.path("get_workflow_run", **ids)
        if path is not None:
            answer = evidence.ask("GET", f"{path}?session_id=")
            if answer.status is not None and answer.status >= 400:
                where = f"an empty session_id: {answer.summary}"
                yield Sighting(answer.status == 500, where)


@observes("run.reshaped", occasion="a batch run with empty lists was read back")
def reshaped(evidence: Evidence) -> Sightings:
    for batch in evidence.batches:
        empty = {key for key, value in batch.body.items() if value == []}
        session_id = batch.body.get("session_id")
        ids = {"workflow_id": batch.workflow_id, "run_id": str(batch.body.get("run_id"))}
        path = evidence.path("get_workflow_run", **ids)
        if not empty or path is None or not session_id:
            continue
        answer = evidence.ask("GET", f"{path}?{urlencode({'session_id': str(session_id)})}")
        if answer.status == 200:
            lost = empty - set(json_of(answer))
            which = f"without {', '.join(sorted(lost))}" if lost else "whole"
            yield Sighting(bool(lost), f"{batch.workflow_id}: a run was read back {which}")
            return


# -- in the background


@observes("run.background-any-text", occasion="background=no was sent")
def background_any_text(evidence: Evidence) -> Sightings:
    answer = _run(evidence, None, ("background", "no"))
    status = json_of(answer).get("status")
    if answer.status == 200 and status in ("PENDING", "RUNNING", "COMPLETED"):
        where = f"with background=no a batch run was answered as {status}"
        yield Sighting(status != "COMPLETED", where)


@observes("run.background-stream-fails", occasion="a stream was asked for in the background")
def background_stream_fails(evidence: Evidence) -> Sightings:
    for workflow in evidence.context.target.workflows:
        stream = evidence.context.history.streams.get(workflow.id)
        if stream is None or not stream.is_completed or workflow.input_schema is not None:
            continue
        answer = evidence.ask(
            "POST",
            run_path(evidence.context.document, workflow.id),
            fields=(("message", workflow.message), ("stream", "true"), ("background", "true")),
        )
        names = [event.event for _, event in answer.events]
        if answer.status == 200 and names:
            yield Sighting(names[0] == "WorkflowError", f"its first event is {names[0]}")
        return
