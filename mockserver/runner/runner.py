"""Starts runs and carries them out in real time; cancels them, and remembers them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_comment, encode_json_event
from mockserver.engine.engine import Engine
from mockserver.engine.ids import Ids
from mockserver.engine.run import Run
from mockserver.recordings.replay import Replay, ReplayedRun
from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.recent import Recent
from mockserver.runner.remembering import keep_end, keep_start, session_of
from mockserver.sessions.records import Session, StoredRun, to_kept_json
from mockserver.sessions.store import SessionStore
from mockserver.sessions.workflow_sessions import merge

MAX_CHUNK = 64 * 1024
"""Bytes after which a moment's events are sent in more than one piece."""

DEFAULT_MAX_RECENT = 64 * 1024 * 1024
"""Bytes of streamed runs whose events can be had once more by the websocket."""

MAX_TO_CANCEL = 1024 * 1024
"""Bytes of the ids of cancelled runs that nobody has started yet."""

KEEP_ALIVE_COMMENT = encode_comment("keep-alive")

# The real server's session keeps the events but these.
_NOT_KEPT = frozenset({"StepOutput", "WorkflowError"})


@dataclass(frozen=True)
class StreamedRun:
    """What a streamed run has said so far, or in all."""

    status: str
    events: tuple[bytes, ...]
    """Their payloads."""

    def event_payloads(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events]


