"""What a step answers: its `mock`, carried out."""

from __future__ import annotations

import asyncio
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from agno.media import Audio, File, Image, Video
from agno.models.message import Citations
from agno.run import RunContext
from agno.workflow.cel import _build_step_input_context
from agno.workflow.types import StepInput, StepOutput
from pydantic import BaseModel

from scripted_agentos.cel import setting_by_cel
from scripted_agentos.errors import ScriptError, warn
from scripted_agentos.templates import Json, as_text, compile_value, literal

MEDIA = {"images": Image, "videos": Video, "audio": Audio, "files": File}
REQUEST_KEYS = frozenset({"content", "chunks", "reasoning", "tools", "tokens"})
MOCK_KEYS = REQUEST_KEYS | {
    "pauses",
    *("requests", "timing", "delay", "fails", "error", "fails_after", "stop", "session_state"),
    *("gate", "runs", "content_type", "success", "events", "citations", *MEDIA),
}
WAITS = ("requires_confirmation", "requires_user_input", "external_execution")
TOOL_KEYS = frozenset({"name", "args", "result", "error", "delay", *WAITS, *MEDIA})
TOKEN_KEYS = frozenset({"input", "output", "total", "reasoning", "cache_read", "cache_write"})
TIMING_KEYS = frozenset({"time_to_first_token", "tokens_per_second", "jitter"})


class TryCounter:
    """How often each step was tried in each run; forgets the oldest runs."""

    def __init__(self, runs: int = 4096) -> None:
        self._limit = runs
        self._tries: OrderedDict[str, dict[str, int]] = OrderedDict()

    def coming(self, run_id: str, step: str) -> int:
        """What `next` will give."""
        return self._tries.get(run_id, {}).get(step, 0) + 1

    def next(self, run_id: str, step: str) -> int:
        """1 for the first try of `step` in `run_id`, 2 for the second ..."""
        counts = self._tries.setdefault(run_id, {})
        counts[step] = counts.get(step, 0) + 1
        while len(self._tries) > self._limit:
            self._tries.popitem(last=False)
        return counts[step]


_tries = TryCounter()


class MockedFailure(RuntimeError):
    """What a step raises because its script says so."""


MockedFailure.__name__ = "RuntimeError"  # what the mock calls it, where a run says its kind


def values_of(step_input: StepInput) -> dict[str, Any]:
    """What a step sees as values: the message, JSON where the workflow has an input_schema, and
    what the steps before it answered."""
    given = step_input.input
    outputs = step_input.previous_step_outputs or {}
    return {
        "input_value": plain(given),
        "previous_step_value": plain(step_input.previous_step_content),
        "previous_step_values": {name: plain(output.content) for name, output in outputs.items()},
    }


def plain(value: Any) -> Any:
    """A value of a class as the JSON that it was read from."""
    return (
        value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
    )


@dataclass
class Call:
    """One carrying out of a step: where it stands in its run and what it got."""

    step_input: StepInput
    run_context: RunContext
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The session's state as the agents' runs within it have it, by their run_id: a team's member
    has a copy."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What the agents' runs within it answer, by their run_id."""
    tool_calls: dict[tuple[str, str], list[ToolCall]] = field(default_factory=dict)
    """What was asked of each tool and not yet done, by its agent's key and its name."""

    def variables(self, attempt: int, state: dict[str, Any]) -> dict[str, Any]:
        """The templates' variables: those of Agno's CEL (the same function makes them) and ours."""
        return {
            **_build_step_input_context(self.step_input, state),
            **values_of(self.step_input),
            "session_state": state,
            "run_id": self.run_context.run_id,
            "session_id": self.run_context.session_id,
            "user_id": self.run_context.user_id,
            "attempt": attempt,
            "answers": [],
        }


@dataclass(frozen=True)
class ToolCall:
    """One call that a model asks for, and what comes of it."""

    name: str
    args: dict[str, Any]
    result: str
    error: str | None
    """What the tool raises instead of giving `result`."""
    delay: float
    """Seconds."""
    media: dict[str, list[Any]]
    """What it gives beside its result, by kind (MEDIA)."""


@dataclass(frozen=True)
class Request:
    """One request to the model: what it says, and what it asks for."""

    reasoning: list[str]
    chunks: list[str]
    tools: list[ToolCall]
    """Asked for at once; none ends the run."""
    tokens: dict[str, int]
    """What it used, by the names that scripts have: input, output, ..."""


