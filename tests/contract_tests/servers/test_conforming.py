"""What somebody else writes from the document, in another stack, is not found fault with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from tests.conftest import serving
from tests.contract_tests.conftest import broken, by_status, test_target
from tests.contract_tests.servers import (
    on_aiohttp,
    on_django,
    on_fastapi,
    on_flask,
    on_http_server,
    on_starlette,
    on_tornado,
)
from tests.contract_tests.servers.serving import aiohttp, looped, threaded, tornado, wsgi
from tests.contract_tests.servers.story import Style

Served = contextlib.AbstractContextManager[str]
TOKEN = "let-me-in-6d1f"

STACKS: dict[str, Callable[[], Served]] = {
    "http.server": lambda: threaded(
        on_http_server.server(Style(newline="\r", before="\ufeff", agents=True, hex_ids=True))
    ),
    "flask": lambda: threaded(
        on_flask.server(Style(newline="\r\n", before=": hello\n\n", indent=2, nulls=True))
    ),
    "django": lambda: wsgi(
        on_django.application(Style(heartbeat=": beat\n\n", sort_keys=True, names=False))
    ),
    "aiohttp": lambda: looped(
        lambda: aiohttp(on_aiohttp.application(Style(agents=True, ids=True, ascii=False)))
    ),
    "tornado": lambda: looped(
        lambda: tornado(
            on_tornado.application(Style(before="retry: 500\n\n", data_first=True, ascii=False))
        )
    ),
    "fastapi": lambda: serving(
        on_fastapi.application(Style(agents=True, whole_floats=True, token=TOKEN))
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_a_conforming_server_passes(stack: str) -> None:
    with STACKS[stack]() as url:
        report = test_target(url, token=TOKEN if stack == "fastapi" else None, max_examples=8)
    assert broken(report) == set()
    assert {"order.first-event", "batch.equals-stream"} <= set(by_status(report, Status.PASSED))


def test_one_that_tells_names_of_headers_apart_by_case_does_not() -> None:
    with threaded(on_http_server.server(Style(agents=True), names_have_case=True)) as url:
        report = test_target(url, selection=Selection(areas=["http"]))
    (breach,) = report.breaches
    assert breach.requirement == "http.request-forms"
    assert "CONTENT-TYPE" in breach.message
    assert breach.reproduce.count("-TYPE") == 1
    assert breach.reproduce.lower().count("content-type") == 1


@pytest.mark.parametrize("seed", range(3))
def test_one_that_tells_every_run_in_another_way_passes(seed: int) -> None:
    with serving(on_starlette.application(Style(agents=bool(seed % 2)), seed)) as url:
        report = test_target(url, seed=seed)
    assert broken(report) == set()
