"""Site state: the server remembers, or keeps apart, something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from agentos_contract.events import TERMINAL_EVENTS
from mockserver.engine.actions import Event
from mockserver.faults.register import Memory, Story, kept, started, told

if TYPE_CHECKING:
    from mockserver.runner.runner import RunRequest
    from mockserver.sessions.sessions import Session


@started("identity.run-id-constant")
def one_run_id_in_batch(request: RunRequest, memory: Memory) -> RunRequest:
    return request if request.stream else replace(request, run_id="run")


@started("identity.run-id-of-session")
def session_id_as_run_id(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, run_id=request.session_id) if request.session_id else request


@started("identity.session-shared")
def one_session_for_all(request: RunRequest, memory: Memory) -> RunRequest:
    return request if request.session_id else replace(request, session_id="everybody")


@started("identity.session-of-last")
def the_last_runs_session(request: RunRequest, memory: Memory) -> RunRequest:
    if request.session_id is not None:
        memory["session_id"] = request.session_id
    elif "session_id" in memory:
        return replace(request, session_id=memory["session_id"])
    return request


@started("identity.session-not-taken")
def a_session_of_its_own(request: RunRequest, memory: Memory) -> RunRequest:
    return replace(request, session_id=None)


@started("session.forgotten")
def another_session(request: RunRequest, memory: Memory) -> RunRequest:
    if request.session_id is None:
        return request
    is_known = request.session_id in memory
    memory[request.session_id] = True
    return replace(request, session_id=f"{request.session_id}-again") if is_known else request


@kept("session.last-run-only")
def the_last_run_only(session: Session) -> None:
    while len(session.runs) > 1:
        session.runs.popitem(last=False)


@told("session.mixed-up")
def the_session_of_the_run_beside(event: Event, story: Story) -> Iterable[Event]:
    others = [run for run in story.beside() if run is not story.run]
    if others and event.get("session_id"):
        return [{**event, "session_id": others[-1].session_id}]
    return [event]


@told("session.run-mixed-up")
def the_run_beside(event: Event, story: Story) -> Iterable[Event]:
    others = [run for run in story.beside() if run is not story.run]
    if others and event.get("run_id") == story.run.run_id:
        return [{**event, "run_id": others[-1].run_id}]
    return [event]


# -- a session's state


@started("session.batch-state-lost")
def the_first_state_again(request: RunRequest, memory: Memory) -> RunRequest:
    if request.stream:
        return request
    return replace(request, session_state=dict(request.workflow.session_state))


@started("session.state-shared")
def everybodys_state(request: RunRequest, memory: Memory) -> RunRequest:
    sessions = memory.setdefault("sessions", set())
    if request.session_id in sessions:
        return request
    sessions.add(request.session_id)
    return replace(request, session_state=dict(memory.get("state", {})))


@told("session.state-shared")
def remember_everybodys_state(event: Event, story: Story) -> Iterable[Event]:
    if event["event"] == "WorkflowCompleted":
        story.memory["state"] = dict(story.run.session_state)
    return [event]


# -- clients that leave


@told("error.left-behind")
def remember_what_is_open(event: Event, story: Story) -> Iterable[Event]:
    open_runs = story.memory.setdefault("open", set())
    if event["event"] == "WorkflowStarted":
        open_runs.add(story.run.run_id)
    elif event["event"] in TERMINAL_EVENTS:
        open_runs.discard(story.run.run_id)
    return [event]


@started("error.left-behind")
def the_run_after_a_lost_client(request: RunRequest, memory: Memory) -> RunRequest:
    if not request.stream and memory.get("open"):
        memory["open"].clear()
        raise RuntimeError("broken pipe")
    return request


# -- cancelling


@told("cancel.all")
def all_runs_beside(event: Event, story: Story) -> Iterable[Event]:
    if story.notes.get("is_over"):
        return []
    if event["event"] == "WorkflowCancelled":
        story.memory["cancelled"] = {run.run_id for run in story.beside()}
    elif story.run.run_id in story.memory.get("cancelled", ()) and "workflow_name" in event:
        story.notes["is_over"] = True
        return [_cancelled(event)]
    return [event]


@told("cancel.by-itself")
def nobody_asked(event: Event, story: Story) -> Iterable[Event]:
    return [_cancelled(event) if event["event"] == "WorkflowCompleted" else event]


def _cancelled(event: Event) -> Event:
    keys = ("created_at", "workflow_id", "workflow_name", "session_id", "run_id")
    about = {key: event[key] for key in keys if key in event}
    return {**about, "event": "WorkflowCancelled", "reason": "for no reason"}
