"""A script's steps as Agno's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import signature
from typing import Any

from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, types
from agno.workflow.cel import _build_loop_step_output_context, _build_step_input_context
from agno.workflow.decorators import pause
from agno.workflow.types import StepInput, StepOutput

from scripted_agentos.agents import build_agent, build_team, given
from scripted_agentos.calls import plain, values_of
from scripted_agentos.cel import evaluate_cel
from scripted_agentos.errors import Place, ScriptError, warn
from scripted_agentos.functions import function_executor
from scripted_agentos.mocked import MockedDecision, MockedStep
from scripted_agentos.templates import Json

StepLike = Step | Parallel | Condition | Loop | Router | Steps


def build_steps(described: Json, place: Place) -> list[StepLike]:
    if not isinstance(described, list) or not described:
        raise ScriptError(f"{place}: must be a list of at least one step, not {described!r}")
    return [build_step(named(step, i), place / f"[{i}]") for i, step in enumerate(described)]


def named(described: Json, index: int) -> Json:
    """A step or container with a name: without one it has the one that the mock gives it."""
    if not isinstance(described, Mapping):
        return described
    # An agent that is a step by itself has no name, which descriptions call so.
    is_unnamed = described.get("name") in ("unnamed_agent", "unnamed_team")
    if described.get("name") and not (is_unnamed and described.keys() & {"agent", "team"}):
        return described
    return {**described, "name": f"step_{index + 1}"}


def build_step(described: Json, place: Place) -> StepLike:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be a mapping with type and name, not {described!r}")
    kind = described.get("type", "Step")
    if kind not in BUILDERS:
        raise ScriptError(f"{place}.type: {kind!r} is none of {', '.join(BUILDERS)}")
    return BUILDERS[kind](described, place)


PAUSE_SETTINGS = (
    "requires_confirmation",
    "confirmation_message",
    "requires_user_input",
    "user_input_message",
    "user_input_schema",
)


def build_plain_step(described: Mapping[str, Any], place: Place) -> Step:
    name = described.get("name")
    if not isinstance(name, str):
        raise ScriptError(f"{place}.name: must be a text, not {name!r}")
    mocked = MockedStep(described.get("mock"), key=str(place), name=name, place=str(place / "mock"))
    executor: dict[str, Any]
    if described.get("agent") is not None:
        executor = {"agent": build_agent(described["agent"], mocked, place / "agent")}
    elif described.get("team") is not None:
        executor = {"team": build_team(described["team"], mocked, place / "team")}
    else:
        function_name = described.get("executor_ref") or name
        function = function_executor(mocked, function_name, place / "mock")
        if (described.get("mock") or {}).get("pauses"):
            function = pause(**given(described, PAUSE_SETTINGS))(function)
        executor = {"executor": function}
    if mocked.runs and "executor" not in executor:
        raise ScriptError(f"{place}.mock.runs: only a function runs others within itself")
    if mocked.may_stop and "executor" not in executor:
        warn(f"{place}.mock.stop: Agno's agents and teams can't stop a workflow; ignored")
    if mocked.tools and "executor" in executor:
        warn(f"{place}.mock: a function step calls no tools; ignored")
    return Step(name=name, **executor, **settings(Step, described, STEP_SETTINGS))


def build_parallel(described: Mapping[str, Any], place: Place) -> Parallel:
    steps = build_steps(described.get("steps"), place / "steps")
    return Parallel(*steps, **given(described, ("name", "description")))


def build_condition(described: Mapping[str, Any], place: Place) -> Condition:
    otherwise = described.get("else_steps") or None
    return Condition(
        evaluator=evaluator(described, place),
        steps=build_steps(described.get("steps"), place / "steps"),
        else_steps=build_steps(otherwise, place / "else_steps") if otherwise else None,
        **settings(Condition, described, ("name", "description", *CONFIRMATION_SETTINGS)),
    )


def build_loop(described: Mapping[str, Any], place: Place) -> Loop:
    return Loop(
        steps=build_steps(described.get("steps"), place / "steps"),
        end_condition=end_condition(described, place),
        **settings(
            Loop, described, ("name", "description", "max_iterations", *CONFIRMATION_SETTINGS)
        ),
    )


def build_router(described: Mapping[str, Any], place: Place) -> Router:
    # A server's description has a Router's choices under `steps`.
    key = "choices" if described.get("choices") else "steps"
    return Router(
        choices=build_steps(described.get(key), place / key),
        selector=selector(described, place),
        **settings(Router, described, ("name", "description", *ROUTER_SETTINGS)),
    )


def decision_mock(described: Mapping[str, Any], key: str, place: Place) -> Mapping[str, Any]:
    """What a `mock` says of a function that answers `key`. Raises ScriptError."""
    mock = described.get("mock") or {}
    if not isinstance(mock, Mapping) or set(mock) - {key, "fails", "error"}:
        raise ScriptError(f"{place}.mock: must be {{{key}, fails, error}}, not {mock!r}")
    return mock


def step_variables(step_input: StepInput, session_state: dict[str, Any] | None) -> dict[str, Any]:
    return _build_step_input_context(step_input, session_state) | values_of(step_input)


def selector(described: Mapping[str, Any], place: Place) -> Any:
    """A CEL expression, or the function whose answer `mock.selects` is."""
    mock = decision_mock(described, "selects", place)
    selects = mock.get("selects")
    if selects is None and "fails" not in mock:
        is_users = bool(described.get("requires_user_input"))
        return decision(described, "selector", None if is_users else select_first)
    if not isinstance(selects, list | str | None):
        raise ScriptError(f"{place}.mock.selects: must be names or CEL, not {selects!r}")
    asked = MockedDecision(mock, described["name"], f"{place}.mock")

    def select(
        step_input: StepInput, session_state: dict[str, Any], step_choices: list[StepLike]
    ) -> Any:
        variables = step_variables(step_input, session_state)
        asked.ask(variables)
        if selects is None:
            return select_first(step_input, step_choices)
        if isinstance(selects, list):
            return selects
        variables["step_choices"] = [choice.name for choice in step_choices]
        try:
            return list(names_in(evaluate_cel(selects, variables)))
        except ValueError:
            return []

    return select


def names_in(value: Any) -> Iterator[str]:
    """The names that a selector's value gives: its own, or those in a list, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from names_in(item)
    else:
        yield str(value)


