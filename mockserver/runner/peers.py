"""The other processes that share the store: what is asked of them, told to them, and by them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from mockserver.sessions.store import Channel, StoreError

Json = dict[str, Any]
Handler = Callable[[Json], Json | Awaitable[Json | None] | None]
"""What is done with what somebody else says; its value is the answer, None where there is none."""

SECONDS_TO_ANSWER = 2.0
"""Who has not answered by then is not there any more, or hangs."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Question:
    wanted: int
    all_came: asyncio.Future[None]
    is_enough: Callable[[Json], bool]
    came: int = 0
    answers: list[Json] = field(default_factory=list)

    def answer(self, content: Json | None) -> None:
        self.came += 1
        is_enough = self.came >= self.wanted
        if content is not None:
            self.answers.append(content)
            is_enough = is_enough or self.is_enough(content)
        if is_enough and not self.all_came.done():
            self.all_came.set_result(None)


class Peers:
    """The processes that share a store. Messages of one come in the order in which it sent them."""

    def __init__(self, channel: Channel) -> None:
        self.id = uuid.uuid4().hex
        self._channel = channel
        self._handlers: dict[str, Handler] = {}
        self._questions: dict[str, _Question] = {}
        self._outbox: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_sending = False
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, what: str, handler: Handler) -> None:
        """Have the handler called for each message of that name, with what it says. A name has one
        handler: a second one would take the messages of the first away."""
        assert what not in self._handlers, what
        self._handlers[what] = handler

    async def open(self) -> None:
        """Listen from now on. Raises StoreError."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            try:
                await self._channel.listen(self._receive)
            except BaseException:
                self._loop = None
                raise

    def tell(self, what: str, *, to: str | None = None, **content: Any) -> None:
        """Say something to one of the others, or to all. Nobody waits for it."""
        message = {"from": self.id, "to": to, "what": what, **content}
        self._outbox.append(json.dumps(message).encode())
        if not self._is_sending:
            self._is_sending = True
            self._start(self._send())

    async def ask(
        self,
        what: str,
        *,
        waits: float = 0.0,
        is_enough: Callable[[Json], bool] = lambda answer: False,
        **content: Any,
    ) -> list[Json]:
        """What the others answer, those that have something to say.

        They may take the seconds that they are to wait (`waits`) and SECONDS_TO_ANSWER. An answer
        that `is_enough` is the last that is waited for. Raises StoreError.
        """
        await self.open()
        others = await self._channel.others()
        if not others:
            return []
        id = uuid.uuid4().hex
        question = _Question(others, asyncio.get_running_loop().create_future(), is_enough)
        self._questions[id] = question
        try:
            self.tell(what, ask=id, **content)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(waits + SECONDS_TO_ANSWER):
                    await question.all_came
        finally:
            del self._questions[id]
        return question.answers

    async def count(self, name: str, times: int = 1) -> int:
        """How often that name was counted by all, these times included. Raises StoreError."""
        await self.open()
        return await self._channel.count(name, times)

    async def forget(self, *names: str) -> None:
        """Count these names from nothing again. Raises StoreError."""
        await self.open()
        await self._channel.forget(names)

    async def _send(self) -> None:
        try:
            while self._outbox:
                messages, self._outbox = self._outbox, []
                try:
                    await self._channel.send(messages)
                except StoreError as error:
                    # Who asks gets no answer, and goes by what the store says.
                    logger.warning("the others were not told: %s", error)
        finally:
            self._is_sending = False

    def _receive(self, text: bytes) -> None:
        message: Json = json.loads(text)
        if message["from"] == self.id or message["to"] not in (None, self.id):
            return
        if message["what"] == "answer":
            question = self._questions.get(message["id"])
            if question is not None:
                question.answer(message["content"])
            return
        handler = self._handlers.get(message["what"])
        try:
            answer = handler(message) if handler is not None else None
        except Exception:
            logger.exception("%s of another process", message["what"])
            answer = None
        if isinstance(answer, Awaitable):
            self._start(self._answer_later(message, answer))
        elif "ask" in message:
            self.tell("answer", to=message["from"], id=message["ask"], content=answer)

    async def _answer_later(self, message: Json, answer: Awaitable[Json | None]) -> None:
        content = None
        try:
            content = await answer
        except Exception:
            logger.exception("%s of another process", message["what"])
        if "ask" in message:
            self.tell("answer", to=message["from"], id=message["ask"], content=content)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