@dataclass
class Answer:
    """What one try of a step came to."""

    content: Json
    requests: list[Request]
    asked: list[ToolCall] = field(default_factory=list)
    """The tools called so far."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it was rendered with."""
    failure: MockedFailure | None = None
    """What its model raises once it has said `pieces_left` more."""
    pieces_left: int = 0
    images: list[Image] = field(default_factory=list)
    """An agent's, as its citations are."""
    citations: Citations | None = None

    def says_a_piece(self) -> None:
        """Counts what the model is about to say. Raises `failure` when it is time."""
        if self.failure is not None:
            if not self.pieces_left:
                raise self.failure
            self.pieces_left -= 1

    def ends(self) -> None:
        """Raises `failure` where there is nothing more to say."""
        if self.failure is not None:
            raise self.failure


_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "delay": (
        lambda value: type(value) in (int, float) and value >= 0,
        "a number of seconds from 0 on",
    ),
    "fails": (
        lambda value: type(value) in (int, bool) and value >= 0,
        "a number of tries, or whether",
    ),
    "error": (lambda value: isinstance(value, str), "a text"),
    "stop": (lambda value: type(value) is bool, "true or false"),
    "success": (lambda value: type(value) is bool, "true or false"),
}
"""Which values a setting can have, and what is said of others."""


def _compile_setting(value: Any, place: str) -> Callable[[Mapping[str, Any]], Any]:
    """A setting's value; where it is a text without a template's marks it is CEL."""
    is_template = isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))
    if not isinstance(value, str) or is_template or place.endswith(".error"):
        return compile_value(value, place)
    return lambda variables: setting_by_cel(value, variables)


class MockedDecision:
    """The function that a Condition or a Router decides by, as far as it raises."""

    def __init__(self, mock: Mapping[str, Any], name: str, place: str) -> None:
        fails = _get(mock, place, "fails", (bool, str), False)
        error = _get(mock, place, "error", str, f"{literal(name)} failed")
        self._fails = _compile_setting(fails, f"{place}.fails")
        self._error = _compile_setting(error, f"{place}.error")

    def ask(self, variables: Mapping[str, Any]) -> None:
        """Raises MockedFailure where the script has it raise."""
        fails = self._fails(variables)
        if type(fails) is not bool:
            raise MockedFailure(f"mock.fails: {fails!r} is not true or false")
        if fails:
            error = self._error(variables)
            is_text = isinstance(error, str)
            raise MockedFailure(error if is_text else f"mock.error: {error!r} is not a text")


