"""Workflow scripts: load a folder of them, check them, compile them.

A script is what a real server's `GET /workflows/{id}` answers, plus the key `mock`
(docs/scripts.md). The shape is that of `workflow-script.schema.json`; what a schema can't say
(CEL, templates, duplicates, unknown keys) is checked here. Every fault names its file and line,
its key, and what was expected.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from mockserver.script import positions
from mockserver.script.cel import (
    LOOP_VARIABLES,
    SCENARIO_VARIABLES,
    SELECTOR_VARIABLES,
    STEP_INPUT_VARIABLES,
    Cel,
    CelError,
    UnknownVariable,
)
from mockserver.script.model import (
    DEFAULT_MAX_ITERATIONS,
    DEFAULT_MAX_RETRIES,
    DELEGATION,
    Condition,
    Executor,
    Loop,
    Mock,
    Node,
    Parallel,
    Request,
    Router,
    Scenario,
    Step,
    Steps,
    Texts,
    Timing,
    Tokens,
    Tool,
    Workflow,
)
from mockserver.script.templates import (
    Renderer,
    TemplateProblem,
    UnknownTemplateVariable,
    compile_value,
)

SCHEMA_FILE = Path(__file__).parent / "workflow-script.schema.json"
SUFFIXES = (".yaml", ".yml", ".json")

_PACKAGED = Path(__file__).parent.parent / "workflows"
BUNDLED_SCRIPTS = (
    _PACKAGED
    if _PACKAGED.is_dir()
    else Path(__file__).parent.parent.parent / "fixtures" / "workflows"
)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a script, or (a warning) that it probably didn't mean."""

    file: str
    line: int
    key: str
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {'warning: ' if self.is_warning else ''}{key}{self.message}"


class ScriptError(ValueError):
    """Scripts that cannot be served; `faults` has every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = list(faults)


@dataclass
class Scripts:
    """A folder's workflows by id, in the order of their files, and what was odd about them."""

    workflows: dict[str, Workflow]
    warnings: list[Fault] = field(default_factory=list)


# -- loading


def load_scripts(directory: Path | str) -> Scripts:
    """Load every script of a folder. Raises ScriptError with all faults of all files."""
    folder = Path(directory)
    if not folder.is_dir():
        raise ScriptError([Fault(str(folder), 0, "", "no such folder; expected one of scripts")])
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    if not files:
        expected = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise ScriptError([Fault(str(folder), 0, "", f"holds no script ({expected})")])
    faults: list[Fault] = []
    workflows: dict[str, Workflow] = {}
    places: dict[str, Fault] = {}
    for file in files:
        checker = _Checker(str(file))
        workflow = checker.load(file)
        faults += checker.faults
        if workflow is None:
            continue
        here = Fault(str(file), checker.line(("id",)), "id", "")
        if workflow.id in workflows:
            first = places[workflow.id]
            message = f"{workflow.id!r} is the id of {first.file}:{first.line} too; ids are unique"
            faults.append(Fault(here.file, here.line, "id", message))
        else:
            workflows[workflow.id] = workflow
            places[workflow.id] = here
    if any(not fault.is_warning for fault in faults):
        raise ScriptError(faults)
    return Scripts(workflows, faults)


