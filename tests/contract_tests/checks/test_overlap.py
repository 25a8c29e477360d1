"""Runs that are to be under way at the same time, and what is said where they were not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, by_status, report_on
from tests.contract_tests.server import ConformingServer, Run

ISOLATION = Selection(only=["session.isolation"])


class TakesTurns(ConformingServer):
    """Begins to tell of a run when the one before is over."""

    def __init__(self) -> None:
        super().__init__(("main", "counting"))
        self.turn = asyncio.Lock()

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async with self.turn:
            async for frame in super().frames(run):
                await asyncio.sleep(0.02)
                yield frame


def test_runs_that_never_overlap_say_nothing(stage: Serve) -> None:
    report = report_on(stage(TakesTurns()), selection=ISOLATION)
    (result,) = by_status(report, Status.SKIPPED).values()
    assert result.requirement.id == "session.isolation"
    assert result.message == "two runs in two sessions were never under way at the same time"


class Overlaps(TakesTurns):
    """Tells of several at a time."""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in ConformingServer.frames(self, run):
            await asyncio.sleep(0.02)
            yield frame


def test_runs_that_overlap_say_that_they_are_apart(stage: Serve) -> None:
    report = report_on(stage(Overlaps()), selection=ISOLATION)
    assert by_status(report, Status.PASSED).keys() == {"session.isolation"}


class CountsForAll(Overlaps):
    """What a run counts is counted in the sessions of those beside it too."""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        if run.workflow_id == "counting":
            for session_id in self.counted:
                self.counts[session_id] += 1
            self.counted.add(run.session_id)
        async for frame in super().frames(run):
            yield frame
        self.counted.discard(run.session_id)

    def __init__(self) -> None:
        super().__init__()
        self.counted: set[str] = set()


def test_a_state_that_runs_side_by_side_share_is_found(stage: Serve) -> None:
    report = report_on(stage(CountsForAll()), selection=ISOLATION)
    assert broken(report) == {"session.isolation"}
    assert {breach.check for breach in report.breaches} == {"states_beside"}
