"""What the store in memory forgets, and what it costs."""

from __future__ import annotations

import tracemalloc

import pytest

from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.records import Session, StoredRun, new_session, to_kept_json
from mockserver.sessions.store import SessionQuery

KIB = 1024


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_run(run_id: str, size: int = 10 * KIB) -> StoredRun:
    return StoredRun(run_id, 1, b"x" * size)


async def filled(store: MemoryStore, session_id: str, runs: int, size: int = 10 * KIB) -> Session:
    session = new_session(session_id, "workflow", None, 1)
    for number in range(runs):
        session = await store.save(session, a_run(str(number), size))
    return session


async def listed(store: MemoryStore) -> list[str]:
    return [s.session_id for s in (await store.sessions(SessionQuery("workflow"))).items]


async def run_ids(store: MemoryStore, session_id: str) -> list[str]:
    return [run.run_id for run in (await store.runs((session_id, None))).items]


@pytest.mark.anyio
async def test_a_session_has_half_of_it_and_loses_its_oldest_runs_first() -> None:
    store = MemoryStore(100 * KIB)
    await filled(store, "other", 1)
    session = await filled(store, "s", 20)
    assert await run_ids(store, "s") == ["16", "17", "18", "19"]
    assert await listed(store) == ["other", "s"]
    # A run that is written again has its place among the oldest, and is not forgotten for that.
    await store.save(session, a_run("16", 25 * KIB))
    assert await run_ids(store, "s") == ["16", "18", "19"]


@pytest.mark.anyio
async def test_the_sessions_longest_unused_are_forgotten_as_a_whole() -> None:
    store = MemoryStore(100 * KIB)
    for name in "abc":
        await filled(store, name, 3)
    assert await store.get(("a", None)) is not None  # read: used
    await filled(store, "d", 3)
    assert await listed(store) == ["a", "c", "d"]
    assert await run_ids(store, "b") == []
    assert await run_ids(store, "a") == ["0", "1", "2"]
    assert await store.find("b") is None


@pytest.mark.anyio
async def test_what_was_just_written_can_be_read_whatever_its_size() -> None:
    store = MemoryStore(100 * KIB)
    await filled(store, "a", 3)
    await filled(store, "b", 1, 200 * KIB)
    assert await listed(store) == ["b"]
    assert await run_ids(store, "b") == ["0"]
    whole = new_session("c", "workflow", None, 1)
    await store.replace(whole, [a_run("0"), a_run("1", 60 * KIB), a_run("2")])
    assert await run_ids(store, "c") == ["2"]


@pytest.mark.anyio
async def test_memory_stays_within_its_limit() -> None:
    limit = 4 * KIB * KIB
    store = MemoryStore(limit)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3000):
            await filled(store, f"session {number}", 2, size=number % 7 * KIB)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.6 * limit < after - before < 1.2 * limit


def test_kept_json_costs_its_own_length() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [to_kept_json({"event": "RunContent", "content": "x" * 200}) for _ in range(1000)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < sum(map(len, kept)) + 1000 * 64
