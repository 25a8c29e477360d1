"""What a step answers: its `mock`, carried out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agno.run import RunContext
from agno.workflow.cel import _build_step_input_context
from agno.workflow.types import StepInput, StepOutput

from scripted_agentos.errors import ScriptError, warn
from scripted_agentos.templates import Json, as_text, compile_value

MOCK_KEYS = frozenset(
    {"content", "chunks", "tools", "delay", "fails", "error", "stop", "session_state", "gate"}
)


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
