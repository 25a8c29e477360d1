"""`/workflows/ws`: the same messages to the mock and to a real AgentOS, and the same answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentos_contract.profiles import load_profile
from mockserver.app import Settings, create_app
from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import Serve, agentos, serving
from tests.runs import masked

AGNO = load_profile("agno-2.5.6").deviations
SECONDS = 20


@contextlib.contextmanager
def socket(url: str) -> Iterator[ClientConnection]:
    with connect(url.replace("http", "ws", 1) + "/workflows/ws") as connection:
        yield connection


def ask(connection: ClientConnection, **message: Any) -> None:
    connection.send(json.dumps(message))


def receive(connection: ClientConnection) -> Any:
    """A message: its name where it came as a server-sent event, and its data."""
    text = connection.recv(SECONDS)
    assert isinstance(text, str)
    if not text.startswith("event: "):
        return [None, json.loads(text)]
    assert text.endswith("\n\n")
    name, _, data = text.removeprefix("event: ").partition("\ndata: ")
    return [name, json.loads(data)]


def until(connection: ClientConnection, *names: str) -> list[Any]:
    """Messages up to the first of these, and that."""
    seen = [receive(connection)]
    while seen[-1][1].get("event") not in names:
        seen.append(receive(connection))
    return seen


@pytest.fixture(scope="module")
def mock_as_agno() -> Iterator[str]:
    with serving(create_app(Settings(seed=1, deviations=AGNO))) as url:
        yield url


def small_talk(url: str) -> list[Any]:
    seen = []
    with socket(url) as connection:
        seen.append(receive(connection))
        for message in (
            {"action": "ping"},
            {"action": "nope"},
            {},
            {"action": "start-workflow"},
            {"action": "start-workflow", "workflow_id": "nope"},
            {"action": "start-workflow", "workflow_id": "order-intake", "message": "no order"},
            {"action": "reconnect"},
            {"action": "reconnect", "run_id": "nope"},
            {"action": "reconnect", "run_id": "nope", "workflow_id": "doomed", "session_id": "x"},
            {"action": "authenticate"},
            {"action": "authenticate", "token": "any"},
        ):
            ask(connection, **message)
            seen.append(receive(connection))
        connection.send("no JSON")
        try:
            seen.append(receive(connection))
        except ConnectionClosed as error:
            seen.append(repr(error.rcvd))
    return seen


def runs(url: str) -> list[Any]:
    """Runs, and what reconnecting to them gives."""
    seen: list[Any] = []
    with socket(url) as connection:
        receive(connection)
        for workflow in ("article-writer", "everything", "research-team", "best-effort"):
            session = {"session_id": f"socket-{workflow}", "user_id": "ada"}
            ask(
                connection,
                action="start-workflow",
                workflow_id=workflow,
                message="bees",
                **session,
            )
            events = until(connection, "WorkflowCompleted")
            seen.append(events)
            run_id = events[0][1]["run_id"]
            ask(connection, action="reconnect", run_id=run_id, last_event_index=3)
            seen.append(until(connection, "WorkflowCompleted"))
    with httpx2.Client(base_url=url, timeout=30) as client:
        form = {"message": "bees", "stream": "false", "session_id": "socket-batch"}
        run_id = client.post("/workflows/article-writer/runs", data=form).json()["run_id"]
    with socket(url) as connection:
        receive(connection)
        ask(
            connection,
            action="reconnect",
            run_id=run_id,
            workflow_id="article-writer",
            session_id="socket-batch",
        )
        seen.append(receive(connection))
    return seen


def failing(url: str) -> list[Any]:
    """A run that fails: what comes, and what is remembered."""
    with socket(url) as connection, httpx2.Client(base_url=url, timeout=30) as client:
        receive(connection)
        ask(
            connection,
            action="start-workflow",
            workflow_id="doomed",
            message="x",
            session_id="socket-doomed",
        )
        seen = [receive(connection) for _ in range(6)]
        path = f"/workflows/doomed/runs/{seen[0][1]['run_id']}"
        query = {"session_id": "socket-doomed"}
        while (stored := client.get(path, params=query)).json().get("status") == "RUNNING":
            pass
        ask(connection, action="ping")
        return [*seen, receive(connection), stored.status_code, stored.json().get("content")]


@pytest.mark.agentos
@pytest.mark.parametrize("talk", [small_talk, runs, failing], ids=lambda talk: str(talk.__name__))
def test_it_answers_as_the_real_server(mock_as_agno: str, agentos_url: str, talk: Any) -> None:
    ours, theirs = masked(talk(mock_as_agno)), masked(talk(agentos_url))
    for mine, real in zip(ours, theirs, strict=True):
        assert mine == real


@pytest.mark.agentos
def test_a_token_is_asked_for_as_by_the_real_server(serve: Serve) -> None:
    def talk(url: str) -> list[Any]:
        seen = []
        with socket(url) as connection:
            seen.append(receive(connection))
            for message in (
                {"action": "ping"},
                {"action": "authenticate", "token": "wrong"},
                {"action": "start-workflow", "workflow_id": "doomed"},
                {"action": "authenticate", "token": "letmein"},
                {"action": "ping"},
            ):
                ask(connection, **message)
                seen.append(receive(connection))
        return seen

    ours = talk(serve(create_app(Settings(token="letmein", deviations=AGNO))))
    with agentos(BUNDLED_SCRIPTS, "letmein") as url:
        assert ours == talk(url)


def test_a_run_goes_on_when_its_client_leaves_and_can_be_had_again(serve: Serve) -> None:
    url = serve(create_app(Settings(seed=1, speed=4)))
    with socket(url) as connection:
        receive(connection)
        ask(connection, action="start-workflow", workflow_id="slow-report", message="bees")
        run_id = until(connection, "RunStarted")[0][1]["run_id"]
    with socket(url) as connection:
        receive(connection)
        ask(connection, action="reconnect", run_id=run_id)
        caught_up = until(connection, "subscribed")
        assert caught_up[0][1]["event"] == "catch_up"
        rest = until(connection, "WorkflowCompleted")
    events = [data for _, data in (*caught_up[1:-1], *rest)]
    assert [event["event_index"] for event in events] == list(range(len(events)))


def test_the_mock_alone_tells_of_a_failure_and_stays_after_what_it_cannot_read(
    mock_url: str,
) -> None:
    with socket(mock_url) as connection:
        receive(connection)
        for text in ("no JSON", "[]"):
            connection.send(text)
            assert "expected a JSON object" in receive(connection)[1]["error"]
        ask(connection, action="start-workflow", workflow_id="doomed", message="x")
        assert until(connection, "WorkflowError")[-1][1]["error"]


def test_a_run_that_was_not_streamed_can_be_had_by_the_mock_alone(mock_url: str) -> None:
    with httpx2.Client(base_url=mock_url, timeout=30) as client:
        form = {"message": "bees", "stream": "false", "session_id": "unstreamed"}
        run_id = client.post("/workflows/best-effort/runs", data=form).json()["run_id"]
    with socket(mock_url) as connection:
        receive(connection)
        where = {"workflow_id": "best-effort", "session_id": "unstreamed"}
        ask(connection, action="reconnect", run_id=run_id, **where)
        _, answer = receive(connection)
    assert (answer["event"], answer["status"]) == ("replay", "COMPLETED")
    assert answer["message"] == "Run completed but no events stored."


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"action": "reconnect", "run_id": ["r"]}, "reconnect: run_id"),
        ({"action": "reconnect", "run_id": "r", "workflow_id": ["w"], "session_id": "s"}, "workfl"),
        ({"action": "reconnect", "run_id": "r", "workflow_id": {}, "session_id": 1}, "session_id"),
        ({"action": "reconnect", "run_id": "r", "last_event_index": -5}, "last_event_index: -5 is"),
        ({"action": "reconnect", "run_id": "r", "last_event_index": True}, "last_event_index"),
        ({"action": "reconnect", "run_id": "r", "last_event_index": 1.5}, "last_event_index"),
        ({"action": "start-workflow", "workflow_id": ["doomed"]}, "start-workflow: workflow_id"),
        ({"action": "start-workflow", "workflow_id": "doomed", "session_id": {}}, "session_id"),
        ({"action": "start-workflow", "workflow_id": "doomed", "user_id": 7}, "user_id: 7 is not"),
        ({"action": "authenticate", "token": 12}, "authenticate: token: what was sent is not"),
        ({"action": ["ping"]}, "Unknown action: ['ping']"),
        ({"action": "start"}, "Unknown action: start; expected one of authenticate, ping, recon"),
        ({"action": "start"}, "did you mean 'start-workflow'?"),
        (
            {"action": "start-workflow", "workflow_id": "article-writr"},
            "Workflow article-writr not found; did you mean 'article-writer'?",
        ),
        ({"action": {}, "token": []}, "Unknown action: {}"),
    ],
)
def test_a_field_of_a_wrong_type_is_named_and_the_connection_stays(
    mock_url: str, message: dict[str, Any], fault: str
) -> None:
    with socket(mock_url) as connection:
        receive(connection)
        ask(connection, **message)
        answer = receive(connection)[1]
        assert answer["event"] == "error"
        assert fault in answer["error"]
        ask(connection, action="ping")
        assert receive(connection)[1] == {"event": "pong"}


def test_a_number_is_not_the_token_that_it_would_be_as_a_text(serve: Serve) -> None:
    with socket(serve(create_app(Settings(token="12")))) as connection:
        receive(connection)
        ask(connection, action="authenticate", token=12)
        assert receive(connection)[1]["event"] == "error"
        ask(connection, action="ping")
        assert receive(connection)[1]["event"] == "auth_required"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_message_breaks_its_connection(mock_url: str, data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text(), v))
    fields = {
        "action": st.sampled_from(["start-workflow", "reconnect", "authenticate"]) | values,
        "workflow_id": st.sampled_from(["content-pipeline", "order-intake"]) | values,
    }
    names = ("message", "session_id", "user_id", "run_id", "token", "last_event_index")
    message = data.draw(st.fixed_dictionaries({}, optional=fields | dict.fromkeys(names, values)))
    with socket(mock_url) as connection:
        receive(connection)
        ask(connection, **message)
        if message.get("action") == "start-workflow":
            until(connection, "error", "WorkflowCompleted", "WorkflowError")
        ask(connection, action="ping")
        until(connection, "pong")


def test_there_is_no_other_websocket(mock_url: str) -> None:
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(mock_url.replace("http", "ws", 1) + "/workflows/nope"),
    ):
        pass
    assert caught.value.response.status_code == 403
