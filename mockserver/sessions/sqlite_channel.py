"""What processes that share a SQLite file tell each other: a table that all look at."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
import time
from collections.abc import Callable, Sequence

from mockserver.sessions.owners import Owners
from mockserver.sessions.sqlite_file import SqliteFile, Transaction
from mockserver.sessions.store import StoreError

SECONDS_BETWEEN_LOOKS = 0.02
"""To look whether anything was written costs a few microseconds."""

SECONDS_KEPT = 60.0

TABLE = "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, sent REAL, body BLOB)"


COUNTS = "CREATE TABLE counts (name BLOB PRIMARY KEY, counted INTEGER, last REAL)"

SECONDS_COUNTED = 86400.0


def forget_old(transaction: Transaction) -> None:
    """Delete the messages that everybody has seen who is there."""
    sql = "DELETE FROM messages WHERE sent < ?"
    transaction.connection.execute(sql, (time.time() - SECONDS_KEPT,))
    sql = "DELETE FROM counts WHERE last < ?"
    transaction.connection.execute(sql, (time.time() - SECONDS_COUNTED,))


class SqliteChannel:
    """A Channel (store.py)."""

    def __init__(self, file: SqliteFile, owners: Owners) -> None:
        self._file = file
        self._owners = owners
        self._task: asyncio.Task[None] | None = None

    async def others(self) -> int:
        return len(self._owners.others())

    async def send(self, messages: Sequence[bytes]) -> None:
        now = time.time()

        def write(transaction: Transaction) -> None:
            sql = "INSERT INTO messages (sent, body) VALUES (?, ?)"
            transaction.connection.executemany(sql, [(now, message) for message in messages])

        await self._file.write(write)

    async def count(self, name: str, times: int = 1, *, is_kept: bool = False) -> int:
        sql = (
            "INSERT INTO counts (name, counted, last) VALUES (?1, ?3, ?2) ON CONFLICT (name) "
            "DO UPDATE SET counted = counted + ?3, last = excluded.last RETURNING counted"
        )
        last = math.inf if is_kept else time.time()
        values = (name.encode("utf-8", "surrogatepass"), last, times)

        def write(transaction: Transaction) -> int:
            counted: int = transaction.connection.execute(sql, values).fetchone()[0]
            return counted

        return await self._file.write(write)

    async def forget(self, names: Sequence[str]) -> None:
        values = [(name.encode("utf-8", "surrogatepass"),) for name in names]

        def write(transaction: Transaction) -> None:
            transaction.connection.executemany("DELETE FROM counts WHERE name = ?", values)

        await self._file.write(write)

    async def listen(self, receive: Callable[[bytes], None]) -> None:
        sql = "SELECT coalesce(max(id), 0) FROM messages"
        (last,) = await self._file.read(lambda db: db.execute(sql).fetchone())
        self._task = asyncio.create_task(self._look(last, receive))

    async def _look(self, last: int, receive: Callable[[bytes], None]) -> None:
        sql = "SELECT id, body FROM messages WHERE id > ? ORDER BY id"
        seen: int | None = None

        def new(db: sqlite3.Connection) -> list[tuple[int, bytes]]:
            nonlocal seen
            (version,) = db.execute("PRAGMA data_version").fetchone()
            if version == seen:
                return []
            seen = version
            return db.execute(sql, (last,)).fetchall()

        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            with contextlib.suppress(StoreError):  # the next time, then
                for last, body in await self._file.read(new):  # noqa: B007 - `new` goes by it
                    receive(body)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
