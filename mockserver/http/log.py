"""The log of requests: method, path, status and milliseconds, and what CORS keeps from a page.

Never a header, a body or a query, where secrets stand.
"""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware that logs each request, at info, when its answer is over."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not logger.isEnabledFor(logging.INFO):
            await self._application(scope, receive, send)
            return
        started = time.monotonic()
        status, note, is_whole = "no answer", "", False

        async def watched(message: Message) -> None:
            nonlocal status, note, is_whole
            match message["type"]:
                case "http.response.start":
                    status, note = str(message["status"]), _refusal(scope, message)
                case "http.response.body":
                    is_whole = not message.get("more_body", False)
                case "websocket.accept":
                    status, is_whole = "websocket", True
                case "websocket.close" if status == "no answer":
                    status, is_whole = "403", True
            await send(message)

        try:
            await self._application(scope, receive, watched)
        finally:
            path = _printable(scope.get("raw_path") or scope["path"].encode())
            milliseconds = (time.monotonic() - started) * 1000
            if status != "no answer" and not is_whole:
                note = f" (broken off){note}"
            logger.info(
                "%s %s %s %.0f ms%s", scope.get("method", "GET"), path, status, milliseconds, note
            )


def _refusal(scope: Scope, start: Message) -> str:
    """What is said where a page of another origin asked, and CORS keeps the answer from it."""
    sent, answered = Headers(scope=scope), Headers(raw=start["headers"])
    origin = sent.get("origin")
    if origin is None:
        return ""
    is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in sent
    is_allowed = "access-control-allow-origin" in answered
    if is_allowed and not (is_preflight and start["status"] == 400):
        return ""
    page = _printable(origin.encode())
    remedy = "" if is_allowed else f"; serve --allow-origin {page} lets them"
    return f" (CORS: refused to pages of {page}{remedy})"


def _printable(text: bytes) -> str:
    """What a caller has sent, in one line of a log."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}" for byte in text)
