"""What is sent over the websocket: messages, and events to who takes a run's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from mockserver.http.errors import ApiError
from mockserver.http.hooks import hooks_of
from mockserver.sessions.records import INTERRUPTED

Json = dict[str, Any]


class Connected:
    """A connection that takes a run's events, once it was sent those that it has missed."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self._held: list[tuple[int, str]] | None = []
        """What came before it had; None: it has."""
        self._queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._next = 0
        """The index of the event that comes next."""

    async def send(self, index: int, text: str) -> None:
        if self._held is not None:
            self._held.append((index, text))
        else:
            await send(self.socket, text)

    async def begin(self, first: int) -> None:
        """It has those before `first`."""
        self._next = max(self._next, first)
        while self._held:
            index, text = self._held.pop(0)
            if index >= first:
                await send(self.socket, text)
        self._held = None

    def put(self, index: int, text: str) -> None:
        """Send, in the order of the calls, while whoever calls goes on."""
        self._next = index + 1
        self._queue.put_nowait((index, text))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())

    def put_failure(self, run_id: str, now: int) -> None:
        """Send the end of a run that nobody carries out any more."""
        event = {"created_at": now, "event": "WorkflowError", "run_id": run_id}
        self.put(self._next, indexed({**event, "error": INTERRUPTED}, self._next))

    async def _send_all(self) -> None:
        while not self._queue.empty():
            await self.send(*self._queue.get_nowait())
        self._task = None


async def replay(
    socket: WebSocket, run_id: str, status: str, events: list[Json], said: str
) -> None:
    await say(
        socket, "replay", run_id=run_id, status=status, total_events=len(events), message=said
    )
    for index, event in enumerate(events):
        await send(socket, indexed(event, index))


def indexed(event: Mapping[str, Any], index: int) -> str:
    """An event as the real server writes it here: with spaces, and in ASCII."""
    return json.dumps({**event, "event_index": index})


async def refuse(socket: WebSocket, statement: str, hint: str) -> None:
    """Say what was wrong and, unless the server is terse, what would be right."""
    error = ApiError(400, statement, hint=hint)
    await say(socket, "error", error=hooks_of(socket.scope).error_detail(error))


async def say(socket: WebSocket, event: str, **members: Any) -> None:
    await send(socket, json.dumps({"event": event, **members}))


async def send(socket: WebSocket, text: str) -> None:
    """Send to a client, who may be gone: its run goes on."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.send_text(text)


async def close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.close(code)
