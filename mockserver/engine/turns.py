"""Tasks side by side, in the order in which asyncio's event loop would run them.

The real server's Parallel makes a task of each branch and passes on their events by a queue; so
does a team with the members that it delegates to. Without delays the order of events is then that
of the loop: who waits for others goes to the end of the line of those who are ready. This is that
loop for generators, so that the order is the real server's and depends on the script alone.

The run itself is such a task, and sending its events takes turns too: a middleware of the real
server hands each piece of the response to another task (`anyio.create_memory_object_stream(0)`).
So while one event is sent the branches go on, and later ones show what has changed since.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mockserver.engine.actions import (
    Action,
    Actions,
    Event,
    NodeActions,
    RunCancelled,
    RunFailed,
    Wait,
)
from mockserver.engine.gates import Gates
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.results import Result

Results = dict[int, Result | None]
"""What tasks have come to, by position, in the order in which they ended."""


@dataclass(slots=True, eq=False)
class _Group:
    """Tasks that are begun together, and the queue of their events."""

    children: Sequence[NodeActions]
    is_queued: bool
    """Who waits for them goes on at each end; else only when all have ended."""
    queues_events: bool
    """Their events wait in the queue too; else they are sent at once."""
    is_begun: bool = False
    queue: deque[Event | None] = field(default_factory=deque)
    """None is where one has ended."""
    results: Results = field(default_factory=dict)
    waiting: tuple[_Task, int] | None = None
    """Who waits for them, and its epoch then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turns(Wait):
    """Others who are ready go first, so many times; `asyncio.sleep(0)` is once."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listen(Wait):
    """Begin these tasks, and wait until something is in their queue; where it is, it takes no
    turn. Of a group without a queue: until all have ended."""

    group: _Group


@dataclass(slots=True, eq=False)
class _Task:
    actions: NodeActions | None
    """None: it is the one that takes the response."""
    group: _Group | None = None
    """None: it is the run."""
    position: int = 0
    answer: float | None = None
    """What its Wait has come to; None before its first."""
    epoch: int = 0
    """How often it was called off what it waited for."""


_Ready = deque[tuple[_Task, int, int]]
"""Who goes on, in which turn from now (1 is the next), and its epoch when it was put there."""


def turns(count: int) -> Wait:
    """A Wait for a task to yield: others who are ready go first, so many times."""
    return _Turns(None, count=count)


def together(
    children: Sequence[NodeActions], *, is_queued: bool, queues_events: bool
) -> Actions[Results]:
    """Carry these out side by side, and give their events. To be yielded from within a task.

    `is_queued`: their ends, and if `queues_events` their events, come by a queue.
    """
    group = _Group(children, is_queued, queues_events)
    try:
        ended = 0
        while ended < len(children):
            yield _Listen(None, group=group)
            if not is_queued:
                break
            event = group.queue.popleft()
            if event is None:
                ended += 1
            else:
                yield event
    finally:
        for child in children:
            child.close()
    return group.results


class TaskLoop:
    """Carries out a run and the tasks that it begins."""

    def __init__(
        self,
        run: NodeActions,
        hooks: EngineHooks,
        gates: Gates,
        *,
        is_handed_on: bool,
        is_sent_late: bool = False,
    ) -> None:
        """`is_handed_on`: its events take the way of a streamed response. `is_sent_late`: there is
        a Wait, over at once, wherever the run itself waits for others."""
        self._hooks = hooks
        self._gates = gates
        self._is_sent_late = is_sent_late
        self._run = _Task(gates.around(run))
        self._ready: _Ready = deque()
        self._timers: list[tuple[float, int, _Task, int]] = []
        self._gated: list[tuple[Wait, _Task, int]] = []
        self._elapsed = 0.0
        self._count = 0
        self._error: Exception | None = None
        """What is to be thrown into the run: it is cancelled, or a task of it failed."""
        self._has_ended = False
        self._response = _Response(self._run, self._ready) if is_handed_on else None

    def run(self) -> Actions[None]:
        """The run's events, and its Waits for a time or a gate."""
        try:
            yield from self._go_on(self._run)
            while not self._has_ended:
                if not self._ready:
                    yield from self._pass_time()
                else:
                    yield from self._next()
                if self._error is not None:
                    yield from self._interrupt()
        finally:
            assert self._run.actions is not None
            self._run.actions.close()

    def _next(self) -> Actions[None]:
        task, count, epoch = self._ready.popleft()
        if epoch != task.epoch:
            return
        if count > 1:
            self._ready.append((task, count - 1, epoch))
        elif task.actions is None:
            assert self._response is not None
            self._response.receive()
        elif task is not self._run or self._response is None or self._response.is_sent():
            yield from self._go_on(task)

    def _go_on(self, task: _Task, error: Exception | None = None) -> Actions[None]:
        """Carry a task out until it has to wait, or ends. `error` is thrown into it first."""
        actions = task.actions
        assert actions is not None
        while True:
            try:
                if error is not None:
                    action, error = actions.throw(error), None
                elif task.answer is None:  # a generator that has not begun takes no value
                    action = next(actions)
                else:
                    action = actions.send(task.answer)
            except StopIteration as stop:
                self._end(task, stop.value)
                return
            except Exception as failure:
                if task is self._run:
                    raise
                self._error = failure
                return
            task.answer = None
            if isinstance(action, Wait):
                if self._waits(task, action):
                    if task is self._run and self._is_sent_late:
                        yield from self._send(Wait(self._elapsed))
                    return
            elif task.group is None:
                try:
                    self._hooks.before_event(action)
                except Exception as failure:
                    error = failure
                    continue
                try:
                    yield action  # `_send`, without a generator for each event
                except RunCancelled as cancelled:
                    self._cancel(cancelled)
                error, self._error = self._error, None
                if self._response is not None and error is None and not self._response.send():
                    return
            elif task.group.queues_events:
                self._put(task.group, action)
            else:
                yield from self._send(action)

    def _send(self, action: Action) -> Actions[float | None]:
        try:
            return (yield action)
        except RunCancelled as error:
            self._cancel(error)
            return None

    def _cancel(self, error: RunCancelled) -> None:
        if isinstance(error, RunFailed) or self._hooks.is_cancelled_at_once():
            self._error = error

    def _interrupt(self) -> Actions[None]:
        """The run is called off what it waits for, by an error."""
        error, self._error = self._error, None
        self._run.epoch += 1
        if self._response is not None:
            self._response.call_off()
        yield from self._go_on(self._run, error)

    def _waits(self, task: _Task, wait: Wait) -> bool:
        """Whether it has to wait, for something that will let it go on."""
        task.answer = self._elapsed
        match wait:
            case _Turns(count=count):
                self._ready.append((task, count, task.epoch))
            case _Listen(group=group):
                if not group.is_begun:
                    group.is_begun = True
                    for position, actions in enumerate(group.children):
                        task_of = _Task(self._gates.around(actions), group, position)
                        self._ready.append((task_of, 1, 0))
                if group.queue:
                    return False
                group.waiting = (task, task.epoch)
            case _ if wait.until is not None:
                until = wait.until
                if wait.since is not None:
                    until += max(0.0, self._gates.held_until - wait.since)
                self._count += 1  # of two for one time the first comes first
                heapq.heappush(self._timers, (until, self._count, task, task.epoch))
            case _:
                self._gated.append((wait, task, task.epoch))
        return True

    def _put(self, group: _Group, event: Event | None) -> None:
        group.queue.append(event)
        self._wake(group, 1)

    def _wake(self, group: _Group, count: int) -> None:
        if group.waiting is not None:
            task, epoch = group.waiting
            group.waiting = None
            self._ready.append((task, count, epoch))

    def _end(self, task: _Task, result: Result | None) -> None:
        group = task.group
        if group is None:
            self._has_ended = True
            return
        group.results[task.position] = result
        if group.is_queued:
            self._put(group, None)
        elif len(group.results) == len(group.children):
            self._wake(group, 2)

    def _pass_time(self) -> Actions[None]:
        """No task is ready: wait for the next of those who wait for a time or a gate."""
        gates = frozenset(gate for wait, _, _ in self._gated for gate in wait.gates)
        until = self._timers[0][0] if self._timers else None
        elapsed = yield from self._send(Wait(until, gates))
        if elapsed is None:
            return
        self._elapsed = elapsed
        while self._timers and self._timers[0][0] <= elapsed:
            until, _, task, epoch = heapq.heappop(self._timers)
            if epoch == task.epoch:
                task.answer = until
                # One turn for the timer, one for the task that it wakes.
                self._ready.append((task, 2, epoch))
        for entry in list(self._gated):
            wait, task, epoch = entry
            if any(self._gates.is_released(gate) for gate in wait.gates):
                self._gated.remove(entry)
                if epoch == task.epoch:
                    task.answer = elapsed
                    self._ready.append((task, 1, epoch))


