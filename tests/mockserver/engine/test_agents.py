"""What agents and teams say, ask for and use, and when: the engine alone, without a clock."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.deviations import load_deviations
from agentos_contract.json_values import to_json
from agentos_contract.judge import RunJudge
from agentos_contract.sse import EventStreamDecoder, encode_json_event
from mockserver.engine.actions import Wait
from mockserver.engine.engine import Engine
from mockserver.engine.ids import Ids
from mockserver.engine.pacing import InTokens, tokens_of
from mockserver.engine.run import Run
from mockserver.faults.registry import resolve
from mockserver.script.problems import ScriptError
from tests.scripts import workflow_from

Json = dict[str, Any]
Timed = list[tuple[float, Json]]

AGENT = {"id": "ag", "name": "Ag"}


def agent(mock: Json, **settings: Any) -> Json:
    return {"type": "Step", "name": "s", "max_retries": 0, "agent": AGENT | settings, "mock": mock}


def team(members: Sequence[Json], mock: Json, **settings: Any) -> Json:
    described = {"id": "tm", "name": "Tm", "members": list(members), **settings}
    return {"type": "Step", "name": "s", "max_retries": 0, "team": described, "mock": mock}


def member(name: str, mock: Json, **settings: Any) -> Json:
    return {"id": name, "name": name.title(), "mock": mock, **settings}


def delegations(*names: str) -> Json:
    """A request that asks all these members at once."""
    tool = "delegate_task_to_member"
    return {
        "tools": [{"name": tool, "args": {"member_id": name, "task": "look"}} for name in names]
    }


def run(
    *steps: Json,
    seed: int = 5,
    streamed: bool = True,
    deviations: frozenset[str] = frozenset(),
    **settings: Any,
) -> tuple[Run, Timed]:
    """The run's record, and its events, each with the time within the run."""
    workflow = workflow_from({"id": "w", "name": "w", "steps": list(steps), **settings})
    state = dict(workflow.session_state)
    record = Run(workflow, "run-id", "session-id", None, "tea", state, 1000)
    ids = Ids(random.Random(seed))
    hooks = resolve(deviations).runner.engine()
    engine = Engine(record, ids=ids, clock=lambda: 1000.0, is_streamed=streamed, hooks=hooks)
    actions = engine.actions()
    events: Timed = []
    now = 0.0
    answer: float | None = None
    while True:
        try:
            action = next(actions) if answer is None else actions.send(answer)
        except StopIteration:
            return record, events
        answer = None
        if isinstance(action, Wait):
            assert action.until is not None
            answer = now = action.until
        else:
            events.append((now, action))


def violations(events: Timed) -> set[str]:
    judge, decoder = RunJudge(), EventStreamDecoder()
    for _, event in events:
        for frame in decoder.feed(encode_json_event(event["event"], to_json(event))):
            judge.receive(frame)
    judge.end()
    return {violation.requirement for violation in judge.violations}


def only(events: Timed, name: str) -> list[Json]:
    return [event for _, event in events if event["event"] == name]


LOOKS = {
    "requests": [
        {
            "reasoning": ["Hm, ", "rain?"],
            "content": "I look. ",
            "tools": [
                {"name": "weather", "args": {"city": "{{ input }}"}, "result": "wet", "delay": 0.2},
                {"name": "news", "error": "none for {{ input }}", "delay": 0.5},
            ],
            "tokens": {"input": 10, "output": 4, "reasoning": 2},
        }
    ],
    "chunks": ["It is ", "wet."],
    "reasoning": "So.",
    "tokens": {"input": 20, "output": 3, "cache_read": 9, "total": 25},
}


