"""What every store of sessions does (mockserver/sessions/store.py). A store joins by STORES."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.records import Session, SessionType, StoredRun, new_session
from mockserver.sessions.redis_store import RedisStore
from mockserver.sessions.sqlite import SqliteStore
from mockserver.sessions.store import Conflict, SessionQuery, SessionStore, SortKey

STORES: dict[str, Callable[[Path, pytest.FixtureRequest], SessionStore]] = {
    "memory": lambda folder, request: MemoryStore(),
    "sqlite": lambda folder, request: SqliteStore(folder / "sessions.db"),
    "redis": lambda folder, request: RedisStore(request.getfixturevalue("empty_redis")),
}
"""How a store of each kind is opened, empty, given a folder of its own."""


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    store = STORES[request.param](tmp_path, request)
    yield store
    await store.close()


def a_session(
    session_id: str = "s",
    user_id: str | None = None,
    of_type: SessionType = "workflow",
    now: int = 1,
    **columns: Any,
) -> Session:
    return new_session(session_id, of_type, user_id, now, **columns)


def a_run(run_id: str, created_at: int = 1, **body: Any) -> StoredRun:
    return StoredRun(run_id, created_at, json.dumps(body).encode(), (b'{"event":"E"}',))


async def ids(store: SessionStore, query: SessionQuery) -> list[str]:
    return [session.session_id for session in (await store.sessions(query)).items]


async def run_ids(store: SessionStore, session: Session, **limits: int) -> list[str]:
    return [run.run_id for run in (await store.runs(session.key, **limits)).items]


# -- heads


async def test_a_session_is_read_as_it_was_written(store: SessionStore) -> None:
    data = {"session_state": {"größe": [1, 2**70, None, "\ud83d"]}, "session_name": ""}
    written = a_session("s", "ada", data=data, metadata={}, workflow_id="w", first_run="r")
    saved = await store.save(written)
    assert saved._replace(version=0, serial=0) == written
    assert saved.version > 0
    assert saved.serial == saved.version
    assert await store.get(("s", "ada")) == saved
    assert saved.data == data
    assert (saved.metadata, saved.summary, saved.workflow_data) == ({}, None, None)


async def test_what_is_not_there_is_none(store: SessionStore) -> None:
    await store.save(a_session("s", "ada"))
    for key in [("s", None), ("s", "bob"), ("t", "ada"), ("s", "")]:
        assert await store.get(key) is None
        assert await store.run(key, "r") is None
        assert (await store.runs(key)).total == 0
    assert await store.find("t") is None


async def test_a_session_id_and_a_user_are_one_session(store: SessionStore) -> None:
    first = await store.save(a_session("s", "bob"))
    for user in ("ada", None, ""):
        await store.save(a_session("s", user))
    assert await store.find("s") == first
    await store.save(first)  # written again, it is still the one that was made first
    found = await store.find("s")
    assert found is not None
    assert found.user_id == "bob"
    await store.delete("s", "bob")
    found = await store.find("s")
    assert found is not None
    assert found.user_id == "ada"


async def test_what_was_read_stays_as_it_was(store: SessionStore) -> None:
    before = await store.save(a_session(data={"session_state": {"n": [1]}}))
    state = before.state
    assert state is not None
    state["n"].append(2)
    assert before.state == {"n": [1]}
    await store.save(before.changed(data={"session_state": {"n": 3}}))
    assert before.state == {"n": [1]}
    after = await store.get(before.key)
    assert after is not None
    assert after.state == {"n": 3}
    assert after.serial == before.serial
    assert after.version > before.version


# -- compare and set


async def test_a_write_that_has_not_read_the_last_one_is_refused(store: SessionStore) -> None:
    first = await store.save(a_session())
    second = await store.save(first.changed(metadata={"by": 2}), a_run("r"))
    for stale in (first, a_session(), second._replace(version=second.version + 1)):
        with pytest.raises(Conflict):
            await store.save(stale.changed(metadata={"by": 3}), a_run("lost"))
    assert await store.get(first.key) == second
    assert await run_ids(store, second) == ["r"]
    with pytest.raises(Conflict):  # it is not there (any more)
        await store.save(a_session("other")._replace(version=first.version))


async def test_of_many_at_a_time_nothing_is_lost(store: SessionStore) -> None:
    await store.save(a_session(data={"session_state": {"n": 0}}))

    async def add(number: int) -> None:
        while True:
            there = await store.get(("s", None))
            assert there is not None
            await asyncio.sleep(0)  # others come between
            state = {"n": (there.state or {})["n"] + 1}
            try:
                changed = there.changed(data={"session_state": state})
                await store.save(changed, a_run(f"r{number}"))
            except Conflict:
                continue
            return

    await asyncio.gather(*(add(number) for number in range(20)))
    there = await store.get(("s", None))
    assert there is not None
    assert there.state == {"n": 20}
    assert sorted(await run_ids(store, there)) == sorted(f"r{n}" for n in range(20))


async def test_versions_grow_over_all_sessions_and_never_come_again(store: SessionStore) -> None:
    first = await store.save(a_session("a"))
    second = await store.save(a_session("b"))
    await store.delete("b")
    third = await store.save(a_session("b"))
    assert first.version < second.version < third.version
    assert third.serial == third.version


# -- runs


async def test_a_run_is_appended_or_takes_the_place_of_its_like(store: SessionStore) -> None:
    session = a_session()
    for run_id in ("one", "two", "three"):
        session = await store.save(session, a_run(run_id, n=1))
    replaced = await store.save(session, a_run("two", n=2))
    assert await run_ids(store, session) == ["one", "two", "three"]
    two, three = await store.run(session.key, "two"), await store.run(session.key, "three")
    assert two is not None
    assert three is not None
    assert (two.to_dict(), two.version) == ({"n": 2}, replaced.version)
    assert (three.to_dict(), three.version) == ({"n": 1}, session.version)
    assert three.event_payloads() == [{"event": "E"}]


async def test_runs_come_by_page_and_by_time(store: SessionStore) -> None:
    session = a_session()
    for number in range(5):
        session = await store.save(session, a_run(f"r{number}", created_at=10 * number))
    assert await run_ids(store, session, offset=1, limit=2) == ["r1", "r2"]
    assert await run_ids(store, session, offset=4, limit=2) == ["r4"]
    assert await run_ids(store, session, offset=5) == []
    assert await run_ids(store, session, created_after=10, created_before=30) == ["r1", "r2", "r3"]
    assert await run_ids(store, session, created_after=0, created_before=0) == ["r0"]
    assert (await store.runs(session.key, created_after=20, limit=1)).total == 3
    assert await run_ids(store, session, created_after=-(10**30), created_before=10**30) != []
    assert await run_ids(store, session, offset=10**30, limit=10**30) == []


async def test_one_run_id_may_be_in_several_sessions(store: SessionStore) -> None:
    a = await store.save(a_session("a"), a_run("r", of="a"))
    b = await store.save(a_session("b"), a_run("r", of="b"))
    in_a, in_b = await store.run(a.key, "r"), await store.run(b.key, "r")
    assert in_a is not None
    assert in_b is not None
    assert (in_a.to_dict(), in_b.to_dict()) == ({"of": "a"}, {"of": "b"})


async def test_a_whole_session_is_written_over_whatever_is_there(store: SessionStore) -> None:
    view = await store.save(a_session(metadata={"n": 1}), a_run("old", n=1))
    runs = list((await store.runs(view.key)).items)
    await store.save(view.changed(metadata={"n": 2}), a_run("beside", n=1))
    whole = await store.replace(view.changed(metadata={"n": 3}), [*runs, a_run("new", n=1)])
    assert await run_ids(store, whole) == ["old", "new"]
    there = await store.get(view.key)
    assert there is not None
    assert (there.metadata, there.serial) == ({"n": 3}, view.serial)
    old, new = (await store.runs(view.key)).items
    assert old.version < whole.version == new.version
    await store.delete("s")
    assert await run_ids(store, await store.replace(view, runs)) == ["old"]


async def test_what_is_deleted_is_gone_with_its_runs(store: SessionStore) -> None:
    for user in ("ada", "bob", None):
        await store.save(a_session("s", user), a_run("r"))
    kept = await store.save(a_session("t", "ada"), a_run("r"))
    await store.delete("s", "ada")
    assert await store.get(("s", "ada")) is None
    assert await store.run(("s", "ada"), "r") is None
    assert await store.get(("s", "bob")) is not None
    await store.delete("s")
    await store.delete("nope")
    assert await store.find("s") is None
    again = await store.save(a_session("s", "bob"))
    assert await run_ids(store, again) == []
    assert await run_ids(store, kept) == ["r"]


async def test_one_session_takes_the_place_of_another_at_once(store: SessionStore) -> None:
    first = await store.save(a_session("s", None), a_run("r"))
    mine = first._replace(user_id="ada", version=0)
    stale = first._replace(version=first.version + 1)
    with pytest.raises(Conflict):
        await store.save(mine, instead_of=stale)
    with pytest.raises(Conflict):
        await store.replace(mine, [], instead_of=stale)
    assert await store.get(("s", "ada")) is None
    saved = await store.save(mine, a_run("mine"), instead_of=first)
    assert await store.get(("s", None)) is None
    assert await store.find("s") == saved
    assert saved.serial == first.serial
    assert await run_ids(store, saved) == ["mine"]
    back = saved._replace(user_id=None)
    await store.replace(back, [a_run("back")], instead_of=saved)
    assert await store.get(("s", "ada")) is None
    assert await run_ids(store, back) == ["back"]


async def test_a_run_is_under_way_until_its_end_is_written(store: SessionStore) -> None:
    session = await store.save(a_session(), a_run("r")._replace(is_under_way=True))
    found = await store.run(session.key, "r")
    assert found is not None
    assert found.is_under_way
    session = await store.save(session, a_run("r"))
    found = await store.run(session.key, "r")
    assert found is not None
    assert not found.is_under_way


async def test_any_text_is_an_id(store: SessionStore) -> None:
    for text in ("", "größe", "\ud83d", "a\nb\x00c", "'; DROP", "x" * 5000):
        session = await store.save(a_session(text, text, workflow_id=text), a_run(text))
        assert await store.get((text, text)) == session
        assert await run_ids(store, session) == [text]
        assert await ids(store, SessionQuery("workflow", text, text)) == [text]


async def test_scopes_do_not_see_each_other(store: SessionStore) -> None:
    one, other = store.scoped("one"), store.scoped("other")
    in_one, in_other = await one.save(a_session("s"), a_run("r")), await other.save(a_session("s"))
    assert await store.get(("s", None)) is None
    assert await run_ids(one, in_one) == ["r"]
    assert await run_ids(other, in_other) == []
    await one.clear()
    assert await one.find("s") is None
    assert await store.scoped("other").find("s") == in_other
    await store.save(a_session("t"))
    await store.clear_all()
    assert await store.find("t") is None
    assert await other.find("s") is None


# -- lists


@pytest.mark.parametrize("by", [None, "created_at"])
async def test_sessions_are_selected(store: SessionStore, by: SortKey | None) -> None:
    await store.save(a_session("w1", "ada", workflow_id="x"))
    await store.save(a_session("w2", "bob", workflow_id="y"))
    await store.save(a_session("w3", None, workflow_id="x"))
    await store.save(a_session("a1", "ada", "agent", agent_id="x"))
    query = partial(SessionQuery, sort_by=by)
    assert await ids(store, query("workflow")) == ["w1", "w2", "w3"]
    assert await ids(store, query("workflow", "x")) == ["w1", "w3"]
    assert await ids(store, query("workflow", "x", "ada")) == ["w1"]
    assert await ids(store, query("workflow", user_id="")) == []
    assert await ids(store, query("agent", "x")) == ["a1"]
    assert await ids(store, query("team")) == []
    named = SessionQuery("workflow", matches=lambda session: session.session_id > "w1", limit=1)
    page = await store.sessions(named)
    assert ([session.session_id for session in page.items], page.total) == (["w2"], 2)


async def test_sessions_are_sorted_and_paged(store: SessionStore) -> None:
    for name, now in (("b", 2), ("a", 1), ("c", 2), ("d", 3)):
        await store.save(a_session(name, now=now))

    async def found(by: SortKey | None, **more: Any) -> str:
        return "".join(await ids(store, SessionQuery("workflow", sort_by=by, **more)))

    assert await found(None) == "bacd"
    assert await found("session_id") == "abcd"
    assert await found("session_id", is_descending=True) == "dcba"
    assert await found("created_at") == "abcd"
    assert await found("created_at", is_descending=True) == "dbca"
    assert await found("created_at", is_descending=True, ties_newest_first=True) == "dcba"
    assert await found("session_id", offset=1, limit=2) == "bc"
    assert await found("session_id", offset=9) == ""
    assert await found("created_at", is_descending=True, offset=1, limit=2) == "bc"
    pages: tuple[SortKey, ...] = ("session_id", "created_at")
    for by in pages:
        assert await found(by, offset=9) == await found(by, offset=2**70, limit=2**70) == ""
        page = await store.sessions(SessionQuery("workflow", sort_by=by, offset=3, limit=9))
        assert (len(page.items), page.total) == (1, 4)
        page = await store.sessions(SessionQuery("workflow", sort_by=by, limit=0))
        assert (list(page.items), page.total) == ([], 4)


async def test_sessions_are_listed_as_what_they_are_now(store: SessionStore) -> None:
    async def listed(
        of_type: SessionType,
        component: str | None = None,
        user: str | None = None,
        by: SortKey = "updated_at",
    ) -> list[str]:
        return await ids(store, SessionQuery(of_type, component, user, sort_by=by))

    first = await store.save(a_session("1", "ada", "agent", agent_id="a"))
    second = await store.save(a_session("2", "ada", "agent", agent_id="a"))
    assert await listed("agent", "a", "ada") == ["1", "2"]
    first = await store.save(first._replace(updated_at=5))
    assert await listed("agent", "a", "ada") == ["2", "1"]
    assert await listed("agent", by="created_at") == ["1", "2"]
    second = await store.save(second._replace(type="workflow", workflow_id="w"))
    assert await listed("agent", None, "ada") == await listed("agent", "a") == ["1"]
    assert await listed("workflow", "w", "ada") == await listed("workflow") == ["2"]
    mine = second._replace(user_id="bob", version=0)
    await store.save(mine, instead_of=second)
    assert await listed("workflow", None, "ada") == []
    assert await listed("workflow", None, "bob") == ["2"]
    await store.replace(first._replace(agent_id="b"), [])
    assert await listed("agent", "a") == []
    assert await listed("agent", "b") == ["1"]
    await store.delete("1")
    await store.clear()
    assert await listed("agent") == await listed("workflow") == []


async def test_no_value_is_less_than_any(store: SessionStore) -> None:
    for name, user, metadata in (
        ("1", "b", {"a": 2}),
        ("2", None, None),
        ("3", "Zürich", {"a": 10}),
        ("4", "", {"b": 1}),
    ):
        await store.save(a_session(name, user, metadata=metadata))
    by_user = SessionQuery("workflow", sort_by="user_id")
    assert await ids(store, by_user) == ["2", "4", "3", "1"]
    by_metadata = SessionQuery("workflow", sort_by="metadata")
    assert await ids(store, by_metadata) == ["3", "1", "4", "2"]  # as texts, "null" too
