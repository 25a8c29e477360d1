"""Starts runs and carries them out in real time; cancels them, and remembers them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_comment
from mockserver import defaults
from mockserver.engine.gates import Gates
from mockserver.engine.run import Run
from mockserver.runner.active import ActiveRun, named_block
from mockserver.runner.engines import engine_of
from mockserver.runner.hooks import RunRequest
from mockserver.runner.observer import RunObserver
from mockserver.runner.recent import Recent, StreamedRun
from mockserver.runner.remembering import keep_end, keep_start, session_of
from mockserver.runner.room import Room
from mockserver.runner.scopes import MockScope, Scopes
from mockserver.runner.sharing import Sharing
from mockserver.sessions.records import Session, SessionKey, StoredRun, to_kept_json
from mockserver.sessions.store import SessionStore, StoreError

logger = logging.getLogger(__name__)

MAX_CHUNK = 64 * 1024
"""Bytes after which a moment's events are sent in more than one piece."""

DEFAULT_MAX_RECENT = 64 * 1024 * 1024
"""Bytes of streamed runs whose events can be had once more by the websocket."""

MAX_TO_CANCEL = 1024 * 1024
"""Bytes of the ids of cancelled runs that nobody has started yet."""

KEEP_ALIVE_COMMENT = encode_comment("keep-alive")

