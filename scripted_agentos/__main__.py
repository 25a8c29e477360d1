"""Serves workflow scripts by a real AgentOS, without models: the judge of what the mock must do.

A script (docs: the kit's workflow scripts) becomes Agno objects: `Workflow`, `Step`, `Parallel`,
`Condition`, `Loop`, `Router`, `Steps`. What `mock` says is carried out by function executors, and
for agents and teams by a `Model` that answers from the script; everything else, from routing to
the last event, is Agno's own and untouched.

Run it with the python of an environment that has requirements.txt; it imports nothing of the kit:

    python serve.py --workflows fixtures/workflows --port 7778 [--host H] [--token T] [--db FILE]

It prints `listening on http://HOST:PORT` when it accepts connections, and nothing else on standard
output; Agno's logs and tracebacks go to standard error. Port 0 is any free one.
A wrong script ends it with one line (file, place in the script, what would be right) and code 2.
"""

# ruff: noqa: E402 - Agno's modules must load after the environment is set
from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import re
import socket
import sys
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A real AgentOS serving workflow scripts.")
    parser.add_argument("--workflows", type=Path, required=True, metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 for any free one")
    parser.add_argument("--token", help="the bearer token to ask for (OS_SECURITY_KEY); none: open")
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite; a temporary one if absent")
    parser.add_argument("--id", default="agentos", help="the AgentOS's own id, as /config has it")
    return parser.parse_args(arguments)


# Agno reads these while its modules load: /sessions takes its key from there and from nowhere else.
os.environ["AGNO_TELEMETRY"] = "false"
if __name__ == "__main__":
    OPTIONS = parse_arguments(sys.argv[1:])
    # Only --token decides: a key that happens to be in the environment must not lock a test out.
    os.environ.pop("OS_SECURITY_KEY", None)
    if OPTIONS.token:
        os.environ["OS_SECURITY_KEY"] = OPTIONS.token

import uvicorn
import yaml
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.os import AgentOS
from agno.run import RunContext
from agno.team import Team
from agno.tools.function import Function
from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow
from agno.workflow.cel import _build_step_input_context
from agno.workflow.types import StepInput, StepOutput
from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, create_model

Json = Any
StepLike = Step | Parallel | Condition | Loop | Router | Steps

MOCK_KEYS = frozenset(
    {"content", "chunks", "tools", "delay", "fails", "error", "stop", "session_state", "gate"}
)


class ScriptError(Exception):
    """A script that can't be served: `file: place: what is wrong and what would be right`."""


# -- templates -------------------------------------------------------------------------------------

_environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


def compile_value(value: Json, place: str) -> Callable[[Mapping[str, Any]], Json]:
    """A function from variables to `value` with its templates rendered, mappings and lists deep.

    A text that is one whole `{{ expression }}` gives the expression's value with its type, any
    other text a text. What is rendered is never rendered again.
    """
    if isinstance(value, str):
        try:
            body = _environment.parse(value).body
            if len(body) == 1 and isinstance(body[0], nodes.Output):
                output = body[0].nodes
                if len(output) == 1 and not isinstance(output[0], nodes.TemplateData):
                    expression = re.sub(r"^\{\{[-+]?|[-+]?\}\}$", "", value)
                    evaluate = _environment.compile_expression(expression, undefined_to_none=False)
                    return lambda variables: _defined(evaluate(**variables))
            template = _environment.from_string(value)
        except TemplateError as error:
            raise ScriptError(f"{place}: not a Jinja2 template: {error}") from error
        return lambda variables: template.render(**variables)
    if isinstance(value, Mapping):
        members = {key: compile_value(item, f"{place}.{key}") for key, item in value.items()}
        return lambda variables: {key: item(variables) for key, item in members.items()}
    if isinstance(value, list):
        items = [compile_value(item, f"{place}[{i}]") for i, item in enumerate(value)]
        return lambda variables: [item(variables) for item in items]
    return lambda variables: value


def _defined(value: Json) -> Json:
    if isinstance(value, StrictUndefined):
        str(value)  # raises UndefinedError, which names it
    return copy.deepcopy(value)  # what a step answered must not change with the session's state


def as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -- what a step answers ---------------------------------------------------------------------------


class TryCounter:
    """How often each step was tried in each run; forgets the oldest runs."""

    def __init__(self, runs: int = 4096) -> None:
        self._limit = runs
        self._tries: OrderedDict[str, dict[str, int]] = OrderedDict()

    def next(self, run_id: str, step: str) -> int:
        """1 for the first try of `step` in `run_id`, 2 for the second ..."""
        counts = self._tries.setdefault(run_id, {})
        counts[step] = counts.get(step, 0) + 1
        while len(self._tries) > self._limit:
            self._tries.popitem(last=False)
        return counts[step]


_tries = TryCounter()


class MockedFailure(Exception):
    """What a step raises because its script says so."""


@dataclass
class Call:
    """One carrying out of a step: where it stands in its run and what it got."""

    step_input: StepInput
    run_context: RunContext
    tool_results: dict[str, list[str]] = field(default_factory=dict)

    def variables(self, attempt: int) -> dict[str, Any]:
        """The templates' variables: those of Agno's CEL (the same function makes them) and ours."""
        state = self.run_context.session_state
        return {
            **_build_step_input_context(self.step_input, state),
            "session_state": state if state is not None else {},
            "run_id": self.run_context.run_id,
            "session_id": self.run_context.session_id,
            "user_id": self.run_context.user_id,
            "attempt": attempt,
        }


@dataclass(frozen=True)
class Answer:
    """What one try of a step came to."""

    content: Json
    chunks: list[str]
    tools: list[dict[str, Any]]


class MockedStep:
    """A step's `mock`, checked and compiled."""

    def __init__(self, mock: Json, *, key: str, name: str, place: str) -> None:
        if mock is None:
            mock = {}
        if not isinstance(mock, Mapping):
            raise ScriptError(f"{place}: must be a mapping, not {mock!r}")
        unknown = sorted(set(mock) - MOCK_KEYS)
        if unknown:
            raise ScriptError(
                f"{place}: unknown key {unknown[0]!r}; there are {', '.join(sorted(MOCK_KEYS))}"
            )
        if "gate" in mock:
            warn(f"{place}.gate: only the mock can wait for a test; this server does not")

        def get(key: str, kind: type | tuple[type, ...], default: Any) -> Any:
            value = mock.get(key, default)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                names = getattr(kind, "__name__", "number")
                raise ScriptError(f"{place}.{key}: must be a {names}, not {value!r}")
            return value

        self.key = key
        self.delay: float = get("delay", (int, float), 0)
        self.fails: int = get("fails", int, 0)
        self.error: str = get("error", str, f"{name} failed")
        self.stop: bool = get("stop", bool, False)
        self.tools: list[dict[str, Any]] = get("tools", list, [])
        self._tools = compile_value(self.tools, f"{place}.tools")
        self._state = compile_value(get("session_state", dict, {}), f"{place}.session_state")
        self._chunks = None
        if "chunks" in mock:
            self._chunks = compile_value(get("chunks", list, []), f"{place}.chunks")
        if "content" in mock:
            self._content = compile_value(mock["content"], f"{place}.content")
        else:
            self._content = lambda variables: f"{name}: {variables['input']}"

    async def answer(self, call: Call) -> Answer:
        """Waits, then fails or answers. Raises `MockedFailure`; changes the session's state.

        The state is changed before the content is rendered, as a function would that counts first
        and then says the count.
        """
        if self.delay:
            await asyncio.sleep(self.delay)
        attempt = _tries.next(call.run_context.run_id, self.key)
        if attempt <= self.fails:
            raise MockedFailure(self.error)
        if call.run_context.session_state is None:
            call.run_context.session_state = {}
        call.run_context.session_state.update(self._state(call.variables(attempt)))
        variables = call.variables(attempt)
        if self._chunks is not None:
            chunks = [as_text(chunk) for chunk in self._chunks(variables)]
            content: Json = "".join(chunks)
        else:
            content = self._content(variables)
            if not isinstance(content, (str, dict, list)):
                content = str(content)
            chunks = [as_text(content)]
        return Answer(content, chunks, self._tools(variables))


def function_executor(mocked: MockedStep, function_name: str) -> Callable[..., Any]:
    """An async executor named `function_name` that answers as the script says."""

    async def executor(
        step_input: StepInput, run_context: RunContext, session_state: dict[str, Any]
    ) -> StepOutput:
        answer = await mocked.answer(Call(step_input, run_context))
        return StepOutput(content=answer.content, stop=mocked.stop)

    executor.__name__ = executor.__qualname__ = function_name
    return executor


# -- agents and teams ------------------------------------------------------------------------------

# An agent is told its message, not its step's input or the workflow's run. Its model needs them for
# the templates, so the step leaves them here. Each branch of a Parallel has a context of its own.
_current_call: ContextVar[Call] = ContextVar("current_call")


def _remember_calls() -> None:
    """Has `Step` note what it is called with. Nothing that it does or answers changes."""
    execute, execute_stream = Step.aexecute, Step.aexecute_stream

    def aexecute(self: Step, step_input: StepInput, **arguments: Any) -> Any:
        _current_call.set(Call(step_input, arguments["run_context"]))
        return execute(self, step_input, **arguments)

    def aexecute_stream(self: Step, step_input: StepInput, **arguments: Any) -> Any:
        _current_call.set(Call(step_input, arguments["run_context"]))
        return execute_stream(self, step_input, **arguments)

    Step.aexecute, Step.aexecute_stream = aexecute, aexecute_stream  # type: ignore[method-assign]


_remember_calls()

_answers: ContextVar[Answer] = ContextVar("answer")


@dataclass
class ScriptedModel(Model):
    """A model whose answer stands in a script: one request for each tool call, then the text."""

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "Scripted"
    mocked: MockedStep | None = None

    async def _respond(self, messages: list[Message]) -> AsyncIterator[ModelResponse]:
        if self.mocked is None:  # a team's member, which nobody asks
            yield ModelResponse(role="assistant", content="")
            return
        called = 0
        for message in reversed(messages):
            if message.role == "user":
                break
            called += message.role == "tool"
        if called == 0:  # the first request of a try
            call = _current_call.get()
            answer = await self.mocked.answer(call)
            for tool in answer.tools:
                call.tool_results.setdefault(tool["name"], []).append(as_text(tool.get("result")))
            _answers.set(answer)
        answer = _answers.get()
        if called < len(answer.tools):
            tool = answer.tools[called]
            yield ModelResponse(
                role="assistant",
                tool_calls=[
                    {
                        "id": f"call_{called + 1}",
                        "type": "function",
                        "function": {
                            "name": tool["name"],
                            "arguments": json.dumps(tool.get("args") or {}),
                        },
                    }
                ],
            )
            return
        for chunk in answer.chunks:
            yield ModelResponse(role="assistant", content=chunk)

    async def ainvoke_stream(
        self, messages: list[Message], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ModelResponse]:
        async for response in self._respond(messages):
            yield response

    async def ainvoke(self, messages: list[Message], *args: Any, **kwargs: Any) -> ModelResponse:
        whole = ModelResponse(role="assistant")
        async for response in self._respond(messages):
            if response.content is not None:
                whole.content = (whole.content or "") + response.content
            whole.tool_calls = [*whole.tool_calls, *response.tool_calls]
        return whole

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("AgentOS carries runs out asynchronously")

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response


def scripted_model(described: Json, mocked: MockedStep | None) -> ScriptedModel:
    """The model that `GET /workflows/{id}` describes as `{name, model, provider}`."""
    described = described if isinstance(described, Mapping) else {}
    return ScriptedModel(
        id=described.get("model") or "scripted",
        name=described.get("name") or "Scripted",
        provider=described.get("provider") or "Scripted",
        mocked=mocked,
    )


def scripted_tools(mocked: MockedStep, place: str) -> list[Function]:
    """One tool for each name among the script's tool calls; it gives their results in turn."""
    tools: dict[str, Function] = {}
    for i, tool in enumerate(mocked.tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str):
            raise ScriptError(f"{place}.tools[{i}]: must be {{name, args, result}}, not {tool!r}")
        arguments = tool.get("args") or {}
        function = tools.setdefault(tool["name"], _scripted_tool(tool["name"]))
        function.parameters["properties"].update({name: {} for name in arguments})
    return list(tools.values())


def _scripted_tool(name: str) -> Function:
    async def entrypoint(**arguments: Any) -> str:
        return _current_call.get().tool_results[name].pop(0)

    entrypoint.__name__ = name
    return Function(
        name=name,
        description=f"Scripted: {name}",
        parameters={"type": "object", "properties": {}, "required": []},
        entrypoint=entrypoint,
        skip_entrypoint_processing=True,
    )


def build_agent(described: Json, mocked: MockedStep | None, place: str) -> Agent:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be {{id, name, model}}, not {described!r}")
    return Agent(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        tools=scripted_tools(mocked, f"{place}.mock") if mocked else None,
        telemetry=False,
    )


def build_team(described: Json, mocked: MockedStep, place: str) -> Team:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be {{id, name, model, members}}, not {described!r}")
    members = described.get("members") or []
    return Team(
        id=described.get("id"),
        name=described.get("name") or described.get("id"),
        model=scripted_model(described.get("model"), mocked),
        members=[build_agent(m, None, f"{place}.members[{i}]") for i, m in enumerate(members)],
        tools=scripted_tools(mocked, f"{place}.mock") or None,
        telemetry=False,
    )


# -- steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where in which script something stands, for messages and as a key."""

    file: str
    path: str

    def __truediv__(self, part: str) -> Place:
        return Place(self.file, f"{self.path}{part}" if part[0] == "[" else f"{self.path}.{part}")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}"


