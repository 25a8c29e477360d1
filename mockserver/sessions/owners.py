"""Which processes that share a store on one machine are still there.

Each has a file of its own beside the store's and holds a lock on it, which the operating system
gives back when the process ends, however it ends. So nobody has to wait until a lease runs out.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout


class Owners:
    """The processes that have one file open, this one among them."""

    def __init__(self, file: Path) -> None:
        """Raises OSError where no file can be made beside `file`."""
        self._file = file
        self.own_id = uuid.uuid4().hex
        self._lock = self._lock_of(self.own_id)
        while True:
            self._lock.acquire()
            if self._path(self.own_id).exists():
                break
            self._lock.release()  # somebody took it for one that was left, and removed it

    def others(self) -> list[str]:
        """The other processes that are there."""
        left = set(self._files()) - {self.own_id}
        return [owner for owner in left if not self._is_gone(owner)]

    def gone(self, owners: Iterable[str]) -> list[str]:
        """Those of these ids, and of those whose files were left, whose process has ended."""
        found = {*owners, *self._files()} - {self.own_id}
        return [owner for owner in sorted(found) if self._is_gone(owner)]

    def _files(self) -> list[str]:
        """Those whose files are there."""
        prefix = self._path("").name
        try:
            names = os.listdir(self._file.parent)
        except FileNotFoundError:  # the folder was removed, and with it who was there
            return []
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def _is_gone(self, owner: str) -> bool:
        lock = self._lock_of(owner)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        self._path(owner).unlink(missing_ok=True)
        lock.release()
        return True

    def close(self) -> None:
        """This process is done with the file."""
        self._path(self.own_id).unlink(missing_ok=True)
        self._lock.release()

    def _path(self, owner: str) -> Path:
        return self._file.with_name(f"{self._file.name}-owner-{owner}")

    def _lock_of(self, owner: str) -> FileLock:
        return FileLock(self._path(owner), thread_local=False)
