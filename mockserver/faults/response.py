"""Site response: the answer says something else than the server came to."""

from __future__ import annotations

import re
from typing import Any

from agentos_contract.json_values import to_json
from mockserver.faults.exchange import Answer
from mockserver.faults.register import answered, framed

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/runs.py", line 7, in create_workflow_run\n'
    "ValueError: no good"
)
_HTML = b"<!DOCTYPE html><html><body><h1>Unprocessable</h1></body></html>"


def _refuse(answer: Answer, status: int, detail: str, code: str = "ERROR") -> None:
    """Make it an error, with the document's body."""
    answer.status = status
    answer.set_header("content-type", "application/json")
    answer.set_header("content-length", "0")
    answer.json = {"detail": detail, "error_code": code}
    answer.set_header("content-length", str(len(answer.body)))


def _set(answer: Answer, **members: Any) -> None:
    """Change members of a JSON object; `...` takes one away."""
    body = answer.json
    if isinstance(body, dict):
        body = {**body, **members}
        answer.json = {key: value for key, value in body.items() if value is not ...}


# -- authentication


@answered("authentication.forbidden")
def forbidden(answer: Answer) -> None:
    if answer.status == 401 and answer.request.header("authorization") is None:
        _refuse(answer, 403, "Not authenticated")


@answered("authentication.wrong-token-forbidden")
def wrong_token_forbidden(answer: Answer) -> None:
    if answer.status == 401 and answer.request.bearer:
        _refuse(answer, 403, "Invalid authentication token")


@answered("authentication.other-challenge")
def other_challenge(answer: Answer) -> None:
    if answer.status == 401:
        answer.set_header("www-authenticate", 'Basic realm="agentos"')


@answered("authentication.batch-refused")
def batch_refused(answer: Answer) -> None:
    if answer.is_batch:
        _refuse(answer, 401, "the token has expired")
        answer.set_header("www-authenticate", "Bearer")


@answered("authentication.workflow-first")
def unknown_workflow_without_a_token(answer: Answer) -> None:
    asked = answer.request.run_of
    known = answer.request.server.workflow_ids
    if answer.status == 401 and asked is not None and asked not in known:
        _refuse(answer, 404, "Workflow not found", "NOT_FOUND")


@answered("authentication.form-first")
def wrong_form_without_a_token(answer: Answer) -> None:
    if answer.status == 401 and answer.request.field("stream") == "maybe":
        _refuse(answer, 422, "stream is no boolean", "VALIDATION_ERROR")


# -- routing


@answered("routing.batch-lost")
def batch_is_not_found(answer: Answer) -> None:
    if answer.is_batch:
        _refuse(answer, 404, "Workflow not found", "NOT_FOUND")


@answered("routing.unknown-refused")
def unknown_workflow_is_a_bad_request(answer: Answer) -> None:
    if answer.status == 404 and answer.request.run_of is not None:
        _refuse(answer, 400, "no such workflow", "BAD_REQUEST")


@answered("routing.other-method-lost")
def other_method_is_not_found(answer: Answer) -> None:
    if answer.status == 405:
        _refuse(answer, 404, "Not Found", "NOT_FOUND")


@answered("routing.no-allow")
def no_allow(answer: Answer) -> None:
    if answer.status == 405:
        answer.set_header("allow", None)


@answered("routing.other-allow")
def other_allow(answer: Answer) -> None:
    if answer.status == 405:
        answer.set_header("allow", "GET, HEAD, OPTIONS")


@answered("routing.unknown-succeeds")
def unknown_workflow_succeeds(answer: Answer) -> None:
    if answer.status == 404 and answer.request.run_of is not None:
        answer.status = 200


# -- the form


@answered("input-schema.unprocessable")
def message_of_another_schema(answer: Answer) -> None:
    if answer.status == 400 and b"message" in answer.body:
        answer.status = 422


# -- errors


@answered("error.not-acceptable")
def not_acceptable(answer: Answer) -> None:
    if answer.status == 415:
        _refuse(answer, 406, "expected a form", "NOT_ACCEPTABLE")


@answered("error.teapot")
def teapot(answer: Answer) -> None:
    if answer.is_error and answer.request.media_type == "application/octet-stream":
        _refuse(answer, 418, "I am a teapot")


@answered("error.detail-missing")
def detail_missing(answer: Answer) -> None:
    if answer.is_error:
        _set(answer, detail=..., message="something was wrong")


@answered("error.body-text")
def body_is_a_text(answer: Answer) -> None:
    if answer.is_error and isinstance(answer.json, dict):
        answer.json = answer.json.get("detail")


@answered("error.body-empty")
def body_is_empty(answer: Answer) -> None:
    if answer.status == 422:
        answer.body = b""


