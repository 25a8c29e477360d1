"""Silences: pauses in a stream, known from one run, used in the next to do something meanwhile."""

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
from contract_tests.checks.requests import Fields
from contract_tests.judging.streams import StreamedRun
from contract_tests.learning.evidence import Evidence, Json, Run, event_of
from contract_tests.target.budget import NoMoreRuns

T = TypeVar("T")

MIN_SILENCE = 0.15
"""Seconds between two events, for something to be done meanwhile."""


@dataclass(frozen=True)
class Silence:
    """The longest pause of a run within one of the workflow's own steps."""

    run: Run
    after: int
    """The event before it, from 0."""
    seconds: float
    span: Span
    """The step or container of the workflow itself that was under way."""
    has_spoken: bool
    """An agent had said something in it."""


@dataclass(frozen=True)
class Meanwhile(Generic[T]):
    """A run in whose silence something was done."""

    run: StreamedRun
    done: T
    next_event_after: float | None
    """Seconds from then to the next event; None where none came."""


def silences_of(evidence: Evidence) -> list[Silence]:
    """The silence that is best used of each kind: in a step, in the last step, in a container, in
    one whose agent has spoken."""
    return evidence.once("silences", lambda: _silences_worth_using(evidence))


def in_silence(
    evidence: Evidence,
    silence: Silence,
    do: Callable[[Json], T],
    *,
    session_id: str | None = None,
    extra: Fields = (),
) -> Meanwhile[T] | None:
    """Start the silence's run again and, when it falls silent, `do` something: it is given the
    run's first event. None where the run was over by then, or may not be started."""
    context = evidence.context
    workflow = next(w for w in context.target.workflows if w.id == silence.run.workflow_id)
    is_silent = threading.Event()
    arrivals: list[float] = []
    first: list[ServerSentEvent] = []

    def listen(event: ServerSentEvent) -> None:
        first[:] = first or [event]
        arrivals.append(time.monotonic())
        if len(arrivals) > silence.after:
            is_silent.set()

    try:
        future = context.runs.start_stream(
            workflow,
            message=silence.run.message,
            session_id=session_id,
            extra=extra,
            on_event=listen,
        )
    except NoMoreRuns:
        return None
    future.add_done_callback(lambda done: is_silent.set())
    is_silent.wait(context.client.limits.total)
    started = parse_object(first[0].data.encode()) if first else None
    if started is None or future.done():
        return None
    done_at = time.monotonic()
    done = do(started)
    _, run = context.judge.stream(workflow, future.result())
    if run is None:
        return None
    after = next((at - done_at for at in arrivals[silence.after + 1 :]), None)
    return Meanwhile(run, done, after)


def _silences_worth_using(evidence: Evidence) -> list[Silence]:
    kinds: dict[str, Silence] = {}
    for run in evidence.runs:
        if run.ended_by != "WorkflowCompleted":
            continue
        for silence in _silences(run):
            is_step = silence.span.scope is Scope.STEP
            is_last = silence.span is run.root.children[-1]
            kind = ("last step" if is_last else "step") if is_step else "container"
            if not is_step and silence.has_spoken:
                kind = "container that has spoken"
            known = kinds.get(kind)
            if known is None or _ease(silence) < _ease(known):
                kinds[kind] = silence
    if "container that has spoken" in kinds:
        kinds.pop("container", None)
    return list(kinds.values())


def _ease(silence: Silence) -> float:
    """How far a silence is from one that is quickly there and easily met."""
    arrived = silence.run.stream.exchange.events[silence.after][0]
    return abs(silence.seconds - 0.5) + 0.2 * arrived


def _silences(run: Run) -> Iterator[Silence]:
    events = run.stream.exchange.events
    for position in range(1, len(events) - 1):
        seconds = events[position + 1][0] - events[position][0]
        if seconds < MIN_SILENCE:
            continue
        open_spans = [
            span
            for span in run.root.children
            if span.started_index <= position
            and (span.ended_index is None or span.ended_index > position)
        ]
        if len(open_spans) == 1:
            said = run.payloads[open_spans[0].started_index : position + 1]
            has_spoken = any(event_of(p).endswith("RunContent") and p.get("content") for p in said)
            yield Silence(run, position, seconds, open_spans[0], has_spoken)
