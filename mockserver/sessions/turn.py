"""Whose turn it is, among the processes of one machine: a lock that is taken thousands of times a
second, so its file stays open. (`filelock` opens it each time, which is a third of a run's work.)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_BETWEEN_ASKING = 0.001


class Turn:
    """A lock on a file, by the operating system, which gives it back when a process ends.

    On Windows there is none, and everybody has the turn at once.
    """

    def __init__(self, file: Path) -> None:
        """Raises OSError where the file cannot be made."""
        self._file = file.open("ab")

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def taken(self, seconds: float) -> Iterator[bool]:
        """Nobody else has the turn within it. After so many seconds of waiting it goes on without:
        False."""
        until = time.monotonic() + seconds
        while not (is_taken := _lock(self._file.fileno())) and time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_ASKING)
        try:
            yield is_taken
        finally:
            if is_taken:
                _unlock(self._file.fileno())


if sys.platform == "win32":

    def _lock(file: int) -> bool:
        return True

    def _unlock(file: int) -> None:
        pass

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system that has no locks: as on Windows
            pass
        return True

    def _unlock(file: int) -> None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
