"""Where Hypothesis keeps its examples: a folder, or a Redis that several machines share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase


class DatabaseError(Exception):
    """It cannot be used; str() says why, and what would be right."""


def open_database(place: str) -> ExampleDatabase:
    """A folder's path, or `redis://HOST:PORT/NUMBER`. Raises DatabaseError."""
    if place.startswith(("redis://", "rediss://", "unix://")):
        return _open_redis(place)
    if "://" in place:
        raise DatabaseError(f"{place}: expected a folder or redis://HOST:PORT/NUMBER")
    folder = Path(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{place}: the folder cannot be made: {error.strerror}") from error
    return DirectoryBasedExampleDatabase(folder)


def _open_redis(url: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError as error:
        raise DatabaseError(
            f"{url}: needs the package redis: pip install 'agentos-contract-kit[redis]'"
        ) from error
    try:
        redis = Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5)
        redis.ping()
    except (RedisError, ValueError, OSError) as error:
        raise DatabaseError(f"{url}: no Redis answers there: {error}") from error
    return RedisExampleDatabase(redis)


class KeyedDatabase(ExampleDatabase):
    """A part of another database: what one kind of target's sequences are made of is no use to
    another's."""

    def __init__(self, inner: ExampleDatabase, name: str) -> None:
        super().__init__()
        self._inner = inner
        self._name = name.encode() + b":"

    def save(self, key: bytes, value: bytes) -> None:
        self._inner.save(self._name + key, value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return self._inner.fetch(self._name + key)

    def delete(self, key: bytes, value: bytes) -> None:
        self._inner.delete(self._name + key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        if dest.endswith(b".secondary"):
            # A larger sequence than is known by now. To keep it is to send it again each time.
            self.delete(src, value)
            return
        self._inner.move(self._name + src, self._name + dest, value)
