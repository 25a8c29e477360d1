"""Site response: the response says something else than the server came to."""

from __future__ import annotations

import re
from typing import Any

from agentos_contract.json_values import to_json
from mockserver.faults.exchange import Response
from mockserver.faults.registry import on_frame, on_response

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/runs.py", line 7, in create_workflow_run\n'
    "ValueError: no good"
)
_HTML = b"<!DOCTYPE html><html><body><h1>Unprocessable</h1></body></html>"


def _refuse(response: Response, status: int, detail: str, code: str = "ERROR") -> None:
    """Make it an error, with the document's body."""
    response.status = status
    response.set_header("content-type", "application/json")
    response.set_header("content-length", "0")
    response.json = {"detail": detail, "error_code": code}
    response.set_header("content-length", str(len(response.body)))


def _set(response: Response, **members: Any) -> None:
    """Change members of a JSON object; `...` takes one away."""
    body = response.json
    if isinstance(body, dict):
        body = {**body, **members}
        response.json = {key: value for key, value in body.items() if value is not ...}


# -- authentication


@on_response("authentication.forbidden")
def forbidden(response: Response) -> None:
    if response.status == 401 and response.request.header("authorization") is None:
        _refuse(response, 403, "Not authenticated")


@on_response("authentication.wrong-token-forbidden")
def wrong_token_forbidden(response: Response) -> None:
    if response.status == 401 and response.request.bearer:
        _refuse(response, 403, "Invalid authentication token")


@on_response("authentication.other-challenge")
def other_challenge(response: Response) -> None:
    if response.status == 401:
        response.set_header("www-authenticate", 'Basic realm="agentos"')


@on_response("authentication.batch-refused")
def batch_refused(response: Response) -> None:
    if response.is_batch:
        _refuse(response, 401, "the token has expired")
        response.set_header("www-authenticate", "Bearer")


@on_response("authentication.workflow-first")
def unknown_workflow_without_a_token(response: Response) -> None:
    asked = response.request.run_of
    known = response.request.server.workflow_ids
    if response.status == 401 and asked is not None and asked not in known:
        _refuse(response, 404, "Workflow not found", "NOT_FOUND")


@on_response("authentication.form-first")
def wrong_form_without_a_token(response: Response) -> None:
    if response.status == 401 and response.request.field("stream") == "maybe":
        _refuse(response, 422, "stream is no boolean", "VALIDATION_ERROR")


# -- routing


@on_response("routing.batch-lost")
def batch_is_not_found(response: Response) -> None:
    if response.is_batch:
        _refuse(response, 404, "Workflow not found", "NOT_FOUND")


@on_response("routing.unknown-refused")
def unknown_workflow_is_a_bad_request(response: Response) -> None:
    if response.status == 404 and response.request.run_of is not None:
        _refuse(response, 400, "no such workflow", "BAD_REQUEST")


@on_response("routing.other-method-lost")
def other_method_is_not_found(response: Response) -> None:
    if response.status == 405:
        _refuse(response, 404, "Not Found", "NOT_FOUND")


@on_response("routing.no-allow")
def no_allow(response: Response) -> None:
    if response.status == 405:
        response.set_header("allow", None)


@on_response("routing.other-allow")
def other_allow(response: Response) -> None:
    if response.status == 405:
        response.set_header("allow", "GET, HEAD, OPTIONS")


@on_response("routing.unknown-succeeds")
def unknown_workflow_succeeds(response: Response) -> None:
    if response.status == 404 and response.request.run_of is not None:
        response.status = 200


# -- the form


@on_response("input-schema.unprocessable")
def message_of_another_schema(response: Response) -> None:
    if response.status == 400 and b"message" in response.body:
        response.status = 422


# -- errors


@on_response("error.not-acceptable")
def not_acceptable(response: Response) -> None:
    if response.status == 415:
        _refuse(response, 406, "expected a form", "NOT_ACCEPTABLE")


@on_response("error.teapot")
def teapot(response: Response) -> None:
    if response.is_error and response.request.media_type == "application/octet-stream":
        _refuse(response, 418, "I am a teapot")


@on_response("error.detail-missing")
def detail_missing(response: Response) -> None:
    if response.is_error:
        _set(response, detail=..., message="something was wrong")


@on_response("error.body-text")
def body_is_a_text(response: Response) -> None:
    if response.is_error and isinstance(response.json, dict):
        response.json = response.json.get("detail")


@on_response("error.body-empty")
def body_is_empty(response: Response) -> None:
    if response.status == 422:
        response.body = b""


@on_response("error.html")
def html(response: Response) -> None:
    if response.is_error:
        response.set_header("content-type", "text/html; charset=utf-8")
        response.body = _HTML


@on_response("error.problem-json")
def problem_json(response: Response) -> None:
    if response.is_error:
        response.set_header("content-type", "application/problem+json")


