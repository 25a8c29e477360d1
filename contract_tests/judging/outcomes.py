"""What a run came to, alike of a stream and of a batch body, so that two can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentos_contract.events import Scope
from agentos_contract.json_values import canonical, mapping, mappings
from contract_tests.judging.batches import BatchRun
from contract_tests.judging.streams import StreamedRun

RunOutcome = Any
"""What a run came to, without what may differ: its content, and its results as nested (name, how it
ended, what it said, children)."""


def outcome_of_batch(run: BatchRun) -> RunOutcome:
    """None where there is nothing to compare: what is wrong then is another requirement's."""
    if run.exchange.status == 500:
        return "failed"
    if not run.exchange.succeeded or not run.body:
        return None
    if run.body.get("status") == "PAUSED":
        return _paused(run.body.get("paused_step_name"))
    return _outcome(run.body, _masks(run.body))


def outcome_of_stream(run: StreamedRun) -> RunOutcome:
    """None where the stream does not tell how the run ended."""
    if run.terminal is None or run.exchange.error is not None:
        return None
    if run.terminal["event"] == "WorkflowError":
        return "failed"
    if str(run.terminal["event"]).endswith("Paused"):
        return _paused(run.terminal.get("step_name"))
    if run.terminal["event"] != "WorkflowCompleted":
        return None
    return _outcome(run.terminal, _masks(run.terminal))


def _paused(step: Any) -> RunOutcome:
    return f"is paused at {step!r}"


def _masks(run: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Replaces the run's own ids in a content, which say nothing about the run."""
    ids = [str(run[key]) for key in ("run_id", "session_id") if run.get(key)]

    def mask(value: Any) -> Any:
        if isinstance(value, str):
            for position, identifier in enumerate(ids):
                value = value.replace(identifier, f"<id {position}>")
        return value

    return mask


def _outcome(run: Mapping[str, Any], mask: Callable[[Any], Any]) -> RunOutcome:
    return (
        mask(run.get("content")),
        [_result(result, mask) for result in mappings(run.get("step_results"))],
    )


def _result(result: Mapping[str, Any], mask: Callable[[Any], Any]) -> RunOutcome:
    children = [_result(child, mask) for child in mappings(result.get("steps"))]
    if result.get("step_type") == "Parallel":
        children.sort(key=canonical)
    # A container's content is a text about its children, with times in it.
    said = None if children else (mask(result.get("content")), mask(result.get("error")))
    how = tuple(result.get(key) for key in ("success", "stop", "step_type", "executor_type"))
    return (result.get("step_name"), how, said, children)


def runs_of_batch(run: BatchRun) -> RunOutcome:
    """What the agents and teams did that carried out its steps: who, its content, its tool calls.
    None where the body does not say."""
    runs = run.body.get("step_executor_runs")
    if not isinstance(runs, list):
        return None
    mask = _masks(run.body)
    return [
        (
            _who(one),
            mask(one.get("content")),
            [_call(tool, mask) for tool in mappings(one.get("tools"))],
        )
        for one in mappings(runs)
    ]


def runs_of_stream(run: StreamedRun) -> RunOutcome:
    """The same of a stream. None where no agent or team ran, or one did not complete."""
    root = run.judge.machine.root
    if root is None or run.terminal is None:
        return None
    mask = _masks(run.terminal)
    runs = []
    for span in root.walk():
        if (
            span.scope is not Scope.RUN
            or span.parent is None
            or span.parent.scope is not Scope.STEP
        ):
            continue
        response = mapping((span.parent.ended or {}).get("step_response"))
        if response.get("executor_type") == "function":
            continue  # no body tells of what a function runs within itself
        ended = span.ended or {}
        if not str(ended.get("event")).endswith("RunCompleted"):
            return None
        calls = [child for child in span.children if child.scope is Scope.TOOL_CALL]
        tools = [(call.ended or {}).get("tool") for call in calls]
        said = [_call(tool, mask) for tool in mappings(tools)]
        runs.append((_who(ended), mask(ended.get("content")), said))
    return runs or None


def _who(run: Mapping[str, Any]) -> Any:
    return run.get("agent_id") or run.get("team_id")


def _call(tool: Mapping[str, Any], mask: Callable[[Any], Any]) -> RunOutcome:
    arguments = {key: mask(value) for key, value in mapping(tool.get("tool_args")).items()}
    failed = bool(tool.get("tool_call_error"))
    return (tool.get("tool_name"), arguments, mask(tool.get("result")), failed)


def structure(outcome: RunOutcome) -> RunOutcome:
    """The same without what a model may have said: which steps ran, and how they ended."""
    if not isinstance(outcome, tuple):
        return outcome
    return (None, [_bare(result) for result in outcome[1]])


def _bare(result: RunOutcome) -> RunOutcome:
    name, how, _, children = result
    return (name, how, None, [_bare(child) for child in children])


def difference(
    one: RunOutcome, other: RunOutcome, where: tuple[str, str] = ("in batch", "in the stream")
) -> str:
    """What two different outcomes differ in; `where` each was, for the message."""
    here, there = where
    if isinstance(one, str) and isinstance(other, str):
        return f"the run {one} {here} and {other} {there}"
    if "failed" not in (one, other) and (isinstance(one, str) or isinstance(other, str)):
        pausing = here if isinstance(one, str) else there
        return f"the run {one if isinstance(one, str) else other} {pausing}, and else completes"
    if one == "failed" or other == "failed":
        failing, completing = (here, there) if one == "failed" else (there, here)
        return f"the run fails {failing} and completes {completing}"
    if one[0] != other[0]:
        return f"the content is {one[0]!r} {here} and {other[0]!r} {there}"
    names = [[_names(result) for result in outcome[1]] for outcome in (one, other)]
    if names[0] != names[1]:
        return f"the results are {names[0]} {here} and {names[1]} {there}"
    for first, second in zip(one[1], other[1], strict=True):
        if first != second:
            return f"the result of {first[0]!r} is {first!r} {here} and {second!r} {there}"
    return "the results differ"


def _names(result: RunOutcome) -> Any:
    return [result[0], [_names(child) for child in result[3]]] if result[3] else result[0]
