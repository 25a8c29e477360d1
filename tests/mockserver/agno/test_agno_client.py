"""Agno's own client, from PyPI and unchanged, is at home with the mock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver.app import Settings, create_app
from tests.conftest import Serve
from tests.processes import AGENTOS_PYTHON, Forked

PROGRAM = "tests.agentos.use_client"


def use_client(url: str, *arguments: str) -> dict[str, Any]:
    """Let Agno's client loose on a server; what each call gave."""
    process = Forked(PROGRAM, url, *arguments, python=AGENTOS_PYTHON)
    with process.stdout:
        said = process.stdout.read()
    assert process.wait() == 0, said
    seen: dict[str, Any] = json.loads(said.splitlines()[-1])
    return seen


@pytest.mark.agentos
@pytest.mark.parametrize("token", [None, "letmein"])
def test_every_call_is_answered_as_the_clients_types_expect(
    serve: Serve, token: str | None
) -> None:
    url = serve(create_app(Settings(token=token, seed=3)))
    seen = use_client(url, *([token] if token else []))
    assert seen.pop("config") == ["ConfigResponse", len(seen["workflows"])]
    assert "article-writer" in seen.pop("workflows")
    assert seen.pop("workflow") == ["Article Writer", ["research", "write"]]
    greeting = "Welcome, this is visit number {}."
    assert seen.pop("run") == ["WorkflowRunOutput", "COMPLETED", greeting.format(1), "client"]
    assert seen.pop("agent_runs") == ["RunOutput", "RunOutput"]
    names = seen.pop("stream")
    assert (names[0], names[-1]) == ("WorkflowStartedEvent", "WorkflowCompletedEvent")
    assert seen.pop("stream_content") == greeting.format(2)
    assert seen.pop("team_stream").count("RunContentEvent") == 4
    assert seen.pop("sessions") == [["agents", "client", "teams"], 3]
    state = {"count": 2, "last_message": "again"}
    assert seen.pop("session") == ["WorkflowSessionDetailSchema", state]
    assert seen.pop("session_runs") == [["WorkflowRunSchema", "COMPLETED"]] * 2
    assert seen.pop("session_run") == ["WorkflowRunSchema", True, greeting.format(1)]
    assert seen.pop("renamed") == "Renamed"
    assert seen.pop("updated") == {"count": 41}
    assert seen.pop("after_update") == greeting.format(42)
    assert seen.pop("created") == ["WorkflowSessionDetailSchema", "Made"]
    names = seen.pop("cancelled")
    assert names[-1] == "WorkflowCancelledEvent"
    assert "WorkflowCompletedEvent" not in names
    assert seen.pop("cancelled_status") == "CANCELLED"
    assert seen.pop("left") == ["cancelled"]
    assert seen == {}
