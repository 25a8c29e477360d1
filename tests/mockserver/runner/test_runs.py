"""Runs as a client sees them: both modes, at their own time, cancelled, left, remembered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from agentos_contract.document import Document
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent
from mockserver.app import Settings, create_app
from mockserver.runner import active as runner_module
from mockserver.script.loader import bundled_workflows
from tests.conftest import Serve
from tests.runs import batch, masked, message_for, stream

BUNDLED = sorted(bundled_workflows())
FAST = [name for name in BUNDLED if name not in ("slow-report", "doomed")]
PAUSING = {"refund-desk"}
"""A stream of theirs ends with a pause."""


@pytest.mark.parametrize("workflow_id", FAST)
def test_a_stream_keeps_the_event_protocol(client: httpx2.Client, workflow_id: str) -> None:
    run = stream(client, workflow_id)
    judge = run.judge()
    assert judge.violations == []
    assert run.names[0] == "WorkflowStarted"
    assert run.names[-1] == ("StepPaused" if workflow_id in PAUSING else "WorkflowCompleted")


@pytest.mark.parametrize("workflow_id", FAST)
def test_events_and_bodies_are_valid_by_the_document(
    client: httpx2.Client, document: Document, workflow_id: str
) -> None:
    import jsonschema_rs

    for payload in stream(client, workflow_id).payloads:
        jsonschema_rs.validator_for(document.event_schemas[payload["event"]]).validate(payload)
    schema = document.response_schema(document.run_operation, 200, "application/json")
    jsonschema_rs.validator_for(schema).validate(batch(client, workflow_id))


@pytest.mark.parametrize("workflow_id", sorted({*FAST} - PAUSING))
def test_stream_and_batch_come_to_the_same(client: httpx2.Client, workflow_id: str) -> None:
    completed = stream(client, workflow_id).payloads[-1]
    body = batch(client, workflow_id)
    members = ("content", "content_type", "workflow_id", "workflow_name")
    assert {key: completed[key] for key in members} == {key: body[key] for key in members}
    assert masked(completed["step_results"]) == masked(body["step_results"])


def test_the_same_seed_gives_the_same_bytes(serve: Serve) -> None:
    def run(seed: int) -> bytes:
        url = serve(create_app(Settings(seed=seed, clock=lambda: 1_000_000_000.0)))
        with httpx2.Client(base_url=url, timeout=30) as client:
            return stream(client, "everything").raw

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_events_arrive_while_the_run_goes_on(client: httpx2.Client) -> None:
    """They don't come in one burst at its end."""
    decoder = EventStreamDecoder()
    frames: list[ServerSentEvent] = []
    path = "/workflows/slow-report/runs"
    form = {"message": "tea", "session_id": "goes-on"}
    with client.stream("POST", path, data=form) as response:
        chunks = response.iter_raw()  # while it is there, the connection stays open
        while "StepCompleted" not in [frame.event for frame in frames]:
            frames += decoder.feed(next(chunks))
        run_id = json.loads(frames[0].data)["run_id"]
        run = client.get(f"{path}/{run_id}", params={"session_id": "goes-on"}).json()
    assert run["status"] == "RUNNING"


def test_speed_makes_runs_go_faster(serve: Serve) -> None:
    url = serve(create_app(Settings(speed=1000)))
    with httpx2.Client(base_url=url, timeout=30) as client:
        run = stream(client, "slow-report")
        assert run.judge().violations == []
        # The run's own time is that of its script, whatever the wall clock says.
        assert batch(client, "slow-report")["metrics"]["duration"] == pytest.approx(5.0)