def test_a_model_thinks_speaks_and_asks_for_tools_at_once() -> None:
    record, events = run(agent(LOOKS))
    assert violations(events) == set()
    inner = [event["event"] for _, event in events[2:-2]]
    assert inner == [
        *("RunStarted", "ModelRequestStarted", "RunContent", "RunContent", "RunContent"),
        *("ModelRequestCompleted", "ToolCallStarted", "ToolCallStarted"),
        *("ToolCallCompleted", "ToolCallError", "ModelRequestStarted", "RunContent"),
        *("RunContent", "RunContent", "ModelRequestCompleted", "RunContentCompleted"),
        "RunCompleted",
    ]
    said = [(e.get("reasoning_content"), e.get("content")) for e in only(events, "RunContent")]
    assert said == [
        *(("Hm, ", None), ("rain?", None), ("", "I look. ")),
        *(("So.", None), ("", "It is "), ("", "wet.")),
    ]
    assert record.content == "I look. It is wet."
    (completed,) = only(events, "RunCompleted")
    assert completed["reasoning_content"] == "Hm, rain?So."
    used = {"input_tokens": 30, "output_tokens": 7, "total_tokens": 39}
    used |= {"cache_read_tokens": 9, "reasoning_tokens": 2}
    model = {**used, "id": "scripted", "provider": "Scripted"}
    metrics = completed["metrics"]
    assert metrics == {
        **used,
        "time_to_first_token": 0.0,
        "duration": 0.5,
        "details": {"model": [model]},
    }
    assert record.step_results[0]["metrics"] == metrics


def test_tools_asked_for_at_once_run_at_once() -> None:
    _, events = run(agent(LOOKS))
    moments = {
        event["event"]: (now, event["tool"]["metrics"])
        for now, event in events
        if event["event"] in ("ToolCallCompleted", "ToolCallError")
    }
    assert moments["ToolCallCompleted"] == (
        0.5,
        {"start_time": 999.8, "end_time": 1000.0, "duration": 0.2},
    )
    now, metrics = moments["ToolCallError"]
    assert (now, metrics["duration"]) == (0.5, 0.5)


def test_a_models_messages_are_kept_with_what_tools_answered() -> None:
    record, _ = run(agent(LOOKS))
    messages = record.step_executor_runs[0]["messages"]
    assert [message["role"] for message in messages] == [
        *("user", "assistant", "tool", "tool", "assistant"),
    ]
    assert messages[1]["reasoning_content"] == "Hm, rain?"
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_1", "call_2"]
    assert (messages[2]["content"], messages[2]["tool_call_error"]) == ("wet", False)
    assert (messages[3]["content"], messages[3]["tool_call_error"]) == ("none for tea", True)


def test_words_that_mean_a_value_reach_a_tool_as_that_value() -> None:
    args = {"a": " None ", "b": "TRUE", "c": "x" * 60, "d": {"e": "null"}, "f": 1}
    _, events = run(agent({"tools": [{"name": "t", "args": args}]}))
    (started,) = only(events, "ToolCallStarted")
    cleaned = {"a": None, "b": True, "c": "x" * 60, "d": {"e": "null"}, "f": 1}
    assert started["tool"]["tool_args"] == cleaned
    (completed,) = only(events, "ToolCallCompleted")
    shown = "t(a=None, b=True, c=..., d={'e': 'null'}, f=1) completed in 0.0000s. "
    assert completed["content"] == shown


# -- timing


def moments(mock: Json, seed: int = 5) -> list[float]:
    _, events = run(agent(mock), seed=seed)
    return [now for now, event in events if event["event"] == "RunContent"]


def test_tokens_come_at_the_scripts_pace() -> None:
    timing = {"time_to_first_token": 0.5, "tokens_per_second": 10}
    mock = {"content": "one two, three", "delay": 1, "timing": timing}
    record, events = run(agent(mock))
    said = [(round(now, 6), e["content"]) for now, e in events if e["event"] == "RunContent"]
    assert said == [(1.5, "one"), (1.6, " two"), (1.7, ","), (1.8, " three")]
    assert record.content == "one two, three"
    (completed,) = only(events, "ModelRequestCompleted")
    assert completed["time_to_first_token"] == 1.5
    assert record.step_results[0]["metrics"]["duration"] == 1.8


