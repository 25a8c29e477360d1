"""Site engine: a run does, or says, something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mockserver.engine.actions import Event
from mockserver.faults.register import Story, told

Events = Iterable[Event]

STRANGE_ID = "00000000-dead-4bad-8bad-000000000000"
"""An id that belongs to nothing."""


def _is_first(event: Event, name: str, story: Story) -> bool:
    """Whether it is the run's first event of that name."""
    return event["event"] == name and story.is_first(name)


def _is_of_parallel(event: Event, story: Story) -> bool:
    """Whether it is an event of a step within a Parallel of the workflow itself."""
    if event["event"] == "ParallelExecutionStarted" and "parent_step_id" not in event:
        story.notes["parallel"] = event["step_id"]
    return bool(event.get("parent_step_id", "") == story.notes.get("parallel"))


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


@told("event.unknown-name")
def event_of_no_vocabulary(event: Event, story: Story) -> Events:
    if event["event"] == "StepStarted":
        return [{**event, "event": "StepProgress"}, event]
    return [event]


@told("event.old-name")
def event_of_an_older_vocabulary(event: Event, story: Story) -> Events:
    if event["event"] == "RunContent":
        return [{**event, "event": "RunResponse"}]
    return [event]


@told("event.member-missing")
def member_missing(event: Event, story: Story) -> Events:
    return [_without(event, "step_name") if event["event"] == "LoopExecutionStarted" else event]


@told("event.time-as-text")
def time_as_a_text(event: Event, story: Story) -> Events:
    if event["event"] == "StepStarted":
        return [{**event, "created_at": "2026-01-01T00:00:00Z"}]
    return [event]


@told("event.count-as-text")
def count_as_a_text(event: Event, story: Story) -> Events:
    if event["event"] == "StepsExecutionStarted" or "max_iterations" in event:
        return [{**event, "max_iterations": str(event.get("max_iterations"))}]
    return [event]


# -- the run's start and end


@told("order.no-start")
def no_start(event: Event, story: Story) -> Events:
    return [] if event["event"] == "WorkflowStarted" else [event]


@told("order.two-starts")
def two_starts(event: Event, story: Story) -> Events:
    return [event, event] if event["event"] == "WorkflowStarted" else [event]


