"""A script whose shape is right, compiled: a Workflow with its steps, expressions and scenarios.

What no schema can say is found here: expressions that are wrong, keys that exclude each other,
names that come twice, a selector that names no choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jsonschema_rs

from mockserver.script.cel import (
    LOOP_FUNCTION_VARIABLES,
    LOOP_VARIABLES,
    SCENARIO_VARIABLES,
    SELECTOR_VARIABLES,
    STEP_INPUT_VARIABLES,
    VALUES,
    Cel,
    CelError,
    names_in,
)
from mockserver.script.expressions import Expressions
from mockserver.script.members import Known
from mockserver.script.mocks import MockCompiler
from mockserver.script.model import (
    DEFAULT_MAX_ITERATIONS,
    DEFAULT_MAX_RETRIES,
    Condition,
    Executor,
    Failure,
    Loop,
    Node,
    Parallel,
    Router,
    Scenario,
    Step,
    Steps,
    Workflow,
)
from mockserver.script.pauses import pause_of
from mockserver.script.problems import KeyPath, Problems, first_line, instead_of, key_of
from mockserver.script.shape import name_of
from mockserver.script.templates import FUNCTION_VARIABLES


def compile_workflow(value: dict[str, Any], file: str, problems: Problems) -> Workflow:
    """The workflow that a script describes; what is wrong in it goes into `problems`."""
    return _Compiler(problems).workflow(value, file)


def compile_scenarios(value: dict[str, Any], problems: Problems) -> tuple[Scenario, ...]:
    """The scenarios of a script's `mock`; what is wrong in them goes into `problems`."""
    return _Compiler(problems).scenarios(value)