def test_a_silent_stream_gets_keep_alive_comments(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The script waits 0.1 s at a time: long beside this, on a busy machine too.
    monkeypatch.setattr(runner_module, "KEEP_ALIVE", 0.005)
    with httpx2.Client(base_url=serve(create_app(Settings(speed=5))), timeout=30) as client:
        run = stream(client, "slow-report")
    assert b"\n\n: keep-alive\n\n" in run.raw
    assert run.judge().violations == []


# -- sessions


def test_a_session_keeps_state_and_history(client: httpx2.Client) -> None:
    form = {"session_id": "kept", "user_id": "ada"}
    greetings = [batch(client, "visit-counter", message=str(n), **form) for n in (1, 2)]
    run = stream(client, "visit-counter", message="3", **form)
    contents = [*(body["content"] for body in greetings), run.payloads[-1]["content"]]
    assert contents == [f"Welcome, this is visit number {n}." for n in (1, 2, 3)]
    assert {payload["session_id"] for payload in run.payloads} == {"kept"}
    runs = client.get("/sessions/kept/runs", params={"type": "workflow"}).json()
    assert [entry["run_input"] for entry in runs] == ["1", "2", "3"]
    session = client.get("/sessions/kept", params={"type": "workflow"}).json()
    assert session["session_state"] == {"count": 3, "last_message": "3"}
    assert session["session_name"] == "1"


def test_without_a_session_id_a_fresh_one_is_made(client: httpx2.Client) -> None:
    bodies = [batch(client, "visit-counter") for _ in range(2)]
    assert bodies[0]["session_id"] != bodies[1]["session_id"]
    assert bodies[0]["run_id"] != bodies[1]["run_id"]
    assert all(body["content"] == "Welcome, this is visit number 1." for body in bodies)


def test_another_user_does_not_see_the_session(client: httpx2.Client) -> None:
    batch(client, "visit-counter", session_id="private", user_id="ada")
    other = batch(client, "visit-counter", session_id="private", user_id="bob")
    assert other["content"] == "Welcome, this is visit number 1."
    again = batch(client, "visit-counter", session_id="private", user_id="ada")
    assert again["content"] == "Welcome, this is visit number 2."


def test_a_run_is_read_back_as_it_was_answered(client: httpx2.Client) -> None:
    body = batch(client, "article-writer", session_id="readback")
    path = f"/workflows/article-writer/runs/{body['run_id']}"
    stored = client.get(path, params={"session_id": "readback"}).json()
    assert stored.pop("events") == []
    assert stored == body
    assert client.get(path, params={"session_id": "other"}).status_code == 404
    assert client.get(path).status_code == 422


def test_a_run_is_there_when_its_last_event_has_come(client: httpx2.Client) -> None:
    run = stream(client, "content-pipeline", session_id="last-event")
    path = f"/workflows/content-pipeline/runs/{run.payloads[0]['run_id']}"
    stored = client.get(path, params={"session_id": "last-event"}).json()
    assert stored["status"] == "COMPLETED"
    assert [event["event"] for event in stored["events"]] == [
        name for name in run.names if name != "StepOutput"
    ]


def test_sessions_are_listed_paged_renamed_and_deleted(serve: Serve) -> None:
    with httpx2.Client(base_url=serve(create_app()), timeout=30) as client:
        for number in range(5):
            batch(client, "visit-counter", session_id=f"s{number}", message=f"Hello {number}")
        batch(client, "rush-hour", session_id="other")
        kind = {"type": "workflow"}
        page = client.get("/sessions", params={**kind, "limit": 2, "page": 2}).json()
        assert [entry["session_id"] for entry in page["data"]] == ["s3", "s2"]
        assert page["meta"]["total_count"] == 6
        assert page["meta"]["total_pages"] == 3
        mine = {**kind, "component_id": "visit-counter", "sort_order": "asc"}
        listed = client.get("/sessions", params=mine).json()["data"]
        assert [entry["session_id"] for entry in listed] == ["s0", "s1", "s2", "s3", "s4"]
        renamed = client.post("/sessions/s1/rename", params=kind, json={"session_name": "Mine"})
        assert renamed.json()["session_name"] == "Mine"
        found = client.get("/sessions", params={**kind, "session_name": "mine"}).json()["data"]
        assert [entry["session_id"] for entry in found] == ["s1"]
        assert client.delete("/sessions/s1").status_code == 204
        many = {"session_ids": ["s2", "s3"], "session_types": ["workflow", "workflow"]}
        assert client.request("DELETE", "/sessions", json=many).status_code == 204
        left = client.get("/sessions", params=mine).json()["data"]
        assert [entry["session_id"] for entry in left] == ["s0", "s4"]
        assert client.get("/sessions/s1", params=kind).status_code == 404
        assert client.get("/sessions", params={"limit": 0}).status_code == 422


# -- cancelled, left


class Reader:
    """Reads a stream in a thread; waits for events by name."""

    def __init__(self, url: str, workflow_id: str, **form: str) -> None:
        self._decoder = EventStreamDecoder()
        self.payloads: list[dict[str, Any]] = []
        self._condition = threading.Condition()
        self._is_over = False
        self._form = {"message": message_for(workflow_id), **form}
        self._path = f"{url}/workflows/{workflow_id}/runs"
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with (
            httpx2.Client(timeout=30) as client,
            client.stream("POST", self._path, data=self._form) as response,
        ):
            for chunk in response.iter_raw():
                for frame in self._decoder.feed(chunk):
                    with self._condition:
                        self.payloads.append(json.loads(frame.data))
                        self._condition.notify_all()
        with self._condition:
            self._is_over = True
            self._condition.notify_all()

    def wait_for(self, name: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((p for p in self.payloads if p["event"] == name), None)

        with self._condition:
            assert self._condition.wait_for(lambda: found() or self._is_over, 10)
            payload = found()
        assert payload is not None, f"the stream ended without {name}"
        return payload

    def wait_for_end(self) -> list[str]:
        with self._condition:
            assert self._condition.wait_for(lambda: self._is_over, 10)
        return [payload["event"] for payload in self.payloads]


def test_cancelling_ends_the_stream_with_one_terminal_event(
    mock_url: str, client: httpx2.Client
) -> None:
    reader = Reader(mock_url, "slow-report", session_id="cancelled")
    reader.wait_for("RunStarted")
    run_id = reader.payloads[0]["run_id"]
    path = f"/workflows/slow-report/runs/{run_id}"
    answers = [client.post(f"{path}/cancel") for _ in range(2)]
    names = reader.wait_for_end()
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 2
    assert names[-1] == "WorkflowCancelled"
    assert "WorkflowCompleted" not in names
    assert "RunContent" not in names, "a step that was cancelled went on"
    assert client.post(f"{path}/cancel").status_code == 200
    stored = client.get(path, params={"session_id": "cancelled"}).json()
    assert stored["status"] == "CANCELLED"
    assert [result["step_name"] for result in stored["step_results"]] == ["plan"]


def test_cancelling_is_refused_for_an_unknown_workflow_only(client: httpx2.Client) -> None:
    assert client.post("/workflows/slow-report/runs/nope/cancel").status_code == 200
    assert client.post("/workflows/nope/runs/nope/cancel").status_code == 404


def test_a_client_that_goes_away_ends_its_run(mock_url: str, client: httpx2.Client) -> None:
    form = {"message": "x", "session_id": "left"}
    decoder = EventStreamDecoder()
    with client.stream("POST", "/workflows/slow-report/runs", data=form) as response:
        for chunk in response.iter_raw():
            frames = decoder.feed(chunk)
            if frames:
                run_id = json.loads(frames[0].data)["run_id"]
                break
    path = f"/workflows/slow-report/runs/{run_id}"
    stored = {"status": "RUNNING"}
    while stored["status"] == "RUNNING":
        stored = client.get(path, params={"session_id": "left"}).json()
    assert stored["status"] == "CANCELLED", "the run went on without its client"
    assert "client disconnected" in stored["content"]


def test_a_slow_reader_slows_only_itself(mock_url: str, client: httpx2.Client) -> None:
    """One client reads nothing of a long stream; others are served meanwhile."""
    parts = urlsplit(mock_url)
    with contextlib.closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((parts.hostname, parts.port))
        message = "x" * 200_000
        body = f"message={message}"
        head = (
            "POST /workflows/everything/runs HTTP/1.1\r\nhost: test\r\n"
            "content-type: application/x-www-form-urlencoded\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        slow.sendall((head + body).encode())
        for _ in range(3):
            assert batch(client, "content-pipeline")["status"] == "COMPLETED"
        # What was not read is not computed ahead: the run is not over.
        sessions = client.get("/sessions", params={"type": "workflow", "limit": 100}).json()
        slow_session = next(entry for entry in sessions["data"] if entry["session_name"] == message)
        path = f"/sessions/{slow_session['session_id']}/runs"
        (run,) = client.get(path, params={"type": "workflow"}).json()
        assert run["status"] == "RUNNING"


def test_runs_side_by_side_keep_to_themselves(mock_url: str) -> None:
    async def run(number: int) -> list[dict[str, Any]]:
        async with httpx2.AsyncClient(base_url=mock_url, timeout=30) as client:
            form = {"message": f"m{number}", "session_id": f"side-{number}"}
            path = "/workflows/visit-counter/runs"
            payloads: list[dict[str, Any]] = []
            async with client.stream("POST", path, data=form) as response:
                async for frame in _frames(response):
                    payloads.append(frame)
            return payloads

    async def all_runs() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(run(number) for number in range(20)))

    runs = asyncio.run(all_runs())
    assert len({payloads[0]["run_id"] for payloads in runs}) == 20
    for number, payloads in enumerate(runs):
        assert {payload["session_id"] for payload in payloads} == {f"side-{number}"}
        assert payloads[-1]["content"] == "Welcome, this is visit number 1."


async def _frames(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    decoder = EventStreamDecoder()
    async for chunk in response.aiter_raw():
        for frame in decoder.feed(chunk):
            yield json.loads(frame.data)
