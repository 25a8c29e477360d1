"""The control API of mocks that share a store: whichever is asked answers for all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from agentos_contract.document import OPENAPI_DIRECTORY
from agentos_contract.yaml_files import read_yaml
from mockserver.control.shared import ANYWHERE, EVERYWHERE, FIRST, OF_A_RUN
from tests.mockserver.runner.test_sharing import Mocks, another, events, three
from tests.mockserver.sessions.served import SCRIPT, Served

pytestmark = pytest.mark.anyio

__all__ = ["another", "three"]  # fixtures


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_of_each_operation_it_is_said_who_answers() -> None:
    paths = read_yaml(OPENAPI_DIRECTORY / "control.yaml")["paths"]
    methods = [method for path in paths.values() for method in path.values()]
    operations = [one["operationId"] for one in methods if "operationId" in one]
    assert sorted([*EVERYWHERE, *OF_A_RUN, *FIRST, *ANYWHERE]) == sorted(operations)


async def control(mock: Served, method: str, path: str, **more: Any) -> Any:
    """What the control API answers: its JSON."""
    answer = await mock.client.request(method, f"/__mock__/{path}", **more)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def test_a_run_is_seen_steered_and_waited_for_from_anywhere(three: list[Served]) -> None:
    one, two, other = three
    waiting = asyncio.create_task(control(two, "GET", "wait", params={"gate": "go"}))
    long = asyncio.create_task(control(other, "GET", "gates", params={"timeout": 30}))
    stream = asyncio.create_task(one.run())
    gate = await waiting
    assert await long == [gate]
    (run,) = await control(other, "GET", "runs")
    assert (run["run_id"], run["state"], run["gates"]) == (gate["run_id"], "running", [gate])
    path = f"runs/{run['run_id']}"
    assert [each["name"] for each in (await control(two, "GET", path))["events"]] == [
        "WorkflowStarted",
        "StepStarted",
    ]
    end = asyncio.create_task(
        control(other, "GET", f"{path}/wait", params={"event": "WorkflowCompleted"})
    )
    assert (await control(two, "POST", f"{path}/pause"))["is_paused"]
    assert not (await control(other, "POST", f"{path}/resume"))["is_paused"]
    assert await control(two, "POST", "gates/go/release", json={}) == [gate]
    assert events((await stream).text)[-1] == "WorkflowCompleted"
    assert (await end)["run_id"] == run["run_id"]
    assert events((await other.run()).text)[-1] == "WorkflowCompleted"  # released for all
    refused = await two.client.post(f"/__mock__/{path}/pause")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        f"the run {run['run_id']!r} is over; it is completed",
    )
    unknown = await two.client.get("/__mock__/runs/nope")
    assert unknown.status_code == 404


async def test_a_gate_that_nobody_comes_to_is_a_time_out(three: list[Served]) -> None:
    params: dict[str, Any] = {"gate": "never", "timeout": 0.01}
    one, two, _ = three
    assert (await one.client.get("/__mock__/wait", params=params)).status_code == 408
    await control(one, "POST", "gates/go/release", json={})
    await one.run()
    answer = await two.client.get("/__mock__/wait", params=params)
    assert answer.status_code == 408
    assert "the newest run, of 'w': it is completed, has sent Wor" in answer.json()["detail"]


async def test_a_rule_is_everybodys_and_used_as_often_as_it_says(three: list[Served]) -> None:
    one, two, other = three
    rule = {"times": 2, "answer": {"status": 503, "detail": "not now"}}
    made = await control(one, "POST", "rules", json=rule)
    assert [await control(mock, "GET", "rules") for mock in three] == [[made]] * 3
    await control(other, "POST", "gates/go/release", json={})
    at_once = await asyncio.gather(*(mock.run(stream="false") for mock in three))
    assert sorted(answer.status_code for answer in at_once) == [200, 503, 503]
    assert (await two.run(stream="false")).status_code == 200
    assert one.app.runner.sharing is not None
    await one.app.runner.sharing.peers.ask("anything")  # the others have heard what came before
    assert (await control(other, "GET", f"rules/{made['id']}"))["used"] == 2
    await control(two, "DELETE", f"rules/{made['id']}")
    assert [await control(mock, "GET", "rules") for mock in three] == [[]] * 3


async def test_a_rule_of_which_nothing_has_come_is_there_for_all_again(three: list[Served]) -> None:
    one, two, other = three
    rule = {"times": 1, "answer": {"status": 503}}
    made = await control(one, "POST", "rules", json=rule)
    await control(other, "POST", "gates/go/release", json={})
    for mock in (one, two, other, one):
        assert (await mock.run(stream="maybe")).status_code == 422
        # It is counted back by who gives it back, and then told to the others.
        for _ in range(2):
            await mock.app.runner.sharing.peers.ask("anything")  # type: ignore[union-attr]
        for each in three:
            assert (await control(each, "GET", f"rules/{made['id']}"))["used"] == 0
    at_once = await asyncio.gather(*(mock.run(stream="false") for mock in three))
    assert sorted(answer.status_code for answer in at_once) == [200, 200, 503]
    await control(two, "DELETE", f"rules/{made['id']}")


async def test_a_scope_is_everybodys(three: list[Served]) -> None:
    one, two, other = three
    opened = await one.client.post("/__mock__/scopes", json={"scope": "mine"})
    again = await two.client.post("/__mock__/scopes", json={"scope": "mine"})
    assert (opened.status_code, again.status_code) == (201, 200)
    at_once = await asyncio.gather(
        *(mock.client.post("/__mock__/scopes", json={"scope": "one's"}) for mock in three)
    )
    assert sorted(answer.status_code for answer in at_once) == [200, 200, 201]
    await control(other, "DELETE", "scopes/one's")
    assert (await one.client.post("/__mock__/scopes", json={"scope": "one's"})).status_code == 201
    await control(other, "DELETE", "scopes/one's")
    rule = {"scope": "mine", "answer": {"speed": 1000}}
    await control(two, "POST", "rules", json=rule)
    stream = asyncio.create_task(other.run(session_id="mine:1"))
    where = {"gate": "go", "scope": "mine"}
    gate = await control(one, "GET", "wait", params=where)
    await two.client.get("/workflows", headers={"Mock-Scope": "by header"})
    names = [{"scope": "mine"}, {"scope": "by header"}]
    assert [await control(mock, "GET", "scopes") for mock in three] == [names] * 3
    report = await control(two, "DELETE", "scopes/mine")
    assert report == {
        "unreleased_gates": ["go"],
        "unused_rules": [],
        "open_runs": [gate["run_id"]],
    }
    assert events((await stream).text)[-1] == "WorkflowCancelled"
    await control(two, "POST", "reset", json={})
    assert [await control(mock, "GET", "scopes") for mock in three] == [[]] * 3


async def test_who_starts_later_has_what_the_others_have(
    three: list[Served], another: Mocks
) -> None:
    one, two, _ = three
    mine = {"scope": "mine"}
    await control(one, "POST", "scopes", json=mine)
    await control(two, "POST", "clock", json={"now": 1000, **mine})
    await control(two, "POST", "clock", json={"advance": 1_000_000})
    await control(one, "POST", "gates/go/release", json=mine)
    script = SCRIPT.replace("id: w", "id: another")
    headers = {"content-type": "application/yaml"}
    await control(one, "PUT", "workflows/another", content=script, headers=headers)
    await control(one, "DELETE", "workflows/w")
    rule = {**mine, "times": 1, "when": "input == 'refuse'", "answer": {"status": 503}}
    made = await control(one, "POST", "rules", json=rule)
    late = await another()
    assert await control(late, "GET", "scopes") == [mine]
    assert await control(late, "GET", "rules", params=mine) == [made]
    assert await control(late, "GET", "clock", params=mine) == {"now": 1000}
    ahead = (await control(late, "GET", "clock"))["now"] - time.time()
    assert ahead == pytest.approx(1_000_000, abs=100)
    assert [each["id"] for each in (await late.client.get("/workflows")).json()] == ["another"]
    headers = {"Mock-Scope": "mine"}
    form = {"message": "x", "stream": "false"}
    run = await late.client.post("/workflows/w/runs", data=form, headers=headers)
    assert (run.json()["status"], run.json()["created_at"]) == ("COMPLETED", 1000)


async def test_the_feed_tells_what_happens_anywhere(three: list[Served]) -> None:
    one, two, _ = three
    shared = one.app._shared_control
    assert shared is not None
    await shared.begin_to_follow()
    feed = shared.follow(None, None)
    first = asyncio.ensure_future(anext(feed))
    await control(two, "POST", "gates/go/release", json={})
    run = (await two.run(stream="false")).json()
    seen = [(await first)[1]]
    while seen[-1]["kind"] != "response":
        seen.append((await anext(feed))[1])
    await feed.aclose()  # type: ignore[attr-defined]
    assert [item["kind"] for item in seen if item["kind"] != "event"] == [
        "released",
        "request",
        "run",
        "end",
        "response",
    ]
    told = [item["event"] for item in seen if item["kind"] == "event"]
    assert told[-1]["name"] == "WorkflowCompleted"
    assert told[-1]["data"]["run_id"] == run["run_id"]


async def test_clock_scripts_and_journal_are_everybodys(three: list[Served]) -> None:
    one, two, other = three
    await control(one, "POST", "clock", json={"now": 1000})
    assert (await control(other, "GET", "clock"))["now"] == 1000
    script = SCRIPT.replace("id: w", "id: another").replace("gate: go, ", "")
    headers = {"content-type": "application/yaml"}
    await control(one, "PUT", "workflows/another", content=script, headers=headers)
    form = {"message": "x", "stream": "false"}
    run = await two.client.post("/workflows/another/runs", data=form)
    assert (run.json()["content"], run.json()["created_at"]) == ("done", 1000)
    await control(other, "DELETE", "workflows/another")
    gone = await one.client.post("/workflows/another/runs", data=form)
    assert gone.status_code == 404
    entries = await control(other, "GET", "journal")
    assert [entry["response"]["status"] for entry in entries] == [200, 404]
    later = await control(other, "GET", "journal", params={"since": entries[0]["id"]})
    assert later == entries[1:]
    har = await control(one, "GET", "journal", params={"format": "har"})
    # They began at the same time, by the clock that stands still.
    statuses = [entry["response"]["status"] for entry in har["log"]["entries"]]
    assert sorted(statuses) == [200, 404]