class _Compiler:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._expressions = Expressions(problems)
        self._of_decisions = Expressions(problems, (*STEP_INPUT_VARIABLES, *VALUES))
        self._of_function = Expressions(problems, FUNCTION_VARIABLES)
        self._mocks = MockCompiler(problems, self._expressions)
        self._decisions = MockCompiler(problems, self._of_decisions)

    def workflow(self, value: dict[str, Any], file: str) -> Workflow:
        input_schema = value.get("input_schema")
        validator = None
        if input_schema:
            try:
                validator = jsonschema_rs.Draft202012Validator(
                    input_schema, validate_formats=True, offline=True
                )
            except ValueError as error:
                self._problems.add(
                    ("input_schema",), f"no JSON Schema 2020-12: {first_line(error)}"
                )
        steps = self._nodes(value.get("steps"), ("steps",))
        name = value.get("name") or value["id"]
        function = self._instead_of_steps(value, name)
        scenarios = self.scenarios(value)
        known = Known(input_schema or None, value.get("steps") or ())
        expressions = (self._expressions, self._of_decisions, self._of_function)
        for each in expressions:
            known.check(each.reads, self._problems)
        return Workflow(
            id=value["id"],
            name=name,
            description=value.get("description"),
            steps=steps,
            session_state=value.get("session_state") or {},
            input_schema=input_schema or None,
            input_validator=validator,
            scenarios=scenarios,
            may_take_long=any(each.may_take_long for each in expressions),
            source=value,
            streams_executors=value.get("stream_executor_events") is not False,
            stores_executors=value.get("store_executor_outputs") is not False,
            function=function,
            file=file,
        )

    def _instead_of_steps(self, value: Mapping[str, Any], name: str) -> Step | None:
        """The function that a workflow without steps has in their place, if `mock` says what it
        answers."""
        mock = {key: of for key, of in (value.get("mock") or {}).items() if key != "scenarios"}
        if not mock:
            return None
        for key in mock if value.get("steps") else ():
            message = "it is what a function answers that stands in the place of `steps`; "
            self._problems.add(("mock", key), message + "expected `steps` or this, not both")
        executor = Executor("function", name, name)
        mocks = MockCompiler(self._problems, self._of_function)
        return Step("", name, None, executor, mocks.mock(mock, ("mock",), name, executor))

    def scenarios(self, value: dict[str, Any]) -> tuple[Scenario, ...]:
        """The scenarios of a script."""
        scenarios: list[Scenario] = []
        for index, item in enumerate((value.get("mock") or {}).get("scenarios") or ()):
            path = ("mock", "scenarios", index)
            name = item["name"]
            if any(scenario.name == name for scenario in scenarios):
                self._problems.add((*path, "name"), f"{name!r} is another scenario's name too")
            when = item.get("when", False)
            if isinstance(when, str):
                when = self._expressions.cel(when, SCENARIO_VARIABLES, (*path, "when"))
            status = item["status"]
            detail = item.get("detail") or f"scenario {name}"
            scenarios.append(
                Scenario(
                    name,
                    status,
                    detail,
                    item.get("error_code"),
                    when,
                    item.get("headers") or {},
                    item.get("body"),
                    item.get("delay", 0.0),
                )
            )
        return tuple(scenarios)

    def _nodes(self, items: Any, path: KeyPath) -> tuple[Node, ...]:
        return tuple(self._node(item, (*path, index)) for index, item in enumerate(items or ()))

    def _node(self, item: dict[str, Any], path: KeyPath) -> Node:
        kind = item["type"]
        name = name_of(item, int(path[-1]))
        text = item.get("description")
        where = key_of(path)
        pause = pause_of(item, path, name, self._problems)
        match kind:
            case "Parallel":
                return Parallel(where, name, text, self._nodes(item.get("steps"), (*path, "steps")))
            case "Steps":
                inner = self._nodes(item.get("steps"), (*path, "steps"))
                return Steps(where, name, text, inner, pause=pause)
            case "Condition":
                return Condition(
                    where,
                    name,
                    text,
                    self._nodes(item.get("steps"), (*path, "steps")),
                    self._evaluator(item, path),
                    self._nodes(item.get("else_steps"), (*path, "else_steps")),
                    pause=pause,
                    failure=self._failure(item, path, name, "evaluator"),
                )
            case "Loop":
                maximum = item.get("max_iterations")
                return Loop(
                    where,
                    name,
                    text,
                    self._nodes(item.get("steps"), (*path, "steps")),
                    DEFAULT_MAX_ITERATIONS if maximum is None else maximum,
                    self._end_condition(item, path),
                    pause=pause,
                )
            case "Router":
                router = self._router(item, path, where, name)
                return replace(
                    router, pause=pause, failure=self._failure(item, path, name, "selector")
                )
        return replace(self._step(item, path, where, name), pause=pause)

    def _failure(
        self, item: Mapping[str, Any], path: KeyPath, name: str, setting: str
    ) -> Failure | None:
        """What the function of a Condition or a Router raises that answers for `setting`."""
        mock = item.get("mock") or {}
        if "fails" in mock and _is_expression(item, setting):
            message = f"`{setting}` is CEL, which raises nothing in Agno; "
            message += f"expected `{setting}_type: function` for a function that does"
            self._problems.add((*path, "mock", "fails"), message)
        return self._decisions.failure(mock, (*path, "mock"), name)

    def _step(self, item: dict[str, Any], path: KeyPath, where: str, name: str) -> Step:
        executor = self._mocks.executor(item, path, name)
        retries = item.get("max_retries")
        return Step(
            where,
            name,
            item.get("description"),
            executor,
            self._mocks.mock(item.get("mock") or {}, (*path, "mock"), name, executor),
            DEFAULT_MAX_RETRIES if retries is None else retries,
            bool(item.get("skip_on_failure")),
            item.get("on_error") == "skip",
            item.get("on_error") == "pause",
        )

    def _router(self, item: dict[str, Any], path: KeyPath, where: str, name: str) -> Router:
        key = "choices" if item.get("choices") else "steps"
        choices = self._nodes(item.get(key), (*path, key))
        names = [choice.name for choice in choices]
        selector = item.get("selector")
        if item.get("selector_type") == "function":
            selector = None
        selects = (item.get("mock") or {}).get("selects")
        said = (*path, "mock", "selects")
        if selector is not None and selects is not None:
            self._problems.add(
                said,
                "the Router has a `selector` in CEL; `mock.selects` is what a selector function "
                "answers: expected the one or the other (or `selector_type: function`)",
            )
        cel = self._choice(selector, names, (*path, "selector"), may_be_list=False)
        chosen: Cel | tuple[str, ...] | None
        if isinstance(selects, list):
            chosen = tuple(selects)
            for index, one in enumerate(chosen):
                self._check_choice(one, names, (*said, index))
        else:
            chosen = self._choice(selects, names, said, may_be_list=True)
        return Router(where, name, item.get("description"), choices, cel, chosen)

    def _choice(
        self, expression: Any, choices: list[str], path: KeyPath, *, may_be_list: bool
    ) -> Cel | None:
        """A selector compiled, with a warning of what is sure to select nothing, as far as the
        choices' names tell it."""
        if not isinstance(expression, str):
            return None
        known = (*SELECTOR_VARIABLES, *VALUES) if may_be_list else SELECTOR_VARIABLES
        cel = self._expressions.cel(expression, known, path)
        if not isinstance(cel, Cel):
            return None
        try:
            foreseen = list(cel.foreseen({"step_choices": choices}))
        except CelError as error:
            self._problems.add(path, f"it selects nothing: {error}", warning=True)
            return cel
        for value in foreseen:
            if may_be_list:
                for name in names_in(value):
                    self._check_choice(name, choices, path)
            elif isinstance(value, list):
                message = "it gives a list, and Agno takes one name from CEL: it selects nothing"
                instead = "expected `mock.selects` in its place, for several"
                self._problems.add(path, f"{message}; {instead}", warning=True)
            else:
                self._check_choice(str(value), choices, path)
        return cel

    def _check_choice(self, name: str, choices: list[str], path: KeyPath) -> None:
        if name not in choices:
            message = f"there is no choice {name!r}, it selects nothing"
            self._problems.add(path, f"{message}; {instead_of(name, choices)}", warning=True)

    def _evaluator(self, item: Mapping[str, Any], path: KeyPath) -> Cel | bool:
        of_function = (*STEP_INPUT_VARIABLES, *VALUES)
        found = self._decision(
            item, path, "evaluator", "evaluates", STEP_INPUT_VARIABLES, of_function
        )
        return True if found is None else found

    def _end_condition(self, item: Mapping[str, Any], path: KeyPath) -> Cel | bool | None:
        return self._decision(
            item, path, "end_condition", "ends", LOOP_VARIABLES, LOOP_FUNCTION_VARIABLES
        )

    def _decision(
        self,
        item: Mapping[str, Any],
        path: KeyPath,
        setting: str,
        key: str,
        of_cel: Sequence[str],
        of_function: Sequence[str],
    ) -> Cel | bool | None:
        """What a container decides by: its `setting`, or what `mock` says by `key` of the function
        that decides; None where the script does not say. Each sees the variables of its own."""
        answer = self._function(item, path, setting, key, of_function)
        if answer is not None:
            return answer
        value = item.get(setting)
        if value is None or not _is_expression(item, setting):
            return None
        if isinstance(value, bool):
            return value
        return self._expressions.cel(value, of_cel, (*path, setting))

    def _function(
        self, item: Mapping[str, Any], path: KeyPath, setting: str, key: str, known: Sequence[str]
    ) -> Cel | bool | None:
        """What the function of a setting answers; None where `mock` does not say it."""
        answer = (item.get("mock") or {}).get(key)
        if answer is not None and _is_expression(item, setting):
            message = f"it has `{setting}` itself; `mock.{key}` is what a function answers: "
            message += f"expected the one or the other (or `{setting}_type: function`)"
            self._problems.add((*path, "mock", key), message)
        if answer is None or isinstance(answer, bool):
            return answer
        return self._expressions.cel(answer, known, (*path, "mock", key))


def _is_expression(item: Mapping[str, Any], setting: str) -> bool:
    """Whether a container decides by CEL, or by a boolean, and not by a function."""
    return item.get(setting) is not None and item.get(f"{setting}_type") != "function"
