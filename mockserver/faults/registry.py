"""The registry of departures: by its name, what each deviation and variation changes.

A departure that the mock's own code has a hook for is a subclass of one of the hooks classes
(`engine/hooks.py`, `sessions/hooks.py`, `runner/hooks.py`, `http/hooks.py`) that overrides what it
changes and leaves the rest to `super()`:

    @departure("loop.last-continues")
    class LastIterationContinues(EngineHooks):
        def should_continue(self, wanted: bool, *, is_last: bool) -> bool:
            return wanted

One name may have a class of each. Several names together are one class with these as its bases
(Python's method resolution order): the one registered last is asked first.

A fault that changes what goes in or out is asked at one of the hook points. The plain ones are
data (rules.py); the rest are a function each:

    on_request        the request, before anything else looks at it
    on_start          what a run is asked for, before it starts
    on_event          each event of a streamed run, in its order
    on_response       a response: its head, and the body of what is no stream
    on_frame          each piece of a stream's bytes, which are whole events
    on_chunk          each piece of a response that goes out, and the way to send it

One name may have a function at several of these. Several names together are asked in the order of
the catalogues, variations last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

from agentos_contract.deviations import Deviation, load_deviations
from agentos_contract.variations import Variation, load_variations
from mockserver.engine.actions import Event
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.run import Run
from mockserver.faults.acting import is_asked, note, noted
from mockserver.faults.changes import Names
from mockserver.faults.exchange import Request, Response, Wire
from mockserver.faults.memory import FaultState, Memories, Memory
from mockserver.faults.rules import (
    AnyRule,
    ChunkRule,
    EventRule,
    FormRule,
    FrameRule,
    ResponseRule,
    RuleError,
    read_rule,
)
from mockserver.http.hooks import HttpHooks
from mockserver.runner.hooks import OnEvent, RunnerHooks, RunRequest
from mockserver.sessions.hooks import SessionHooks

C = TypeVar("C", bound=type[Any])
T = TypeVar("T")
H = TypeVar("H")
F = TypeVar("F", bound=Callable[..., Any])

# -- hooks classes

_CLASSES: dict[type[Any], dict[str, type[Any]]] = {
    EngineHooks: {},
    SessionHooks: {},
    RunnerHooks: {},
    HttpHooks: {},
}


_ON: dict[str, str | int] = {}
"""Of a hooks class, on what it can show, where that was said."""


def departure(name: str, *, on: str | int | None = None) -> Callable[[C], C]:
    """Register a subclass of a hooks class as what `name` changes there: in a run, or in any
    response, unless `on` says in which (Occurrence)."""

    def register(hooks: C) -> C:
        by_name = next(names for base, names in _CLASSES.items() if issubclass(hooks, base))
        assert name not in by_name, name
        by_name[name] = hooks
        if on is not None:
            _ON[name] = on
        return hooks

    return register


# -- functions at hook points

RequestFault = Callable[[Request], None]
StartFault = Callable[[RunRequest, Memory], RunRequest]
EventFault = Callable[[Event, FaultState], Iterable[Event]]
"""The events to send instead. The event itself must be left as it is."""
ResponseFault = Callable[[Response], None]
FrameFault = Callable[[bytes, Response], bytes]
ChunkFault = Callable[[bytes, bool, Wire], Awaitable[None]]
"""With the piece, whether it is the last, and what to send it by."""


@dataclass(frozen=True)
class Occurrence:
    """On what a fault can show at a hook point."""

    on: str | int
    """`run`, `form`, `stream`, `batch` (a run and its kind), `cancel`, `error`, `response`, a
    status, or `token`: a server that asks for one."""
    needs: tuple[Names, ...] = ()
    """Of each of these a run must have an event."""
    members: frozenset[str] = frozenset()
    """And one with all of these members."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """What must hold of the exchange, as in a rule."""


class HookPoint(Generic[F]):
    """One point at which faults are asked. Use it as a decorator: `@on_event("order.no-start")`."""

    def __init__(self, usual: str) -> None:
        self.faults: dict[str, F] = {}
        self.occurrences: dict[str, Occurrence] = {}
        self.of = lru_cache(maxsize=256)(self._of)
        """Those of these names, in the order of the catalogues."""
        self._usual = usual

    def __call__(
        self, name: str, *, on: str | int | None = None, of: str | None = None
    ) -> Callable[[F], F]:
        """Register what `name` does here: on what (Occurrence), and to which event."""
        return self.register(name, Occurrence(on or self._usual, ((of,),) if of else ()))

    def register(self, name: str, occurrence: Occurrence) -> Callable[[F], F]:
        def register(fault: F) -> F:
            assert name not in self.faults, name
            self.faults[name] = fault
            self.occurrences[name] = occurrence
            return fault

        return register

    def _of(self, names: frozenset[str]) -> tuple[tuple[str, F], ...]:
        chosen = [name for name in self.faults if name in names]
        return tuple((name, self.faults[name]) for name in sorted(chosen, key=_order().index))


on_request: HookPoint[RequestFault] = HookPoint("response")
on_start: HookPoint[StartFault] = HookPoint("run")
on_event: HookPoint[EventFault] = HookPoint("stream")
on_response: HookPoint[ResponseFault] = HookPoint("response")
on_frame: HookPoint[FrameFault] = HookPoint("stream")
on_chunk: HookPoint[ChunkFault] = HookPoint("response")

_POINTS: tuple[HookPoint[Any], ...] = (
    on_request,
    on_start,
    on_event,
    on_response,
    on_frame,
    on_chunk,
)


def _each(rules: Sequence[Callable[[T], None]]) -> Callable[[T], None]:
    def fault(subject: T) -> None:
        for rule in rules:
            rule(subject)

    return fault


def _events(rules: Sequence[EventRule]) -> EventFault:
    def fault(event: Event, state: FaultState) -> Iterable[Event]:
        events = [event]
        for number, rule in enumerate(rules):
            notes = state.notes.setdefault(str(number), {})
            events = [sent for each in events for sent in rule(each, state, notes)]
        return events

    return fault


def _frames(rules: Sequence[FrameRule]) -> FrameFault:
    def fault(chunk: bytes, response: Response) -> bytes:
        for rule in rules:
            chunk = rule(chunk, response.notes.setdefault(id(rule), {}))
        return chunk

    return fault


_POINTS_OF_RULES: dict[type[Any], tuple[HookPoint[Any], Callable[[Any], Any]]] = {
    EventRule: (on_event, _events),
    FormRule: (on_request, _each),
    ResponseRule: (on_response, _each),
    FrameRule: (on_frame, _frames),
    ChunkRule: (on_chunk, lambda rules: rules[0]),
}


@cache
def _order() -> list[str]:
    return [*load_deviations(), *load_variations()]


def register_rules() -> None:
    """Register the faults that are data, each at the hook point of what it changes.

    Raises ValueError for a rule that cannot be read.
    """
    entries: list[Deviation | Variation] = [
        *load_deviations().values(),
        *load_variations().values(),
    ]
    for entry in entries:
        try:
            rules = [read_rule(rule) for rule in entry.does]
        except RuleError as error:
            raise ValueError(f"{entry.file}: {entry.id}: does: {error}") from error
        for kind, (point, together) in _POINTS_OF_RULES.items():
            of_kind = [rule for rule in rules if isinstance(rule, kind)]
            if of_kind:
                point.register(entry.id, _occurrence(of_kind))(together(of_kind))


def _occurrence(rules: Sequence[AnyRule]) -> Occurrence:
    """On what several rules of one kind show."""
    if isinstance(rules[0], EventRule):
        needs = [names for rule in rules if isinstance(rule, EventRule) for names in rule.needs]
        return Occurrence("stream", tuple(needs), rules[0].members)
    needs = [names for rule in rules if isinstance(rule, FrameRule) for names in rule.needs]
    return Occurrence(rules[0].on, tuple(needs), where=getattr(rules[0], "where", {}))


def registered() -> frozenset[str]:
    """The names that something is registered for."""
    return frozenset().union(*_CLASSES.values(), *(point.faults for point in _POINTS))


@cache
def occurrences(name: str) -> tuple[Occurrence, ...]:
    """On what a deviation or variation can show."""
    found = [point.occurrences[name] for point in _POINTS if name in point.occurrences]
    for base, classes in _CLASSES.items():
        if name in classes:
            is_of_run = base is EngineHooks or base is RunnerHooks
            found.append(Occurrence(_ON.get(name, "run" if is_of_run else "response")))
    return tuple(found)


def shows_on(name: str) -> str | int:
    """On which responses a hooks class can show, as an occurrence says it: `response` is any."""
    return _ON.get(name, "response")


def shows_in_run(name: str) -> bool:
    """Whether it changes a run, or a stream's bytes."""
    is_class = any(name in _CLASSES[base] for base in (EngineHooks, RunnerHooks, SessionHooks))
    return is_class or any(name in point.faults for point in (on_start, on_event, on_frame))


