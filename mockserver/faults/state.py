"""Site state: the server remembers, or keeps apart, something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from agentos_contract.events import TERMINAL_EVENTS
from mockserver.engine.actions import Event
from mockserver.faults.exchange import Response
from mockserver.faults.memory import FaultState, Memory
from mockserver.faults.registry import (
    StartFault,
    departure,
    on_event,
    on_frame,
    on_response,
    on_start,
)
from mockserver.http.hooks import HttpHooks
from mockserver.http.validation import OperationSchema
from mockserver.runner.hooks import RunRequest
from mockserver.sessions.hooks import SessionHooks


@on_start("identity.run-id-constant", on="batch")
def one_run_id_in_batch(request: RunRequest, memory: Memory) -> RunRequest:
    return request if request.stream else replace(request, run_id="run")


@on_start("identity.run-id-of-session")
def session_id_as_run_id(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, run_id=request.session_id) if request.session_id else request


@on_frame("identity.agent-run-id-constant", on="stream", of="RunStarted")
def one_run_id_for_each_agent(frame: bytes, response: Response) -> bytes:
    ids: dict[bytes, bytes] = response.notes.setdefault("agent_run_ids", {})
    for run_id in _AGENT_RUN.findall(frame):
        if run_id not in ids:
            name = f"{response.request.path} {len(ids)}"
            ids[run_id] = str(uuid5(NAMESPACE_URL, name)).encode()
    for run_id, constant in ids.items():
        frame = frame.replace(run_id, constant)
    return frame


_AGENT_RUN = re.compile(rb'event: RunStarted\ndata: \{.*?"run_id":"([^"]+)"')


@on_response("session.batch-message-trimmed")
def listed_message_trimmed(response: Response) -> None:
    body = response.json
    if response.is_batch and isinstance(body, dict):
        response.memory.mark(str(body.get("run_id")))
    elif response.request.path.endswith("/runs") and isinstance(body, list):
        response.json = [
            {**run, "run_input": str(run["run_input"]).strip()}
            if response.memory.is_marked(str(run.get("run_id"))) and "run_input" in run
            else run
            for run in body
        ]


@on_start("identity.session-shared")
def one_session_for_all(request: RunRequest, memory: Memory) -> RunRequest:
    return request if request.session_id else replace(request, session_id="everybody")


@on_start("identity.session-of-last")
def the_last_runs_session(request: RunRequest, memory: Memory) -> RunRequest:
    if request.session_id is not None:
        memory.values["session_id"] = request.session_id
    elif "session_id" in memory.values:
        return replace(request, session_id=memory.values["session_id"])
    return request


@on_start("identity.session-not-taken")
def a_session_of_its_own(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, session_id=None)


@on_start("session.forgotten")
def another_session(request: RunRequest, memory: Memory) -> RunRequest:
    if request.session_id is None or memory.mark(request.session_id):
        return request
    return replace(request, session_id=f"{request.session_id}-again")


@departure("session.last-run-only")
class LastRunOnly(SessionHooks):
    keeps_runs = False


@on_event("session.mixed-up")
def the_session_of_the_run_beside(event: Event, state: FaultState) -> Iterable[Event]:
    others = [run for run in state.under_way() if run is not state.run]
    if others and event.get("session_id"):
        return [{**event, "session_id": others[-1].session_id}]
    return [event]


@on_event("session.run-mixed-up")
def the_run_beside(event: Event, state: FaultState) -> Iterable[Event]:
    others = [run for run in state.under_way() if run is not state.run]
    if others and event.get("run_id") == state.run.run_id:
        return [{**event, "run_id": others[-1].run_id}]
    return [event]


# -- texts that runs fail at before they begin


def _fails_at(pattern: str, of: str, *, streams_only: bool = False) -> StartFault:
    found = re.compile(pattern).search

    def fault(request: RunRequest, memory: Memory) -> RunRequest:
        text = getattr(request, of)
        if isinstance(text, str) and found(text) and (request.stream or not streams_only):
            raise RuntimeError("character maps to <undefined>")
        return request

    return fault


on_start("form.arabic-fails")(_fails_at("[\u0600-\u06ff]", "input"))
on_start("form.arabic-stream-fails", on="stream")(
    _fails_at("[\u0600-\u06ff]", "input", streams_only=True)
)
on_start("form.object-fails")(_fails_at(r"^\{.*\}$", "input"))
on_start("form.long-stream-fails", on="stream")(
    _fails_at("(?s)^.{262144}", "input", streams_only=True)
)
on_start("identity.thai-user-fails")(_fails_at("[\u0e00-\u0e7f]", "user_id"))
on_start("identity.korean-session-fails", on="stream")(
    _fails_at("[\uac00-\ud7af]", "session_id", streams_only=True)
)


# -- a session's state


@on_start("session.batch-state-lost", on="batch")
def the_first_state_again(request: RunRequest, memory: Memory) -> RunRequest:
    if request.stream:
        return request
    return replace(request, session_state=dict(request.workflow.session_state))


@on_start("session.state-shared")
def everybodys_state(request: RunRequest, memory: Memory) -> RunRequest:
    if not memory.mark(request.session_id or ""):
        return request
    return replace(request, session_state=dict(memory.values.get("state", {})))


@on_event("session.state-shared")
def remember_everybodys_state(event: Event, state: FaultState) -> Iterable[Event]:
    if event["event"] == "WorkflowCompleted":
        state.memory.values["state"] = dict(state.run.session_state)
    return [event]


@on_event("session.state-of-beside")
def the_state_of_the_run_beside(event: Event, state: FaultState) -> Iterable[Event]:
    for run in state.under_way():
        if run.session_id != state.run.session_id:
            state.run.session_state.update(run.session_state)
    return [event]


# -- whose a session is


@departure("session.user-ignored", on="response")
class UserIgnored(HttpHooks):
    def judge(
        self, schema: OperationSchema, query_string: bytes, body: Any
    ) -> tuple[Mapping[str, Any], Any]:
        query_string = re.sub(rb"(?:^|(?<=&))user_id=[^&]*&?", b"", query_string)
        return super().judge(schema, query_string, body)


@on_start("session.user-of-stream-lost", on="stream")
def nobodys_stream(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, user_id=None) if request.stream else request


@on_event("session.message-of-beside")
def remember_messages(event: Event, state: FaultState) -> Iterable[Event]:
    state.memory.values["under way"] = state.under_way
    return [event]


@on_start("session.message-of-beside")
def the_message_of_the_run_beside(request: RunRequest, memory: Memory) -> RunRequest:
    under_way = memory.values.get("under way")
    beside = [
        run
        for run in (under_way() if under_way is not None else ())
        if run.session_id == request.session_id
    ]
    return replace(request, input=beside[0].input) if beside else request


# -- runs side by side


@on_event("http.third-at-once-fails")
def the_third_run_fails(event: Event, state: FaultState) -> Iterable[Event]:
    if state.notes.get("is_over"):
        return []
    if event["event"] == "WorkflowStarted" and len(state.under_way()) >= 3:
        state.notes["is_over"] = True
        return [event, {**event, "event": "WorkflowError", "error": "no connection is left"}]
    return [event]


@on_event("error.after-cancel")
def remember_a_cancelled_run(event: Event, state: FaultState) -> Iterable[Event]:
    if event["event"] == "WorkflowCancelled":
        state.memory.values["cancelled"] = True
    return [event]


@on_start("error.after-cancel", on="batch")
def the_batch_run_after_it(request: RunRequest, memory: Memory) -> RunRequest:
    if not request.stream and memory.values.pop("cancelled", False):
        raise RuntimeError("the run was cancelled")
    return request


# -- clients that leave


@on_event("error.left-behind")
def remember_what_is_open(event: Event, state: FaultState) -> Iterable[Event]:
    opened: set[str] = state.memory.values.setdefault("opened", set())
    state.memory.values["under way"] = state.under_way
    if event["event"] == "WorkflowStarted":
        opened.add(state.run.run_id)
    elif event["event"] in TERMINAL_EVENTS:
        opened.discard(state.run.run_id)
    return [event]


@on_start("error.left-behind")
def the_run_after_a_lost_client(request: RunRequest, memory: Memory) -> RunRequest:
    opened: set[str] = memory.values.get("opened", set())
    # A stream beside this one is open too, and under way.
    if opened and not request.stream:
        left = opened - {run.run_id for run in memory.values["under way"]()}
        opened -= left
        if left:
            raise RuntimeError("broken pipe")
    return request


# -- cancelling


@on_event("cancel.all")
def all_runs_beside(event: Event, state: FaultState) -> Iterable[Event]:
    if state.notes.get("is_over"):
        return []
    if event["event"] == "WorkflowCancelled":
        for run in state.under_way():
            state.memory.mark(run.run_id)
    elif state.memory.is_marked(state.run.run_id) and "workflow_name" in event:
        state.notes["is_over"] = True
        return [_cancelled(event)]
    return [event]


def _cancelled(event: Event) -> Event:
    keys = ("created_at", "workflow_id", "workflow_name", "session_id", "run_id")
    about = {key: event[key] for key in keys if key in event}
    return {**about, "event": "WorkflowCancelled", "reason": "for no reason"}
