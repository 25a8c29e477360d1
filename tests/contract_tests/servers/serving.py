"""Each stack's server on a free port, for the length of a with."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from socketserver import TCPServer
from wsgiref.simple_server import WSGIRequestHandler

from aiohttp import web
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

HOST = "127.0.0.1"


@contextlib.contextmanager
def threaded(server: TCPServer) -> Iterator[str]:
    """A server of the standard library's kind."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def wsgi(app: WSGIHandler) -> contextlib.AbstractContextManager[str]:
    server = ThreadedWSGIServer((HOST, 0), Quiet)
    server.set_app(app)
    return threaded(server)


@contextlib.contextmanager
def looped(start: Callable[[], contextlib.AbstractAsyncContextManager[str]]) -> Iterator[str]:
    """A server on an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = start()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.asynccontextmanager
async def aiohttp(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    yield f"http://{HOST}:{runner.addresses[0][1]}"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def tornado(app: Application) -> AsyncIterator[str]:
    server = HTTPServer(app)
    sockets = bind_sockets(0, HOST)
    server.add_sockets(sockets)
    yield f"http://{HOST}:{sockets[0].getsockname()[1]}"
    server.stop()
    await server.close_all_connections()
