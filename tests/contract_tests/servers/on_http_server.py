"""Python's http.server: HTTP/1.0, each connection closed, a body in chunks not even answered; CR
line ends and a BOM."""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.contract_tests.servers.serving import threaded
from tests.contract_tests.servers.story import Refused, Story, Style


def server(style: Style, *, names_have_case: bool = False) -> ThreadingHTTPServer:
    """`names_have_case`: a fault, with which a CONTENT-TYPE is none."""
    story = Story(style)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET

        def answer(self) -> None:
            if self.headers.get("transfer-encoding"):
                self.reset()
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                self.route(body)
            except Refused as refusal:
                self.send(refusal.status, refusal.body, refusal.headers)

        def route(self, body: bytes) -> None:
            path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            names = self.headers.keys() if names_have_case else ()
            is_lost = any(name.isupper() for name in names)
            content_type = "" if is_lost else self.headers.get("content-type", "")
            story.let_in(self.headers.get("authorization"))
            match self.command, path:
                case "GET", ["workflows"]:
                    self.send(200, story.listed())
                case "GET", ["workflows", name]:
                    self.send(200, story.described(name))
                case "POST", ["workflows", name, "runs"]:
                    form = dict(parse_qsl(body.decode("utf-8", "replace"), True))
                    ask = story.ask(name, content_type, form)
                    if not ask.stream:
                        self.send(200, story.batch(ask))
                        return
                    self.begin(200, {"Content-Type": "text/event-stream"})
                    for frame in story.frames(ask):
                        self.wfile.write(frame)
                case _, ["workflows", _, "runs"]:
                    self.send(405, b'{"detail": "POST"}', {"Allow": "POST"})
                case _:
                    self.send(404, b'{"detail": "Nothing is here."}')

        def reset(self) -> None:
            """What a client may see where its request is answered, but not read to its end."""
            self.close_connection = True
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.connection.close()

        def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            self.begin(status, length | (headers or {}))
            if self.command != "HEAD":
                self.wfile.write(body)

        def begin(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def served(style: Style, *, names_have_case: bool = False) -> AbstractContextManager[str]:
    return threaded(server(style, names_have_case=names_have_case))