def build_steps(described: Json, place: Place) -> list[StepLike]:
    if not isinstance(described, list) or not described:
        raise ScriptError(f"{place}: must be a list of at least one step, not {described!r}")
    return [build_step(step, place / f"[{i}]") for i, step in enumerate(described)]


def build_step(described: Json, place: Place) -> StepLike:
    if not isinstance(described, Mapping):
        raise ScriptError(f"{place}: must be a mapping with type and name, not {described!r}")
    kind = described.get("type", "Step")
    if kind not in BUILDERS:
        raise ScriptError(f"{place}.type: {kind!r} is none of {', '.join(BUILDERS)}")
    return BUILDERS[kind](described, place)


def build_plain_step(described: Mapping[str, Any], place: Place) -> Step:
    name = described.get("name")
    if not isinstance(name, str) or not name:
        raise ScriptError(f"{place}.name: a Step needs a name")
    mocked = MockedStep(described.get("mock"), key=str(place), name=name, place=str(place / "mock"))
    executor: dict[str, Any]
    if described.get("agent") is not None:
        executor = {"agent": build_agent(described["agent"], mocked, str(place / "agent"))}
    elif described.get("team") is not None:
        executor = {"team": build_team(described["team"], mocked, str(place / "team"))}
    else:
        function_name = described.get("executor_ref") or name
        executor = {"executor": function_executor(mocked, function_name)}
    if mocked.stop and "executor" not in executor:
        warn(f"{place}.mock.stop: Agno's agents and teams can't stop a workflow; ignored")
    if mocked.tools and "executor" in executor:
        warn(f"{place}.mock.tools: a function step calls no tools; ignored")
    return Step(name=name, **executor, **given(described, STEP_SETTINGS))


