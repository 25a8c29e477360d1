"""Starlette, of which every run tells in another legal way."""

from __future__ import annotations

import random
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.contract_tests.servers.story import Refused, Story, Style


def application(style: Style, seed: int) -> Starlette:
    drawn = random.Random(seed)
    story = Story(style)

    def varied() -> Story:
        return Story(
            replace(
                style,
                newline=drawn.choice(["\n", "\r\n", "\r"]),
                before=drawn.choice(["", "\ufeff", ": hello\n\n", "retry: 500\n\n"]),
                heartbeat=drawn.choice(["", ": beat\n\n", ":\n"]),
                ids=drawn.random() < 0.5,
                indent=drawn.choice([None, 1]),
                data_first=drawn.random() < 0.5,
                sort_keys=drawn.random() < 0.5,
                nulls=drawn.random() < 0.5,
                ascii=drawn.random() < 0.5,
                whole_floats=drawn.random() < 0.5,
                hex_ids=drawn.random() < 0.5,
            )
        )

    async def refused(_: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refused)
        return Response(refusal.body, refusal.status, refusal.headers, "application/json")

    async def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        body = Refused(error.status_code, error.detail).body
        return Response(body, error.status_code, error.headers, "application/json")

    async def listed(_: Request) -> Response:
        return Response(story.listed(), media_type="application/json")

    async def described(request: Request) -> Response:
        body = story.described(request.path_params["name"])
        return Response(body, media_type="application/json")

    async def run(request: Request) -> Response:
        story.let_in(request.headers.get("authorization"))
        form = {name: str(text) for name, text in (await request.form()).items()}
        told, name = varied(), request.path_params["name"]
        ask = told.ask(name, request.headers.get("content-type", ""), form)
        if ask.stream:
            return StreamingResponse(told.frames(ask), media_type="text/event-stream")
        return Response(told.batch(ask), media_type="application/json")

    routes = [
        Route("/workflows", listed),
        Route("/workflows/{name}", described),
        Route("/workflows/{name}/runs", run, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={Refused: refused, HTTPException: failed})
