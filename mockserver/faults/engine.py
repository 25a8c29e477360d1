"""Site engine: a run does, or says, something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.engine.actions import Event
from mockserver.faults.memory import FaultState
from mockserver.faults.registry import on_event

Events = Iterable[Event]

STRANGE_ID = "00000000-dead-4bad-8bad-000000000000"
"""An id that belongs to nothing."""


def _is_first(event: Event, name: str, state: FaultState) -> bool:
    """Whether it is the run's first event of that name."""
    return event["event"] == name and state.is_first(name)


def _is_of_parallel(event: Event, state: FaultState) -> bool:
    """Whether it is an event of a step within a Parallel of the workflow itself."""
    if event["event"] == "ParallelExecutionStarted" and "parent_step_id" not in event:
        state.notes["parallel"] = event["step_id"]
    return bool(event.get("parent_step_id", "") == state.notes.get("parallel"))


def _without(event: Event, *keys: str) -> Event:
    return {key: value for key, value in event.items() if key not in keys}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A copy in which these texts are others, at every depth."""
    if isinstance(value, Mapping):
        return {key: _renamed(member, names) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(member, names) for member in value]
    return names.get(value, value) if isinstance(value, str) else value


# -- names and payloads


@on_event("event.unknown-name")
def event_of_no_vocabulary(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepStarted":
        return [{**event, "event": "StepProgress"}, event]
    return [event]


@on_event("event.old-name")
def event_of_an_older_vocabulary(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent":
        return [{**event, "event": "RunResponse"}]
    return [event]


@on_event("event.member-missing")
def member_missing(event: Event, state: FaultState) -> Events:
    return [_without(event, "step_name") if event["event"] == "LoopExecutionStarted" else event]


@on_event("event.time-as-text")
def time_as_a_text(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepStarted":
        return [{**event, "created_at": "2026-01-01T00:00:00Z"}]
    return [event]


@on_event("event.count-as-text")
def count_as_a_text(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepsExecutionStarted" or "max_iterations" in event:
        return [{**event, "max_iterations": str(event.get("max_iterations"))}]
    return [event]


# -- the run's start and end


@on_event("order.no-start")
def no_start(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "WorkflowStarted" else [event]


@on_event("order.two-starts")
def two_starts(event: Event, state: FaultState) -> Events:
    return [event, event] if event["event"] == "WorkflowStarted" else [event]


@on_event("order.late-start")
def start_after_the_first_step(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowStarted":
        state.notes["start"] = event
        return []
    start = state.notes.pop("start", None)
    return [event, start] if start else [event]


@on_event("order.restarted")
def starts_again_in_the_middle(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowStarted":
        state.notes["start"] = event
    if event["event"] == "ParallelExecutionStarted" and "start" in state.notes:
        return [state.notes["start"], event]
    return [event]


@on_event("order.bare-end")
def bare_end(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "WorkflowCompleted" else [event]


@on_event("order.cut-after-step")
def nothing_after_the_last_step(event: Event, state: FaultState) -> Events:
    if event["event"] in ("RouterExecutionCompleted", "WorkflowCompleted"):
        return []
    return [event]


@on_event("order.step-as-end")
def an_end_of_another_name(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "event": "CustomEvent"}]
    return [event]


@on_event("order.cancelled-too")
def cancelled_too(event: Event, state: FaultState) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    about = _without(event, "content", "content_type", "step_results")
    return [{**about, "event": "WorkflowCancelled", "reason": "over"}, event]


@on_event("order.completed-twice")
def completed_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if event["event"] == "WorkflowCompleted" else [event]


@on_event("order.failed-too")
def failed_too(event: Event, state: FaultState) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    about = _without(event, "content", "content_type", "step_results")
    return [event, {**about, "event": "WorkflowError", "error": "could not be stored"}]


@on_event("order.late-event")
def an_event_after_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepStarted":
        state.notes["step"] = event
    if event["event"] == "WorkflowCompleted" and "step" in state.notes:
        return [event, state.notes["step"]]
    return [event]


@on_event("order.late-custom")
def a_custom_event_after_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    return [event, {"event": "CustomEvent", "created_at": event["created_at"]}]


# -- nesting


@on_event("order.unknown-parent")
def a_parent_that_is_not_there(event: Event, state: FaultState) -> Events:
    if _is_of_parallel(event, state):
        return [{**event, "parent_step_id": STRANGE_ID}]
    return [event]


@on_event("order.parent-missing")
def no_parent(event: Event, state: FaultState) -> Events:
    return [_without(event, "parent_step_id") if _is_of_parallel(event, state) else event]


@on_event("order.agent-of-no-step")
def an_agent_of_no_step(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunStarted":
        return [{**event, "step_id": STRANGE_ID, "step_name": "nowhere"}]
    return [event]


# -- starting


@on_event("order.step-started-twice")
def a_step_starts_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if _is_first(event, "StepStarted", state) else [event]


@on_event("order.tool-started-twice")
def a_tool_call_starts_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if event["event"] == "ToolCallStarted" else [event]


@on_event("order.step-start-lost")
def a_step_does_not_start(event: Event, state: FaultState) -> Events:
    is_lost = event["event"] == "StepStarted" and "ConditionExecutionStarted" in state.before
    if is_lost and "LoopExecutionStarted" not in state.before:
        return []
    return [event]


@on_event("order.tool-start-lost")
def a_tool_call_does_not_start(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "ToolCallStarted" else [event]


@on_event("order.request-start-lost")
def a_model_request_does_not_start(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "ModelRequestStarted" else [event]


# -- ending


@on_event("order.step-completed-twice")
def a_step_ends_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if _is_first(event, "StepCompleted", state) else [event]


@on_event("order.agent-completed-twice")
def an_agent_ends_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if event["event"] == "RunCompleted" else [event]


@on_event("order.step-left-open")
def a_step_is_left_open(event: Event, state: FaultState) -> Events:
    return [] if _is_first(event, "StepCompleted", state) else [event]


@on_event("order.container-left-open")
def a_parallel_is_left_open(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "ParallelExecutionCompleted" else [event]


@on_event("order.loop-left-open")
def a_loop_is_left_open(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "LoopExecutionCompleted" else [event]


@on_event("order.iteration-left-open")
def an_iteration_is_left_open(event: Event, state: FaultState) -> Events:
    if event["event"] == "LoopIterationCompleted" and not event["should_continue"]:
        return []
    return [event]


@on_event("order.agent-left-open")
def an_agent_is_left_open(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "RunCompleted" else [event]


@on_event("order.tool-left-open")
def a_tool_call_is_left_open(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "ToolCallCompleted" else [event]


@on_event("order.request-left-open")
def a_model_request_is_left_open(event: Event, state: FaultState) -> Events:
    is_last = event["event"] == "ModelRequestCompleted" and "RunContent" in state.before
    return [] if is_last else [event]


# -- what comes within


@on_event("order.content-of-no-run")
def content_of_no_run(event: Event, state: FaultState) -> Events:
    return [{**event, "run_id": STRANGE_ID} if event["event"] == "RunContent" else event]


@on_event("order.late-content")
def content_after_the_run(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent" and "content" not in state.notes:
        state.notes["content"] = event
        return []
    if event["event"] == "RunCompleted" and "content" in state.notes:
        return [event, state.notes["content"]]
    return [event]


@on_event("order.late-output")
def output_after_the_step(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepOutput":
        state.notes["output"] = event
        return []
    if event["event"] == "StepCompleted" and "output" in state.notes:
        return [event, state.notes.pop("output")]
    return [event]


@on_event("order.output-lost")
def an_output_is_lost(event: Event, state: FaultState) -> Events:
    return [] if _is_first(event, "StepOutput", state) else [event]


@on_event("order.output-twice")
def an_output_comes_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if _is_first(event, "StepOutput", state) else [event]


@on_event("order.content-completed-early")
def content_completed_before_the_last(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent":
        before = state.notes.get("content")
        state.notes["content"] = event
        return [before] if before else []
    last = state.notes.pop("content", None)
    if last and event["event"] == "ModelRequestCompleted":
        completed = _without(event, "input_tokens", "output_tokens", "total_tokens")
        state.notes["completed"] = True
        about = {**completed, "event": "RunContentCompleted"}
        return [about, last, event]
    if event["event"] == "RunContentCompleted" and state.notes.pop("completed", False):
        return []
    return [event]


@on_event("order.content-completed-twice")
def content_completed_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if event["event"] == "RunContentCompleted" else [event]


@on_event("order.steps-overlap")
def the_next_begins_first(event: Event, state: FaultState) -> Events:
    """A top-level step ends after the next has begun."""
    held = state.notes.pop("held", None)
    if held:
        is_end = event["event"] == "WorkflowCompleted"
        return [held, event] if is_end else [event, held]
    is_inner = "parent_step_id" in event
    if event["event"] == "StepCompleted" and not is_inner and "done" not in state.notes:
        state.notes["done"] = True
        state.notes["held"] = event
        return []
    return [event]


# -- identity


@on_event("identity.other-run-id")
def other_run_id(event: Event, state: FaultState) -> Events:
    if _is_first(event, "StepStarted", state):
        return [{**event, "run_id": STRANGE_ID}]
    return [event]


@on_event("identity.other-workflow-run-id")
def other_workflow_run_id(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunContent":
        return [{**event, "workflow_run_id": STRANGE_ID}]
    return [event]


@on_event("identity.run-id-changes")
def another_run_id_at_the_end(event: Event, state: FaultState) -> Events:
    return [{**event, "run_id": STRANGE_ID} if event["event"] == "WorkflowCompleted" else event]


@on_event("identity.run-id-missing")
def no_run_id(event: Event, state: FaultState) -> Events:
    return [_without(event, "run_id") if event["event"] == "StepCompleted" else event]


@on_event("identity.other-session")
def other_session(event: Event, state: FaultState) -> Events:
    return [{**event, "session_id": STRANGE_ID} if event["event"] == "RunContent" else event]


@on_event("identity.session-at-end")
def another_session_at_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "session_id": STRANGE_ID}]
    return [event]


@on_event("identity.other-workflow")
def another_workflow_at_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "workflow_id": "another"}]
    return [event]


@on_event("identity.workflow-by-name")
def the_workflows_name_for_its_id(event: Event, state: FaultState) -> Events:
    if "workflow_id" in event:
        return [{**event, "workflow_id": state.run.workflow.name}]
    return [event]


@on_event("identity.workflow-renamed")
def another_workflow_name_at_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "workflow_name": "Another"}]
    return [event]


@on_event("identity.numbered-from-1")
def steps_from_1(event: Event, state: FaultState) -> Events:
    index = event.get("step_index")
    if isinstance(index, int):
        return [{**event, "step_index": index + 1}]
    if index:
        return [{**event, "step_index": [index[0] + 1, *index[1:]]}]
    return [event]


@on_event("identity.agent-renamed")
def another_agent_at_the_end(event: Event, state: FaultState) -> Events:
    return [{**event, "agent_name": "Another"} if event["event"] == "RunCompleted" else event]


@on_event("identity.other-tool-arguments")
def other_arguments_at_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**event, "tool": {**event["tool"], "tool_args": {"other": True}}}]
    return [event]


@on_event("identity.nested-run-shared")
def the_workflows_run_id_in_its_agents(event: Event, state: FaultState) -> Events:
    if "workflow_run_id" in event:
        return [{**event, "run_id": event["workflow_run_id"]}]
    return [event]


@on_event("identity.step-id-shared")
def two_steps_of_one_id(event: Event, state: FaultState) -> Events:
    """The second top-level step has the id of the first."""
    if event["event"] == "StepStarted" and "parent_step_id" not in event:
        ids = state.notes.setdefault("ids", [])
        if event["step_id"] not in ids:
            ids.append(event["step_id"])
    ids = state.notes.get("ids", [])
    renamed: Event = _renamed(event, {ids[1]: ids[0]}) if len(ids) > 1 else event
    return [renamed]


@on_event("identity.step-index-shared")
def two_branches_of_one_index(event: Event, state: FaultState) -> Events:
    if _is_of_parallel(event, state) and isinstance(event["step_index"], list | tuple):
        return [{**event, "step_index": [event["step_index"][0], 0]}]
    return [event]


# -- time


@on_event("time.backwards")
def before_the_start(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunStarted":
        return [{**event, "created_at": event["created_at"] - 1}]
    return [event]


@on_event("time.milliseconds")
def milliseconds_at_times(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepOutput":
        return [{**event, "created_at": event["created_at"] * 1000}]
    return [event]


@on_event("time.all-milliseconds")
def milliseconds(event: Event, state: FaultState) -> Events:
    return [{**event, "created_at": event["created_at"] * 1000} if "created_at" in event else event]


@on_event("time.ahead")
def tomorrow(event: Event, state: FaultState) -> Events:
    if "created_at" in event:
        return [{**event, "created_at": event["created_at"] + 86_400}]
    return [event]


# -- containers


@on_event("parallel.count-off")
def one_branch_more_is_announced(event: Event, state: FaultState) -> Events:
    if "parallel_step_count" in event:
        return [{**event, "parallel_step_count": event["parallel_step_count"] + 1}]
    return [event]


@on_event("parallel.silent-branch")
def a_branch_says_nothing(event: Event, state: FaultState) -> Events:
    if _is_of_parallel(event, state):
        first = state.notes.setdefault("branch", event["step_id"])
        return [event] if event["step_id"] == first else []
    return [event]


@on_event("condition.other-branch")
def the_other_branch(event: Event, state: FaultState) -> Events:
    if event["event"] == "ConditionExecutionCompleted":
        other = {"if": "else", "else": "if"}
        return [{**event, "branch": other.get(event["branch"], "if")}]
    return [event]


@on_event("condition.result-changes")
def the_result_changes(event: Event, state: FaultState) -> Events:
    if event["event"] == "ConditionExecutionCompleted":
        return [{**event, "condition_result": not event["condition_result"]}]
    return [event]


@on_event("loop.from-0")
def iterations_from_0(event: Event, state: FaultState) -> Events:
    return [{**event, "iteration": event["iteration"] - 1} if "iteration" in event else event]


@on_event("loop.count-off")
def one_iteration_more_is_counted(event: Event, state: FaultState) -> Events:
    if "total_iterations" in event:
        return [{**event, "total_iterations": event["total_iterations"] + 1}]
    return [event]


@on_event("loop.beyond-maximum")
def a_smaller_maximum(event: Event, state: FaultState) -> Events:
    return [{**event, "max_iterations": 1} if "max_iterations" in event else event]


@on_event("loop.never-continues")
def no_iteration_continues(event: Event, state: FaultState) -> Events:
    return [{**event, "should_continue": False} if "should_continue" in event else event]


@on_event("loop.results-lost")
def the_last_iterations_results_are_lost(event: Event, state: FaultState) -> Events:
    return [
        {**event, "all_results": event["all_results"][:-1]} if "all_results" in event else event
    ]


@on_event("router.other-choice")
def another_choice(event: Event, state: FaultState) -> Events:
    return [{**event, "selected_steps": ["another"]} if "selected_steps" in event else event]


@on_event("router.selection-changes")
def another_choice_at_the_end(event: Event, state: FaultState) -> Events:
    if event["event"] == "RouterExecutionCompleted":
        return [{**event, "selected_steps": []}]
    return [event]


# -- results


@on_event("results.other-response")
def another_response(event: Event, state: FaultState) -> Events:
    if _is_first(event, "StepCompleted", state):
        return [{**event, "step_response": {**event["step_response"], "content": "other"}}]
    return [event]


@on_event("results.other-response-id")
def the_response_of_another(event: Event, state: FaultState) -> Events:
    if _is_first(event, "StepCompleted", state):
        return [{**event, "step_response": {**event["step_response"], "step_id": STRANGE_ID}}]
    return [event]


@on_event("results.lost")
def a_result_is_lost(event: Event, state: FaultState) -> Events:
    if event["event"] == "ParallelExecutionCompleted":
        return [{**event, "step_results": event["step_results"][:-1]}]
    return [event]


@on_event("results.other-id")
def a_result_of_another(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted" and event["step_results"]:
        first, *rest = event["step_results"]
        return [{**event, "step_results": [{**first, "step_id": STRANGE_ID}, *rest]}]
    return [event]


@on_event("results.other-content")
def a_result_of_another_content(event: Event, state: FaultState) -> Events:
    if event["event"] == "LoopIterationCompleted" and event["iteration_results"]:
        first, *rest = event["iteration_results"]
        return [{**event, "iteration_results": [{**first, "content": "other"}, *rest]}]
    return [event]


@on_event("results.twice")
def a_result_comes_twice(event: Event, state: FaultState) -> Events:
    if event["event"] == "ParallelExecutionCompleted":
        return [{**event, "step_results": [*event["step_results"], *event["step_results"][:1]]}]
    return [event]


@on_event("results.executed-off")
def one_step_more_is_counted(event: Event, state: FaultState) -> Events:
    if "executed_steps" in event:
        return [{**event, "executed_steps": event["executed_steps"] + 1}]
    return [event]


@on_event("results.other-output")
def another_output(event: Event, state: FaultState) -> Events:
    if event["event"] == "StepOutput":
        return [{**event, "step_output": {**event["step_output"], "content": "other"}}]
    return [event]


@on_event("results.executor-changed")
def another_content_than_the_agents(event: Event, state: FaultState) -> Events:
    if event["event"] == "RunCompleted":
        state.notes["content"] = event["content"]
        return [event]
    content = state.notes.get("content")
    if isinstance(content, str) and content:
        renamed: Event = _renamed(event, {content: f"{content}!"})
        return [renamed]
    return [event]


@on_event("results.chunk-lost")
def a_chunk_is_lost(event: Event, state: FaultState) -> Events:
    return [] if _is_first(event, "RunContent", state) else [event]


@on_event("results.long-chunk-lost")
def a_chunk_is_lost_of_a_long_talk(event: Event, state: FaultState) -> Events:
    is_long = isinstance(state.run.input, str) and len(state.run.input) > 500
    return [] if is_long and _is_first(event, "RunContent", state) else [event]


@on_event("results.chunk-repeated")
def a_chunk_comes_twice(event: Event, state: FaultState) -> Events:
    return [event, event] if _is_first(event, "RunContent", state) else [event]


@on_event("results.chunks-grow")
def each_chunk_has_those_before(event: Event, state: FaultState) -> Events:
    if event["event"] != "RunContent" or not isinstance(event.get("content"), str):
        return [event]
    state.notes["text"] = state.notes.get("text", "") + event["content"]
    return [{**event, "content": state.notes["text"]}]


@on_event("results.end-other-content")
def another_final_content(event: Event, state: FaultState) -> Events:
    return [{**event, "content": "other"} if event["event"] == "WorkflowCompleted" else event]


@on_event("results.end-without-content")
def no_final_content(event: Event, state: FaultState) -> Events:
    return [{**event, "content": None} if event["event"] == "WorkflowCompleted" else event]


@on_event("results.end-first-content")
def the_first_results_content(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCompleted" and event["step_results"]:
        return [{**event, "content": event["step_results"][0]["content"]}]
    return [event]


# -- tools


@on_event("tool.success-failed")
def a_good_call_fails(event: Event, state: FaultState) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**_without(event, "content"), "event": "ToolCallError", "error": "none"}]
    return [event]


@on_event("tool.failure-completed")
def a_failed_call_completes(event: Event, state: FaultState) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**event, "tool": {**event["tool"], "tool_call_error": True}}]
    return [event]


# -- cancelling


@on_event("cancel.bare-end")
def cancelled_bare(event: Event, state: FaultState) -> Events:
    return [] if event["event"] == "WorkflowCancelled" else [event]


@on_event("cancel.as-failure")
def cancelled_as_a_failure(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCancelled":
        return [{**event, "event": "WorkflowError", "error": "cancelled"}]
    return [event]


@on_event("cancel.as-completed")
def cancelled_as_completed(event: Event, state: FaultState) -> Events:
    if event["event"] == "WorkflowCancelled":
        ended = {"content": "", "content_type": "str", "step_results": []}
        return [{**event, "event": "WorkflowCompleted", **ended}]
    return [event]
