"""Gates by meaning, steering of runs, and waiting for what they send."""

from __future__ import annotations

import json

import httpx2
import pytest

from agentos_contract.state_machine import RunStateMachine
from mockserver.client import ControlError, MockClient
from tests.mockserver.control.conftest import Start

STEPS = ["outline", "draft", "headline"]
PARALLEL = {
    "id": "side-by-side",
    "steps": [
        {
            "type": "Parallel",
            "name": "both",
            "steps": [
                {"type": "Step", "name": name, "mock": {"content": name}} for name in ("one", "two")
            ],
        },
        {"type": "Step", "name": "after", "mock": {"content": "done", "delay": 0.05}},
    ],
}


def test_a_run_waits_before_an_event_of_a_step(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepCompleted", step="draft", workflow_id="content-pipeline")
    answer = start().begun()
    waits = mock.wait(gate="g")
    assert (waits["gate"], waits["step"]) == ("g", "draft")
    events = mock.run(waits["run_id"])["events"]
    assert [event["name"] for event in events][-1] == "StepOutput"
    assert mock.gates() == [waits]
    assert mock.runs()[0]["gates"] == [waits]
    assert mock.release("g") == [waits]
    answer.ended()
    assert answer.events[-1] == "WorkflowCompleted"
    assert mock.gates() == []


def test_events_are_expected_in_their_order(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepCompleted", step="headline")
    answer = start()
    mock.expect_events(["StepStarted", "StepStarted", ("StepStarted", "headline")])
    run_id = mock.runs()[0]["run_id"]
    with pytest.raises(ControlError, match="did not send StepStarted after its event"):
        mock.expect_events(["StepStarted"] * 4, timeout=0.05)
    mock.release("g")
    mock.expect_events(["StepStarted", ("StepCompleted", "headline"), "WorkflowCompleted"])
    answer.ended()
    with pytest.raises(ControlError, match=r"(?s)ended without StepStarted after .*0\.\d+  Step"):
        mock.expect_events([("StepStarted", "headline"), "StepStarted"], run_id=run_id)


def test_a_run_waits_after_an_event(mock: MockClient, start: Start) -> None:
    mock.hold("g", after="StepStarted", step="headline")
    answer = start()
    run_id = mock.wait(gate="g")["run_id"]
    assert mock.run(run_id)["events"][-1]["name"] == "StepStarted"
    mock.release("g", run_id)
    assert answer.ended().is_whole


def test_a_held_branch_holds_no_other(mock: MockClient, start: Start) -> None:
    mock.script(PARALLEL)
    mock.hold("g", before="StepStarted", step="one")
    answer = start("side-by-side")
    mock.wait("StepCompleted", step="two")
    waits = mock.wait(gate="g")
    mock.release("g")
    answer.ended()
    payloads = [json.loads(line[6:]) for line in answer.text.splitlines() if line[:5] == "data:"]
    machine = RunStateMachine()
    wrong = [each for data in payloads for each in machine.receive(data["event"], data)]
    assert wrong + machine.end() == []
    names = [(data["event"], data.get("step_name")) for data in payloads]
    assert names.index(("StepCompleted", "two")) < names.index(("StepStarted", "one"))
    assert waits["step"] == "one"


def test_after_an_event_of_a_branch_only_that_branch_waits(mock: MockClient, start: Start) -> None:
    mock.script(PARALLEL)
    mock.hold("g", after="StepStarted", step="one")
    answer = start("side-by-side")
    mock.wait("StepCompleted", step="two")
    assert [gate["step"] for gate in mock.gates("g", timeout=10)] == ["one"]
    mock.release("g")
    assert answer.ended().events[-1] == "WorkflowCompleted"


def test_what_is_held_in_several_branches_goes_on_together(mock: MockClient, start: Start) -> None:
    mock.script(PARALLEL)
    mock.hold("g", before="StepCompleted")
    answer = start("side-by-side")
    mock.wait("StepStarted", step="two")
    mock.wait(gate="g")
    mock.release("g")
    assert answer.ended().events[-1] == "WorkflowCompleted"


@pytest.mark.parametrize("form", [{"stream": "false"}, {"stream_events": "false"}])
def test_batch_and_brief_runs_wait_too(
    mock: MockClient, start: Start, form: dict[str, str]
) -> None:
    mock.hold("g", before="WorkflowCompleted")
    answer = start(**form)
    mock.wait(gate="g")
    assert not answer.is_whole
    mock.release("g")
    assert answer.ended().status == 200


def test_a_gate_in_a_script_is_released_by_its_name(mock: MockClient, start: Start) -> None:
    step = {"type": "Step", "name": "review", "mock": {"gate": "reviewed", "content": "fine"}}
    mock.script({"id": "gated", "steps": [step]})
    answer = start("gated")
    assert mock.wait(gate="reviewed")["step"] == "review"
    mock.release("reviewed")
    assert "fine" in answer.ended().text


def test_a_gate_released_before_is_open(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepStarted")
    mock.release("g")
    assert start().ended().events[-1] == "WorkflowCompleted"


def test_one_run_is_released_and_another_waits_on(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepStarted", step="outline")
    first = start()
    run_id = mock.wait(gate="g")["run_id"]
    second = start()
    mock.release("g", run_id)
    assert first.ended().is_whole
    others = mock.gates("g", timeout=10)
    assert [gate["run_id"] for gate in others] != [run_id]
    mock.release("g")
    assert second.ended().is_whole


def test_what_is_held_can_be_cancelled(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepCompleted", step="draft")
    answer = start()
    run_id = mock.wait(gate="g")["run_id"]
    mock.cancel(run_id)
    assert answer.ended().events[-1] == "WorkflowCancelled"
    assert mock.gates() == []
    assert mock.run(run_id)["state"] == "cancelled"


def test_the_delay_after_a_gate_begins_when_it_is_released(mock: MockClient, start: Start) -> None:
    mock.script(PARALLEL)
    mock.hold("g", before="StepStarted", step="after")
    answer = start("side-by-side")
    run_id = mock.wait(gate="g")["run_id"]
    mock.clock(advance=10)
    mock.release("g")
    answer.ended()
    events = mock.run(run_id)["events"]
    times = {event["data"].get("step_name"): event["time"] for event in events}
    started = next(e["time"] for e in events if e["name"] == "StepStarted" and times["after"])
    assert times["after"] - started >= 0.04


# -- fail and cut


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_run_fails_after_so_many_events(mock: MockClient, start: Start, after: int) -> None:
    mock.rule(fail={"after": after, "error": "the model is gone"})
    answer = start().ended()
    assert len(answer.events) == after + 1
    assert answer.events[-1] == "WorkflowError"
    assert "the model is gone" in answer.text
    assert answer.is_whole


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_connection_is_cut_after_so_many_events(
    mock: MockClient, start: Start, after: int
) -> None:
    mock.rule(cut={"after": after}, times=1)
    answer = start().ended()
    assert len(answer.events) == after
    assert answer.error
    run = mock.runs()[0]
    assert (run["is_cut"], run["state"]) == (True, "cancelled")
    assert start().ended().is_whole


def test_a_batch_run_can_be_cut_and_made_to_fail(mock: MockClient, start: Start) -> None:
    rule = mock.rule(cut={"after": 3})
    cut = start(stream="false").ended()
    assert (cut.status, cut.is_whole) == (200, False)
    mock.remove(rule)
    mock.rule(fail={"after": 3, "error": "gone"})
    failed = start(stream="false").ended()
    assert failed.status == 500
    assert "gone" in failed.text


# -- pause, step, resume, cut


def test_a_paused_run_sends_one_event_at_a_time(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepStarted", step="outline")
    answer = start()
    run_id = mock.wait(gate="g")["run_id"]
    assert mock.pause(run_id)["is_paused"]
    mock.release("g")
    assert mock.run(run_id)["event_count"] == 1
    mock.step(run_id)
    assert mock.wait("StepStarted", step="outline", run_id=run_id)["index"] == 1
    with pytest.raises(ControlError, match="did not send StepOutput"):
        mock.wait("StepOutput", run_id=run_id, timeout=0)
    mock.resume(run_id)
    assert answer.ended().events[-1] == "WorkflowCompleted"


def test_a_paused_run_can_be_cancelled_and_cut(mock: MockClient, start: Start) -> None:
    for verb, last in (("cancel", "WorkflowCancelled"), ("cut", "WorkflowStarted")):
        mock.reset()
        mock.hold("g", before="StepStarted")
        answer = start()
        run_id = mock.wait(gate="g")["run_id"]
        mock.pause(run_id)
        getattr(mock, verb)(run_id)
        assert answer.ended().events[-1] == last


def test_a_run_that_is_over_cannot_be_steered(mock: MockClient, start: Start) -> None:
    start().ended()
    run_id = mock.runs()[0]["run_id"]
    for steer in (mock.pause, mock.step, mock.resume, mock.cut, mock.cancel):
        with pytest.raises(ControlError, match="is over; it is completed") as refused:
            steer(run_id)
        assert refused.value.status == 409


# -- waiting


def test_who_waits_is_told_of_what_was_sent_already(mock: MockClient, start: Start) -> None:
    start().ended()
    told = mock.wait("StepCompleted", step="draft", timeout=0)
    assert told["data"]["step_name"] == "draft"
    assert mock.wait(run_id=told["run_id"], timeout=0) == {"run_id": told["run_id"]}


def test_who_waits_in_vain_is_told_what_was_sent(mock: MockClient, start: Start) -> None:
    with pytest.raises(ControlError, match="has had no run"):
        mock.wait("StepCompleted", timeout=0)
    start().ended()
    run_id = mock.runs()[0]["run_id"]
    with pytest.raises(ControlError, match="without WorkflowError; it is completed, has sent"):
        mock.wait("WorkflowError", run_id=run_id)
    with pytest.raises(ControlError, match="no run sent StepError within"):
        mock.wait("StepError", timeout=0)
    with pytest.raises(ControlError, match="no run waited at gate 'g'"):
        mock.wait(gate="g", timeout=0)
    with pytest.raises(ControlError, match="there is no step 'drat'; did you mean 'draft'"):
        mock.wait("StepCompleted", step="drat", timeout=0)


def test_who_has_forgotten_the_header_is_told_so(mock: MockClient) -> None:
    run = f"{mock.url}/workflows/article-writer/runs"
    assert httpx2.post(run, data={"message": "x", "stream": "false"}).status_code == 200
    with pytest.raises(ControlError, match=r"some of no scope; .* header Mock-Scope, or a session"):
        mock.wait("StepCompleted", timeout=0)


def test_a_run_that_nobody_knows_is_said_so(mock: MockClient) -> None:
    with pytest.raises(ControlError, match="there is no run 'nothing'"):
        mock.run("nothing")


def test_a_release_that_can_do_nothing_is_refused(mock: MockClient, start: Start) -> None:
    start().ended()
    run_id = mock.runs()[0]["run_id"]
    with pytest.raises(ControlError, match="is over; it is completed") as refused:
        mock.release("g", run_id)
    assert refused.value.status == 409


def test_only_where_a_run_waits_still_is_a_gate_unreleased(mock: MockClient, start: Start) -> None:
    mock.hold("g", before="StepStarted")
    first = start()
    run_id = mock.wait(gate="g")["run_id"]
    second = start()
    while len(mock.gates("g", timeout=10)) < 2:
        pass
    mock.release("g", run_id)
    first.ended()
    other = mock.gates("g")[0]["run_id"]
    report = httpx2.delete(f"{mock.url}/__mock__/scopes/{mock.scope}").json()
    assert (report["unreleased_gates"], report["open_runs"]) == (["g"], [other])
    second.ended()
    again = MockClient(mock.url, mock.scope)
    again.hold("g", before="StepStarted")
    third = start()
    again.cancel(again.wait(gate="g")["run_id"])
    third.ended()
    report = httpx2.delete(f"{mock.url}/__mock__/scopes/{mock.scope}").json()
    assert report["unreleased_gates"] == []
    again.http.close()
    again._control.close()
    httpx2.post(f"{mock.url}/__mock__/scopes", json={"scope": mock.scope})


def test_a_teams_member_is_held_and_the_other_goes_on(mock: MockClient, start: Start) -> None:
    mock.rule(hold={"before": "RunStarted", "step": "work-out", "gate": "g"})
    answer = start("trip-desk")
    mock.wait(gate="g")
    mock.release("g")
    assert answer.ended().events[-1] == "WorkflowCompleted"


def test_a_background_run_waits_too(mock: MockClient) -> None:
    mock.hold("g", before="StepCompleted", step="draft")
    form = {"message": "x", "stream": "false", "background": "true", "session_id": "s"}
    body = mock.http.post("/workflows/content-pipeline/runs", data=form).json()
    run_id = mock.wait(gate="g")["run_id"]
    assert body["status"] == "PENDING"
    query = {"session_id": "s"}
    found = mock.http.get(f"/workflows/content-pipeline/runs/{run_id}", params=query).json()
    assert found["status"] == "RUNNING"
    mock.release("g")
    mock.wait(run_id=run_id)
    found = mock.http.get(f"/workflows/content-pipeline/runs/{run_id}", params=query).json()
    assert found["status"] == "COMPLETED"


def test_a_wait_that_ends_tells_of_names_that_there_are_not(mock: MockClient) -> None:
    mock.hold("written", before="StepStarted")
    with pytest.raises(ControlError, match=r"holds at it; did you mean 'written'\?") as refused:
        mock.wait(gate="writen", timeout=0.01)
    assert refused.value.status == 408
    with pytest.raises(ControlError, match="no event 'StepComplete'; did you mean 'StepCompleted'"):
        mock.wait("StepComplete", timeout=0.01)
