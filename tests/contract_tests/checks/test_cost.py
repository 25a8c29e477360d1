"""What the tests cost and touch: counted by the server, not by who asks."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract_tests.checks import generated
from contract_tests.checks.plan import PROBE_RUNS
from contract_tests.checks.selection import Selection
from contract_tests.forms.generated_bodies import body_of
from contract_tests.judging.results import Status
from mockserver.app import Settings, create_app
from tests.agentos_contract.test_judge import Stream
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, by_status, report_on, run_cli
from tests.contract_tests.server import ConformingServer, Run

SAID = re.compile(r"will start at most (\d+) runs?")


@pytest.mark.parametrize(
    ("workflows", "max_runs", "max_examples"),
    [
        (("main",), 1, 0),
        (("main",), 60, 12),
        (("main", "typed"), 60, 0),
        (("typed",), 60, 12),
        (("main", "other", "third", "typed"), 20, 12),
    ],
)
def test_the_plan_is_an_upper_bound(
    stage: Serve, workflows: tuple[str, ...], max_runs: int, max_examples: int
) -> None:
    server = ConformingServer(workflows)
    arguments = ("--max-runs", str(max_runs), "--max-examples", str(max_examples))
    result = run_cli(stage(server), *arguments, "--seed", "1")
    assert result.exit_code == 0, result.output
    said = SAID.search(result.output)
    assert said is not None
    assert len(server.runs) <= int(said[1]) <= max_runs
    assert f"{len(server.runs)} runs started" in result.output


class Fails(ConformingServer):
    """Every run fails: a server error, or a stream that says so."""

    async def batch(self, run: Run) -> Response:
        return self.error(500, "it failed")


class TakesAll(ConformingServer):
    """Starts a run for whatever it is sent."""

    def judge_form(self, form: dict[str, str]) -> bool:
        form.setdefault("message", "x")
        return form.get("stream") != "false"


class Stumbles(ConformingServer):
    """Answers a wrong form with a server error, and starts no run."""

    def error(self, status: int, detail: str) -> Response:
        return super().error(500 if status == 422 else status, detail)


@pytest.mark.parametrize("server", [Fails, TakesAll])
@pytest.mark.parametrize("max_runs", [1, 7, 20])
def test_the_limit_holds_whatever_the_server_does(
    server: type[ConformingServer], max_runs: int, stage: Serve
) -> None:
    app = server(("main", "typed"))
    report = report_on(stage(app), max_runs=max_runs, max_examples=5)
    assert len(app.runs) <= max_runs
    assert report.runs == len(app.runs)


def test_refused_requests_cost_no_run(stage: Serve) -> None:
    app = Stumbles()
    report = report_on(stage(app), max_runs=20, max_examples=10)
    assert report.runs == len(app.runs)
    assert "error.no-server-error" in broken(report)
    assert by_status(report, Status.PASSED)["order.ended"]


def test_every_probe_has_its_run(stage: Serve) -> None:
    """The plan's number for probes is what they take: with no more, none goes without."""
    app = ConformingServer(("main", "slow"))
    report = report_on(stage(app), max_runs=2 + PROBE_RUNS)
    reasons = [result.message for result in by_status(report, Status.SKIPPED).values()]
    assert not [reason for reason in reasons if "runs of the plan" in reason]


class NoJsonForLetters(ConformingServer):
    """Refuses forms with a letter that is not ASCII in other words than its document's."""

    async def answer(self, request: Request) -> Response:
        is_plain = b"%C3" not in await request.body()
        return await super().answer(request) if is_plain else Response("no", status_code=422)


