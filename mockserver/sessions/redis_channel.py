"""What mocks that share a Redis tell each other: its publish and subscribe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from redis.asyncio import Redis
from redis.exceptions import ConnectionError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from mockserver.sessions.store import StoreError

SECONDS_TO_ANSWER = 5.0
"""How long an answer of Redis is waited for."""

SECONDS_TO_TRY_AGAIN = 0.2

SECONDS_COUNTED = 86400

SECONDS_OF_SILENCE = 10
"""After which a connection is asked whether it is still there."""


class RedisChannel:
    """A Channel (store.py)."""

    def __init__(self, url: str, name: str, explained: Callable[[Exception], StoreError]) -> None:
        self._url = url
        self._name = name
        self._explained = explained
        self._redis: Redis | None = None
        self._task: asyncio.Task[None] | None = None

    async def others(self) -> int:
        async with self._answering() as redis:
            ((_, count),) = await redis.pubsub_numsub(self._name)
        return max(0, int(count) - 1)

    async def send(self, messages: Sequence[bytes]) -> None:
        async with self._answering() as redis, redis.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(self._name, message)
            await pipeline.execute()

    async def count(self, name: str, times: int = 1, *, is_kept: bool = False) -> int:
        key = self._count(name)
        async with self._answering() as redis, redis.pipeline() as pipeline:
            pipeline.incrby(key, times)
            if not is_kept:
                pipeline.expire(key, SECONDS_COUNTED)
            counted, *_ = await pipeline.execute()
        return int(counted)

    async def forget(self, names: Sequence[str]) -> None:
        if names:
            async with self._answering() as redis:
                await redis.delete(*map(self._count, names))

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[Redis]:
        """Redis, for what it has to answer soon. Raises StoreError."""
        assert self._redis is not None, "listen comes first"
        try:
            # Timeouts of redis-py's own may take a cancellation for theirs, and lose it.
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                yield self._redis
        except TimeoutError as error:
            late = ConnectionError(f"no answer within {SECONDS_TO_ANSWER:g} s")
            raise self._explained(late) from error
        except (RedisError, OSError) as error:
            raise self._explained(error) from error

    def _count(self, name: str) -> str:
        return f"{self._name}:count:{name}"

    async def listen(self, receive: Callable[[bytes], None]) -> None:
        self._redis = Redis.from_url(
            self._url,
            socket_timeout=None,
            health_check_interval=SECONDS_OF_SILENCE,
            # With them redis-py takes a connection that Redis has closed for one that is open. To
            # try again instead would count twice what was counted and not answered.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._listen(self._redis, receive, first))
        try:
            await first
        except (RedisError, OSError) as error:
            raise self._explained(error) from error

    async def _listen(
        self, redis: Redis, receive: Callable[[bytes], None], first: asyncio.Future[None]
    ) -> None:
        while True:
            try:
                async with redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._name)
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            receive(message["data"])
                        elif not first.done():
                            first.set_result(None)
            except (RedisError, OSError) as error:
                if not first.done():
                    first.set_exception(error)
                    return
            await asyncio.sleep(SECONDS_TO_TRY_AGAIN)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._redis is not None:
            await self._redis.aclose()