@told("order.late-start")
def start_after_the_first_step(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowStarted":
        story.notes["start"] = event
        return []
    start = story.notes.pop("start", None)
    return [event, start] if start else [event]


@told("order.restarted")
def starts_again_in_the_middle(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowStarted":
        story.notes["start"] = event
    if event["event"] == "ParallelExecutionStarted" and "start" in story.notes:
        return [story.notes["start"], event]
    return [event]


@told("order.bare-end")
def bare_end(event: Event, story: Story) -> Events:
    return [] if event["event"] == "WorkflowCompleted" else [event]


@told("order.cut-after-step")
def nothing_after_the_last_step(event: Event, story: Story) -> Events:
    if event["event"] in ("RouterExecutionCompleted", "WorkflowCompleted"):
        return []
    return [event]


@told("order.step-as-end")
def an_end_of_another_name(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "event": "CustomEvent"}]
    return [event]


@told("order.cancelled-too")
def cancelled_too(event: Event, story: Story) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    about = _without(event, "content", "content_type", "step_results")
    return [{**about, "event": "WorkflowCancelled", "reason": "over"}, event]


@told("order.completed-twice")
def completed_twice(event: Event, story: Story) -> Events:
    return [event, event] if event["event"] == "WorkflowCompleted" else [event]


@told("order.failed-too")
def failed_too(event: Event, story: Story) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    about = _without(event, "content", "content_type", "step_results")
    return [event, {**about, "event": "WorkflowError", "error": "could not be stored"}]


@told("order.late-event")
def an_event_after_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "StepStarted":
        story.notes["step"] = event
    if event["event"] == "WorkflowCompleted" and "step" in story.notes:
        return [event, story.notes["step"]]
    return [event]


@told("order.late-custom")
def a_custom_event_after_the_end(event: Event, story: Story) -> Events:
    if event["event"] != "WorkflowCompleted":
        return [event]
    return [event, {"event": "CustomEvent", "created_at": event["created_at"]}]


# -- nesting


@told("order.unknown-parent")
def a_parent_that_is_not_there(event: Event, story: Story) -> Events:
    if _is_of_parallel(event, story):
        return [{**event, "parent_step_id": STRANGE_ID}]
    return [event]


@told("order.parent-missing")
def no_parent(event: Event, story: Story) -> Events:
    return [_without(event, "parent_step_id") if _is_of_parallel(event, story) else event]


@told("order.agent-of-no-step")
def an_agent_of_no_step(event: Event, story: Story) -> Events:
    if event["event"] == "RunStarted":
        return [{**event, "step_id": STRANGE_ID, "step_name": "nowhere"}]
    return [event]


# -- starting


@told("order.step-started-twice")
def a_step_starts_twice(event: Event, story: Story) -> Events:
    return [event, event] if _is_first(event, "StepStarted", story) else [event]


@told("order.tool-started-twice")
def a_tool_call_starts_twice(event: Event, story: Story) -> Events:
    return [event, event] if event["event"] == "ToolCallStarted" else [event]


@told("order.step-start-lost")
def a_step_does_not_start(event: Event, story: Story) -> Events:
    is_lost = event["event"] == "StepStarted" and "ConditionExecutionStarted" in story.said
    if is_lost and "LoopExecutionStarted" not in story.said:
        return []
    return [event]


@told("order.tool-start-lost")
def a_tool_call_does_not_start(event: Event, story: Story) -> Events:
    return [] if event["event"] == "ToolCallStarted" else [event]


@told("order.request-start-lost")
def a_model_request_does_not_start(event: Event, story: Story) -> Events:
    return [] if event["event"] == "ModelRequestStarted" else [event]


# -- ending


@told("order.step-completed-twice")
def a_step_ends_twice(event: Event, story: Story) -> Events:
    return [event, event] if _is_first(event, "StepCompleted", story) else [event]


@told("order.agent-completed-twice")
def an_agent_ends_twice(event: Event, story: Story) -> Events:
    return [event, event] if event["event"] == "RunCompleted" else [event]


@told("order.step-left-open")
def a_step_is_left_open(event: Event, story: Story) -> Events:
    return [] if _is_first(event, "StepCompleted", story) else [event]


@told("order.container-left-open")
def a_parallel_is_left_open(event: Event, story: Story) -> Events:
    return [] if event["event"] == "ParallelExecutionCompleted" else [event]


@told("order.loop-left-open")
def a_loop_is_left_open(event: Event, story: Story) -> Events:
    return [] if event["event"] == "LoopExecutionCompleted" else [event]


@told("order.iteration-left-open")
def an_iteration_is_left_open(event: Event, story: Story) -> Events:
    if event["event"] == "LoopIterationCompleted" and not event["should_continue"]:
        return []
    return [event]


@told("order.agent-left-open")
def an_agent_is_left_open(event: Event, story: Story) -> Events:
    return [] if event["event"] == "RunCompleted" else [event]


@told("order.tool-left-open")
def a_tool_call_is_left_open(event: Event, story: Story) -> Events:
    return [] if event["event"] == "ToolCallCompleted" else [event]


@told("order.request-left-open")
def a_model_request_is_left_open(event: Event, story: Story) -> Events:
    is_last = event["event"] == "ModelRequestCompleted" and "RunContent" in story.said
    return [] if is_last else [event]


# -- what comes within


@told("order.content-of-no-run")
def content_of_no_run(event: Event, story: Story) -> Events:
    return [{**event, "run_id": STRANGE_ID} if event["event"] == "RunContent" else event]


@told("order.late-content")
def content_after_the_run(event: Event, story: Story) -> Events:
    if event["event"] == "RunContent" and "content" not in story.notes:
        story.notes["content"] = event
        return []
    if event["event"] == "RunCompleted" and "content" in story.notes:
        return [event, story.notes["content"]]
    return [event]


@told("order.late-output")
def output_after_the_step(event: Event, story: Story) -> Events:
    if event["event"] == "StepOutput":
        story.notes["output"] = event
        return []
    if event["event"] == "StepCompleted" and "output" in story.notes:
        return [event, story.notes.pop("output")]
    return [event]


@told("order.output-lost")
def an_output_is_lost(event: Event, story: Story) -> Events:
    return [] if _is_first(event, "StepOutput", story) else [event]


@told("order.output-twice")
def an_output_comes_twice(event: Event, story: Story) -> Events:
    return [event, event] if _is_first(event, "StepOutput", story) else [event]


@told("order.content-completed-early")
def content_completed_before_the_last(event: Event, story: Story) -> Events:
    if event["event"] == "RunContent":
        before = story.notes.get("content")
        story.notes["content"] = event
        return [before] if before else []
    last = story.notes.pop("content", None)
    if last and event["event"] == "ModelRequestCompleted":
        completed = _without(event, "input_tokens", "output_tokens", "total_tokens")
        story.notes["completed"] = True
        about = {**completed, "event": "RunContentCompleted"}
        return [about, last, event]
    if event["event"] == "RunContentCompleted" and story.notes.pop("completed", False):
        return []
    return [event]


@told("order.content-completed-twice")
def content_completed_twice(event: Event, story: Story) -> Events:
    return [event, event] if event["event"] == "RunContentCompleted" else [event]


@told("order.steps-overlap")
def the_next_begins_first(event: Event, story: Story) -> Events:
    """A top-level step ends after the next has begun."""
    held = story.notes.pop("held", None)
    if held:
        is_end = event["event"] == "WorkflowCompleted"
        return [held, event] if is_end else [event, held]
    is_inner = "parent_step_id" in event
    if event["event"] == "StepCompleted" and not is_inner and "done" not in story.notes:
        story.notes["done"] = True
        story.notes["held"] = event
        return []
    return [event]


# -- identity


@told("identity.other-run-id")
def other_run_id(event: Event, story: Story) -> Events:
    if _is_first(event, "StepStarted", story):
        return [{**event, "run_id": STRANGE_ID}]
    return [event]


@told("identity.other-workflow-run-id")
def other_workflow_run_id(event: Event, story: Story) -> Events:
    if event["event"] == "RunContent":
        return [{**event, "workflow_run_id": STRANGE_ID}]
    return [event]


@told("identity.run-id-changes")
def another_run_id_at_the_end(event: Event, story: Story) -> Events:
    return [{**event, "run_id": STRANGE_ID} if event["event"] == "WorkflowCompleted" else event]


@told("identity.run-id-missing")
def no_run_id(event: Event, story: Story) -> Events:
    return [_without(event, "run_id") if event["event"] == "StepCompleted" else event]


@told("identity.other-session")
def other_session(event: Event, story: Story) -> Events:
    return [{**event, "session_id": STRANGE_ID} if event["event"] == "RunContent" else event]


@told("identity.session-at-end")
def another_session_at_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "session_id": STRANGE_ID}]
    return [event]


