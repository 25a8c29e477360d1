"""A small server that keeps every requirement, to be broken in one way at a time.

It is written anew from the document and shares no code with the mock: what the contract tests say
of it does not depend on what the mock's authors thought. A subclass overrides one method to break
one thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.agentos_contract.test_judge import Stream, good

FORM = "application/x-www-form-urlencoded"
ORDER_SCHEMA = {
    "type": "object",
    "properties": {"sku": {"type": "string", "minLength": 1}, "count": {"$ref": "#/$defs/Count"}},
    "required": ["sku", "count"],
    "$defs": {"Count": {"type": "integer", "minimum": 1}},
}
CODES = {400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 422: "VALIDATION_ERROR"}
SLOW_SECONDS = 0.7


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Run:
    """One run: what was asked, and its ids."""

    _numbers = itertools.count(1)

    def __init__(self, workflow_id: str, form: dict[str, str]) -> None:
        number = next(self._numbers)
        self.workflow_id = workflow_id
        self.message = form["message"]
        self.run_id = f"run-{number}"
        self.session_id = form.get("session_id") or f"session-{number}"
        self.user_id = form.get("user_id")
        self.cancelled = asyncio.Event()
        self.answered: dict[str, str] = {}
        """Its content, as it was sent."""
        self.visit = 0
        """Of the workflow `counting`: the run's number in its session."""

    def answer(self, told: Any) -> None:
        if isinstance(told, dict) and isinstance(told.get("content"), str):
            self.answered = {"content": told["content"]}


