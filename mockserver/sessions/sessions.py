"""Sessions and their runs: what the server remembers, and the store that keeps it.

A session belongs to a session_id and a user_id: who names another user gets a session of their
own. Whoever names none finds the one that was there first. Its parts have the names of the columns
of Agno's table of sessions, `session_data` called `data`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from agentos_contract.deviations import Deviations
from agentos_contract.json_values import to_json
from mockserver.engine.results import sum_metrics
from mockserver.engine.run import OF_THE_RUN, Run
from mockserver.script.model import Node, Workflow
from mockserver.sessions.reshaping import reshaped_body, reshaped_event

Json = dict[str, Any]
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
    is_reshaped: bool = False
    """It shows what reading and writing has made of it."""

    def end(self) -> bytes:
        """The run is over: keep its batch body, and give it."""
        if self.live is not None:
            self.body, self.live = to_json(self.live.to_dict()), None
        return self.body

    def to_dict(self) -> Json:
        """The batch body, as far as the run has come."""
        body: Json = self.live.to_dict() if self.live else json.loads(self.body)
        return reshaped_body(body) if self.is_reshaped else body

    def show_state(self, state: Json) -> None:
        """Let the kept events show this state, as the real server's do when they are stored."""
        for position, payload in enumerate(self.events):
            if b'"session_state"' in payload:
                event = json.loads(payload)
                if "session_state" in event:
                    self.events[position] = to_json({**event, "session_state": state})

    def event_payloads(self) -> list[Json]:
        events = (json.loads(event) for event in self.events)
        return [reshaped_event(event) if self.is_reshaped else event for event in events]

    def reshaped(self) -> StoredRun:
        """As it is once it has been read and written again."""
        return dataclasses.replace(self, is_reshaped=True)


@dataclass
class Session:
    """One conversation: its state and its runs."""

    session_id: str
    type: SessionType
    user_id: str | None
    created_at: int
    """Seconds since the epoch."""
    updated_at: int
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    data: Json | None = None
    """session_state, session_metrics and session_name, in the order in which they came."""
    workflow_data: Json | None = None
    metadata: Json | None = None
    summary: Json | None = None
    runs: OrderedDict[str, StoredRun] = field(default_factory=OrderedDict)
    serial: int = 0
    """Its place in the order in which sessions were made; given by the store."""

    @property
    def state(self) -> Json | None:
        """Its session_state; None where it never had one."""
        return (self.data or {}).get("session_state")

    def copy(self) -> Session:
        """Another that changes on its own; the runs themselves are the same."""
        return dataclasses.replace(
            self,
            data=copy.deepcopy(self.data),
            workflow_data=copy.deepcopy(self.workflow_data),
            metadata=copy.deepcopy(self.metadata),
            runs=OrderedDict(self.runs),
        )

    def keep_state(self, state: Mapping[str, Any]) -> None:
        """A run's state at its end, without what was the run's own."""
        kept = {key: value for key, value in state.items() if key not in OF_THE_RUN}
        self.data = {**(self.data or {}), "session_state": kept}

    def count_usage(self, body: Mapping[str, Any]) -> None:
        """Add what the agents of a run have used (Agno's SessionMetrics)."""
        data = self.data or {}
        before = data.get("session_metrics") or {}
        steps = [step["metrics"] or {} for step in body["metrics"]["steps"].values()]
        total = sum_metrics([{"metrics": used} for used in (before, *steps)]) or {}
        times = ("time_to_first_token", "duration")
        metrics = {key: value for key, value in total.items() if key not in times}
        self.data = {**data, "session_metrics": metrics}


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
        self._made = 0

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
        if not session.serial:
            self._made += 1
            session.serial = self._made
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
        return sorted(self._sessions.values(), key=lambda session: session.serial)


def new_workflow_session(
    workflow: Workflow, session_id: str, user_id: str | None, now: int
) -> Session:
    """The session that a workflow's run makes. `now`: seconds since the epoch."""
    state = workflow.source.get("session_state")
    return Session(
        session_id,
        "workflow",
        user_id,
        now,
        now,
        workflow_id=workflow.id,
        data={} if state is None else {"session_state": copy.deepcopy(dict(state))},
        workflow_data=workflow_data(workflow),
        metadata=copy.deepcopy(dict(workflow.source.get("metadata") or {})),
    )


def merge(into: Json, more: Mapping[str, Any]) -> None:
    """Put `more` into a mapping, mappings within mappings too (Agno's `merge_dictionaries`)."""
    for key, value in more.items():
        if isinstance(into.get(key), dict) and isinstance(value, Mapping):
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


def workflow_data(workflow: Workflow) -> Json:
    """What a session keeps of its workflow: the steps at the top, by name."""
    return {
        "workflow_id": workflow.id,
        "name": workflow.source.get("name"),
        "steps": [_step_data(node) for node in workflow.steps],
    }


def _step_data(node: Node) -> Json:
    data: Json = {"name": node.name, "description": node.description}
    return {**data, "type": type(node).__name__}


# What is written where a session is stored as one of a type; the rest stays as it was.
_WRITTEN: dict[SessionType, tuple[str, ...]] = {
    "agent": ("agent_id", "summary", "data", "metadata", "runs"),
    "team": ("team_id", "summary", "data", "metadata", "runs"),
    "workflow": ("workflow_id", "summary", "data", "metadata", "runs", "workflow_data"),
}


async def keep(
    store: SessionStore,
    session: Session,
    now: int,
    deviations: Deviations,
    *,
    fresh_run: str | None = None,
) -> Session | None:
    """Store a session; the session as it is then. None: another user's has its id.

    Of one that is there already, its making and the columns of other types stay. `fresh_run` is
    the id of a run that was not read from there.
    """
    if "run.reshaped" in deviations:
        for run_id, stored in session.runs.items():
            if run_id != fresh_run and not stored.is_reshaped:
                session.runs[run_id] = stored.reshaped()
    there = await store.get(session.session_id, session.user_id)
    if there is None:
        there = await store.get(session.session_id)
        if there is not None and there.user_id is not None:
            if "session.one-owner" in deviations:
                return None
            there = None
        elif "session.anonymous-replaced" not in deviations:
            there = None
    if there is None:
        session.serial = 0
        await store.save(session)
        return session
    kept = there.copy()
    for name in _WRITTEN[session.type]:
        setattr(kept, name, getattr(session, name))
    kept.updated_at = now
    if there.user_id != session.user_id:
        await store.delete(there.session_id)
        kept.user_id = session.user_id
    await store.save(kept)
    return kept
