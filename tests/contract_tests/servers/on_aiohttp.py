"""aiohttp: each frame in odd pieces, as the network may cut them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from aiohttp import web

from tests.contract_tests.servers.serving import HOST, looped
from tests.contract_tests.servers.story import Refused, Story, Style

PIECE = 7


def application(style: Style) -> web.Application:
    story = Story(style)

    @web.middleware
    async def errors(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            story.let_in(request.headers.get("authorization"))
            return await handler(request)
        except Refused as refusal:
            return answer(refusal.body, refusal.status, refusal.headers)

    def answer(
        body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> web.Response:
        return web.Response(
            body=body, status=status, headers=headers, content_type="application/json"
        )

    async def listed(_: web.Request) -> web.Response:
        return answer(story.listed())

    async def described(request: web.Request) -> web.Response:
        return answer(story.described(request.match_info["name"]))

    async def run(request: web.Request) -> web.StreamResponse:
        try:
            form = {name: str(text) for name, text in (await request.post()).items()}
        except ValueError as error:
            raise Refused(400, "The body can't be read.") from error
        name = request.match_info["name"]
        ask = story.ask(name, request.headers.get("content-type", ""), form)
        if not ask.stream:
            return answer(story.batch(ask))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in story.frames(ask):
            for at in range(0, len(frame), PIECE):
                await response.write(frame[at : at + PIECE])
        await response.write_eof()
        return response

    app = web.Application(middlewares=[errors])
    app.router.add_get("/workflows", listed)
    app.router.add_get("/workflows/{name}", described)
    app.router.add_post("/workflows/{name}/runs", run)
    return app


@asynccontextmanager
async def _running(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    yield f"http://{HOST}:{runner.addresses[0][1]}"
    await runner.cleanup()


def served(style: Style) -> AbstractContextManager[str]:
    return looped(lambda: _running(application(style)))
