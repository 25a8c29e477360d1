"""What the engine's parts hand to each other: actions, time, a step's input, failures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mockserver.engine.media import Media, joined, media_of
from mockserver.engine.results import Result

Event = dict[str, Any]
T = TypeVar("T")


class RunCancelled(Exception):
    """Thrown into the engine to cancel its run."""


class RunFailed(RunCancelled):
    """Thrown into the engine to have its run fail; `str()` is the error."""


class RunPaused(Exception):
    """The run waits for its user; `events` say so, and end its stream."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__("paused")
        self.events = events


class StepFailed(Exception):
    """A step or container failed; `str()` is the error, `kind` the name of Python's exception.

    `step_id` is that of the outermost one that the failure has left behind, `results` those within
    it.
    """

    def __init__(
        self,
        error: str,
        step_id: str | None = None,
        results: Sequence[Result] = (),
        kind: str = "RuntimeError",
    ) -> None:
        super().__init__(error)
        self.kind = kind
        self.step_id = step_id
        self.results = results


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens before `until` (seconds since the run's start; None: not by time alone)
    unless one of `gates` is released."""

    until: float | None
    gates: frozenset[str] = frozenset()
    since: float | None = None
    """What `until` was counted from: it is later by as much as a gate has held the run since."""


def sleep(since: float, seconds: float) -> Wait:
    """A Wait for so many seconds from `since` on."""
    return Wait(since + seconds, since=since)


Action = Event | Wait
Actions = Generator[Action, float, T]
"""What is done, step by step, and what it returns: it yields actions, and is sent back after each
Wait how far the run has come, in seconds since its start."""
NodeActions = Actions[Result | None]
"""What a node does. None: it came to no result (which only a deviation brings about)."""

StepIndex = int | tuple[int, ...]


@dataclass(slots=True)
class Branch:
    """One line of execution, with the time that it has reached: seconds since the run's start."""

    now: float = 0.0
    is_beside_others: bool = False
    """It is within a Parallel, or one of a team's members at work."""


class StepInput:
    """What a step gets to see (Agno's StepInput). It is handed on and updated as there: a Step
    looks as deep as it can into what came before, and whoever shares its input sees the same."""

    __slots__ = ("media", "previous_step_content", "previous_step_outputs")

    def __init__(
        self,
        previous_step_outputs: dict[str, Result],
        previous_step_content: Any = None,
        media: Media | None = None,
    ) -> None:
        """`media`: what the steps before it gave."""
        self.previous_step_outputs = previous_step_outputs
        self.previous_step_content = previous_step_content
        self.media = media or {}

    def after(self, outcome: Result, outputs: Mapping[str, Result]) -> StepInput:
        """The next step's input, in a container that has come to `outputs` so far."""
        # Files are not handed on within a container, as in Agno.
        media = joined(self.media, media_of(outcome))
        media = {kind: items for kind, items in media.items() if kind != "files"}
        return StepInput({**self.previous_step_outputs, **outputs}, outcome["content"], media)


@dataclass(slots=True)
class Call:
    """One carrying out of a step or container: with what, and where in the run."""

    step_input: StepInput
    index: StepIndex
    """Its place among its siblings, and its parents' among theirs."""
    parent_id: str | None
    """The step_id of the container that it is in; None at the top level."""
    branch: Branch


def filtered(actions: Actions[T], branch: Branch, is_sent: Callable[[Event], bool]) -> Actions[T]:
    """The same actions without the events that `is_sent` is false of; returns what they return.

    `branch` is the one that they are carried out in. `is_sent` is asked of each event, in order.
    """
    answer: float | None = None
    while True:
        try:
            action = next(actions) if answer is None else actions.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if isinstance(action, Wait) or is_sent(action):
            answer = yield action
        else:
            answer = branch.now