def test_chunks_stay_whole_and_take_the_time_of_their_tokens() -> None:
    timing = {"tokens_per_second": 10}
    times = moments({"chunks": ["one", " two three", " four"], "timing": timing})
    assert times == pytest.approx([0, 0.2, 0.3])


def test_each_request_waits_for_its_first_token() -> None:
    timing = {"time_to_first_token": 0.5}
    mock = {"content": "done", "tools": [{"name": "t"}, {"name": "t"}], "timing": timing}
    assert moments(mock) == pytest.approx([1.5])


def test_jitter_is_drawn_from_the_seed() -> None:
    timing = {"time_to_first_token": 0.4, "tokens_per_second": 10, "jitter": 0.5}
    mock = {"content": "a b c d e f g h", "timing": timing}
    times = moments(mock, seed=1)
    assert times == moments(mock, seed=1)
    assert times != moments(mock, seed=2)
    assert 0.2 <= times[0] <= 0.6
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(set(gaps)) == len(gaps) == 7
    assert all(0.05 <= gap <= 0.15 for gap in gaps)


@given(st.text())
def test_the_tokens_of_a_text_are_the_text(text: str) -> None:
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert all(tokens)
    assert [*InTokens(text)] == tokens
    assert bool(InTokens(text)) == bool(tokens)


# -- failures


def test_a_run_tries_its_model_again() -> None:
    settings = {"retries": 3, "delay_between_retries": 2, "exponential_backoff": True}
    record, events = run(agent({"fails": 3, "error": "busy", "content": "ok"}, **settings))
    assert violations(events) == set()
    assert record.content == "ok"
    assert len(only(events, "RunStarted")) == 1
    starts = [now for now, event in events if event["event"] == "ModelRequestStarted"]
    assert starts == [0, 2, 6, 14]


def test_a_step_tries_again_in_a_new_run() -> None:
    step = agent({"fails": 1, "error": "busy", "content": "try {{ attempt }}"})
    record, events = run({**step, "max_retries": 1})
    assert violations(events) == set()
    assert [event["content"] for event in only(events, "RunError")] == ["busy"]
    first, second = (event["run_id"] for event in only(events, "RunStarted"))
    assert first != second
    assert record.content == "try 2"
    assert [kept["run_id"] for kept in record.step_executor_runs] == [second]


# -- teams


def test_members_run_within_their_teams_run() -> None:
    step = team(
        [
            member("slow", {"content": "slow", "delay": 0.3, "tokens": {"input": 1}}),
            member("quick", {"chunks": ["qui", "ck"], "delay": 0.1}),
        ],
        {"requests": [delegations("slow", "quick")], "content": "both"},
    )
    record, events = run(step)
    assert violations(events) == set()
    (outer,) = only(events, "TeamRunStarted")
    inner = only(events, "RunStarted")
    assert [event["parent_run_id"] for event in inner] == [outer["run_id"]] * 2
    ends = [(now, event["agent_id"]) for now, event in events if event["event"] == "RunCompleted"]
    assert ends == [(0.1, "quick"), (0.3, "slow")]
    calls = {e["tool"]["tool_args"]["member_id"]: e for e in only(events, "TeamToolCallCompleted")}
    by_member = {event["agent_id"]: event["run_id"] for event in inner}
    for name, call in calls.items():
        assert call["tool"]["result"] == name
        assert call["tool"]["child_run_id"] == by_member[name]
    (completed,) = only(events, "TeamRunCompleted")
    assert [kept["agent_id"] for kept in completed["member_responses"]] == ["quick", "slow"]
    # A team's metrics are its own model's.
    assert "input_tokens" not in completed["metrics"]
    assert record.step_executor_runs[0]["member_responses"] == completed["member_responses"]