@told("identity.other-workflow")
def another_workflow_at_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "workflow_id": "another"}]
    return [event]


@told("identity.workflow-by-name")
def the_workflows_name_for_its_id(event: Event, story: Story) -> Events:
    if "workflow_id" in event:
        return [{**event, "workflow_id": story.run.workflow.name}]
    return [event]


@told("identity.workflow-renamed")
def another_workflow_name_at_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted":
        return [{**event, "workflow_name": "Another"}]
    return [event]


@told("identity.numbered-from-1")
def steps_from_1(event: Event, story: Story) -> Events:
    index = event.get("step_index")
    if isinstance(index, int):
        return [{**event, "step_index": index + 1}]
    if index:
        return [{**event, "step_index": [index[0] + 1, *index[1:]]}]
    return [event]


@told("identity.agent-renamed")
def another_agent_at_the_end(event: Event, story: Story) -> Events:
    return [{**event, "agent_name": "Another"} if event["event"] == "RunCompleted" else event]


@told("identity.other-tool-arguments")
def other_arguments_at_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**event, "tool": {**event["tool"], "tool_args": {"other": True}}}]
    return [event]


@told("identity.nested-run-shared")
def the_workflows_run_id_in_its_agents(event: Event, story: Story) -> Events:
    if "workflow_run_id" in event:
        return [{**event, "run_id": event["workflow_run_id"]}]
    return [event]


@told("identity.step-id-shared")
def two_steps_of_one_id(event: Event, story: Story) -> Events:
    """The second top-level step has the id of the first."""
    if event["event"] == "StepStarted" and "parent_step_id" not in event:
        ids = story.notes.setdefault("ids", [])
        if event["step_id"] not in ids:
            ids.append(event["step_id"])
    ids = story.notes.get("ids", [])
    renamed: Event = _renamed(event, {ids[1]: ids[0]}) if len(ids) > 1 else event
    return [renamed]