def build_parallel(described: Mapping[str, Any], place: Place) -> Parallel:
    steps = build_steps(described.get("steps"), place / "steps")
    return Parallel(*steps, **given(described, ("name", "description")))


def build_condition(described: Mapping[str, Any], place: Place) -> Condition:
    otherwise = described.get("else_steps") or None
    return Condition(
        evaluator=decision(described, "evaluator", True),
        steps=build_steps(described.get("steps"), place / "steps"),
        else_steps=build_steps(otherwise, place / "else_steps") if otherwise else None,
        **given(described, ("name", "description")),
    )


def build_loop(described: Mapping[str, Any], place: Place) -> Loop:
    return Loop(
        steps=build_steps(described.get("steps"), place / "steps"),
        end_condition=decision(described, "end_condition", None),
        **given(described, ("name", "description", "max_iterations")),
    )


def build_router(described: Mapping[str, Any], place: Place) -> Router:
    # A server's description has a Router's choices under `steps`.
    key = "choices" if described.get("choices") else "steps"
    choices = build_steps(described.get(key), place / key)
    return Router(
        choices=choices,
        selector=decision(described, "selector", json.dumps(choices[0].name)),
        **given(described, ("name", "description")),
    )


def build_group(described: Mapping[str, Any], place: Place) -> Steps:
    steps = build_steps(described.get("steps"), place / "steps")
    return Steps(steps=steps, **given(described, ("name", "description")))


