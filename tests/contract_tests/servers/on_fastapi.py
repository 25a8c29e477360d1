"""FastAPI with sse-starlette, which frames the events itself, by CR LF."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

from fastapi import FastAPI, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from tests.conftest import serving
from tests.contract_tests.servers.story import Ask, Refused, Story, Style


def application(style: Style) -> FastAPI:
    app, story = FastAPI(), Story(style)

    @app.exception_handler(Refused)
    async def refused(_: Request, refusal: Refused) -> Response:
        return answer(refusal.body, refusal.status, refusal.headers)

    @app.exception_handler(HTTPException)
    async def failed(_: Request, error: HTTPException) -> Response:
        body = Refused(error.status_code, error.detail).body
        return answer(body, error.status_code, dict(error.headers or {}))

    def answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        return Response(body, status, headers, "application/json")

    async def sent(ask: Ask) -> AsyncIterator[ServerSentEvent]:
        for number, event in enumerate(story.events(ask)):
            yield ServerSentEvent(story.dump(event), event=event["event"], id=str(number))

    @app.get("/workflows")
    async def listed(request: Request) -> Response:
        story.let_in(request.headers.get("authorization"))
        return answer(story.listed())

    @app.get("/workflows/{name}")
    async def described(name: str, request: Request) -> Response:
        story.let_in(request.headers.get("authorization"))
        return answer(story.described(name))

    @app.post("/workflows/{name}/runs")
    async def run(name: str, request: Request) -> Response:
        story.let_in(request.headers.get("authorization"))
        # Not by Form(), which takes an empty text for a field that is not there.
        form = {key: str(text) for key, text in (await request.form()).items()}
        ask = story.ask(name, request.headers.get("content-type", ""), form)
        if ask.stream:
            return EventSourceResponse(sent(ask))
        return answer(story.batch(ask))

    return app


def served(style: Style) -> AbstractContextManager[str]:
    return serving(application(style))
