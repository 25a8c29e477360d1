"""What carries steps out, and what they answer: an `agent`, a `team`, and `mock`, compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from mockserver.script.expressions import Expressions
from mockserver.script.model import (
    DELEGATION,
    Executor,
    Failure,
    InnerRun,
    Mock,
    OwnEvent,
    Prompt,
    ScriptedRequest,
    Step,
    Texts,
    Timing,
    Tokens,
    Tool,
    WaitsFor,
)
from mockserver.script.problems import KeyPath, Problems, key_of
from mockserver.script.templates import Renderer, literal
from mockserver.script.thoughts import NotAThought, cleaned, is_thought, thought_of

_WAITS: dict[str, WaitsFor] = {
    "requires_confirmation": "requires_confirmation",
    "requires_user_input": "requires_user_input",
    "external_execution": "external_execution_required",
}


_EXPECTED = {
    "delay": "a number of seconds",
    "fails": "a number of tries, true or false",
    "stop": "true or false",
    "success": "true or false",
}


_OF_MODELS = (
    "tools",
    "requests",
    "reasoning",
    "tokens",
    "timing",
    "fails_after",
    "content_type",
    "citations",
)
"""The keys of a mock that only an agent or a team can have."""


class MockCompiler:
    """Compiles the executors and mocks of one script, and notes what is wrong in them."""

    def __init__(self, problems: Problems, expressions: Expressions) -> None:
        self._problems = problems
        self._expressions = expressions
        self._template = self._expressions.template

    def executor(self, item: dict[str, Any], path: KeyPath, name: str) -> Executor:
        agent, team = item.get("agent"), item.get("team")
        if agent and team:
            self._problems.add((*path, "team"), "a step has an agent or a team, not both")
        for kind, described, key in (("agent", agent, "agent_id"), ("team", team, "team_id")):
            identifier = item.get(key)
            if described is None and not identifier:
                continue
            described = described or {"id": identifier}
            return self._agent(described, (*path, kind), name, is_team=kind == "team")
        function = item.get("executor_ref") or name
        return Executor("function", function, function)

    def _agent(
        self, described: dict[str, Any], path: KeyPath, name: str, *, is_team: bool
    ) -> Executor:
        model = described.get("model") or {}
        named = described.get("name")
        executor_id = described.get("id") or (id_of(named) if named else name)
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
            _prompt(described),
        )

    def _members(self, described: dict[str, Any], path: KeyPath) -> tuple[Step, ...]:
        members = []
        for index, item in enumerate(described.get("members") or ()):
            here = (*path, index)
            name = item.get("name") or item.get("id") or "member"
            is_team = item.get("members") is not None
            executor = self._agent(item, here, name, is_team=is_team)
            mock = self.mock(item.get("mock") or {}, (*here, "mock"), name, executor)
            members.append(Step(key_of(here), name, None, executor, mock))
        return tuple(members)

    def mock(self, mock: dict[str, Any], path: KeyPath, name: str, executor: Executor) -> Mock:
        self._check(mock, path, executor)
        content = mock.get("content", f"{literal(name)}: {{{{ input }}}}")
        runs = self._runs(mock, path, name) if executor.type == "function" else ()
        chunks = mock.get("chunks")
        state, cited = mock.get("session_state"), mock.get("citations")
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
            delay=self._setting(mock.get("delay", 0), (*path, "delay")),
            fails=self._setting(mock.get("fails", "fails_after" in mock), (*path, "fails")),
            fails_after=mock.get("fails_after"),
            content_type=mock.get("content_type"),
            error=self._error(mock, path, name),
            stop=self._of_function(mock, "stop", path, executor, False),
            success=self._of_function(mock, "success", path, executor, True),
            has_error="error" in mock,
            media=self._media(mock, path, executor),
            citations=self._template(cited, (*path, "citations")) if cited else None,
            events=self._events(mock, path, executor),
            session_state=self._template(state, (*path, "session_state")) if state else None,
            gate=mock.get("gate"),
            runs=runs,
            answers_by_runs=bool(runs) and "content" not in mock,
        )

    def _check(self, mock: dict[str, Any], path: KeyPath, executor: Executor) -> None:
        """Notes keys that exclude each other, and those that the executor cannot have."""
        if "content" in mock and "chunks" in mock:
            self._problems.add((*path, "chunks"), "a step answers `content` or `chunks`, not both")
        if executor.type == "function":
            for key in _OF_MODELS:
                if mock.get(key) not in (None, [], {}, ""):
                    expected = "only an agent or a team has it; expected `agent`"
                    self._problems.add((*path, key), expected)
        elif mock.get("runs"):
            message = (
                "only a function runs others within itself; expected a step without agent, team"
            )
            self._problems.add((*path, "runs"), message)
        if mock.get("requests") and mock.get("tools"):
            message = "they stand in `requests` where there are any"
            self._problems.add((*path, "tools"), message)
        if mock.get("content_type") and not isinstance(mock.get("content"), dict):
            message = "what has a class is a mapping; expected `content` with its members"
            self._problems.add((*path, "content_type"), message)
        self._check_waits(mock, path)

    def failure(self, mock: Mapping[str, Any], path: KeyPath, name: str) -> Failure | None:
        """What the function of a Condition or a Router raises; None: nothing."""
        if not mock.keys() & {"fails", "error"}:
            return None
        fails = self._setting(mock.get("fails", False), (*path, "fails"))
        return Failure(fails, self._error(mock, path, name))

    def _error(self, mock: Mapping[str, Any], path: KeyPath, name: str) -> Any:
        """What a try raises. `name` is that of whatever is tried."""
        if "error" in mock and not mock.keys() & {"fails", "fails_after", "success"}:
            message = "nothing raises it; expected `fails` beside it, such as `fails: true`"
            self._problems.add((*path, "error"), message, warning=True)
        return self._setting(mock.get("error") or f"{literal(name)} failed", (*path, "error"))

    def _setting(self, value: Any, path: KeyPath) -> Any:
        """A setting's value, or the template or the CEL expression that gives it."""
        key = str(path[-1])
        if not isinstance(value, str):
            return value
        if _is_template(value) or key == "error":
            return self._template(value, path) if "{" in value else value
        expected = f"{_EXPECTED[key]}, a template, or CEL that gives it"
        return self._expressions.setting(value, expected, path)

    def _media(
        self, mock: dict[str, Any], path: KeyPath, executor: Executor
    ) -> dict[str, Renderer]:
        """What a function, or a model, gives beside its content."""
        if executor.type != "function":
            for kind in MEDIA_KINDS[1:]:
                if mock.get(kind):
                    message = f"a model gives images alone; expected a tool that gives {kind}"
                    self._problems.add((*path, kind), message)
        return self._templates(mock, path)

    def _templates(self, item: dict[str, Any], path: KeyPath) -> dict[str, Renderer]:
        """A mock's or a tool's media."""
        return {
            kind: self._template(item[kind], (*path, kind))
            for kind in MEDIA_KINDS
            if item.get(kind)
        }

    def _events(
        self, mock: dict[str, Any], path: KeyPath, executor: Executor
    ) -> tuple[OwnEvent, ...]:
        """The events that a function tells."""
        events = mock.get("events") or ()
        if events and executor.type != "function":
            message = "only a function tells its own; expected a step without agent, team"
            self._problems.add((*path, "events"), message)
        return tuple(
            OwnEvent(
                self._template(event["data"], (*path, "events", index, "data")),
                float(event.get("delay", 0)),
            )
            for index, event in enumerate(events)
        )

    def _of_function(
        self, mock: dict[str, Any], key: str, path: KeyPath, executor: Executor, default: bool
    ) -> Any:
        """What a function says of its answer."""
        value = mock.get(key, default)
        if executor.type == "function" or value is default:
            return self._setting(value, (*path, key))
        if key == "success":
            self._problems.add((*path, key), "only a function says so; expected a step without it")
        elif isinstance(value, str):
            message = "only a function's may depend on its input; expected true or false"
            self._problems.add((*path, key), message)
        else:
            return value
        return default

    def _runs(self, mock: dict[str, Any], path: KeyPath, name: str) -> tuple[InnerRun, ...]:
        """The agents and teams that a function runs."""
        runs = []
        for index, item in enumerate(mock.get("runs") or ()):
            here = (*path, "runs", index)
            executor = self.executor(item, here, name)
            if item.get("passes_on") != "nothing":
                team = _content_types(item.get("team") or {}, (*here, "team"))
                for place in (*_content_types(item, here), *team):
                    # AgentOS 2.5.6 fails where texts and such a value come from one function.
                    message = "a value of a class is not passed on; expected `passes_on: nothing`"
                    self._problems.add(place, message)
            if executor.type == "function":
                self._problems.add(here, "nothing says whose run it is; expected `agent` or `team`")
            inner = self.mock(item.get("mock") or {}, (*here, "mock"), executor.name, executor)
            step = Step(key_of(here), name, None, executor, inner)
            runs.append(InnerRun(step, item.get("passes_on") or "events"))
        return tuple(runs)

    def _requests(
        self, mock: dict[str, Any], path: KeyPath, executor: Executor
    ) -> tuple[ScriptedRequest, ...]:
        """An agent's requests to its model: those that ask for tools, then the answer."""
        if executor.type == "function":
            return ()
        requests = [
            self._request(item, (*path, "requests", index), executor)
            for index, item in enumerate(mock.get("requests") or ())
        ]
        for index, tool in enumerate(mock.get("tools") or ()):
            called = self._tool(tool, (*path, "tools", index), executor)
            requests.append(ScriptedRequest(Texts(), tools=(called,)))
        answer = {key: value for key, value in mock.items() if key != "tools"}
        return (*requests, self._request(answer, path, executor))

    def _request(self, item: dict[str, Any], path: KeyPath, executor: Executor) -> ScriptedRequest:
        tokens = item.get("tokens")
        if tokens:
            tokens = {"total": tokens.get("input", 0) + tokens.get("output", 0), **tokens}
        key = "chunks" if "chunks" in item else "content"
        return ScriptedRequest(
            self._texts(item, key, path),
            self._texts(item, "reasoning", path),
            tuple(
                self._tool(tool, (*path, "tools", index), executor)
                for index, tool in enumerate(item.get("tools") or ())
            ),
            Tokens(**tokens) if tokens else None,
        )

    def _texts(self, item: dict[str, Any], key: str, path: KeyPath) -> Texts:
        if key not in item:
            return Texts()
        value = item[key]
        if isinstance(value, list) and key != "content":
            pieces = (self._template(text, (*path, key, n)) for n, text in enumerate(value))
            return Texts(tuple(pieces))
        return Texts((self._template(value, (*path, key)),), is_whole=True)

    def _tool(self, tool: dict[str, Any], path: KeyPath, executor: Executor) -> Tool:
        for key in ("result", *MEDIA_KINDS):
            if key in tool and "error" in tool:
                message = f"a tool gives `{key}` or raises `error`, not both"
                self._problems.add((*path, "error"), message)
        args = tool.get("args") or {}
        if executor.type == "team" and tool["name"] == DELEGATION:
            self._check_delegation(tool, args, path, executor)
        if is_thought(tool["name"]):
            self._check_thought(tool["name"], args, path)
        error = tool.get("error")
        return Tool(
            tool["name"],
            self._template(args, (*path, "args")),
            self._template(tool.get("result"), (*path, "result")),
            None if error is None else self._template(error, (*path, "error")),
            float(tool.get("delay", 0)),
            self._waits_for(tool, path, executor),
            self._templates(tool, path),
        )

    def _check_thought(self, name: str, args: dict[str, Any], path: KeyPath) -> None:
        """A reasoning step that cannot be read fails its agent's run, as in Agno."""
        known = {key: value for key, value in args.items() if not _is_template(value)}
        # What a template gives is taken for a text, or a number.
        of_templates = dict.fromkeys(args.keys() - known.keys() - {"confidence"}, "")
        try:
            thought_of(name, {**cleaned(known), **of_templates})
        except NotAThought as error:
            said = " ".join(str(error).partition(" [type=")[0].split())
            message = (
                f"it is no reasoning step, and the agent's run fails ({said}); expected texts, "
                "and a number as `confidence`"
            )
            self._problems.add((*path, "args"), message, warning=True)

    def _check_waits(self, mock: dict[str, Any], path: KeyPath) -> None:
        """A tool has its run pause, or not: whenever it is called."""
        calls = list(mock.get("tools") or ())
        calls += [tool for item in mock.get("requests") or () for tool in item.get("tools") or ()]
        waiting = {tool["name"] for tool in calls if any(tool.get(key) for key in _WAITS)}
        for name in sorted(waiting):
            alike = {
                tuple(bool(tool.get(key)) for key in _WAITS)
                for tool in calls
                if tool["name"] == name
            }
            if len(alike) > 1:
                message = f"the tool {name!r} has the run pause in one call and not in another"
                self._problems.add(path, message)

    def _waits_for(
        self, tool: dict[str, Any], path: KeyPath, executor: Executor
    ) -> WaitsFor | None:
        """What has the run pause instead of calling a tool."""
        asked = [key for key in _WAITS if tool.get(key)]
        for key in asked[1:]:
            self._problems.add((*path, key), f"a tool waits for one thing; {asked[0]} is another")
        for key in asked[:1]:
            if executor.type == "team":
                message = "only an agent's tool has its run pause; a team's is called at once"
                self._problems.add((*path, key), message)
            elif "members" in path:
                message = "AgentOS 2.5.6 has the team's run pause too (TeamRunPaused); here it "
                message += "goes on: expected a tool of an agent that is no member"
                self._problems.add((*path, key), message, warning=True)
            for answer in ("result", "error", "delay", *MEDIA_KINDS):
                if answer in tool:
                    message = f"with {key} the run pauses, and the tool is not called"
                    self._problems.add((*path, answer), message)
            return _WAITS[key]
        return None

    def _check_delegation(
        self,
        tool: dict[str, Any],
        args: dict[str, Any],
        path: KeyPath,
        executor: Executor,
    ) -> None:
        """A team's own tool, to which its member answers."""
        for key in ("result", "error", "delay", *MEDIA_KINDS):
            if key in tool:
                message = f"the member answers {DELEGATION}; expected its own `mock`"
                self._problems.add((*path, key), message)
        if set(args) != {"member_id", "task"}:
            self._problems.add((*path, "args"), f"{DELEGATION} takes member_id and task")
        if not executor.members:
            self._problems.add((*path, "name"), f"the team has no members for {DELEGATION}")


def _prompt(described: dict[str, Any]) -> Prompt:
    """As a server describes it: `system_message` has what its defaults are not."""
    told = described.get("system_message") or {}
    instructions = told.get("instructions")
    if isinstance(instructions, str):
        instructions = [instructions]
    return Prompt(
        told.get("system_message"),
        described.get("description"),
        described.get("role"),
        tuple(instructions or ()),
        bool(told.get("markdown")),
        told.get("expected_output"),
        told.get("additional_context"),
    )


def id_of(name: str) -> str:
    """The id that Agno makes of an agent's or a team's name."""
    return name.lower().replace(" ", "-").replace("_", "-")


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))


def _content_types(item: Mapping[str, Any], at: KeyPath) -> Iterator[KeyPath]:
    """Where an agent or a team, or a member of it, answers with a value of a class."""
    if "content_type" in (item.get("mock") or {}):
        yield (*at, "mock", "content_type")
    for index, member in enumerate(item.get("members") or ()):
        yield from _content_types(member, (*at, "members", index))
