"""Site response: the response says something else, in a way that is not plain enough for a rule."""

from __future__ import annotations

import re
from typing import Any

from agentos_contract.json_values import to_json
from mockserver.faults.exchange import Response
from mockserver.faults.registry import on_frame, on_response

_CRASH = (500, "Internal Server Error", "INTERNAL_SERVER_ERROR")


# -- errors


@on_response("authentication.token-told", on=401)
def the_token_is_repeated(response: Response) -> None:
    """The caller's own: the right one is told to nobody who did not send it."""
    sent, body = response.request.header("authorization"), response.json
    if response.status == 401 and sent and isinstance(body, dict):
        told = sent.rpartition(" ")[2]
        response.json = {**body, "detail": f"the token {told} is not the right one"}


@on_response("input-schema.unprocessable", on=400)
def message_of_another_schema(response: Response) -> None:
    if response.status == 400 and b"message" in response.body:
        response.status = 422


@on_response("error.body-text", on="error")
def body_is_a_text(response: Response) -> None:
    if response.is_error and isinstance(response.json, dict):
        response.json = response.json.get("detail")


@on_response("error.broken-percent", on="error")
def broken_percent_encoding_fails(response: Response) -> None:
    request = response.request
    if response.is_error and request.is_form and re.search(rb"%(?![0-9A-Fa-f]{2})", request.body):
        response.refuse(500, "malformed escape")


@on_response("error.dead-after-malformed")
def dead_after_malformed(response: Response) -> None:
    counts = response.memory.values
    if response.request.media_type == "application/octet-stream":
        counts["malformed"] = counts.get("malformed", 0) + 1
    if counts.get("malformed", 0) > 1 and response.request.field("user_id"):
        counts["malformed"] = 0
        response.refuse(*_CRASH)


@on_response("form.half-character-fails", on="error")
def half_a_character_fails(response: Response) -> None:
    request = response.request
    if response.is_error and request.is_form and re.search(rb"%ED%[AB]", request.body):
        response.refuse(500, "surrogates not allowed")


# -- batch runs


@on_response("batch.json-in-text", on="batch")
def batch_is_json_in_a_text(response: Response) -> None:
    if response.is_batch:
        response.json = response.body.decode()


@on_response("batch.list", on="batch")
def batch_as_a_list(response: Response) -> None:
    if response.is_batch:
        response.json = [response.json]


@on_response("http.qualities-fail", on="batch")
def qualities_fail(response: Response) -> None:
    if response.is_batch and ";q=" in (response.request.header("accept") or ""):
        response.refuse(*_CRASH)


@on_response("results.metrics-by-id", on="batch")
def metrics_by_id(response: Response) -> None:
    body = response.json
    if response.is_batch and isinstance(body, dict) and (steps := _measured(body)):
        ids = {one["step_name"]: one["step_id"] for one in body["step_results"]}
        body["metrics"]["steps"] = {ids.get(name, name): steps[name] for name in steps}
        response.json = body


@on_response("results.metrics-lost", on="batch")
def metrics_of_the_last_step_lost(response: Response) -> None:
    body = response.json
    if response.is_batch and isinstance(body, dict) and (steps := _measured(body)):
        steps.popitem()
        response.json = body


def _measured(body: dict[str, Any]) -> dict[str, Any]:
    steps: dict[str, Any] = (body.get("metrics") or {}).get("steps") or {}
    return steps


@on_response("http.agent-wanted", on="batch")
def agent_wanted(response: Response) -> None:
    if response.is_batch and not response.request.header("user-agent"):
        response.refuse(*_CRASH)


def _is_each(response: Response, number: int) -> bool:
    """Whether it is one in so many of those that this was asked of."""
    count = response.memory.values["count"] = response.memory.values.get("count", 0) + 1
    return bool(count % number == 0)


@on_response("error.now-and-then", on="batch")
def an_error_now_and_then(response: Response) -> None:
    if response.is_batch and _is_each(response, 7):
        response.refuse(500, "the database is locked")


@on_response("error.read-now-and-then")
def a_reading_that_fails_now_and_then(response: Response) -> None:
    is_reading = response.request.method == "GET" and response.request.path.startswith("/sessions/")
    if is_reading and _is_each(response, 5):
        response.refuse(500, "the database is locked")


def _lacks_in_every_tenth(response: Response, key: str) -> None:
    if response.is_batch and isinstance(response.json, dict) and _is_each(response, 10):
        response.json = {name: value for name, value in response.json.items() if name != key}


@on_response("batch.results-lost-in-tenth", on="batch")
def no_results_in_every_tenth(response: Response) -> None:
    _lacks_in_every_tenth(response, "step_results")


@on_response("batch.runs-lost-in-tenth", on="batch")
def no_executor_runs_in_every_tenth(response: Response) -> None:
    _lacks_in_every_tenth(response, "step_executor_runs")


# -- cancelling


def _is_cancelled_again(response: Response) -> bool:
    path = response.request.path
    return path.endswith("/cancel") and response.status == 200 and not response.memory.mark(path)


@on_response("cancel.over-unknown", on="cancel")
def run_is_not_known_any_more(response: Response) -> None:
    if _is_cancelled_again(response):
        response.refuse(404, "there is no such run", "NOT_FOUND")


@on_response("cancel.crash-on-second", on="cancel")
def second_cancelling_crashes(response: Response) -> None:
    if _is_cancelled_again(response):
        response.refuse(*_CRASH)


# -- a stream's frames


@on_frame("event.python-text", of="RunContentCompleted")
def data_as_python_writes_it(chunk: bytes, response: Response) -> bytes:
    return _DATA.sub(lambda match: match[1] + match[2].replace(b'"', b"'"), chunk)


@on_frame("event.json-in-text", of="RunContentCompleted")
def data_is_json_in_a_text(chunk: bytes, response: Response) -> bytes:
    return _DATA.sub(lambda match: match[1] + to_json(match[2].decode()), chunk)


@on_frame("event.cut-at-8-kib")
def event_cut_at_8_kib(chunk: bytes, response: Response) -> bytes:
    frames = chunk.split(b"\n\n")
    return b"\n\n".join(frame[: 8 * 1024] for frame in frames)


_DATA = re.compile(rb"(event: RunContentCompleted\ndata: )(.*)")
