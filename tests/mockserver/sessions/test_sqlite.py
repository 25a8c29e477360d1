"""Sessions in a SQLite file: what outlives a process, and what is said where the file cannot be
used. What every store does is in test_stores.py."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mockserver.sessions import sqlite_file
from mockserver.sessions.opening import UnknownStore, opener
from mockserver.sessions.records import INTERRUPTED, StoredRun
from mockserver.sessions.sqlite import FORMAT, SqliteStore
from mockserver.sessions.store import StoreError
from mockserver.sessions.turn import Turn
from tests.mockserver.sessions.served import Served
from tests.mockserver.sessions.test_stores import a_run, a_session, run_ids

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mock.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(file)
    yield store
    await store.close()


def set_pragma(store: SqliteStore, name: str, value: int) -> None:
    """As a full disk or a lock would have it, for the connection that writes."""
    store._shared.file._writer.execute(f"PRAGMA {name} = {value}").close()


def refused(file: Path) -> str:
    with pytest.raises(StoreError) as raised:
        SqliteStore(file)
    return str(raised.value)


# -- what outlives a process


async def test_what_was_written_is_there_after_a_restart(file: Path) -> None:
    first = SqliteStore(file)
    saved = await first.save(a_session(data={"session_state": {"n": 1}}), a_run("r", n=1))
    scoped = await first.scoped("test").save(a_session("t"))
    await first.close()
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    second = SqliteStore(file)
    assert await second.get(saved.key) == saved
    assert await run_ids(second, saved) == ["r"]
    assert await second.scoped("test").find("t") == scoped
    later = await second.save(a_session("u"))
    assert later.version > scoped.version
    await second.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from mockserver.sessions.sqlite import SqliteStore
from tests.mockserver.sessions.served import Served
from tests.mockserver.sessions.test_stores import a_run, a_session

async def write():
    store = SqliteStore(Path(sys.argv[1]))
    session = await store.save(a_session(), a_run("over", status="COMPLETED"))
    run = a_run("under way", input="x", status="RUNNING")
    await store.save(session, run._replace(is_under_way=True))
    print("written", flush=True)
    sys.stdin.read()

asyncio.run(write())
"""


def writer(file: Path) -> subprocess.Popen[str]:
    """Another process that has one run under way."""
    command = [sys.executable, "-c", WRITER, str(file)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


async def test_a_run_that_was_under_way_is_marked_once_its_process_is_gone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "SECONDS_OF_CHORES", 0.01)
    process = writer(file)
    beside = SqliteStore(file)

    async def found(store: SqliteStore) -> StoredRun:
        run = await store.run(("s", None), "under way")
        assert run is not None
        return run

    try:
        assert (await found(beside)).is_under_way
        process.kill()
        process.wait()
        after = SqliteStore(file)
        marked = await found(after)
        await after.close()
        assert not marked.is_under_way
        assert list(marked.to_dict().items()) == [
            ("input", "x"),
            ("content", INTERRUPTED),
            ("status", "ERROR"),
        ]
        over = await beside.run(("s", None), "over")
        assert over is not None
        assert over.to_dict()["status"] == "COMPLETED"
    finally:
        await beside.close()
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    process.communicate()


async def test_who_has_it_open_marks_the_runs_of_who_is_gone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "SECONDS_OF_CHORES", 0.01)
    beside = SqliteStore(file)
    process = writer(file)
    process.kill()
    process.communicate()
    while (run := await beside.run(("s", None), "under way")) and run.is_under_way:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert run is not None
    assert run.to_dict()["status"] == "ERROR"
    await beside.close()


async def test_processes_share_a_file(store: SqliteStore, file: Path) -> None:
    other = SqliteStore(file)
    first = await store.save(a_session(), a_run("one"))
    assert await other.get(first.key) == first
    second = await other.save(first, a_run("two"))
    assert await run_ids(store, second) == ["one", "two"]
    assert second.version > first.version

    async def many(store: SqliteStore, name: str) -> list[int]:
        saves = (store.save(a_session(f"{name}{n}")) for n in range(50))
        return [session.version for session in await asyncio.gather(*saves)]

    versions = await asyncio.gather(many(store, "a"), many(other, "b"))
    assert len({*versions[0], *versions[1]}) == 100
    await other.close()


