"""Whatever a server sends, it is judged: nothing in it makes a check fail itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_contract.json_values import parse_object
from agentos_contract.judge import RunJudge
from agentos_contract.sse import EventStreamDecoder, ServerSentEvent
from contract_tests.judging.answers import AnswerJudge, Expected
from contract_tests.judging.batches import BatchRun, judge_batch
from contract_tests.judging.outcomes import outcome_of_batch, outcome_of_stream
from contract_tests.judging.pacing import held_back, shows_pacing, words_at_once
from contract_tests.judging.rules import ANY_RUN
from contract_tests.judging.streams import StreamedRun, judge_stream
from contract_tests.target.exchange import Exchange, Request
from contract_tests.target.target import Workflow
from tests.agentos_contract.test_judge import good
from tests.contract_tests.conftest import DOCUMENT
from tests.contract_tests.server import ConformingServer, Run

ANSWERS = AnswerJudge(DOCUMENT)
VALIDATORS = {
    name: jsonschema_rs.Draft202012Validator(DOCUMENT.event_schemas[name])
    for name in ("WorkflowCompleted", "StepCompleted", "LoopIterationCompleted")
}
KEYS = st.sampled_from(
    [
        "event",
        "run_id",
        "session_id",
        "step_id",
        "step_name",
        "step_index",
        "steps",
        "content",
        "step_results",
        "step_response",
        "created_at",
        "status",
        "iteration",
        "parent_step_id",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
WORKFLOW = Workflow("w", "x")
EVENTS = [json.loads(json.dumps(event)) for event in good()]


def an_exchange(content: bytes, media_type: str, status: int = 200) -> Exchange:
    request = Request("POST", "/workflows/w/runs", (("message", "x"), ("session_id", "s")))
    exchange = Exchange(request, "curl", status)
    exchange.headers["content-type"] = media_type
    if media_type == "text/event-stream":
        exchange.decoder = decoder = EventStreamDecoder()
        events = [*decoder.feed(content), *decoder.end()]
        exchange.events = [(0.1 * position, event) for position, event in enumerate(events)]
    else:
        exchange.body = content
    return exchange


def judge_everything_of_a_stream(content: bytes) -> None:
    exchange = an_exchange(content, "text/event-stream")
    ANSWERS.judge(exchange, Expected.STREAM)
    judgement, judge = judge_stream(exchange, WORKFLOW, VALIDATORS, ANY_RUN)
    run = StreamedRun("w", "x", exchange, judge)
    outcome_of_stream(run)
    held_back(run)
    shows_pacing(run)
    words_at_once(run)
    assert run.run_id is None or isinstance(run.run_id, str)
    assert all(breach.message for breach in judgement.breaches)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(EVENTS) - 1), KEYS, JSON), min_size=1, max_size=4))
def test_a_stream_with_anything_in_its_events(changes: list[tuple[int, str, Any]]) -> None:
    events = json.loads(json.dumps(EVENTS))
    for position, key, value in changes:
        events[position][key] = value
    frame = ConformingServer().frame
    judge_everything_of_a_stream(
        b"".join(frame({"_name": EVENTS[n]["event"], **event}) for n, event in enumerate(events))
    )


ANYTHING: list[Any] = [
    *(None, True, -1, 10**30, 1.5, "", "RunContent", "\ud800", [], [None], ["x"], {}),
    {"event": None, "step_id": [], "steps": {}, "content": 1, "tool_call_id": {}},
    [{"steps": [0], "step_id": {}}, 7],
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in an event another value could stand."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        yield (*path, key)
        if isinstance(member, dict | list):
            yield from places(member, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


ODD = {"parent_run_id": "", "user_id": "", "tool": {}}
"""What an event may have besides."""
PLACES = {
    (event["event"], tuple(key for key in path if isinstance(key, str))): (position, path)
    for position, event in enumerate(EVENTS)
    for path in places(ODD | event)
}
"""Each member of each kind of event: in the last event of that kind that has it, and in the last
of a list's items."""


@pytest.mark.parametrize("name", sorted({name for name, _ in PLACES}))
def test_any_value_in_any_place_of_an_event(name: str) -> None:
    """In every event of that name. A place has a third of the values, the next place the next."""
    sent = [ServerSentEvent(event["event"], json.dumps(event)) for event in EVENTS]
    for number, ((event_name, _), (position, path)) in enumerate(PLACES.items()):
        if event_name != name:
            continue
        for value in ANYTHING[number % 3 :: 3]:
            data = json.dumps(replaced({**ODD, **EVENTS[position]}, path, value))
            changed = ServerSentEvent(name, data)
            judge = RunJudge(validators=VALIDATORS)
            for event in sent:
                judge.receive(changed if event.event == name else event)
            judge.end()
            assert all(breach.message.encode("utf-8", "replace") for breach in judge.violations)


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_a_stream_of_any_bytes(content: bytes) -> None:
    judge_everything_of_a_stream(content)


def test_a_stream_nested_without_end() -> None:
    for deep in (
        "[" * 100_000,
        '{"steps":[' * 20_000,
        *('{"content": ' + "[" * depth + "]" * depth + "}" for depth in (199, 200, 800, 990)),
    ):
        judge_everything_of_a_stream(b"event: WorkflowCompleted\ndata: " + deep.encode() + b"\n\n")
        assert judge_batch_body(deep.encode()) is not None


def judge_batch_body(content: bytes) -> BatchRun:
    exchange = an_exchange(content, "application/json")
    ANSWERS.judge(exchange, Expected.BATCH)
    ANSWERS.judge_batch_body(exchange)
    body = parse_object(content) or {}
    judge_batch(exchange, body, WORKFLOW, "x", ANY_RUN)
    run = BatchRun("w", "x", exchange, body)
    outcome_of_batch(run)
    return run


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.dictionaries(KEYS, JSON) | JSON)
def test_a_batch_body_of_anything(value: Any) -> None:
    judge_batch_body(json.dumps(value).encode())


@settings(deadline=None)
@given(
    st.sampled_from([200, 204, 302, 400, 401, 404, 418, 422, 500, 599]),
    st.sampled_from(["application/json", "json", "", "a/b/c;;", "text/html; charset=nonsense"]),
    st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_an_answer_of_anything(status: int, media_type: str, content: bytes) -> None:
    for expected in Expected:
        ANSWERS.judge(an_exchange(content, media_type, status), expected)


def test_the_small_server_is_good_here_too() -> None:
    run = Run("w", {"message": "x", "session_id": "s"})
    server = ConformingServer()
    exchange = an_exchange(
        b"".join(server.frame(event) for event in server.events(run)), "text/event-stream"
    )
    judgement, _ = judge_stream(exchange, WORKFLOW, {}, ANY_RUN)
    assert judgement.breaches == []
