"""Classes of what fuzzing draws: a server that stumbles over each is found out."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from contract_tests.fuzzing.steps import MARK, Form, Run, Steps
from tests.conftest import Serve
from tests.contract_tests.fuzzing.test_fuzzing import SECONDS, Server, drawn, found_by, fuzz_for
from tests.contract_tests.server import Refused
from tests.contract_tests.server import Run as ServersRun


class FailsOnArabic(Server):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> ServersRun:
        if any("ARABIC" in unicodedata.name(char, "") for char in form["message"]):
            raise Refused(500, "it failed")
        return super().make_run(workflow_id, form)


class MergesSessionsByCase(Server):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        alike = [name for name in self.sessions if name.lower() == session_id.lower()]
        return [run for name in alike for run in super(Server, self).listed_runs(name)]


class FailsAtTheThirdAtOnce(Server):
    at_once = 0

    async def frames(self, run: ServersRun) -> AsyncIterator[bytes]:
        self.at_once += 1
        is_too_many = self.at_once > 2
        try:
            async for frame in super().frames(run):
                await asyncio.sleep(0.005)  # so that runs can be under way at a time
                if is_too_many and b"event: WorkflowCompleted" in frame:
                    return
                yield frame
        finally:
            self.at_once -= 1


class WantsBothFormats(Server):
    async def answer(self, request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        if request.method == "POST" and accepted == "text/event-stream":
            return self.error(500, "it failed")
        return await super().answer(request)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "requirement"),
    [
        (FailsOnArabic, "form.text-kept"),
        (MergesSessionsByCase, "session.isolation"),
        (FailsAtTheThirdAtOnce, "order.terminal-event"),
    ],
)
def test_it_is_found(serve: Serve, server: Callable[[Any], Server], requirement: str) -> None:
    """With a seed that draws it soon: most need from 70 to 700 runs."""
    campaign = fuzz_for(serve(server(("main",))), SECONDS, seed=3, max_failures=1)
    assert found_by(campaign, requirement)


def test_a_server_that_wants_both_formats_is_found(serve: Serve) -> None:
    campaign = fuzz_for(serve(WantsBothFormats(("main",))), SECONDS, max_failures=1)
    failure = next(iter(campaign.failures.values()))
    (step,) = failure.steps
    assert isinstance(step, Run)
    assert step.headers == (("accept", "text/event-stream"),)


@pytest.fixture(scope="module")
def sequences() -> list[Steps]:
    return [steps for seed in range(1, 5) for steps in drawn(seed)]


def test_texts_are_of_many_scripts(sequences: list[Steps]) -> None:
    texts = [
        step.message
        for steps in sequences
        for step in steps
        if isinstance(step, Run) and step.message
    ]
    for script in ("ARABIC", "HEBREW", "THAI", "CJK", "CYRILLIC"):
        assert any(all(script in unicodedata.name(char, "") for char in text) for text in texts), (
            script
        )
    assert any(all(unicodedata.category(char) == "Cf" for char in text) for text in texts)
    assert any(all(unicodedata.category(char) == "Cc" for char in text) for text in texts)
    assert max(map(len, texts)) >= 10_000


def test_sessions_differ_in_case_and_runs_come_at_once(sequences: list[Steps]) -> None:
    runs = [[step for step in steps if isinstance(step, Run)] for steps in sequences]
    names = [{run.session for run in one} for one in runs]
    assert any({f"{MARK}alike", f"{MARK}Alike"} <= one for one in names)
    assert any(sum(run.beside for run in one) >= 3 for one in runs)
    forms = [step for steps in sequences for step in steps if isinstance(step, Form)]
    assert forms
