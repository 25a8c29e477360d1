"""Drives engines in real time: the wall clock, the client, cancellation, memory.

An engine says what happens next; the runner waits until then and passes it on. While it waits it
listens for the three things that may come first: the run is cancelled, its client goes away, a
gate is released.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator

from agentos_contract.deviations import Deviations
from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_comment, encode_json_event
from mockserver.engine.actions import Action, Event, RunCancelled, Wait
from mockserver.engine.engine import Engine
from mockserver.engine.ids import Ids
from mockserver.engine.run import Run
from mockserver.recordings.replay import Replay, ReplayedRun
from mockserver.runner.hooks import OnEvent, RunnerHooks, RunRequest
from mockserver.sessions.sessions import (
    Session,
    SessionStore,
    StoredRun,
    keep,
    merge,
    new_workflow_session,
    workflow_data,
)

logger = logging.getLogger(__name__)

KEEP_ALIVE = 15.0
"""Seconds of silence after which a stream gets a comment (HTML 9.2.7 recommends 15)."""

EVENTS_PER_TURN = 16
"""After so many events without a wait, others get their turn."""

MAX_CHUNK = 64 * 1024
"""Bytes after which a moment's events are sent in more than one piece."""

MAX_TO_CANCEL = 1000
"""How many cancelled runs are remembered that nobody has started yet."""

MAX_RECENT = 1000
"""Streamed runs whose events can be had once more by the websocket."""

KEEP_ALIVE_COMMENT = encode_comment("keep-alive")

BRIEF = TERMINAL_EVENTS | {
    "WorkflowStarted",
    "StepOutput",
    "RunContent",
    "TeamRunContent",
    "RunError",
    "TeamRunError",
}
"""The events of a stream with `stream_events=false`."""

# The real server's session keeps the events but these.
_NOT_KEPT = frozenset({"StepOutput", "WorkflowError"})


class ActiveRun:
    """A run under way: its engine, and the means to interrupt its waiting."""

    client_left: Callable[[], Awaitable[None]] | None = None
    """Returns when the client has gone away. Asked for once the run takes time: one that is over
    at once is not worth a task."""

    is_background = False
    """It is kept whatever becomes of it."""
    is_streamed = False
    is_brief = False
    is_sent_late = False
    """A moment's events are not sent before it is over."""

    def __init__(self, run: Run, session: Session, engine: Engine | Replay, speed: float) -> None:
        self.run = run
        self.session = session
        self.stored = StoredRun(run.run_id, run.input, run.created_at, run)
        self._actions: Generator[Action, float, None] = engine.run()
        self.shows_state_late = "state.run-ids-leak" in getattr(engine, "deviations", ())
        self.deviations: Deviations = frozenset()
        self.hooks = RunnerHooks()
        self.on_event: OnEvent | None = None
        """The events to send instead of one, where the run's hooks have something to say."""
        self._speed = speed
        self._started = time.monotonic()
        self._wake: asyncio.Future[None] | None = None
        self._cancelled = False
        self._disconnected = False
        self._watcher: asyncio.Task[None] | None = None

    # -- from outside

    def cancel(self) -> None:
        """End the run with WorkflowCancelled, as soon as it is asked for its next event."""
        self._cancelled = True
        self._interrupt()

    async def _watch(self) -> None:
        """The client goes away: nobody asks for more."""
        assert self.client_left is not None
        await self.client_left()
        self._disconnected = True
        self._interrupt()

    def _start_watching(self) -> None:
        if self._watcher is None and self.client_left is not None:
            self._watcher = asyncio.create_task(self._watch())

    def gate_released(self) -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- the run's events

    async def moments(self) -> AsyncIterator[list[Event]]:
        """The run's events, each at its time, those of one moment together.

        An empty list is where a keep-alive is due. At most EVENTS_PER_TURN events come at once;
        then others get their turn. Ends early where the client disconnected.
        """
        actions = self._actions
        answer: float | None = None
        events: list[Event] = []
        has_begun = False
        try:
            while not self._disconnected:
                try:
                    if self._cancelled and has_begun:
                        self._cancelled = False
                        action = actions.throw(RunCancelled())
                    elif answer is None:
                        action = next(actions)
                    else:
                        action = actions.send(answer)
                except StopIteration:
                    break
                answer, has_begun = None, True
                if not isinstance(action, Wait):
                    if self.is_brief and action["event"] not in BRIEF:
                        continue
                    events.append(action)
                    if len(events) >= EVENTS_PER_TURN and not self.is_sent_late:
                        yield events
                        events = []
                        self._start_watching()
                        await asyncio.sleep(0)
                    continue
                if events:
                    yield events
                    events = []
                self._start_watching()
                while not self._is_over(action):
                    if await self._sleep(action):
                        yield []
                answer = self._elapsed(action)
            if events and not self._disconnected:
                yield events
        finally:
            actions.close()
            if self._watcher is not None:
                self._watcher.cancel()

    def _now(self) -> float:
        """Seconds of the run's own time since it started."""
        return (time.monotonic() - self._started) * self._speed

    def _is_over(self, wait: Wait) -> bool:
        if self._cancelled or self._disconnected:
            return True
        return wait.until is not None and self._now() >= wait.until

    def _elapsed(self, wait: Wait) -> float:
        # The moment waited for, not the later one at which the clock was read: the engine's
        # times stay those of the script.
        return wait.until if wait.until is not None else self._now()

    async def _sleep(self, wait: Wait) -> bool:
        """Sleep until the wait may be over. True where a keep-alive is due instead."""
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        seconds = KEEP_ALIVE
        if wait.until is not None:
            seconds = min(seconds, max(0.0, (wait.until - self._now()) / self._speed))
        timer = loop.call_later(seconds, self._interrupt)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None
        return seconds == KEEP_ALIVE and not self._is_over(wait)


