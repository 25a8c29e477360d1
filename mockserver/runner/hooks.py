"""What a run is asked for, and where carrying it out may part from the contract: each hook's
default is the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockserver.engine.actions import Event
from mockserver.engine.gates import Hold
from mockserver.engine.hooks import EngineHooks
from mockserver.engine.run import Run
from mockserver.recordings.format import Recording
from mockserver.runner.scopes import MockScope
from mockserver.script.model import Workflow
from mockserver.sessions.hooks import SessionHooks

OnEvent = Callable[[Event], Iterable[Event]]
"""The events to send instead of one. The event itself is left as it is."""


class RunnerHooks:
    """What the runner asks when it starts a run, passes its events on, and remembers it."""

    engine: type[EngineHooks] = EngineHooks
    """One is made for each run."""
    sessions: SessionHooks = SessionHooks()

    def on_start(self, request: RunRequest) -> RunRequest:
        """What to start instead of what was asked for."""
        return request

    def on_event(self, run: Run, under_way: Callable[[], list[Run]]) -> OnEvent | None:
        """What a run's events pass through before they are sent; None: nothing.

        `under_way` are the runs at that moment, this one among them.
        """
        return None

    def is_sent_late(self, request: RunRequest) -> bool:
        """Whether the events of one moment are not sent before it is over."""
        return False

    def is_kept_from_start(self, request: RunRequest) -> bool:
        """Whether a run is in its session from its start on, not from its end."""
        return True

    def is_kept_at_end(self, run: Run, *, is_disconnected: bool) -> bool:
        """Whether a run is in its session once it is over, also where its client went away."""
        return True

    def kept_events(self, events: list[bytes], run: Run) -> list[bytes]:
        """The payloads that are kept of a run's events, when it is over."""
        return events


@dataclass(frozen=True)
class Steering:
    """What is done to a run from outside, besides its script."""

    holds: tuple[Hold, ...] = ()
    cut_after: int | None = None
    """The connection is cut after so many events were sent."""
    fail_after: int | None = None
    """The run fails after so many events, with `error`."""
    error: str = "the run was made to fail"
    speed: float | None = None
    """How much faster than its script it goes; None: as the mock does."""
    seed: int | None = None
    """The same gives the same ids."""
    acted: set[Any] = field(default_factory=set, compare=False)
    """What of it has changed something: `cut_after`, `fail_after`, and holds."""


@dataclass(slots=True, eq=False)
class RunRequest:
    """What a caller asks for. It is never changed; it is not a frozen dataclass because that takes
    five times as long to make."""

    workflow: Workflow
    input: Any
    input_text: str = ""
    """The input as steps are given it, where `input` is not a text; "": as JSON."""
    input_value: Any = None
    """The input as scripts see it; None: the same as `input`."""
    session_id: str | None = None
    user_id: str | None = None
    session_state: dict[str, Any] | None = None
    """Merged into the session's state before the run."""
    run_id: str | None = None
    """None: a fresh one."""
    form: Mapping[str, Any] = field(default_factory=dict)
    """All fields of the form, also those that have no attribute of their own here."""
    additional_data: Any = None
    """What scripts see as `additional_data`: a text, or True."""
    is_brief: bool = False
    """Of its stream only the events of BRIEF (runner/active.py) are sent and kept."""
    is_background: bool = False
    """It goes on without its client, and is kept in its session from its start on."""
    is_over_websocket: bool = False
    recording: Recording | None = None
    """What to replay instead of carrying the steps out."""
    stream: bool = True
    scope: MockScope | None = None
    """Whose run it is; None: the unnamed scope's."""
    steering: Steering = Steering()
    hooks: RunnerHooks = field(default_factory=RunnerHooks)
    """Where carrying it out parts from the contract."""
