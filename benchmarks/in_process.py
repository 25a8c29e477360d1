"""The mock asked as an ASGI application, in this process: no client and no socket is measured."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.types import Message

from mockserver.app import MockServer


async def run(app: MockServer, workflow_id: str, **form: str) -> int:
    """Have a workflow run; bytes of the answer. Raises AssertionError for another than 200."""
    body = urlencode(form).encode()
    path = f"/workflows/{workflow_id}/runs"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7777),
    }
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    gone = asyncio.get_running_loop().create_future()
    length = 0

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await gone
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal length
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message
        length += len(message.get("body", b""))

    await app(scope, receive, send)
    return length
