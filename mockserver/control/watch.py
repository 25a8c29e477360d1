"""What runs have sent and where they wait: what control lists, waits for and shows."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from agentos_contract.sse import json_of_event
from mockserver.control.annotations import Annotations
from mockserver.control.changes import Changes
from mockserver.engine.actions import Event
from mockserver.engine.gates import Waiting
from mockserver.runner.active import ActiveRun, named_block

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

SECONDS_OF_SILENCE = 15
"""After which who follows is told that the mock is still there."""

SECONDS_TO_RETURN = 60
"""For who followed what happens, and lost the connection."""

_OF_EVENT = 60
"""Bytes of an event besides its payload, about."""


@dataclass(eq=False, slots=True)
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
    names: list[str] | tuple[str, ...] = field(default_factory=list)
    """Of its events. A tuple once it is over: the garbage collector leaves one alone that holds
    nothing to collect, and thousands of them are kept."""
    blocks: list[bytes | str | None] | tuple[bytes | str | None, ...] = field(default_factory=list)
    """The events as blocks of a stream; of those of a batch run that nobody watches the name of
    the step that each is about."""
    times: array[float] = field(default_factory=lambda: array("d"))
    """Seconds since the run's start."""
    size: int = 0
    begun: float = field(default_factory=time.monotonic)
    _annotations: Annotations | None = None
    _annotated: list[Json] | None = None

    def add(self, names: list[str], blocks: Sequence[bytes | str | None]) -> None:
        """It has sent these too, now."""
        assert isinstance(self.names, list), "it is over"
        assert isinstance(self.blocks, list), "it is over"
        self.names += names
        self.blocks += blocks
        self.times.extend([time.monotonic() - self.begun] * len(names))
        size = sum([len(block) for block in blocks if isinstance(block, bytes)])
        self.size += size + _OF_EVENT * len(names)

    def end(self) -> None:
        """It sends nothing more."""
        self.active = None
        self.names, self.blocks = tuple(self.names), tuple(self.blocks)

    def step(self, index: int) -> str | None:
        """The name of the step or container that an event is about."""
        block, data = self.blocks[index], self.data(index)
        if data is not None:
            return data.get("step_name")
        return block if isinstance(block, str) else None

    def data(self, index: int) -> Json | None:
        """An event's payload."""
        block = self.blocks[index]
        return json.loads(json_of_event(block)) if isinstance(block, bytes) else None

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
            "event_count": len(self.names),
            "gates": self.gates,
        }

    def event(self, index: int) -> Json:
        """The document's RunEvent."""
        if self._annotations is None or self._annotated is None:
            self._annotations, self._annotated = Annotations(), []
        for place in range(len(self._annotated), index + 1):
            data = self.data(place)
            nothing: Json = {"about": None, "violations": []}
            known = data is not None and self._annotations.of(self.names[place], data)
            self._annotated.append(known or nothing)
        return {
            "index": index,
            "time": round(self.times[index], 6),
            "name": self.names[index],
            "data": self.data(index),
            **self._annotated[index],
        }

    def with_events(self) -> Json:
        """The document's RunWithEvents."""
        events = [self.event(index) for index in range(len(self.names))]
        return {**self.to_dict(), "events": events}

    def find(self, event: str, step: str | None, after: int = -1) -> int | None:
        """The place of the first event of that name (about that step) after a place; None: it was
        not sent."""
        for index in range(after + 1, len(self.names)):
            if self.names[index] == event and (step is None or self.step(index) == step):
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

    def __init__(self, max_bytes: int = MAX_BYTES, max_items: int = MAX_ITEMS) -> None:
        self.changes = Changes()
        self.followers = 0
        """How many follow what happens, or did so a minute ago."""
        self.items: deque[Item] = deque(maxlen=max_items)
        self.last_id = 0
        """The newest item's; kept where the items are forgotten."""
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
        trace.add([name for name, _ in events], [block for _, block in events])
        self._were_sent(trace, len(events))

    def on_batch_events(self, active: ActiveRun, events: Sequence[Event]) -> None:
        trace = self._active[active]
        if self.followers or trace.scope:
            self.on_sent(active, [named_block(event) for event in events])
            return
        trace.add([each["event"] for each in events], [each.get("step_name") for each in events])
        self._were_sent(trace, len(events))

    def _were_sent(self, trace: Trace, count: int) -> None:
        if self.followers:
            first = len(trace.names) - count
            for place in range(first, len(trace.names)):
                self.last_id += 1
                self.items.append(Item(self.last_id, "event", trace.scope, trace, place))
        self.changes.notify()

    def on_wait(self, active: ActiveRun, waiting: Waiting) -> None:
        trace = self._active[active]
        self.happened("gate", trace.scope, trace.gate(waiting))
        # Who waits for it is told once the run waits: what is before it is on its way.
        self.changes.notify()

    def on_end(self, active: ActiveRun) -> None:
        trace = self._active.pop(active, None)
        if trace is None:
            return
        if active.on_over is not None:
            active.on_over()
        trace.end()
        trace.state = STATES.get(active.run.status, "completed")
        trace.is_cut = active.is_cut
        self._over.append(trace)
        self._size += trace.size
        while self._size > self._max_bytes and len(self._over) > 1:
            self._size -= self._over.popleft().size
        self.happened("end", trace.scope, trace)

    # -- what is asked

    def happened(self, kind: str, scope: str, subject: Any = None) -> None:
        """Note something for those who follow, and wake those who wait."""
        if self.followers:
            self.last_id += 1
            self.items.append(Item(self.last_id, kind, scope, subject))
        self.changes.notify()

    async def follow(self, after: int | None = None) -> AsyncGenerator[Item | None, None]:
        """What happens from now on, or from after that item on; None where nothing has happened
        for SECONDS_OF_SILENCE. It ends where the server does.

        An item of the kind `missed` stands for those that are not remembered.
        """
        self.followers += 1
        try:
            last = self.last_id
            if after is not None and after > last:  # it followed the mock that was here before
                yield Item(last, "missed", "", None)
            elif after is not None:
                last = after
            while True:
                for item in [each for each in self.items if each.id > last]:
                    if item.id > last + 1:
                        yield Item(item.id - 1, "missed", "", None)
                    last = item.id
                    yield item
                if not await self.changes.until(partial(self._is_after, last), SECONDS_OF_SILENCE):
                    if self.changes.are_over:
                        return
                    yield None
        finally:
            self._leave()

    def _is_after(self, last: int) -> bool | None:
        """Whether something has happened after that item; else None."""
        return True if self.items and self.items[-1].id > last else None

    def _leave(self) -> None:
        """Somebody follows no longer; who comes back soon finds what has happened meanwhile."""

        def left() -> None:
            self.followers -= 1
            if not self.followers:
                self.items.clear()

        asyncio.get_running_loop().call_later(SECONDS_TO_RETURN, left)

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
