"""What a step answers: its `mock`, carried out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from agno.workflow.types import StepOutput

from scripted_agentos.calls import Answer, Call, MockedFailure
from scripted_agentos.cel import setting_by_cel
from scripted_agentos.errors import ScriptError, warn
from scripted_agentos.keys import MEDIA_KINDS, MOCK_KEYS, checked_keys, member
from scripted_agentos.model_requests import RequestScript, Timing, citations_of, media_of
from scripted_agentos.templates import Json, compile_value, literal


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
        fails = member(mock, place, "fails", (bool, str), False)
        error = member(mock, place, "error", str, f"{literal(name)} failed")
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
        mock = checked_keys(mock, MOCK_KEYS, place)
        if "gate" in mock:
            warn(f"{place}.gate: only the mock can wait for a test; this server does not")
        self.key = key
        self._settings = {
            key: _compile_setting(member(mock, place, key, kinds, default), f"{place}.{key}")
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
                compile_value(member(item, place, "data", dict, {}), f"{place}.events[{i}].data"),
                member(item, place, "delay", (int, float), 0),
            )
            for i, item in enumerate(member(mock, place, "events", list, []))
        ]
        """What a function tells before it answers: its members, and the seconds before it."""
        self._media = {
            key: compile_value(member(mock, place, key, list, []), f"{place}.{key}")
            for key in MEDIA_KINDS
            if key in mock
        }
        self._citations = compile_value(
            member(mock, place, "citations", dict, {}), f"{place}.citations"
        )
        self._fails_after: int | None = member(mock, place, "fails_after", (int, type(None)), None)
        self.content_type: str | None = member(mock, place, "content_type", (str, type(None)), None)
        """The class of an agent's answer, which is a mapping."""
        self.may_stop: bool = bool(mock.get("stop"))
        self.timing = Timing(mock.get("timing"), f"{place}.timing")
        self._state = compile_value(
            member(mock, place, "session_state", dict, {}), f"{place}.session_state"
        )
        before = member(mock, place, "requests", list, [])
        if before and mock.get("tools"):
            raise ScriptError(f"{place}.tools: stands in `requests` where there are any")
        asked = [RequestScript(item, f"{place}.requests[{i}]") for i, item in enumerate(before)]
        for i, tool in enumerate(member(mock, place, "tools", list, [])):
            asked.append(RequestScript({"tools": [tool]}, f"{place}.tools[{i}]"))
        said = {
            key: mock[key] for key in ("content", "chunks", "reasoning", "tokens") if key in mock
        }
        if not said.keys() & {"content", "chunks"}:
            said["content"] = f"{literal(name)}: {{{{ input }}}}"
        self._requests = [*asked, RequestScript(said, place)]
        self.runs = member(mock, place, "runs", list, [])
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
