"""Observers of the HTTP surface: routing, authentication, forms, errors, CORS.

What they ask for themselves starts no run, but for one run of a workflow with an input_schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agentos_contract.document import FORM
from agentos_contract.json_values import read_json_object
from contract_tests.learning.evidence import Evidence, Json, Sighting, json_of, observes
from contract_tests.learning.runs import Sightings
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import run_path, unknown_workflow_id

AGNO_ORIGIN = "http://localhost:3000"
OTHER_ORIGIN = "https://contract-tests.example"
BIG_FIELD = 1024 * 1024 + 1
"""Bytes; a field of more than 1024 KB."""

MULTIPART = "multipart/form-data; boundary=contract-tests"


def _form(evidence: Evidence, fields: tuple[tuple[str, str], ...], **more: Any) -> Exchange:
    """A form for the run operation. The forms here have a wrong `stream`: none starts a run."""
    workflow_id = more.pop("workflow_id", evidence.context.workflows.any.id)
    path = run_path(evidence.context.document, workflow_id)
    return evidence.ask("POST", path, fields=fields, **more)


def _said(exchange: Exchange, what: str) -> Sighting:
    return Sighting(False, f"{what}: {exchange.summary}")


def _by_status(exchange: Exchange, what: str, *, shown: int, kept: tuple[int, ...]) -> Sightings:
    """A deviation that a status tells; another status tells nothing."""
    if exchange.status in (shown, *kept):
        yield Sighting(exchange.status == shown, f"{what}: {exchange.summary}")


# -- routing


@observes("routing.form-before-workflow", occasion="a wrong form was sent to an unknown workflow")
def form_before_workflow(evidence: Evidence) -> Sightings:
    fields = (("stream", "maybe"),)
    answer = _form(evidence, fields, workflow_id=unknown_workflow_id())
    yield from _by_status(answer, "a wrong form, an unknown workflow", shown=422, kept=(404,))


@observes(
    "routing.allow-one", occasion="a path with several methods was asked for one that it has not"
)
def allow_one(evidence: Evidence) -> Sightings:
    by_path: dict[str, set[str]] = {}
    for operation in evidence.context.document.operations.values():
        by_path.setdefault(operation.path, set()).add(operation.method.upper())
    for path, methods in by_path.items():
        if len(methods) < 2 or "PUT" in methods:
            continue
        answer = evidence.ask("PUT", path.replace("{session_id}", "contract-tests-none"))
        allowed = {name.strip() for name in answer.headers.get("allow", "").upper().split(",")}
        if answer.status == 405:
            where = f"PUT {path}: Allow: {answer.headers.get('allow', '')}"
            yield Sighting(not methods <= allowed, where)


@observes("routing.head-refused", occasion="a path that has GET was asked for HEAD")
def head_refused(evidence: Evidence) -> Sightings:
    for operation_id in ("get_workflows", "health_check"):
        path = evidence.path(operation_id)
        if path is not None and evidence.ask("GET", path).status == 200:
            answer = evidence.ask("HEAD", path)
            yield from _by_status(answer, f"HEAD {path}", shown=405, kept=(200,))


# -- authentication


@observes("authentication.no-challenge", occasion="a request was answered with 401")
def no_challenge(evidence: Evidence) -> Sightings:
    for exchange in evidence.exchanges:
        if exchange.status == 401:
            challenge = exchange.headers.get("www-authenticate")
            yield Sighting(challenge is None, f"a 401 has WWW-Authenticate: {challenge}")
            return


@observes(
    "authentication.body-first",
    occasion="a server with a key was sent what nobody can read, without a token",
)
def body_first(evidence: Evidence) -> Sightings:
    if not any(exchange.status == 401 for exchange in evidence.exchanges):
        return
    path = run_path(evidence.context.document, evidence.context.workflows.any.id)
    answer = evidence.ask(
        "POST", path, content=b"broken", content_type=MULTIPART, authorization=None
    )
    if answer.status is not None and 400 <= answer.status < 500:
        where = f"broken multipart without a token: {answer.summary}"
        yield Sighting(answer.status != 401, where)


# -- errors


def _errors(evidence: Evidence, *statuses: int) -> Iterator[tuple[Exchange, Json]]:
    """The first error of each of these statuses that has a body with a detail."""
    for status in statuses:
        for exchange in evidence.exchanges:
            if exchange.status == status and "detail" in json_of(exchange):
                yield exchange, json_of(exchange)
                break


@observes("error.no-code", occasion="a request was refused, with a detail")
def no_code(evidence: Evidence) -> Sightings:
    for exchange, body in _errors(evidence, 401, 404, 405, 422):
        has = "has" if "error_code" in body else "has not"
        yield Sighting("error_code" not in body, f"a {exchange.status} {has} an error_code")


@observes("error.terse", occasion="a request was refused, with a detail that is a text")
def terse(evidence: Evidence) -> Sightings:
    words = {
        401: ("Authorization header required", "Invalid authentication token"),
        404: ("Workflow not found", "Not Found"),
        405: ("Method Not Allowed",),
    }
    for exchange, body in _errors(evidence, *words):
        if isinstance(body["detail"], str):
            is_terse = body["detail"] in words[exchange.status or 0]
            yield Sighting(is_terse, f"a {exchange.status} says {body['detail']!r}")


@observes("error.detail-list", occasion="a form was refused with 422")
def detail_list(evidence: Evidence) -> Sightings:
    for _, body in _errors(evidence, 422):
        is_list = isinstance(body["detail"], list)
        yield Sighting(is_list, f"a 422's detail is a {'list' if is_list else 'text'}")


@observes("error.unwritable-input", occasion="POST /sessions was sent a NaN, and refused it")
def unwritable_input(evidence: Evidence) -> Sightings:
    path = evidence.path("create_session")
    if path is None:
        return
    content = b'{"session_name": NaN}'
    answer = evidence.ask("POST", path, content=content, content_type="application/json")
    yield from _by_status(answer, "a NaN in JSON", shown=500, kept=(400, 422))


# -- forms


@observes("values.pydantic", occasion="version=null was sent")
def values_pydantic(evidence: Evidence) -> Sightings:
    for exchange in evidence.exchanges:
        if exchange.request.field("version") == "null" and _is_plain(exchange):
            yield from _by_status(exchange, "version=null", shown=422, kept=(200,))
            return


@observes("form.empty-field-absent", occasion="an empty message was sent")
def empty_field_absent(evidence: Evidence) -> Sightings:
    for exchange in evidence.exchanges:
        if exchange.request.field("message") == "" and _is_plain(exchange):
            yield from _by_status(exchange, "an empty message", shown=422, kept=(200,))
            return


def _is_plain(exchange: Exchange) -> bool:
    """Whether it is a form of the probes', not a generated one."""
    return exchange.request.fields is not None


