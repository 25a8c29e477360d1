"""Serves an ASGI application of this process over HTTP, so that it can be judged like any other.

A transport without a network would not do: streams are judged by when their events come, runs
overlap, and connections are cut.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, Literal

import uvicorn

STOP_SECONDS = 10
"""How long open connections may take when it stops."""


class CannotServe(Exception):
    """The application did not start; str() says what to look at."""


@contextlib.contextmanager
def serving(app: Any, *, lifespan: Literal["auto", "off"] = "auto") -> Iterator[str]:
    """Serve `app` on a free port of 127.0.0.1, in a thread with an event loop of its own; its URL.

    Its lifespan, where it has one, begins before and ends after. Raises CannotServe.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        # The process's logging is whoever's it is: no configuration of ours, no level.
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan=lifespan,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        thread = threading.Thread(target=server.serve_in_thread, args=(listener,), daemon=True)
        thread.start()
        server.is_decided.wait()
        try:
            if not server.started:
                raise CannotServe(
                    "the application did not start; what its lifespan raised is in the log"
                )
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)


class _Server(uvicorn.Server):
    """Says when it has started, or has not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_decided.set()

    def serve_in_thread(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        except SystemExit:
            pass  # uvicorn's word for an application that did not start
        finally:
            self.is_decided.set()