def test_a_failure_is_made_smaller_within_a_number_of_requests(
    stage: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And Hypothesis, which would go on drawing for minutes, is stopped there."""
    drawn: list[Any] = []

    def count(case: Any, prefix: str) -> Any:
        drawn.append(case)
        return body_of(case, prefix)

    monkeypatch.setattr(generated, "SHRINKING_REQUESTS", 2)
    monkeypatch.setattr(generated, "body_of", count)
    report = report_on(stage(NoJsonForLetters()), max_examples=25, checks=["invalid_forms"])
    assert "error.content-type" in {breach.requirement for breach in report.breaches}
    assert len(drawn) < 100


class Waits(ConformingServer):
    """Notes what it is asked for while a run of `slow` is under way."""

    def __init__(self) -> None:
        super().__init__(("main", "slow"))
        self.beside: list[str] = []
        self.slow = 0

    async def answer(self, request: Request) -> Response:
        if self.slow and request.method == "POST":
            self.beside.append(request.scope["path"])
        return await super().answer(request)

    async def batch(self, run: Run) -> Response:
        if run.workflow_id != "slow":
            return await super().batch(run)
        self.slow += 1
        try:
            await asyncio.sleep(1.2)
            return await super().batch(run)
        finally:
            self.slow -= 1


def test_other_checks_go_on_while_a_slow_batch_run_is_waited_for(
    stage: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.checks.batch.WORTH_IT", 0.3)
    app = Waits()
    report = report_on(stage(app), selection=Selection(only=["batch.equals-stream"]))
    assert not broken(report)
    assert app.beside == ["/workflows/main/runs"]


class Varies(ConformingServer):
    """Says something else in each run, as a model does; `other` takes other steps in batch."""

    def __init__(self) -> None:
        super().__init__(("main", "other"))
        self.numbers = itertools.count()

    def events(self, run: Run) -> Stream:
        events = super().events(run)
        events[-1]["content"] = f"said {next(self.numbers)}"
        events[-1]["step_results"] = [
            {**result, "content": events[-1]["content"]} for result in events[-1]["step_results"]
        ]
        return events

    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        if run.workflow_id == "other":
            body["step_results"] = [*body["step_results"], *body["step_results"]]
        return body


def test_where_contents_vary_structures_are_compared(stage: Serve) -> None:
    app, chosen = Varies(), Selection(only=["batch.equals-stream"])
    report = report_on(stage(app), max_runs=65, workflows=["main"], selection=chosen)
    assert "batch.equals-stream" in by_status(report, Status.PASSED)
    report = report_on(stage(app), max_runs=65, selection=chosen)
    breaches = report.findings.breaches["batch.equals-stream"]
    assert [breach.message.partition(":")[0] for breach in breaches] == ["other"]


@pytest.mark.parametrize(("declared", "is_broken"), [("true", True), ("false", False)])
def test_a_workflow_may_be_declared_deterministic(
    declared: str, is_broken: bool, stage: Serve, tmp_path: Any
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f"[workflows.main]\ndeterministic = {declared}\n")
    arguments = ("--config", str(config), "--workflow", "main", "--max-examples", "0")
    app = Varies()
    result = run_cli(stage(app), *arguments)
    assert ("FAILED batch.equals-stream" in result.output) == is_broken
    # Nobody has to be asked again.
    assert len(app.runs) <= 1 + PROBE_RUNS + 1


class Spy:
    """In front of the mock: what runs it started, and whose sessions and runs it was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.made: set[str] = set()
        """Ids of runs and sessions that answers to runs had."""
        self.asked: list[tuple[str, str]] = []
        """Method, and the id of a session or run."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        parts = scope["path"].strip("/").split("/")
        self.asked += [
            (scope["method"], parts[position + 1])
            for position, part in enumerate(parts[:-1])
            if part in ("sessions", "runs")
        ]
        for found in re.findall(rb"(?:^|&)session_id=([^&]+)", body):
            self.asked.append(("form", found.decode()))

        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        async def listen(message: Message) -> None:
            for found in re.findall(
                rb'"(?:session_id|run_id)":"([^"]+)"', message.get("body") or b""
            ):
                if parts[-1] == "runs" and scope["method"] == "POST":
                    self.made.add(found.decode())
            await send(message)

        await self._app(scope, replay, listen)


def test_only_own_sessions_and_runs_are_touched(serve: Serve) -> None:
    spy = Spy(create_app(Settings(seed=1, speed=5)))
    workflows = ("everything", "order-intake", "slow-report", "visit-counter")
    report = report_on(serve(spy), max_examples=10, workflows=workflows)
    assert not broken(report)
    assert {kind for kind, _ in spy.asked} == {"form", "GET", "POST", "DELETE"}
    foreign = [
        (kind, name)
        for kind, name in spy.asked
        if not name.startswith("contract-tests-") and name not in spy.made
    ]
    assert foreign == []


def test_a_server_with_a_session_of_every_name(stage: Serve) -> None:
    """None of them is the tests' own, and none gets a run."""

    class Crowded(ConformingServer):
        def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
            run = super().make_run(workflow_id, form)
            session = form.get("session_id") or "contract-tests-"
            assert session.startswith("contract-tests-"), session
            return run

        def listed_runs(self, session_id: str) -> list[dict[str, str]]:
            assert session_id.startswith("contract-tests-"), session_id
            return super().listed_runs(session_id)

    report = report_on(stage(Crowded()), max_examples=10)
    assert not broken(report)
