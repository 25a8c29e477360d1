"""A store of sessions in a SQLite file, which outlives the process that wrote it.

Texts are kept as UTF-8 in blobs, as JSON may have lone surrogates, which SQLite's texts may not;
compared as bytes they sort as `sort_value` has it. Several processes of one machine may share a
file: of a run under way stands whose it is, and where that process has ended, however it ended,
another marks the run as interrupted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mockserver.sessions import sqlite_channel
from mockserver.sessions.owners import Owners
from mockserver.sessions.records import (
    Session,
    SessionKey,
    SessionType,
    StoredRun,
    interrupted,
)
from mockserver.sessions.sqlite_channel import SqliteChannel
from mockserver.sessions.sqlite_file import SqliteFile, Transaction
from mockserver.sessions.store import Conflict, Page, SessionQuery, SortKey, StoreError, column_text

APPLICATION_ID = 0x6D6F636B
"""Says in the file's header whose it is ("mock")."""

FORMAT = 1
"""Of the tables; a file of a later one is left alone."""

_TABLES = (
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        scope BLOB NOT NULL, session_id BLOB NOT NULL, type BLOB NOT NULL, user_id BLOB,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        agent_id BLOB, team_id BLOB, workflow_id BLOB,
        data BLOB NOT NULL, workflow_data BLOB NOT NULL, metadata BLOB NOT NULL,
        summary BLOB NOT NULL, first_run BLOB, first_input BLOB NOT NULL,
        version INTEGER NOT NULL, serial INTEGER NOT NULL
    )""",
    "CREATE INDEX sessions_by_key ON sessions (scope, session_id, user_id)",
    "CREATE INDEX sessions_by_time ON sessions (scope, type, created_at)",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        run_id BLOB NOT NULL, created_at INTEGER NOT NULL,
        body BLOB NOT NULL, events BLOB,  -- a line each
        version INTEGER NOT NULL,
        owner TEXT  -- who carries it out
    )""",
    "CREATE UNIQUE INDEX runs_by_id ON runs (session, run_id)",
    "CREATE INDEX runs_under_way ON runs (owner) WHERE owner IS NOT NULL",
    sqlite_channel.TABLE,
    sqlite_channel.COUNTS,
    "CREATE TABLE counter (version INTEGER NOT NULL)",
    "INSERT INTO counter VALUES (0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)

_HEAD = (
    "session_id, type, user_id, created_at, updated_at, agent_id, team_id, workflow_id, "
    "data, workflow_data, metadata, summary, first_run, first_input, version, serial"
)
"""The columns of Session, in its order."""

_RUN = "run_id, created_at, body, events, version, owner IS NOT NULL"

_LARGEST = 2**63 - 1

_ORDERS: dict[SortKey, str] = {
    "session_type": "type",
    "session_data": "column_text(data)",
    "metadata": "column_text(metadata)",
}
"""What rows are sorted by, where that is no column of the key's name."""


