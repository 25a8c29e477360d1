"""Records a server: its workflows' descriptions, and runs as they come."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml

from agentos_contract.document import EVENT_STREAM
from agentos_contract.json_values import read_json, read_json_object
from agentos_contract.sse import EventStreamDecoder
from mockserver.recordings.format import FOLDER, SUFFIX, End, Frame, Recording, save_recording

DEFAULT_MESSAGE = "a recorded message"
REDACTED = "[redacted]"
IDLE_SECONDS = 60.0
MAX_FRAMES = 100_000

# Members that hold a credential; not those that count tokens.
_SECRET = re.compile(
    r"(.*[_-])?(api[_-]?key|secret|secret[_-]?key|password|passwd|authorization|cookie|credentials"
    r"|private[_-]?key|(access|auth|bearer|refresh|session|id)[_-]?token)",
    re.IGNORECASE,
)


class CouldNotRecord(Exception):
    """The server cannot be recorded; str() says why in one line."""


@dataclass
class Recorder:
    """Records one server into a folder."""

    url: str
    out: Path
    token: str | None = None
    messages: Sequence[str] = (DEFAULT_MESSAGE,)
    modes: Sequence[bool] = (True, False)
    """True is a stream, False a batch run."""
    session_id: str | None = None
    user_id: str | None = None
    say: Callable[[str], None] = lambda line: None
    written: list[Path] = field(default_factory=list)

    def record(self, workflow_ids: Sequence[str] = ()) -> None:
        """Record these workflows, or all that the server lists. Raises CouldNotRecord, OSError."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        timeout = httpx.Timeout(IDLE_SECONDS, connect=10.0)
        with httpx.Client(base_url=self.url, headers=headers, timeout=timeout) as client:
            try:
                for workflow_id in workflow_ids or self._listed(client):
                    self._workflow(client, workflow_id)
            except httpx.TimeoutException as error:
                raise CouldNotRecord(f"no answer within {IDLE_SECONDS:g} s") from error
            except httpx.TransportError as error:
                raise CouldNotRecord(f"cannot be reached: {error}") from error

    def _listed(self, client: httpx.Client) -> list[str]:
        listed = self._get(client, "/workflows")
        ids = [item["id"] for item in listed if isinstance(item, dict) and "id" in item]
        if not ids:
            raise CouldNotRecord("it lists no workflow; name one with --workflow")
        return ids

    def _get(self, client: httpx.Client, path: str) -> Any:
        response = client.get(path)
        if response.status_code in (401, 403):
            raise CouldNotRecord(f"{response.status_code}: it asks for a token; give --token")
        if response.status_code != 200:
            raise CouldNotRecord(f"GET {path} was answered with {response.status_code}")
        try:
            return read_json(response.content)
        except ValueError as error:
            raise CouldNotRecord(f"GET {path}: no JSON: {error}") from error

    def _workflow(self, client: httpx.Client, workflow_id: str) -> None:
        path = f"/workflows/{quote(workflow_id, safe='')}"
        description = self._clean(self._get(client, path))
        name = re.sub(r"[^\w.-]", "_", workflow_id)
        self.out.mkdir(parents=True, exist_ok=True)
        file = self.out / f"{name}.yaml"
        text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
        file.write_text(f"# {workflow_id}, as its server describes it\n{text}", encoding="utf-8")
        self.written.append(file)
        number = 0
        for message in self.messages:
            for stream in self.modes:
                number += 1
                recording = self._run(client, path, workflow_id, message, stream)
                mode = "stream" if stream else "batch"
                target = self.out / FOLDER / f"{name}-{number}-{mode}{SUFFIX}"
                save_recording(recording, target)
                self.written.append(target)
                count = f", {len(recording.frames)} events" if stream else ""
                self.say(f"{workflow_id}: {mode}: {recording.status}{count}")

    def _run(
        self, client: httpx.Client, path: str, workflow_id: str, message: str, stream: bool
    ) -> Recording:
        form = {"message": message, "stream": "true" if stream else "false"}
        if self.session_id is not None:
            form["session_id"] = self.session_id
        if self.user_id is not None:
            form["user_id"] = self.user_id
        kept: dict[str, str] = self._clean(form)
        started = time.monotonic()
        with client.stream("POST", f"{path}/runs", data=form) as response:
            if response.status_code in (401, 403):
                raise CouldNotRecord(f"{response.status_code}: it asks for a token; give --token")
            if response.headers.get("content-type", "").startswith(EVENT_STREAM):
                frames, end = self._frames(response, started)
                return Recording(workflow_id, kept, response.status_code, tuple(frames), end=end)
            content = response.read()
        try:
            body = self._clean(read_json(content))
        except ValueError as error:
            raise CouldNotRecord(f"{workflow_id}: the answer is no JSON: {error}") from error
        at = time.monotonic() - started
        return Recording(workflow_id, kept, response.status_code, body=body, body_at=at)

    def _frames(self, response: httpx.Response, started: float) -> tuple[list[Frame], End]:
        decoder = EventStreamDecoder()
        frames: list[Frame] = []
        try:
            for chunk in response.iter_bytes():
                at = time.monotonic() - started
                for event in decoder.feed(chunk):
                    data = self._clean(read_json_object(event.data))
                    frames.append(Frame(at, event.event, data))
                    if len(frames) > MAX_FRAMES:
                        raise CouldNotRecord(f"a stream has more than {MAX_FRAMES} events")
        except httpx.RemoteProtocolError:
            return frames, "cut"
        except ValueError as error:
            message = f"event {len(frames) + 1} has no JSON object for its data: {error}"
            raise CouldNotRecord(message) from error
        return frames, "complete"

    def _clean(self, value: Any) -> Any:
        """The value without the token, which a server may echo, and without members that are named
        as secrets."""
        value = _without_secrets(value)
        if not self.token:
            return value
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(text.replace(json.dumps(self.token)[1:-1], "[token]"))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: REDACTED if _SECRET.fullmatch(key) and item else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
