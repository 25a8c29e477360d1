"""What is remembered by name, up to so many bytes."""

from __future__ import annotations

import asyncio

from mockserver.runner.hooks import RunRequest
from mockserver.runner.recent import Recent
from mockserver.runner.runner import Runner
from mockserver.script.loader import bundled_workflows
from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.records import SessionKey, StoredRun
from mockserver.sessions.store import Page

WORKFLOW = bundled_workflows()["content-pipeline"]


def test_what_is_longest_unused_is_forgotten() -> None:
    recent: Recent[int] = Recent(10_000)
    for number in range(4):
        recent.put(str(number), number, 2_000)
    assert recent.get("0") == 0
    recent.put("4", 4, 2_000)
    assert [recent.get(str(number)) for number in range(5)] == [0, None, 2, 3, 4]
    recent.put("0", 9, 2_000)  # in the place of what was there
    assert [recent.get(str(number)) for number in range(5)] == [9, None, 2, 3, 4]
    assert recent.pop("2") == 2
    assert recent.pop("2") is None
    recent.put("large", 5, 20_000)
    assert recent.get("large") is None


def test_the_ids_of_cancelled_runs_have_a_limit_in_bytes() -> None:
    runner = Runner(MemoryStore())

    async def cancel() -> None:
        for number in range(100):
            await runner.cancel(f"{number}{'x' * 50_000}")

    asyncio.run(cancel())
    assert runner._to_cancel._size < 1024 * 1024


def test_streams_that_can_be_had_again_have_a_limit_in_bytes() -> None:
    runner = Runner(MemoryStore(), max_recent=100_000)

    async def stream(number: int) -> None:
        active = await runner.start(RunRequest(WORKFLOW, "x" * 1000, run_id=str(number)))
        async for _ in runner.events(active):
            pass

    for number in range(20):
        asyncio.run(stream(number))
    assert runner._recent._size < 100_000
    assert runner.recent("19") is not None
    assert runner.recent("0") is None
    assert not runner._active


class WithoutALook(MemoryStore):
    """A store that does not give runs but by their ids."""

    async def runs(self, key: SessionKey, **limits: int | None) -> Page[StoredRun]:
        raise AssertionError("all runs of a session were read")


def test_a_run_costs_the_same_however_many_its_session_has() -> None:
    """It looks at none of them, nor does who reads one."""
    runner = Runner(WithoutALook(), seed=1)

    async def three() -> None:
        for number in range(3):
            request = RunRequest(
                WORKFLOW, "hello", session_id="s", run_id=str(number), stream=False
            )
            await runner.batch(await runner.start(request))
        session = await runner.scopes.unnamed.store.find("s")
        assert session is not None
        run = await runner.stored_run(session, "1")
        assert run is not None
        assert run.to_dict()["input"] == "hello"

    asyncio.run(three())
