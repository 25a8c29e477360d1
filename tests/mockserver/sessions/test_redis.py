"""Sessions in Redis: what processes share, and what is said while there is no Redis. What every
store does is in test_stores.py."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from mockserver.sessions import redis_channel, redis_store
from mockserver.sessions.hooks import SessionHooks
from mockserver.sessions.keeping import keep
from mockserver.sessions.opening import opener
from mockserver.sessions.records import INTERRUPTED, Session
from mockserver.sessions.redis_store import RedisStore
from mockserver.sessions.store import Conflict, SessionQuery, StoreError
from tests.mockserver.sessions.served import Served
from tests.mockserver.sessions.test_stores import a_run, a_session, run_ids
from tests.redis_server import free_port, redis_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- what processes share


async def test_replicas_share_sessions_and_runs(empty_redis: str) -> None:
    one, other = RedisStore(empty_redis), RedisStore(empty_redis)
    first = await one.save(a_session(), a_run("one"))
    assert await other.get(first.key) == first
    second = await other.save(first, a_run("two"))
    assert await run_ids(one, second) == ["one", "two"]
    assert second.version > first.version
    await one.close()
    after = RedisStore(empty_redis)
    assert await run_ids(after, second) == ["one", "two"]
    for store in (other, after):
        await store.close()


WRITER = """
import asyncio, sys
from mockserver.sessions import redis_store
from mockserver.sessions.redis_store import RedisStore
from tests.mockserver.sessions.test_stores import a_run, a_session

async def write():
    redis_store.SECONDS_OF_LEASE = float(sys.argv[2])
    store = RedisStore(sys.argv[1])
    run = a_run("under way", input="x", status="RUNNING")
    await store.save(a_session(), run._replace(is_under_way=True))
    print("written", flush=True)
    while True:
        await asyncio.sleep(60)

asyncio.run(write())
"""


def write_and_be_killed(url: str) -> None:
    """Another process has a run under way, with a lease of three seconds."""
    command = [sys.executable, "-c", WRITER, url, "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()


async def test_a_run_is_marked_once_the_lease_of_its_process_has_run_out(
    empty_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "SECONDS_OF_LEASE", 0.4)
    beside = RedisStore(empty_redis)
    write_and_be_killed(empty_redis)
    while True:
        run = await beside.run(("s", None), "under way")
        assert run is not None
        if not run.is_under_way:
            break
        await asyncio.sleep(0.05)
    assert list(run.to_dict().items()) == [
        ("input", "x"),
        ("content", INTERRUPTED),
        ("status", "ERROR"),
    ]
    await beside.close()


async def test_who_ends_in_good_order_leaves_no_lease(empty_redis: str) -> None:
    store = RedisStore(empty_redis)
    await store.save(a_session(), a_run("r", status="RUNNING")._replace(is_under_way=True))
    await store.close()
    after = RedisStore(empty_redis)  # marks it at once
    run = await after.run(("s", None), "r")
    assert run is not None
    assert run.to_dict()["status"] == "ERROR"
    await after.close()


async def test_all_sessions_are_read_a_piece_at_a_time(empty_redis: str) -> None:
    """All at once would hold up Redis's other clients: of 20,000 for a quarter of a second."""
    store = RedisStore(empty_redis)
    count = 3 * redis_store._AT_A_TIME
    names = [f"{number:05}" for number in range(count)]
    await asyncio.gather(*[store.save(a_session(session_id=name)) for name in names])
    query = SessionQuery("workflow", sort_by="session_id", is_descending=True, limit=3)
    page = await store.sessions(query)
    assert [session.session_id for session in page.items] == names[:-4:-1]
    assert page.total == count
    async with Redis.from_url(empty_redis) as redis:
        told = await redis.info("commandstats")
    assert told["cmdstat_hscan"]["calls"] >= 3
    await store.close()


