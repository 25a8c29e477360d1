"""The real AgentOS 2.5.6 is the judge: the same script gives the same frames and bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.runs import Stream, batch, masked, message_for, stream

# The bundled workflows in whose runs the real server keeps the event protocol. In the others it
# does not, and the mock does: tests/mockserver/agno/test_departures.py
IDENTICAL = [
    "article-steps",
    "article-writer",
    "content-pipeline",
    "draft-refiner",
    "flaky-import",
    "json-answer",
    "news-router",
    "order-intake",
    "research-team",
    "rush-hour",
    "visit-counter",
]


@pytest.fixture(scope="module")
def real(agentos_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=agentos_url, timeout=60) as client:
        yield client


def frames(run: Stream) -> list[tuple[str, str]]:
    """Each frame's event and data, byte by byte, but for ids and times."""
    ids: dict[str, str] = {}
    return [
        (frame.event, json.dumps(masked(json.loads(frame.data), ids), ensure_ascii=False))
        for frame in run.frames
    ]


@pytest.mark.parametrize("workflow_id", IDENTICAL)
def test_the_stream_is_the_real_servers_frame_by_frame(
    client: httpx.Client, real: httpx.Client, workflow_id: str
) -> None:
    ours, theirs = frames(stream(client, workflow_id)), frames(stream(real, workflow_id))
    for our_frame, their_frame in zip(ours, theirs, strict=True):
        assert our_frame == their_frame


@pytest.mark.parametrize("message", ["a\nb\r\n", "Zürich 東京 😀", "{{ input }}", '"\\'])
def test_odd_messages_give_the_same_frames(
    client: httpx.Client, real: httpx.Client, message: str
) -> None:
    ours = frames(stream(client, "content-pipeline", message=message))
    assert ours == frames(stream(real, "content-pipeline", message=message))


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
    client: httpx.Client, real: httpx.Client, workflow_id: str
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
    client: httpx.Client, real: httpx.Client, path: str
) -> None:
    ours, theirs = client.get(path), real.get(path)
    assert ours.status_code == theirs.status_code == 200
    assert json.dumps(_without_values(ours.json())) == json.dumps(_without_values(theirs.json()))
