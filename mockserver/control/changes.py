"""Who waits for something to change, and is woken when it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Wakes all who wait, at every change; each looks whether it was theirs."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.are_over = False
        """Whether nobody is to wait any more."""

    def end(self) -> None:
        """Whoever waits, or comes to wait, has waited long enough: the server ends."""
        self.are_over = True
        self.notify()

    def notify(self) -> None:
        """Something has changed."""
        if not self._waiting:
            return
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def until(self, find: Callable[[], T | None], seconds: float) -> T | None:
        """What `find` gives, as soon as that is something; None after so many seconds.

        It is asked at once, and at every change.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (found := find()) is None:
            left = deadline - loop.time()
            if left <= 0 or self.are_over:
                return None
            waiting = loop.create_future()
            self._waiting.add(waiting)
            try:
                await asyncio.wait({waiting}, timeout=left)
            finally:
                self._waiting.discard(waiting)
        return found
