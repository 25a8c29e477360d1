"""Pauses in a stream, known from one run, in which something is done in the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from agentos_contract.events import Scope
from agentos_contract.json_values import parse_object
from agentos_contract.spans import Span
from agentos_contract.sse import ServerSentEvent
from contract_tests.judging.streams import StreamedRun
from contract_tests.learning.evidence import Evidence, Json, Run, event_of
from contract_tests.target.budget import NoMoreRuns

T = TypeVar("T")

MIN_PAUSE = 0.15
"""Seconds between two events, for something to be done meanwhile."""
CANDIDATES, TRIES = 2, 2
"""As many pauses of a kind are tried, each so often, until one comes again."""


@dataclass(frozen=True)
class Pause:
    """A pause of a run within one of the workflow's own steps."""

    run: Run
    after: int
    """The event before it, from 0."""
    seconds: float
    span: Span
    """The step or container of the workflow itself that was under way."""
    has_content: bool
    """Whether an agent had streamed some content in it."""

    @property
    def kind(self) -> str:
        """What makes it worth doing something in: one pause of each kind is used."""
        if self.span.scope is Scope.STEP:
            return "last step" if self.span is self.run.root.children[-1] else "step"
        return "container"

    @property
    def cost(self) -> tuple[bool, float]:
        """By which the best of its kind is chosen: in a container one with content; else one that
        comes soon and is easily met."""
        arrived = self.run.stream.exchange.events[self.after][0]
        is_poor = self.kind == "container" and not self.has_content
        return is_poor, abs(self.seconds - 0.5) + 0.2 * arrived


@dataclass(frozen=True)
class Meanwhile(Generic[T]):
    """A run in whose pause something was done."""

    run: StreamedRun
    done: T
    next_event_after: float | None
    """Seconds from when it was begun to the next event; None where none came."""
    took: float
    """Seconds that it took."""

    @property
    def is_within(self) -> bool:
        """Whether it was over before the run went on."""
        return self.next_event_after is not None and self.took < self.next_event_after


def pauses_of(evidence: Evidence) -> list[Pause]:
    """The pause that is best used of each kind: in a step, in the last step, in a container."""

    def best() -> list[Pause]:
        kinds: dict[str, list[Pause]] = {}
        for run in evidence.runs:
            if run.ended_by == "WorkflowCompleted":
                for pause in _pauses(run):
                    kinds.setdefault(pause.kind, []).append(pause)
        tried = (sorted(pauses, key=lambda one: one.cost)[:CANDIDATES] for pauses in kinds.values())
        found = (next((p for p in pauses if _comes_again(evidence, p)), None) for pauses in tried)
        return [pause for pause in found if pause is not None]

    return evidence.once("pauses", best)


def _comes_again(evidence: Evidence, pause: Pause) -> bool:
    """Whether the run pauses there once more: the first time something else may have held it up."""
    for _ in range(TRIES):
        found = during_pause(evidence, pause, lambda started: None)
        after = found.next_event_after if found is not None else None
        if after is not None and after >= MIN_PAUSE:
            return True
    return False


def _pauses(run: Run) -> Iterator[Pause]:
    events = run.stream.exchange.events
    for position in range(1, len(events) - 1):
        seconds = events[position + 1][0] - events[position][0]
        open_spans = [
            span
            for span in run.root.children
            if span.started_index <= position
            and (span.ended_index is None or span.ended_index > position)
        ]
        if seconds >= MIN_PAUSE and len(open_spans) == 1:
            said = run.payloads[open_spans[0].started_index : position + 1]
            has_content = any(event_of(p).endswith("RunContent") and p.get("content") for p in said)
            yield Pause(run, position, seconds, open_spans[0], has_content)


def during_pause(
    evidence: Evidence, pause: Pause, do: Callable[[Json], T], *, session_id: str | None = None
) -> Meanwhile[T] | None:
    """Start the pause's run again and, when the pause has come, `do` something: it is given the
    run's first event. None where the run was over by then, or may not be started."""
    context = evidence.context
    workflow = evidence.workflows[pause.run.workflow_id]
    is_pausing = threading.Event()
    arrivals: list[float] = []
    first: list[ServerSentEvent] = []

    def listen(event: ServerSentEvent) -> None:
        first[:] = first or [event]
        arrivals.append(time.monotonic())
        if len(arrivals) > pause.after:
            is_pausing.set()

    try:
        future = context.runs.start_stream(
            workflow, message=pause.run.message, session_id=session_id, on_event=listen
        )
    except NoMoreRuns:
        return None
    future.add_done_callback(lambda done: is_pausing.set())
    is_pausing.wait(context.client.limits.total)
    started = parse_object(first[0].data) if first else None
    if started is None or future.done():
        return None
    begun_at = time.monotonic()
    done = do(started)
    took = time.monotonic() - begun_at
    _, run = context.judge.stream(workflow, future.result())
    if run is None:
        return None
    after = next((at - begun_at for at in arrivals[pause.after + 1 :]), None)
    return Meanwhile(run, done, after, took)
