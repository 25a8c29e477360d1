"""A server over a plain socket that sends whatever bytes a test wants, as long as anybody reads."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator

Answer = Callable[[str, bytes], Iterable[bytes]]
"""What to send for a request's path (with its query) and body, in pieces."""

WORKFLOW = {"id": "w", "name": "w"}


class HostileServer:
    """Lists one workflow, unless told otherwise; what a run is answered with is the test's."""

    def __init__(self, run: Answer, **others: Answer) -> None:
        """`others`: by the first segment of a path (`workflows`, `openapi_json`)."""
        self._run = run
        self._others = others
        self.heads: list[bytes] = []
        """Of the requests, as they came."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        for connection in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            received = b""
            while b"\r\n\r\n" not in received:
                if not (more := connection.recv(65536)):
                    return
                received += more
            head, _, body = received.partition(b"\r\n\r\n")
            self.heads.append(head)
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            while len(body) < length:
                body += connection.recv(65536)
            method, path, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
            for piece in self._answer(method, path, body):
                connection.sendall(piece)
        self._open.discard(connection)

    def _answer(self, method: str, path: str, body: bytes) -> Iterable[bytes]:
        first = path.strip("/").partition("?")[0]
        if first == "workflows/w/runs":
            if method != "POST":
                return plain(b'{"detail": "no"}', 405, allow="POST")
            if b"message=" not in body:
                return plain(b'{"detail": "no message"}', 422)
            return self._run(path, body)
        key = first.replace(".", "_").partition("/")[0]
        if key in self._others:
            return self._others[key](path, body)
        if first == "workflows":
            return plain(json.dumps([WORKFLOW]).encode())
        if first == "workflows/w":
            return plain(json.dumps(WORKFLOW).encode())
        return plain(b'{"detail": "not found"}', 404)


@contextlib.contextmanager
def hostile(run: Answer, **others: Answer) -> Iterator[HostileServer]:
    server = HostileServer(run, **others)
    try:
        yield server
    finally:
        server.close()


# -- what to send

STREAM = "text/event-stream"
JSON = "application/json"


def head(media_type: str, status: int = 200, **headers: str) -> bytes:
    named = {"content-type": media_type, "connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} OK", *(f"{n.replace('_', '-')}: {v}" for n, v in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def plain(body: bytes, status: int = 200, media_type: str = JSON, **headers: str) -> list[bytes]:
    """A whole answer."""
    return [head(media_type, status, content_length=str(len(body)), **headers), body]


def for_ever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def bomb(codings: int, size: int = 1 << 32) -> bytes:
    """`size` zeros, compressed by gzip so many times."""
    compress = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    found = b"".join(compress.compress(zeros) for _ in range(size >> 20)) + compress.flush()
    for _ in range(codings - 1):
        found = gzip.compress(found)
    return found