BUILDERS: dict[str, Callable[[Mapping[str, Any], Place], StepLike]] = {
    "Step": build_plain_step,
    "Parallel": build_parallel,
    "Condition": build_condition,
    "Loop": build_loop,
    "Router": build_router,
    "Steps": build_group,
}

STEP_SETTINGS = (
    "description",
    "max_retries",
    "skip_on_failure",
    "on_error",
    "strict_input_validation",
    "add_workflow_history",
    "num_history_runs",
)


def given(described: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The settings that the script has; Agno's own defaults hold for the others."""
    return {key: described[key] for key in keys if described.get(key) is not None}


def decision(described: Mapping[str, Any], key: str, default: Any) -> Any:
    """A CEL expression or a bool. A function's name, as a description gives it, says nothing."""
    if described.get(f"{key}_type") == "function" or described.get(key) is None:
        return default
    return described[key]


# -- input_schema ----------------------------------------------------------------------------------

_CONSTRAINTS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minItems": "min_length",
    "maxItems": "max_length",
}
_SCALARS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": None,
}
_UNDERSTOOD = {
    *_CONSTRAINTS,
    *("type", "title", "description", "default", "examples", "enum", "const", "anyOf", "oneOf"),
    *("$ref", "$defs", "$schema", "$id", "properties", "required", "additionalProperties", "items"),
}