class Runner:
    """Starts runs, knows those under way, remembers those that ended."""

    def __init__(
        self,
        store: SessionStore,
        *,
        seed: int | None = None,
        speed: float = 1.0,
        clock: Callable[[], float] = time.time,
        max_recent: int = DEFAULT_MAX_RECENT,
    ) -> None:
        """`speed` is how much faster than its script a run goes; `clock` gives epoch seconds;
        `max_recent` is how many bytes of streams can be had again, those longest unused going."""
        self.store = store
        self.clock = clock
        self._speed = speed
        self._random = random.Random(seed)
        self.new_id = Ids(self._random)
        self._active: dict[ActiveRun, None] = {}
        """The runs under way, the earliest first. Several may have one run_id."""
        self._to_cancel: Recent[bool] = Recent(MAX_TO_CANCEL)
        """Runs that were cancelled before they were started."""
        self._recent: Recent[StreamedRun] = Recent(max_recent)
        """Runs that were streamed, once they are over."""
        self._background: set[asyncio.Task[bytes]] = set()

    async def start(self, request: RunRequest) -> ActiveRun:
        """A new run, in the session asked for or a fresh one, ready to be driven."""
        request = request.hooks.on_start(request)
        # Each run has its own source, so that runs side by side don't change each other's ids.
        ids = Ids(random.Random(self._random.getrandbits(64)))
        run_id = request.run_id or ids()
        session_id = request.session_id or ids()
        now = int(self.clock())
        session = await session_of(self.store, request, session_id, now)
        held = None
        if request.hooks.sessions.writes_whole:
            held = (await self.store.runs(session.key)).items
        run, engine = self._engine(request, run_id, session, ids, now)
        active = ActiveRun(request, run, engine.run(), session, held, self._speed)
        active.on_event = request.hooks.on_event(run, self._runs)
        self._active[active] = None
        if self._to_cancel.pop(run_id):
            active.cancel()
        if request.is_background or request.hooks.is_kept_from_start(request):
            await keep_start(self.store, active, now)
        return active

    def _engine(
        self, request: RunRequest, run_id: str, session: Session, ids: Ids, now: int
    ) -> tuple[Run, Engine | Replay]:
        """What carries the run out: an engine, or a recording in its place."""
        # Runs side by side in one session don't see each other's changes half made: it is a copy.
        state = session.state or {}
        merge(state, request.session_state or {})
        about = (
            request.workflow,
            run_id,
            session.session_id,
            request.user_id,
            request.input,
            state,
            now,
        )
        engine: Engine | Replay
        if request.recording is not None:
            record = ReplayedRun(*about)
            run: Run = record
            engine = Replay(
                request.recording, record, ids=ids, clock=self.clock, is_streamed=request.stream
            )
        else:
            run = Run(*about, form=request.form, input_text=request.input_text)
            engine = Engine(
                run,
                ids=ids,
                clock=self.clock,
                is_streamed=request.stream,
                is_sent_late=request.hooks.is_sent_late(request),
                hooks=request.hooks.engine(),
            )
        run.additional_data = request.additional_data
        return run, engine

    def _runs(self) -> list[Run]:
        """The runs under way."""
        return [active.run for active in self._active]

    def cancel(self, run_id: str) -> None:
        """Cancel a run: those under way now, any other as soon as one of that id is started."""
        under_way = [active for active in self._active if active.run.run_id == run_id]
        for active in under_way:
            active.cancel()
        if not under_way:
            self._to_cancel.put(run_id, True)

    def run_in_background(self, active: ActiveRun) -> bytes:
        """Let a run be carried out by itself; its body as it is now, before it has begun."""
        status, active.run.status = active.run.status, "PENDING"
        body = to_json(active.run.to_dict())
        active.run.status = status
        task = asyncio.create_task(self.batch(active))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return body

    async def batch(self, active: ActiveRun) -> bytes:
        """Carry a run out, and give its body when it is over."""
        try:
            async for _ in active.moments():
                pass
        finally:
            await self._end(active)
        return active.body

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
        try:
            async for events in active.moments():
                if events and active.on_event is not None:
                    events = [sent for event in events for sent in active.on_event(event)]
                    if not events:
                        continue
                encoded = [(event["event"], to_kept_json(event)) for event in events]
                active.events += [payload for name, payload in encoded if name not in _NOT_KEPT]
                if events and events[-1]["event"] in TERMINAL_EVENTS:
                    # Whoever reads the run back on its last event finds it.
                    await self._end(active)
                yield encoded
        finally:
            await self._end(active)

    async def _end(self, active: ActiveRun) -> None:
        if active not in self._active:
            return
        del self._active[active]
        run, request = active.run, active.request
        is_disconnected = run.status == "RUNNING"
        if is_disconnected:
            # The client went away, or the server is shutting down: the run ended there.
            run.status = "CANCELLED"
            run.content = f"Run {run.run_id} was ended: its client disconnected"
        elif run.status == "ERROR" and request.is_background:
            how = "Background streaming" if request.stream else "Background"
            run.content = f"{how} execution failed: {run.content}"
        body = run.to_dict()
        active.body = to_kept_json(body)
        if request.recording is None:
            active.events = request.hooks.kept_events(active.events, run)
        if request.stream:
            streamed = StreamedRun(run.status, tuple(active.events))
            self._recent.put(run.run_id, streamed, active.record().size)
        if request.is_background or request.hooks.is_kept_at_end(
            run, is_disconnected=is_disconnected
        ):
            await keep_end(self.store, active, body, int(self.clock()))

    # -- what is remembered of runs, and how far those under way have come

    def recent(self, run_id: str) -> StreamedRun | None:
        """A streamed run by its id alone: under way, or over not long ago."""
        for active in reversed(self._active):
            if active.run.run_id == run_id and active.request.stream:
                return StreamedRun(active.run.status, tuple(active.events))
        return self._recent.get(run_id)

    async def stored_run(self, session: Session, run_id: str) -> StoredRun | None:
        """A run of a session."""
        run = await self.store.run(session.key, run_id)
        return None if run is None else self._as_far(session, [run])[0]

    async def stored_runs(
        self,
        session: Session,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
    ) -> list[StoredRun]:
        """The runs of a session, of these seconds."""
        page = await self.store.runs(
            session.key, created_after=created_after, created_before=created_before
        )
        return self._as_far(session, page.items)

    def _as_far(self, session: Session, runs: Sequence[StoredRun]) -> list[StoredRun]:
        """Runs as far as they have come: the store has their beginnings until they are over."""
        under_way = {
            active.run.run_id: active
            for active in self._active
            if active.session.key == session.key
        }
        return [
            under_way[run.run_id].record()._replace(version=run.version)
            if run.run_id in under_way
            else run
            for run in runs
        ]
