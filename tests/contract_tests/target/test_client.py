"""The client of the contract tests leaves nothing behind, whatever was under way."""

from __future__ import annotations

import gc

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contract_tests.target import client as client_module
from contract_tests.target.budget import RunBudget
from contract_tests.target.client import Client
from contract_tests.target.exchange import Request
from tests.conftest import Serve
from tests.contract_tests.checks.test_mutations import CommentsForEver


def test_what_nobody_waits_for_is_broken_off(serve: Serve) -> None:
    """A check that gives up may leave a run under way; its connection is closed all the same,
    or the unclosed socket would fail whichever test is running when it is found."""
    url = serve(CommentsForEver())
    with Client(url, budget=RunBudget(1)) as client:
        future = client.start(Request("POST", "/workflows/main/runs", fields=(("message", "x"),)))
    assert future.cancelled()
    gc.collect()


class ConnectionsApart:
    """Answers with the number of its connection that a request came on."""

    def __init__(self, status: int = 200) -> None:
        self.ports: list[int] = []
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        port = scope["client"][1]
        if port not in self.ports:
            self.ports.append(port)
        await Response(str(self.ports.index(port)), self.status)(scope, receive, send)


@pytest.mark.parametrize(
    ("kept", "status", "expected"),
    [(60.0, 404, ["0", "0"]), (0.0, 404, ["0", "1"]), (60.0, 500, ["0", "1"])],
)
def test_a_connection_that_may_be_closing_is_not_asked_on(
    kept: float, status: int, expected: list[str], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that closes it as the request comes never answers: one that has been kept for long,
    or one that a failure was told on (uvicorn, where an application raises)."""
    monkeypatch.setattr(client_module, "KEEP_ALIVE_SECONDS", kept)
    with Client(serve(ConnectionsApart(status)), budget=RunBudget(0)) as client:
        bodies = [client.send(Request("GET", "/")).body.decode() for _ in range(2)]
    assert bodies == expected
