"""A stream is read to its end, however much is wrong with it; only the report is cut off."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from agentos_contract.sse import EventStreamDecoder, encode_event
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.rules import ANY_RUN, RunRules
from contract_tests.judging.streams import MAX_REPORTED, StreamedRun, judge_stream
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.target import Workflow
from tests.agentos_contract.test_judge import event, good

WORKFLOW = Workflow("w", "x", name="W")


def judge(content: bytes, rules: RunRules = ANY_RUN) -> tuple[Judgement, StreamedRun]:
    request = Request("POST", "/workflows/w/runs", (("message", "x"), ("session_id", "s")))
    exchange = Exchange(request, "curl", 200)
    exchange.headers["content-type"] = "text/event-stream"
    exchange.decoder = EventStreamDecoder()
    events = [*exchange.decoder.feed(content), *exchange.decoder.end()]
    exchange.events = [(0.1, one) for one in events]
    judgement, run_judge = judge_stream(exchange, WORKFLOW, {}, rules)
    return judgement, StreamedRun("w", "x", exchange, run_judge)


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(encode_event(one["event"], json.dumps(one)) for one in events)


def counts(judgement: Judgement) -> Counter[str]:
    return Counter(breach.requirement for breach in judgement.breaches)


@pytest.mark.parametrize("wrong", [49, 51, 500, 3_000])
def test_a_run_with_much_wrong_completes_all_the_same(wrong: int) -> None:
    events = good()
    nonsense = [event("Nonsense")] * wrong
    judgement, run = judge(stream(events[0], *nonsense, *events[1:]))
    assert run.is_completed
    assert counts(judgement) == {"event.known-name": min(wrong, MAX_REPORTED)}


def test_what_comes_after_much_else_is_reported() -> None:
    events = good()
    nonsense = [event("Nonsense")] * 200
    judgement, _ = judge(stream(events[0], *nonsense, *events[1:-1], *events[-1:] * 2))
    assert counts(judgement) == {"event.known-name": MAX_REPORTED, "order.one-terminal-event": 1}


@pytest.mark.parametrize("tail", [b": bye", b": bye\n", b"event: WorkflowCompleted\n"])
def test_a_stream_that_ends_with_no_event_loses_none(tail: bytes) -> None:
    judgement, run = judge(stream(*good()) + tail)
    assert run.is_completed
    assert counts(judgement) == {}
    judgement, run = judge(stream(*good()[:-1]) + tail)
    assert counts(judgement) == {"order.terminal-event": 1}


def test_a_terminal_event_that_was_lost_is_not_missed_as_well() -> None:
    whole = stream(*good())
    judgement, _ = judge(whole.removesuffix(b"\n"))
    assert counts(judgement) == {"sse.complete": 1}


def test_a_judge_is_told_what_it_judges() -> None:
    """Where a run was cancelled its end is that of a cancelled one; beside another, its ids are."""
    rules = RunRules(end="cancel.one-terminal-event", run_id="session.isolation", session_id=None)
    events = good()
    events[1]["session_id"], events[2]["workflow_run_id"] = "other", "other"
    judgement, _ = judge(stream(*events, event("WorkflowCancelled")), rules)
    assert counts(judgement) == {"cancel.one-terminal-event": 1, "session.isolation": 1}
    usual = {"order.one-terminal-event", "order.nothing-after", "identity.run-id"}
    assert not judgement.exercised & {*usual, "identity.session-id"}
    judgement, _ = judge(stream(*events[:1]), rules)
    assert counts(judgement) == {"cancel.one-terminal-event": 1}
