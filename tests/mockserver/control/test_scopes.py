"""Scopes: tests side by side on one mock never see each other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from mockserver.app import Settings, create_app
from mockserver.client import ControlError, MockClient
from tests.conftest import Serve
from tests.mockserver.control.conftest import Start

RUN = "/workflows/content-pipeline/runs"


@pytest.fixture
def other(mock_url: str, mock: MockClient) -> Iterator[MockClient]:
    client = MockClient(mock_url, f"{mock.scope}-other")
    yield client
    client.close()


def run(mock: MockClient, **form: str) -> Any:
    answer = mock.http.post(RUN, data={"message": "bees", "stream": "false", **form})
    return answer.raise_for_status().json()


def sessions(client: httpx2.Client) -> list[str]:
    found = client.get("/sessions?type=workflow&limit=100").json()["data"]
    return [session["session_id"] for session in found]


def test_sessions_are_seen_by_nobody_else(
    mock: MockClient, other: MockClient, client: httpx2.Client
) -> None:
    for each in (mock, other):
        run(each, session_id="same", session_state=json.dumps({"who": each.scope}))
    assert sessions(mock.http) == sessions(other.http) == ["same"]
    assert "same" not in sessions(client)
    for each in (mock, other):
        state = each.http.get("/sessions/same?type=workflow").json()["session_state"]
        assert state == {"who": each.scope}
    other.http.delete("/sessions/same")
    assert sessions(mock.http) == ["same"]


def test_rules_gates_journal_and_runs_are_a_scopes_own(
    mock: MockClient, other: MockClient, start: Start
) -> None:
    mock.hold("g", before="StepStarted", step="draft")
    other.rule(status=503)
    answer = start()
    mock.wait(gate="g")
    assert other.http.get("/health").status_code == 503
    other.release("g")
    assert [gate["gate"] for gate in mock.gates()] == ["g"]
    assert other.runs() == other.gates() == []
    assert [entry["request"]["path"] for entry in other.journal()] == ["/health"]
    mock.release("g")
    assert answer.ended().is_whole


def test_who_sends_no_header_belongs_by_the_session_id(
    mock: MockClient, client: httpx2.Client
) -> None:
    session_id = mock.session_id()
    answer = client.post(RUN, data={"message": "x", "stream": "false", "session_id": session_id})
    assert answer.json()["session_id"] == session_id
    assert [run["session_id"] for run in mock.runs()] == [session_id]
    assert client.get(f"/sessions/{session_id}?type=workflow").status_code == 200
    assert session_id not in sessions(client)
    mock.rule(status=503)
    refused = client.post(RUN, data={"message": "x", "session_id": session_id})
    assert refused.status_code == 503
    assert client.get(f"/sessions/{session_id}/runs?type=workflow").status_code == 503


def test_a_colon_alone_is_no_scope(client: httpx2.Client) -> None:
    data = {"message": "x", "stream": "false", "session_id": "nobodys:1"}
    assert client.post(RUN, data=data).status_code == 200
    assert "nobodys:1" in sessions(client)


def test_a_run_is_cancelled_by_its_id_alone(
    mock: MockClient, client: httpx2.Client, start: Start
) -> None:
    mock.hold("g", before="StepStarted")
    answer = start()
    run_id = mock.wait(gate="g")["run_id"]
    client.post(f"/workflows/content-pipeline/runs/{run_id}/cancel")
    assert answer.ended().events[-1] == "WorkflowCancelled"


def test_ids_are_the_same_whatever_others_do(serve: Serve) -> None:
    def ids(noise: int) -> list[str]:
        url = serve(create_app(Settings(seed=3)))
        with MockClient(url, "a") as mine, MockClient(url, "b") as noisy:
            found = []
            for _ in range(3):
                for _ in range(noise):
                    run(noisy)
                found.append(run(mine)["run_id"])
            return found

    assert ids(0) == ids(2)


def test_the_end_of_a_scope_says_what_was_left_undone(mock_url: str) -> None:
    mock = MockClient(mock_url, "left-undone")
    used, unused = mock.rule(status=503, times=1), mock.rule(status=500)
    mock.http.get("/health")
    mock.hold("g", before="StepStarted", step="draft")
    mock.remove(unused)
    unused = mock.rule(status=500, when="false")
    data = {"message": "x"}
    thread = threading.Thread(target=lambda: mock.http.post(RUN, data=data))
    thread.start()
    run_id = mock.wait(gate="g")["run_id"]
    report = httpx2.delete(f"{mock_url}/__mock__/scopes/left-undone").json()
    thread.join(20)
    assert report == {
        "unreleased_gates": ["g"],
        "unused_rules": [unused],
        "open_runs": [run_id],
    }
    assert used["used"] == 0
    with pytest.raises(ControlError, match="there is no scope 'left-undone'"):
        mock.close()


def test_a_reset_leaves_a_scope_as_it_was_opened(mock: MockClient) -> None:
    first = run(mock, session_id="s")["run_id"]
    mock.rule(status=503)
    mock.clock(now=1000)
    mock.script({"id": "mine", "steps": []})
    mock.reset()
    assert (mock.rules(), mock.runs(), mock.journal(), sessions(mock.http)) == ([], [], [], [])
    assert mock.clock() > 1_000_000
    assert mock.http.get("/workflows/mine").status_code == 404
    assert run(mock, session_id="s")["run_id"] == first


def test_who_opens_a_scope_is_told_whether_it_was_open(client: httpx2.Client) -> None:
    body = {"scope": "opened-twice"}
    assert [client.post("/__mock__/scopes", json=body).status_code for _ in "12"] == [201, 200]
    client.delete("/__mock__/scopes/opened-twice")
    assert client.post("/__mock__/scopes", json=body).status_code == 201
    client.delete("/__mock__/scopes/opened-twice")


def test_a_reset_of_everything_closes_all_scopes(serve: Serve) -> None:
    url = serve(create_app(Settings()))
    mock = MockClient(url, "a")
    run(mock)
    assert httpx2.post(f"{url}/__mock__/reset").status_code == 204
    assert httpx2.get(f"{url}/__mock__/scopes").json() == []
    with pytest.raises(ControlError, match="there is no scope"):
        mock.close()


def test_a_clock_is_a_scopes_own(mock: MockClient, other: MockClient) -> None:
    assert mock.clock(now=1_000_000) == 1_000_000
    assert mock.clock(advance=5) == 1_000_005
    assert run(mock)["created_at"] == 1_000_005
    assert run(other)["created_at"] > 1_000_005


def test_time_that_passes_at_once_ends_delays(mock: MockClient, start: Start) -> None:
    step = {"type": "Step", "name": "slow", "mock": {"content": "x", "delay": 3000}}
    mock.script({"id": "slow", "steps": [step]})
    answer = start("slow")
    mock.wait("StepStarted")
    mock.clock(advance=3001)
    assert answer.ended().events[-1] == "WorkflowCompleted"


def test_a_script_is_served_in_its_scope_alone(mock: MockClient, other: MockClient) -> None:
    step = {"type": "Step", "name": "s", "mock": {"content": "mine"}}
    mock.script({"id": "content-pipeline", "steps": [step]})
    assert run(mock)["content"] == "mine"
    assert run(other)["content"] != "mine"
    url = f"{mock.url}/__mock__/workflows/content-pipeline"
    query = {"scope": mock.scope}
    assert httpx2.get(url, params=query).json()["steps"] == [step]
    listed = httpx2.get(f"{mock.url}/__mock__/workflows", params=query).json()
    assert {"id": "content-pipeline", "name": "content-pipeline", "description": None} in listed
    assert httpx2.delete(url, params=query).status_code == 204
    assert run(mock)["content"] != "mine"
    assert httpx2.delete(url, params=query).status_code == 204
    assert mock.http.get("/workflows/content-pipeline").status_code == 404
    assert other.http.get("/workflows/content-pipeline").status_code == 200


def test_a_script_in_yaml_is_told_its_faults_with_their_lines(mock: MockClient) -> None:
    url = f"{mock.url}/__mock__/workflows/w"
    query = {"scope": mock.scope}
    headers = {"content-type": "application/yaml"}
    text = "id: w\nsteps:\n  - type: Step\n    name: s\n    mock: {contnt: x}\n"
    answer = httpx2.put(url, params=query, content=text, headers=headers)
    assert answer.status_code == 422
    assert "w:5: steps[0].mock.contnt" in answer.json()["detail"]
    right = text.replace("contnt", "content")
    assert httpx2.put(url, params=query, content=right, headers=headers).status_code == 200
    assert httpx2.put(f"{url}x", params=query, content=right, headers=headers).status_code == 422


@pytest.mark.parametrize("name", ["a:b", "", "a\nb"])
def test_a_scopes_name_has_no_colon(client: httpx2.Client, name: str) -> None:
    assert client.post("/__mock__/scopes", json={"scope": name}).status_code == 422
