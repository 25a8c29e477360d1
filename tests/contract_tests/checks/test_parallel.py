"""--parallel: workflows that run at once, and no more of them than was said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, by_status, report_on, run_cli
from tests.contract_tests.server import ConformingServer, Run

NAMES = tuple(f"w{number}" for number in range(6))


class Together(ConformingServer):
    """Answers runs in threes alone: whoever asks for fewer at once gets nothing."""

    def __init__(self) -> None:
        super().__init__(NAMES)
        self.barrier = asyncio.Barrier(3)
        self.most = self.now = 0

    async def meet(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.wait_for(self.barrier.wait(), 20)
        self.now -= 1

    async def stream(self, run: Run) -> Response:
        await self.meet()
        return await super().stream(run)

    async def batch(self, run: Run) -> Response:
        if len(run.message) < 100:  # the last message of all is one's alone
            await self.meet()
        return await super().batch(run)


def test_streams_run_at_once(stage: Serve) -> None:
    server = Together()
    report = report_on(stage(server), parallel=3, checks=["streams"])
    assert broken(report) == set()
    assert "order.ended" in by_status(report, Status.PASSED)
    assert (server.most, len(server.runs)) == (3, 6)


class Varies(ConformingServer):
    """Loses a result in batch, for one workflow, and says how many ran at once."""

    def __init__(self) -> None:
        super().__init__(NAMES)
        self.most = self.now = 0

    async def batch(self, run: Run) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(50):
            await asyncio.sleep(0)
        self.now -= 1
        return await super().batch(run)

    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        if run.workflow_id == "w3":
            del body["step_results"][1]
        return body


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_is_found_is_the_same(parallel: int, stage: Serve) -> None:
    server = Varies()
    part = Selection(only=["batch.equals-stream", "order.*"])
    report = report_on(stage(server), parallel=parallel, selection=part)
    breaches = report.findings.breaches
    assert [breach.message.partition(":")[0] for breach in breaches["batch.equals-stream"]] == [
        "w3"
    ]
    assert breaches.keys() == {"batch.equals-stream"}
    assert server.most <= parallel
    asked = [run.workflow_id for run in server.runs.values()]
    assert sorted(asked[:6]) == list(NAMES)


def test_no_more_are_started_than_was_said(stage: Serve) -> None:
    server = ConformingServer(NAMES)
    result = run_cli(stage(server), "--parallel", "4", "--max-runs", "5", "--max-examples", "0")
    assert result.exit_code == 0, result.output
    assert len(server.runs) == 5


def test_what_was_started_is_judged_where_the_rest_is_refused(stage: Serve) -> None:
    class Busy(ConformingServer):
        """Answers some, and then says for how long it has no time."""

        async def stream(self, run: Run) -> Response:
            if len(self.runs) > 3:
                return Response(status_code=429, headers={"retry-after": "3600"})
            return await super().stream(run)

    server = Busy(NAMES)
    report = report_on(stage(server), parallel=3, checks=["streams"])
    assert broken(report) == set()
    assert "order.ended" in by_status(report, Status.PASSED)
    assert len(server.runs) <= 3 + 3
