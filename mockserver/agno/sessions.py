"""What Agno remembers of sessions and runs, and when, otherwise than the contract has it."""

from __future__ import annotations

import json

from agentos_contract.json_values import to_json
from mockserver.agno.reshaping import reshaped_body, reshaped_event
from mockserver.engine.run import Run
from mockserver.faults.registry import departure
from mockserver.runner.hooks import RunnerHooks, RunRequest
from mockserver.script.model import Workflow
from mockserver.sessions.hooks import Place, SessionHooks
from mockserver.sessions.records import Session, StoredRun, to_kept_json
from mockserver.sessions.workflow_sessions import joined


@departure("session.made-at-end")
class MadeAtEnd(RunnerHooks):
    def is_kept_from_start(self, request: RunRequest) -> bool:
        return False


@departure("session.failed-run-lost")
class FailedRunLost(RunnerHooks):
    def is_kept_at_end(self, run: Run, *, is_disconnected: bool) -> bool:
        is_lost = run.status == "ERROR" and not is_disconnected
        return not is_lost and super().is_kept_at_end(run, is_disconnected=is_disconnected)


@departure("session.left-run-lost")
class LeftRunLost(RunnerHooks):
    def is_kept_at_end(self, run: Run, *, is_disconnected: bool) -> bool:
        return not is_disconnected and super().is_kept_at_end(run, is_disconnected=is_disconnected)


@departure("websocket.state-shown-late")
class StateShownLate(RunnerHooks):
    def is_sent_late(self, request: RunRequest) -> bool:
        return request.is_over_websocket


@departure("state.run-ids-leak")
class EventsShareState(RunnerHooks):
    """The kept events have the state itself in them, which is what it is when they are stored."""

    def kept_events(self, events: list[bytes], run: Run) -> list[bytes]:
        return [_with_state(payload, run) for payload in super().kept_events(events, run)]


def _with_state(payload: bytes, run: Run) -> bytes:
    if b'"session_state"' not in payload:
        return payload
    event = json.loads(payload)
    if "session_state" not in event:
        return payload
    return to_kept_json({**event, "session_state": run.session_state})


@departure("session.written-whole")
class WrittenWhole(SessionHooks):
    writes_whole = True


@departure("session.seeded-once")
class SeededOnce(SessionHooks):
    def joined(self, session: Session, workflow: Workflow) -> Session:
        return joined(session, workflow)


@departure("session.one-owner")
class OneOwner(SessionHooks):
    def place(self, session: Session, other: Session) -> Place:
        return super().place(session, other) if other.user_id is None else "nowhere"


@departure("session.anonymous-replaced")
class AnonymousReplaced(SessionHooks):
    def place(self, session: Session, other: Session) -> Place:
        return "instead" if other.user_id is None else super().place(session, other)


@departure("run.reshaped")
class Reshaped(SessionHooks):
    def read_back(self, run: StoredRun) -> StoredRun:
        events = tuple(to_json(reshaped_event(event)) for event in run.event_payloads())
        return run._replace(body=to_json(reshaped_body(run.to_dict())), events=events)