@observes("form.any-bytes", occasion="a form with bytes that are no UTF-8 was sent")
def any_bytes(evidence: Evidence) -> Sightings:
    # The stream is wrong: who lets the bytes pass says that, and nothing of the message.
    answer = _raw(evidence, b"message=%ff%fe&stream=maybe", FORM)
    yield from _field_that_is_wrong(answer, "a message that is no UTF-8")


@observes("form.any-media-type", occasion="a body of another media type was sent")
def any_media_type(evidence: Evidence) -> Sightings:
    for exchange in evidence.exchanges:
        kind = exchange.request.body_type or ""
        if exchange.request.method == "POST" and kind.startswith(("application/json", "text/")):
            is_run = exchange.request.path.endswith("/runs") and exchange.request.content
            if is_run and exchange.status in (415, 422):
                where = f"a body of {kind}: {exchange.summary}"
                yield Sighting(exchange.status == 422, where)


@observes("form.multipart", occasion="a form was sent as multipart/form-data")
def multipart(evidence: Evidence) -> Sightings:
    parts = (("message", evidence.context.workflows.any.message), ("stream", "maybe"))
    lines = [
        f'--contract-tests\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts
    ]
    content = "".join([*lines, "--contract-tests--\r\n"]).encode()
    yield from _field_that_is_wrong(_raw(evidence, content, MULTIPART), "a form as multipart")


def _raw(evidence: Evidence, content: bytes, content_type: str) -> Exchange:
    path = run_path(evidence.context.document, evidence.context.workflows.any.id)
    return evidence.ask("POST", path, content=content, content_type=content_type)


