"""The stages that a request passes before its operation: each lets it on or raises ApiError.

Their order, which is the precedence of statuses, is `hooks.STAGES` unless the hooks have another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers

from agentos_contract.document import FORM, RUN_OPERATION_ID
from agentos_contract.json_values import to_json
from agentos_contract.names import nearest
from mockserver.http.bodies import SentBody, content_type_of, read_body
from mockserver.http.errors import ApiError
from mockserver.http.preferences import NO_ANSWER, OF_RUNS, OWN, Preferences
from mockserver.http.request import Request
from mockserver.http.scenarios import fitting_scenario, named_scenario
from mockserver.http.validation import ABSENT
from mockserver.script.model import Workflow

Stage = Callable[[Request], Awaitable[None] | None]


async def pass_stages(request: Request) -> None:
    """Raises ApiError for what the first stage that refuses the request says."""
    for stage in _stages(request.hooks.stages()):
        rest = stage(request)
        if rest is not None:
            await rest


@lru_cache(maxsize=64)
def _stages(names: tuple[str, ...]) -> tuple[Stage, ...]:
    return tuple(_STAGES[name] for name in names)


def _route(request: Request) -> None:
    if request.is_path_known:
        return
    methods, path = request.served.methods, request.scope["path"]
    near = methods.nearest(path)
    hint = "" if near is None else f"did you mean {near}?"
    raise ApiError(404, f"there is nothing at {methods.prefix}{path}", hint=hint, kind="route")


def _method(request: Request) -> None:
    method, hooks = request.scope["method"], request.hooks
    if request.routed is not None and (method != "HEAD" or hooks.answers_head):
        return
    methods = request.served.methods.of(request.scope["path"])
    if "GET" in methods and hooks.answers_head:
        methods.append("HEAD")
    allowed = ", ".join(hooks.allowed(methods))
    hint = f"expected {allowed}"
    if method == "GET" and "text/event-stream" in Headers(scope=request.scope).get("accept", ""):
        hint += "; an EventSource can only GET: read the stream of a POST by fetch"
    raise ApiError(
        405,
        f"{method} is not allowed here",
        hint=hint,
        headers={"Allow": allowed},
        kind="method",
    )


def _authenticate(request: Request) -> Awaitable[None] | None:
    """Connexion decides whether the request is let in."""
    let_in = request.operation.let_in
    return None if let_in is None else let_in(request.scope)


def _workflow(request: Request) -> None:
    workflows, workflow_id = request.workflows, request.path.get("workflow_id")
    if workflow_id is None or workflow_id in workflows:
        return
    near = nearest(workflow_id, workflows)
    hint = f"did you mean {near!r}?" if near else "GET /workflows lists them"
    raise ApiError(404, f"Workflow {workflow_id!r} not found", hint=hint, kind="workflow")


# -- the body: its size, its media type, what stands in it


async def _size(request: Request) -> None:
    schema = request.operation.schema.body
    if schema is not None:
        content = await read_body(request.receive, request.served.max_body)
        request.sent = SentBody(content, content_type_of(request.scope), schema)


def _media_type(request: Request) -> None:
    sent = request.sent
    if sent is not None and not request.hooks.reads_media_type(sent):
        expected = " or ".join(sent.schema.media_types)
        statement = f"content type {sent.media_type or '(none)'} is not read here"
        headers = {"accept-post": expected}
        hint = f"expected {expected}"
        if expected == FORM:
            hint += ", which a URLSearchParams is in JavaScript"
        if reader := request.served.readers.get(sent.media_type):
            hint += f"; {reader} reads it too"
        raise ApiError(415, statement, hint=hint, headers=headers)


async def _syntax(request: Request) -> None:
    sent, hooks = request.sent, request.hooks
    if sent is not None:
        is_form = sent.schema.coercion is not None
        request.body = await hooks.read_form(sent) if is_form else hooks.read_json(sent)


def _values(request: Request) -> None:
    query_string = request.scope.get("query_string", b"")
    schema, body = request.operation.schema, request.body
    request.query, request.body = request.hooks.judge(schema, query_string, body)


# -- the run


def _input_schema(request: Request) -> None:
    if request.operation.operation_id != RUN_OPERATION_ID:
        return
    try:
        request.input = request.hooks.read_input(request.workflow, request.body["message"])
    except ApiError as error:
        if not request.hooks.wrong_input_fails_run:
            raise
        request.failure = error.detail


async def _preferences(request: Request) -> None:
    """What the request asks of the mock is there, can be had here, and is done."""
    preferences, operation_id = request.preferences, request.operation.operation_id
    if not preferences.are_some and preferences.rule_answer is NO_ANSWER:
        return
    problem = preferences.problem
    if problem is None:
        is_run = operation_id == RUN_OPERATION_ID
        workflow = request.workflow if "workflow_id" in request.path else None
        is_stream = is_run and request.body.get("stream", True)
        problem = preferences.why_not(operation_id, workflow, is_stream)
        problem = problem or _why_no_values(preferences, workflow if is_run else None)
    if problem is not None:
        preferences.problem = problem
        raise ApiError(400, problem)
    if delay := preferences.of("delay"):
        preferences.apply("delay")
        await request.mock_scope.clock.sleep(delay)
    _answer(request)


def _why_no_values(preferences: Preferences, workflow: Workflow | None) -> str | None:
    """Why a value that the request asks for cannot be had; `workflow` is that of a run."""
    for name in OF_RUNS:
        if name in preferences.values and workflow is None:
            others = ", ".join(sorted(set(OWN) - set(OF_RUNS)))
            said = f"Prefer: {name}={preferences.values[name]} cannot apply here"
            return f"{said}: only a run has a {name}; expected {others}"
    scenario = preferences.values.get("scenario")
    return _why_no_scenario(scenario, workflow) if scenario and workflow else None


def _answer(request: Request) -> None:
    """Raises ApiError where the request, or a rule, asks for a whole answer."""
    preferences, answer = request.preferences, request.preferences.rule_answer
    code = preferences.values.get("code")
    if code is not None:
        preferences.apply("code")
        if code != 200:
            raise ApiError(code, request.operation.schema.example_detail(code))
    elif answer.status is not None:
        preferences.apply("status")
        detail = answer.detail or request.operation.schema.example_detail(answer.status)
        raise _whole_answer(answer.status, detail, answer.error_code, answer.headers, answer.body)


def _whole_answer(
    status: int, detail: str, error_code: str | None, headers: Mapping[str, str], body: Any
) -> ApiError:
    """A script's or a rule's own answer. `body` is JSON, or a text that is sent as it is; ABSENT:
    the document's, with `detail` and `error_code`, or nothing where the status has no body."""
    content: bytes | None = None
    if body is not ABSENT:
        content = body.encode() if isinstance(body, str) else to_json(body)
    elif status in (204, 304):
        content = b""
    return ApiError(status, detail, error_code=error_code, headers=headers, body=content)


