"""What the conforming servers here tell: runs as the document has them, in a style of each's own.

Nothing of the kit is used. Routing, form parsing and sending are left to each stack.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TRUE, FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}


@dataclass
class Refused(Exception):
    """The request is answered with an error of the document."""

    status: int
    detail: str

    @property
    def body(self) -> bytes:
        return json.dumps({"detail": self.detail}).encode()

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}


@dataclass
class Style:
    """The ways in which conforming servers differ."""

    agents: bool = False
    """Whether agents carry the steps out, or functions."""
    newline: str = "\n"
    before: str = ""
    """What the stream begins with: a BOM, a comment, a retry line."""
    heartbeat: str = ""
    """A comment before every event."""
    ids: bool = False
    indent: int | None = None
    """JSON over several lines is data over several lines."""
    data_first: bool = False
    nulls: bool = False
    """Whether what is unknown is null, or absent."""
    sort_keys: bool = False
    ascii: bool = True
    names: bool = True
    whole_floats: bool = False
    """1.0 is an integer to JSON Schema."""
    hex_ids: bool = False
    token: str | None = None
    sessions: set[str] = field(default_factory=set)


@dataclass
class Ask:
    """A run that was asked for."""

    workflow_id: str
    message: str
    stream: bool
    session_id: str
    user_id: str | None
    run_id: str


class Story:
    """One workflow, `tale`, of two steps."""

    def __init__(self, style: Style) -> None:
        self.style = style

    # -- requests

    def let_in(self, authorization: str | None) -> None:
        if self.style.token is None:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != self.style.token:
            raise Refused(401, "Who are you?")

    def ask(self, workflow_id: str, content_type: str, form: Mapping[str, str]) -> Ask:
        """`form`: each field's text; what the stack makes of a repeated one."""
        if workflow_id != "tale":
            raise Refused(404, f"{workflow_id}: unknown here")
        if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise Refused(422, "A form is wanted.")
        if "message" not in form:
            raise Refused(422, "message is missing")
        stream = form.get("stream", "true").lower()
        if stream not in TRUE | FALSE:
            raise Refused(422, "stream: true or false")
        version = form.get("version", "null")
        if version not in ("", "null") and not re.fullmatch(r"[+-]?[0-9]+", version):
            raise Refused(422, "version: an integer")
        session = form.get("session_id") or self.new_id()
        return Ask(
            workflow_id,
            form["message"],
            stream in TRUE,
            session,
            form.get("user_id") or None,
            self.new_id(),
        )

    def new_id(self) -> str:
        one = uuid.uuid4()
        return one.hex.upper() if self.style.hex_ids else str(one)

    def listed(self) -> bytes:
        return self.dump([{"id": "tale", "name": "Tale"}]).encode()

    def described(self, workflow_id: str) -> bytes:
        if workflow_id != "tale":
            raise Refused(404, "unknown")
        return self.dump({"id": "tale", "name": "Tale"}).encode()

    # -- answers

    def batch(self, ask: Ask) -> bytes:
        results = [self.result(ask, number) for number in range(2)]
        body = {
            "workflow_id": ask.workflow_id,
            "run_id": ask.run_id,
            "session_id": ask.session_id,
            "created_at": self.now(),
            "status": "COMPLETED",
            "input": ask.message,
            "content": results[-1]["content"],
            "step_results": results,
        }
        if self.style.names:
            body["workflow_name"] = "Tale"
        if ask.user_id is not None:
            body["user_id"] = ask.user_id
        if self.style.agents:
            body["step_executor_runs"] = [
                {
                    "run_id": result["step_run_id"],
                    "agent_id": f"agent-{number}",
                    "content": result["content"],
                }
                for number, result in enumerate(results)
            ]
        return self.dump(body).encode()

    def frames(self, ask: Ask) -> Iterator[bytes]:
        """The stream, a frame an event, as they happen."""
        start = self.style.before.replace("\n", self.style.newline)
        for number, event in enumerate(self.events(ask)):
            lines = [f"event: {event['event']}"]
            data = [f"data: {line}" for line in self.dump(event).split("\n")]
            lines = [*data, *lines] if self.style.data_first else [*lines, *data]
            if self.style.ids:
                lines.append(f"id: {number}")
            frame = self.style.heartbeat.replace("\n", self.style.newline)
            frame += self.style.newline.join([*lines, "", ""])
            yield (start + frame).encode()
            start = ""

    def events(self, ask: Ask) -> Iterator[dict[str, Any]]:
        yield self.event("WorkflowStarted", ask)
        results = []
        for number in range(2):
            place = {
                "step_id": f"step-{number}",
                "step_name": f"Part {number}",
                "step_index": number,
            }
            result = self.result(ask, number)
            results.append(result)
            yield self.event("StepStarted", ask, place)
            if self.style.agents:
                yield from self.agent(ask, place, result)
            else:
                output = {"step_index": number, "step_name": f"Part {number}"}
                yield self.event("StepOutput", ask, output | {"step_output": result})
            yield self.event(
                "StepCompleted",
                ask,
                place | {"content": result["content"], "step_response": result},
            )
        last = {"content": results[-1]["content"], "step_results": results}
        yield self.event("WorkflowCompleted", ask, last)

    def agent(
        self, ask: Ask, place: dict[str, Any], result: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        who = {
            **place,
            "run_id": result["step_run_id"],
            "workflow_run_id": ask.run_id,
            "agent_id": f"agent-{place['step_index']}",
        }
        yield self.event("RunStarted", ask, who)
        text = result["content"]
        for at in range(0, len(text), max(1, len(text) // 3)):
            piece = text[at : at + max(1, len(text) // 3)]
            yield self.event("RunContent", ask, {**who, "content": piece})
        yield self.event("RunContentCompleted", ask, who)
        yield self.event("RunCompleted", ask, {**who, "content": text})

    def event(self, name: str, ask: Ask, more: dict[str, Any] | None = None) -> dict[str, Any]:
        event = {
            "event": name,
            "created_at": self.now(),
            "workflow_id": ask.workflow_id,
            "session_id": ask.session_id,
            "run_id": ask.run_id,
        }
        if self.style.names:
            event["workflow_name"] = "Tale"
        return event | (more or {})

    def result(self, ask: Ask, number: int) -> dict[str, Any]:
        content = ["Once there was somebody who asked.", "So they were told, überall: the end."]
        result: dict[str, Any] = {
            "content": content[number],
            "step_name": f"Part {number}",
            "success": True,
            "error": None,
            "stop": False,
        }
        if self.style.agents:
            result["step_run_id"] = f"{ask.run_id}-{number}"
            result["executor_type"] = "agent"
        if self.style.nulls:
            result |= {"step_id": f"step-{number}", "images": None, "metrics": None, "steps": None}
        return result

    def now(self) -> int | float:
        return float(int(time.time())) if self.style.whole_floats else int(time.time())

    def dump(self, value: Any) -> str:
        return json.dumps(
            value,
            indent=self.style.indent,
            sort_keys=self.style.sort_keys,
            ensure_ascii=self.style.ascii,
        )
