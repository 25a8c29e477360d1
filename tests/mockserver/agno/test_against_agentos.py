"""The real AgentOS 2.5.6 is the judge: the same script gives the same frames and bodies."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.runs import batch, masked, message_for, stream

# The bundled workflows in whose runs the real server keeps the event protocol. In the others it
# does not, and the mock does: tests/mockserver/agno/test_departures.py
IDENTICAL = [
    "article-steps",
    "article-writer",
    "content-pipeline",
    "draft-refiner",
    "expense-check",
    "flaky-import",
    "json-answer",
    "lost-connection",
    "news-router",
    "order-intake",
    "research-team",
    "rush-hour",
    "ticket-desk",
    "visit-counter",
]


@pytest.mark.parametrize("workflow_id", IDENTICAL)
def test_the_stream_is_the_real_servers_frame_by_frame(
    client: httpx2.Client, real: httpx2.Client, workflow_id: str
) -> None:
    ours, theirs = (stream(server, workflow_id).comparable() for server in (client, real))
    for our_frame, their_frame in zip(ours, theirs, strict=True):
        assert our_frame == their_frame


@pytest.mark.parametrize("message", ["a\nb\r\n", "Zürich 東京 😀", "{{ input }}", '"\\'])
def test_odd_messages_give_the_same_frames(
    client: httpx2.Client, real: httpx2.Client, message: str
) -> None:
    ours, theirs = (
        stream(server, "content-pipeline", message=message).comparable()
        for server in (client, real)
    )
    assert ours == theirs


FUNCTIONS_ONLY = [
    "content-pipeline",
    "flaky-import",
    "json-answer",
    "news-router",
    "order-intake",
    "pet-advice",
    "rush-hour",
    "visit-counter",
]


@pytest.mark.parametrize("workflow_id", FUNCTIONS_ONLY)
def test_the_batch_body_is_the_real_servers(
    client: httpx2.Client, real: httpx2.Client, workflow_id: str
) -> None:
    form = {"message": message_for(workflow_id, "cats"), "user_id": "ada"}
    ours = masked(batch(client, workflow_id, **form))
    theirs = masked(batch(real, workflow_id, **form))
    if workflow_id == "order-intake":
        # The real server shows its Pydantic model's defaults too.
        assert ours["input"].items() <= theirs["input"].items()
        for body in (ours, theirs):
            del body["input"], body["step_results"][0]["content"]
    assert json.dumps(ours) == json.dumps(theirs)


def _without_values(value: Any) -> Any:
    """A value's shape: its keys, in order, and its members' shapes."""
    if isinstance(value, dict):
        return {key: _without_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_values(item) for item in value]
    return type(value).__name__


@pytest.mark.parametrize("path", ["/health", "/workflows", "/workflows/content-pipeline"])
def test_descriptions_have_the_real_servers_form(
    client: httpx2.Client, real: httpx2.Client, path: str
) -> None:
    ours, theirs = client.get(path), real.get(path)
    assert ours.status_code == theirs.status_code == 200
    assert json.dumps(_without_values(ours.json())) == json.dumps(_without_values(theirs.json()))
