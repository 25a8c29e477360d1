"""Site state: the server remembers, or keeps apart, something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agentos_contract.events import TERMINAL_EVENTS
from mockserver.engine.actions import Event
from mockserver.faults.memory import FaultState, Memory
from mockserver.faults.registry import departure, on_event, on_start
from mockserver.runner.hooks import RunRequest
from mockserver.sessions.hooks import SessionHooks


@on_start("identity.run-id-constant", on="batch")
def one_run_id_in_batch(request: RunRequest, memory: Memory) -> RunRequest:
    return request if request.stream else replace(request, run_id="run")


@on_start("identity.run-id-of-session")
def session_id_as_run_id(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, run_id=request.session_id) if request.session_id else request


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


# -- clients that leave


@on_event("error.left-behind")
def remember_what_is_open(event: Event, state: FaultState) -> Iterable[Event]:
    if event["event"] == "WorkflowStarted":
        state.memory.mark(state.run.run_id)
    elif event["event"] in TERMINAL_EVENTS:
        state.memory.unmark(state.run.run_id)
    return [event]


@on_start("error.left-behind")
def the_run_after_a_lost_client(request: RunRequest, memory: Memory) -> RunRequest:
    if not request.stream and memory.has_marks:
        memory.unmark_all()
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
