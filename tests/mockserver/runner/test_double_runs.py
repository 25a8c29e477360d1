"""Runs with one run_id: at a time, one after the other, in one session or several."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from agentos_contract.sse import json_of_event
from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.runner import Runner
from mockserver.script.loader import bundled_workflows
from mockserver.sessions.memory import MemoryStore

WORKFLOW = bundled_workflows()["slow-report"]
MODES = ["batch", "stream", "background"]


@pytest.fixture
def runner() -> Runner:
    # Its steps wait half a second, here 50 ms: a run is under way when the next one starts.
    return Runner(MemoryStore(), seed=1, speed=10)


async def started(runner: Runner, message: str, mode: str, session_id: str = "s") -> ActiveRun:
    request = RunRequest(
        WORKFLOW,
        message,
        session_id=session_id,
        run_id="double",
        stream=mode == "stream",
        is_background=mode == "background",
    )
    return await runner.start(request)


async def carried_out(runner: Runner, active: ActiveRun, mode: str) -> dict[str, Any]:
    """What a run's client is answered in the end: the batch body, or the last event."""
    if mode == "stream":
        said: list[tuple[str, bytes]] = []
        async for events in runner.events(active):
            said += events
        answer: dict[str, Any] = json.loads(json_of_event(said[-1][1]))
        return answer
    if mode == "background":
        others = asyncio.all_tasks()
        assert json.loads(runner.run_in_background(active))["status"] == "PENDING"
        (task,) = asyncio.all_tasks() - others
        await task
        return json.loads(active.body)  # type: ignore[no-any-return]
    return json.loads(await runner.batch(active))  # type: ignore[no-any-return]


async def stored(runner: Runner, session_id: str) -> list[dict[str, Any]]:
    session = await runner.scopes.unnamed.store.find(session_id)
    assert session is not None
    return [run.to_dict() for run in await runner.stored_runs(session)]


def is_about(answer: dict[str, Any], message: str) -> bool:
    return message in json.dumps(answer)


def in_both_modes(test: Callable[[Runner, str, str], Any]) -> Any:
    return pytest.mark.parametrize("second", MODES)(pytest.mark.parametrize("first", MODES)(test))


@in_both_modes
def test_each_of_two_at_a_time_is_answered_with_its_own(
    runner: Runner, first: str, second: str
) -> None:
    async def both() -> None:
        one = await started(runner, "apples", first)
        two = await started(runner, "bananas", second)
        answers = await asyncio.gather(
            carried_out(runner, one, first), carried_out(runner, two, second)
        )
        for answer, own, other in zip(
            answers, ("apples", "bananas"), ("bananas", "apples"), strict=True
        ):
            assert is_about(answer, own)
            assert not is_about(answer, other)
            assert answer["run_id"] == "double"
        (run,) = await stored(runner, "s")  # a session has one run of an id: the last to end
        assert run["status"] == "COMPLETED"

    asyncio.run(both())


@in_both_modes
def test_in_two_sessions_each_is_kept_in_its_own(runner: Runner, first: str, second: str) -> None:
    async def both() -> None:
        one = await started(runner, "apples", first, "a")
        two = await started(runner, "bananas", second, "b")
        ends = asyncio.gather(carried_out(runner, one, first), carried_out(runner, two, second))
        for _ in range(3):  # until both wait; one in the background is a task of a task
            await asyncio.sleep(0)
        (under_way,) = await stored(runner, "a")
        assert (under_way["status"], under_way["input"]) == ("RUNNING", "apples")
        await ends
        for session_id, message in (("a", "apples"), ("b", "bananas")):
            (run,) = await stored(runner, session_id)
            assert (run["status"], run["input"]) == ("COMPLETED", message)

    asyncio.run(both())


@in_both_modes
def test_to_cancel_is_to_cancel_both_and_no_later_one(
    runner: Runner, first: str, second: str
) -> None:
    async def both() -> None:
        one = await started(runner, "apples", first)
        two = await started(runner, "bananas", second, "other")
        ends = asyncio.gather(carried_out(runner, one, first), carried_out(runner, two, second))
        await asyncio.sleep(0)
        await runner.cancel("double")
        for answer, mode in zip(await ends, (first, second), strict=True):
            ended = answer["event"] if mode == "stream" else answer["status"]
            assert ended == ("WorkflowCancelled" if mode == "stream" else "CANCELLED")
        later = await started(runner, "cherries", first)
        answer = await carried_out(runner, later, first)
        assert is_about(answer, "cherries")
        assert answer.get("status", "COMPLETED") == "COMPLETED"
        assert [run["input"] for run in await stored(runner, "s")] == ["cherries"]

    asyncio.run(both())


def test_one_whose_client_leaves_ends_alone(runner: Runner) -> None:
    async def both() -> None:
        left = await started(runner, "apples", "batch", "a")
        stays = await started(runner, "bananas", "batch", "b")
        gone = asyncio.Event()

        async def client_disconnected() -> None:
            await gone.wait()

        left.client_disconnected = client_disconnected
        ends = asyncio.gather(runner.batch(left), runner.batch(stays))
        await asyncio.sleep(0)
        gone.set()
        bodies = [json.loads(body) for body in await ends]
        assert [body["status"] for body in bodies] == ["CANCELLED", "COMPLETED"]
        (run,) = await stored(runner, "a")
        assert "client disconnected" in run["content"]

    asyncio.run(both())


def test_a_stream_is_had_again_by_its_id_as_the_last_one_said_it(runner: Runner) -> None:
    async def both() -> None:
        one = await started(runner, "apples", "stream")
        await carried_out(runner, one, "stream")
        before = runner.recent("double")
        assert before is not None
        two = await started(runner, "bananas", "stream")
        under_way = runner.recent("double")
        assert under_way is not None
        assert (under_way.status, under_way.events) == ("RUNNING", ())
        await carried_out(runner, two, "stream")
        after = runner.recent("double")
        assert after is not None
        assert (before.status, after.status) == ("COMPLETED", "COMPLETED")
        assert is_about(before.event_payloads()[-1], "apples")
        assert is_about(after.event_payloads()[-1], "bananas")

    asyncio.run(both())
