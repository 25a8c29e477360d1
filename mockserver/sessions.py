"""Sessions and their runs: what the server remembers, and how the API shows it.

A session belongs to a session_id and a user_id: who names another user gets a session of their
own, as on the real server. Whoever names none finds the one that was there first.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from mockserver.engine import Run
from mockserver.json_text import to_json
from mockserver.results import as_text, sum_metrics
from mockserver.script import Node, Workflow

SessionType = Literal["agent", "team", "workflow"]

MAX_SESSIONS = 10_000
"""How many sessions the memory keeps; beyond that the one longest unused is forgotten."""


@dataclass(slots=True)
class StoredRun:
    """A run as it is remembered: as JSON, from its end on.

    Texts are what a shared store keeps, and what the garbage collector need not look at.
    """

    run_id: str
    input: Any
    created_at: int
    """Seconds since the epoch."""
    live: Run | None = None
    """The run itself, while it is under way."""
    body: bytes = b""
    """The batch body, once it is over."""
    events: list[bytes] = field(default_factory=list)
    """Where it was streamed: its events' payloads."""

    def end(self) -> bytes:
        """The run is over: keep its batch body, and give it."""
        if self.live is not None:
            self.body, self.live = to_json(self.live.to_dict()), None
        return self.body

    def to_dict(self) -> dict[str, Any]:
        """The batch body, as far as the run has come."""
        body: dict[str, Any] = self.live.to_dict() if self.live else json.loads(self.body)
        return body

    def show_state(self, state: dict[str, Any]) -> None:
        """Let the kept events show this state, as the real server's do when they are stored."""
        for position, payload in enumerate(self.events):
            if b'"session_state"' in payload:
                event = json.loads(payload)
                if "session_state" in event:
                    self.events[position] = to_json({**event, "session_state": state})

    def event_payloads(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events]


@dataclass
class Session:
    """One conversation: its state and its runs."""

    session_id: str
    user_id: str | None
    workflow: Workflow | None
    created_at: int
    """Seconds since the epoch."""
    updated_at: int
    workflow_id: str | None = None
    session_name: str | None = None
    """None: that of its first run's input, as on the real server."""
    session_state: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    runs: OrderedDict[str, StoredRun] = field(default_factory=OrderedDict)

    @property
    def name(self) -> str:
        if self.session_name is not None:
            return self.session_name
        for stored in self.runs.values():
            return as_text(stored.input)
        return ""


class SessionStore(Protocol):
    """Where sessions are kept. Every method is asynchronous, as a shared store's must be."""

    async def get(self, session_id: str, user_id: str | None = None) -> Session | None: ...

    async def save(self, session: Session) -> None: ...

    async def delete(self, session_id: str, user_id: str | None = None) -> None: ...

    async def sessions(self) -> list[Session]:
        """All, in the order in which they were made."""
        ...


class MemoryStore:
    """Keeps sessions as long as the process lives."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._max_sessions = max_sessions
        self._sessions: OrderedDict[tuple[str, str | None], Session] = OrderedDict()
        self._users: dict[str, list[str | None]] = {}
        """For each session_id its sessions' users, the first first."""

    async def get(self, session_id: str, user_id: str | None = None) -> Session | None:
        users = self._users.get(session_id)
        if not users:
            return None
        if user_id is None:
            user_id = users[0]
        return self._sessions.get((session_id, user_id))

    async def save(self, session: Session) -> None:
        key = (session.session_id, session.user_id)
        if key not in self._sessions:
            self._users.setdefault(session.session_id, []).append(session.user_id)
        self._sessions[key] = session
        self._sessions.move_to_end(key)
        while len(self._sessions) > self._max_sessions:
            oldest = next(iter(self._sessions))
            self._forget(oldest)

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        for user in list(self._users.get(session_id, ())):
            if user_id is None or user == user_id:
                self._forget((session_id, user))

    def _forget(self, key: tuple[str, str | None]) -> None:
        session_id, user_id = key
        del self._sessions[key]
        self._users[session_id].remove(user_id)
        if not self._users[session_id]:
            del self._users[session_id]

    async def sessions(self) -> list[Session]:
        # save() moves a session to the end; the order that counts is that of making.
        return sorted(self._sessions.values(), key=lambda session: session.created_at)


# -- as the API shows them (the forms of agno.os.schema, 2.5.6)


