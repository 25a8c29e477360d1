"""A SQLite database as one process uses it: many writers' work in one transaction, reads beside it.

One thread writes. What has come while it committed goes into its next transaction (group commit),
so that a hundred runs at a time cost about what one does. Whoever waits for a write is answered
once it is committed. SQLite's write-ahead log lets readers go on meanwhile. Several processes
write in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mockserver.sessions.store import Conflict, StoreError
from mockserver.sessions.turn import Turn

T = TypeVar("T")

logger = logging.getLogger(__name__)

SECONDS_LOCKED = 5.0
"""How long another program's lock is waited for."""

SECONDS_OF_CHORES = 5.0
"""Between two times that the writing thread does its chores."""

_REASONS = {
    sqlite3.SQLITE_FULL: "no space is left for it; make room on its disk",
    sqlite3.SQLITE_READONLY: "it cannot be written; make it and its folder writable",
    sqlite3.SQLITE_BUSY: f"another program has had it locked for {SECONDS_LOCKED:g} seconds; "
    "end what has it open",
    sqlite3.SQLITE_LOCKED: "another program has it locked; end what has it open",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database; expected one, or no file yet",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore the file, or name another",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; expected a file in a folder that can be written",
    sqlite3.SQLITE_PERM: "it may not be opened; make it and its folder readable and writable",
    sqlite3.SQLITE_IOERR: "its disk does not read or write; look after the disk and its limits",
}
"""By SQLite's primary result code: what is wrong, and what would be right."""


class Transaction:
    """What a writer is given: the connection, within a transaction, and numbers."""

    def __init__(self, connection: sqlite3.Connection, version: int) -> None:
        self.connection = connection
        self.version = version
        """The last that was given."""

    def next_version(self) -> int:
        self.version += 1
        return self.version


Write = Callable[[Transaction], Any]


@dataclass(slots=True)
class _Job:
    write: Write
    future: asyncio.Future[Any]
    outcome: Any = None
    error: Exception | None = None