def _field_that_is_wrong(answer: Exchange, what: str) -> Sightings:
    """Of a form whose stream is wrong: who says so has read the form."""
    if answer.status is None or not 400 <= answer.status < 500:
        return
    said = json.dumps(json_of(answer).get("detail", ""))
    has_read = answer.status == 422 and "stream" in said and "message" not in said
    yield Sighting(has_read, f"{what}: {answer.summary}")


@observes("form.limits", occasion="a form with a field of more than 1024 KB was sent")
def limits(evidence: Evidence) -> Sightings:
    fields = (("message", "x" * BIG_FIELD), ("stream", "maybe"))
    answer = _form(evidence, fields)
    yield from _by_status(answer, "a field of 1025 KB", shown=400, kept=(422,))


@observes("input-schema.in-run", occasion="a message that breaks an input_schema was sent")
def in_run(evidence: Evidence) -> Sightings:
    wrong = {
        (workflow.id, message)
        for workflow in evidence.context.target.workflows
        for message in workflow.wrong_messages
    }
    paths = {run_path(evidence.context.document, name): name for name, _ in wrong}
    for exchange in evidence.exchanges:
        name = paths.get(exchange.request.path)
        message = exchange.request.field("message")
        if name is None or (name, message) not in wrong or exchange.request.method != "POST":
            continue
        where = f"{name} with the message {message!r}: {exchange.summary}"
        if exchange.status in (200, 500):
            yield Sighting(True, where)
        elif exchange.status == 400:
            yield Sighting(False, where)


@observes("input-schema.lax", occasion="a key that an input_schema does not know was sent")
def lax(evidence: Evidence) -> Sightings:
    for workflow in evidence.context.target.workflows:
        schema = workflow.input_schema or {}
        if schema.get("type") != "object" or schema.get("additionalProperties") is False:
            continue
        try:
            sent = read_json_object(workflow.message) | {"contract_tests_unknown": 1}
        except ValueError:
            continue
        run = (("message", json.dumps(sent)), ("stream", "false"))
        answer = _form(evidence, run, workflow_id=workflow.id)
        came = json_of(answer).get("input")
        if answer.status == 200 and isinstance(came, dict):
            is_dropped = "contract_tests_unknown" not in came
            how = "dropped" if is_dropped else "kept"
            yield Sighting(is_dropped, f"{workflow.id}: an unknown key was {how}")
        return


# -- headers


@observes("cors.agno-origins", occasion="a page of Agno's origins and one of another asked")
def agno_origins(evidence: Evidence) -> Sightings:
    agno, other = (_allowed_origin(evidence, origin) for origin in (AGNO_ORIGIN, OTHER_ORIGIN))
    if agno.status == other.status == 200 and _allows(agno, AGNO_ORIGIN):
        is_allowed = _allows(other, OTHER_ORIGIN)
        may = "may" if is_allowed else "may not"
        yield Sighting(not is_allowed, f"{AGNO_ORIGIN} may read answers, {OTHER_ORIGIN} {may}")


@observes("cors.expose-star", occasion="a page asked that may read answers")
def expose_star(evidence: Evidence) -> Sightings:
    answer = _allowed_origin(evidence, AGNO_ORIGIN)
    if _allows(answer, AGNO_ORIGIN):
        exposed = answer.headers.get("access-control-expose-headers", "")
        yield Sighting(exposed.strip() == "*", f"Access-Control-Expose-Headers: {exposed}")


def _allowed_origin(evidence: Evidence, origin: str) -> Exchange:
    path = evidence.path("get_workflows") or "/"
    return evidence.once(
        f"from {origin}", lambda: evidence.ask("GET", path, headers=(("origin", origin),))
    )


def _allows(answer: Exchange, origin: str) -> bool:
    return answer.headers.get("access-control-allow-origin") in (origin, "*")


@observes("stream.no-cache-control", occasion="a run was answered with a stream")
def no_cache_control(evidence: Evidence) -> Sightings:
    for run in evidence.context.history.all_streams[:1]:
        header = run.exchange.headers.get("cache-control")
        yield Sighting(header is None, f"a stream has Cache-Control: {header}")
