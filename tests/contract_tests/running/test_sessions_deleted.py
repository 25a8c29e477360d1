"""The sessions that a run of the contract tests makes are deleted at its end, and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from contract_tests.running.run import Listener, Options, RunInterrupted, run_contract_tests
from mockserver.app import MockServer, Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import ROOT, Serve
from tests.contract_tests.conftest import DOCUMENT, run_cli
from tests.contract_tests.server import ConformingServer, Run
from tests.runs import batch

FORM = {"message": "x", "stream": "false"}
WORKFLOWS = load_scripts(ROOT / "tests" / "self_proof" / "scripts").workflows


def mock(**changes: Any) -> MockServer:
    workflows = {id: WORKFLOWS[id] for id in ("brief", "showcase")}
    return create_app(replace(Settings(DOCUMENT, workflows, seed=1), **changes))


def sessions(url: str) -> set[str]:
    query = {"type": "workflow", "limit": "100"}
    found = httpx2.get(f"{url}/sessions", params=query, timeout=30).json()
    return {session["session_id"] for session in found["data"]}


def users_own(url: str) -> set[str]:
    """Sessions that somebody had before: one named, one not."""
    with httpx2.Client(base_url=url, timeout=30) as client:
        named = batch(client, "brief", session_id="theirs")
        return {named["session_id"], batch(client, "brief")["session_id"]}


def test_what_was_there_is_all_that_is_there(stage: Serve) -> None:
    url = stage(mock())
    before = users_own(url)
    result = run_cli(url, "--max-examples", "5")
    assert result.exit_code == 0, result.output
    assert sessions(url) == before
    assert "not deleted" not in result.output


def test_they_can_be_kept(stage: Serve) -> None:
    url = stage(mock())
    for _ in range(2):  # those of the first run are no matter to the second
        result = run_cli(url, "--max-examples", "0", "--seed", "1", "--keep-sessions")
        assert result.exit_code == 0, result.output
    assert len(sessions(url)) > 10


class OneForAll:
    """Gives a run that names no session one that others use too."""

    def __init__(self) -> None:
        self.app = mock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("/runs") and scope["method"] == "POST":
            body = (await receive())["body"]
            if b"session_id" not in body:
                body += b"&session_id=theirs"
            length = (b"content-length", str(len(body)).encode())
            headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
            scope = {**scope, "headers": [*headers, length]}
            whole = {"type": "http.request", "body": body, "more_body": False}
            bodies = iter([whole])

            async def given() -> Any:
                return next(bodies, None) or await receive()

            await self.app(scope, given, send)
            return
        await self.app(scope, receive, send)


def test_a_session_with_other_runs_is_left(stage: Serve) -> None:
    url = stage(OneForAll())
    before = users_own(url)
    assert before == {"theirs"}
    run_cli(url, "--max-examples", "0", "--max-runs", "20")
    assert sessions(url) == before


class Deletes(ConformingServer):
    """Says to each deleting what it is told to."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status
        self.asked = 0
        """How often to delete several."""

    async def answer(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.asked += request.url.path == "/sessions"
            return Response(status_code=self.status)
        return await super().answer(request)


@pytest.mark.parametrize("status", [403, 405, 500])
def test_a_server_that_deletes_none_keeps_its_contract(status: int, stage: Serve) -> None:
    app = Deletes(status)
    result = run_cli(stage(app), "--max-examples", "0")
    assert result.exit_code == 0, result.output
    assert f"sessions that were made were not deleted: {status}" in result.output
    assert app.asked == 1


def test_they_are_deleted_where_a_signal_ends_the_run(stage: Serve) -> None:
    url = stage(mock())
    before = users_own(url)

    def checking(check: object, position: int, count: int) -> None:
        if position == 30:
            raise KeyboardInterrupt("SIGTERM")

    with pytest.raises(RunInterrupted) as ended:
        run_contract_tests(Options(url, DOCUMENT, 7, max_examples=0), Listener(checking=checking))
    assert ended.value.report.runs > 5
    assert sessions(url) == before


class Nested(ConformingServer):
    """What it answers is nested deeper than a reader of JSON may go."""

    async def batch(self, run: Run) -> Response:
        return Response("[" * 100_000 + "]" * 100_000, media_type="application/json")


def test_an_answer_that_is_no_json_names_no_session(stage: Serve) -> None:
    result = run_cli(stage(Nested()), "--max-examples", "0", "--max-runs", "20")
    assert result.exit_code == 1, result.output
    assert "RecursionError" not in result.output
