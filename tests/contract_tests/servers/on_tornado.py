"""Tornado: names and texts as its own parser decodes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.contract_tests.servers.serving import HOST, looped
from tests.contract_tests.servers.story import Refused, Story, Style


class Handler(RequestHandler):
    def initialize(self, story: Story) -> None:
        self.story = story

    def prepare(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.story.let_in(self.request.headers.get("authorization"))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        self.set_header("Content-Type", "application/json")
        if isinstance(error, Refused):
            self.set_status(error.status)
            for name, value in error.headers.items():
                self.set_header(name, value)
            self.finish(error.body)
        else:
            if status_code == 405:
                self.set_header("Allow", "POST")
            self.finish({"detail": self._reason})

    def log_exception(self, *_: Any) -> None:
        pass


class Listed(Handler):
    def get(self) -> None:
        self.write(self.story.listed())


class Described(Handler):
    def get(self, name: str) -> None:
        self.write(self.story.described(name))


class Run(Handler):
    async def post(self, name: str) -> None:
        # Tornado reads no form whose media type is in capitals.
        form = dict(parse_qsl(self.request.body.decode("utf-8", "replace"), keep_blank_values=True))
        ask = self.story.ask(name, self.request.headers.get("Content-Type", ""), form)
        if not ask.stream:
            self.write(self.story.batch(ask))
            return
        self.set_header("Content-Type", "text/event-stream;charset=UTF-8")
        for frame in self.story.frames(ask):
            self.write(frame)
            await self.flush()


def application(style: Style) -> Application:
    of = {"story": Story(style)}
    return Application(
        [
            (r"/workflows", Listed, of),
            (r"/workflows/([^/]+)", Described, of),
            (r"/workflows/([^/]+)/runs", Run, of),
        ],
        log_function=lambda _: None,
    )


@asynccontextmanager
async def _running(app: Application) -> AsyncIterator[str]:
    server = HTTPServer(app)
    sockets = bind_sockets(0, HOST)
    server.add_sockets(sockets)
    yield f"http://{HOST}:{sockets[0].getsockname()[1]}"
    server.stop()
    await server.close_all_connections()


def served(style: Style) -> AbstractContextManager[str]:
    return looped(lambda: _running(application(style)))