def test_members_of_members_run_too() -> None:
    leaf = member("leaf", {"content": "leaf says"})
    inner = member("inner", {"requests": [delegations("leaf")], "content": "inner says"})
    step = team(
        [inner | {"members": [leaf]}],
        {"requests": [delegations("inner"), delegations("leaf")], "content": "all"},
    )
    _, events = run(step)
    assert violations(events) == set()
    results = [event["tool"]["result"] for event in only(events, "TeamToolCallCompleted")]
    assert results == ["leaf says", "inner says", "leaf says"]


def test_a_member_that_is_not_there_is_told_to_the_team() -> None:
    step = team([member("guide", {})], {"requests": [delegations("nobody")], "content": "ok"})
    _, events = run(step)
    (completed,) = only(events, "TeamToolCallCompleted")
    assert completed["tool"]["result"].startswith("Member with ID nobody not found in the team")
    assert '<member id="guide" name="Guide">' in completed["tool"]["result"]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_members_failure_is_its_answer(streamed: bool) -> None:
    step = team(
        [member("bad", {"fails": 9, "error": "boom"})],
        {"requests": [delegations("bad")], "content": "ok"},
    )
    record, events = run(step, streamed=streamed)
    assert violations(events) == set()
    assert record.content == "ok"
    (completed,) = only(events, "TeamToolCallCompleted")
    assert completed["tool"]["result"] == "boom"
    (kept,) = record.step_executor_runs[0]["member_responses"]
    assert (kept["status"], kept["content"]) == ("ERROR", "boom")


def test_members_do_not_undo_each_others_changes_of_the_state() -> None:
    step = team(
        [
            member("one", {"delay": 0.05, "session_state": {"n": 1}}),
            member("two", {"delay": 0.1, "session_state": {"m": "{{ session_state.n }}"}}),
        ],
        {"requests": [delegations("one", "two")], "content": "ok"},
    )
    record, _ = run(step, session_state={"n": 0})
    # The second began before the first had changed anything.
    assert record.session_state == {"n": 1, "m": 0}


# -- thoughts that cannot be read

UNREAD = {"name": "think", "args": {"thought": 5}, "result": "ok"}


def test_a_thought_of_a_wrong_type_fails_the_agents_run() -> None:
    mock = {"requests": [{"tools": [{"name": "look", "result": "x"}, UNREAD, UNREAD]}]}
    step = agent(mock, retries=1, delay_between_retries=0)
    record, events = run(step)
    assert not violations(events)
    (error,) = only(events, "RunError")
    assert "reasoning" in error["content"]
    batch, _ = run(step, streamed=False)
    assert (batch.status, batch.content) == (record.status, record.content)


def test_what_a_try_thought_ends_with_it() -> None:
    """Its next try begins to think anew."""
    think = {"name": "think", "args": {"thought": "hm"}, "result": "ok"}
    mock = {"fails": 1, "fails_after": 1, "requests": [{"content": "a b c", "tools": [think]}]}
    for mock["fails_after"] in (0, 3, 9):
        record, events = run(agent(mock, retries=1, delay_between_retries=0))
        assert not violations(events)
        assert record.status == "COMPLETED"
        names = [event["event"] for _, event in events]
        assert names.count("ReasoningStarted") == names.count("ReasoningCompleted") >= 1


def test_a_function_fails_after_the_run_within_it() -> None:
    """What it ran completed; the step has failed, and has nothing of it."""
    step = {
        "type": "Step",
        "name": "s",
        "max_retries": 0,
        "mock": {"runs": [{"agent": AGENT, "mock": {"content": "ok"}}], "success": "{{ attempt }}"},
    }
    _, events = run(step)
    assert only(events, "RunCompleted")
    assert only(events, "StepError")
    assert not violations(events)


def test_a_team_is_told_that_its_members_thought_could_not_be_read() -> None:
    step = team([member("m", {"tools": [UNREAD]})], {"requests": [delegations("m")]})
    for streamed in (True, False):
        record, events = run(step, streamed=streamed)
        assert not violations(events)
        (reply,) = (m for m in record.step_executor_runs[0]["messages"] if m["role"] == "tool")
        assert "reasoning" in reply["content"]


# -- deviations

