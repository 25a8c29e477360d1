"""What time it is for the runs of a scope: the machine's, until a test says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping


class Clock:
    """Seconds since the epoch, which can be set, and moved on."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._frozen: float | None = None
        self._ahead = 0.0
        """Of `now`."""
        self._advanced = 0.0
        """Of what the machine says has passed."""
        self._sleepers: set[asyncio.Event] = set()

    def __call__(self) -> float:
        """Seconds since the epoch."""
        if self._frozen is not None:
            return self._frozen
        return self._now() + self._ahead

    def monotonic(self) -> float:
        """Seconds that only ever grow, by which runs wait."""
        return time.monotonic() + self._advanced

    def set(self, now: float) -> None:
        """It is that time from now on, until it is moved on or reset."""
        self._frozen = now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once, of what runs wait for too."""
        self._advanced += seconds
        self._ahead += seconds
        if self._frozen is not None:
            self._frozen += seconds
        for sleeper in self._sleepers:
            sleeper.set()

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed by `monotonic`."""
        until = self.monotonic() + seconds
        moved = asyncio.Event()
        self._sleepers.add(moved)
        try:
            while (left := until - self.monotonic()) > 0:
                moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), left)
        finally:
            self._sleepers.discard(moved)

    def to_dict(self) -> dict[str, float | None]:
        """How far it is ahead, and where it stands still, if it does."""
        return {"ahead": self._ahead, "frozen": self._frozen}

    def follow(self, other: Mapping[str, float | None]) -> None:
        """Go as another does (`to_dict`), which a process has that is asked beside this one."""
        self.advance((other["ahead"] or 0.0) - self._ahead)
        self._frozen = other["frozen"]

    def reset(self) -> None:
        """It is the machine's time again. What has passed for runs under way has passed."""
        self._frozen = None
        self._ahead = 0.0  # `monotonic` may not go back; the epoch's seconds may
