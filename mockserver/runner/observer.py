"""Who is told of all runs: the control API listens so, without the runner knowing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mockserver.engine.actions import Event
from mockserver.engine.gates import Waiting
from mockserver.runner.active import ActiveRun


class RunObserver(Protocol):
    """What is told of all runs."""

    def on_start(self, active: ActiveRun) -> None:
        """A run starts."""

    def on_sent(self, active: ActiveRun, events: Sequence[tuple[str, bytes]]) -> None:
        """These were sent: their names, and their blocks."""

    def on_batch_events(self, active: ActiveRun, events: Sequence[Event]) -> None:
        """These happened in a batch run, of which nobody is sent events."""

    def on_wait(self, active: ActiveRun, waiting: Waiting) -> None:
        """A run waits at a gate."""

    def on_end(self, active: ActiveRun) -> None:
        """A run is over, and remembered."""
