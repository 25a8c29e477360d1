"""What runs have sent and where they wait: what control lists, waits for and shows."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mockserver.control.annotations import Annotations
from mockserver.control.changes import Changes
from mockserver.engine.actions import Event
from mockserver.engine.gates import Waiting
from mockserver.runner.active import ActiveRun
from mockserver.sessions.records import to_kept_json

Json = dict[str, Any]

MAX_BYTES = 32 * 1024 * 1024
"""Of the events of runs that are over."""

MAX_ITEMS = 10_000
"""Of what has happened, for who follows and was away."""

STATES = {
    "RUNNING": "running",
    "PENDING": "running",
    "COMPLETED": "completed",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
    "PAUSED": "paused",
}

_OF_EVENT = 120
"""Bytes of an event besides its payload, about."""


class Sent(NamedTuple):
    """One event of a run."""

    seconds: float
    """Since the run's start."""
    name: str
    payload: bytes | None
    """JSON; None for a batch run's that nobody watched."""
    named_step: str | None = None
    """The step of one without a payload."""

    @property
    def data(self) -> Json | None:
        """The payload's value."""
        return json.loads(self.payload) if self.payload is not None else None

    @property
    def step(self) -> str | None:
        """The name of the step or container that it is about."""
        data = self.data
        return self.named_step if data is None else data.get("step_name")


@dataclass(eq=False)
class Trace:
    """A run, under way or over, with all that it has sent."""

    active: ActiveRun | None
    """None: it is over."""
    run_id: str
    workflow_id: str
    session_id: str
    user_id: str | None
    scope: str
    is_stream: bool
    started: float
    """Seconds since the epoch."""
    state: str = "running"
    is_cut: bool = False
    sent: list[Sent] = field(default_factory=list)
    size: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _annotations: Annotations = field(default_factory=Annotations)
    _annotated: list[Json] = field(default_factory=list)

    def add(self, name: str, payload: bytes | None, step: str | None = None) -> None:
        self.sent.append(Sent(round(time.monotonic() - self._begun, 6), name, payload, step))
        self.size += _OF_EVENT + len(payload or b"")

    @property
    def gates(self) -> list[Json]:
        """Where it waits, as the document's Gate."""
        waiting = self.active.gates.waiting if self.active is not None else ()
        return [self.gate(each) for each in waiting]

    def gate(self, waiting: Waiting) -> Json:
        return {
            "gate": waiting.gate,
            "run_id": self.run_id,
            "workflow_id": self.workflow_id,
            "step": waiting.step,
            "since": waiting.since,
        }

    def to_dict(self) -> Json:
        """The document's Run."""
        return {
            "run_id": self.run_id,
            "workflow_id": self.workflow_id,
            "session_id": self.session_id,
            "user_id": self.user_id,
            "scope": self.scope,
            "state": self.state,
            "is_paused": self.active is not None and self.active.is_paused,
            "is_cut": self.is_cut,
            "is_stream": self.is_stream,
            "started": self.started,
            "event_count": len(self.sent),
            "gates": self.gates,
        }

    def event(self, index: int) -> Json:
        """The document's RunEvent."""
        for sent in self.sent[len(self._annotated) : index + 1]:
            data = sent.data
            about: Json = {"about": None, "violations": []}
            if data is not None:
                about = self._annotations.of(sent.name, data)
            self._annotated.append(about)
        sent = self.sent[index]
        return {
            "index": index,
            "time": sent.seconds,
            "name": sent.name,
            "data": sent.data,
            **self._annotated[index],
        }

    def with_events(self) -> Json:
        """The document's RunWithEvents."""
        events = [self.event(index) for index in range(len(self.sent))]
        return {**self.to_dict(), "events": events}

    def find(self, event: str, step: str | None) -> int | None:
        """The place of the first event of that name (about that step); None: it was not sent."""
        for index, sent in enumerate(self.sent):
            if sent.name == event and step in (None, sent.step):
                return index
        return None


class Item(NamedTuple):
    """Something that has happened."""

    id: int
    kind: str
    scope: str
    subject: Any
    """What it is about."""
    place: int = 0
    """Which of a run's events."""


class Watch:
    """Observes all runs (`RunObserver`), and remembers those that are over up to MAX_BYTES."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.changes = Changes()
        self.followers = 0
        """How many follow what happens."""
        self.items: deque[Item] = deque(maxlen=MAX_ITEMS)
        self._last_id = 0
        self._max_bytes = max_bytes
        self._size = 0
        """Of those that are over."""
        self._active: dict[ActiveRun, Trace] = {}
        self._over: deque[Trace] = deque()

    # -- what the runner tells

    def on_start(self, active: ActiveRun) -> None:
        run = active.run
        trace = self._active[active] = Trace(
            active,
            run.run_id,
            run.workflow.id,
            run.session_id,
            run.user_id,
            active.scope.name,
            active.request.stream,
            active.scope.clock(),
        )
        self.happened("run", trace.scope, trace)

    def on_sent(self, active: ActiveRun, events: Sequence[tuple[str, bytes]]) -> None:
        trace = self._active[active]
        for name, payload in events:
            self._add(trace, name, payload)
        self.changes.notify()

    def on_told(self, active: ActiveRun, events: Sequence[Event]) -> None:
        trace = self._active[active]
        is_watched = self.followers > 0 or bool(trace.scope)
        for event in events:
            payload = to_kept_json(event) if is_watched else None
            self._add(trace, event["event"], payload, event.get("step_name"))
        self.changes.notify()

    def on_wait(self, active: ActiveRun, waiting: Waiting) -> None:
        active.scope.reached[waiting.gate] = None
        trace = self._active[active]
        self.happened("gate", trace.scope, trace.gate(waiting))
        # Who waits for it is told once the run waits: what is before it is on its way.
        self.changes.notify()

    def on_end(self, active: ActiveRun) -> None:
        trace = self._active.pop(active, None)
        if trace is None:
            return
        trace.active = None
        trace.state = STATES.get(active.run.status, "completed")
        trace.is_cut = active.is_cut
        self._over.append(trace)
        self._size += trace.size
        while self._size > self._max_bytes and len(self._over) > 1:
            self._size -= self._over.popleft().size
        self.happened("end", trace.scope, trace)

    def _add(self, trace: Trace, name: str, payload: bytes | None, step: str | None = None) -> None:
        trace.add(name, payload, step)
        self._last_id += 1
        self.items.append(Item(self._last_id, "event", trace.scope, trace, len(trace.sent) - 1))

    # -- what is asked

    def happened(self, kind: str, scope: str, subject: Any = None) -> None:
        """Note something for those who follow, and wake those who wait."""
        self._last_id += 1
        self.items.append(Item(self._last_id, kind, scope, subject))
        self.changes.notify()

    def traces(self, scope: str | None = None) -> Iterator[Trace]:
        """Runs, the newest first; those of a scope."""
        for trace in (*reversed(self._active.values()), *reversed(self._over)):
            if scope in (None, trace.scope):
                yield trace

    def of_run(self, run_id: str) -> Trace | None:
        """The newest run of that id."""
        return next((trace for trace in self.traces() if trace.run_id == run_id), None)

    def forget(self, scope: str | None) -> None:
        """Forget what is over, of one scope or of all."""
        kept = [] if scope is None else [each for each in self._over if each.scope != scope]
        self._over = deque(kept)
        self._size = sum(trace.size for trace in kept)