class SqliteFile:
    """One database, open."""

    def __init__(
        self,
        file: Path,
        *,
        setup: Callable[[sqlite3.Connection], None],
        chores: Write,
        functions: Mapping[str, Callable[[bytes], bytes]],
    ) -> None:
        """`setup` is called within a transaction before anything else, and may raise StoreError;
        `chores` every SECONDS_OF_CHORES; readers may use `functions`, by name. There must be a
        table `counter` with a row, the version.

        Raises StoreError, OSError where nothing can be written beside the file.
        """
        self.file = file
        self._chores = chores
        self.turn_file = file.with_name(f"{file.name}-turn")
        self._turn: Turn | None = None
        self._is_failing = False
        self._near: sqlite3.Connection | None = None
        self._far: sqlite3.Connection | None = None
        self._writer = self._connected()
        try:
            self._set_up(setup)
            self._identity = _identity(file)
            self._turn = Turn(self.turn_file)
            self._near, self._far = self._connected(0), self._connected()
            for name, function in functions.items():
                for reader in (self._near, self._far):
                    reader.create_function(name, 1, function, deterministic=True)
        except BaseException:
            self._disconnect()
            raise
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()
        self._readers = ThreadPoolExecutor(1, "sqlite-reader")

    def _connected(self, seconds: float = SECONDS_LOCKED) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.file, timeout=seconds, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self.explained(error) from error
        return connection

    def _set_up(self, setup: Callable[[sqlite3.Connection], None]) -> None:
        writer = self._writer
        try:
            # Whoever opens it at the same time waits here, as changing the mode waits for nobody.
            writer.execute("BEGIN IMMEDIATE")
            try:
                setup(writer)
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            until = time.monotonic() + SECONDS_LOCKED
            while True:
                try:
                    writer.execute("PRAGMA journal_mode = WAL")
                    break
                except sqlite3.OperationalError as error:
                    if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                        raise
                    time.sleep(0.02)
            # What is committed outlives the process; a machine that loses its power may lose the
            # last moments, and the file is whole even then.
            writer.execute("PRAGMA synchronous = NORMAL")
            writer.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise self.explained(error) from error

    def close(self) -> None:
        """End the threads once all that they were given is written, and let go of the file."""
        self._jobs.put(None)
        self._thread.join()
        self._readers.shutdown()
        self._disconnect()

    def _disconnect(self) -> None:
        for opened in (self._near, self._far, self._writer, self._turn):
            if opened is not None:
                opened.close()

    # -- reading

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What a few rows say: a matter of microseconds, less than a thread would cost."""
        assert self._near is not None
        try:
            return function(self._near)
        except sqlite3.Error as error:
            if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise self.explained(error) from error
        return await self.read_many(function)  # it waits there

    async def read_many(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What many rows say, read beside everything else."""
        assert self._far is not None
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers, function, self._far)
        except sqlite3.Error as error:
            raise self.explained(error) from error

    # -- writing

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Carry out a function within a transaction; its value, once that is committed.

        It raises Conflict before it has written anything. Raises StoreError, and then nothing of
        it was written.
        """
        job = _Job(function, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        result: T = await job.future
        return result

    def _work(self) -> None:
        """The writing thread."""
        next_chores = 0.0
        is_open = True
        while is_open:
            jobs: list[_Job] = []
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get(timeout=max(0.0, next_chores - time.monotonic()))
                while True:
                    if job is None:
                        is_open = False
                    else:
                        jobs.append(job)
                    job = self._jobs.get_nowait()
            if jobs:
                self._carry_out(jobs)
            if time.monotonic() >= next_chores:
                with contextlib.suppress(Exception):  # the next time, then
                    self._transaction([], self._chores)
                next_chores = time.monotonic() + SECONDS_OF_CHORES

    def _carry_out(self, jobs: Sequence[_Job]) -> None:
        try:
            self._transaction(jobs)
        except Exception as error:
            if len(jobs) == 1 or _code(error) == sqlite3.SQLITE_BUSY:
                for job in jobs:
                    job.error = error
                self._note(error)
            else:
                # One of them may be to blame (too large, say): the others are not to suffer.
                for job in jobs:
                    self._carry_out([job])
                return
        else:
            self._note(None)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.future.get_loop(), []).append(job)
        for loop, its in by_loop.items():
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(self._deliver, its)

    def _transaction(self, jobs: Sequence[_Job], chores: Write | None = None) -> None:
        if _identity(self.file) != self._identity:
            # What is written would be in a file that nobody can open again.
            what = "it was removed, or another is in its place; put it back, or start again"
            raise StoreError(f"{self.file}: {what}")
        connection = self._writer
        # Who waits for SQLite's lock sleeps, and whoever had it gets it again: one process would do
        # all the work. Here who waits has the turn, so who has just written comes after.
        assert self._turn is not None
        with self._turn.taken(SECONDS_LOCKED):
            connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("SELECT version FROM counter").fetchone()
            transaction = Transaction(connection, version)
            if chores is not None:
                chores(transaction)
            for job in jobs:
                job.outcome = job.error = None
                try:
                    job.outcome = job.write(transaction)
                except Conflict as error:
                    job.error = error
            if transaction.version != version:
                connection.execute("UPDATE counter SET version = ?", (transaction.version,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _deliver(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            if job.future.done():
                continue
            if isinstance(job.error, sqlite3.Error):
                job.future.set_exception(self.explained(job.error))
            elif job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.outcome)

    def _note(self, error: Exception | None) -> None:
        """Log where it begins to fail, and where that is over."""
        if isinstance(error, sqlite3.Error | StoreError):
            if not self._is_failing:
                logger.error("%s", self.explained(error))
            self._is_failing = True
        elif error is None and self._is_failing:
            logger.warning("%s: it is written again", self.file)
            self._is_failing = False

    def explained(self, error: sqlite3.Error | StoreError) -> StoreError:
        """What SQLite has found, said with the file and what would be right."""
        if isinstance(error, StoreError):
            return error
        reason = _REASONS.get(_code(error) or -1)
        if reason is None:
            return StoreError(f"{self.file}: {error}")
        return StoreError(f"{self.file}: {reason} (SQLite: {error})")


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file of the disk it is; None: it is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _code(error: Exception) -> int | None:
    """SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