class MockedStep:
    """What a step, or a team's member, answers: its `mock`, checked and compiled."""

    def __init__(self, mock: Json, *, key: str, name: str, place: str) -> None:
        mock = _keys(mock, MOCK_KEYS, place)
        if "gate" in mock:
            warn(f"{place}.gate: only the mock can wait for a test; this server does not")
        self.key = key
        self._settings = {
            key: _compile_setting(_get(mock, place, key, kinds, default), f"{place}.{key}")
            for key, kinds, default in (
                ("delay", (int, float, str), 0),
                ("fails", (int, bool, str), "fails_after" in mock),
                ("error", str, f"{literal(name)} failed"),
                ("stop", (bool, str), False),
                ("success", (bool, str), True),
            )
        }
        self._says_why = "error" in mock
        self.events = [
            (
                compile_value(_get(item, place, "data", dict, {}), f"{place}.events[{i}].data"),
                _get(item, place, "delay", (int, float), 0),
            )
            for i, item in enumerate(_get(mock, place, "events", list, []))
        ]
        """What a function tells before it answers: its members, and the seconds before it."""
        self._media = {
            key: compile_value(_get(mock, place, key, list, []), f"{place}.{key}")
            for key in MEDIA
            if key in mock
        }
        self._citations = compile_value(
            _get(mock, place, "citations", dict, {}), f"{place}.citations"
        )
        self._fails_after: int | None = _get(mock, place, "fails_after", (int, type(None)), None)
        self.content_type: str | None = _get(mock, place, "content_type", (str, type(None)), None)
        """The class of an agent's answer, which is a mapping."""
        self.may_stop: bool = bool(mock.get("stop"))
        self.timing = Timing(mock.get("timing"), f"{place}.timing")
        self._state = compile_value(
            _get(mock, place, "session_state", dict, {}), f"{place}.session_state"
        )
        before = _get(mock, place, "requests", list, [])
        if before and mock.get("tools"):
            raise ScriptError(f"{place}.tools: stands in `requests` where there are any")
        asked = [_RequestScript(item, f"{place}.requests[{i}]") for i, item in enumerate(before)]
        for i, tool in enumerate(_get(mock, place, "tools", list, [])):
            asked.append(_RequestScript({"tools": [tool]}, f"{place}.tools[{i}]"))
        said = {
            key: mock[key] for key in ("content", "chunks", "reasoning", "tokens") if key in mock
        }
        if not said.keys() & {"content", "chunks"}:
            said["content"] = f"{literal(name)}: {{{{ input }}}}"
        self._requests = [*asked, _RequestScript(said, place)]
        self.runs = _get(mock, place, "runs", list, [])
        self.says_itself = not self.runs or bool(mock.keys() & {"content", "chunks"})
        """Whether its content is its own, and not what the agents said that it ran."""
        self.tools = [tool for request in asked for tool in request.tools]

    async def answer(self, call: Call, state: dict[str, Any] | None = None) -> Answer:
        """Waits, then fails or answers. Raises `MockedFailure`; changes the session's state.

        `state` is that state; the call's if absent.

        The state is changed before the content is rendered, as a function would that counts first
        and then says the count.
        """
        variables, failure = await self._begin(call, state)
        requests = [request.render(variables, self.timing) for request in self._requests]
        content = self._requests[-1].content(variables)
        said = self._fails_after or 0
        return Answer(content, requests, variables=variables, failure=failure, pieces_left=said)

    async def begin(self, call: Call) -> dict[str, Any]:
        """All of that but the answer: the variables that it is to be rendered with."""
        return (await self._begin(call, None))[0]

    async def _begin(
        self, call: Call, state: dict[str, Any] | None
    ) -> tuple[dict[str, Any], MockedFailure | None]:
        """The variables, and what is raised in the middle of the answer."""
        failure = None
        kept = call.run_context.session_state if state is None else state
        seen = {} if kept is None else kept
        coming = _tries.coming(call.run_context.run_id, self.key)
        delay = self.setting("delay", call.variables(coming, seen))
        if delay:
            await asyncio.sleep(delay)
        attempt = _tries.next(call.run_context.run_id, self.key)
        variables = call.variables(attempt, seen)
        fails = self.setting("fails", variables)
        if fails is True or (fails is not False and attempt <= fails):
            failure = MockedFailure(self.setting("error", variables))
            if self._fails_after is None:
                raise failure
        if state is None:
            if call.run_context.session_state is None:
                call.run_context.session_state = {}
            state = call.run_context.session_state
        state.update(self._state(call.variables(attempt, state)))
        return call.variables(attempt, state), failure

    def setting(self, key: str, variables: Mapping[str, Any]) -> Any:
        """What a setting is, of these variables. Raises MockedFailure where it cannot be that."""
        value = self._settings[key](variables)
        fits, expected = _SETTINGS[key]
        if not fits(value):
            raise MockedFailure(f"mock.{key}: {value!r} is not {expected}")
        return value

    async def model_answer(self, call: Call, state: dict[str, Any] | None) -> Answer:
        """`answer` with what only a model gives."""
        answer = await self.answer(call, state)
        answer.images = self.media(answer.variables).get("images", [])
        answer.citations = citations_of(self._citations(answer.variables))
        return answer

    def content(self, variables: Mapping[str, Any]) -> Json:
        """What a function answers."""
        return self._requests[-1].content(variables)

    def output(self, content: Json, variables: Mapping[str, Any]) -> StepOutput:
        """A function's answer with all that its script says of it."""
        # In the order in which a function would say it.
        stop, success = self.setting("stop", variables), self.setting("success", variables)
        says_why = self._says_why and not success
        return StepOutput(
            content=content,
            stop=stop,
            success=success,
            error=self.setting("error", variables) if says_why else None,
            **self.media(variables),
        )

    @property
    def gives_media(self) -> bool:
        return bool(self._media)

    def media(self, variables: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Its images, videos, audio and files."""
        return {key: media_of(key, render(variables)) for key, render in self._media.items()}


def media_of(kind: str, items: list[Json]) -> list[Any]:
    """Agno's objects; one without an id gets one."""
    return [MEDIA[kind](**{"id": str(uuid4()), **item}) for item in items]


def citations_of(found: Json) -> Citations | None:
    """Agno's object; None where there are none."""
    return Citations.model_validate(found) if found else None


class _RequestScript:
    """One of `mock.requests`, or what `mock` says of the last; compiled."""

    def __init__(self, value: Json, place: str) -> None:
        value = _keys(value, REQUEST_KEYS, place)
        get = partial(_get, value, place)
        self._content = None
        if "content" in value:
            self._content = compile_value(value["content"], f"{place}.content")
        self._chunks = None
        if "chunks" in value:
            self._chunks = compile_value(get("chunks", list, []), f"{place}.chunks")
        reasoning = get("reasoning", (str, list), [])
        self._reasoning = compile_value(reasoning, f"{place}.reasoning")
        self._reasons_in_pieces = isinstance(reasoning, list)
        self.tokens: dict[str, int] = dict(
            _keys(value.get("tokens"), TOKEN_KEYS, f"{place}.tokens")
        )
        self.tools: list[dict[str, Any]] = [
            _tool(tool, f"{place}.tools[{i}]") for i, tool in enumerate(get("tools", list, []))
        ]
        self._tools = compile_value(self.tools, f"{place}.tools")

    def content(self, variables: Mapping[str, Any]) -> Json:
        """What it answers: None where it says nothing."""
        if self._chunks is not None:
            return "".join(as_text(chunk) for chunk in self._chunks(variables))
        if self._content is None:
            return None
        return _answered(self._content(variables))

    def render(self, variables: Mapping[str, Any], timing: Timing) -> Request:
        # In the order in which it is said: of several templates that fail the first is the error.
        reasoning = self._reasoning(variables)
        if not self._reasons_in_pieces:
            reasoning = timing.pieces([as_text(_answered(reasoning))])
        if self._chunks is not None:
            chunks = [as_text(chunk) for chunk in self._chunks(variables)]
        else:
            content = self.content(variables)
            chunks = [] if content is None else timing.pieces([as_text(content)])
        return Request(
            reasoning=[as_text(text) for text in reasoning],
            chunks=chunks,
            tools=[
                ToolCall(
                    tool["name"],
                    tool.get("args") or {},
                    as_text(tool.get("result")),
                    tool.get("error"),
                    tool.get("delay") or 0.0,
                    {kind: media_of(kind, tool[kind]) for kind in MEDIA if tool.get(kind)},
                )
                for tool in self._tools(variables)
            ],
            tokens=self.tokens,
        )


def _answered(value: Json) -> Json:
    """What a function would answer: what is not JSON's, and no text, is one."""
    return value if isinstance(value, (str, dict, list)) else str(value)


class Timing:
    """How fast a model speaks: `mock.timing`."""

    def __init__(self, value: Json, place: str) -> None:
        value = _keys(value, TIMING_KEYS, place)
        number = (int, float)
        self._first: float = _get(value, place, "time_to_first_token", number, 0)
        self._rate: float = _get(value, place, "tokens_per_second", number, 0)
        self._jitter: float = _get(value, place, "jitter", number, 0)
        self._random = random.Random()

    def pieces(self, texts: list[str]) -> list[str]:
        """The texts as they are streamed: by the token where a rate is given."""
        if not self._rate:
            return texts
        return [token for text in texts for token in _TOKEN.findall(text)]

    async def before_first(self) -> None:
        await self._sleep(self._first)

    async def before_next(self, piece: str) -> None:
        """The time that a piece takes which is not the first."""
        if self._rate:
            await self._sleep(len(_TOKEN.findall(piece)) / self._rate)

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            factor = 1 + self._jitter * (2 * self._random.random() - 1)
            await asyncio.sleep(seconds * factor)


# What a token is about: a short run of letters, or of other signs, with the space before it.
_TOKEN = re.compile(r"\s*\w{1,8}|\s*[^\w\s]{1,4}|\s+")


def _keys(value: Json, known: frozenset[str], place: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ScriptError(f"{place}: must be a mapping, not {value!r}")
    unknown = sorted(set(value) - known)
    if unknown:
        there_are = ", ".join(sorted(known))
        raise ScriptError(f"{place}: unknown key {unknown[0]!r}; there are {there_are}")
    return value


def _get(
    value: Mapping[str, Any], place: str, key: str, kind: type | tuple[type, ...], default: Any
) -> Any:
    found = value.get(key, default)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ScriptError(f"{place}.{key}: must be a {names}, not {found!r}")
    return found


def _tool(value: Json, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ScriptError(f"{place}: must be {{name, args, result}}, not {value!r}")
    return dict(_keys(value, TOOL_KEYS, place))