@cache
def script_schema() -> dict[str, Any]:
    """The scripts' JSON Schema, as published for editors."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


@cache
def _schema_validator() -> Any:
    return jsonschema_rs.validator_for(script_schema())


def _schema_at(path: Sequence[str | int]) -> Any:
    part: Any = script_schema()
    for key in path:
        part = part[key]
    return part


def _known_keys(name: str) -> frozenset[str]:
    definition = script_schema() if not name else script_schema()["$defs"][name]
    keys = set(definition.get("properties", ()))
    for part in definition.get("allOf", ()):
        if "$ref" in part:
            keys |= _known_keys(part["$ref"].rsplit("/", 1)[-1])
    return frozenset(keys)


class _Checker:
    """Loads one file and collects its faults."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._positioned = positions.Positioned(None, {})

    def line(self, path: positions.Path) -> int:
        return self._positioned.line(path)

    def fault(self, path: positions.Path, message: str, *, warning: bool = False) -> None:
        self.faults.append(Fault(self.file, self.line(path), _key(path), message, warning))

    def load(self, file: Path) -> Workflow | None:
        try:
            text = file.read_text(encoding="utf-8")
            self._positioned = positions.parse(text, is_json=file.suffix == ".json")
        except UnicodeDecodeError as error:
            self.faults.append(Fault(self.file, 1, "", f"not UTF-8: {error.reason}"))
            return None
        except OSError as error:
            self.faults.append(Fault(self.file, 1, "", f"cannot be read: {error.strerror}"))
            return None
        except positions.SyntaxProblem as error:
            self.faults.append(Fault(self.file, error.line, "", str(error)))
            return None
        value = self._positioned.value
        if not isinstance(value, dict):
            self.fault((), "expected a mapping with id, name and steps")
            return None
        self._check_shape(value)
        if self._has_errors():
            self._check_expressions(value)
            return None
        workflow = self._workflow(value)
        return None if self._has_errors() else workflow

    def _has_errors(self) -> bool:
        return any(not fault.is_warning for fault in self.faults)

    # -- shape

    def _check_shape(self, value: dict[str, Any]) -> None:
        for error in _schema_validator().iter_errors(value):
            path = tuple(error.instance_path)
            kind = error.kind
            if kind.name == "additionalProperties":
                # …/$defs/mock/additionalProperties: the definition that it stands in has the keys.
                known = _schema_at(error.schema_path[:-1]).get("properties", ())
                for name in kind.unexpected:
                    self._unknown_key((*path, name), name, known, warning=False)
            elif kind.name == "required":
                self.fault(path, f"the key {kind.property!r} is missing")
            elif kind.name == "enum" and isinstance(error.instance, str):
                near = _nearest(error.instance, map(str, _schema_at(error.schema_path)))
                self.fault(path, f"{error.instance!r} is not allowed{near}")
            else:
                self.fault(path, _sentence(error.message))
        self._warn_of_unknown_keys(value)

    def _check_expressions(self, value: dict[str, Any]) -> None:
        """Those of a script whose shape is wrong elsewhere: all faults are told at once."""
        for path, step in _iter_steps(value):
            match step:
                case {"type": "Condition", "evaluator": str()}:
                    self._evaluator(step, path)
                case {"type": "Loop", "end_condition": str()}:
                    self._end_condition(step, path)
                case {"type": "Router", "selector": str() as selector}:
                    if step.get("selector_type") != "function":
                        self._cel(selector, SELECTOR_VARIABLES, (*path, "selector"))

    def _unknown_key(
        self, path: positions.Path, name: str, known: Iterable[str], *, warning: bool
    ) -> None:
        self.fault(path, f"unknown key {name!r}{_nearest(name, known)}", warning=warning)

    def _warn_of_unknown_keys(self, value: dict[str, Any]) -> None:
        """A key that the kit does not know may be one of Agno's next release: a warning."""
        for name in value:
            if name not in _known_keys(""):
                self._unknown_key((str(name),), str(name), _known_keys(""), warning=True)
        for path, step in _iter_steps(value):
            kind = step.get("type")
            if kind not in script_schema()["$defs"]:
                continue
            known = _known_keys(str(kind))
            for name in step:
                if name not in known:
                    self._unknown_key((*path, str(name)), str(name), known, warning=True)

    # -- compiling

    def _workflow(self, value: dict[str, Any]) -> Workflow | None:
        input_schema = value.get("input_schema")
        validator = None
        if input_schema:
            try:
                validator = jsonschema_rs.Draft202012Validator(input_schema, validate_formats=True)
            except ValueError as error:
                self.fault(("input_schema",), f"no JSON Schema 2020-12: {_first_line(error)}")
        steps = self._nodes(value.get("steps"), ("steps",))
        scenarios = self._scenarios(value)
        return Workflow(
            id=value["id"],
            name=value.get("name") or value["id"],
            description=value.get("description"),
            steps=steps,
            session_state=value.get("session_state") or {},
            input_schema=input_schema or None,
            input_validator=validator,
            scenarios=scenarios,
            source=value,
            file=self.file,
        )

    def _scenarios(self, value: dict[str, Any]) -> tuple[Scenario, ...]:
        scenarios: list[Scenario] = []
        for index, item in enumerate((value.get("mock") or {}).get("scenarios") or ()):
            path = ("mock", "scenarios", index)
            name = item["name"]
            if any(scenario.name == name for scenario in scenarios):
                self.fault((*path, "name"), f"{name!r} is another scenario's name too")
            when = item.get("when", False)
            if isinstance(when, str):
                when = self._cel(when, SCENARIO_VARIABLES, (*path, "when"))
            status = item["status"]
            detail = item.get("detail") or f"scenario {name}"
            scenarios.append(Scenario(name, status, detail, item.get("error_code"), when))
        return tuple(scenarios)

    def _nodes(self, items: Any, path: positions.Path) -> tuple[Node, ...]:
        return tuple(self._node(item, (*path, index)) for index, item in enumerate(items or ()))

    def _node(self, item: dict[str, Any], path: positions.Path) -> Node:
        kind = item["type"]
        name = item.get("name") or f"step_{int(path[-1]) + 1}"
        text = item.get("description")
        where = _key(path)
        match kind:
            case "Parallel":
                return Parallel(where, name, text, self._nodes(item.get("steps"), (*path, "steps")))
            case "Steps":
                return Steps(where, name, text, self._nodes(item.get("steps"), (*path, "steps")))
            case "Condition":
                return Condition(
                    where,
                    name,
                    text,
                    self._nodes(item.get("steps"), (*path, "steps")),
                    self._evaluator(item, path),
                    self._nodes(item.get("else_steps"), (*path, "else_steps")),
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
                )
            case "Router":
                return self._router(item, path, where, name)
        return self._step(item, path, where, name)

    def _step(self, item: dict[str, Any], path: positions.Path, where: str, name: str) -> Step:
        executor = self._executor(item, path, name)
        retries = item.get("max_retries")
        return Step(
            where,
            name,
            item.get("description"),
            executor,
            self._mock(item.get("mock") or {}, (*path, "mock"), name, executor),
            DEFAULT_MAX_RETRIES if retries is None else retries,
            bool(item.get("skip_on_failure")),
            item.get("on_error") == "skip",
        )

    def _executor(self, item: dict[str, Any], path: positions.Path, name: str) -> Executor:
        agent, team = item.get("agent"), item.get("team")
        if agent and team:
            self.fault((*path, "team"), "a step has an agent or a team, not both")
        for kind, described, key in (("agent", agent, "agent_id"), ("team", team, "team_id")):
            identifier = item.get(key)
            if described is None and not identifier:
                continue
            described = described or {"id": identifier}
            return self._agent(described, (*path, kind), name, is_team=kind == "team")
        function = item.get("executor_ref") or name
        return Executor("function", function, function)

    def _agent(
        self, described: dict[str, Any], path: positions.Path, name: str, *, is_team: bool
    ) -> Executor:
        model = described.get("model") or {}
        named = described.get("name")
        # As Agno makes an id of a name.
        from_name = named.lower().replace(" ", "-").replace("_", "-") if named else name
        executor_id = described.get("id") or from_name
        pause = described.get("delay_between_retries")
        return Executor(
            "team" if is_team else "agent",
            executor_id,
            named or executor_id,
            model.get("model") or "scripted",
            model.get("provider") or "Scripted",
            model.get("name") or "Scripted",
            described.get("retries") or 0,
            1.0 if pause is None else float(pause),
            bool(described.get("exponential_backoff")),
            self._members(described, (*path, "members")) if is_team else (),
        )

    def _members(self, described: dict[str, Any], path: positions.Path) -> tuple[Step, ...]:
        members = []
        for index, item in enumerate(described.get("members") or ()):
            here = (*path, index)
            name = item.get("name") or item.get("id") or "member"
            is_team = item.get("members") is not None
            executor = self._agent(item, here, name, is_team=is_team)
            mock = self._mock(item.get("mock") or {}, (*here, "mock"), name, executor)
            members.append(Step(_key(here), name, None, executor, mock))
        return tuple(members)

    def _mock(
        self, mock: dict[str, Any], path: positions.Path, name: str, executor: Executor
    ) -> Mock:
        if "content" in mock and "chunks" in mock:
            self.fault((*path, "chunks"), "a step answers `content` or `chunks`, not both")
        if executor.type == "function":
            for key in ("tools", "requests", "reasoning", "tokens", "timing"):
                if mock.get(key):
                    expected = "only an agent or a team has it; expected `agent`"
                    self.fault((*path, key), expected)
        if mock.get("requests") and mock.get("tools"):
            message = "they stand in `requests` where there are any"
            self.fault((*path, "tools"), message)
        content = mock.get("content", f"{name}: {{{{ input }}}}")
        chunks = mock.get("chunks")
        state = mock.get("session_state")
        return Mock(
            content=self._template(content, (*path, "content")),
            chunks=(
                tuple(
                    self._template(chunk, (*path, "chunks", index))
                    for index, chunk in enumerate(chunks)
                )
                if chunks is not None
                else None
            ),
            requests=self._requests({**mock, "content": content}, path, executor),
            timing=Timing(**{key: float(n) for key, n in (mock.get("timing") or {}).items()}),
            delay=float(mock.get("delay", 0)),
            fails=mock.get("fails", 0),
            error=mock.get("error") or f"{name} failed",
            stop=bool(mock.get("stop")),
            session_state=self._template(state, (*path, "session_state")) if state else None,
            gate=mock.get("gate"),
        )

    def _requests(
        self, mock: dict[str, Any], path: positions.Path, executor: Executor
    ) -> tuple[Request, ...]:
        """An agent's requests to its model: those that ask for tools, then the answer."""
        if executor.type == "function":
            return ()
        requests = [
            self._request(item, (*path, "requests", index), executor)
            for index, item in enumerate(mock.get("requests") or ())
        ]
        for index, tool in enumerate(mock.get("tools") or ()):
            called = self._tool(tool, (*path, "tools", index), executor)
            requests.append(Request(Texts(), tools=(called,)))
        answer = {key: value for key, value in mock.items() if key != "tools"}
        return (*requests, self._request(answer, path, executor))

    def _request(self, item: dict[str, Any], path: positions.Path, executor: Executor) -> Request:
        tokens = item.get("tokens")
        if tokens:
            tokens = {"total": tokens.get("input", 0) + tokens.get("output", 0), **tokens}
        key = "chunks" if "chunks" in item else "content"
        return Request(
            self._texts(item, key, path),
            self._texts(item, "reasoning", path),
            tuple(
                self._tool(tool, (*path, "tools", index), executor)
                for index, tool in enumerate(item.get("tools") or ())
            ),
            Tokens(**tokens) if tokens else None,
        )

    def _texts(self, item: dict[str, Any], key: str, path: positions.Path) -> Texts:
        if key not in item:
            return Texts()
        value = item[key]
        if isinstance(value, list) and key != "content":
            pieces = (self._template(text, (*path, key, n)) for n, text in enumerate(value))
            return Texts(tuple(pieces))
        return Texts((self._template(value, (*path, key)),), is_whole=True)

    def _tool(self, tool: dict[str, Any], path: positions.Path, executor: Executor) -> Tool:
        if "result" in tool and "error" in tool:
            self.fault((*path, "error"), "a tool gives `result` or raises `error`, not both")
        args = tool.get("args") or {}
        if executor.type == "team" and tool["name"] == DELEGATION:
            self._check_delegation(tool, args, path, executor)
        error = tool.get("error")
        return Tool(
            tool["name"],
            self._template(args, (*path, "args")),
            self._template(tool.get("result"), (*path, "result")),
            None if error is None else self._template(error, (*path, "error")),
            float(tool.get("delay", 0)),
        )

    def _check_delegation(
        self,
        tool: dict[str, Any],
        args: dict[str, Any],
        path: positions.Path,
        executor: Executor,
    ) -> None:
        """A team's own tool, to which its member answers."""
        for key in ("result", "error", "delay"):
            if key in tool:
                message = f"the member answers {DELEGATION}; expected its own `mock`"
                self.fault((*path, key), message)
        if set(args) != {"member_id", "task"}:
            self.fault((*path, "args"), f"{DELEGATION} takes member_id and task")
        if not executor.members:
            self.fault((*path, "name"), f"the team has no members for {DELEGATION}")

    def _router(self, item: dict[str, Any], path: positions.Path, where: str, name: str) -> Router:
        key = "choices" if item.get("choices") else "steps"
        choices = self._nodes(item.get(key), (*path, key))
        selector = item.get("selector")
        if item.get("selector_type") == "function":
            selector = None
        cel = None
        if isinstance(selector, str):
            cel = self._cel(selector, SELECTOR_VARIABLES, (*path, "selector"))
        return Router(
            where, name, item.get("description"), choices, cel if isinstance(cel, Cel) else None
        )

    def _evaluator(self, item: Mapping[str, Any], path: positions.Path) -> Cel | bool:
        evaluator = item.get("evaluator")
        if evaluator is None or item.get("evaluator_type") == "function":
            return True
        if isinstance(evaluator, bool):
            return evaluator
        return self._cel(evaluator, STEP_INPUT_VARIABLES, (*path, "evaluator"))

    def _end_condition(self, item: Mapping[str, Any], path: positions.Path) -> Cel | bool | None:
        condition = item.get("end_condition")
        if condition is None or item.get("end_condition_type") == "function":
            return None
        if isinstance(condition, bool):
            return condition
        return self._cel(condition, LOOP_VARIABLES, (*path, "end_condition"))

    def _cel(self, source: str, variables: Sequence[str], path: positions.Path) -> Cel | bool:
        try:
            return Cel(source, variables)
        except UnknownVariable as error:
            self.fault(path, f"{error}{_nearest(error.name, variables)}")
        except CelError as error:
            self.fault(path, f"{error}; expected CEL over {', '.join(variables)}")
        return False

    def _template(self, value: Any, path: positions.Path) -> Renderer:
        try:
            return compile_value(value)
        except UnknownTemplateVariable as error:
            self.fault(path, f"{error}{_nearest(error.name, error.variables)}")
        except TemplateProblem as error:
            self.fault(path, f"{error}; expected a Jinja2 template")
        return lambda variables: value


# -- helpers


def _iter_steps(
    value: Mapping[str, Any], path: positions.Path = ()
) -> Iterator[tuple[positions.Path, Mapping[str, Any]]]:
    """Every step and container below a workflow or container, with its path."""
    for key in ("steps", "else_steps", "choices"):
        items = value.get(key)
        if not isinstance(items, list):
            continue
        for index, item in enumerate(items):
            if isinstance(item, dict):
                here = (*path, key, index)
                yield here, item
                yield from _iter_steps(item, here)


def _key(path: positions.Path) -> str:
    """A path as it is written in messages: `steps[1].mock.delay`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; expected one of {', '.join(names)}"


def _sentence(message: str) -> str:
    """jsonschema-rs's message, which quotes the value and says what it should be."""
    return message if len(message) <= 300 else message[:300] + "…"


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