def select_first(step_input: StepInput, step_choices: list[StepLike]) -> StepLike:
    """The selector of a Router without one. By name Agno finds the last of several."""
    return step_choices[0]


def build_group(described: Mapping[str, Any], place: Place) -> Steps:
    steps = build_steps(described.get("steps"), place / "steps")
    return Steps(
        steps=steps,
        **settings(Steps, described, ("name", "description", *CONFIRMATION_SETTINGS)),
    )


BUILDERS: dict[str, Callable[[Mapping[str, Any], Place], StepLike]] = {
    "Step": build_plain_step,
    "Parallel": build_parallel,
    "Condition": build_condition,
    "Loop": build_loop,
    "Router": build_router,
    "Steps": build_group,
}

CONFIRMATION_SETTINGS = ("requires_confirmation", "confirmation_message", "on_reject")
INPUT_SETTINGS = ("requires_user_input", "user_input_message", "user_input_schema")
ROUTER_SETTINGS = (*CONFIRMATION_SETTINGS, *INPUT_SETTINGS, "allow_multiple_selections")
STEP_SETTINGS = (
    *CONFIRMATION_SETTINGS,
    *INPUT_SETTINGS,
    "description",
    "max_retries",
    "skip_on_failure",
    "on_error",
    "strict_input_validation",
    "add_workflow_history",
    "num_history_runs",
)


def settings(
    kind: Callable[..., StepLike], described: Mapping[str, Any], keys: Iterable[str]
) -> dict[str, Any]:
    """`given` as this Agno takes it: from 3 on what asks a person is an object of its own."""
    found = given(described, keys)
    taken = signature(kind).parameters
    asking = {key: found.pop(key) for key in [*found] if key not in taken}
    return found | ({"human_review": types.HumanReview(**asking)} if asking else {})


def decision(described: Mapping[str, Any], key: str, default: Any) -> Any:
    """A CEL expression or a bool. A function's name, as a description gives it, says nothing."""
    if described.get(f"{key}_type") == "function" or described.get(key) is None:
        return default
    value = described[key]
    # Agno takes a bool for an evaluator, and overlooks one for an end condition.
    return str(value).lower() if key == "end_condition" and value in (True, False) else value


def evaluator(described: Mapping[str, Any], place: Place) -> Any:
    """A Condition's: a CEL expression or a bool, or the function whose answer `mock` says."""
    mock = decision_mock(described, "evaluates", place)
    answer = mock.get("evaluates", True)
    if not mock:
        return decision(described, "evaluator", True)
    if not isinstance(answer, bool | str):
        raise ScriptError(f"{place}.mock.evaluates: must be a bool or CEL, not {answer!r}")
    asked = MockedDecision(mock, described["name"], f"{place}.mock")

    def evaluate(step_input: StepInput, session_state: dict[str, Any]) -> bool:
        variables = step_variables(step_input, session_state)
        asked.ask(variables)
        try:
            return answer if isinstance(answer, bool) else bool(evaluate_cel(answer, variables))
        except ValueError:
            return False

    return evaluate


def end_condition(described: Mapping[str, Any], place: Place) -> Any:
    """A Loop's, likewise, by the results of an iteration."""
    mock = described.get("mock") or {}
    if not isinstance(mock, Mapping) or set(mock) - {"ends"}:
        raise ScriptError(f"{place}.mock: must be {{ends}}, not {mock!r}")
    answer = mock.get("ends")
    if answer is None:
        return decision(described, "end_condition", None)
    if isinstance(answer, bool):
        return lambda results: answer
    if not isinstance(answer, str):
        raise ScriptError(f"{place}.mock.ends: must be a bool or CEL, not {answer!r}")

    def end(results: list[StepOutput]) -> bool:
        variables = _build_loop_step_output_context(results)
        values = [plain(output.content) for output in results]
        variables["step_values"] = dict(zip(variables["step_outputs"], values, strict=False))
        variables["last_step_value"] = values[-1] if values else None
        try:
            return bool(evaluate_cel(answer, variables))
        except ValueError:
            return False

    return end