@told("identity.step-index-shared")
def two_branches_of_one_index(event: Event, story: Story) -> Events:
    if _is_of_parallel(event, story) and isinstance(event["step_index"], list | tuple):
        return [{**event, "step_index": [event["step_index"][0], 0]}]
    return [event]


# -- time


@told("time.backwards")
def before_the_start(event: Event, story: Story) -> Events:
    if event["event"] == "RunStarted":
        return [{**event, "created_at": event["created_at"] - 1}]
    return [event]


@told("time.milliseconds")
def milliseconds_at_times(event: Event, story: Story) -> Events:
    if event["event"] == "StepOutput":
        return [{**event, "created_at": event["created_at"] * 1000}]
    return [event]


@told("time.all-milliseconds")
def milliseconds(event: Event, story: Story) -> Events:
    return [{**event, "created_at": event["created_at"] * 1000} if "created_at" in event else event]


@told("time.ahead")
def tomorrow(event: Event, story: Story) -> Events:
    if "created_at" in event:
        return [{**event, "created_at": event["created_at"] + 86_400}]
    return [event]


# -- containers


@told("parallel.count-off")
def one_branch_more_is_announced(event: Event, story: Story) -> Events:
    if "parallel_step_count" in event:
        return [{**event, "parallel_step_count": event["parallel_step_count"] + 1}]
    return [event]


@told("parallel.silent-branch")
def a_branch_says_nothing(event: Event, story: Story) -> Events:
    if _is_of_parallel(event, story):
        first = story.notes.setdefault("branch", event["step_id"])
        return [event] if event["step_id"] == first else []
    return [event]


@told("condition.other-branch")
def the_other_branch(event: Event, story: Story) -> Events:
    if event["event"] == "ConditionExecutionCompleted":
        other = {"if": "else", "else": "if"}
        return [{**event, "branch": other.get(event["branch"], "if")}]
    return [event]


@told("condition.result-changes")
def the_result_changes(event: Event, story: Story) -> Events:
    if event["event"] == "ConditionExecutionCompleted":
        return [{**event, "condition_result": not event["condition_result"]}]
    return [event]


@told("loop.from-0")
def iterations_from_0(event: Event, story: Story) -> Events:
    return [{**event, "iteration": event["iteration"] - 1} if "iteration" in event else event]


@told("loop.count-off")
def one_iteration_more_is_counted(event: Event, story: Story) -> Events:
    if "total_iterations" in event:
        return [{**event, "total_iterations": event["total_iterations"] + 1}]
    return [event]


@told("loop.beyond-maximum")
def a_smaller_maximum(event: Event, story: Story) -> Events:
    return [{**event, "max_iterations": 1} if "max_iterations" in event else event]


@told("loop.never-continues")
def no_iteration_continues(event: Event, story: Story) -> Events:
    return [{**event, "should_continue": False} if "should_continue" in event else event]


@told("loop.results-lost")
def the_last_iterations_results_are_lost(event: Event, story: Story) -> Events:
    return [
        {**event, "all_results": event["all_results"][:-1]} if "all_results" in event else event
    ]


@told("router.other-choice")
def another_choice(event: Event, story: Story) -> Events:
    return [{**event, "selected_steps": ["another"]} if "selected_steps" in event else event]


@told("router.selection-changes")
def another_choice_at_the_end(event: Event, story: Story) -> Events:
    if event["event"] == "RouterExecutionCompleted":
        return [{**event, "selected_steps": []}]
    return [event]


# -- results


@told("results.other-response")
def another_response(event: Event, story: Story) -> Events:
    if _is_first(event, "StepCompleted", story):
        return [{**event, "step_response": {**event["step_response"], "content": "other"}}]
    return [event]


@told("results.other-response-id")
def the_response_of_another(event: Event, story: Story) -> Events:
    if _is_first(event, "StepCompleted", story):
        return [{**event, "step_response": {**event["step_response"], "step_id": STRANGE_ID}}]
    return [event]


@told("results.lost")
def a_result_is_lost(event: Event, story: Story) -> Events:
    if event["event"] == "ParallelExecutionCompleted":
        return [{**event, "step_results": event["step_results"][:-1]}]
    return [event]