class ModelFromSchema:
    """The Pydantic model that Agno wants, made from a JSON Schema."""

    def __init__(self, schema: Mapping[str, Any], place: str) -> None:
        self._root = schema
        self._place = place
        self._models: dict[str, type[BaseModel]] = {}

    def build(self, name: str) -> type[BaseModel]:
        if self._root.get("type", "object") != "object":
            raise ScriptError(f"{self._place}: Agno takes objects only, not {self._root['type']!r}")
        return self._model(self._root, self._place, name)

    def _model(self, schema: Mapping[str, Any], place: str, name: str) -> type[BaseModel]:
        self._check(schema, place)
        name = schema.get("title") or name
        required = set(schema.get("required", ()))
        fields: dict[str, Any] = {}
        for key, member in schema.get("properties", {}).items():
            annotation = self._annotation(member, f"{place}.properties.{key}", key.title())
            about = {k: member[k] for k in ("description", "examples") if k in member}
            default = ... if key in required else member.get("default")
            fields[key] = (annotation, Field(default, **about))
        # JSON Schema's additionalProperties is true unless said; Agno's models drop what they
        # don't know, so only a plain `false` or `true` changes what Pydantic does by itself.
        extra = {True: "allow", False: "forbid"}.get(schema.get("additionalProperties"), "ignore")
        description = schema.get("description")
        return create_model(name, __config__=ConfigDict(extra=extra), __doc__=description, **fields)

    def _annotation(self, schema: Json, place: str, name: str) -> Any:
        if schema is True or schema == {}:
            return Any
        if not isinstance(schema, Mapping):
            raise ScriptError(f"{place}: must be a JSON Schema, not {schema!r}")
        self._check(schema, place)
        if "$ref" in schema:
            return self._reference(schema["$ref"], place)
        if "enum" in schema:
            return Literal[tuple(schema["enum"])]
        if "const" in schema:
            return Literal[schema["const"]]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                branches = enumerate(schema[key])
                kinds = [self._annotation(s, f"{place}.{key}[{i}]", name) for i, s in branches]
                return Union[tuple(kinds)]  # noqa: UP007 - as many as there are
        if isinstance(schema.get("type"), list):
            branches = ({**schema, "type": kind} for kind in schema["type"])
            kinds = [self._annotation(branch, place, name) for branch in branches]
            return Union[tuple(kinds)]  # noqa: UP007
        constraints = {_CONSTRAINTS[k]: v for k, v in schema.items() if k in _CONSTRAINTS}
        kind = self._typed(schema, place, name)
        return Annotated[kind, Field(**constraints)] if constraints else kind

    def _typed(self, schema: Mapping[str, Any], place: str, name: str) -> Any:
        kind = schema.get("type")
        if kind == "array":
            return list[self._annotation(schema.get("items", {}), f"{place}.items", name)]  # type: ignore[misc]
        if kind == "object" or "properties" in schema:
            if "properties" in schema:
                return self._model(schema, place, name)
            others = schema.get("additionalProperties", {})
            return dict[str, self._annotation(others, f"{place}.additionalProperties", name)]  # type: ignore[misc]
        if kind is None:
            return Any
        if kind not in _SCALARS:
            raise ScriptError(f"{place}.type: {kind!r} is no JSON type")
        return _SCALARS[kind]

    def _reference(self, reference: str, place: str) -> type[BaseModel]:
        name = reference.removeprefix("#/$defs/")
        definition = self._root.get("$defs", {}).get(name)
        if definition is None:
            raise ScriptError(f"{place}.$ref: {reference!r} is not among this schema's $defs")
        if name not in self._models:
            self._models[name] = self._model(definition, f"{self._place}.$defs.{name}", name)
        return self._models[name]

    def _check(self, schema: Mapping[str, Any], place: str) -> None:
        unknown = sorted(set(schema) - _UNDERSTOOD)
        if unknown:
            raise ScriptError(f"{place}.{unknown[0]}: not supported on the way to a Pydantic model")


