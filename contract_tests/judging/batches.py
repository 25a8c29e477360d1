"""Judges the body of a batch run by itself: what it repeats of the request, and its results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.json_values import mapping, mappings, short, unlike
from agentos_contract.judge import wrong_time
from agentos_contract.results import last_contents
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import RunRules
from contract_tests.target.exchange import Exchange
from contract_tests.target.target import Workflow

OF_BATCHES = frozenset(
    {
        "batch.body",
        "batch.content-in-results",
        "batch.content-type",
        "batch.executor-runs",
        "batch.input",
        "batch.paused",
        "batch.status-completed",
        "error.no-traceback",
        "identity.batch-echo",
        "identity.run-id-fresh",
        "identity.session-id-fresh",
        "identity.workflow-name",
        "results.metrics",
        "routing.known-workflow",
        "sse.transfer",
    }
)
"""Requirements that every batch run is judged by."""

MUCH = 100.0
LITTLE = 10.0
"""A hundred times what an answer took and ten seconds more are no duration of it, and milliseconds
may be; a mock that plays faster than it says tells less."""

_REQUIREMENTS = ("step_requirements", "error_requirements")


@dataclass
class BatchRun:
    """A run that was answered with a batch body, or failed (500)."""

    workflow_id: str
    message: str
    exchange: Exchange
    body: dict[str, Any] = field(default_factory=dict)
    """Empty where the run failed or the body is no JSON object."""


def judge_batch(
    exchange: Exchange,
    body: Mapping[str, Any],
    workflow: Workflow,
    message: str | None,
    rules: RunRules,
) -> Judgement:
    """Judge a batch body that was answered with 200. `message`: the one that was sent, where its
    input must be that."""
    judgement = Judgement()
    judgement.exercise("batch.status-completed", rules.echo)
    if message is not None and "input" in body:
        # With its own message it says whether an input is given back at all.
        usual = "batch.input" if message == workflow.message else "form.text-kept"
        sent, came = unlike(message, body["input"])
        text = f"asked with the message {sent}, the body has the input {came}"
        judgement.require(rules.input or usual, body["input"] == message, text, exchange)
    created_at = body.get("created_at")
    if isinstance(created_at, int | float) and not isinstance(created_at, bool):
        judgement.exercise("time.seconds")
        if (wrong := wrong_time(created_at, time.time())) is not None:
            judgement.breach("time.seconds", f"created_at {created_at} {wrong}", exchange)
    if workflow.name and "workflow_name" in body:
        text = f"the workflow {workflow.name!r} is {body['workflow_name']!r} in the body"
        kept = body["workflow_name"] == workflow.name
        judgement.require("identity.workflow-name", kept, text, exchange)
    is_paused = body.get("status") == "PAUSED"
    if is_paused:
        at, asked_for = body.get("paused_step_name"), [body.get(key) for key in _REQUIREMENTS]
        text = f"PAUSED at the step {at!r}, with the requirements {short(asked_for)}"
        says = isinstance(at, str) and any(isinstance(one, list) and one for one in asked_for)
        judgement.require("batch.paused", says, text, exchange)
    elif body.get("status") != "COMPLETED":
        text = f"answered with 200 and the status {body.get('status')!r}"
        judgement.breach("batch.status-completed", text, exchange)
    for key, asked in (
        ("workflow_id", workflow.id),
        ("session_id", exchange.request.field("session_id") or None),
        ("user_id", exchange.request.field("user_id") or None),
    ):
        if asked is not None and body.get(key) != asked:
            sent, came = unlike(asked, body.get(key))
            text = f"asked for {key} {sent}, the body has {came}"
            judgement.breach(rules.echo, text, exchange)
    results = body.get("step_results")
    ids = [one["step_id"] for one in mappings(results) if isinstance(one.get("step_id"), str)]
    if len(ids) > 1:
        text = f"the results at top level have the step_ids {ids}"
        judgement.require("identity.step-id-unique", len(set(ids)) == len(ids), text, exchange)
    if isinstance(results, list) and results and not is_paused:
        last, content = last_contents(results), body.get("content")
        here, there = unlike(content, last[-1])
        text = f"the run's content is {here}, its last result has {there}"
        judgement.require("batch.content-in-results", content in last, text, exchange)
    if not is_paused:
        judgement.merge(_judge_metrics(exchange, body))
    return judgement


def _judge_metrics(exchange: Exchange, body: Mapping[str, Any]) -> Judgement:
    judgement, metrics = Judgement(), mapping(body.get("metrics"))
    steps = metrics.get("steps")
    if isinstance(steps, Mapping):
        ran = list(_results(body.get("step_results")))
        names = {str(one.get("step_name")) for one in ran}
        by_id = sorted((set(steps) - names) & {str(one.get("step_id")) for one in ran})
        text = f"metrics of the steps {short(by_id)}, which are ids and not names"
        judgement.require("results.metrics", not by_id, text, exchange)
        measured = [one for one in ran if one.get("metrics") and not one.get("steps")]
        left = sorted({str(one.get("step_name")) for one in measured} - set(steps))
        text = f"the results of {short(left)} have metrics, which those of the run lack"
        # Where a result was lost or renamed that is another requirement's.
        is_kept = not left or not set(steps) <= names
        judgement.require("results.metrics", is_kept, text, exchange)
    judge_duration(exchange, metrics, "the run", judgement)
    return judgement


def _results(results: Any) -> Iterator[Mapping[str, Any]]:
    """Results, and those within them."""
    for one in mappings(results):
        yield one
        yield from _results(one.get("steps"))


def judge_duration(
    exchange: Exchange, metrics: Mapping[str, Any], whose: str, judgement: Judgement
) -> None:
    """A duration in milliseconds is a thousand times what the answer took."""
    duration = metrics.get("duration")
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        text = f"a duration of {short(duration)} s of {whose}, answered in {exchange.seconds:.2f} s"
        most = LITTLE + MUCH * exchange.seconds
        judgement.require("results.metrics", 0 <= duration <= most, text, exchange)
