"""Rules: what requests are answered with instead of the usual."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

from mockserver.client import ControlError, MockClient
from tests.mockserver.control.conftest import Start

RUN = "/workflows/content-pipeline/runs"


def run(mock: MockClient, **form: str) -> httpx2.Response:
    return mock.http.post(RUN, data={"message": "bees", "stream": "false", **form})


def test_the_first_requests_fail_and_then_it_succeeds(mock: MockClient) -> None:
    mock.rule(status=503, headers={"Retry-After": "7"}, times=2)
    answers = [run(mock) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error_code"] == "SERVICE_UNAVAILABLE"
    assert mock.rules()[0]["used"] == 2


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 502, 503, 504])
def test_any_operation_is_answered_with_any_status(mock: MockClient, status: int) -> None:
    mock.rule(status=status, detail="not now", error_code="NOT_NOW")
    for method, path in (("GET", "/sessions"), ("GET", "/health"), ("POST", RUN)):
        data = {"message": "x"} if method == "POST" else None
        answer = mock.http.request(method, path, data=data)
        assert answer.status_code == status, path
        assert answer.json() == {"detail": "not now", "error_code": "NOT_NOW"}


def test_a_gateways_page_is_sent_as_it_is(mock: MockClient) -> None:
    page = "<html>Bad gateway</html>"
    mock.rule(status=502, body=page, headers={"Content-Type": "text/html"})
    answer = run(mock)
    assert (answer.status_code, answer.text) == (502, page)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_json_body_of_ones_own(mock: MockClient) -> None:
    mock.rule(status=200, body={"data": []}, operation_id="get_sessions")
    assert mock.http.get("/sessions").json() == {"data": []}
    assert run(mock).json()["status"] == "COMPLETED"


def test_an_error_can_be_slow_and_its_time_passes_with_the_clock(mock: MockClient) -> None:
    mock.rule(status=504, delay=3000, times=1)
    import threading

    answers: list[httpx2.Response] = []
    thread = threading.Thread(target=lambda: answers.append(run(mock)))
    thread.start()
    while thread.is_alive():
        mock.clock(advance=3000)
        thread.join(0.05)
    assert answers[0].status_code == 504


@pytest.mark.parametrize(
    ("rule", "matches", "others"),
    [
        ({"workflow_id": "content-pipeline"}, ("POST", RUN), ("GET", "/sessions")),
        ({"operation_id": "get_sessions"}, ("GET", "/sessions"), ("GET", "/health")),
        ({"when": 'input.contains("bees")'}, ("POST", RUN), ("GET", "/sessions")),
        ({"when": 'path == "/health"'}, ("GET", "/health"), ("GET", "/sessions")),
        ({"when": 'query.user_id == "a"'}, ("GET", "/sessions?user_id=a"), ("GET", "/sessions")),
        ({"when": 'headers["x-who"] == "me"'}, ("GET", "/health"), None),
        ({"when": 'form.stream == "false"'}, ("POST", RUN), ("GET", "/sessions")),
        ({"when": 'method == "GET" && operation_id == "health_check"'}, ("GET", "/health"), None),
    ],
)
def test_a_rule_is_for_the_requests_that_it_says(
    mock: MockClient, rule: dict[str, Any], matches: tuple[str, str], others: Any
) -> None:
    mock.rule({"status": 418}, **rule)

    def status(method: str, path: str) -> int:
        data = {"message": "bees", "stream": "false"} if method == "POST" else None
        return mock.http.request(method, path, data=data, headers={"x-who": "me"}).status_code

    assert status(*matches) == 418
    if others is not None:
        assert status(*others) == 200


def test_a_body_of_json_can_be_asked_about(mock: MockClient) -> None:
    mock.rule(status=503, when='body.session_name == "x"')
    mock.http.post("/sessions?type=workflow", json={"session_id": "s"})
    renamed = mock.http.post("/sessions/s/rename?type=workflow", json={"session_name": "x"})
    assert renamed.status_code == 503


def test_members_come_from_the_first_rule_that_has_them(mock: MockClient) -> None:
    mock.rule(seed=5)
    mock.rule(seed=6, speed=50)
    mock.rule(faults=["order.bare-end"], times=1)
    mock.rule(variations=["sse.crlf"])
    streamed = [mock.http.post(RUN, data={"message": "x"}).text for _ in range(2)]
    assert "WorkflowCompleted" not in streamed[0]
    assert "WorkflowCompleted" in streamed[1]
    assert all("\r\n" in text for text in streamed)
    ids = {run(mock).json()["run_id"] for _ in range(3)}
    assert len(ids) == 1
    assert [rule["used"] for rule in mock.rules()] == [5, 5, 1, 2]


def test_after_a_whole_answer_no_rule_is_asked(mock: MockClient) -> None:
    mock.rule(status=500, times=1)
    mock.rule(status=503, times=1)
    assert [run(mock).status_code for _ in range(3)] == [500, 503, 200]


def test_a_requests_own_preferences_come_first(mock: MockClient) -> None:
    mock.rule(seed=5)
    ids = [
        mock.http.post(
            RUN, data={"message": "x", "stream": "false"}, headers={"prefer": f"seed={seed}"}
        ).json()["run_id"]
        for seed in (1, 2, 1)
    ]
    assert ids[0] == ids[2] != ids[1]
    mock.rule(status=503)
    answer = mock.http.post(RUN, data={"message": "x"}, headers={"prefer": "code=200"})
    assert answer.status_code == 200


def test_a_scenario_by_rule(mock: MockClient) -> None:
    mock.rule(scenario="overloaded", workflow_id="rush-hour", times=1)
    answers = [
        mock.http.post("/workflows/rush-hour/runs", data={"message": "x"}).status_code
        for _ in range(2)
    ]
    assert answers == [500, 200]


def test_a_websockets_run_obeys_rules(mock: MockClient) -> None:
    mock.hold("g", before="StepStarted")
    url = f"{mock.url.replace('http', 'ws', 1)}/workflows/ws"
    with connect(url, additional_headers=mock.headers) as socket:
        socket.recv(timeout=20)
        socket.send(
            '{"action": "start-workflow", "workflow_id": "content-pipeline", "message": "bees"}'
        )
        assert mock.wait(gate="g")["step"] == "outline"
        mock.release("g")
        while "WorkflowCompleted" not in str(socket.recv(timeout=20)):
            pass


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 429, "detail": "slow down"}, "slow down"),
        ({"status": 503}, "Service Unavailable"),
        ({"scenario": "overloaded", "delay": 0.01}, "too many runs, try later"),
    ],
)
def test_a_websockets_run_is_answered_with_an_error(
    mock: MockClient, answer: dict[str, Any], said: str
) -> None:
    mock.rule(answer, workflow_id="rush-hour", times=1)
    url = f"{mock.url.replace('http', 'ws', 1)}/workflows/ws"
    start = '{"action": "start-workflow", "workflow_id": "rush-hour", "message": "bees"}'
    with connect(url, additional_headers=mock.headers) as socket:
        socket.recv(timeout=20)
        socket.send(start)
        assert json.loads(socket.recv(timeout=20)) == {"event": "error", "error": said}
        socket.send(start)
        while "WorkflowCompleted" not in str(socket.recv(timeout=20)):
            pass


@pytest.mark.parametrize(
    ("answer", "shows"),
    [
        ({"hold": {"before": "StepStarted", "step": "draft", "gate": "g"}}, "content-pipeline"),
        ({"hold": {"before": "LoopExecutionStarted", "gate": "g"}}, "draft-refiner"),
        ({"scenario": "overloaded"}, "rush-hour"),
        ({"faults": ["order.bare-end"]}, "content-pipeline"),
        ({"variations": ["sse.crlf"]}, "content-pipeline"),
        ({"seed": 9}, "content-pipeline"),
    ],
)
def test_a_rule_is_used_only_where_it_shows(
    mock: MockClient, answer: dict[str, Any], shows: str
) -> None:
    mock.rule(answer, times=1)
    mock.release("g")
    mock.http.get("/workflows")
    mock.http.get("/sessions")
    if "seed" not in answer:
        form = {"message": "x", "stream": "false"}
        mock.http.post("/workflows/poster/runs", data=form)
    assert mock.rules()[0]["used"] == 0
    mock.http.post(f"/workflows/{shows}/runs", data={"message": "x"})
    assert mock.rules()[0]["used"] == 1


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        # The run is over before its place.
        ({"cut": {"after": 500}}, {}),
        ({"cut": {"after": 500}}, {"stream": "false"}),
        ({"fail": {"after": 500, "error": "too late"}}, {}),
        ({"fail": {"after": 11, "error": "it is over"}}, {}),
        ({"hold": {"before": "StepError", "gate": "g"}}, {}),
        # It goes on once its request is answered.
        ({"cut": {"after": 500}}, {"stream": "false", "background": "true"}),
        # The request is refused.
        ({"status": 503}, {"stream": "maybe"}),
        ({"delay": 0.01}, {"stream": "maybe"}),
        ({"speed": 3, "seed": 0, "cut": {"after": 1}}, {"stream": "maybe"}),
        # The request asks for something else itself.
        ({"status": 503}, {"prefer": "code=404"}),
        ({"speed": 3}, {"prefer": "speed=2"}),
        # There is no error, no Loop, nothing to trim.
        ({"faults": ["error.no-code"]}, {}),
        ({"faults": ["loop.last-continues"]}, {"stream": "false"}),
        ({"faults": ["form.trimmed"]}, {}),
    ],
)
def test_a_rule_of_which_nothing_has_come_was_not_used(
    mock: MockClient, answer: dict[str, Any], form: dict[str, str]
) -> None:
    mock.rule(answer, times=1)
    headers = {"prefer": form.pop("prefer")} if "prefer" in form else {}
    mock.http.post(RUN, data={"message": "x", **form}, headers=headers)
    for each in mock.runs():
        mock.wait(run_id=each["run_id"])
    assert mock.rules()[0]["used"] == 0


def test_a_rule_that_was_not_used_is_there_for_the_next_request(mock: MockClient) -> None:
    mock.rule({"fail": {"after": 12, "error": "the model is gone"}}, times=1)
    assert "WorkflowCompleted" in mock.http.post(RUN, data={"message": "x"}).text
    url = "/workflows/article-writer/runs"
    assert "the model is gone" in mock.http.post(url, data={"message": "x"}).text
    assert "WorkflowCompleted" in mock.http.post(url, data={"message": "x"}).text
    assert mock.rules()[0]["used"] == 1


def test_over_the_websocket_a_rule_of_which_nothing_has_come_was_not_used(
    mock: MockClient,
) -> None:
    mock.rule({"cut": {"after": 500}}, times=1)
    with connect(
        f"{mock.url.replace('http', 'ws', 1)}/workflows/ws", additional_headers=mock.headers
    ) as socket:
        socket.recv(timeout=20)
        start = '{"action": "start-workflow", "workflow_id": "content-pipeline", "message": "x"}'
        socket.send(start)
        while "WorkflowCompleted" not in str(socket.recv(timeout=20)):
            pass
        socket.send('{"action": "ping"}')
        socket.recv(timeout=20)
    assert mock.rules()[0]["used"] == 0


def test_a_multipart_form_belongs_to_its_scope_and_its_rules(mock: MockClient) -> None:
    mock.rule(status=503, when='input.contains("bees") && form.stream == "false"')
    form = {"message": "bees", "stream": "false", "session_id": mock.session_id()}
    files = {name: (None, value) for name, value in form.items()}
    headers = {"Prefer": "fault=form.multipart"}
    answer = httpx2.post(f"{mock.url}{RUN}", files=files, headers=headers)
    assert answer.status_code == 503
    broken = b"--x\r\nno part"
    headers = {**mock.headers, "Content-Type": "multipart/form-data; boundary=x"}
    assert httpx2.post(f"{mock.url}{RUN}", content=broken, headers=headers).status_code == 415
    assert [entry["response"]["status"] for entry in mock.journal()] == [503, 415]


def test_a_preflight_uses_no_rule(mock: MockClient) -> None:
    mock.rule(status=503, times=1)
    headers = {"origin": "https://a.example", "access-control-request-method": "POST"}
    assert mock.http.options(RUN, headers=headers).status_code == 200
    assert run(mock).status_code == 503


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"faults": ["order.bare-ned"]},
            "no fault 'order.bare-ned'; did you mean 'order.bare-end'",
        ),
        ({"variations": ["x"]}, "answer.variations.0: there is no variation 'x'"),
        ({"hold": {"gate": "g"}}, "expected either before or after"),
        ({"hold": {"before": "StepStopped", "gate": "g"}}, "there is no event 'StepStopped'"),
        ({"status": 99}, "answer.status"),
        ({"detail": "x"}, "status"),
        ({"speed": 0}, "answer.speed"),
        ({"cut": {"after": 0}}, "answer.cut.after"),
        ({"status": 500, "headers": {"x": "a\r\nb"}}, "is no header"),
        ({"nothing": 1}, "nothing"),
        ({}, "answer"),
    ],
)
def test_a_wrong_answer_is_refused_with_what_is_right(
    mock: MockClient, rule: dict[str, Any], said: str
) -> None:
    with pytest.raises(ControlError) as refused:
        mock.rule(rule)
    assert refused.value.status == 422
    assert said in str(refused.value)
    assert mock.rules() == []


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"workflow_id": "content-pipelin"}, "did you mean 'content-pipeline'"),
        ({"operation_id": "get_session"}, "did you mean"),
        ({"when": "inptu == 'x'"}, "there is no variable 'inptu'"),
        ({"when": "input.contans('x')"}, "there is no method 'contans'"),
        ({"times": 0}, "times"),
    ],
)
def test_a_rule_for_nothing_is_refused(
    mock: MockClient, members: dict[str, Any], said: str
) -> None:
    with pytest.raises(ControlError, match=said):
        mock.rule({"status": 500}, **members)


@pytest.mark.parametrize(
    ("members", "answer", "said"),
    [
        ({}, {"status": 500, "cut": {"after": 1}}, "with a status no run starts; cut is a run's"),
        ({}, {"status": 500, "speed": 2, "seed": 1}, "speed, seed is a run's"),
        ({"operation_id": "get_sessions"}, {"fail": {"after": 1}}, "'get_sessions' starts no run"),
        ({}, {"scenario": "overlaoded"}, "did you mean 'overloaded'"),
        ({}, {"hold": {"before": "StepStarted", "step": "drfat", "gate": "g"}}, "'draft'"),
    ],
)
def test_what_can_never_show_is_refused(
    mock: MockClient, members: dict[str, Any], answer: dict[str, Any], said: str
) -> None:
    with pytest.raises(ControlError, match=said):
        mock.rule(answer, **members)


def test_a_hold_and_a_scenario_are_checked_against_their_workflow(mock: MockClient) -> None:
    with pytest.raises(ControlError, match=r"no step of 'content-pipeline' 'drft'.*'draft'"):
        mock.hold("g", before="StepStarted", step="drft", workflow_id="content-pipeline")
    with pytest.raises(ControlError, match="no scenario of 'rush-hour' 'x'; there are overloaded"):
        mock.rule(scenario="x", workflow_id="rush-hour")


def test_when_fails_on_some_values_it_is_not_for_them(mock: MockClient) -> None:
    mock.rule(status=500, when="form.nothing.at.all == 1")
    assert run(mock).status_code == 200


def test_a_wrong_form_is_refused_before_any_rule_answers(mock: MockClient, start: Start) -> None:
    mock.rule(status=503)
    assert mock.http.post(RUN, data={"stream": "maybe"}).status_code == 422
    assert mock.http.post("/workflows/nothing/runs", data={"message": "x"}).status_code == 404