class _Response:
    """The way of a streamed response from the run to the task that writes it to the connection:
    a stream that holds nothing, so that each waits for the other (anyio's `send` and `receive`,
    both of which let others go first once)."""

    def __init__(self, sender: _Task, ready: _Ready) -> None:
        self._sender = sender
        self._ready = ready
        self._receiver = _Task(None)
        self._is_sending = False
        """The sender has let others go first, and is to hand its piece over."""
        self._sender_waits = False
        self._receiver_waits = False
        self._has_received = True
        """The receiver has a piece: at first the response's head."""
        self._ready.append((self._receiver, 1, 0))

    def send(self) -> bool:
        """Whether the piece is handed over at once; else the sender has to wait for its turn."""
        if len(self._ready) > (not self._receiver_waits):
            self._is_sending = True
            self._ready.append((self._sender, 1, self._sender.epoch))
            return False
        # No other task is ready. What the turns of these two would come to:
        if self._receiver_waits:
            self._hand_over()
        else:
            self._has_received = not self._has_received
        return True

    def is_sent(self) -> bool:
        """The sender has its turn: whether it may go on, or has to wait for the receiver."""
        if not self._is_sending:
            return True
        self._is_sending = False
        if not self._receiver_waits:
            self._sender_waits = True
            return False
        self._hand_over()
        return True

    def _hand_over(self) -> None:
        self._receiver_waits, self._has_received = False, True
        self._ready.append((self._receiver, 1, 0))

    def receive(self) -> None:
        """The receiver has its turn."""
        if self._has_received:
            self._has_received = False
            self._ready.append((self._receiver, 1, 0))
        elif self._sender_waits:
            self._sender_waits = False
            self._ready.append((self._sender, 1, self._sender.epoch))
            self._ready.append((self._receiver, 1, 0))
        else:
            self._receiver_waits = True

    def call_off(self) -> None:
        """The sender no longer waits to hand its piece over."""
        self._is_sending = self._sender_waits = False