@told("results.other-id")
def a_result_of_another(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted" and event["step_results"]:
        first, *rest = event["step_results"]
        return [{**event, "step_results": [{**first, "step_id": STRANGE_ID}, *rest]}]
    return [event]


@told("results.other-content")
def a_result_of_another_content(event: Event, story: Story) -> Events:
    if event["event"] == "LoopIterationCompleted" and event["iteration_results"]:
        first, *rest = event["iteration_results"]
        return [{**event, "iteration_results": [{**first, "content": "other"}, *rest]}]
    return [event]


@told("results.twice")
def a_result_comes_twice(event: Event, story: Story) -> Events:
    if event["event"] == "ParallelExecutionCompleted":
        return [{**event, "step_results": [*event["step_results"], *event["step_results"][:1]]}]
    return [event]


@told("results.executed-off")
def one_step_more_is_counted(event: Event, story: Story) -> Events:
    if "executed_steps" in event:
        return [{**event, "executed_steps": event["executed_steps"] + 1}]
    return [event]


@told("results.other-output")
def another_output(event: Event, story: Story) -> Events:
    if event["event"] == "StepOutput":
        return [{**event, "step_output": {**event["step_output"], "content": "other"}}]
    return [event]


@told("results.executor-changed")
def another_content_than_the_agents(event: Event, story: Story) -> Events:
    if event["event"] == "RunCompleted":
        story.notes["content"] = event["content"]
        return [event]
    content = story.notes.get("content")
    if isinstance(content, str) and content:
        renamed: Event = _renamed(event, {content: f"{content}!"})
        return [renamed]
    return [event]


@told("results.chunk-lost")
def a_chunk_is_lost(event: Event, story: Story) -> Events:
    return [] if _is_first(event, "RunContent", story) else [event]


@told("results.long-chunk-lost")
def a_chunk_is_lost_of_a_long_talk(event: Event, story: Story) -> Events:
    is_long = isinstance(story.run.input, str) and len(story.run.input) > 500
    return [] if is_long and _is_first(event, "RunContent", story) else [event]


@told("results.chunk-repeated")
def a_chunk_comes_twice(event: Event, story: Story) -> Events:
    return [event, event] if _is_first(event, "RunContent", story) else [event]


@told("results.chunks-grow")
def each_chunk_has_those_before(event: Event, story: Story) -> Events:
    if event["event"] != "RunContent" or not isinstance(event.get("content"), str):
        return [event]
    story.notes["text"] = story.notes.get("text", "") + event["content"]
    return [{**event, "content": story.notes["text"]}]


@told("results.end-other-content")
def another_final_content(event: Event, story: Story) -> Events:
    return [{**event, "content": "other"} if event["event"] == "WorkflowCompleted" else event]


@told("results.end-without-content")
def no_final_content(event: Event, story: Story) -> Events:
    return [{**event, "content": None} if event["event"] == "WorkflowCompleted" else event]


@told("results.end-first-content")
def the_first_results_content(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCompleted" and event["step_results"]:
        return [{**event, "content": event["step_results"][0]["content"]}]
    return [event]


# -- tools


@told("tool.success-failed")
def a_good_call_fails(event: Event, story: Story) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**_without(event, "content"), "event": "ToolCallError", "error": "none"}]
    return [event]


@told("tool.failure-completed")
def a_failed_call_completes(event: Event, story: Story) -> Events:
    if event["event"] == "ToolCallCompleted":
        return [{**event, "tool": {**event["tool"], "tool_call_error": True}}]
    return [event]


# -- cancelling


@told("cancel.bare-end")
def cancelled_bare(event: Event, story: Story) -> Events:
    return [] if event["event"] == "WorkflowCancelled" else [event]


@told("cancel.as-failure")
def cancelled_as_a_failure(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCancelled":
        return [{**event, "event": "WorkflowError", "error": "cancelled"}]
    return [event]


@told("cancel.as-completed")
def cancelled_as_completed(event: Event, story: Story) -> Events:
    if event["event"] == "WorkflowCancelled":
        ended = {"content": "", "content_type": "str", "step_results": []}
        return [{**event, "event": "WorkflowCompleted", **ended}]
    return [event]
