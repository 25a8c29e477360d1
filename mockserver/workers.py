"""Several processes that serve on one port."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

logger = logging.getLogger(__name__)

SECONDS_TO_FAIL = 5.0
"""A worker that ends by itself sooner after its start would do so again and again."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Work = Callable[[socket.socket], int]
"""Serves on a socket until a signal comes, in a process of its own; its exit code."""


class Workers:
    """The workers, each with its socket. One that ends is started again."""

    def __init__(self, work: Work, listeners: Sequence[socket.socket]) -> None:
        self._work = work
        self._sockets = list(listeners)
        self._running: dict[int, tuple[socket.socket, float]] = {}
        """By process id: its socket, and when it was started."""
        self._code: int | None = None
        """None: nobody has asked for the end."""
        self._is_here, self._here = os.pipe()
        """Closed as this process ends, however it ends: no worker outlives it."""

    def run(self) -> int:
        """Serve until a signal comes; the exit code. The first signal ends all workers in good
        order, a second one at once."""
        for number in SIGNALS:
            signal.signal(number, self._pass_on)
        for listener in self._sockets:
            self._start(listener)
        while self._running:
            pid, status = os.waitpid(-1, 0)
            listener, started = self._running.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            if self._code is not None:
                self._code = max(self._code, code)
            elif code >= 0 and time.monotonic() - started < SECONDS_TO_FAIL:
                logger.error("a worker ended at once (%s): so do the others", _said(code))
                self._end(signal.SIGTERM)
                self._code = max(code, 1)
            else:
                logger.error("a worker has ended (%s): another takes its place", _said(code))
                self._start(listener)
        return self._code or 0

    def _start(self, listener: socket.socket) -> None:
        # A signal that came in between would be passed on to nobody, or end a half-made worker.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            self._become_worker(listener)
        self._running[pid] = (listener, time.monotonic())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _become_worker(self, listener: socket.socket) -> NoReturn:
        code = 1
        try:
            os.setpgrp()  # a terminal's Ctrl-C is for the one that passes it on
            os.close(self._here)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            for other in self._sockets:
                if other is not listener:
                    other.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            code = self._work(listener)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            logger.exception("a worker failed")
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    @property
    def is_here(self) -> int:
        """A file descriptor that can be read from once the process that has started the workers is
        gone."""
        return self._is_here

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._end(number)

    def _end(self, number: int) -> None:
        self._code = self._code or 0
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        # Open here, they would take connections that nobody serves any more.
        for listener in self._sockets:
            listener.close()


def _said(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
