"""A request leaves nothing to the garbage collector: what it made is free once it is answered."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import httpx2
import pytest

from mockserver.app import create_app
from mockserver.http.request import Request
from mockserver.runner.active import ActiveRun

RUNS = "/workflows/content-pipeline/runs"


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("GET", "/health", None),
        ("POST", RUNS, {"message": "tea", "stream": "false"}),
        ("POST", RUNS, {"message": "tea", "stream": "true"}),
        ("GET", "/workflows/unknown", None),
    ],
    ids=["health", "batch", "stream", "refused"],
)
def test_what_a_request_made_needs_no_collector(
    method: str, path: str, form: dict[str, str] | None
) -> None:
    def made() -> list[object]:
        return [it for it in gc.get_objects() if type(it) in (Request, ActiveRun)]

    before = {
        id(it) for it in made()
    }  # of servers of other tests, which still follow what happens there

    async def ask() -> list[object]:
        transport = httpx2.ASGITransport(create_app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://mock") as client:
            for _ in range(3):
                await client.request(method, path, data=form)
            # Within the loop: the end of an event loop is no part of a request.
            return [type(it) for it in made() if id(it) not in before]

    assert asyncio.run(ask()) == []
