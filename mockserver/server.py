"""The server of the command line: a socket to listen on, uvicorn, signals, the log."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp

from agentos_contract.output import escaped, escaped_lines
from mockserver.connections import Limits, protocols

SECONDS_TO_FINISH = 1
"""After a signal, until what is still being answered is told to end."""

SECONDS_TO_END = 2
"""After a signal, until what is being answered even then is broken off."""


class CannotListen(Exception):
    """The address cannot be listened on; str() says why, and what to choose."""


@dataclass(frozen=True)
class Certificate:
    """What TLS is served with."""

    file: Path
    """The certificate, PEM, with those that it is signed by."""
    key: Path
    """Its private key, PEM, without a password."""

    def check(self) -> None:
        """Raises CannotListen where they are no certificate and its key."""
        for file in (self.file, self.key):
            if not file.is_file():
                raise CannotListen(f"{file}: no such file; expected one in PEM form")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.file, self.key, password=_refuse_password)
        except _HasPassword:
            raise CannotListen(
                f"{self.key}: the key has a password; expected one without"
            ) from None
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise CannotListen(
                f"{self.file}, {self.key}: no certificate and its key in PEM form ({reason})"
            ) from error


class _HasPassword(Exception):
    pass


def _refuse_password() -> NoReturn:
    raise _HasPassword


def listen_for(workers: int, host: str, port: int) -> list[socket.socket]:
    """Sockets of one port, one for each worker. Raises CannotListen.

    Linux spreads connections over sockets that share a port; elsewhere the workers share one
    socket, and who is first takes a connection.
    """
    first = listen(host, port)  # says so where somebody else has the port
    if workers == 1:
        return [first]
    if sys.platform != "linux":
        return [first] * workers
    port = first.getsockname()[1]
    first.close()
    return [listen(host, port, is_shared=True) for _ in range(workers)]


def listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket that listens; `is_shared`: on a port with others that are. Raises CannotListen."""
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP's; with it on, a
    # stream's small writes would wait for each other.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


class LogFormat(logging.Formatter):
    """A record in one line, then its traceback; with nothing of a caller's in it that acts."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return escaped_lines(super().formatException(ei))


def set_up_log(level: str) -> None:
    """Have everything logged in one form; requests at info (http/log.py)."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormat("%(levelname)s: %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    if level != "debug":
        # Theirs are told by what is said at start and of each request. uvicorn's of a websocket
        # would show its query.
        for name in ("uvicorn", "connexion"):
            logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))
    # Each change of any file beside the scripts, that of the log itself too, if it is one.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)


def serve(
    application: ASGIApp,
    listener: socket.socket,
    *,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    at_start: Callable[[], Coroutine[Any, Any, None]] | None = None,
    at_end: Callable[[], Coroutine[Any, Any, None]] | None = None,
    end_waits: Callable[[], None] = lambda: None,
    end_answers: Callable[[], None] = lambda: None,
    certificate: Certificate | None = None,
    parent: int | None = None,
    limits: Limits | None = None,
    clock: float | None = None,
) -> int:
    """Serve until a signal comes; the exit code. `beside` is carried out meanwhile, `at_start`
    before anything is answered, `at_end` when nothing is any more. `parent`: a file
    descriptor that can be read from once this process is to end in good order. `clock`: seconds
    since the epoch that answers have as their Date; None: it is the machine's.

    The first ends in good order: `end_waits` answers at once who waits for what may happen; what
    is not answered after SECONDS_TO_FINISH is ended by `end_answers`, and broken off after
    SECONDS_TO_END. A second ends at once.
    """
    config = _config(
        application,
        limits or Limits(),
        date_header=clock is None,
        headers=[] if clock is None else [("date", formatdate(clock, usegmt=True))],
        ssl_certfile=certificate.file if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    server = _Server(config)
    server.beside, server.end_waits, server.end_answers = beside, end_waits, end_answers
    server.at_start, server.at_end = at_start, at_end
    server.parent = parent
    # Before uvicorn has taken the signals over, and once it has given them back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.end_at_once)
    server.run(sockets=[listener])
    return 128 + server.forced_by if server.forced_by is not None else 0


def _config(application: ASGIApp, limits: Limits, **more: Any) -> uvicorn.Config:
    """How uvicorn serves the mock. `more`: of its own options."""
    http, ws = protocols(limits)
    return uvicorn.Config(
        application,
        http=http,
        ws=ws,
        ws_max_size=limits.max_message,
        ws_per_message_deflate=False,  # 10 KB can stand for 10 MB
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SECONDS_TO_END,
        **more,
    )


@contextlib.contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """Serve on a free port of this machine, from a thread of this process; the URL."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(_config(application, Limits()))
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
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    at_start: Callable[[], Coroutine[Any, Any, None]] | None = None
    at_end: Callable[[], Coroutine[Any, Any, None]] | None = None
    end_waits: Callable[[], None] | None = None
    end_answers: Callable[[], None] | None = None
    parent: int | None = None
    _task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.parent is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self.parent, self._has_no_parent)
        if self.at_start is not None:
            await self.at_start()
        await super().startup(sockets)
        if self.beside is not None:
            self._task = asyncio.create_task(self.beside())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.end_waits is not None:
            self.end_waits()
        if self.end_answers is not None:
            asyncio.get_running_loop().call_later(SECONDS_TO_FINISH, self.end_answers)
        await super().shutdown(sockets)
        if self.at_end is not None:
            await self.at_end()

    def _has_no_parent(self) -> None:
        assert self.parent is not None
        asyncio.get_running_loop().remove_reader(self.parent)
        self.should_exit = True

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