FAILING_MEMBER = team(
    [member("bad", {"fails": 9, "error": "boom"})],
    {"requests": [delegations("bad")], "content": "ok"},
)
NESTED = team(
    [member("inner", {"requests": [delegations("leaf")]}) | {"members": [member("leaf", {})]}],
    {"requests": [delegations("inner")], "content": "all"},
)
TWO_MEMBERS = team(
    [member("a", {"delay": 0.05, "session_state": {"n": 1}}), member("b", {"delay": 0.1})],
    {"requests": [delegations("a", "b")], "content": "ok"},
)
THINKS = {
    "tools": [{"name": "think", "args": {"thought": "rain"}, "result": "ok"}],
    "reasoning": "So.",
    "content": "wet",
}
PICTURE = {"url": "https://x.test/1.png"}
SEES = {
    "tools": [{"name": "camera", "result": "seen", "images": [PICTURE]}],
    "content": "wet",
    "images": [PICTURE],
}
STATE = {"type": "Step", "name": "f", "mock": {"content": "{{ session_state }}"}}
SHARED_STATE = {
    "type": "Parallel",
    "name": "p",
    "steps": [
        agent({"content": "early"}),
        {"type": "Step", "name": "late", "mock": {"session_state": {"n": 9}}},
    ],
}

# By each deviation of agents.yaml: the steps in which it shows, and whether in a stream.
SHOWN_BY: dict[str, tuple[list[Json], bool]] = {
    "agent.failure-answered": ([agent({"fails": 9, "error": "boom"})], False),
    "agent.failure-reworded": ([agent({"fails": 9, "error": "boom"})], True),
    "agent.models-in-stream-only": ([agent({})], False),
    "agent.retry-starts-again": ([agent({"fails": 1}, retries=1, delay_between_retries=0)], True),
    "agent.tool-error-after-end": ([agent(LOOKS)], True),
    "agent.usage-recounted": ([agent({**LOOKS, "tokens": {}})], False),
    "agent.reasoning-last": ([agent(LOOKS)], False),
    "agent.thoughts-overwritten": ([agent(THINKS)], True),
    "agent.json-rewritten": ([agent({"content": {"k": "```"}, "content_type": "Note"})], True),
    "agent.media-lost": ([agent(SEES)], False),
    "team.member-failure-silent": ([FAILING_MEMBER], True),
    "team.inner-answers-included": ([NESTED], True),
    "team.child-run-shared": ([TWO_MEMBERS], True),
    "team.child-run-missing": ([TWO_MEMBERS], False),
    "team.child-run-foretold": ([NESTED], True),
    "team.state-overwritten": ([TWO_MEMBERS], True),
    "state.run-ids-leak": ([agent({}), STATE], True),
    "state.shown-late": ([SHARED_STATE], True),
}
AGENT_DEVIATIONS = [
    name
    for name in load_deviations()
    if name.split(".")[0] in ("agent", "team", "state")
    and name not in ("agent.additional-data-fails", "agent.failure-hidden")
]


def test_every_deviation_of_agents_is_shown_here() -> None:
    assert set(SHOWN_BY) == set(AGENT_DEVIATIONS)


@pytest.mark.parametrize("name", SHOWN_BY)
def test_each_deviation_shows_alone_and_breaks_what_it_says(name: str) -> None:
    steps, streamed = SHOWN_BY[name]
    deviations = frozenset({name})
    record, events = run(*steps, streamed=streamed, session_state={"n": 0})
    other, others = run(*steps, streamed=streamed, deviations=deviations, session_state={"n": 0})
    assert (record.to_dict(), events) != (other.to_dict(), others)
    assert violations(events) == set()
    of_streams = set(load_deviations()[name].breaks) - {"batch.equals-stream"}
    assert violations(others) == of_streams
    # In the other mode it changes nothing that only this one shows.
    if not streamed:
        plain, changed = (run(*steps, deviations=d)[1] for d in (frozenset(), deviations))
        assert plain == changed


# -- faults

