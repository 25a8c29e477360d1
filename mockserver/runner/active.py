"""A run under way: its engine on the wall clock, and the means to interrupt its waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from agentos_contract.events import TERMINAL_EVENTS
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_json_event, json_of_event
from mockserver.engine.actions import Action, Actions, Event, RunCancelled, RunFailed, Wait
from mockserver.engine.gates import Gates, Waiting
from mockserver.engine.run import Run
from mockserver.runner.hooks import OnEvent, RunRequest
from mockserver.runner.scopes import MockScope
from mockserver.script.aside import aside
from mockserver.sessions.records import Session, StoredRun, to_kept_json
from mockserver.sessions.store import StoreError

KEEP_ALIVE = 15.0
"""Seconds of silence after which a stream gets a comment (HTML 9.2.7 recommends 15)."""

EVENTS_PER_TURN = 16
"""After so many events without a wait, others get their turn."""

BRIEF = TERMINAL_EVENTS | {
    "WorkflowStarted",
    "StepOutput",
    "RunContent",
    "TeamRunContent",
    "RunError",
    "TeamRunError",
}
"""The events of a stream with `stream_events=false`."""


_NO_END = Wait(None)


class ActiveRun:
    """A run under way.

    An engine says what happens next; this waits until then and passes it on. While it waits it
    listens for the things that may come first: the run is cancelled, its client goes away.
    """

    client_disconnected: Callable[[], Awaitable[None]] | None = None
    """Returns when the client has gone away. Called only once the run takes time: a run that is
    over at once is not worth a task."""

    on_takes_time: Callable[[ActiveRun], Awaitable[None]] | None = None
    """Called once, as soon as the run takes time, before others can see that: a run that is over at
    once is not written to its session twice. If it raises StoreError the run fails."""

    on_wait: Callable[[ActiveRun, Waiting], None] | None = None
    """Called for each wait at a gate that begins."""

    on_over: Callable[[], None] | None = None
    """Called once it is over, and remembered."""

    body: bytes = b""
    """The batch body, once it is over."""

    size = 0
    """Bytes of its message and form, and of its events so far."""

    is_over = False
    """Whether its end has been remembered, or is about to be."""

    def __init__(
        self,
        request: RunRequest,
        run: Run,
        actions: Actions[None],
        session: Session,
        earlier_runs: Sequence[StoredRun] | None,
        *,
        scope: MockScope,
        gates: Gates,
        speed: float,
        max_time: float,
    ) -> None:
        """`earlier_runs`: the session's runs at its start, where its end writes them again.
        `max_time`: seconds after which it fails."""
        self.request = request
        self.run = run
        self.scope = scope
        self.gates = gates
        self.session = session
        """As it was when the run last read or wrote it."""
        self.earlier_runs = earlier_runs
        self.blocks: list[bytes] = []
        """The events that are kept, as they were sent: these bytes are shared with whoever
        remembers what was sent."""
        self.events: Sequence[bytes] | None = None
        """The payloads that are kept of them, once it is over."""
        self.on_event: OnEvent | None = None
        """The events to send instead of one, where the run's hooks have something to say."""
        self._actions = actions
        self._is_sent_late = request.hooks.is_sent_late(request)
        self._speed = speed
        self._started = scope.clock.monotonic()
        self._wake: asyncio.Future[None] | None = None
        self._error: RunCancelled | None = None
        """What is to be thrown into the engine."""
        self._disconnected = False
        self.is_cut = False
        """Whether its connection is to be cut."""
        self.is_paused = False
        self._paused_at = 0.0
        """By the scope's clock."""
        self._let_through = 0
        """How many events may be sent although it is paused."""
        steering = request.steering
        self._is_counted = steering.cut_after is not None or steering.fail_after is not None
        self._count = 0
        """Of events that were sent."""
        self._watcher: asyncio.Task[None] | None = None
        self._max_time = max_time
        self._time_limit: asyncio.TimerHandle | None = None

    def so_far(self) -> StoredRun:
        """The run as far as it has come."""
        run = self.run
        body = self.body or to_kept_json(run.to_dict())
        return StoredRun(run.run_id, run.created_at, body, self.payloads())

    def payloads(self) -> tuple[bytes, ...]:
        """Those of its events that are kept."""
        if self.events is not None:
            return tuple(self.events)
        return tuple(map(json_of_event, self.blocks))

    # -- from outside

    def cancel(self) -> None:
        """End the run with WorkflowCancelled, as soon as it is asked for its next event."""
        self.resume()
        self._error = RunCancelled()
        self._interrupt()

    def fail(self, error: str) -> None:
        """End the run with WorkflowError, as soon as it is asked for its next event."""
        self.resume()
        self._error = RunFailed(error)
        self._interrupt()

    def release(self, gate: str) -> None:
        """Release a gate, whether the run waits there already or comes to it later."""
        self.gates.release(gate)
        self._interrupt()

    def pause(self) -> None:
        """Send nothing more, and let no time pass, until it is resumed."""
        if not self.is_paused:
            self.is_paused, self._let_through = True, 0
            self._paused_at = self.scope.clock.monotonic()
            self._interrupt()

    def step(self) -> None:
        """Let a paused run send one event more."""
        if self.is_paused:
            self._let_pass()
            self._let_through += 1
            self._interrupt()

    def resume(self) -> None:
        """Let a paused run go on, from where it was."""
        if self.is_paused:
            self._let_pass()
            self.is_paused = False
            self._interrupt()

    def _let_pass(self) -> None:
        """Time goes on from where it stood."""
        if not self._let_through:
            self._started += self.scope.clock.monotonic() - self._paused_at

    def cut(self) -> None:
        """Cut the connection: the run ends as where its client goes away."""
        self.is_cut = self._disconnected = True
        self._interrupt()

    def wake(self) -> None:
        """Look again at what is waited for: the clock was moved, or a gate released."""
        self._interrupt()

    async def _watch(self) -> None:
        """The client goes away: nobody asks for more."""
        assert self.client_disconnected is not None
        await self.client_disconnected()
        self._disconnected = True
        self._interrupt()

    async def _take_time(self) -> None:
        """It takes time: from now on others see it, its client may leave, and its time run out."""
        if self.on_takes_time is not None:
            on_takes_time, self.on_takes_time = self.on_takes_time, None
            try:
                await on_takes_time(self)
            except StoreError as failure:
                self._error = RunFailed(str(failure))
        if self._time_limit is None:
            error = f"the run took more than {self._max_time:g} seconds, the most that one may"
            loop = asyncio.get_running_loop()
            self._time_limit = loop.call_later(self._max_time, self.fail, error)
        if self._watcher is None and self.client_disconnected is not None:
            self._watcher = asyncio.create_task(self._watch())

    def _interrupt(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- the run's events

    async def moments(self) -> AsyncIterator[list[Event]]:
        """The run's events, each at its time, those of one moment together.

        An empty list is where a keep-alive is due. At most EVENTS_PER_TURN events come at once;
        then others get their turn. Ends early where the client disconnected.
        """
        actions, may_take_long = self._actions, self.request.workflow.may_take_long
        answer: float | None = None
        events: list[Event] = []
        has_begun = False
        try:
            while not self._disconnected:
                if self.is_paused and not self._may_go_on():
                    await self._take_time()
                    if events:
                        yield events
                        events = []
                    while not self._may_go_on():
                        if await self._sleep(_NO_END):
                            yield []
                    continue
                error = None
                if has_begun and self._error is not None:
                    error, self._error = self._error, None
                if may_take_long:
                    action = await aside(_go_on, actions, answer, error)
                else:
                    action = _go_on(actions, answer, error)
                if action is None:
                    break
                answer, has_begun = None, True
                if not isinstance(action, Wait):
                    if self.request.is_brief and action["event"] not in BRIEF:
                        continue
                    events.append(action)
                    if self._is_counted or self.is_paused:
                        self._sent_one(is_last=action["event"] in TERMINAL_EVENTS)
                    if len(events) >= EVENTS_PER_TURN and not self._is_sent_late:
                        await self._take_time()
                        yield events
                        events = []
                        await asyncio.sleep(0)
                    continue
                await self._take_time()
                if events:
                    yield events
                    events = []
                if action.gates:
                    for waiting in self.gates.announce():
                        if self.on_wait is not None:
                            self.on_wait(self, waiting)
                while not self._is_wait_over(action):
                    if await self._sleep(action):
                        yield []
                answer = self._elapsed(action)
            if events and (self.is_cut or not self._disconnected):
                yield events
        finally:
            actions.close()
            if self._watcher is not None:
                self._watcher.cancel()
            if self._time_limit is not None:
                self._time_limit.cancel()

    def _now(self) -> float:
        """Seconds of the run's own time since it started."""
        now = self.scope.clock.monotonic()
        if self.is_paused and not self._let_through:
            now = self._paused_at
        return (now - self._started) * self._speed

    def _may_go_on(self) -> bool:
        """Whether it is not paused, or what has come in the meantime ends that."""
        if not self.is_paused or self._let_through:
            return True
        return self._error is not None or self._disconnected

    def _sent_one(self, *, is_last: bool) -> None:
        """An event was sent: after so many the run may be steered elsewhere."""
        steering = self.request.steering
        self._count += 1
        if self._count == steering.cut_after:
            self.is_cut = self._disconnected = True
            steering.acted.add("cut_after")
        elif self._count == steering.fail_after and not is_last:
            self._error = RunFailed(steering.error)
            steering.acted.add("fail_after")
        if self._let_through:
            self._let_through -= 1
            self._paused_at = self.scope.clock.monotonic()

    def _is_released(self, wait: Wait) -> bool:
        return any(self.gates.is_released(gate) for gate in wait.gates)

    def _is_wait_over(self, wait: Wait) -> bool:
        if self._error is not None or self._disconnected or self._is_released(wait):
            return True
        if self.is_paused and not self._let_through:
            return False
        return wait.until is not None and self._now() >= wait.until

    def _elapsed(self, wait: Wait) -> float:
        # The moment waited for, not the later one at which the clock was read: the engine's
        # times stay those of the script.
        if wait.until is None or (wait.gates and self._is_released(wait)):
            return self._now()
        return wait.until

    async def _sleep(self, wait: Wait) -> bool:
        """Sleep until the wait may be over. True where a keep-alive is due instead."""
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        seconds = KEEP_ALIVE
        if wait.until is not None and not (self.is_paused and not self._let_through):
            seconds = min(seconds, max(0.0, (wait.until - self._now()) / self._speed))
        timer = loop.call_later(seconds, self._interrupt)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None
        return seconds == KEEP_ALIVE and not self._is_wait_over(wait)


def named_block(event: Event) -> tuple[str, bytes]:
    """An event's name, and the event as a block of a stream."""
    name = event["event"]
    return name, encode_json_event(name, to_json(event))


def _go_on(actions: Actions[None], answer: float | None, error: Exception | None) -> Action | None:
    """What the engine does next; None: nothing more."""
    try:
        if error is not None:
            return actions.throw(error)
        return next(actions) if answer is None else actions.send(answer)
    except StopIteration:
        return None
