"""What each operation of the document does: a plain ASGI application, by operationId.

Requests have passed the stages (stages.py) when they come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from agentos_contract.document import RUN_OPERATION_ID
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_json_event
from mockserver.http.companions import HANDLERS
from mockserver.http.errors import ApiError
from mockserver.http.request import ON_RUN_KEY, REQUEST_KEY, Request
from mockserver.http.run_form import run_request
from mockserver.runner.active import ActiveRun
from mockserver.runner.room import TooManyRuns

BLOCKS_KEY = "mockserver.blocks"
"""Where in an ASGI message stand the blocks of a stream that its body is made of."""


async def operations(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application behind Connexion's layers."""
    if scope["type"] != "http":
        await _other_protocol(scope, receive, send)
        return
    request: Request = scope[REQUEST_KEY]
    operation_id = request.operation.operation_id
    if operation_id == RUN_OPERATION_ID:
        await _run(request, send)
        return
    handler = HANDLERS.get(operation_id)
    if handler is None:
        raise ApiError(501, f"the mock has no behaviour for operation {operation_id!r}")
    status, body = await handler(request)
    await send_json(send, status, body)


async def _run(request: Request, send: Send) -> None:
    form, runner = request.body, request.served.runner
    stream = form.get("stream", True)
    failure = request.hooks.run_failure(form, request.failure, stream=stream)
    if failure is not None:
        await _fail(request, failure, send)
        return
    workflow_id = request.workflow.id
    recording = None
    if workflow_id not in request.mock_scope.workflows:
        recording = request.recordings.pick(workflow_id, form["message"], stream=stream)
    if recording is not None and recording.status != 200:
        await send_json(send, recording.status, recording.body)
        return
    if recording is not None and stream and not recording.is_stream:
        raise ApiError(
            500,
            f"of {workflow_id!r} only batch runs were recorded",
            hint="record a stream, or ask with stream=false",
        )
    asked = run_request(request, recording)
    try:
        active = await runner.start(asked)
    except TooManyRuns as error:
        headers = {"Retry-After": "1"}
        raise ApiError(503, str(error), hint=error.hint, headers=headers) from error
    if (on_run := request.scope.get(ON_RUN_KEY)) is not None:
        on_run(active)
    if asked.is_background:
        await send_json(send, 200, runner.run_in_background(active))
        return
    active.client_disconnected = lambda: _disconnected(request.receive)
    if stream:
        await _stream(request, active, send)
        return
    body = await runner.batch(active)
    if active.is_cut:
        await _cut_short(body, send)
        return
    if active.run.status == "ERROR":
        raise ApiError(500, f"Error running workflow: {active.run.content}")
    await send_json(send, 200, body)


async def _fail(request: Request, reason: str, send: Send) -> None:
    """The run that could not begin has failed, as on the real server."""
    if not request.body.get("stream", True):
        raise ApiError(500, f"Error running workflow: {reason}")
    created_at = request.now()
    payload = to_json({"created_at": created_at, "event": "WorkflowError", "error": reason})
    headers = request.hooks.stream_headers
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": encode_json_event("WorkflowError", payload)})


async def _stream(request: Request, active: ActiveRun, send: Send) -> None:
    headers = request.hooks.stream_headers
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(blocks: Sequence[bytes]) -> None:
        message = {"type": "http.response.body", "body": b"".join(blocks), "more_body": True}
        if len(blocks) > 1:
            message[BLOCKS_KEY] = tuple(blocks)
        await send(message)

    await request.served.runner.stream(active, write)
    if active.is_cut:
        return  # the server closes a connection whose response is not whole
    await send({"type": "http.response.body", "body": b""})


async def _cut_short(body: bytes, send: Send) -> None:
    """Send half of a body: the server closes a connection whose response is not whole."""
    headers = [(b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


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


async def send_json(send: Send, status: int, body: Any) -> None:
    """Send a JSON value, or JSON that has been encoded."""
    content = b"" if body is None else body if isinstance(body, bytes) else to_json(body)
    headers = [(b"content-type", b"application/json")]
    if body is not None:  # a 204 has no length (RFC 9110 section 8.6)
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
