"""What each operation of the document does: a plain ASGI application, by operationId.

Requests have been routed, let in and validated when they come here (openapi.py, validation.py).
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import Receive, Scope, Send

from agentos_contract.document import RUN_OPERATION_ID, Document
from agentos_contract.json_values import read_json_object, to_json
from agentos_contract.sse import encode_json_event
from mockserver.engine.engine import bare_error
from mockserver.http.companions import HANDLERS
from mockserver.http.deviating import deviations_of, preferences
from mockserver.http.errors import ApiError
from mockserver.http.hooks import Header
from mockserver.http.served import Served
from mockserver.http.validation import REQUEST_KEY, ValidRequest
from mockserver.recordings.format import Recordings
from mockserver.runner.active import ActiveRun
from mockserver.runner.hooks import RunRequest
from mockserver.runner.runner import Runner
from mockserver.script.cel import CelError
from mockserver.script.model import Scenario, Workflow
from mockserver.sessions.keeping import find_session


class Operations:
    """The ASGI application behind Connexion's layers."""

    def __init__(
        self,
        document: Document,
        workflows: Mapping[str, Workflow],
        runner: Runner,
        recordings: Recordings | None = None,
    ) -> None:
        self.recordings = recordings or Recordings()
        self.document = document
        self.workflows = workflows
        self.runner = runner
        self._served = Served(workflows, runner, runner.clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_protocol(scope, receive, send)
            return
        operation_id = scope["extensions"][ROUTING_CONTEXT].get("operation_id")
        if operation_id is None:
            raise ApiError(404, f"there is nothing at {scope['path']}", kind="route")
        request: ValidRequest = scope[REQUEST_KEY]
        if operation_id == RUN_OPERATION_ID:
            await self._run(request, scope, receive, send)
            return
        handler = HANDLERS.get(operation_id)
        if handler is None:
            raise ApiError(501, f"the mock has no behaviour for operation {operation_id!r}")
        status, body = await handler(self._served, request)
        await _send_json(send, status, body)

    def check_path(self, operation_id: str, path: Mapping[str, Any]) -> None:
        """Raises ApiError(404) where a path names a workflow that is not there."""
        if "workflow_id" in path:
            self.workflow(path["workflow_id"])

    def workflow(self, workflow_id: str) -> Workflow:
        workflow = self.workflows.get(workflow_id)
        if workflow is None:
            near = difflib.get_close_matches(workflow_id, self.workflows, 1)
            hint = f"did you mean {near[0]!r}?" if near else "GET /workflows lists them"
            raise ApiError(404, f"Workflow {workflow_id!r} not found", hint=hint, kind="workflow")
        return workflow

    # -- the run

    async def _run(self, request: ValidRequest, scope: Scope, receive: Receive, send: Send) -> None:
        workflow = self.workflow(request.path["workflow_id"])
        form: dict[str, Any] = request.body
        deviations = deviations_of(scope)
        try:
            message = request.hooks.read_input(workflow, form["message"])
        except ApiError as error:
            if not request.hooks.wrong_input_fails_run:
                raise
            await self._fail(error.detail, request, send)
            return
        scenario = await self._scenario(workflow, form, scope)
        if scenario is not None:
            raise ApiError(scenario.status, scenario.detail, error_code=scenario.error_code)
        stream = form.get("stream", True)
        is_background = request.hooks.is_background(form.get("background"))
        if is_background and stream:
            if request.hooks.background_stream_error is not None:
                await self._fail(request.hooks.background_stream_error, request, send)
                return
            is_background = False  # a stream has somebody who waits for it
        recording = self.recordings.pick(workflow.id, form["message"], stream=stream)
        if recording is not None and recording.status != 200:
            await _send_json(send, recording.status, recording.body)
            return
        if recording is not None and stream and not recording.is_stream:
            raise ApiError(
                500,
                f"of {workflow.id!r} only batch runs were recorded; record a stream, or ask with "
                "stream=false",
            )
        active = await self.runner.start(
            RunRequest(
                workflow,
                message,
                form.get("session_id") or None,
                form.get("user_id") or None,
                _session_state(form),
                run_id=_undocumented(form, "run_id") or None,
                additional_data=_value(form.get("additional_data")) or None,
                is_brief=not _value(form.get("stream_events", "true")),
                is_background=is_background,
                recording=recording,
                stream=stream,
                hooks=request.hooks.runner,
                deviations=deviations,
            )
        )
        if is_background:
            await _send_json(send, 200, self.runner.run_in_background(active))
            return
        active.client_left = lambda: _disconnected(receive)
        if stream:
            await self._stream(active, request.hooks.stream_headers, send)
            return
        body = await self.runner.batch(active)
        if active.run.status == "ERROR":
            raise ApiError(500, f"Error running workflow: {active.run.content}")
        await _send_json(send, 200, body)

    async def _fail(self, reason: str, request: ValidRequest, send: Send) -> None:
        """The run that could not begin has failed, as on the real server."""
        if not request.body.get("stream", True):
            raise ApiError(500, f"Error running workflow: {reason}")
        payload = to_json(bare_error(int(self.runner.clock()), reason))
        headers = request.hooks.stream_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        frame = encode_json_event("WorkflowError", payload)
        await send({"type": "http.response.body", "body": frame})

    async def _stream(self, active: ActiveRun, headers: tuple[Header, ...], send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def write(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        await self.runner.stream(active, write)
        await send({"type": "http.response.body", "body": b""})

    async def _scenario(
        self, workflow: Workflow, form: Mapping[str, Any], scope: Scope
    ) -> Scenario | None:
        """The scenario that the request asks for, or whose `when` is true for it."""
        if not workflow.scenarios:
            return None
        named = dict(preferences(scope)).get("scenario")
        if named is not None:
            for scenario in workflow.scenarios:
                if scenario.name == named:
                    return scenario
            names = ", ".join(scenario.name for scenario in workflow.scenarios)
            raise ApiError(400, f"Prefer: there is no scenario {named!r}; expected {names}")
        session_id, user_id = form.get("session_id"), form.get("user_id")
        session = await find_session(self.runner.store, session_id or "", user_id)
        variables = {
            "input": form["message"],
            "session_state": (session.state if session else None) or {},
            "session_id": session_id,
            "user_id": user_id,
        }
        for scenario in workflow.scenarios:
            if isinstance(scenario.when, bool):
                if scenario.when:
                    return scenario
                continue
            with contextlib.suppress(CelError):
                if scenario.when(variables):
                    return scenario
        return None


def _undocumented(form: Mapping[str, Any], name: str) -> Any:
    """A field that the document does not have, as Agno reads those: null is none."""
    value = form.get(name)
    is_none = isinstance(value, str) and value.lower() in ("null", "none")
    return None if is_none else value


def _session_state(form: Mapping[str, Any]) -> dict[str, Any] | None:
    """The form's undocumented field `session_state`, which Agno's client sends: JSON."""
    text = form.get("session_state")
    if not isinstance(text, str):
        return None
    with contextlib.suppress(ValueError):
        return read_json_object(text)
    return None


def _value(text: Any) -> Any:
    """What an undocumented field stands for: true, false and null by their names."""
    names = {"true": True, "false": False, "null": None, "none": None}
    return names.get(text.lower(), text) if isinstance(text, str) else text


async def _other_protocol(scope: Scope, receive: Receive, send: Send) -> None:
    """Servers ask for the lifespan protocol; websockets are not served."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "no websocket is served"})
        return
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_json(send: Send, status: int, body: Any) -> None:
    """Send a JSON value, or JSON that has been encoded."""
    content = b"" if body is None else body if isinstance(body, bytes) else to_json(body)
    headers = [(b"content-type", b"application/json")]
    if body is not None:  # a 204 has no length (RFC 9110 section 8.6)
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