NOTE = {"content": {"k": 1}, "content_type": "Note"}


def passing_on(run: Json) -> Json:
    return {"type": "Step", "name": "f", "mock": {"runs": [run]}}


MEMBERS = {"members": [member("guide", {})]}


@pytest.mark.parametrize(
    ("step", "key", "message"),
    [
        (
            agent({"requests": [{"tools": [{"name": "t"}], "tokns": {}}]}),
            "requests[0].tokns",
            "did you mean 'tokens'?",
        ),
        (agent({"requests": [{"content": "x"}]}), "requests[0]", "the key 'tools' is missing"),
        (agent({"requests": [{"tools": []}]}), "requests[0].tools", "[] has less than 1 item"),
        (
            agent({"requests": [{"tools": [{"name": "t"}]}], "tools": [{"name": "t"}]}),
            "tools",
            "they stand in `requests` where there are any",
        ),
        (agent({"tools": [{"name": "t", "reslt": 1}]}), "tools[0].reslt", "mean 'result'?"),
        (
            agent({"tools": [{"name": "t", "result": 1, "error": "x"}]}),
            "tools[0].error",
            "a tool gives `result` or raises `error`, not both",
        ),
        (agent({"tokens": {"inputs": 1}}), "tokens.inputs", "did you mean 'input'?"),
        (
            passing_on({"agent": {"id": "a"}, "mock": NOTE}),
            "runs[0].mock.content_type",
            "expected `passes_on: nothing`",
        ),
        (
            passing_on({"team": {"id": "t", "members": [{"id": "m", "mock": NOTE}]}, "mock": {}}),
            "runs[0].team.members[0].mock.content_type",
            "expected `passes_on: nothing`",
        ),
        (agent({"tokens": {"input": -1}}), "tokens.input", "-1 is less than the minimum of 0"),
        (agent({"timing": {"jiter": 1}}), "timing.jiter", "did you mean 'jitter'?"),
        (agent({"timing": {"jitter": 2}}), "timing.jitter", "2 is greater than the maximum of 1"),
        (agent({"reasoning": "{{ inptu }}"}), "reasoning", "did you mean 'input'?"),
        (
            team(MEMBERS["members"], {"tools": [{"name": "delegate_task_to_member"}]}),
            "tools[0].args",
            "delegate_task_to_member takes member_id and task",
        ),
        (
            team([], {"requests": [delegations("guide")]}),
            "requests[0].tools[0].name",
            "the team has no members for delegate_task_to_member",
        ),
    ],
)
def test_a_wrong_mock_is_refused(step: Json, key: str, message: str) -> None:
    with pytest.raises(ScriptError) as refused:
        workflow_from({"id": "w", "steps": [step]})
    (problem,) = refused.value.problems
    assert problem.key == f"steps[0].mock.{key}"
    assert problem.message.endswith(message)


@pytest.mark.parametrize("key", ["requests", "reasoning", "tokens", "timing", "tools"])
def test_a_function_has_nothing_of_a_model(key: str) -> None:
    values: Json = {
        "requests": [{"tools": [{"name": "t"}]}],
        "reasoning": "hm",
        "tokens": {"input": 1},
        "timing": {"jitter": 1},
        "tools": [{"name": "t"}],
    }
    with pytest.raises(ScriptError) as refused:
        workflow_from(
            {"id": "w", "steps": [{"type": "Step", "name": "s", "mock": {key: values[key]}}]}
        )
    (problem,) = refused.value.problems
    assert problem.key == f"steps[0].mock.{key}"
    assert problem.message == "only an agent or a team has it; expected `agent`"


def test_a_members_mock_is_checked_where_it_stands() -> None:
    with pytest.raises(ScriptError) as refused:
        workflow_from({"id": "w", "steps": [team([member("a", {"chunk": []})], {})]})
    (problem,) = refused.value.problems
    assert problem.key == "steps[0].team.members[0].mock.chunk"
    assert "did you mean 'chunks'?" in problem.message
