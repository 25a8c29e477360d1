"""What a gateway answers by itself is nobody's breach; what the server behind it does still is."""

from __future__ import annotations

import itertools

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from agentos_contract.requirements import Level
from contract_tests.fuzzing.outcome import Counted
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.results import Status
from contract_tests.target.exchange import Exchange
from contract_tests.target.exchange import Request as Sent
from tests.conftest import Serve
from tests.contract_tests import server
from tests.contract_tests.conftest import broken, by_status, report_on, run_cli
from tests.contract_tests.gateways.conftest import PAGE, Gateway
from tests.contract_tests.server import ConformingServer

QUICK = ("--max-runs", "8", "--max-examples", "0", "--level", "document")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("down", "502 Bad Gateway and an HTML page '502 Bad Gateway'"),
        ("maintenance", "503 Service Temporarily Unavailable and an HTML page 'Back soon'"),
        ("moved", "302 Moved Temporarily to https://login.example/"),
        ("mtls", "400 Bad Request and an HTML page '400 No required SSL certificate was sent'"),
    ],
)
@pytest.mark.parametrize("token", [(), ("--token", "a-token")])
def test_where_a_gateway_alone_answers_nothing_is_decided(
    name: str, said: str, token: tuple[str, ...], gateways: Gateway
) -> None:
    gateways.show(ConformingServer())
    outcome = run_cli(gateways[name], *QUICK, *token, "--insecure")
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1
    assert f"could not be decided: {said}" in outcome.stderr
    assert "Server: nginx" in outcome.stderr


@pytest.mark.parametrize("name", ["small", "limited"])
def test_what_a_gateway_refuses_breaks_nothing(name: str, gateways: Gateway) -> None:
    status = {"small": 413, "limited": 429}[name]
    gateways.show(ConformingServer())
    outcome = run_cli(gateways[name], "--max-examples", "0", "-v")
    assert outcome.exit_code in (0, 2), outcome.output
    assert f"could not be decided: {status}" in outcome.output


def test_a_stream_is_passed_on_as_it_comes_where_answers_are_buffered(
    gateways: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW_SECONDS", 1.5)
    gateways.show(ConformingServer(("main", "slow")))
    report = report_on(gateways["buffered"])
    assert broken(report) == set()
    assert "sse.pacing" in by_status(report, Status.PASSED)


class Behind(ConformingServer):
    """Every so many requests somebody before the server answers."""

    def __init__(self, answer: Response, every: int) -> None:
        super().__init__()
        self.gateways = answer
        self.every = every
        self.numbers = itertools.count(1)

    async def answer(self, request: Request) -> Response:
        number = next(self.numbers)
        # Not while it is looked what there is.
        return (
            self.gateways
            if number > 6 and number % self.every == 0
            else await super().answer(request)
        )


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("upstream connect error", 503),
        JSONResponse({"message": "Too Many Requests"}, 429),
        HTMLResponse("<html><title>504 Gateway Time-out</title></html>", 504),
        PlainTextResponse("", 302, {"location": "https://login.example"}),
    ],
    ids=lambda answer: str(answer.status_code),
)
@pytest.mark.parametrize("every", [2, 5])
def test_a_gateway_in_between_breaks_nothing(answer: Response, every: int, stage: Serve) -> None:
    report = report_on(stage(Behind(answer, every)))
    assert broken(report) == set()
    skipped = by_status(report, Status.SKIPPED)
    assert any("could not be decided" in result.message for result in skipped.values())


def test_where_no_run_gets_through_nothing_is_decided(stage: Serve) -> None:
    class Limited(ConformingServer):
        async def answer(self, request: Request) -> Response:
            is_run = "/main/runs" in request.url.path and b"message=Hello" in await request.body()
            if is_run:
                return PlainTextResponse("slow down", 429)
            return await super().answer(request)

    outcome = run_cli(stage(Limited()), "--max-examples", "0")
    assert outcome.exit_code == 2, outcome.output
    assert "could not be decided: 429" in outcome.stderr


def test_no_gateway_is_drift(stage: Serve, gateways: Gateway) -> None:
    busy = JSONResponse({"message": "busy"}, 503, {"retry-after": "0"})
    waited = run_cli("drift", stage(Behind(busy, 4)), "--since", "none")
    assert "503" not in waited.output
    gateways.show(ConformingServer())
    outcome = run_cli("drift", gateways["down"])
    assert outcome.exit_code == 2
    assert "could not be decided: 502" in outcome.stderr


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_a_page_for_everybody_breaks_nothing(status: int, stage: Serve) -> None:
    class Closing(ConformingServer):
        async def answer(self, request: Request) -> Response:
            if len(self.runs) > 2:
                return HTMLResponse(PAGE, status)
            return await super().answer(request)

    report = report_on(stage(Closing()))
    assert broken(report) == set()


def test_a_gateway_is_waited_for(stage: Serve) -> None:
    busy = JSONResponse({"message": "busy"}, 503, {"retry-after": "0"})
    report = report_on(stage(Behind(busy, 3)))
    assert broken(report) == set()
    assert not any("decided" in r.message for r in by_status(report, Status.SKIPPED).values())


@pytest.mark.parametrize("page", [True, False])
def test_a_server_that_fails_by_itself_is_found(page: bool, stage: Serve) -> None:
    class Failing(ConformingServer):
        async def answer(self, request: Request) -> Response:
            if request.method == "POST" and b"stream=false" in await request.body():
                body = "<html><title>Server Error</title></html>"
                return HTMLResponse(body, 500) if page else JSONResponse({"detail": "no"}, 500)
            return await super().answer(request)

    assert "batch.equals-stream" in broken(report_on(stage(Failing())))


@pytest.mark.parametrize(("body", "count"), [(b"upstream is down", 0), (b'{"detail": "no"}', 1)])
def test_fuzzing_counts_no_gateways_answer(body: bytes, count: int) -> None:
    exchange = Exchange(Sent("POST", "/workflows/main/runs"), "curl …", status=503, body=body)
    judgement = Judgement()
    judgement.breach("error.documented-status", "503", exchange)
    assert len(Counted({}, Level.PROTOCOL).breaches(judgement, "run", 0)) == count
