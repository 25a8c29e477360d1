"""A store of sessions in Redis, which mocks of several machines share.

Each method is one script (Lua), which Redis carries out as a whole. A session's head is a field of
its scope's hash: `VERSION SERIAL JSON`; pages are read from sorted sets, in each of which it has a
line: its serial, then that field. Its runs are the fields of a hash of their own, each `VERSION
JSON`, its body and its events in lines. A process holds a lease; of a run under way stands whose it
is, and another process marks those of a process whose lease has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis import Redis as SyncRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)

from mockserver.sessions import redis_scripts
from mockserver.sessions.records import Session, SessionKey, SessionType, StoredRun, interrupted
from mockserver.sessions.redis_channel import SECONDS_TO_ANSWER, RedisChannel
from mockserver.sessions.store import Conflict, Page, SessionQuery, StoreError, page_of_runs

logger = logging.getLogger(__name__)

PREFIX = "agentos-mock:"
"""Of the names of all keys."""

SECONDS_OF_LEASE = 10.0
"""After which a process that does not renew it is taken for ended."""

SECONDS_TO_CLOSE = 1.0

CONNECTIONS = 16

_LISTED_BY = ("created_at", "updated_at")
"""What sessions are listed by without a look at all of them."""

_AT_A_TIME = 500
"""Sessions that are read in one piece, where all have to be."""

_LAST = 2**53
"""A place after any other, as Redis and Lua count."""

_KEYS = {name: f"{PREFIX}{name}" for name in ("version", "scopes", "under-way")}


class RedisStore:
    """A SessionStore in Redis. It forgets nothing by itself."""

    def __init__(self, url: str, scope: str = "", *, shared: _Shared | None = None) -> None:
        """`url`: redis://HOST:PORT/NUMBER, as redis-py reads it. Raises StoreError."""
        self._shared = shared or _Shared(url)
        self._scope = scope

    def scoped(self, scope: str) -> RedisStore:
        return RedisStore(self._shared.url, scope, shared=self._shared)

    def channel(self) -> RedisChannel:
        return self._shared.channel

    async def close(self) -> None:
        await self._shared.channel.close()
        await self._shared.close()

    # -- reading

    async def get(self, key: SessionKey) -> Session | None:
        found = await self._call("get", [self._heads], [self._field(key)])
        return None if found is None else _session(found)

    async def find(self, session_id: str) -> Session | None:
        found = await self._call("find", [self._heads, self._of(session_id)], [])
        return None if found is None else _session(found)

    async def run(self, key: SessionKey, run_id: str) -> StoredRun | None:
        _, runs = self._runs(self._field(key))
        found = await self._call("get", [runs], [_bytes(run_id)])
        return None if found is None else _run(run_id, found)

    async def runs(
        self,
        key: SessionKey,
        *,
        created_after: int | None = None,
        created_before: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page[StoredRun]:
        found = await self._call("runs", self._runs(self._field(key)), [])
        runs = [_run(_text(id), run) for id, run in zip(found[::2], found[1::2], strict=True)]
        return page_of_runs(runs, created_after, created_before, offset, limit)

    async def sessions(self, query: SessionQuery) -> Page[Session]:
        by = query.sort_by
        is_whole_order = by in _LISTED_BY and query.is_descending == query.ties_newest_first
        if is_whole_order and query.matches is None and query.limit != 0:
            name = self._list(query.type, query.component_id, query.user_id)
            first = min(query.offset, _LAST)
            last = _LAST if query.limit is None else min(first + query.limit - 1, _LAST)
            arguments = [first, last, int(query.is_descending)]
            total, *heads = await self._call("page", [f"{name}:{by}", self._heads], arguments)
            return Page([_session(head) for head in heads], total)
        everything: dict[bytes, bytes] = {}
        cursor: bytes | int = 0
        # A piece at a time: Redis has other clients, whom all at once would hold up.
        while cursor != b"0":
            cursor, found = await self._call("heads", [self._heads], [cursor, _AT_A_TIME])
            everything.update(zip(found[::2], found[1::2], strict=True))
        return await asyncio.to_thread(lambda: query.page(map(_session, everything.values())))

    # -- writing

    async def save(
        self, session: Session, run: StoredRun | None = None, *, instead_of: Session | None = None
    ) -> Session:
        runs = () if run is None else (run._replace(version=0),)
        return await self._write(session, runs, instead_of, is_whole=False)

    async def replace(
        self, session: Session, runs: Sequence[StoredRun], *, instead_of: Session | None = None
    ) -> Session:
        return await self._write(session, runs, instead_of, is_whole=True)

    async def _write(
        self,
        session: Session,
        runs: Sequence[StoredRun],
        other: Session | None,
        *,
        is_whole: bool,
    ) -> Session:
        field = self._field(session.key)
        keys = [*self._scope_keys(), self._of(session.session_id), *self._runs(field)]
        arguments: list[Any] = [
            self._scope.encode("utf-8", "surrogatepass"),
            field,
            "" if is_whole else session.version,
            session.serial,
            _packed_head(session),
            self._shared.owner,
            int(is_whole),
        ]
        if other is None:
            arguments += ["", 0]
        else:
            other_field = self._field(other.key)
            keys += [self._of(other.session_id), *self._runs(other_field)]
            arguments += [other_field, other.version]
        arguments += [session.created_at, session.updated_at, "\n".join(self._lists(session))]
        for run in runs:
            arguments += [_bytes(run.run_id), run.version, _packed_run(run), int(run.is_under_way)]
        written = await self._call("write", keys, arguments)
        if written is None:
            raise Conflict(f"session {session.session_id!r} is not as it was read")
        version, serial = map(int, written)
        return session._replace(version=version, serial=serial)

    async def delete(self, session_id: str, user_id: str | None = None) -> None:
        of = self._of(session_id)
        if user_id is not None:
            fields = [self._field((session_id, user_id))]
        else:
            fields = await self._call("members", [of], [])
        await self._delete([(of, field) for field in fields])

    async def clear(self) -> None:
        fields = await self._call("fields", [self._heads], [])
        await self._delete([(self._of(json.loads(field)[0]), field) for field in fields])

    async def clear_all(self) -> None:
        for scope in await self._call("members_of_set", [_KEYS["scopes"]], []):
            await self.scoped(_text(scope)).clear()

    async def _delete(self, sessions: Sequence[tuple[str, bytes | str]]) -> None:
        keys: list[str] = [*self._scope_keys()]
        fields: list[bytes | str] = []
        for of, field in sessions:
            keys += [of, *self._runs(field if isinstance(field, str) else field.decode())]
            fields.append(field)
        await self._call("delete", keys, fields)

    # -- names

    async def _call(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        return await self._shared.call(script, keys, arguments)

    @property
    def _heads(self) -> str:
        return f"{PREFIX}heads:{_json(self._scope)}"

    def _scope_keys(self) -> tuple[str, ...]:
        places = f"{PREFIX}places:{_json(self._scope)}"
        return (self._heads, _KEYS["version"], _KEYS["scopes"], _KEYS["under-way"], places)

    def _list(self, of_type: SessionType, component_id: str | None, user_id: str | None) -> str:
        """The sessions of a type that are of this component and this user, None: of any. It is
        sorted by each of _LISTED_BY."""
        return f"{PREFIX}list:{_json([self._scope, of_type, component_id, user_id])}"

    def _lists(self, session: Session) -> Iterable[str]:
        """Those that a session stands in."""
        component = getattr(session, f"{session.type}_id")
        for component_id in {None, component}:
            for user_id in {None, session.user_id}:
                yield self._list(session.type, component_id, user_id)

    @staticmethod
    def _field(key: SessionKey) -> str:
        return _json(list(key))

    def _of(self, session_id: str) -> str:
        """The sessions of a session_id, by whose they are."""
        return f"{PREFIX}of:{_json([self._scope, session_id])}"

    def _runs(self, field: str) -> tuple[str, str]:
        """The order of a session's runs, and the runs."""
        name = f"{_json(self._scope)}:{field}"
        return f"{PREFIX}order:{name}", f"{PREFIX}runs:{name}"


@dataclass(slots=True)
class _Call:
    script: str
    keys: Sequence[str]
    arguments: Sequence[Any]
    future: asyncio.Future[Any]


class _Shared:
    """What the views of all scopes share: connections, scripts, and this process's lease."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.owner = uuid.uuid4().hex
        self.place = _without_password(url)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._redis: Redis | None = None
        self._lease: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._calls: list[_Call] = []
        """What is to be sent at the end of this turn."""
        self._sending: set[asyncio.Task[None]] = set()
        self._is_failing = False
        try:
            with SyncRedis.from_url(
                url, socket_connect_timeout=SECONDS_TO_ANSWER, socket_timeout=SECONDS_TO_ANSWER
            ) as redis:
                redis.ping()
                number = redis.connection_pool.connection_kwargs.get("db", 0)
        except (RedisError, OSError, ValueError) as error:
            raise self.explained(error) from error
        # Redis's channels are those of all its databases.
        self.channel = RedisChannel(url, f"{PREFIX}channel:{number}", self.explained)

    async def call(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What a script answers. Raises StoreError.

        What is asked for in one turn of the event loop goes to Redis together.
        """
        try:
            if self._loop is not (loop := asyncio.get_running_loop()):
                if self._opening is None or self._opening.get_loop() is not loop:
                    self._opening = loop.create_task(self._open())
                await asyncio.shield(self._opening)
            call = _Call(script, keys, arguments, loop.create_future())
            self._calls.append(call)
            if len(self._calls) == 1:
                loop.call_soon(self._send)
            answer = await call.future
        except (RedisError, OSError) as error:
            explained = self.explained(error)
            if not self._is_failing:
                logger.error("%s", explained)
            self._is_failing = True
            raise explained from error
        if self._is_failing:
            logger.warning("%s: Redis answers again", self.place)
            self._is_failing = False
        return answer

    def _send(self) -> None:
        calls, self._calls = self._calls, []
        task = asyncio.create_task(self._carry_out(calls))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _carry_out(self, calls: Sequence[_Call]) -> None:
        try:
            assert self._redis is not None
            answers = await self._answers(self._redis, calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):  # it was started anew
                for text in redis_scripts.ALL.values():
                    await self._redis.script_load(text)
                answers = await self._answers(self._redis, calls)
        except Exception as error:
            answers = [error] * len(calls)
        for call, answer in zip(calls, answers, strict=True):
            if call.future.done():
                continue
            if isinstance(answer, Exception):
                call.future.set_exception(answer)
            else:
                call.future.set_result(answer)

    @staticmethod
    async def _answers(redis: Redis, calls: Sequence[_Call]) -> list[Any]:
        async with redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                sha = redis_scripts.SHAS[call.script]
                pipeline.execute_command(
                    "EVALSHA", sha, len(call.keys), *call.keys, *call.arguments
                )
            return await pipeline.execute(raise_on_error=False)

    async def _open(self) -> None:
        """Connect from this loop, hold a lease, and mark what others have left."""
        pool = BlockingConnectionPool.from_url(
            self.url,
            max_connections=CONNECTIONS,
            timeout=SECONDS_TO_ANSWER,
            socket_connect_timeout=SECONDS_TO_ANSWER,
            socket_timeout=SECONDS_TO_ANSWER,
            # Once more at once: a connection that was idle may have been cut meanwhile.
            retry=Retry(NoBackoff(), 1),
        )
        redis = Redis.from_pool(pool)
        try:
            await self._renew(redis)
            for text in redis_scripts.ALL.values():
                await redis.script_load(text)
            await self._mark(redis)
        except BaseException:
            await redis.aclose()
            raise
        finally:
            self._opening = None
        if self._lease is not None:
            with contextlib.suppress(RuntimeError):  # that loop is closed
                self._lease.cancel()
        self._redis, self._calls = redis, []
        self._lease = asyncio.create_task(self._keep(redis))
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        if self._redis is None or self._loop is not asyncio.get_running_loop():
            return
        redis, self._redis, self._loop = self._redis, None, None
        assert self._lease is not None
        self._lease.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._lease
        # Where it cannot be given back now it runs out by itself.
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await redis.delete(self._lease_of(self.owner))
        await redis.aclose()

    # -- leases

    @staticmethod
    def _lease_of(owner: str) -> str:
        return f"{PREFIX}owner:{owner}"

    async def _renew(self, redis: Redis) -> None:
        milliseconds = int(SECONDS_OF_LEASE * 1000)
        await redis.set(self._lease_of(self.owner), 1, px=milliseconds)

    async def _keep(self, redis: Redis) -> None:
        while True:
            await asyncio.sleep(SECONDS_OF_LEASE / 4)
            with contextlib.suppress(RedisError, OSError):  # the next time, then
                await self._renew(redis)
                await self._mark(redis)

    async def _mark(self, redis: Redis) -> None:
        """Mark the runs of those whose lease has run out."""
        under_way: Any = await redis.hgetall(_KEYS["under-way"])
        is_there: dict[bytes, bool] = {self.owner.encode(): True}
        for member, owner in under_way.items():
            if owner not in is_there:
                is_there[owner] = bool(await redis.exists(self._lease_of(owner.decode())))
            if is_there[owner]:
                continue
            runs, run_id = member.split(b"\n", 1)
            found: Any = await redis.hget(runs, run_id)
            marked = b""
            if found is not None:
                version, _ = found.split(b" ", 1)
                run = interrupted(_run("", found))
                marked = version + b" " + _packed_run(run)
            keys = [_KEYS["under-way"], runs]
            text = redis_scripts.ALL["mark"]
            await redis.eval(text, len(keys), *keys, member, owner, run_id, marked)

    def explained(self, error: Exception) -> StoreError:
        """What has gone wrong, said with the address and what would be right."""
        match error:
            case AuthenticationError():
                reason = "Redis wants another user or password; put them into the URL, as in "
                reason += "redis://USER:PASSWORD@HOST:PORT/NUMBER"
            case OutOfMemoryError():
                reason = "Redis has no memory left; give it more (maxmemory), or reset the mock"
            case ReadOnlyError():
                reason = "that Redis is a replica, which cannot be written; name the primary"
            case BusyLoadingError():
                reason = "Redis is still loading its data; wait a moment"
            case ConnectionError() | TimeoutError() | OSError():
                reason = "no Redis answers there; start it, or see what keeps it from answering"
            case _:
                return StoreError(f"{self.place}: {error}")
        return StoreError(f"{self.place}: {reason} ({error})")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _json(value: Any) -> str:
    """JSON in ASCII and one line, which is a name."""
    return json.dumps(value, separators=(",", ":"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


_JSON_COLUMNS = [i for i, name in enumerate(Session._fields) if name.endswith("_json")]
_COUNT = len(Session._fields) - 2
"""Of a head's columns, without its version and serial, which come last."""


def _packed_head(session: Session) -> str:
    columns: list[Any] = [*session[:_COUNT]]
    for index in _JSON_COLUMNS:
        columns[index] = columns[index].decode()
    return _json(columns)


def _session(packed: bytes) -> Session:
    version, serial, head = packed.split(b" ", 2)
    columns = json.loads(head)
    for index in _JSON_COLUMNS:
        columns[index] = columns[index].encode()
    return Session._make((*columns, int(version), int(serial)))


def _packed_run(run: StoredRun) -> bytes:
    about = _json([run.created_at, int(run.is_under_way)]).encode()
    return b"\n".join((about, run.body, *run.events))


def _run(run_id: str, packed: bytes) -> StoredRun:
    about, body, *events = packed.split(b"\n")
    version, about = about.split(b" ", 1)
    created_at, is_under_way = json.loads(about)
    return StoredRun(run_id, created_at, body, tuple(events), int(version), bool(is_under_way))
