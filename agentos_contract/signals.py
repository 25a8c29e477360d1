"""SIGINT and SIGTERM during a long command: what was done is kept; a second one ends at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """While it is entered the first of them raises KeyboardInterrupt with its name in the main
    thread, where a command ends early and reports. Processes that were started are told too."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._is_deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._receive) for one in SIGNALS}
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, the first one is noted and no more: a report is being written."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def exit_code(self, otherwise: int) -> int:
        """128 and the signal's number, as shells have it, where there was one."""
        return otherwise if self.received is None else 128 + self.received

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(128 + number)
        self.received = signal.Signals(number)
        if self.received is signal.SIGTERM:  # a terminal sends SIGINT to all of them
            for child in multiprocessing.active_children():
                child.terminate()
        if not self._is_deferred:
            raise KeyboardInterrupt(self.received.name)


def interrupt_once() -> None:
    """In a process that was started: the first of the signals raises KeyboardInterrupt, so that it
    hands over what it has; others are ignored."""

    def receive(number: int, frame: FrameType | None) -> None:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    for one in SIGNALS:
        signal.signal(one, receive)
