"""Runs over HTTP, for tests: a stream's frames, and what makes two servers' comparable."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx2

from agentos_contract.judge import RunJudge
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent

ORDER = json.dumps(
    {"customer": "Ada", "items": [{"sku": "A-1", "quantity": 2}], "shipping": "express"}
)
TYPED = {
    "order-intake": ORDER,
    "ticket-desk": json.dumps({"subject": "The server is down", "priority": "URGENT"}),
}
"""A message for each bundled workflow that takes JSON."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SECONDS = re.compile(r"completed in [0-9.]+s")
_TIMES = {"created_at", "start_time", "end_time", "duration", "time_to_first_token"}


@dataclass
class Stream:
    """A run's stream, read to its end."""

    raw: bytes
    frames: list[ServerSentEvent]
    payloads: list[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        return [frame.event for frame in self.frames]

    def only(self, name: str) -> list[dict[str, Any]]:
        return [payload for payload in self.payloads if payload["event"] == name]

    def comparable(self) -> list[tuple[str, str]]:
        """Each frame's event and data, byte by byte, but for ids and times."""
        ids: dict[str, str] = {}
        return [
            (frame.event, json.dumps(masked(json.loads(frame.data), ids), ensure_ascii=False))
            for frame in self.frames
        ]

    def judge(self) -> RunJudge:
        judge = RunJudge()
        for frame in self.frames:
            judge.receive(frame)
        judge.end()
        return judge


def message_for(workflow_id: str, text: str = "tea") -> str:
    """A message that the bundled workflow accepts."""
    return TYPED.get(workflow_id, text)


def stream(client: httpx2.Client, workflow_id: str, **form: Any) -> Stream:
    """Run a workflow as a stream."""
    form.setdefault("message", message_for(workflow_id))
    with client.stream("POST", f"/workflows/{workflow_id}/runs", data=form) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        raw = b"".join(response.iter_raw())
    decoder = EventStreamDecoder()
    frames = decoder.feed(raw) + decoder.end()
    assert not decoder.incomplete
    return Stream(raw, frames, [json.loads(frame.data) for frame in frames])


def batch(client: httpx2.Client, workflow_id: str, **form: Any) -> dict[str, Any]:
    """Run a workflow in batch; the body."""
    form.setdefault("message", message_for(workflow_id))
    response = client.post(f"/workflows/{workflow_id}/runs", data={**form, "stream": "false"})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def masked(value: Any, ids: dict[str, str] | None = None, key: str = "") -> Any:
    """`value` with ids renamed by first appearance and times left out, and nothing else."""
    ids = {} if ids is None else ids
    if isinstance(value, dict):
        return {name: masked(item, ids, name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, ids, key) for item in value]
    if key in _TIMES:
        return "TIME"
    if isinstance(value, str):
        value = _UUID.sub(lambda found: ids.setdefault(found[0], f"ID{len(ids)}"), value)
        return _SECONDS.sub("completed in TIME", value)
    return value