@on_response("error.detail-null")
def detail_is_null(response: Response) -> None:
    if response.is_error:
        _set(response, detail=None)


@on_response("error.plain")
def plain(response: Response) -> None:
    if response.status == 404:
        response.set_header("content-type", "text/plain; charset=utf-8")
        response.body = b"Not Found"


@on_response("error.traceback")
def traceback(response: Response) -> None:
    if response.status == 422:
        _set(response, detail=TRACEBACK)


@on_response("error.javascript-trace")
def javascript_trace(response: Response) -> None:
    if response.status == 404:
        trace = "Error: no such workflow\n    at findWorkflow (/srv/app/runs.js:7:11)"
        _set(response, detail=trace)


@on_frame("error.trace-in-stream")
def trace_in_a_stream(chunk: bytes, response: Response) -> bytes:
    trace = to_json(TRACEBACK)
    return re.sub(rb'("event":"WorkflowError".*?"error":)"[^"]*"', lambda m: m[1] + trace, chunk)


@on_response("error.multipart-crash")
def multipart_crashes(response: Response) -> None:
    if response.is_error and (response.request.media_type).startswith("multipart/"):
        _refuse(response, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


@on_response("error.crash")
def crash(response: Response) -> None:
    if response.is_error and response.request.body == b'{"message": ':
        _refuse(response, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


@on_response("error.dead-after-malformed")
def dead_after_malformed(response: Response) -> None:
    memory = response.memory
    if response.request.media_type == "application/octet-stream":
        memory.values["malformed"] = memory.values.get("malformed", 0) + 1
    if memory.values.get("malformed", 0) > 1 and response.request.field("user_id"):
        memory.values["malformed"] = 0
        _refuse(response, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


# -- batch


@on_response("batch.text")
def batch_as_text(response: Response) -> None:
    if response.is_batch:
        response.set_header("content-type", "text/plain; charset=utf-8")


@on_response("batch.json-in-text")
def batch_is_json_in_a_text(response: Response) -> None:
    if response.is_batch:
        response.json = response.body.decode()


@on_response("batch.run-id-missing")
def batch_without_run_id(response: Response) -> None:
    if response.is_batch:
        _set(response, run_id=...)


@on_response("batch.results-missing")
def batch_without_results(response: Response) -> None:
    if response.is_batch:
        _set(response, step_results=...)


@on_response("batch.content-null")
def batch_without_content(response: Response) -> None:
    if response.is_batch:
        _set(response, content=None)


@on_response("batch.result-renamed")
def batch_names_a_result_otherwise(response: Response) -> None:
    if response.is_batch and isinstance(body := response.json, dict) and body.get("step_results"):
        first, *rest = body["step_results"]
        _set(response, step_results=[{**first, "step_name": "another"}, *rest])


@on_response("batch.created-at-missing")
def batch_without_created_at(response: Response) -> None:
    if response.is_batch:
        _set(response, created_at=...)


@on_response("batch.list")
def batch_as_a_list(response: Response) -> None:
    if response.is_batch:
        response.json = [response.json]


@on_response("batch.status-pending")
def batch_pending(response: Response) -> None:
    if response.is_batch:
        _set(response, status="PENDING")


@on_response("batch.status-lower-case")
def batch_completed_in_lower_case(response: Response) -> None:
    if response.is_batch:
        _set(response, status="completed")


@on_response("batch.other-content")
def batch_says_something_else(response: Response) -> None:
    if response.is_batch:
        _set(response, content="something else")


@on_response("batch.result-lost")
def batch_loses_its_first_result(response: Response) -> None:
    if response.is_batch and isinstance(body := response.json, dict):
        results = body.get("step_results") or []
        _set(response, step_results=results[1:] or results)


@on_response("batch.other-user")
def batch_of_another_user(response: Response) -> None:
    if response.is_batch and response.request.field("user_id"):
        _set(response, user_id="somebody")


@on_response("batch.other-session")
def batch_of_another_session(response: Response) -> None:
    if response.is_batch and response.request.field("session_id"):
        _set(response, session_id="another")


@on_response("identity.batch-renamed")
def batch_of_another_name(response: Response) -> None:
    if response.is_batch and isinstance(body := response.json, dict) and "workflow_name" in body:
        _set(response, workflow_name="another")


# -- cancelling


@on_response("cancel.once-only")
def cancelled_once_only(response: Response) -> None:
    path = response.request.path
    if path.endswith("/cancel") and response.status == 200 and not response.memory.mark(path):
        _refuse(response, 404, "there is no such run", "NOT_FOUND")


@on_response("cancel.crash-on-second")
def second_cancelling_crashes(response: Response) -> None:
    path = response.request.path
    if path.endswith("/cancel") and response.status == 200 and not response.memory.mark(path):
        _refuse(response, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


# -- a stream's head and frames


@on_response("sse.text-plain")
def stream_as_text(response: Response) -> None:
    if response.is_stream:
        response.set_header("content-type", "text/plain; charset=utf-8")


@on_response("sse.json-type")
def stream_as_json(response: Response) -> None:
    if response.is_stream:
        response.set_header("content-type", "application/json")


@on_frame("sse.character-cut")
def half_a_character(chunk: bytes, response: Response) -> bytes:
    half = b'"content":"\xf0\x9f\x90'
    return chunk.replace(b'"content":"', half, 1) if b"RunContent" in chunk else chunk


@on_frame("sse.cut-in-last")
def last_event_cut(chunk: bytes, response: Response) -> bytes:
    end = chunk.find(b"event: WorkflowCompleted")
    return chunk if end < 0 else chunk[: end + 60]


@on_frame("sse.bare-json")
def json_without_a_field(chunk: bytes, response: Response) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b'{"progress": 1}\n\nevent: StepStarted\n')


@on_frame("sse.bare-ping")
def ping_without_a_colon(chunk: bytes, response: Response) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b"ping\n\nevent: StepStarted\n")


@on_frame("sse.latin-1")
def stream_in_latin_1(chunk: bytes, response: Response) -> bytes:
    return chunk.replace(b'"content":"', b'"content":"\xe9', 1) if b"RunContent" in chunk else chunk


@on_frame("sse.last-line-open")
def last_blank_line_missing(chunk: bytes, response: Response) -> bytes:
    return chunk[:-1] if b"event: WorkflowCompleted" in chunk else chunk


@on_frame("sse.other-fields")
def other_fields(chunk: bytes, response: Response) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b"event: StepStarted\nname: step\n")


@on_frame("event.cut-off")
def data_cut_off(chunk: bytes, response: Response) -> bytes:
    return re.sub(rb"(event: RunContent\ndata: .{20}).*\n\n", rb"\1\n\n", chunk, count=1)


@on_frame("event.not-a-number")
def not_a_number(chunk: bytes, response: Response) -> bytes:
    return re.sub(rb'(event: RunContentCompleted\ndata: \{"created_at":)\d+', rb"\1NaN", chunk)


@on_frame("event.python-text")
def data_as_python_writes_it(chunk: bytes, response: Response) -> bytes:
    def written(match: re.Match[bytes]) -> bytes:
        return match[1] + match[2].replace(b'"', b"'") + b"\n\n"

    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", written, chunk)


@on_frame("event.list")
def data_in_a_list(chunk: bytes, response: Response) -> bytes:
    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", rb"\1[\2]\n\n", chunk)


@on_frame("event.json-in-text")
def data_is_json_in_a_text(chunk: bytes, response: Response) -> bytes:
    def written(match: re.Match[bytes]) -> bytes:
        return match[1] + to_json(match[2].decode()) + b"\n\n"

    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", written, chunk)


@on_frame("event.done-marker")
def done_marker(chunk: bytes, response: Response) -> bytes:
    return re.sub(rb"(event: WorkflowCompleted\n.*\n\n)", rb"\1data: [DONE]\n\n", chunk)


@on_frame("event.other-name-in-data")
def another_name_in_the_data(chunk: bytes, response: Response) -> bytes:
    return chunk.replace(b'"event":"StepStarted"', b'"event":"step_started"')


@on_frame("event.unnamed")
def no_event_field(chunk: bytes, response: Response) -> bytes:
    return re.sub(rb"^event: .*\n", b"", chunk, flags=re.MULTILINE)


@on_response("authentication.token-told")
def the_token_is_told(response: Response) -> None:
    if response.status == 401:
        _set(response, detail=f"expected the token {response.request.server.token}")


@on_response("batch.other-input")
def another_input(response: Response) -> None:
    if response.is_batch and response.json.get("input") == "Hello, what is new?":
        _set(response, input="Good day")


@on_response("batch.agents-lost")
def agents_are_lost(response: Response) -> None:
    if response.is_batch:
        _set(response, step_executor_runs=[])


@on_response("cancel.answered-500")
def cancelled_with_an_error(response: Response) -> None:
    if response.request.path.endswith("/cancel"):
        _refuse(response, 500, "it is gone")


@on_response("error.now-and-then")
def an_error_now_and_then(response: Response) -> None:
    if response.is_batch:
        count = response.memory.values["count"] = response.memory.values.get("count", 0) + 1
        if count % 7 == 0:
            _refuse(response, 500, "the database is locked")


@on_response("error.broken-percent")
def broken_percent_encoding_fails(response: Response) -> None:
    request = response.request
    if response.is_error and request.is_form and re.search(rb"%(?![0-9A-Fa-f]{2})", request.body):
        _refuse(response, 500, "malformed escape")


@on_frame("sse.ascii")
def ascii_alone(frame: bytes, response: Response) -> bytes:
    return re.sub(rb"[\x80-\xff]+", b"?", frame)