# -- workflows -------------------------------------------------------------------------------------

WORKFLOW_SETTINGS = (
    "name",
    "description",
    "session_state",
    "metadata",
    "add_workflow_history_to_steps",
    "num_history_runs",
)


def load_workflows(folder: Path, db: SqliteDb) -> list[Workflow]:
    """One workflow from each .yaml, .yml and .json file of `folder`, by the files' names."""
    if not folder.is_dir():
        raise ScriptError(f"{folder}: no such folder")
    files = sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
    if not files:
        raise ScriptError(f"{folder}: holds no .yaml, .yml or .json file")
    workflows = [load_workflow(file, db) for file in files]
    seen: dict[str, Path] = {}
    for file, workflow in zip(files, workflows, strict=True):
        if workflow.id in seen:
            raise ScriptError(f"{file}: id: {workflow.id!r} is taken by {seen[workflow.id]}")
        seen[workflow.id] = file
    return workflows


def load_workflow(file: Path, db: SqliteDb) -> Workflow:
    try:
        script = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScriptError(f"{file}: neither YAML nor JSON: {error}") from error
    if not isinstance(script, Mapping):
        raise ScriptError(f"{file}: must be a mapping with id and steps")
    if not isinstance(script.get("id"), str):
        raise ScriptError(f"{file}: id: must be a text, not {script.get('id')!r}")
    if script.get("mock"):
        warn(f"{file}: mock: scenarios are the mock's own; this server carries out the steps")
    schema = script.get("input_schema")
    return Workflow(
        id=script["id"],
        db=db,
        steps=build_steps(script.get("steps"), Place(file.name, "steps")),
        input_schema=ModelFromSchema(schema, f"{file.name}: input_schema").build("Input")
        if schema is not None
        else None,
        telemetry=False,
        **given(script, WORKFLOW_SETTINGS),
    )


# -- the server ------------------------------------------------------------------------------------


def warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


class AnnouncingServer(uvicorn.Server):
    """Says on standard output where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            print(f"listening on http://{host}:{port}", file=sys.__stdout__, flush=True)


def main(options: argparse.Namespace) -> int:
    sys.stdout = sys.stderr  # Agno logs there; ours holds the one line that says where we listen
    with tempfile.TemporaryDirectory(prefix="agentos-") as temporary:
        db = SqliteDb(
            db_file=str(options.db or Path(temporary) / "sessions.db"), id=f"{options.id}-db"
        )
        try:
            workflows = load_workflows(options.workflows, db)
        except ScriptError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        app = AgentOS(id=options.id, workflows=workflows, db=db, telemetry=False).get_app()
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, options.port))
            AnnouncingServer(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main(OPTIONS))