@answered("error.html")
def html(answer: Answer) -> None:
    if answer.is_error:
        answer.set_header("content-type", "text/html; charset=utf-8")
        answer.body = _HTML


@answered("error.problem-json")
def problem_json(answer: Answer) -> None:
    if answer.is_error:
        answer.set_header("content-type", "application/problem+json")


@answered("error.detail-null")
def detail_is_null(answer: Answer) -> None:
    if answer.is_error:
        _set(answer, detail=None)


@answered("error.plain")
def plain(answer: Answer) -> None:
    if answer.status == 404:
        answer.set_header("content-type", "text/plain; charset=utf-8")
        answer.body = b"Not Found"


@answered("error.traceback")
def traceback(answer: Answer) -> None:
    if answer.status == 422:
        _set(answer, detail=TRACEBACK)


@answered("error.javascript-trace")
def javascript_trace(answer: Answer) -> None:
    if answer.status == 404:
        trace = "Error: no such workflow\n    at findWorkflow (/srv/app/runs.js:7:11)"
        _set(answer, detail=trace)


@framed("error.trace-in-stream")
def trace_in_a_stream(chunk: bytes, answer: Answer) -> bytes:
    trace = to_json(TRACEBACK)
    return re.sub(rb'("event":"WorkflowError".*?"error":)"[^"]*"', lambda m: m[1] + trace, chunk)


