"""The gates of one run: where it waits until somebody releases it, or a part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_contract.events import TERMINAL_EVENTS
from mockserver.engine.actions import Actions, Event, NodeActions, Wait


@dataclass(frozen=True)
class Hold:
    """Wait before or after an event, until a gate is released."""

    when: Literal["before", "after"]
    event: str
    """Its name."""
    gate: str
    step: str | None = None
    """The name of the step or container that the event names. None: any."""

    def is_at(self, when: str, event: Event) -> bool:
        return (
            self.when == when
            and self.event == event["event"]
            and self.step in (None, event.get("step_name"))
        )


@dataclass(frozen=True, eq=False)
class Waiting:
    """A place where a run waits."""

    gate: str
    step: str | None
    """The name of the step that it is in, where there is one."""
    since: float
    """Seconds since the epoch."""


_ALWAYS_SENT = TERMINAL_EVENTS | {"WorkflowStarted"}
"""A run that is cancelled while it is held before one of these has begun all the same, or ended."""


class Gates:
    """Which gates are released for a run, and at which it waits.

    What is held is one branch: the others go on. A gate that was released stays so.
    """

    def __init__(
        self,
        holds: Sequence[Hold] = (),
        *,
        reached: set[Any] | None = None,
        is_released: Callable[[str], bool] = lambda gate: False,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`reached`: where holds are noted that the run has come to. `is_released`: for others
        besides this run. `clock` gives seconds since the epoch."""
        self._reached = set() if reached is None else reached
        self.waiting: list[Waiting] = []
        """Where it waits, once all that comes before was sent (`announce`)."""
        self._coming: list[Waiting] = []
        self.held_until = 0.0
        """When the last wait was over: seconds since the run's start."""
        self._holds = holds
        self._released: set[str] = set()
        self._is_released = is_released
        self._clock = clock
        self._passed: dict[int, Event] = {}
        """Events that have been held: who began a branch sends them on, and is not held by them."""

    def release(self, gate: str) -> None:
        """Release a gate for this run, whether it waits there already or comes to it later."""
        self._released.add(gate)

    def is_released(self, gate: str) -> bool:
        return gate in self._released or self._is_released(gate)

    def wait(self, gate: str, step: str | None) -> Actions[float | None]:
        """Wait at a gate; when that was over, None where it was released before."""
        if self.is_released(gate):
            return None
        place = Waiting(gate, step, self._clock())
        self._coming.append(place)
        try:
            while not self.is_released(gate):
                self.held_until = yield Wait(None, frozenset({gate}))
        finally:
            (self._coming if place in self._coming else self.waiting).remove(place)
        return self.held_until

    def announce(self) -> Sequence[Waiting]:
        """All that comes before the waits that have begun was sent: those waits."""
        begun, self._coming = self._coming, []
        self.waiting += begun
        return begun

    def around(self, actions: NodeActions) -> NodeActions:
        """These actions, held where the run's holds say."""
        return self._held(actions) if self._holds else actions

    def _held(self, actions: NodeActions) -> NodeActions:
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                try:
                    if error is not None:
                        thrown, error = error, None
                        action = actions.throw(thrown)
                    else:
                        action = actions.send(answer)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                is_due = False
                try:
                    if isinstance(action, Wait):
                        answer = yield action
                        continue
                    if id(action) in self._passed:
                        answer = yield action
                        continue
                    self._passed[id(action)] = action
                    is_due = True
                    yield from self._at("before", action)
                    is_due = False
                    answer = yield action
                    yield from self._at("after", action)
                except Exception as failure:
                    error = failure
                    if is_due and not isinstance(action, Wait) and action["event"] in _ALWAYS_SENT:
                        yield action
        finally:
            actions.close()

    def _at(self, when: str, event: Event) -> Actions[None]:
        for hold in self._holds:
            if hold.is_at(when, event):
                self._reached.add(hold)
                yield from self.wait(hold.gate, event.get("step_name"))