# The real server's session keeps the events but these.
_NOT_KEPT = frozenset({"StepOutput", "WorkflowError"})


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
        max_held: int = defaults.MAX_MEMORY,
        max_runs: int = defaults.MAX_RUNS,
        max_run_time: float = defaults.MAX_RUN_TIME,
    ) -> None:
        """`speed`: how much faster than its script a run goes. `clock` gives seconds since the
        epoch. `max_recent`: bytes of streams that are kept once they are over, for the websocket
        to send again; the longest unused are forgotten. `max_held`: bytes that the runs under way
        may hold (messages and events) when another starts. `max_runs`: how many may be under way
        at one time. `max_run_time`: seconds after which a run fails."""
        channel = store.channel()
        self.scopes = Scopes(store, seed, clock, None if channel is None else channel.count)
        self.observer: RunObserver | None = None
        self._speed = speed
        self._room = Room(max_runs, max_held)
        self._max_run_time = max_run_time
        self._active: dict[ActiveRun, None] = {}
        """The runs under way, the earliest first. Several may have one run_id."""
        self._starting = 0
        """How many more are just being started."""
        self._to_cancel: Recent[bool] = Recent(MAX_TO_CANCEL)
        """Runs that were cancelled before they were started."""
        self._recent: Recent[StreamedRun] = Recent(max_recent)
        """Runs that were streamed, once they are over."""
        self.sharing = None if channel is None else Sharing(self, channel)
        """What goes between the processes that share the store."""
        self._background: set[asyncio.Task[None]] = set()

    async def start(self, request: RunRequest) -> ActiveRun:
        """A new run, in the session asked for or a fresh one, ready to be driven.

        Raises TooManyRuns, StoreError.
        """
        self._room.require(len(self._active) + self._starting)
        self._starting += 1
        try:
            if self.sharing is not None:
                await self.sharing.open()
            return await self._start(request)
        finally:
            self._starting -= 1

    @contextlib.contextmanager
    def about_to_start(self, request: RunRequest) -> Iterator[None]:
        """A run that waits before it is started counts as one that is under way.

        Raises TooManyRuns.
        """
        self._room.require(len(self._active) + self._starting)
        size = _asked(request)
        self._starting += 1
        self._room.hold(size)
        try:
            yield
        finally:
            self._starting -= 1
            self._room.hold(-size)

    async def _start(self, request: RunRequest) -> ActiveRun:
        request = request.hooks.on_start(request)
        scope, steering = request.scope or self.scopes.unnamed, request.steering
        ids = await scope.ids(steering.seed)
        run_id = request.run_id or ids()
        session_id = request.session_id or ids()
        now = int(scope.clock())
        session = await session_of(scope.store, request, session_id, now)
        earlier_runs = None
        if request.hooks.sessions.writes_whole:
            earlier_runs = (await scope.store.runs(session.key)).items
        gates = Gates(
            steering.holds,
            reached=steering.acted,
            is_released=scope.released.__contains__,
            clock=scope.clock,
        )
        run, engine = engine_of(request, scope, run_id, session, ids, gates, now)
        active = ActiveRun(
            request,
            run,
            engine.actions(),
            session,
            earlier_runs,
            scope=scope,
            gates=gates,
            speed=steering.speed or self._speed,
            max_time=self._max_run_time,
        )
        observer = self.observer
        if observer is not None:
            observer.on_start(active)
            active.on_wait = observer.on_wait
        active.on_event = request.hooks.on_event(run, self._runs)
        self._active[active] = None
        self._room.take(active, _asked(request))
        if self._to_cancel.pop(_key(scope, run_id)):
            active.cancel()
            if self.sharing is not None:
                self.sharing.was_cancelled(run_id, scope)
        if request.is_background:
            try:
                await keep_start(active)
            except BaseException:
                # Nobody will carry it out; it would count as under way for ever.
                self._leave(active)
                if observer is not None:
                    observer.on_end(active)
                raise
        elif request.hooks.is_kept_from_start(request):
            active.on_takes_time = keep_start
        return active

    def _runs(self) -> list[Run]:
        """The runs under way."""
        return [active.run for active in self._active]

    def under_way(
        self, run_id: str | None = None, scope: MockScope | None = None
    ) -> list[ActiveRun]:
        """The runs under way, the earliest first: those of this id, those of this scope."""
        return [
            active
            for active in self._active
            if run_id in (None, active.run.run_id) and scope in (None, active.scope)
        ]

    async def cancel(self, run_id: str, scope: MockScope | None = None) -> None:
        """Cancel a run: those under way now, any other as soon as one of that id is started.

        `scope`: whose run it is, where that is known. Raises StoreError where nobody can be asked
        for it.
        """
        is_found = self.cancel_here(run_id, scope)
        if self.sharing is not None:
            try:
                is_found = await self.sharing.cancel(run_id, scope) or is_found
            except StoreError:
                if not is_found:
                    raise
        if not is_found:
            self.cancel_later(run_id, scope)

    def cancel_here(self, run_id: str, scope: MockScope | None) -> bool:
        """Cancel the runs of that id that are under way in this process; whether there are any."""
        under_way = self.under_way(run_id, scope)
        for active in under_way:
            active.cancel()
        return bool(under_way)

    def cancel_later(self, run_id: str, scope: MockScope | None, *, is_wanted: bool = True) -> None:
        """Whether a run of that id is to be cancelled as soon as one is started."""
        key = _key(scope or self.scopes.unnamed, run_id)
        if is_wanted:
            self._to_cancel.put(key, True)
        else:
            self._to_cancel.pop(key)

    def fail_all(self, error: str) -> None:
        """Have all runs under way fail, as the server ends."""
        for active in self.under_way():
            active.fail(error)

    def run_in_background(self, active: ActiveRun) -> bytes:
        """Let a run be carried out by itself; its body as it is now, before it has begun."""
        status, active.run.status = active.run.status, "PENDING"
        body = to_json(active.run.to_dict())
        active.run.status = status
        task = asyncio.create_task(self._unwatched(active))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return body

    async def _unwatched(self, active: ActiveRun) -> None:
        try:
            await self.batch(active)
        except StoreError as error:
            logger.error("run %s is not kept: %s", active.run.run_id, error)

    async def batch(self, active: ActiveRun) -> bytes:
        """Carry a run out, and give its body when it is over, and kept. Raises StoreError."""
        observer = self.observer
        try:
            async for events in active.moments():
                if observer is not None and events:
                    observer.on_batch_events(active, events)
        finally:
            try:
                await self._end(active)
            finally:
                if observer is not None:
                    observer.on_end(active)
        return active.body

    async def stream(
        self, active: ActiveRun, send: Callable[[Sequence[bytes]], Awaitable[None]]
    ) -> None:
        """Carry a run out, and send its events as they happen, in blocks of a stream.

        `send` may be slow: the run then waits for it, and what is held is one moment's events.
        """
        async with contextlib.aclosing(self.events(active)) as moments:
            async for events in moments:
                if not events:
                    await send([KEEP_ALIVE_COMMENT])
                    continue
                blocks: list[bytes] = []
                size = 0
                for _, block in events:
                    blocks.append(block)
                    size += len(block)
                    if size > MAX_CHUNK:
                        await send(blocks)
                        blocks, size = [], 0
                if blocks:
                    await send(blocks)

    async def events(self, active: ActiveRun) -> AsyncGenerator[list[tuple[str, bytes]]]:
        """Carry a run out: each moment's events, by name and as blocks of a stream; none to keep
        alive.

        The last comes once the run is kept; where it cannot be kept a WorkflowError comes instead.
        """
        observer = self.observer
        try:
            async for events in active.moments():
                if events and active.on_event is not None:
                    events = [sent for event in events for sent in active.on_event(event)]
                    if not events:
                        continue
                encoded = [named_block(event) for event in events]
                if not active.is_over:
                    self._room.take(active, sum([len(block) for _, block in encoded]))
                active.blocks += [block for name, block in encoded if name not in _NOT_KEPT]
                is_last = bool(events) and events[-1]["event"] in TERMINAL_EVENTS
                # Whoever reads the run back on its last event finds it.
                failure = await self._failure(active) if is_last else None
                if failure is not None:
                    encoded[-1:] = [failure]
                yield encoded
                if observer is not None and encoded:
                    observer.on_sent(active, encoded)
                if failure is not None:
                    return
            if (failure := await self._failure(active)) is not None:
                yield [failure]
                if observer is not None:
                    observer.on_sent(active, [failure])
        finally:
            try:
                await self._failure(active)
            finally:
                if observer is not None:
                    observer.on_end(active)

    async def _failure(self, active: ActiveRun) -> tuple[str, bytes] | None:
        """End a run; the event to send instead of its last where it could not be kept."""
        try:
            await self._end(active)
        except StoreError as error:
            run = active.run
            logger.error("run %s is not kept: %s", run.run_id, error)
            event = {
                "created_at": int(active.scope.clock()),
                "event": "WorkflowError",
                "workflow_id": run.workflow.id,
                "workflow_name": run.workflow_name,
                "session_id": run.session_id,
                "run_id": run.run_id,
                "error": str(error),
            }
            return named_block(event)
        return None

    async def _end(self, active: ActiveRun) -> None:
        """Remember a run that is over, once. Raises StoreError where it cannot be kept."""
        if active.is_over:
            return
        active.is_over = True
        try:
            await self._remember(active)
        except StoreError as error:
            active.run.status, active.run.content = "ERROR", str(error)
            raise
        finally:
            self._leave(active)

    def _leave(self, active: ActiveRun) -> None:
        """It is no longer under way."""
        del self._active[active]
        self._room.give_back(active)

    async def _remember(self, active: ActiveRun) -> None:
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
        active.events = active.payloads()
        if request.recording is None:
            active.events = request.hooks.kept_events(list(active.events), run)
        if request.is_background or request.hooks.is_kept_at_end(
            run, is_disconnected=is_disconnected
        ):
            await keep_end(active, body, int(active.scope.clock()))
        if request.stream:
            streamed = StreamedRun(run.status, active.payloads())
            self._recent.put(_key(active.scope, run.run_id), streamed, active.so_far().size)

    # -- what is remembered of runs, and how far those under way have come

    def recent(self, run_id: str, scope: MockScope | None = None) -> StreamedRun | None:
        """A streamed run of a scope by its id alone: under way, or over not long ago."""
        scope = scope or self.scopes.unnamed
        for active in reversed(self.under_way(run_id, scope)):
            if active.request.stream:
                return StreamedRun(active.run.status, active.payloads())
        return self._recent.get(_key(scope, run_id))

    async def stored_run(
        self, session: Session, run_id: str, scope: MockScope | None = None
    ) -> StoredRun | None:
        """A run of a session, which is one of this scope."""
        scope = scope or self.scopes.unnamed
        run = await scope.store.run(session.key, run_id)
        return None if run is None else (await self._as_far(scope, session, [run]))[0]

    async def stored_runs(
        self,
        session: Session,
        scope: MockScope | None = None,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
    ) -> list[StoredRun]:
        """The runs of a session, which is one of this scope, of these seconds."""
        scope = scope or self.scopes.unnamed
        page = await scope.store.runs(
            session.key, created_after=created_after, created_before=created_before
        )
        return await self._as_far(scope, session, page.items)

    async def _as_far(
        self, scope: MockScope, session: Session, runs: Sequence[StoredRun]
    ) -> list[StoredRun]:
        """Runs as far as they have come: the store has their beginnings until they are over."""
        come = self.runs_so_far(scope, session.key)
        if self.sharing is not None:
            elsewhere = [run for run in runs if run.is_under_way and run.run_id not in come]
            if elsewhere:
                come = {**await self.sharing.runs_so_far(scope, session.key), **come}
        return [
            come[run.run_id]._replace(version=run.version) if run.run_id in come else run
            for run in runs
        ]

    def runs_so_far(self, scope: MockScope, key: SessionKey) -> dict[str, StoredRun]:
        """The runs of a session that are under way in this process, as far as they have come, by
        run_id."""
        return {
            active.run.run_id: active.so_far()
            for active in self._active
            if active.scope is scope and active.session.key == key
        }


def _asked(request: RunRequest) -> int:
    """Bytes that a run is asked."""
    asked = request.form or {"message": request.input_text or request.input}
    size = sum([len(text) for text in asked.values() if isinstance(text, str)])
    # Over the websocket a message may be any JSON.
    return size + sum(
        [len(to_json(each)) for each in asked.values() if isinstance(each, dict | list)]
    )


def _key(scope: MockScope, run_id: str) -> str:
    return f"{scope.name}\n{run_id}"