@lru_cache(maxsize=256)
def change_exchange(names: frozenset[str]) -> bool:
    """Whether anything is done to the request or to its response."""
    points: tuple[HookPoint[Any], ...] = (on_request, on_response, on_frame, on_chunk)
    return bool(names) and any(point.of(names) for point in points)


# -- names to hooks


def resolve(
    names: frozenset[str], memories: Memories | None = None, *, is_noted: bool = False
) -> HttpHooks:
    """The hooks of a request whose answer departs in these ways.

    `memories` are the server's; without them its faults remember for themselves. `is_noted`:
    whether somebody wants to know which of them change something.
    """
    http_class, runner_class, session_class, engine_class = _hooks_classes(names, is_noted)
    runner = runner_class()
    if isinstance(runner, _RunnerFaults):
        runner.names = names
        runner.memories = memories or Memories()
    runner.engine = engine_class
    runner.sessions = session_class()
    http = http_class()
    http.runner = runner
    return http


@lru_cache(maxsize=256)
def _hooks_classes(
    names: frozenset[str], is_noted: bool
) -> tuple[type[HttpHooks], type[RunnerHooks], type[SessionHooks], type[EngineHooks]]:
    runner = _composed(RunnerHooks, names, is_noted)
    if on_start.of(names) or on_event.of(names):
        runner = type(runner.__name__, (_RunnerFaults, runner), {})
    return (
        _composed(HttpHooks, names, is_noted),
        runner,
        _composed(SessionHooks, names, is_noted),
        _composed(EngineHooks, names, is_noted),
    )


