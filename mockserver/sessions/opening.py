"""Stores by their URLs, as `--store` names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.store import SessionStore, StoreError

EXPECTED = "expected memory, sqlite:///FILE or redis://HOST:PORT/NUMBER"


class UnknownStore(Exception):
    """No store has such a URL; str() says what is expected."""


def opener(url: str) -> Callable[[int], SessionStore]:
    """What opens the store of a URL. It is given the bytes that memory may take, and raises
    StoreError. Raises UnknownStore.

    As SQLAlchemy has it, `sqlite:///mock.db` is a file of the working directory and
    `sqlite:////var/mock.db` one of the root.
    """
    scheme, separator, rest = url.partition(":")
    if url == "memory":
        return MemoryStore
    if scheme == "sqlite" and separator:
        name = rest.removeprefix("///")
        if name == rest or not name or name == ":memory:":
            raise UnknownStore(
                f"{url!r} names no file; expected sqlite:///FILE, such as sqlite:///mock.db, "
                "or memory for none"
            )
        from mockserver.sessions.sqlite import SqliteStore

        return lambda _: SqliteStore(Path(name))
    if scheme in ("redis", "rediss", "unix") and rest.startswith("//"):
        return lambda _: _open_redis(url)
    raise UnknownStore(f"{url!r} is no store; {EXPECTED}")


def _open_redis(url: str) -> SessionStore:
    try:
        from mockserver.sessions.redis_store import RedisStore
    except ImportError as error:
        raise StoreError(
            f"{url}: needs the package redis: pip install 'agentos-contract-kit[redis]'"
        ) from error
    return RedisStore(url)
