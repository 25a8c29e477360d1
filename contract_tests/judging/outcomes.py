"""What a run came to, alike of a stream and of a batch body, so that two can be compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from agentos_contract.conditions import about
from agentos_contract.events import CONTAINERS, Scope
from agentos_contract.json_values import canonical, mapping, mappings, unlike
from agentos_contract.spans import Span, steps_of
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


MAX_RESULT = 200
"""Characters of a result, or of the names of all, in a message."""


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
        first, second = unlike(one[0], other[0])
        return f"the content is {first} {here} and {second} {there}"
    names = [[_names(result) for result in outcome[1]] for outcome in (one, other)]
    if names[0] != names[1]:
        first, second = unlike(names[0], names[1], MAX_RESULT)
        return f"the results are {first} {here} and {second} {there}"
    for result, twin in zip(one[1], other[1], strict=True):
        if result != twin:
            first, second = unlike(result, twin, MAX_RESULT)
            return f"the result of {result[0]!r} is {first} {here} and {second} {there}"
    return "the results differ"


def conditions_of_modes(batch: BatchRun, stream: StreamedRun) -> frozenset[str]:
    """What happened in a run of which Agno's two modes have been seen to differ."""
    spans = _spans(stream)
    nothing = {span.name for span in spans if "ran-nothing" in about(span)}
    found = set()
    if any(_has_empty(result, nothing) for result in mappings(batch.body.get("step_results"))):
        found.add("ran-nothing")
    if any(map(_is_failed_executor, spans)):
        found = {"agent-failed"}  # whatever comes after may be different
    if any(_is_failed_run(span) and span.started.get("parent_run_id") for span in spans):
        found.add("member-failed")
    return frozenset(found)


def cause_of(batch: BatchRun, stream: StreamedRun, *, by_structure: bool) -> str:
    """What kind of difference is between a run's two modes. `by_structure`: contents may vary."""
    spans = _spans(stream)
    nothing = {span for span in spans if "ran-nothing" in about(span)}
    failed = {span for span in spans if _is_failed_executor(span)}
    if outcome_of_stream(stream) == "failed" and batch.body:
        return "agent-failed" if failed else "otherwise"
    told = [mappings(run.get("step_results")) for run in (batch.body, stream.terminal or {})]
    masks = _masks(batch.body), _masks(stream.terminal or {})
    names = {span.name for span in nothing}
    results = [
        [_result(left, mask) for one in found if (left := _without(one, names)) is not None]
        for found, mask in zip(told, masks, strict=True)
    ]
    if by_structure:
        results = [[_bare(result) for result in found] for found in results]
    # What comes after may go on from it. Where nothing ran, the same steps do, and say other things
    # perhaps; where one mode has an answer and the other a failure, anything may.
    first = _first_with(stream, nothing | failed)
    if first is not None and results[0][:first] == results[1][:first]:
        later = [[_names(result) for result in found[first:]] for found in results]
        if failed:
            return "agent-failed"
        if later[0] == later[1]:
            return "ran-nothing"
    content = batch.body.get("content"), (stream.terminal or {}).get("content")
    if (content[0] or None) == (content[1] or None) and _alike_but_empty(*results):
        return "empty-content"
    if results[0] != results[1]:
        return "otherwise"
    is_last = bool(told[1]) and told[1][-1].get("step_type") == Scope.PARALLEL.value
    return "last-of-parallel" if is_last else "otherwise"


def _alike_but_empty(batched: list[RunOutcome], streamed: list[RunOutcome]) -> bool:
    """Whether two lists of results differ at most in which contents are empty and which missing."""

    def filled(result: RunOutcome) -> RunOutcome:
        name, how, said, children = result
        said = (said[0] or None, said[1]) if said is not None else None
        return (name, how, said, [filled(child) for child in children])

    return [*map(filled, batched)] == [*map(filled, streamed)]


def _spans(stream: StreamedRun) -> list[Span]:
    root = stream.judge.machine.root
    return [*root.walk()] if root is not None else []


def _first_with(stream: StreamedRun, spans: Collection[Span]) -> int | None:
    """The position of the first of the workflow's own steps that has one of these in it."""
    root = stream.judge.machine.root
    own = steps_of(root) if root is not None else []
    return next((n for n, step in enumerate(own) if any(s in spans for s in step.walk())), None)


def _is_failed_executor(span: Span) -> bool:
    """Whether it is a run of a step's own agent or team, and failed."""
    is_executor = span.parent is not None and span.parent.scope is Scope.STEP
    return is_executor and _is_failed_run(span)


def _is_failed_run(span: Span) -> bool:
    return span.scope is Scope.RUN and str((span.ended or {}).get("event")).endswith("RunError")


def _has_empty(result: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether it is, or has in it, the result of a Condition or Router of such a name without
    results of its own."""
    steps = mappings(result.get("steps"))
    is_one = result.get("step_type") in (Scope.CONDITION.value, Scope.ROUTER.value) and not steps
    return (is_one and result.get("step_name") in names) or any(
        _has_empty(inner, names) for inner in steps
    )


def _without(result: Mapping[str, Any], names: Collection[str]) -> dict[str, Any] | None:
    """A result without those within it that ran nothing; None where it did itself."""
    steps = mappings(result.get("steps"))
    if not steps and result.get("step_name") in names:
        return None
    left = [inner for one in steps if (inner := _without(one, names)) is not None]
    # A container's content is a text about what is in it.
    is_empty = not left and result.get("step_type") in _CONTAINER_TYPES
    return {**result, "steps": left, **({"content": None} if is_empty else {})}


_CONTAINER_TYPES = {scope.value for scope in CONTAINERS}


def _names(result: RunOutcome) -> Any:
    return [result[0], [_names(child) for child in result[3]]] if result[3] else result[0]
