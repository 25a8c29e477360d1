"""The register: by its name, what each deviation and variation does, and when it is asked.

    seen      with the request, before anything else looks at it
    started   with what a run is asked for, before it starts
    told      with each event of a run, in its order
    kept      with a session, before it is stored
    answered  with an answer: its head, and the body of what is no stream
    framed    with each piece of a stream's bytes, which are whole events
    carried   with each piece of an answer that goes out, and the way to send it

One may be asked at several of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mockserver.engine.actions import Event

if TYPE_CHECKING:
    from mockserver.engine.run import Run
    from mockserver.faults.exchange import Answer, Seen, Wire
    from mockserver.runner.runner import RunRequest
    from mockserver.sessions.sessions import Session

F = TypeVar("F", bound=Callable[..., Any])

Memory = dict[str, Any]
"""What one deviation remembers from one request to the next, for as long as the server lives."""


@dataclass
class Story:
    """What has become of one run, as one deviation sees it."""

    run: Run
    memory: Memory
    beside: Callable[[], list[Run]]
    """The runs that are under way at the same time."""
    said: list[str] = field(default_factory=list)
    """The names of the events before this one."""
    notes: dict[str, Any] = field(default_factory=dict)
    """The deviation's own."""

    def is_first(self, name: str) -> bool:
        """Whether no event of that name came before."""
        return name not in self.said


Seeing = Callable[["Seen"], None]
Starting = Callable[["RunRequest", Memory], "RunRequest"]
Telling = Callable[[Event, Story], Iterable[Event]]
"""The events to tell instead. The event itself must be left as it is."""
Keeping = Callable[["Session"], None]
Answering = Callable[["Answer"], None]
Framing = Callable[[bytes, "Answer"], bytes]
Carrying = Callable[[bytes, bool, "Wire"], Awaitable[None]]
"""With the piece, whether it is the last, and what to send it by."""


class Moment(Generic[F]):
    """What is done at one moment. Use it as a decorator: `@told("order.no-start")`."""

    def __init__(self) -> None:
        self.performers: dict[str, F] = {}

    def __call__(self, name: str) -> Callable[[F], F]:
        def register(performer: F) -> F:
            assert name not in self.performers, name
            self.performers[name] = performer
            return performer

        return register

    def named(self, names: Iterable[str]) -> tuple[tuple[str, F], ...]:
        """Those of these names, in the order in which they were registered."""
        wanted = frozenset(names)
        return tuple((name, p) for name, p in self.performers.items() if name in wanted)


seen: Moment[Seeing] = Moment()
started: Moment[Starting] = Moment()
told: Moment[Telling] = Moment()
kept: Moment[Keeping] = Moment()
answered: Moment[Answering] = Moment()
framed: Moment[Framing] = Moment()
carried: Moment[Carrying] = Moment()


def performed() -> frozenset[str]:
    """The names of all that some function performs."""
    moments: tuple[Moment[Any], ...] = (seen, started, told, kept, answered, framed, carried)
    return frozenset().union(*(moment.performers for moment in moments))


@dataclass(frozen=True)
class Performance:
    """What a set of names comes to."""

    seen: tuple[tuple[str, Seeing], ...]
    started: tuple[tuple[str, Starting], ...]
    told: tuple[tuple[str, Telling], ...]
    kept: tuple[tuple[str, Keeping], ...]
    answered: tuple[tuple[str, Answering], ...]
    framed: tuple[tuple[str, Framing], ...]
    carried: tuple[tuple[str, Carrying], ...]

    @property
    def is_of_exchange(self) -> bool:
        """Whether anything is done to the request or to its answer."""
        return bool(self.seen or self.answered or self.framed or self.carried)


@lru_cache(maxsize=256)
def performance_of(names: frozenset[str]) -> Performance:
    """What to do for these names, at each moment."""
    return Performance(
        seen.named(names),
        started.named(names),
        told.named(names),
        kept.named(names),
        answered.named(names),
        framed.named(names),
        carried.named(names),
    )
