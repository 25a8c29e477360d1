"""Observers of the HTTP surface: routing, authentication, forms, errors, CORS.

What they ask for themselves starts no run, but for one run of a workflow with an input_schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentos_contract.document import FORM
from agentos_contract.json_values import parse_object
from contract_tests.checks.browser import allows
from contract_tests.learning.evidence import Evidence, Json, json_of
from contract_tests.learning.observers import Observation, Observations, by_status, observes
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import unknown_workflow_id

AGNO_ORIGIN = "http://localhost:3000"
OTHER_ORIGIN = "https://contract-tests.example"
BIG_FIELD = 1024 * 1024 + 1
"""Bytes; a field of more than 1024 KB."""

MULTIPART = "multipart/form-data; boundary=contract-tests"
JSON = "application/json"

WRONG_STREAM = ("stream", "maybe")
"""Of forms that are to start no run."""

TERSE = {
    401: ("Authorization header required", "Invalid authentication token"),
    404: ("Workflow not found", "Not Found"),
    405: ("Method Not Allowed",),
}
"""Details that say that something is wrong, and not what would be right (FastAPI's and Agno's)."""


# -- routing


@observes("routing.form-before-workflow")
def form_before_workflow(evidence: Evidence) -> Observations:
    answer = evidence.ask_run(unknown_workflow_id(), WRONG_STREAM)
    what = "a wrong form, an unknown workflow"
    return by_status("routing.form-before-workflow", what, answer, shown=422, kept=(404,))


@observes("routing.allow-one")
def allow_one(evidence: Evidence) -> Observations:
    by_path: dict[str, set[str]] = {}
    for operation in evidence.context.document.operations.values():
        by_path.setdefault(operation.path, set()).add(operation.method.upper())
    for path, methods in by_path.items():
        if len(methods) > 1 and "PUT" not in methods:
            answer = evidence.ask("PUT", path.replace("{session_id}", "contract-tests-none"))
            said = answer.headers.get("allow", "")
            if answer.status == 405:
                is_partial = not methods <= {name.strip() for name in said.upper().split(",")}
                yield Observation("routing.allow-one", is_partial, f"PUT {path}: Allow: {said}")


@observes("routing.head-refused")
def head_refused(evidence: Evidence) -> Observations:
    for operation_id in ("get_workflows", "health_check"):
        answer = evidence.ask_operation(operation_id)
        if answer.status == 200:
            path = answer.request.path
            head = evidence.ask("HEAD", path)
            yield from by_status(
                "routing.head-refused", f"HEAD {path}", head, shown=405, kept=(200,)
            )


@observes("authentication.body-first")
def body_first(evidence: Evidence) -> Observations:
    if any(exchange.status == 401 for exchange in evidence.exchanges):
        answer = _send(evidence, b"broken", MULTIPART, is_anonymous=True)
        if answer.status is not None and 400 <= answer.status < 500:
            where = f"broken multipart without a token: {answer.summary}"
            yield Observation("authentication.body-first", answer.status != 401, where)


# -- errors


def _errors(evidence: Evidence, *statuses: int) -> Iterator[tuple[Exchange, Json]]:
    """The first error of each of these statuses that has a body with a detail."""
    for status in statuses:
        for exchange in evidence.exchanges:
            if exchange.status == status and "detail" in json_of(exchange):
                yield exchange, json_of(exchange)
                break


@observes("error.no-code", "error.terse")
def errors(evidence: Evidence) -> Observations:
    for exchange, body in _errors(evidence, 401, 404, 405, 422):
        has = "has" if "error_code" in body else "has not"
        where = f"a {exchange.status} {has} an error_code"
        yield Observation("error.no-code", "error_code" not in body, where)
        if isinstance(body["detail"], str) and exchange.status in TERSE:
            is_terse = body["detail"] in TERSE[exchange.status]
            where = f"a {exchange.status} says {body['detail']!r}"
            yield Observation("error.terse", is_terse, where)


@observes("error.unwritable-input")
def unwritable_input(evidence: Evidence) -> Observations:
    content = b'{"session_name": NaN}'
    answer = evidence.ask_operation("create_session", content=content, content_type=JSON)
    return by_status("error.unwritable-input", "a NaN in JSON", answer, shown=500, kept=(400, 422))


# -- forms


def _send(
    evidence: Evidence, content: bytes, content_type: str, *, is_anonymous: bool = False
) -> Exchange:
    """Any body for the run operation."""
    more = {"authorization": None} if is_anonymous else {}
    workflow_id = evidence.context.workflows.any.id
    return evidence.ask_run(workflow_id, content=content, content_type=content_type, **more)


@observes("form.any-bytes", "form.multipart")
def other_forms(evidence: Evidence) -> Observations:
    """Forms whose stream is wrong: a server that says that, and nothing else, has read them."""
    parts = (("message", evidence.context.workflows.any.message), WRONG_STREAM)
    multipart = "".join(
        f'--contract-tests\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts
    )
    for name, what, content, content_type in (
        ("form.any-bytes", "a message that is no UTF-8", "message=%ff%fe&stream=maybe", FORM),
        ("form.multipart", "a form as multipart", f"{multipart}--contract-tests--\r\n", MULTIPART),
    ):
        answer = _send(evidence, content.encode(), content_type)
        if answer.status is not None and 400 <= answer.status < 500:
            said = json.dumps(json_of(answer).get("detail", ""))
            has_read = answer.status == 422 and "stream" in said and "message" not in said
            yield Observation(name, has_read, f"{what}: {answer.summary}")


@observes("form.any-media-type")
def any_media_type(evidence: Evidence) -> Observations:
    for exchange in evidence.exchanges:
        request, kind = exchange.request, exchange.request.body_type or ""
        is_run = request.method == "POST" and request.path.endswith("/runs") and request.content
        if is_run and kind.startswith((JSON, "text/")):
            yield from by_status(
                "form.any-media-type", f"a body of {kind}", exchange, shown=422, kept=(415,)
            )


@observes("form.limits")
def limits(evidence: Evidence) -> Observations:
    fields = (("message", "x" * BIG_FIELD), WRONG_STREAM)
    answer = evidence.ask_run(evidence.context.workflows.any.id, *fields)
    return by_status("form.limits", "a field of 1025 KB", answer, shown=400, kept=(422,))


@observes("input-schema.lax")
def lax(evidence: Evidence) -> Observations:
    for workflow in evidence.workflows.values():
        schema = workflow.input_schema or {}
        sent = parse_object(workflow.message)
        is_open = schema.get("type") == "object" and schema.get("additionalProperties") is not False
        if not is_open or sent is None:
            continue
        message = json.dumps({**sent, "contract_tests_unknown": 1})
        answer = evidence.ask_run(workflow.id, ("message", message), ("stream", "false"))
        came = json_of(answer).get("input")
        if answer.status == 200 and isinstance(came, dict):
            is_dropped = "contract_tests_unknown" not in came
            how = "dropped" if is_dropped else "kept"
            where = f"{workflow.id}: an unknown key was {how}"
            yield Observation("input-schema.lax", is_dropped, where)
        return


# -- headers


@observes("cors.agno-origins", "cors.expose-star")
def cors(evidence: Evidence) -> Observations:
    agno, other = (
        evidence.ask_operation("get_workflows", headers=(("origin", origin),))
        for origin in (AGNO_ORIGIN, OTHER_ORIGIN)
    )
    if not allows(agno, AGNO_ORIGIN):
        return
    exposed = agno.headers.get("access-control-expose-headers", "")
    where = f"Access-Control-Expose-Headers: {exposed}"
    yield Observation("cors.expose-star", exposed.strip() == "*", where)
    if agno.status == other.status == 200:
        is_allowed = allows(other, OTHER_ORIGIN)
        may = "may" if is_allowed else "may not"
        where = f"{AGNO_ORIGIN} may read answers, {OTHER_ORIGIN} {may}"
        yield Observation("cors.agno-origins", not is_allowed, where)


@observes("stream.no-cache-control")
def no_cache_control(evidence: Evidence) -> Observations:
    for run in evidence.context.history.all_streams[:1]:
        header = run.exchange.headers.get("cache-control")
        where = f"a stream has Cache-Control: {header}"
        yield Observation("stream.no-cache-control", header is None, where)