class SqliteStore:
    """A SessionStore in a SQLite file. It forgets nothing by itself."""

    def __init__(self, file: Path, scope: str = "", *, shared: _Shared | None = None) -> None:
        """Opens the file, which is made where there is none; its folder must be there.

        Raises StoreError.
        """
        self._shared = shared or _Shared(file)
        self._file = self._shared.file
        self._scope_name = scope
        self._scope = _blob(scope)

    def scoped(self, scope: str) -> SqliteStore:
        return SqliteStore(self._file.file, scope, shared=self._shared)

    def channel(self) -> SqliteChannel:
        return self._shared.channel

    async def close(self) -> None:
        """Let go of the file, once all that was given to be written is."""
        await self._shared.channel.close()
        self._shared.close()

    # -- reading

    async def get(self, key: SessionKey) -> Session | None:
        where = "session_id = ? AND user_id IS ?"
        return await self._one(where, (_blob(key[0]), _blob_or_none(key[1])))

    async def find(self, session_id: str) -> Session | None:
        return await self._one("session_id = ? ORDER BY serial LIMIT 1", (_blob(session_id),))

    async def _one(self, where: str, values: tuple[Any, ...]) -> Session | None:
        sql = f"SELECT {_HEAD} FROM sessions WHERE scope = ? AND {where}"  # nosec B608 # no value in it
        row = await self._file.read(lambda db: db.execute(sql, (self._scope, *values)).fetchone())
        return None if row is None else _session(row)

    async def run(self, key: SessionKey, run_id: str) -> StoredRun | None:
        sql = f"SELECT {_RUN} FROM runs WHERE session = ({_ID}) AND run_id = ?"  # nosec B608 # no value in it
        values = (*self._key(key), _blob(run_id))
        row = await self._file.read(lambda db: db.execute(sql, values).fetchone())
        return None if row is None else _run(row)

    async def runs(
        self,
        key: SessionKey,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page[StoredRun]:
        where = f"session = ({_ID})"
        values: list[Any] = [*self._key(key)]
        for bound, sign in ((created_after, ">="), (created_before, "<=")):
            if bound is not None:
                where += f" AND created_at {sign} ?"
                values.append(_integer(bound))

        def read(db: sqlite3.Connection) -> Page[StoredRun]:
            rows = db.execute(
                f"SELECT {_RUN} FROM runs WHERE {where} ORDER BY id LIMIT ? OFFSET ?",  # nosec B608 # no value in it
                (*values, _limit(limit), _integer(offset)),
            )
            found = [_run(row) for row in rows]
            if not offset and limit is None:
                return Page(found, len(found))
            sql = f"SELECT count(*) FROM runs WHERE {where}"  # nosec B608 # no value in it
            return Page(found, db.execute(sql, values).fetchone()[0])

        return await self._file.read_many(read)

    async def sessions(self, query: SessionQuery) -> Page[Session]:
        where, values = "scope = ? AND type = ?", [self._scope, _blob(query.type)]
        for column, value in (
            (f"{query.type}_id", query.component_id),
            ("user_id", query.user_id),
        ):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(_blob(value))
        order = f"serial {'DESC' if query.ties_newest_first else 'ASC'}"
        if query.sort_by is not None:
            by = _ORDERS.get(query.sort_by, query.sort_by)
            order = f"{by} {'DESC' if query.is_descending else 'ASC'}, {order}"
        sql = f"SELECT {_HEAD} FROM sessions WHERE {where} ORDER BY {order}"  # nosec B608 # no value in it

        def read(db: sqlite3.Connection) -> Page[Session]:
            if query.matches is not None:
                everything = map(_session, db.execute(sql, values))
                return _page(filter(query.matches, everything), query.offset, query.limit)
            limits = (_limit(query.limit), _integer(query.offset))
            rows = db.execute(f"{sql} LIMIT ? OFFSET ?", (*values, *limits)).fetchall()
            count = f"SELECT count(*) FROM sessions WHERE {where}"  # nosec B608 # no value in it
            (total,) = db.execute(count, values).fetchone()
            return Page([_session(row) for row in rows], total)

        return await self._file.read_many(read)

    # -- writing

    async def save(
        self,
        session: Session,
        run: StoredRun | None = None,
        *,
        instead_of: Session | None = None,
    ) -> Session:
        def write(transaction: Transaction) -> Session:
            self._check(transaction, session)
            self._take_away(transaction, instead_of)
            saved, row = self._write_head(transaction, session)
            if run is not None:
                owner = self._shared.owners.own_id if run.is_under_way else None
                self._write_run(transaction, row, run._replace(version=saved.version), owner)
            return saved

        return await self._file.write(write)

    async def replace(
        self,
        session: Session,
        runs: Sequence[StoredRun],
        *,
        instead_of: Session | None = None,
    ) -> Session:
        def write(transaction: Transaction) -> Session:
            self._take_away(transaction, instead_of)
            saved, row = self._write_head(transaction, session)
            db = transaction.connection
            under_way = "SELECT run_id, owner FROM runs WHERE session = ? AND owner IS NOT NULL"
            owners = dict(db.execute(under_way, (row,)).fetchall())
            db.execute("DELETE FROM runs WHERE session = ?", (row,))
            for run in runs:
                owner = None
                if run.is_under_way:
                    owner = owners.get(_blob(run.run_id), self._shared.owners.own_id)
                version = run.version or saved.version
                self._write_run(transaction, row, run._replace(version=version), owner)
            return saved

        return await self._file.write(write)

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        where, values = "scope = ? AND session_id = ?", [self._scope, _blob(session_id)]
        if user_id is not None:
            where += " AND user_id = ?"
            values.append(_blob(user_id))
        await self._delete(where, *values)

    async def clear(self) -> None:
        await self._delete("scope = ?", self._scope)

    async def clear_all(self) -> None:
        await self._delete("true")

    async def _delete(self, where: str, *values: Any) -> None:
        sql = f"DELETE FROM sessions WHERE {where}"  # nosec B608 # no value in it
        await self._file.write(lambda transaction: transaction.connection.execute(sql, values))

    def _key(self, key: SessionKey) -> tuple[bytes, bytes, bytes | None]:
        return self._scope, _blob(key[0]), _blob_or_none(key[1])

    def _check(self, transaction: Transaction, session: Session) -> None:
        """Raises Conflict where the session is not as it was read."""
        sql = "SELECT version FROM sessions WHERE scope = ? AND session_id = ? AND user_id IS ?"
        found = transaction.connection.execute(sql, self._key(session.key)).fetchone()
        if session.version != (found[0] if found else 0):
            raise Conflict(f"session {session.session_id!r} is not as it was read")

    def _take_away(self, transaction: Transaction, other: Session | None) -> None:
        if other is not None:
            self._check(transaction, other)
            sql = "DELETE FROM sessions WHERE scope = ? AND session_id = ? AND user_id IS ?"
            transaction.connection.execute(sql, self._key(other.key))

    def _write_head(self, transaction: Transaction, session: Session) -> tuple[Session, int]:
        """The session as it was written, and its row."""
        version = transaction.next_version()
        session = session._replace(version=version, serial=session.serial or version)
        values = (*map(_value, session),)
        db = transaction.connection
        found = db.execute(_ID, self._key(session.key)).fetchone()
        if found:
            db.execute(
                f"UPDATE sessions SET ({_HEAD}) = ({_MARKS}) WHERE id = ?",  # nosec B608 # no value in it
                (*values, *found),
            )
            return session, found[0]
        sql = f"INSERT INTO sessions (scope, {_HEAD}) VALUES (?, {_MARKS}) RETURNING id"  # nosec B608 # no value in it
        row: int = db.execute(sql, (self._scope, *values)).fetchone()[0]
        return session, row

    @staticmethod
    def _write_run(
        transaction: Transaction, session: int, run: StoredRun, owner: str | None
    ) -> None:
        transaction.connection.execute(
            "INSERT INTO runs (session, run_id, created_at, body, events, version, owner) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session, run_id) DO UPDATE SET "
            "(created_at, body, events, version, owner) = (excluded.created_at, excluded.body, "
            "excluded.events, excluded.version, excluded.owner)",
            (
                session,
                _blob(run.run_id),
                run.created_at,
                run.body,
                b"\n".join(run.events) if run.events else None,
                run.version,
                owner,
            ),
        )


_ID = "SELECT id FROM sessions WHERE scope = ? AND session_id = ? AND user_id IS ?"
_MARKS = ", ".join("?" * len(Session._fields))


class _Shared:
    """What the views of all scopes share: the file, and who has it open."""

    def __init__(self, file: Path) -> None:
        self._path = file
        if not file.parent.is_dir():
            raise StoreError(f"{file}: there is no folder {file.parent}; make it, or name another")
        if file.is_dir():
            raise StoreError(f"{file}: it is a folder; expected a SQLite database, or no file yet")
        try:
            self.owners = Owners(file)
            try:
                self.file = SqliteFile(
                    file,
                    setup=self._set_up,
                    chores=self._chores,
                    functions={"column_text": _column_text},
                )
            except BaseException:
                self.owners.close()
                raise
        except OSError as error:
            raise StoreError(
                f"{file}: nothing can be written beside it ({error.strerror}); "
                "make its folder writable, or name another"
            ) from error
        self.channel = SqliteChannel(self.file, self.owners)

    def close(self) -> None:
        self.file.close()
        self.owners.close()
        if not self.owners.others():  # of two that end at once the last sees none
            self.file.turn_file.unlink(missing_ok=True)

    def _set_up(self, db: sqlite3.Connection) -> None:
        (made_by,) = db.execute("PRAGMA application_id").fetchone()
        (format,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not made_by and not tables and not format:
            for statement in _TABLES:
                db.execute(statement)
        elif made_by != APPLICATION_ID:
            raise StoreError(f"{self._path}: it is a database of something else; name another file")
        elif format > FORMAT:
            raise StoreError(
                f"{self._path}: its format is {format}, of a later version of the mock; this one "
                f"knows up to {FORMAT}; serve it with that version, or name another file"
            )
        self._mark(db)

    def _chores(self, transaction: Transaction) -> None:
        self._mark(transaction.connection)
        sqlite_channel.forget_old(transaction)

    def _mark(self, db: sqlite3.Connection) -> None:
        """Mark the runs whose processes have ended before them."""
        sql = "SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL"
        owners = [owner for (owner,) in db.execute(sql)]
        for owner in self.owners.gone(owners):
            rows = db.execute(f"SELECT id, {_RUN} FROM runs WHERE owner = ?", (owner,)).fetchall()  # nosec B608 # no value in it
            for id, *row in rows:
                marked = interrupted(_run(row))
                sql = "UPDATE runs SET body = ?, owner = NULL WHERE id = ?"
                db.execute(sql, (marked.body, id))


def _column_text(text: bytes) -> bytes:
    return column_text(json.loads(text)).encode()


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _blob_or_none(text: str | None) -> bytes | None:
    return None if text is None else _blob(text)


def _text(blob: bytes | None) -> str | None:
    return None if blob is None else blob.decode("utf-8", "surrogatepass")


def _value(value: Any) -> Any:
    return _blob(value) if isinstance(value, str) else value


def _integer(value: int) -> int:
    """What SQLite can count to, which everything that is stored is within."""
    return max(-_LARGEST, min(value, _LARGEST))


def _limit(limit: int | None) -> int:
    return -1 if limit is None else _integer(limit)


def _session(row: Sequence[Any]) -> Session:
    (session_id, of_type, user_id, created_at, updated_at, agent_id, team_id, workflow_id) = row[:8]
    data, workflow_data, metadata, summary, first_run, first_input, version, serial = row[8:]
    as_type: SessionType = of_type.decode()
    return Session(
        session_id.decode("utf-8", "surrogatepass"),
        as_type,
        _text(user_id),
        created_at,
        updated_at,
        _text(agent_id),
        _text(team_id),
        _text(workflow_id),
        data,
        workflow_data,
        metadata,
        summary,
        _text(first_run),
        first_input,
        version,
        serial,
    )


def _run(row: Sequence[Any]) -> StoredRun:
    run_id, created_at, body, events, version, is_under_way = row
    return StoredRun(
        run_id.decode("utf-8", "surrogatepass"),
        created_at,
        body,
        tuple(events.split(b"\n")) if events is not None else (),
        version,
        bool(is_under_way),
    )


def _page(items: Iterator[Session], offset: int, limit: int | None) -> Page[Session]:
    """Some of these, of which not all are held."""
    total = 0
    found: list[Session] = []
    end = None if limit is None else offset + limit
    for session in items:
        if total >= offset and (end is None or total < end):
            found.append(session)
        total += 1
    return Page(found, total)
