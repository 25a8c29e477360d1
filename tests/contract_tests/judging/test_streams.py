"""A stream is read to its end, however much is wrong with it; only the report is cut off."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from agentos_contract.sse import EventStreamDecoder, encode_event
from contract_tests.judging.judgement import Judgement
from contract_tests.judging.pacing import (
    held_back,
    shows_pacing,
    tells_first_tokens,
    words_at_once,
)
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


def talk(said_at: list[float], created: list[int]) -> StreamedRun:
    """A run whose agent says a word at each of these times."""
    events = good()
    head = {key: value for key, value in events[2].items() if key not in ("event", "created_at")}
    words = [{**head, "event": "RunContent", "content": "w", "created_at": at} for at in created]
    _, run = judge(stream(*events[:3], *words))
    first = run.exchange.events[:3]
    later = zip(said_at, run.exchange.events[3:], strict=True)
    run.exchange.events = [*first, *((at, one) for at, (_, one) in later)]
    return run


@pytest.mark.parametrize(
    ("said_at", "created", "is_paced", "is_held"),
    [
        ([0.2, 1.2, 2.2, 3.2], [1000, 1001, 1002, 1003], True, False),
        ([3.2, 3.2, 3.2, 3.2], [1000, 1001, 1002, 1003], True, True),
        ([3.2, 3.2, 3.2, 3.3], [1000, 1000, 1000, 1000], False, False),  # all has one time
        ([3.2, 3.2, 3.3, 3.3], [1003, 1003, 1003, 1003], False, False),  # a model that thinks first
        ([0.2, 0.3, 3.1, 3.2], [1000, 1000, 1003, 1003], True, False),  # a tool between
    ],
)
def test_what_an_agent_says_is_held_back_where_its_times_say_so(
    said_at: list[float], created: list[int], is_paced: bool, is_held: bool
) -> None:
    run = talk(said_at, created)
    assert shows_pacing(run) is is_paced
    assert (held_back(run) is not None) is is_held


@pytest.mark.parametrize(
    ("said_at", "told", "is_told", "is_held"),
    [
        ([0.5, 1.5, 2.5, 3.5], {"time_to_first_token": 0.4}, True, False),
        ([3.5, 3.5, 3.5, 3.6], {"time_to_first_token": 0.4}, True, True),
        ([3.5, 3.5, 3.5, 3.6], {"time_to_first_token": 3.4}, True, False),  # a slow model
        ([3.5, 3.5, 3.5, 3.6], {}, False, False),
        ([3.5, 3.5, 3.5, 3.6], {"time_to_first_token": None}, False, False),
        ([3.5, 3.5, 3.5, 3.6], {"time_to_first_token": 10**400}, False, False),
        # It thought before it spoke, and its first token was a thought perhaps.
        ([3.5, 3.5, 3.5, 3.6], {"time_to_first_token": 0.4, "reasoning_tokens": 80}, False, False),
        ([3.5, 4.0, 4.5, 5.0], {"time_to_first_token": 0.4}, True, False),
        ([0.5, 0.5, 0.5, 0.5], {"time_to_first_token": 0.4}, False, False),
    ],
)
def test_words_are_held_back_where_the_first_token_came_long_before(
    said_at: list[float], told: dict[str, Any], is_told: bool, is_held: bool
) -> None:
    """Their created_at are one, and say nothing."""
    events = good()
    head = {key: value for key, value in events[2].items() if key != "event"}
    asked, answered = {**head, "event": "ModelRequestStarted"}, {**head, **told}
    words = [{**head, "event": "RunContent", "content": "w"}] * len(said_at)
    answered["event"] = "ModelRequestCompleted"
    _, run = judge(stream(*events[:3], asked, *words, answered))
    later = zip([*said_at, said_at[-1]], run.exchange.events[4:], strict=True)
    run.exchange.events = [
        *((0.1, one) for _, one in run.exchange.events[:4]),
        *((at, one) for at, (_, one) in later),
    ]
    assert tells_first_tokens(run) is is_told
    assert (words_at_once(run) is not None) is is_held


def failed_talk(content: Any, **response: Any) -> Counter[str]:
    """What is broken by a step whose agent failed, that ends so."""
    events = good()
    end = next(n for n, one in enumerate(events) if one["event"] == "StepCompleted")
    before = [one for one in events[:end] if not one["event"].endswith("RunCompleted")]
    head = {key: value for key, value in events[2].items() if key != "event"}
    error = {**head, "event": "RunError", "content": "overloaded"}
    said = {**events[end]["step_response"], "content": content, **response}
    step = {**events[end], "content": content, "step_response": said}
    judgement, _ = judge(stream(*before, error, step))
    return Counter(name for name in counts(judgement) if name.startswith("results."))


def test_a_step_whose_agent_failed_does_not_succeed_with_nothing() -> None:
    assert failed_talk(None) == {"results.executor-content": 1}
    assert failed_talk("") == {"results.executor-content": 1}
    assert failed_talk("overloaded") == {}
    assert failed_talk(None, success=False) == {}
    assert failed_talk(None, error="overloaded") == {}