async def test_who_waits_to_write_has_the_turn(store: SqliteStore, file: Path) -> None:
    """So whoever has SQLite's lock meanwhile comes after it."""
    turn = Turn(file.with_name("mock.db-turn"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    saving = asyncio.create_task(store.save(a_session()))
    while is_free(turn):  # noqa: ASYNC110 - of another thread
        await asyncio.sleep(0)
    other.execute("COMMIT")
    other.close()
    assert (await saving).version
    assert is_free(turn)
    turn.close()


def is_free(turn: Turn) -> bool:
    with turn.taken(0) as is_taken:
        return is_taken


# -- a file that cannot be used


def test_an_url_that_is_none_is_refused() -> None:
    for url in ("sqlite", "sqlite://", "sqlite:///", "sqlite:mock.db", "sqlite:///:memory:"):
        with pytest.raises(UnknownStore, match=r"expected .*sqlite:///FILE"):
            opener(url)
    with pytest.raises(UnknownStore, match="'postgres://x' is no store; expected memory, sqlite"):
        opener("postgres://x")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "no" / "mock.db"
    assert refused(file) == f"{file}: there is no folder {file.parent}; make it, or name another"
    assert refused(tmp_path).startswith(f"{tmp_path}: it is a folder; expected a SQLite database")


def test_what_is_no_database_is_left_as_it_is(file: Path) -> None:
    file.write_text("a diary, and no database at all\n" * 100)
    said = refused(file)
    assert said.startswith(f"{file}: it is no SQLite database; expected one, or no file yet")
    assert file.read_text().startswith("a diary")
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_database_of_something_else_is_left_as_it_is(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE customers (name)")
    before = file.read_bytes()
    assert refused(file) == f"{file}: it is a database of something else; name another file"
    db.close()
    assert file.read_bytes() == before


async def test_a_later_format_is_left_alone(file: Path) -> None:
    await SqliteStore(file).close()
    db = sqlite3.connect(file)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    assert f"{file}: its format is {FORMAT + 1}, of a later version of the mock" in refused(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_named(file: Path) -> None:
    asyncio.run(SqliteStore(file).close())
    file.chmod(0o400)
    assert refused(file).startswith(f"{file}: it cannot be written; make it and its folder")
    file.chmod(0o600)
    file.parent.chmod(0o500)
    try:
        assert refused(file).startswith(f"{file}: nothing can be written beside it")
    finally:
        file.parent.chmod(0o700)


async def test_a_lock_that_lasts_is_named_and_then_over(
    store: SqliteStore, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_pragma(store, "busy_timeout", 10)
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"mock\.db: another program has had it locked for"):
        await store.save(a_session())
    assert await store.get(("s", None)) is None  # reading goes on
    db.execute("ROLLBACK")
    db.close()
    await store.save(a_session())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert caplog.messages[1] == f"{file}: it is written again"


@pytest.mark.parametrize(
    ("setting", "value", "after", "reason"),
    [
        ("max_page_count", 1, 10**6, "no space is left for it; make room on its disk"),
        ("query_only", 1, 0, "it cannot be written; make it and its folder writable"),
    ],
)
async def test_a_write_that_fails_is_answered_and_all_else_goes_on(
    store: SqliteStore, file: Path, setting: str, value: int, after: int, reason: str
) -> None:
    served = Served(store)
    stream = asyncio.create_task(served.run(session_id="s" * 2000))
    batch = asyncio.create_task(served.run(stream="false"))
    for _ in range(2):
        await served.at_gate()
    while len(served.app.runner.under_way()) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    set_pragma(store, setting, value)
    big = {"session_id": "big", "session_state": {"text": "x" * 100_000}}
    created = await served.client.post("/sessions", json=big)
    assert created.status_code == 500
    assert created.json()["detail"].startswith(f"{file}: {reason}")
    assert created.json()["error_code"] == "INTERNAL_SERVER_ERROR"
    if setting == "query_only":  # a full one may have room for something small
        await served.release()
        last = (await stream).text.rstrip().split("\n\n")[-1].splitlines()
        assert last[0] == "event: WorkflowError"
        assert json.loads(last[1].removeprefix("data: "))["error"].startswith(f"{file}: {reason}")
        assert (await batch).status_code == 500
        assert reason in (await batch).json()["detail"]
        refused = await served.run(stream="false")
        assert refused.status_code == 500
        assert reason in refused.json()["detail"]
        lines = (await served.run()).text.splitlines()
        assert [line for line in lines if line.startswith("event: ")][-1] == "event: WorkflowError"
    assert (await served.client.get("/sessions", params={"type": "workflow"})).status_code == 200
    set_pragma(store, setting, after)
    await served.release()
    again = await served.run(stream="false", session_id="again")
    assert again.json()["status"] == "COMPLETED"
    session = await store.find("again")
    assert session is not None
    assert await run_ids(store, session) == [again.json()["run_id"]]
    await asyncio.gather(stream, batch)


async def test_a_file_that_was_removed_is_named_and_takes_nothing(
    store: SqliteStore, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is written would be in a file that nobody can open again, and is not answered."""
    aside = f"{file}-aside"
    os.rename(file, aside)
    reason = r"mock\.db: it was removed, or another is in its place"
    with pytest.raises(StoreError, match=reason):
        await store.save(a_session())
    os.mkfifo(file)
    with pytest.raises(StoreError, match=reason):
        await store.save(a_session())
    os.replace(aside, file)
    await store.save(a_session())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_reset_empties_the_file(store: SqliteStore, file: Path) -> None:
    await store.scoped("left by a test").save(a_session("t"))
    served = Served(store)
    await served.release()
    await served.run()
    assert (await served.client.post("/__mock__/reset")).status_code == 204
    db = sqlite3.connect(file)
    for table in ("sessions", "runs"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    db.close()