class ConformingServer:
    """An ASGI application. `token`: the one to ask for; without one everybody is let in."""

    token: str | None = None
    input_schemas: ClassVar[dict[str, Any]] = {"typed": ORDER_SCHEMA}

    def __init__(self, workflows: tuple[str, ...] = ("main",)) -> None:
        self.workflows = workflows
        self.runs: dict[str, Run] = {}
        self.sessions: dict[str, list[str]] = {}
        self.counts: dict[str, int] = {}
        self.names: dict[str, str] = {}
        """Of sessions that were renamed."""
        self.active = 0

    # -- routing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request = Request(scope, receive)
        try:
            response = await self.answer(request)
        except Refused as refusal:
            response = self.error(refusal.status, refusal.detail)
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        self.let_in(request)
        parts = request.scope["path"].strip("/").split("/")
        match request.method, parts:
            case "GET", ["workflows"]:
                return JSONResponse([{"id": name, "name": name} for name in self.workflows])
            case "GET", ["workflows", name]:
                self.find(name)
                return JSONResponse({"id": name, "input_schema": self.input_schemas.get(name)})
            case "POST", ["workflows", name, "runs"]:
                self.find(name)
                return await self.run(request, name)
            case "POST", ["workflows", _, "runs", run_id, "cancel"]:
                return self.cancel(run_id)
            case "GET", ["workflows", _, "runs", run_id]:
                return JSONResponse(self.read_run(run_id, request.query_params.get("session_id")))
            case _, ["workflows", _, "runs"]:
                return self.method_not_allowed()
            case "GET", ["sessions", session_id]:
                self.require_owner(session_id, request.query_params.get("user_id"))
                return JSONResponse(self.session(session_id))
            case "GET", ["sessions", session_id, "runs"]:
                self.require_owner(session_id, request.query_params.get("user_id"))
                return JSONResponse(self.listed_runs(session_id))
            case "GET", ["sessions"]:
                return JSONResponse(self.page(request.query_params))
            case "POST", ["sessions", session_id, "rename"]:
                self.rename(session_id, (await request.json())["session_name"])
                return JSONResponse(self.session(session_id))
            case "DELETE", ["sessions", session_id]:
                self.delete(session_id)
                return Response(status_code=204)
        raise Refused(404, "there is nothing")

    def read_run(self, run_id: str, session_id: str | None) -> Any:
        run = self.runs.get(run_id)
        if run is None or run.session_id != session_id:
            raise Refused(404, "there is no such run")
        kept = {key: getattr(run, key) for key in ("run_id", "session_id", "workflow_id")}
        kept["created_at"] = good()[0]["created_at"]
        is_cancelled = run.cancelled.is_set() and not run.answered
        return {**kept, "status": "CANCELLED" if is_cancelled else "COMPLETED", **run.answered}

    def page(self, query: Mapping[str, str]) -> Any:
        page, limit = int(query.get("page", 1)), int(query.get("limit", 20))
        user_id = query.get("user_id")
        ids = list(self.sessions) if query["type"] == "workflow" else []
        owned = [one for one in ids if user_id in (None, self.runs[self.sessions[one][0]].user_id)]
        data = [self.session(one) for one in owned[(page - 1) * limit : page * limit]]
        return {"data": data, "meta": {"total_count": len(owned)}}

    def rename(self, session_id: str, name: str) -> None:
        self.names[session_id] = name

    def delete(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)

    def require_owner(self, session_id: str, user_id: str | None) -> None:
        """A session is that of the user of its first run; others' runs in it are not listed."""
        runs = [self.runs[run_id] for run_id in self.sessions.get(session_id, [])]
        if user_id is not None and (not runs or runs[0].user_id != user_id):
            raise Refused(404, "there is no such session")

    def session(self, session_id: str) -> dict[str, Any]:
        if session_id not in self.sessions:
            raise Refused(404, "there is no such session")
        return {
            "session_id": session_id,
            "session_name": self.names.get(session_id, ""),
            "session_state": self.state_of(session_id),
        }

    def state_of(self, session_id: str) -> dict[str, Any]:
        """The workflow `counting` counts the runs of a session, and says so."""
        return {"count": self.counts[session_id]} if session_id in self.counts else {}

    def count_visit(self, run: Run) -> int:
        self.counts[run.session_id] = self.counts.get(run.session_id, 0) + 1
        return self.counts[run.session_id]

    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        return [
            {"run_id": run_id, "run_input": self.runs[run_id].message}
            for run_id in self.sessions.get(session_id, [])
        ]

    def method_not_allowed(self) -> Response:
        return JSONResponse({"detail": "no"}, 405, headers={"allow": "POST"})

    def error(self, status: int, detail: str) -> Response:
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        body = {"detail": detail, "error_code": CODES.get(status)}
        return JSONResponse(body, status, headers=headers)

    def let_in(self, request: Request) -> None:
        if self.token is None:
            return
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_token(credentials):
            raise Refused(401, "who are you?")

    def is_token(self, credentials: str) -> bool:
        return credentials == self.token

    def find(self, workflow_id: str) -> None:
        if workflow_id not in self.workflows:
            raise Refused(404, "there is no such workflow")

    # -- the form

    async def run(self, request: Request, workflow_id: str) -> Response:
        body = await request.body()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != FORM:
            raise Refused(415, "a form, please")
        form = self.read_form(body)
        stream = self.judge_form(form)
        if workflow_id in self.input_schemas:
            self.judge_message(form["message"], stream)
        run = self.make_run(workflow_id, form)
        self.runs[run.run_id] = run
        if workflow_id == "counting":
            run.visit = self.count_visit(run)
        self.sessions.setdefault(run.session_id, []).append(run.run_id)
        return await self.stream(run) if stream else await self.batch(run)

    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        return Run(workflow_id, form)

    def read_form(self, body: bytes) -> dict[str, str]:
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise Refused(422, "the form is not UTF-8") from error

    def judge_form(self, form: dict[str, str]) -> bool:
        """Whether to stream."""
        if "message" not in form:
            raise Refused(422, "message is missing")
        if form.get("stream", "true") not in ("true", "false"):
            raise Refused(422, "stream is no boolean")
        self.judge_version(form.get("version", "null"))
        return form.get("stream", "true") == "true"

    def judge_version(self, version: str) -> None:
        try:
            if version != "null":
                int(version)
        except ValueError as error:
            raise Refused(422, "version is no integer") from error

    def judge_message(self, message: str, stream: bool) -> None:
        try:
            order = json.loads(message)
            assert isinstance(order["sku"], str)
            assert order["sku"]
            assert isinstance(order["count"], int)
            assert order["count"] >= 1
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise Refused(400, "message does not fit the input_schema") from error

    # -- the run

    def events(self, run: Run) -> Stream:
        stream = self.with_ids(good(), run)
        if run.visit:
            text = json.dumps(stream).replace("said chosen", f"visit {run.visit}")
            stream = json.loads(text)
        return stream

    def with_ids(self, stream: Stream, run: Run) -> Stream:
        """The events of `good()` with this run's ids."""
        text = json.dumps(stream)
        for key, old, new in (
            ("workflow_run_id", "r", run.run_id),
            ("run_id", "r", run.run_id),
            ("run_id", "ar", f"{run.run_id}-agent"),
            ("session_id", "s", run.session_id),
            ("workflow_id", "w", run.workflow_id),
        ):
            text = text.replace(f'"{key}": "{old}"', f'"{key}": {json.dumps(new)}')
        events: Stream = json.loads(text)
        return events

    def frame(self, event: dict[str, Any]) -> bytes:
        name = event.get("_name", event.get("event", "message"))
        payload = {key: value for key, value in event.items() if not key.startswith("_")}
        data = event.get("_data") or json.dumps(payload)
        return f"event: {name}\ndata: {data}\n\n".encode()

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        for position, event in enumerate(self.events(run)):
            if event.get("event") == "WorkflowCompleted":
                run.answer(event)
            yield self.frame(event)
            if run.workflow_id == "slow" and position == 1:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(run.cancelled.wait(), SLOW_SECONDS)
            if run.cancelled.is_set() and event.get("event") != "WorkflowCompleted":
                for last in self.after_cancel(run):
                    yield self.frame(last)
                return

    def after_cancel(self, run: Run) -> Stream:
        start = self.events(run)[0]
        return [{**start, "event": "WorkflowCancelled", "reason": "asked for"}]

    async def stream(self, run: Run) -> Response:
        async def counted() -> AsyncIterator[bytes]:
            self.active += 1
            try:
                async for frame in self.frames(run):
                    yield frame
                    await asyncio.sleep(0)
            finally:
                self.active -= 1

        return StreamingResponse(counted(), headers={"content-type": "text/event-stream"})

    async def batch(self, run: Run) -> Response:
        body = self.batch_body(run)
        run.answer(body)
        return JSONResponse(body)

    def batch_body(self, run: Run) -> Any:
        last = self.events(run)[-1]
        body = {key: last[key] for key in ("workflow_id", "run_id", "session_id", "created_at")}
        body |= {
            "input": run.message,
            "status": "COMPLETED",
            "content": last.get("content"),
            "step_results": last.get("step_results", []),
            "metrics": {"duration": 0.01, "steps": {}},
        }
        tool: dict[str, Any] = {"tool_call_id": "call_1", "tool_name": "look"}
        tool["tool_args"] = {"where": "x", "at": 1}
        agent = {"run_id": "ar", "agent_id": "a", "content": "one two", "tools": [tool]}
        body["step_executor_runs"] = [agent]
        if run.user_id is not None:
            body["user_id"] = run.user_id
        return body

    def cancel(self, run_id: str) -> Response:
        if run_id in self.runs:
            self.runs[run_id].cancelled.set()
        return JSONResponse({})
