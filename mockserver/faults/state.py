"""Site state: the server remembers, or keeps apart, something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from mockserver.faults.register import Memory, Story, kept, started, told
from mockserver.run_actions import Event

if TYPE_CHECKING:
    from mockserver.runner import RunRequest
    from mockserver.sessions import Session


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