def _composed(base: type[H], names: frozenset[str], is_noted: bool) -> type[H]:
    classes = [
        noted(name, hooks, compares=base in (HttpHooks, SessionHooks)) if is_noted else hooks
        for name, hooks in _CLASSES[base].items()
        if name in names
    ]
    return type(base.__name__, (*reversed(classes), base), {}) if classes else base


class _RunnerFaults(RunnerHooks):
    """Runs the functions at a run's hook points."""

    names: frozenset[str]
    memories: Memories

    def on_start(self, request: RunRequest) -> RunRequest:
        for name, fault in on_start.of(self.names):
            before, request = request, fault(request, self.memories.of(name))
            if request is not before:
                note(name)
        return super().on_start(request)

    def on_event(self, run: Run, under_way: Callable[[], list[Run]]) -> OnEvent | None:
        faults = [
            (name, fault, FaultState(run, self.memories.of(name), under_way))
            for name, fault in on_event.of(self.names)
        ]
        return (lambda event: _passed_through(faults, event)) if faults else None


def _passed_through(faults: list[tuple[str, EventFault, FaultState]], event: Event) -> list[Event]:
    """What is sent instead of an event: each fault is given what the one before makes of it."""
    events = [event]
    for name, fault, state in faults:
        changed: list[Event] = []
        for each in events:
            changed += fault(each, state)
            state.before.add(each["event"])
        if is_asked(name) and changed != events:
            note(name)
        events = changed
    return events