def _why_no_scenario(name: str, workflow: Workflow) -> str | None:
    names = [scenario.name for scenario in workflow.scenarios]
    if name in names:
        return None
    there_are = f"expected {', '.join(names)}" if names else f"{workflow.id!r} has none"
    return f"Prefer: there is no scenario {name!r}; {there_are}"


async def _scenario(request: Request) -> None:
    """A scenario that the request asks for, or whose `when` is true for it, answers instead."""
    if request.operation.operation_id != RUN_OPERATION_ID or request.failure is not None:
        return
    if not request.workflow.scenarios or request.preferences.values.get("code") == 200:
        return
    workflow = request.workflow
    scenario = named_scenario(workflow, request.preferences.of("scenario"))
    if scenario is not None:
        request.preferences.apply("scenario")
    else:
        scenario = await fitting_scenario(workflow, request.body, request.store)
        if scenario is None:
            return
    if scenario.delay:
        await request.mock_scope.clock.sleep(scenario.delay)
    body = ABSENT if scenario.body is None else scenario.body
    raise _whole_answer(
        scenario.status, scenario.detail, scenario.error_code, scenario.headers, body
    )


_STAGES: Mapping[str, Stage] = {
    "route": _route,
    "method": _method,
    "authenticate": _authenticate,
    "preferences": _preferences,
    "workflow": _workflow,
    "size": _size,
    "media type": _media_type,
    "syntax": _syntax,
    "values": _values,
    "input schema": _input_schema,
    "scenario": _scenario,
}
