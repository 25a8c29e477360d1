"""Judges the stream of a run, by the shared state machine and by when its events came."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentos_contract.document import EVENT_STREAM
from agentos_contract.events import (
    EVENTS,
    STEPS_AND_CONTAINERS,
    TERMINAL_EVENTS,
    Scope,
)
from agentos_contract.json_values import mapping
from agentos_contract.judge import JUDGED_REQUIREMENTS, PayloadValidator, RunJudge
from agentos_contract.requirements import load_catalogue
from agentos_contract.sse import EventStreamDecoder
from contract_tests.judging.answers import JSON, TRACEBACK
from contract_tests.judging.batches import judge_duration
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import RunRules
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)

OF_STREAMS = JUDGED_REQUIREMENTS | {
    "cancel.unasked",
    "error.no-traceback",
    "identity.run-id-fresh",
    "identity.session-id-fresh",
    "results.metrics",
    "sse.complete",
    "sse.content-type",
    "sse.known-fields",
    "sse.transfer",
    "sse.utf-8",
}
"""Requirements that every stream of a run is judged by."""

MAX_REPORTED = 50
"""So many violations of each requirement are reported of one stream; a long one would fill the
report."""


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
    def content(self) -> Any:
        """What the run came to."""
        return (self.terminal or {}).get("content")

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


def judge_stream(
    exchange: Exchange,
    workflow: Workflow,
    validators: Mapping[str, PayloadValidator],
    rules: RunRules,
) -> tuple[Judgement, RunJudge]:
    """Judge a stream that was answered with 200."""
    judgement = Judgement()
    session_id = exchange.request.field("session_id") or None
    judge = RunJudge(
        workflow_name=workflow.name,
        workflow_id=workflow.id,
        session_id=session_id if rules.takes_session else None,
        validators=validators,
        now=time.time(),
        rules=rules,
    )
    judgement.exercise("sse.content-type")
    decoder = exchange.decoder
    if decoder is None:
        return judgement, judge
    for _, event in exchange.events:
        judge.receive(event)
    # A stream that was cut or ran into a limit has no end to judge.
    if exchange.error is None:
        judge.end(lost_event=decoder.incomplete)
        message = "the stream ended within an event: its last block has no blank line after it"
        judgement.require("sse.complete", not decoder.incomplete, message, exchange)
    _judge_bytes(exchange, decoder, judgement)
    for requirement, conditions in judge.conditions.items():
        for when in conditions:
            judgement.exercise(requirement, when=when)
    _add_violations(exchange, judge, judgement)
    for payload in judge.payloads:
        if payload.get("event") == "RunCompleted":
            whose = f"the agent {payload.get('agent_name') or payload.get('agent_id')}"
            judge_duration(exchange, mapping(payload.get("metrics")), whose, judgement)
        for text in _errors_in(payload):
            judgement.exercise("error.no-traceback")
            if found := TRACEBACK.search(text):
                message = f"{payload.get('event')} shows {found[0].strip()!r}"
                judgement.breach("error.no-traceback", message, exchange)
    return judgement, judge


def _errors_in(payload: Mapping[str, Any]) -> list[str]:
    """What an event says of what went wrong."""
    texts = [payload.get("error")]
    if str(payload.get("event")).endswith("Error"):
        texts.append(payload.get("content"))
    return [text for text in texts if isinstance(text, str)]


def _judge_bytes(exchange: Exchange, decoder: EventStreamDecoder, judgement: Judgement) -> None:
    """Whether a stream is UTF-8, and has only the fields that there are."""
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


def _add_violations(exchange: Exchange, judge: RunJudge, judgement: Judgement) -> None:
    """Report the first violations of each requirement; all of them are read."""
    reported: Counter[str] = Counter()
    for violation in judge.violations:
        reported[violation.requirement] += 1
        if reported[violation.requirement] <= MAX_REPORTED:
            where = f"event {violation.index + 1}: " if violation.index is not None else ""
            message = where + violation.message
            requirement = load_catalogue()[violation.requirement]
            # Under a probe's own requirement it may not be told apart.
            is_told = requirement.is_by_schema or violation.cause in requirement.causes
            judgement.breach(
                violation.requirement,
                message,
                exchange,
                violation.index,
                cause=violation.cause if is_told else "",
                at=violation.at,
                when=violation.when,
            )


def judge_media_type(exchange: Exchange, *, stream: bool | None) -> Judgement:
    """Whether a run that was answered with 200 came in the mode that was asked for."""
    judgement = Judgement()
    if stream is False:
        requirement, wanted = "batch.content-type", JSON
    elif stream is None:
        requirement, wanted = "form.stream-default", EVENT_STREAM
    else:
        requirement, wanted = "sse.content-type", EVENT_STREAM
    came = exchange.headers.get("content-type", "no content type")
    message = f"expected {wanted}, got {came}"
    judgement.require(requirement, exchange.media_type == wanted, message, exchange)
    return judgement


def describe(run: StreamedRun) -> str:
    """A few words on a run, for messages."""
    end = run.terminal["event"] if run.terminal else "no terminal event"
    return f"{len(run.exchange.events)} events, {end}, {run.seconds:.1f} s"


def fails_by_itself(streamed: Exchange) -> bool:
    """Whether a run failed in its stream: a step did, and not the server before it."""
    return any(event.event == "WorkflowError" for _, event in streamed.events)


def repeats(run: StreamedRun, message: str) -> bool:
    """Whether functions alone carried a workflow out, and its content has the whole message."""
    root = run.judge.machine.root
    by_agents = root is not None and any(span.scope is Scope.RUN for span in root.walk())
    return not by_agents and message in str(run.content)
