"""The server of the command line: a socket to listen on, uvicorn, signals, the log."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

SECONDS_TO_END = 2
"""After a signal, until what is still being answered is broken off."""


class CannotListen(Exception):
    """The address cannot be listened on; str() says why, and what to choose."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CannotListen."""
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP's; with it on, a
    # stream's small writes would wait for each other.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        reason, hint = "it is no host name", "choose an address of this machine with --host"
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                hint = "choose another with --port"
        raise CannotListen(f"cannot listen on {host}:{port}: {reason}; {hint}") from error
    listener.listen(2048)
    return listener


def set_up_log(level: str) -> None:
    """Have everything logged in one form; requests at info (http/log.py)."""
    logging.basicConfig(level=level.upper(), format="%(levelname)s: %(name)s: %(message)s")
    if level != "debug":
        # Theirs are told by what is said at start and of each request. uvicorn's of a websocket
        # would show its query.
        for name in ("uvicorn", "connexion"):
            logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)


def serve(application: ASGIApp, listener: socket.socket) -> int:
    """Serve until a signal comes; the exit code.

    The first ends in good order: what is being answered has SECONDS_TO_END. A second ends at once.
    """
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    server = _Server(config)
    # Before uvicorn has taken the signals over, and once it has given them back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.end_at_once)
    server.run(sockets=[listener])
    return 128 + server.forced_by if server.forced_by is not None else 0


@contextlib.contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """Serve on a free port of this machine, from a thread of this process; the URL."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    forced_by: int | None = None
    """The second signal."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would raise the signals again once it has ended: a traceback for what it
        # breaks off, or an end by signal.
        if self.should_exit:
            self.force_exit = True
            self.forced_by = self.forced_by or sig
        self.should_exit = True

    def end_at_once(self, sig: int, frame: FrameType | None) -> NoReturn:
        """Nothing is being answered. The first signal ends in good order."""
        raise SystemExit(128 + sig if self.should_exit else 0)


def _is_no_end(record: logging.LogRecord) -> bool:
    """Whether a record is about something else than what the end has broken off."""
    # The second is of a connection that was cut on request.
    if record.msg.startswith(("Cancel %s running task", "ASGI callable returned without")):
        return False
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