@answered("error.multipart-crash")
def multipart_crashes(answer: Answer) -> None:
    if answer.is_error and (answer.request.media_type).startswith("multipart/"):
        _refuse(answer, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


@answered("error.crash")
def crash(answer: Answer) -> None:
    if answer.is_error and answer.request.body == b'{"message": ':
        _refuse(answer, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


@answered("error.dead-after-malformed")
def dead_after_malformed(answer: Answer) -> None:
    memory = answer.memory
    if answer.request.media_type == "application/octet-stream":
        memory["malformed"] = memory.get("malformed", 0) + 1
    if memory.get("malformed", 0) > 1 and answer.request.field("user_id"):
        memory["malformed"] = 0
        _refuse(answer, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


# -- batch


@answered("batch.text")
def batch_as_text(answer: Answer) -> None:
    if answer.is_batch:
        answer.set_header("content-type", "text/plain; charset=utf-8")


@answered("batch.json-in-text")
def batch_is_json_in_a_text(answer: Answer) -> None:
    if answer.is_batch:
        answer.json = answer.body.decode()


@answered("batch.run-id-missing")
def batch_without_run_id(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, run_id=...)


@answered("batch.results-missing")
def batch_without_results(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, step_results=...)


@answered("batch.content-null")
def batch_without_content(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, content=None)


@answered("batch.result-renamed")
def batch_names_a_result_otherwise(answer: Answer) -> None:
    if answer.is_batch and isinstance(body := answer.json, dict) and body.get("step_results"):
        first, *rest = body["step_results"]
        _set(answer, step_results=[{**first, "step_name": "another"}, *rest])


@answered("batch.created-at-missing")
def batch_without_created_at(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, created_at=...)


@answered("batch.list")
def batch_as_a_list(answer: Answer) -> None:
    if answer.is_batch:
        answer.json = [answer.json]


@answered("batch.status-pending")
def batch_pending(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, status="PENDING")


@answered("batch.status-lower-case")
def batch_completed_in_lower_case(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, status="completed")


@answered("batch.other-content")
def batch_says_something_else(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, content="something else")


@answered("batch.result-lost")
def batch_loses_its_first_result(answer: Answer) -> None:
    if answer.is_batch and isinstance(body := answer.json, dict):
        results = body.get("step_results") or []
        _set(answer, step_results=results[1:] or results)


@answered("batch.other-user")
def batch_of_another_user(answer: Answer) -> None:
    if answer.is_batch and answer.request.field("user_id"):
        _set(answer, user_id="somebody")


@answered("batch.other-session")
def batch_of_another_session(answer: Answer) -> None:
    if answer.is_batch and answer.request.field("session_id"):
        _set(answer, session_id="another")


@answered("identity.batch-renamed")
def batch_of_another_name(answer: Answer) -> None:
    if answer.is_batch and isinstance(body := answer.json, dict) and "workflow_name" in body:
        _set(answer, workflow_name="another")


# -- cancelling


@answered("cancel.once-only")
def cancelled_once_only(answer: Answer) -> None:
    path = answer.request.path
    if path.endswith("/cancel") and answer.status == 200:
        if path in answer.memory:
            _refuse(answer, 404, "there is no such run", "NOT_FOUND")
        answer.memory[path] = True


@answered("cancel.crash-on-second")
def second_cancelling_crashes(answer: Answer) -> None:
    path = answer.request.path
    if path.endswith("/cancel") and answer.status == 200:
        if path in answer.memory:
            _refuse(answer, 500, "Internal Server Error", "INTERNAL_SERVER_ERROR")
        answer.memory[path] = True


# -- a stream's head and frames


@answered("sse.text-plain")
def stream_as_text(answer: Answer) -> None:
    if answer.is_stream:
        answer.set_header("content-type", "text/plain; charset=utf-8")


@answered("sse.json-type")
def stream_as_json(answer: Answer) -> None:
    if answer.is_stream:
        answer.set_header("content-type", "application/json")


@framed("sse.character-cut")
def half_a_character(chunk: bytes, answer: Answer) -> bytes:
    half = b'"content":"\xf0\x9f\x90'
    return chunk.replace(b'"content":"', half, 1) if b"RunContent" in chunk else chunk


@framed("sse.cut-in-last")
def last_event_cut(chunk: bytes, answer: Answer) -> bytes:
    end = chunk.find(b"event: WorkflowCompleted")
    return chunk if end < 0 else chunk[: end + 60]


@framed("sse.bare-json")
def json_without_a_field(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b'{"progress": 1}\n\nevent: StepStarted\n')


@framed("sse.bare-ping")
def ping_without_a_colon(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b"ping\n\nevent: StepStarted\n")


@framed("sse.latin-1")
def stream_in_latin_1(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b'"content":"', b'"content":"\xe9', 1) if b"RunContent" in chunk else chunk


@framed("sse.last-line-open")
def last_blank_line_missing(chunk: bytes, answer: Answer) -> bytes:
    return chunk[:-1] if b"event: WorkflowCompleted" in chunk else chunk


@framed("sse.other-fields")
def other_fields(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b"event: StepStarted\n", b"event: StepStarted\nname: step\n")


@framed("event.cut-off")
def data_cut_off(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"(event: RunContent\ndata: .{20}).*\n\n", rb"\1\n\n", chunk, count=1)


@framed("event.not-a-number")
def not_a_number(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb'(event: RunContentCompleted\ndata: \{"created_at":)\d+', rb"\1NaN", chunk)


@framed("event.python-text")
def data_as_python_writes_it(chunk: bytes, answer: Answer) -> bytes:
    def written(match: re.Match[bytes]) -> bytes:
        return match[1] + match[2].replace(b'"', b"'") + b"\n\n"

    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", written, chunk)


@framed("event.list")
def data_in_a_list(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", rb"\1[\2]\n\n", chunk)


@framed("event.json-in-text")
def data_is_json_in_a_text(chunk: bytes, answer: Answer) -> bytes:
    def written(match: re.Match[bytes]) -> bytes:
        return match[1] + to_json(match[2].decode()) + b"\n\n"

    return re.sub(rb"(event: RunContentCompleted\ndata: )(.*)\n\n", written, chunk)


@framed("event.done-marker")
def done_marker(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"(event: WorkflowCompleted\n.*\n\n)", rb"\1data: [DONE]\n\n", chunk)


@framed("event.other-name-in-data")
def another_name_in_the_data(chunk: bytes, answer: Answer) -> bytes:
    return chunk.replace(b'"event":"StepStarted"', b'"event":"step_started"')


@framed("event.unnamed")
def no_event_field(chunk: bytes, answer: Answer) -> bytes:
    return re.sub(rb"^event: .*\n", b"", chunk, flags=re.MULTILINE)


@answered("authentication.token-told")
def the_token_is_told(answer: Answer) -> None:
    if answer.status == 401:
        _set(answer, detail=f"expected the token {answer.request.server.token}")


@answered("batch.other-input")
def another_input(answer: Answer) -> None:
    if answer.is_batch and answer.json.get("input") == "Hello, what is new?":
        _set(answer, input="Good day")


@answered("batch.agents-lost")
def agents_are_lost(answer: Answer) -> None:
    if answer.is_batch:
        _set(answer, step_executor_runs=[])


@answered("cancel.answered-500")
def cancelled_with_an_error(answer: Answer) -> None:
    if answer.request.path.endswith("/cancel"):
        _refuse(answer, 500, "it is gone")


@answered("error.now-and-then")
def an_error_now_and_then(answer: Answer) -> None:
    if answer.is_batch:
        answer.memory["count"] = answer.memory.get("count", 0) + 1
        if answer.memory["count"] % 7 == 0:
            _refuse(answer, 500, "the database is locked")


@answered("error.broken-percent")
def broken_percent_encoding_fails(answer: Answer) -> None:
    request = answer.request
    if answer.is_error and request.is_form and re.search(rb"%(?![0-9A-Fa-f]{2})", request.body):
        _refuse(answer, 500, "malformed escape")


@framed("sse.ascii")
def ascii_alone(frame: bytes, answer: Answer) -> bytes:
    return re.sub(rb"[\x80-\xff]+", b"?", frame)
