"""Judges one run: its stream by the shared state machine, its batch body by the same rules."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentos_contract.document import EVENT_STREAM
from agentos_contract.events import CONTAINERS, EVENTS, STEPS_AND_CONTAINERS, TERMINAL_EVENTS, Scope
from agentos_contract.json_values import mappings, short
from agentos_contract.judge import JUDGED_REQUIREMENTS, PayloadValidator, RunJudge, wrong_time
from contract_tests.judging.answers import _TRACEBACK, JSON, Judgement
from contract_tests.target.client import Exchange

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)

FRAMING = frozenset({"sse.content-type", "sse.utf-8", "sse.complete", "sse.known-fields"})
BATCH = frozenset(
    {"batch.input", "batch.content-type", "batch.status-completed", "batch.content-in-results"}
)
DECIDES = (
    JUDGED_REQUIREMENTS
    | FRAMING
    | BATCH
    | {"cancel.unasked", "error.sporadic", "identity.batch-echo"}
)
"""Requirements that every run is judged by."""

MAX_VIOLATIONS = 50
"""Of one stream: an endless one would fill the report."""


MISSING = {
    "parallel.step-count": "no Parallel ran to its end",
    "condition.branch": "no Condition ran to its end",
    "loop.iterations": "no Loop ran to its end",
    "loop.should-continue": "no Loop ran to its end",
    "router.selected-steps": "no Router ran to its end",
    "results.run-content": "no agent or team streamed content",
    "order.content-completed": "no agent or team completed its content",
    "order.within": "no stream had content or output",
    "order.sequential": "no workflow ran two steps, one after the other",
    "identity.step-id-unique": "no workflow ran two steps in one container",
    "identity.step-index": "no workflow ran two steps in one container",
    "event.schema": "the document has no schemas for events (it was loaded without an overlay)",
    "batch.input": "no batch body has the run's input",
    "batch.content-in-results": "no batch body had step results",
}
"""Why a requirement was not exercised, by what would have exercised it."""


@dataclass
class StreamedRun:
    """A run that was answered with a stream."""

    workflow_id: str
    message: str
    exchange: Exchange
    judge: RunJudge

    @cached_property
    def terminal(self) -> dict[str, Any] | None:
        """The payload of the event that ended the run."""
        for payload in self.judge.payloads:
            if str(payload.get("event")) in TERMINAL_EVENTS:
                return payload
        return None

    @property
    def is_completed(self) -> bool:
        return self.terminal is not None and self.terminal["event"] == "WorkflowCompleted"

    @property
    def run_id(self) -> str | None:
        return self._first("run_id")

    @property
    def session_id(self) -> str | None:
        return self._first("session_id")

    def _first(self, key: str) -> str | None:
        for payload in self.judge.payloads:
            kind = EVENTS.get(str(payload.get("event")))
            if kind is not None and kind.scope in STEPS_AND_CONTAINERS | {Scope.WORKFLOW}:
                value = payload.get(key)
                return value if isinstance(value, str) else None
        return None

    @property
    def seconds(self) -> float:
        """From the request to the last event."""
        return self.exchange.events[-1][0] if self.exchange.events else self.exchange.seconds


@dataclass
class BatchRun:
    """A run that was answered with a batch body, or failed (500)."""

    workflow_id: str
    message: str
    exchange: Exchange
    body: dict[str, Any]
    """Empty where the run failed or the body is no JSON object."""


def judge_stream(
    exchange: Exchange,
    *,
    validators: Mapping[str, PayloadValidator],
    workflow_id: str | None,
    session_id: str | None,
    workflow_name: str | None = None,
) -> tuple[Judgement, RunJudge]:
    """Judge a stream that was answered with 200. `session_id` is the one asked for, if any."""
    judgement = Judgement()
    judge = RunJudge(
        workflow_name=workflow_name,
        workflow_id=workflow_id,
        session_id=session_id,
        validators=validators,
        now=time.time(),
    )
    judgement.exercise("sse.content-type")
    decoder = exchange.decoder
    if decoder is None:
        return judgement, judge
    for _, event in exchange.events:
        judge.receive(event)
        if len(judge.violations) > MAX_VIOLATIONS:
            break
    # A stream that was cut or ran into a limit has no end to judge.
    if exchange.error is None:
        judge.end()
        judgement.exercise("sse.complete")
        if decoder.incomplete:
            message = "the stream ended within an event: its last block has no blank line after it"
            judgement.breach("sse.complete", message, exchange)
    judgement.exercise("sse.utf-8", "sse.known-fields")
    charset = _CHARSET.search(exchange.headers.get("content-type", ""))
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8"):
        message = f"the stream calls itself {charset[1]}; event streams are UTF-8"
        judgement.breach("sse.utf-8", message, exchange)
    if decoder.invalid_utf8:
        judgement.breach("sse.utf-8", "the stream has bytes that are no UTF-8", exchange)
    if decoder.unknown_fields:
        names = ", ".join(repr(name) for name in sorted(decoder.unknown_fields)[:5])
        message = f"lines with fields that are none of event, data, id, retry: {names}"
        judgement.breach("sse.known-fields", message, exchange)
    judgement.exercise(*judge.exercised)
    for violation in judge.violations[:MAX_VIOLATIONS]:
        if violation.requirement == "order.terminal-event" and decoder.incomplete:
            continue  # it may well have been that event
        where = f"event {violation.index + 1}: " if violation.index is not None else ""
        judgement.breach(
            violation.requirement, where + violation.message, exchange, violation.index
        )
    for payload in judge.payloads:
        if payload.get("event") == "WorkflowError":
            judgement.exercise("error.no-traceback")
            if found := _TRACEBACK.search(str(payload.get("error"))):
                message = f"WorkflowError shows {found[0].strip()!r}"
                judgement.breach("error.no-traceback", message, exchange)
    return judgement, judge


def judge_media_type(exchange: Exchange, *, stream: bool | None) -> Judgement:
    """Whether a run that was answered with 200 came in the mode that was asked for."""
    judgement = Judgement()
    if stream is False:
        requirement, wanted = "batch.content-type", JSON
    elif stream is None:
        requirement, wanted = "form.stream-default", EVENT_STREAM
    else:
        requirement, wanted = "sse.content-type", EVENT_STREAM
    judgement.exercise(requirement)
    if exchange.media_type != wanted:
        came = exchange.headers.get("content-type", "no content type")
        message = f"expected {wanted}, got {came}"
        judgement.breach(requirement, message, exchange)
    return judgement


def judge_batch(
    exchange: Exchange,
    body: Mapping[str, Any],
    *,
    workflow_id: str,
    session_id: str | None,
    user_id: str | None,
    workflow_name: str | None = None,
    message: str | None = None,
) -> Judgement:
    """Judge a batch body that was answered with 200. `message`: the one that was sent, where its
    input must be that."""
    judgement = Judgement()
    judgement.exercise("batch.status-completed", "identity.batch-echo")
    if message is not None and "input" in body:
        judgement.exercise("batch.input")
        if body["input"] != message:
            said = f"asked with the message {short(message)}, the body has the input"
            judgement.breach("batch.input", f"{said} {short(body['input'])}", exchange)
    created_at = body.get("created_at")
    if isinstance(created_at, int | float) and not isinstance(created_at, bool):
        judgement.exercise("time.seconds")
        if (fault := wrong_time(created_at, time.time())) is not None:
            judgement.breach("time.seconds", f"created_at {created_at} {fault}", exchange)
    if workflow_name and "workflow_name" in body:
        judgement.exercise("identity.workflow-name")
        if body["workflow_name"] != workflow_name:
            text = f"the workflow {workflow_name!r} is {body['workflow_name']!r} in the body"
            judgement.breach("identity.workflow-name", text, exchange)
    if body.get("status") != "COMPLETED":
        message = f"answered with 200 and the status {body.get('status')!r}"
        judgement.breach("batch.status-completed", message, exchange)
    for key, asked in (
        ("workflow_id", workflow_id),
        ("session_id", session_id),
        ("user_id", user_id),
    ):
        if asked is not None and body.get(key) != asked:
            message = f"asked for {key} {asked!r}, the body has {body.get(key)!r}"
            judgement.breach("identity.batch-echo", message, exchange)
    results = body.get("step_results")
    ids = [one["step_id"] for one in mappings(results) if isinstance(one.get("step_id"), str)]
    if len(ids) > 1:
        judgement.exercise("identity.step-id-unique")
        if len(set(ids)) < len(ids):
            text = f"the results at top level have the step_ids {ids}"
            judgement.breach("identity.step-id-unique", text, exchange)
    if isinstance(results, list) and results:
        judgement.exercise("batch.content-in-results")
        last = last_content(results)
        if last != body.get("content"):
            message = (
                f"the run's content is {short(body.get('content'))}, "
                f"its last result has {short(last)}"
            )
            judgement.breach("batch.content-in-results", message, exchange)
    return judgement


def last_content(results: list[Any]) -> Any:
    """The content of the last result, taken as deep as it goes."""
    last: Any = results[-1]
    while isinstance(last, Mapping) and mappings(last.get("steps")):
        last = mappings(last["steps"])[-1]
    return last.get("content") if isinstance(last, Mapping) else None


def held_back(run: StreamedRun) -> str | None:
    """Why a stream's events cannot have been sent as they happened; None where they may have.

    An event that is as late as two seconds by its own created_at, in a stream where a later event
    is not, was held back. Whole seconds and clocks that differ cannot make that; a created_at that
    is the same on all events makes lateness grow, never shrink.
    """
    late: tuple[float, str] | None = None
    for arrived, name, created in _timed(run):
        lag = arrived - created
        if late is not None and late[0] - lag >= 2.0:
            return (
                f"{late[1]} came {late[0] - lag:.1f} s later after its created_at than {name}, "
                f"which came at {arrived:.1f} s: it was held back"
            )
        if late is None or lag > late[0]:
            late = (lag, name)
    return None


def shows_pacing(run: StreamedRun) -> bool:
    """Whether a run took long enough for its events to have been held back, by times that can be
    believed: those that go backwards say nothing."""
    times = [created for _, _, created in _timed(run)]
    return bool(times) and times == sorted(times) and times[-1] - times[0] >= 3


def _timed(run: StreamedRun) -> list[tuple[float, str, float]]:
    """Arrival, name and created_at of the workflow's own events: a nested run's created_at may
    be that of its start."""
    scopes = CONTAINERS | {Scope.WORKFLOW, Scope.STEP, Scope.ITERATION}
    timed = []
    payloads = iter(run.judge.payloads)
    for arrived, event in run.exchange.events:
        payload = next(payloads, None)
        if payload is None:
            break
        kind = EVENTS.get(event.event)
        created = payload.get("created_at")
        if kind is None or kind.scope not in scopes or not isinstance(created, int | float):
            continue
        if abs(created) < 1e15:  # a time, whatever its unit
            timed.append((arrived, event.event, float(created)))
    return timed


def describe(run: StreamedRun) -> str:
    """A few words on a run, for messages."""
    end = run.terminal["event"] if run.terminal else "no terminal event"
    return f"{len(run.exchange.events)} events, {end}, {run.seconds:.1f} s"


def fails_by_itself(streamed: Exchange) -> bool:
    """Whether a run failed in its stream: a step did, and not the server before it."""
    return any(event.event == "WorkflowError" for _, event in streamed.events)
