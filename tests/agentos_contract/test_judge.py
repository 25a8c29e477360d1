"""The judge finds each fault, and only it: every requirement, by a stream with that one fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_contract.document import Document
from agentos_contract.events import EVENTS
from agentos_contract.judge import JUDGED_REQUIREMENTS, RunJudge, wrong_time
from agentos_contract.sse import ServerSentEvent

Payload = dict[str, Any]
Stream = list[Payload]

RUN = {"workflow_id": "w", "workflow_name": "W", "session_id": "s", "run_id": "r"}
AGENT = {
    "agent_id": "a",
    "agent_name": "A",
    "run_id": "ar",
    "session_id": "s",
    "workflow_id": "w",
    "workflow_run_id": "r",
}


def result(name: str, content: Any, *, kind: str = "Step", **more: Any) -> Payload:
    about = {"step_name": name, "step_id": f"id-{name}", "step_type": kind}
    return {"content": content, **about, "success": True, "error": None, "stop": False, **more}


def event(name: str, **more: Any) -> Payload:
    return {"created_at": 1000, "event": name, **RUN, **more}


def about(name: str, index: Any, parent: str | None = None) -> Payload:
    parents = {"parent_step_id": f"id-{parent}"} if parent else {}
    return {"step_id": f"id-{name}", **parents, "step_name": name, "step_index": index}


def step(name: str, index: Any, parent: str | None = None) -> Stream:
    here = about(name, index, parent)
    said = f"said {name}"
    response = result(name, said)
    return [
        event("StepStarted", **here),
        event("StepCompleted", **here, content=said, content_type="str", step_response=response),
    ]


def function_step(name: str, index: int) -> Stream:
    start, end = step(name, index)
    own = {"step_name": name, "step_index": index}
    return [start, event("StepOutput", **own, step_output=end["step_response"]), end]


def agent_step(name: str, index: int) -> Stream:
    here = about(name, index)
    head = {**AGENT, "step_id": f"id-{name}", "step_name": name, "step_index": index}

    def own(event_name: str, **more: Any) -> Payload:
        return {"created_at": 1000, "event": event_name, **head, **more}

    tool = {"tool_call_id": "call_1", "tool_name": "look", "tool_args": {"where": "x", "at": 1}}
    return [
        event("StepStarted", **here),
        own("RunStarted", model="m", model_provider="p"),
        own("ModelRequestStarted"),
        own("ModelRequestCompleted"),
        own("ToolCallStarted", tool=tool),
        own("ToolCallCompleted", tool=tool, content="done"),
        own("ModelRequestStarted"),
        own("RunContent", content="one ", content_type="str"),
        own("RunContent", content="two", content_type="str"),
        own("ModelRequestCompleted"),
        own("RunContentCompleted"),
        own("RunCompleted", content="one two", content_type="str"),
        event(
            "StepCompleted",
            **here,
            content="one two",
            content_type="str",
            step_response=result(name, "one two"),
        ),
    ]


STEP_NAMES = ("p0", "p1", "c0", "l0", "s0", "f5", "f6", "chosen")


def good() -> Stream:
    """A run with one of everything."""
    parallel = {**about("par", 1), "parallel_step_count": 2}
    condition = {**about("cond", 2), "condition_result": True}
    loop = about("loop", 3)
    steps = {**about("steps", 4), "steps_count": 1}
    router = {**about("route", 7), "selected_steps": ["chosen"]}
    inner = {name: result(name, f"said {name}") for name in STEP_NAMES}
    p0, p1 = step("p0", [1, 0], "par"), step("p1", [1, 1], "par")
    iterations: Stream = []
    for number in (1, 2):
        about_it = {**loop, "iteration": number, "max_iterations": 2}
        iterations += [
            event("LoopIterationStarted", **about_it),
            *step("l0", [3, 0], "loop"),
            event(
                "LoopIterationCompleted",
                **about_it,
                iteration_results=[inner["l0"]],
                should_continue=number == 1,
            ),
        ]
    return [
        event("WorkflowStarted"),
        *agent_step("agent", 0),
        event("ParallelExecutionStarted", **parallel),
        p0[0],
        p1[0],
        p1[1],
        p0[1],
        event("ParallelExecutionCompleted", **parallel, step_results=[inner["p0"], inner["p1"]]),
        event("ConditionExecutionStarted", **condition),
        *step("c0", [2, 0], "cond"),
        event(
            "ConditionExecutionCompleted",
            **condition,
            executed_steps=1,
            branch="if",
            step_results=[inner["c0"]],
        ),
        event("LoopExecutionStarted", **loop, max_iterations=2),
        *iterations,
        event(
            "LoopExecutionCompleted",
            **loop,
            total_iterations=2,
            max_iterations=2,
            all_results=[[inner["l0"]], [inner["l0"]]],
        ),
        event("StepsExecutionStarted", **steps),
        *step("s0", [4, 0], "steps"),
        event("StepsExecutionCompleted", **steps, executed_steps=1, step_results=[inner["s0"]]),
        *function_step("f5", 5),
        *function_step("f6", 6),
        event("RouterExecutionStarted", **router),
        *step("chosen", 7, "route"),
        event(
            "RouterExecutionCompleted",
            **router,
            executed_steps=1,
            step_results=[inner["chosen"]],
        ),
        event(
            "WorkflowCompleted",
            content="said chosen",
            content_type="str",
            step_results=[
                result("agent", "one two"),
                result("par", "…", kind="Parallel", steps=[inner["p0"], inner["p1"]]),
                result("cond", "…", kind="Condition", steps=[inner["c0"]]),
                result("loop", "…", kind="Loop", steps=[inner["l0"], inner["l0"]]),
                result("steps", "…", kind="Steps", steps=[inner["s0"]]),
                inner["f5"],
                inner["f6"],
                result("route", "…", kind="Router", steps=[inner["chosen"]]),
            ],
        ),
    ]


def judged(stream: Stream, **options: Any) -> RunJudge:
    judge = RunJudge(**options)
    for payload in stream:
        name = payload.pop("_name", payload.get("event", "message"))
        data = payload.pop("_data", None)
        judge.receive(ServerSentEvent(name, data or json.dumps(payload)))
    judge.end()
    return judge


def found(stream: Stream, **options: Any) -> set[str]:
    return {violation.requirement for violation in judged(stream, **options).violations}


# -- mutations


def at(stream: Stream, name: str, **members: Any) -> int:
    """Where the first event of that name (and with those members) is."""
    for index, payload in enumerate(stream):
        if payload["event"] == name and members.items() <= payload.items():
            return index
    raise LookupError(name)


Mutation = Callable[[Stream], None]
MUTATIONS: list[tuple[str, set[str], Mutation]] = []


def breaks(requirement: str, *consequences: str) -> Callable[[Mutation], Mutation]:
    """The mutation breaks that requirement, and what must follow from it."""

    def register(mutation: Mutation) -> Mutation:
        MUTATIONS.append((requirement, {requirement, *consequences}, mutation))
        return mutation

    return register


@breaks("event.data-json", "order.ended")
def data_cut_off(stream: Stream) -> None:
    stream[at(stream, "StepCompleted")]["_data"] = '{"event": "StepCompl'


@breaks("event.data-json")
def data_no_object(stream: Stream) -> None:
    stream.insert(3, {"event": "RunContent", "_data": "[1]"})


@breaks("event.data-json")
def data_not_a_number(stream: Stream) -> None:
    stream.insert(3, {"event": "RunContent", "_data": '{"event": "RunContent", "content": NaN}'})


@breaks("event.data-json")
def data_with_a_name_twice(stream: Stream) -> None:
    data = '{"event": "CustomEvent", "progress": 1, "progress": 2}'
    stream.insert(3, {"event": "CustomEvent", "_data": data})


@breaks("event.name-in-data")
def another_name_in_data(stream: Stream) -> None:
    index = at(stream, "StepStarted")
    stream[index]["_name"] = "StepStarted"
    stream[index]["event"] = "step_started"


@breaks("event.known-name")
def unknown_name(stream: Stream) -> None:
    stream.insert(2, event("SomethingElse"))


@breaks("event.schema")
def a_payload_lacks_a_member(stream: Stream) -> None:
    del stream[at(stream, "LoopExecutionStarted")]["step_name"]


@breaks("identity.run-id")
def another_run(stream: Stream) -> None:
    stream[at(stream, "StepStarted", step_name="c0")]["run_id"] = "other"


@breaks("identity.run-id")
def an_agent_of_another_run(stream: Stream) -> None:
    stream[at(stream, "RunContent")]["workflow_run_id"] = "other"


@breaks("identity.session-id")
def another_session(stream: Stream) -> None:
    stream[at(stream, "RunContent")]["session_id"] = "other"


@breaks("identity.workflow-id")
def another_workflow(stream: Stream) -> None:
    stream[-1]["workflow_id"] = "other"


@breaks("identity.step-id-unique")
def two_steps_of_one_id(stream: Stream) -> None:
    text = json.dumps(stream).replace("id-loop", "id-cond")
    stream[:] = json.loads(text)


@breaks("identity.step-index")
def two_branches_of_one_index(stream: Stream) -> None:
    for payload in stream:
        if payload.get("step_name") == "p1":
            payload["step_index"] = [1, 0]


@breaks("identity.step-order")
def a_step_too_far(stream: Stream) -> None:
    for payload in stream:
        if payload.get("step_name") in ("route", "chosen"):
            payload["step_index"] = 8


@breaks("identity.workflow-name")
def another_name_of_the_workflow(stream: Stream) -> None:
    stream[-1]["workflow_name"] = "Other"


@breaks("identity.workflow-name")
def a_workflow_loses_its_name(stream: Stream) -> None:
    del stream[at(stream, "ConditionExecutionStarted")]["workflow_name"]


@breaks("identity.same-at-end")
def a_step_ends_under_another_name(stream: Stream) -> None:
    stream[at(stream, "LoopExecutionCompleted")]["step_name"] = "other"


@breaks("identity.same-at-end")
def an_agent_changes_its_name(stream: Stream) -> None:
    stream[at(stream, "RunContent")]["agent_name"] = "B"


@breaks("identity.same-at-end")
def a_tool_changes_its_arguments(stream: Stream) -> None:
    index = at(stream, "ToolCallCompleted")
    stream[index] = {**stream[index], "tool": {**stream[index]["tool"], "tool_args": {"x": 1}}}


@breaks("identity.nested-run-id")
def an_agent_has_the_workflows_run_id(stream: Stream) -> None:
    for payload in stream:
        if payload["run_id"] == "ar":
            payload["run_id"] = "r"


@breaks("loop.all-results")
def an_iteration_is_lost_in_the_end(stream: Stream) -> None:
    stream[at(stream, "LoopExecutionCompleted")]["all_results"].pop()


@breaks("loop.iterations")
def the_maximum_changes(stream: Stream) -> None:
    stream[at(stream, "LoopIterationStarted", iteration=2)]["max_iterations"] = 3


@breaks("loop.iterations")
def an_iteration_is_numbered_wrong(stream: Stream) -> None:
    for payload in stream:
        if payload.get("iteration") == 2:
            payload["iteration"] = 3


@breaks("loop.iterations")
def iterations_are_counted_wrong(stream: Stream) -> None:
    stream[at(stream, "LoopExecutionCompleted")]["total_iterations"] = 3


@breaks("loop.should-continue")
def the_last_iteration_would_continue(stream: Stream) -> None:
    stream[at(stream, "LoopIterationCompleted", iteration=2)]["should_continue"] = True


@breaks("order.content-completed")
def content_after_content_completed(stream: Stream) -> None:
    index = at(stream, "RunContentCompleted")
    stream[index], stream[index - 2] = stream[index - 2], stream[index]


@breaks("order.content-completed")
def content_is_completed_twice(stream: Stream) -> None:
    index = at(stream, "RunContentCompleted")
    stream.insert(index, copy.deepcopy(stream[index]))


@breaks("order.step-output")
def an_output_is_lost(stream: Stream) -> None:
    del stream[at(stream, "StepOutput")]


@breaks("order.step-output")
def an_output_comes_twice(stream: Stream) -> None:
    index = at(stream, "StepOutput")
    stream.insert(index, copy.deepcopy(stream[index]))


@breaks("order.ended")
def a_step_never_ends(stream: Stream) -> None:
    del stream[at(stream, "StepCompleted", step_name="c0")]


@breaks("order.ended")
def a_step_never_ends_at_the_top(stream: Stream) -> None:
    del stream[at(stream, "StepCompleted", step_name="agent")]


@breaks("order.ended-once")
def a_step_ends_twice(stream: Stream) -> None:
    index = at(stream, "StepCompleted", step_name="c0")
    stream.insert(index, copy.deepcopy(stream[index]))


@breaks("order.first-event")
def no_start(stream: Stream) -> None:
    del stream[0]


@breaks("order.nested", "parallel.step-count", "results.no-others")
def an_unknown_parent(stream: Stream) -> None:
    stream[at(stream, "StepStarted", step_name="p1")]["parent_step_id"] = "id-nobody"


@breaks("order.nothing-after")
def an_event_after_the_end(stream: Stream) -> None:
    stream.append(event("StepStarted", **about("late", 9)))


@breaks("order.one-start")
def two_starts(stream: Stream) -> None:
    stream.insert(1, event("WorkflowStarted"))


@breaks("order.one-terminal-event")
def cancelled_and_completed(stream: Stream) -> None:
    stream.insert(-1, event("WorkflowCancelled", reason="no more"))


@breaks("order.sequential")
def steps_overlap(stream: Stream) -> None:
    end = at(stream, "StepCompleted", step_name="agent")
    start = at(stream, "ParallelExecutionStarted")
    stream[end], stream[start] = stream[start], stream[end]


@breaks("order.sequential")
def iterations_overlap(stream: Stream) -> None:
    end = at(stream, "LoopIterationCompleted", iteration=1)
    start = at(stream, "LoopIterationStarted", iteration=2)
    stream[end], stream[start] = stream[start], stream[end]


@breaks("order.started-before-ended", "parallel.step-count", "results.no-others")
def an_end_without_a_start(stream: Stream) -> None:
    del stream[at(stream, "StepStarted", step_name="p1")]


@breaks("order.started-once")
def a_step_starts_twice(stream: Stream) -> None:
    index = at(stream, "StepStarted", step_name="c0")
    stream.insert(index, copy.deepcopy(stream[index]))


@breaks("order.terminal-event")
def a_bare_end(stream: Stream) -> None:
    del stream[-1]


@breaks("order.within")
def content_of_no_run(stream: Stream) -> None:
    stream[at(stream, "RunContent")]["run_id"] = "nobody"
    stream[at(stream, "RunCompleted")]["content"] = "two"
    stream[at(stream, "StepCompleted", step_name="agent")]["content"] = "two"
    stream[at(stream, "StepCompleted", step_name="agent")]["step_response"]["content"] = "two"
    stream[-1]["step_results"][0]["content"] = "two"


@breaks("parallel.step-count", "results.no-others")
def a_branch_is_missing(stream: Stream) -> None:
    del stream[at(stream, "StepCompleted", step_name="p1")]
    del stream[at(stream, "StepStarted", step_name="p1")]


@breaks("parallel.step-count")
def a_branch_more_at_the_end(stream: Stream) -> None:
    stream[at(stream, "ParallelExecutionCompleted")]["parallel_step_count"] = 3


@breaks("condition.branch")
def the_other_branch(stream: Stream) -> None:
    stream[at(stream, "ConditionExecutionCompleted")]["branch"] = "else"


@breaks("condition.branch")
def the_result_changes(stream: Stream) -> None:
    index = at(stream, "ConditionExecutionCompleted")
    stream[index] = {**stream[index], "condition_result": False}


@breaks("router.selected-steps")
def another_choice_runs(stream: Stream) -> None:
    for name in ("RouterExecutionStarted", "RouterExecutionCompleted"):
        stream[at(stream, name)]["selected_steps"] = ["another"]


@breaks("results.content")
def another_final_content(stream: Stream) -> None:
    stream[-1]["content"] = "something else"


@breaks("results.in-container")
def a_result_is_missing(stream: Stream) -> None:
    stream[at(stream, "ParallelExecutionCompleted")]["step_results"].pop()


@breaks("results.in-container")
def a_result_has_another_id(stream: Stream) -> None:
    stream[-1]["step_results"][1]["step_id"] = "another"


@breaks("results.in-container", "results.no-others")
def a_result_has_another_name(stream: Stream) -> None:
    result = stream[at(stream, "ParallelExecutionCompleted")]["step_results"][0]
    stream[at(stream, "ParallelExecutionCompleted")]["step_results"][0] = {
        **result,
        "step_name": "other",
    }
    stream[-1]["step_results"][1]["steps"][0]["step_name"] = "other"


@breaks("results.in-container")
def a_result_says_that_it_failed(stream: Stream) -> None:
    stream[at(stream, "ConditionExecutionCompleted")]["step_results"][0]["success"] = False


@breaks("results.in-container")
def a_result_of_a_container_changes_in_the_end(stream: Stream) -> None:
    stream[-1]["step_results"][3]["steps"][0]["content"] = "other"


@breaks("results.no-others")
def a_result_stands_twice(stream: Stream) -> None:
    results = stream[-1]["step_results"]
    results.insert(0, results[0])


@breaks("results.no-others")
def results_of_a_step_that_did_not_run(stream: Stream) -> None:
    stream[-1]["step_results"].insert(0, result("nobody", "x"))


@breaks("results.no-others")
def results_in_another_order(stream: Stream) -> None:
    results = stream[-1]["step_results"]
    results[0], results[1] = results[1], results[0]


@breaks("results.executed-steps")
def executed_steps_are_counted_wrong(stream: Stream) -> None:
    stream[at(stream, "RouterExecutionCompleted")]["executed_steps"] = 2


@breaks("results.executed-steps")
def steps_are_announced_wrong(stream: Stream) -> None:
    stream[at(stream, "StepsExecutionStarted")]["steps_count"] = 9


@breaks("results.step-output")
def an_output_says_something_else(stream: Stream) -> None:
    index = at(stream, "StepOutput")
    output = {**stream[index]["step_output"], "content": "other"}
    stream[index] = {**stream[index], "step_output": output}


@breaks("results.executor-content", "results.run-content")
def an_agent_says_something_else_in_the_end(stream: Stream) -> None:
    stream[at(stream, "RunCompleted")]["content"] = "other"


@breaks("results.content")
def no_final_content(stream: Stream) -> None:
    del stream[-1]["content"]


@breaks("results.run-content")
def all_chunks_are_lost(stream: Stream) -> None:
    for _ in range(2):
        del stream[at(stream, "RunContent")]


@breaks("tool.error")
def a_failed_call_completes(stream: Stream) -> None:
    stream[at(stream, "ToolCallCompleted")]["tool"]["tool_call_error"] = True


@breaks("time.seconds")
def time_in_milliseconds(stream: Stream) -> None:
    for payload in stream:
        payload["created_at"] = 1_795_553_243_000


@breaks("time.seconds")
def no_time(stream: Stream) -> None:
    for payload in stream:
        payload["created_at"] = 0


@breaks("results.in-container", "loop.all-results")
def a_result_has_another_content(stream: Stream) -> None:
    iteration = stream[at(stream, "LoopIterationCompleted")]
    iteration["iteration_results"] = [{**iteration["iteration_results"][0], "content": "other"}]


@breaks("results.run-content")
def a_chunk_is_lost(stream: Stream) -> None:
    del stream[at(stream, "RunContent", content="one ")]


@breaks("results.step-response")
def the_response_says_something_else(stream: Stream) -> None:
    stream[at(stream, "StepCompleted", step_name="c0")]["step_response"]["content"] = "other"


@breaks("time.created-at")
def time_goes_backwards(stream: Stream) -> None:
    stream[at(stream, "RunStarted")]["created_at"] = 999


@pytest.fixture(scope="module")
def validators(document: Document) -> dict[str, Any]:
    return {
        name: jsonschema_rs.validator_for(schema) for name, schema in document.event_schemas.items()
    }


# The mutations' fixed shapes are those of a minimal server, which has fewer members than Agno.
SCHEMA_CHECKED = {"a_payload_lacks_a_member"}


def test_a_good_stream_has_no_fault_and_exercises_everything(validators: dict[str, Any]) -> None:
    judge = judged(good())
    assert judge.violations == []
    assert judge.exercised >= JUDGED_REQUIREMENTS - {"event.schema"}
    judge = judged(good(), validators={"LoopExecutionStarted": validators["LoopExecutionStarted"]})
    assert judge.violations == []
    assert "event.schema" in judge.exercised


@pytest.mark.parametrize(
    ("expected", "mutation"),
    [(found, mutation) for _, found, mutation in MUTATIONS],
    ids=[mutation.__name__ for _, _, mutation in MUTATIONS],
)
def test_a_fault_is_found_with_its_consequences_and_nothing_else(
    validators: dict[str, Any], expected: set[str], mutation: Mutation
) -> None:
    stream = json.loads(json.dumps(good()))
    mutation(stream)
    options: dict[str, Any] = {}
    if "event.schema" in expected:
        options["validators"] = {"LoopExecutionStarted": validators["LoopExecutionStarted"]}
    assert found(stream, **options) == expected


def test_every_requirement_has_a_mutation() -> None:
    assert {requirement for requirement, _, _ in MUTATIONS} == JUDGED_REQUIREMENTS


def test_what_was_asked_for_is_held_against_the_stream() -> None:
    assert found(good(), session_id="mine") == {"identity.session-id"}
    assert found(good(), workflow_id="mine") == {"identity.workflow-id"}


# -- legal differences


def custom_events(stream: Stream) -> None:
    for index in range(1, len(stream), 3):
        stream.insert(index, event("CustomEvent", anything={"at": "all"}))


def extra_members(stream: Stream) -> None:
    for payload in stream:
        payload["nested_depth"] = 1


def other_branch_order(stream: Stream) -> None:
    first, second = (
        at(stream, "StepStarted", step_name="p0"),
        at(stream, "StepStarted", step_name="p1"),
    )
    stream[first], stream[second] = stream[second], stream[first]


def cancelled_in_the_middle(stream: Stream) -> None:
    del stream[at(stream, "LoopIterationCompleted") :]
    stream.append(event("WorkflowCancelled", reason="enough"))


def test_an_iteration_that_ended_before_the_run_was_cancelled_has_not_failed() -> None:
    stream = good()
    del stream[at(stream, "LoopIterationStarted", iteration=2) + 1 :]
    stream.append(event("WorkflowCancelled", reason="enough"))
    conditions = judged(stream).verdict.conditions["order.ended"]
    assert frozenset({"iteration"}) in conditions
    assert not [words for words in conditions if {"iteration", "step-failed"} <= words]


def failed_in_the_middle(stream: Stream) -> None:
    del stream[at(stream, "StepCompleted", step_name="c0") :]
    stream.append(event("StepError", **about("c0", [2, 0], "cond"), error="boom"))
    stream.append(event("WorkflowError", error="boom"))


def a_workflow_agent_around_it(stream: Stream) -> None:
    stream.insert(0, event("WorkflowAgentStarted"))
    stream.append(event("WorkflowAgentCompleted", content="done"))


@pytest.mark.parametrize(
    "variation",
    [
        custom_events,
        extra_members,
        other_branch_order,
        cancelled_in_the_middle,
        failed_in_the_middle,
        a_workflow_agent_around_it,
    ],
)
def test_a_legal_difference_is_no_fault(variation: Mutation) -> None:
    stream = json.loads(json.dumps(good()))
    variation(stream)
    assert found(stream) == set()


NAMES = st.sampled_from([*EVENTS, "CustomEvent", "Nonsense", "message"])
VALUES = (
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "id-p0", "s", [], {}])
)
MEMBERS = ["step_id", "parent_step_id", "run_id", "step_name", "tool", "iteration", "step_results"]
PAYLOADS = st.dictionaries(st.sampled_from([*MEMBERS, "event", "content", "created_at"]), VALUES)


@given(events=st.lists(st.tuples(NAMES, PAYLOADS.map(json.dumps) | st.text(max_size=5))))
def test_nothing_that_a_server_sends_makes_the_judge_raise(events: list[tuple[str, str]]) -> None:
    judge = RunJudge()
    for name, data in events:
        judge.receive(ServerSentEvent(name, data))
    judge.end()
    assert {violation.requirement for violation in judge.violations} <= JUDGED_REQUIREMENTS


@pytest.mark.parametrize(
    ("seconds_ago", "is_wrong"),
    [(0, False), (300, False), (3600, True), (12 * 3600, True), (86400, False), (-86400, True)],
)
def test_a_time_of_another_zone_is_wrong_and_a_clock_that_was_set_is_not(
    seconds_ago: int, is_wrong: bool
) -> None:
    now = 1_795_553_243.0
    assert (wrong_time(now - seconds_ago, now) is not None) == is_wrong
