"""What somebody else writes from the document, in another stack, is not found fault with."""

from __future__ import annotations

import importlib

import pytest

from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from tests.conftest import serving
from tests.contract_tests.conftest import broken, by_status, report_on
from tests.contract_tests.servers import on_express, on_http_server, on_starlette
from tests.contract_tests.servers.story import Style

TOKEN = "let-me-in-6d1f"

STACKS = {
    "http_server": Style(newline="\r", before="\ufeff", agents=True, hex_ids=True),
    "flask": Style(newline="\r\n", before=": hello\n\n", indent=2, nulls=True),
    "django": Style(heartbeat=": beat\n\n", sort_keys=True, names=False),
    "aiohttp": Style(agents=True, ids=True, ascii=False),
    "tornado": Style(before="retry: 500\n\n", data_first=True, ascii=False),
    "fastapi": Style(agents=True, whole_floats=True, token=TOKEN),
}


@pytest.mark.parametrize("stack", STACKS)
def test_a_conforming_server_passes(stack: str) -> None:
    # Not above: each worker that has other tests would import six frameworks.
    server = importlib.import_module(f"tests.contract_tests.servers.on_{stack}")
    with server.served(STACKS[stack]) as url:
        report = report_on(url, token=TOKEN if stack == "fastapi" else None, max_examples=8)
    assert broken(report) == set()
    assert {"order.first-event", "batch.equals-stream"} <= set(by_status(report, Status.PASSED))


needs_express = pytest.mark.skipif(not on_express.IS_HERE, reason="needs Express (make js)")


@needs_express
@pytest.mark.parametrize("how", [(), ("compressed",)])
def test_express_passes(how: tuple[str, ...]) -> None:
    with on_express.served(*how) as url:
        report = report_on(url, max_examples=8)
    assert broken(report) == set()
    assert {"order.first-event", "batch.equals-stream"} <= set(by_status(report, Status.PASSED))


@needs_express
def test_where_compression_holds_a_stream_back_it_does_not() -> None:
    with on_express.served("compressed", "held") as url:
        report = report_on(url, selection=Selection(only=["sse.pacing"]))
    (breach,) = report.breaches
    assert breach.requirement == "sse.pacing"
    assert "where the client takes gzip" in breach.message


def test_one_that_tells_names_of_headers_apart_by_case_does_not() -> None:
    with on_http_server.served(Style(agents=True), names_have_case=True) as url:
        report = report_on(url, selection=Selection(areas=["http"]))
    (breach,) = report.breaches
    assert breach.requirement == "http.request-forms"
    assert "CONTENT-TYPE" in breach.message
    assert breach.reproduce.count("-TYPE") == 1
    assert breach.reproduce.lower().count("content-type") == 1


@pytest.mark.parametrize("seed", range(3))
def test_one_that_tells_every_run_in_another_way_passes(seed: int) -> None:
    with serving(on_starlette.application(Style(agents=bool(seed % 2)), seed)) as url:
        report = report_on(url, seed=seed)
    assert broken(report) == set()
