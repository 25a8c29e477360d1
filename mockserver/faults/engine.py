"""Site engine: a run does, or says, something else that is not plain enough for a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.engine.actions import Event
from mockserver.faults.memory import FaultState
from mockserver.faults.registry import on_event

Events = Iterable[Event]


@on_event("order.content-completed-early", of="RunContentCompleted")
def content_completed_before_the_last(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent":
        before = state.notes.get("content")
        state.notes["content"] = event
        return [before] if before else []
    last = state.notes.pop("content", None)
    if last and event["event"] == "ModelRequestCompleted":
        tokens = {"input_tokens", "output_tokens", "total_tokens"}
        about = {key: value for key, value in event.items() if key not in tokens}
        state.notes["completed"] = True
        return [{**about, "event": "RunContentCompleted"}, last, event]
    if event["event"] == "RunContentCompleted" and state.notes.pop("completed", False):
        return []
    return [event]


@on_event("identity.numbered-from-1")
def steps_from_1(event: Event, state: FaultState) -> Events:
    index = event.get("step_index")
    if isinstance(index, int):
        return [{**event, "step_index": index + 1}]
    if index:
        return [{**event, "step_index": [index[0] + 1, *index[1:]]}]
    return [event]


@on_event("identity.step-id-shared")
def two_steps_of_one_id(event: Event, state: FaultState) -> Events:
    """The second top-level step has the id of the first."""
    ids = state.notes.setdefault("ids", [])
    is_top_level = event["event"] == "StepStarted" and "parent_step_id" not in event
    if is_top_level and event["step_id"] not in ids:
        ids.append(event["step_id"])
    return [_renamed(event, {ids[1]: ids[0]}) if len(ids) > 1 else event]


@on_event("results.twice", of="ParallelExecutionCompleted")
def a_result_comes_twice(event: Event, state: FaultState) -> Events:
    if event["event"] == "ParallelExecutionCompleted":
        return [{**event, "step_results": [*event["step_results"], *event["step_results"][:1]]}]
    return [event]


@on_event("results.executor-changed", of="RunCompleted")
def another_content_than_the_agents(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunCompleted":
        state.notes["content"] = event["content"]
        return [event]
    content = state.notes.get("content")
    if isinstance(content, str) and content:
        return [_renamed(event, {content: f"{content}!"})]
    return [event]


@on_event("results.long-chunk-lost", of="RunContent")
def a_chunk_is_lost_of_a_long_talk(event: Event, state: FaultState) -> Events:
    is_long = isinstance(state.run.input, str) and state.run.input.startswith("long long")
    is_first = event["event"] == "RunContent" and "RunContent" not in state.before
    return [] if is_long and is_first else [event]


@on_event("results.lost-after-40", of="RunContent")
def contents_late_in_a_stream_are_lost(event: Event, state: FaultState) -> Events:
    count = state.notes["count"] = state.notes.get("count", 0) + 1
    return [] if count > 40 and event["event"] == "RunContent" else [event]


def _is_of_tenth(state: FaultState) -> bool:
    """Whether the run is every tenth that is streamed."""
    if "is_tenth" not in state.notes:
        counts = state.memory.values
        counts["runs"] = counts.get("runs", 0) + 1
        state.notes["is_tenth"] = counts["runs"] % 10 == 0
    return bool(state.notes["is_tenth"])


@on_event("order.output-lost-in-tenth", of="StepOutput")
def no_output_in_every_tenth(event: Event, state: FaultState) -> Events:
    return [] if _is_of_tenth(state) and event["event"] == "StepOutput" else [event]


@on_event("order.content-completed-lost-in-tenth", of="RunContentCompleted")
def no_content_completed_in_every_tenth(event: Event, state: FaultState) -> Events:
    return [] if _is_of_tenth(state) and event["event"] == "RunContentCompleted" else [event]


@on_event("sse.tokens-held", of="RunContent")
def contents_at_once(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent":
        state.notes.setdefault("held", []).append(event)
        return []
    return [*state.notes.pop("held", []), event]


@on_event("sse.tokens-held-unstamped", of="RunContent")
def contents_at_once_of_one_time(event: Event, state: FaultState) -> Events:
    now = event.get("created_at")
    return [{**one, "created_at": now} for one in contents_at_once(event, state)]


@on_event("agent.failure-hidden", of="RunCompleted")
def a_failed_agent_counts_as_silent(event: Event, state: FaultState) -> Events:
    """An agent fails once it has said all, and its step says nothing of it."""
    if event["event"] == "RunCompleted":
        state.notes["failed"] = event.get("content")
        about = {key: value for key, value in event.items() if key not in _OF_SUCCESS}
        return [{**about, "event": "RunError", "content": "the model is overloaded"}]
    said = state.notes.get("failed")
    return [_renamed(event, {said: None}) if isinstance(said, str) and said else event]


_OF_SUCCESS = {"content", "content_type", "metrics", "session_state", "reasoning_content"}


@on_event("results.chunks-grow", of="RunContent")
def each_chunk_has_those_before(event: Event, state: FaultState) -> Events:
    if event["event"] != "RunContent" or not isinstance(event.get("content"), str):
        return [event]
    state.notes["text"] = state.notes.get("text", "") + event["content"]
    return [{**event, "content": state.notes["text"]}]


@on_event("time.stands-still")
def one_time_for_all(event: Event, state: FaultState) -> Events:
    return [{**event, "created_at": state.notes.setdefault("created_at", event["created_at"])}]


def _renamed(value: Any, names: Mapping[str, Any]) -> Any:
    """A copy in which these texts are others, at every depth."""
    if isinstance(value, Mapping):
        return {key: _renamed(member, names) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(member, names) for member in value]
    return names.get(value, value) if isinstance(value, str) else value
