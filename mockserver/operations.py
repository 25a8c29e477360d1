"""What each operation of the document does: a plain ASGI application, by operationId.

Requests have been routed, let in and validated when they come here (openapi.py, validation.py).
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import Receive, Scope, Send

from agentos_contract import __version__
from agentos_contract.document import EVENT_STREAM, RUN_OPERATION_ID, Document
from agentos_contract.json_values import read_json, read_json_object
from agentos_contract.sse import encode_json_event
from mockserver.cel import CelError
from mockserver.descriptions import OS_ID, server_config, workflow_detail, workflow_summary
from mockserver.deviating import Deviations, deviations_of, preferences
from mockserver.engine import bare_error
from mockserver.errors import ApiError
from mockserver.json_text import to_json
from mockserver.pydantic_types import InputRefused, input_model
from mockserver.recording import Recordings
from mockserver.runner import ActiveRun, Runner, RunRequest
from mockserver.script import Scenario, Workflow
from mockserver.sessions import (
    Session,
    agent_run,
    iso,
    session_detail,
    session_run,
    session_summary,
)
from mockserver.validation import REQUEST_KEY, ValidRequest

Answer = tuple[int, Any]
"""A status and a JSON value (None: no body)."""

Handler = Callable[["Operations", ValidRequest], Awaitable[Answer]]

_HANDLERS: dict[str, Handler] = {}

STREAM_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    # Proxies must not hold events back.
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def _handles(operation_id: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS[operation_id] = handler
        return handler

    return register


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
        self.started_at = runner.clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_protocol(scope, receive, send)
            return
        operation_id = scope["extensions"][ROUTING_CONTEXT].get("operation_id")
        if operation_id is None:
            raise ApiError(404, f"there is nothing at {scope['path']}", words="Not Found")
        request: ValidRequest = scope[REQUEST_KEY]
        if operation_id == RUN_OPERATION_ID:
            await self._run(request, scope, receive, send)
            return
        handler = _HANDLERS.get(operation_id)
        if handler is None:
            raise ApiError(501, f"the mock has no behaviour for operation {operation_id!r}")
        status, body = await handler(self, request)
        await _send_json(send, status, body)

    def check_path(self, operation_id: str, path: Mapping[str, Any]) -> None:
        """Raises ApiError(404) where a path names a workflow that is not there."""
        if "workflow_id" in path:
            self.workflow(path["workflow_id"])

    def workflow(self, workflow_id: str) -> Workflow:
        workflow = self.workflows.get(workflow_id)
        if workflow is None:
            near = difflib.get_close_matches(workflow_id, self.workflows, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "; GET /workflows lists them"
            message = f"Workflow {workflow_id!r} not found{hint}"
            raise ApiError(404, message, words="Workflow not found")
        return workflow

    async def session(self, request: ValidRequest, detail: str) -> Session:
        session = await self.runner.store.get(
            request.path["session_id"], request.query.get("user_id")
        )
        if session is None:
            raise ApiError(404, detail)
        return session

    # -- the run

    async def _run(self, request: ValidRequest, scope: Scope, receive: Receive, send: Send) -> None:
        workflow = self.workflow(request.path["workflow_id"])
        form: dict[str, Any] = request.body
        deviations = deviations_of(scope)
        try:
            message = read_message(workflow, form["message"], deviations)
        except ApiError as error:
            if "input-schema.in-run" not in deviations:
                raise
            await self._fail(error, form, send)
            return
        scenario = await self._scenario(workflow, form, scope)
        if scenario is not None:
            raise ApiError(scenario.status, scenario.detail, error_code=scenario.error_code)
        stream = form.get("stream", True)
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
                run_id=form.get("run_id") or None,
                recording=recording,
                stream=stream,
                deviations=deviations,
            )
        )
        active.client_left = lambda: _disconnected(receive)
        if stream:
            headers = (
                STREAM_HEADERS[:1] if "stream.no-cache-control" in deviations else STREAM_HEADERS
            )
            await self._stream(active, headers, send)
            return
        body = await self.runner.batch(active)
        if active.run.status == "ERROR":
            raise ApiError(500, f"Error running workflow: {active.run.content}")
        await _send_json(send, 200, body)

    async def _fail(self, error: ApiError, form: Mapping[str, Any], send: Send) -> None:
        """The run that could not begin has failed, as on the real server."""
        reason = error.words or error.detail
        if not form.get("stream", True):
            raise ApiError(500, f"Error running workflow: {reason}")
        payload = to_json(bare_error(int(self.runner.clock()), reason))
        headers = [*STREAM_HEADERS[:1]]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        frame = encode_json_event("WorkflowError", payload)
        await send({"type": "http.response.body", "body": frame})

    async def _stream(
        self, active: ActiveRun, headers: list[tuple[bytes, bytes]], send: Send
    ) -> None:
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
        session = await self.runner.store.get(session_id or "", user_id)
        variables = {
            "input": form["message"],
            "session_state": (session.session_state if session else None) or {},
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


def read_message(workflow: Workflow, message: str, deviations: Deviations = frozenset()) -> Any:
    """The run's input: the message, or its JSON value where the workflow has an input_schema.

    Raises ApiError(400) where the message breaks that.
    """
    if workflow.input_validator is None:
        return message
    if "input-schema.lax" in deviations and workflow.input_schema is not None:
        try:
            return input_model(workflow.input_schema).read(message)
        except InputRefused as error:
            raise ApiError(400, f"message: {error}", words=str(error)) from error
    try:
        value = read_json(message)
    except ValueError as error:
        raise ApiError(400, f"message: no JSON, as input_schema asks for: {error}") from error
    faults = [
        f"{'.'.join(['message', *map(str, error.instance_path)])}: {error.message}"
        for error in workflow.input_validator.iter_errors(value)
    ]
    if faults:
        raise ApiError(400, "; ".join(faults))
    return value


def _session_state(form: Mapping[str, Any]) -> dict[str, Any] | None:
    """The form's undocumented field `session_state`, which Agno's client sends: JSON."""
    text = form.get("session_state")
    if not isinstance(text, str):
        return None
    with contextlib.suppress(ValueError):
        return read_json_object(text)
    return None


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
    headers = [(b"content-length", str(len(content)).encode())]
    if body is not None:
        headers.insert(0, (b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


# -- the companions: what Agno's client calls besides


@_handles("get_api_info")
async def _api_info(operations: Operations, request: ValidRequest) -> Answer:
    return 200, {"name": "AgentOS API", "id": OS_ID, "version": __version__}


@_handles("health_check")
async def _health(operations: Operations, request: ValidRequest) -> Answer:
    moment = iso(int(operations.started_at))
    return 200, {"status": "ok", "instantiated_at": moment}


@_handles("get_config")
async def _config(operations: Operations, request: ValidRequest) -> Answer:
    return 200, server_config(operations.workflows.values())


@_handles("get_workflows")
async def _workflows(operations: Operations, request: ValidRequest) -> Answer:
    return 200, [workflow_summary(workflow) for workflow in operations.workflows.values()]


@_handles("get_workflow")
async def _workflow(operations: Operations, request: ValidRequest) -> Answer:
    return 200, workflow_detail(operations.workflow(request.path["workflow_id"]))


@_handles("cancel_workflow_run")
async def _cancel(operations: Operations, request: ValidRequest) -> Answer:
    operations.runner.cancel(request.path["run_id"])
    return 200, {}


@_handles("get_workflow_run")
async def _get_run(operations: Operations, request: ValidRequest) -> Answer:
    session = await operations.runner.store.get(request.query["session_id"])
    stored = session.runs.get(request.path["run_id"]) if session else None
    if stored is None:
        raise ApiError(404, "Run not found")
    return 200, {**stored.to_dict(), "events": stored.event_payloads()}


@_handles("get_sessions")
async def _get_sessions(operations: Operations, request: ValidRequest) -> Answer:
    query = request.query
    found = []
    # The mock's sessions are workflows' sessions; there are none of agents or teams alone.
    if query.get("type", "agent") == "workflow":
        found = [
            session
            for session in await operations.runner.store.sessions()
            if _matches(session, query)
        ]
    key = {"updated_at": "updated_at", "session_id": "session_id"}.get(
        query.get("sort_by") or "created_at", "created_at"
    )
    found.sort(key=lambda session: getattr(session, key))
    if query.get("sort_order", "desc") != "asc":
        found.reverse()
    limit = query.get("limit") or 20
    page = query.get("page") or 1
    first = max(0, (page - 1) * limit)
    return 200, {
        "data": [session_summary(session) for session in found[first : first + limit]],
        "meta": {
            "page": page,
            "limit": limit,
            "total_pages": math.ceil(len(found) / limit),
            "total_count": len(found),
            "search_time_ms": 0.0,
        },
    }


def _matches(session: Session, query: Mapping[str, Any]) -> bool:
    for key, value in (
        ("component_id", session.workflow_id),
        ("user_id", session.user_id),
    ):
        if query.get(key) is not None and query[key] != value:
            return False
    name = query.get("session_name")
    return not name or name.lower() in session.name.lower()


@_handles("create_session")
async def _create_session(operations: Operations, request: ValidRequest) -> Answer:
    body = request.body or {}
    runner = operations.runner
    now = int(runner.clock())
    session = Session(
        body.get("session_id") or runner.new_id(),
        body.get("user_id"),
        operations.workflows.get(body.get("workflow_id") or ""),
        now,
        now,
        workflow_id=body.get("workflow_id"),
        session_name=body.get("session_name"),
        session_state=body.get("session_state"),
        metadata=body.get("metadata") or {},
    )
    await runner.store.save(session)
    return 201, session_detail(session, request.query.get("type", "agent"))


@_handles("get_session_by_id")
async def _get_session(operations: Operations, request: ValidRequest) -> Answer:
    kind = request.query.get("type", "agent")
    session_id = request.path["session_id"]
    detail = f"{kind.capitalize()} Session with id '{session_id}' not found"
    return 200, session_detail(await operations.session(request, detail), kind)


@_handles("get_session_runs")
async def _get_session_runs(operations: Operations, request: ValidRequest) -> Answer:
    session_id = request.path["session_id"]
    session = await operations.session(request, f"Session with ID {session_id} not found")
    runs = [
        stored
        for stored in session.runs.values()
        if stored.created_at >= (request.query.get("created_after") or 0)
        and stored.created_at <= (request.query.get("created_before") or math.inf)
    ]
    match request.query.get("type", "agent"):
        case "workflow":
            return 200, [session_run(stored) for stored in runs]
        case "agent":
            return 200, [agent_run(stored) for stored in runs]
    return 200, []


@_handles("get_session_run")
async def _get_session_run(operations: Operations, request: ValidRequest) -> Answer:
    session_id, run_id = request.path["session_id"], request.path["run_id"]
    session = await operations.session(request, f"Session with ID {session_id} not found")
    stored = session.runs.get(run_id)
    if stored is None:
        raise ApiError(404, f"Run with ID {run_id} not found in session {session_id}")
    return 200, session_run(stored)


@_handles("rename_session")
async def _rename_session(operations: Operations, request: ValidRequest) -> Answer:
    return await _changed(operations, request, {"session_name": request.body["session_name"]})


@_handles("update_session")
async def _update_session(operations: Operations, request: ValidRequest) -> Answer:
    return await _changed(operations, request, request.body or {})


async def _changed(
    operations: Operations, request: ValidRequest, changes: Mapping[str, Any]
) -> Answer:
    session_id = request.path["session_id"]
    session = await operations.session(request, f"Session with id '{session_id}' not found")
    for name in ("session_name", "session_state", "metadata"):
        if changes.get(name) is not None:
            setattr(session, name, changes[name])
    session.updated_at = int(operations.runner.clock())
    await operations.runner.store.save(session)
    return 200, session_detail(session, request.query.get("type", "agent"))


@_handles("delete_session")
async def _delete_session(operations: Operations, request: ValidRequest) -> Answer:
    await operations.runner.store.delete(request.path["session_id"], request.query.get("user_id"))
    return 204, None


@_handles("delete_sessions")
async def _delete_sessions(operations: Operations, request: ValidRequest) -> Answer:
    ids, kinds = request.body["session_ids"], request.body["session_types"]
    if len(ids) != len(kinds):
        detail = f"body: {len(ids)} session_ids and {len(kinds)} session_types; expected as many"
        raise ApiError(400, detail)
    for session_id in ids:
        await operations.runner.store.delete(session_id, request.query.get("user_id"))
    return 204, None