# -- an answer that was lost


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is carried out twice, as redis-py does it where the first answer was lost."""
    answers = redis_store._Shared._answers

    async def twice(redis: Any, calls: Any) -> list[Any]:
        await answers(redis, calls)
        return await answers(redis, calls)

    monkeypatch.setattr(redis_store._Shared, "_answers", staticmethod(twice))


@pytest.mark.usefixtures("repeated")
async def test_a_write_that_is_repeated_counts_once(empty_redis: str) -> None:
    store = RedisStore(empty_redis)
    first = await store.save(a_session(), a_run("one"))
    second = await store.save(first.changed(data={"session_metrics": {"total": 1}}), a_run("two"))
    third = await store.save(second.changed(data={"session_name": "new"}))
    assert [first.version < second.version < third.version, third.serial] == [True, first.serial]
    assert await store.get(first.key) == third
    assert await run_ids(store, third) == ["one", "two"]
    whose = a_session(user_id="ada")
    moved = await store.save(whose, a_run("three"), instead_of=third)
    assert [await store.get(third.key), await store.get(whose.key)] == [None, moved]
    with pytest.raises(Conflict):
        await store.save(second, a_run("four"))
    with pytest.raises(Conflict):
        await store.save(moved._replace(version=second.version), a_run("three", content="other"))
    await store.close()


@pytest.mark.usefixtures("repeated")
async def test_what_a_run_has_used_is_counted_once(empty_redis: str) -> None:
    store = RedisStore(empty_redis)

    def counted(there: Session | None) -> Session:
        session = there or a_session()
        return session.changed(data={"runs": (session.data or {}).get("runs", 0) + 1})

    for name in ("one", "two"):
        key = a_session().key
        kept = await keep(store, key, counted, 1, SessionHooks(), run=a_run(name))
    assert kept is not None
    assert kept.data == {"runs": 2}
    await store.close()


# -- no Redis


def test_a_redis_that_is_not_there_is_named() -> None:
    url = f"redis://ada:s3cret@127.0.0.1:{free_port()}/0"
    with pytest.raises(StoreError) as raised:
        opener(url)(0)
    said = str(raised.value)
    assert said.startswith(url.replace("ada:s3cret@", "") + ": no Redis answers there; start it")
    assert "s3cret" not in said


def test_a_wrong_password_is_told() -> None:
    with redis_server(None, "--requirepass", "right") as (url, _):
        for wrong in (url, url.replace("//", "//:wrong@")):
            with pytest.raises(StoreError, match="Redis wants another user or password") as raised:
                opener(wrong)(0)
            assert "wrong@" not in str(raised.value)


async def test_redis_away_and_back(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with redis_server(port) as (url, _):
        store = RedisStore(url)
        served = Served(store)
        await served.release()
        assert (await served.run(stream="false")).status_code == 200
        await served.client.post("/__mock__/reset")
        await asyncio.gather(*[store.channel().others() for _ in range(3)])
        stream = asyncio.create_task(served.run())
        await served.at_gate()
    reason = f"{url}: no Redis answers there; start it"
    await served.release()
    last = (await stream).text.rstrip().split("\n\n")[-1].splitlines()
    assert last[0] == "event: WorkflowError"
    assert json.loads(last[1].removeprefix("data: "))["error"].startswith(reason)
    for form in ({"stream": "false"}, {}):
        refused = await served.run(**form)
        assert refused.status_code == 500
        assert refused.json()["detail"].startswith(reason)
    assert (await served.client.get("/sessions")).status_code == 500
    assert (await served.client.get("/workflows")).status_code == 200
    assert served.app.runner.under_way() == []
    with redis_server(port):
        await asyncio.gather(*[store.channel().others() for _ in range(3)])
        again = await served.run(stream="false", session_id="again")
        assert again.json()["status"] == "COMPLETED"
        session = await store.find("again")
        assert session is not None
        assert await run_ids(store, session) == [again.json()["run_id"]]
        await store.close()
    told = [record.message for record in caplog.records if record.name == redis_store.__name__]
    assert len(told) == 2
    assert told[0].startswith(reason)
    assert told[1] == f"{url}: Redis answers again"


async def test_a_redis_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (redis_store, redis_channel):
        monkeypatch.setattr(module, "SECONDS_TO_ANSWER", 0.1)
    with redis_server() as (url, process):
        store = RedisStore(url)
        served = Served(store)
        await served.release()
        assert (await served.run(stream="false")).status_code == 200
        process.send_signal(signal.SIGSTOP)
        try:
            for answer in (
                await served.run(stream="false"),
                await served.client.get("/__mock__/runs"),
                await served.client.post("/workflows/w/runs/unknown/cancel"),
            ):
                assert answer.status_code == 500
                assert "no Redis answers there" in answer.json()["detail"]
            monkeypatch.setattr(redis_store, "SECONDS_TO_CLOSE", 0.01)
            await store.close()
        finally:
            process.send_signal(signal.SIGCONT)


def test_the_package_that_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mockserver.sessions.redis_store", None)
    with pytest.raises(StoreError, match=r"pip install 'agentos-contract-kit\[redis\]'"):
        opener("redis://localhost")(0)


def test_an_url_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Port could not be cast"):
        opener("redis://localhost:many")(0)