def iso(moment: int) -> str:
    """Seconds since the epoch as the API writes a time: 2026-11-24T03:38:27Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def session_summary(session: Session) -> dict[str, Any]:
    """A session as GET /sessions lists it."""
    return _without_none(
        {
            "session_id": session.session_id,
            "session_name": session.name,
            "session_state": session.session_state,
            "created_at": iso(session.created_at),
            "updated_at": iso(session.updated_at),
        }
    )


def session_detail(session: Session, session_type: SessionType = "workflow") -> dict[str, Any]:
    """A session as GET /sessions/{session_id} shows it, in the form of the type asked for."""
    times = {"created_at": iso(session.created_at), "updated_at": iso(session.updated_at)}
    if session_type != "workflow":
        agent = {"agent_session_id": session.session_id} if session_type == "agent" else {}
        return _without_none(
            {
                "user_id": session.user_id,
                **agent,
                "session_id": session.session_id,
                "session_name": session.session_name or "",
                "session_state": session.session_state,
                "metrics": {},
                "metadata": session.metadata,
                "chat_history": [],
                **times,
            }
        )
    data: dict[str, Any] = {}
    if session.session_state is not None:
        data["session_state"] = session.session_state
    if session.runs:
        data["session_metrics"] = _session_metrics(session)
    if session.session_name is not None:
        data["session_name"] = session.session_name
    return _without_none(
        {
            "user_id": session.user_id,
            "workflow_id": session.workflow_id,
            "session_id": session.session_id,
            "session_name": session.name,
            "session_data": data,
            "session_state": session.session_state,
            "workflow_data": _workflow_data(session.workflow),
            "metadata": session.metadata,
            **times,
        }
    )


def session_run(stored: StoredRun) -> dict[str, Any]:
    """A run as GET /sessions/{session_id}/runs shows it."""
    body = stored.to_dict()
    run_input = body.get("input")
    if not isinstance(run_input, str):
        run_input = json.dumps(run_input, indent=2, ensure_ascii=False)
    return _without_none(
        {
            "run_id": stored.run_id,
            "run_input": run_input,
            "events": stored.event_payloads(),
            "workflow_id": body["workflow_id"],
            "user_id": body.get("user_id"),
            "content": body.get("content"),
            "content_type": body["content_type"],
            "status": body["status"],
            "step_results": body.get("step_results", []),
            "step_executor_runs": body.get("step_executor_runs", []),
            "metrics": body["metrics"],
            "created_at": iso(body["created_at"]),
            "reasoning_content": "",
            "reasoning_steps": [],
            "references": [],
            "reasoning_messages": [],
            "images": [],
            "videos": [],
            "audio": [],
            "files": [],
        }
    )


def agent_run(stored: StoredRun) -> dict[str, Any]:
    """A workflow's run in the form of an agent's (`type=agent`), as the real server gives it."""
    body = stored.to_dict()
    return _without_none(
        {
            "run_id": stored.run_id,
            "parent_run_id": "",
            "agent_id": "",
            "user_id": body.get("user_id"),
            "status": body["status"],
            "run_input": "",
            "content": body.get("content"),
            "run_response_format": "text",
            "reasoning_content": "",
            "reasoning_steps": [],
            "metrics": body["metrics"],
            "events": stored.event_payloads() or None,
            "created_at": iso(body["created_at"]),
            "references": [],
            "reasoning_messages": [],
            "images": [],
            "videos": [],
            "audio": [],
            "files": [],
            "input_media": {"images": [], "videos": [], "audios": [], "files": []},
        }
    )


def _session_metrics(session: Session) -> dict[str, Any]:
    """What the agents of a session's runs have used, all together (Agno's SessionMetrics)."""
    used = [
        step
        for stored in session.runs.values()
        for step in stored.to_dict()["metrics"]["steps"].values()
    ]
    total = sum_metrics(used) or {}
    times = ("time_to_first_token", "duration")
    return {key: value for key, value in total.items() if key not in times}


def _workflow_data(workflow: Workflow | None) -> dict[str, Any]:
    if workflow is None:
        return {}
    return {
        "workflow_id": workflow.id,
        "name": workflow.name,
        "steps": [_step_data(node) for node in workflow.steps],
    }


def _step_data(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = {"name": node.name, "description": node.description}
    return {**data, "type": type(node).__name__}


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