class Runner:
    """Starts runs, knows those under way, remembers those that ended."""

    def __init__(
        self,
        store: SessionStore,
        *,
        seed: int | None = None,
        speed: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`speed` is how much faster than its script a run goes; `clock` gives epoch seconds."""
        self.store = store
        self.clock = clock
        self._speed = speed
        self._random = random.Random(seed)
        self.new_id = Ids(self._random)
        self._active: dict[str, ActiveRun] = {}
        self._to_cancel: dict[str, bool] = {}
        """Runs that were cancelled before they were started, the earliest first."""
        self._recent: dict[str, ActiveRun] = {}
        self._background: set[asyncio.Task[bytes]] = set()

    async def start(self, request: RunRequest) -> ActiveRun:
        """A new run, in the session asked for or a fresh one, ready to be driven."""
        hooks = request.hooks
        request = hooks.on_start(request)
        workflow = request.workflow
        # Each run has its own source, so that runs side by side don't change each other's ids.
        ids = Ids(random.Random(self._random.getrandbits(64)))
        run_id = request.run_id or ids()
        session_id = request.session_id or ids()
        now = int(self.clock())
        session = await self._session(request, session_id, now)
        # A copy: runs side by side in one session must not see each other's changes half made.
        state = copy.deepcopy(session.state or {})
        merge(state, request.session_state or {})
        about = (workflow, run_id, session_id, request.user_id, request.input, state, now)
        is_late = "websocket.state-shown-late" in request.deviations
        is_sent_late = request.is_over_websocket and is_late
        if request.recording is not None:
            record = ReplayedRun(*about)
            replay = Replay(
                request.recording, record, ids=ids, clock=self.clock, is_streamed=request.stream
            )
            active = ActiveRun(record, session, replay, self._speed)
        else:
            run = Run(*about)
            engine = Engine(
                run,
                ids=ids,
                clock=self.clock,
                is_streamed=request.stream,
                is_sent_late=is_sent_late,
                hooks=request.hooks.engine(),
                deviations=request.deviations,
            )
            active = ActiveRun(run, session, engine, self._speed)
        active.deviations = request.deviations
        active.hooks = hooks
        active.on_event = hooks.on_event(active.run, self._runs)
        active.is_background = request.is_background
        active.is_streamed = request.stream
        active.is_brief = request.is_brief
        active.is_sent_late = is_sent_late
        active.run.additional_data = request.additional_data
        self._active[run_id] = active
        if self._to_cancel.pop(run_id, False):
            active.cancel()
        if request.is_background or "session.made-at-end" not in request.deviations:
            await self._remember(active)
        return active

    def _runs(self) -> list[Run]:
        """The runs under way."""
        return [active.run for active in self._active.values()]

    async def _session(self, request: RunRequest, session_id: str, now: int) -> Session:
        """The session that a run is in, a copy: the one there is, or a new one."""
        workflow = request.workflow
        there = await self.store.get(session_id, request.user_id)
        if there is None:
            return new_workflow_session(workflow, session_id, request.user_id, now)
        session = there.copy()
        session.type = "workflow"
        session.workflow_data = session.workflow_data or {}
        session.metadata = session.metadata or {}
        merge(session.metadata, workflow.source.get("metadata") or {})
        if "session.seeded-once" not in request.deviations:
            if session.workflow_id is None:
                session.workflow_id = workflow.id
                session.workflow_data = workflow_data(workflow)
            session.data = {
                **(session.data or {}),
                "session_state": {**workflow.session_state, **(session.state or {})},
            }
        return session

    def cancel(self, run_id: str) -> None:
        """Cancel a run: one under way now, any other as soon as one of that id is started."""
        active = self._active.get(run_id)
        if active is not None:
            active.cancel()
            return
        self._to_cancel[run_id] = True
        while len(self._to_cancel) > MAX_TO_CANCEL:
            del self._to_cancel[next(iter(self._to_cancel))]

    def run_in_background(self, active: ActiveRun) -> bytes:
        """Let a run be carried out by itself; its body as it is now, before it has begun."""
        stored = active.stored
        status, active.run.status = active.run.status, "PENDING"
        body = stored.to_dict()
        active.run.status = status
        task = asyncio.create_task(self.batch(active))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return to_json(body)

    async def batch(self, active: ActiveRun) -> bytes:
        """Carry a run out, and give its body when it is over."""
        try:
            async for _ in active.moments():
                pass
        finally:
            await self._end(active)
        return active.stored.body

    async def stream(self, active: ActiveRun, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Carry a run out, and send its events as they happen.

        `send` may be slow: the run then waits for it, and what is held is one moment's events.
        """
        async with contextlib.aclosing(self.events(active)) as moments:
            async for events in moments:
                if not events:
                    await send(KEEP_ALIVE_COMMENT)
                    continue
                blocks: list[bytes] = []
                size = 0
                for name, payload in events:
                    blocks.append(encode_json_event(name, payload))
                    size += len(payload)
                    if size > MAX_CHUNK:
                        await send(b"".join(blocks))
                        blocks, size = [], 0
                if blocks:
                    await send(b"".join(blocks))

    async def events(self, active: ActiveRun) -> AsyncGenerator[list[tuple[str, bytes]]]:
        """Carry a run out: each moment's events, by name and as JSON; none to keep alive."""
        keep = active.stored.events
        self._recent[active.run.run_id] = active
        while len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]
        try:
            async for events in active.moments():
                if events and active.on_event is not None:
                    events = [sent for event in events for sent in active.on_event(event)]
                    if not events:
                        continue
                encoded = [(event["event"], to_json(event)) for event in events]
                keep += [payload for name, payload in encoded if name not in _NOT_KEPT]
                if events and events[-1]["event"] in TERMINAL_EVENTS:
                    # Whoever reads the run back on its last event finds it.
                    await self._end(active)
                yield encoded
        finally:
            await self._end(active)

    def recent(self, run_id: str) -> ActiveRun | None:
        """A run of which there are events: under way, or over not long ago."""
        return self._recent.get(run_id)

    async def _end(self, active: ActiveRun) -> None:
        run = active.run
        if self._active.get(run.run_id) is not active:
            return
        del self._active[run.run_id]
        was_left = run.status == "RUNNING"
        if was_left:
            # The client went away, or the server is shutting down: the run ended there.
            run.status = "CANCELLED"
            run.content = f"Run {run.run_id} was ended: its client disconnected"
        elif run.status == "ERROR" and active.is_background:
            how = "Background streaming" if active.is_streamed else "Background"
            run.content = f"{how} execution failed: {run.content}"
        active.stored.end()
        if active.shows_state_late:
            active.stored.show_state(run.session_state)
        lost = "session.left-run-lost" if was_left else "session.failed-run-lost"
        is_lost = (was_left or run.status == "ERROR") and lost in active.deviations
        if active.is_background or not is_lost:
            await self._remember(active)

    async def _remember(self, active: ActiveRun) -> None:
        """Keep a run in its session: as it is now, or at its end."""
        session, run = active.session, active.run
        if "session.written-whole" not in active.deviations:
            # The session may have been deleted, renamed or written to since.
            there = await self.store.get(session.session_id, session.user_id)
            if there is not None and there.user_id == session.user_id:
                session = active.session = there.copy()
        session.runs[run.run_id] = active.stored
        if run.status != "RUNNING":
            session.keep_state(run.session_state)
            if run.status != "ERROR":
                session.count_usage(active.stored.to_dict())
        active.hooks.on_session_save(session)
        now = int(self.clock())
        await keep(self.store, session, now, active.deviations, fresh_run=run.run_id)
