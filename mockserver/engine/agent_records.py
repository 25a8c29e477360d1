"""What is kept of an agent's or a team's run: messages, tool calls, metrics, in Agno's forms.

Keys, their order, and what is left out are those of a real AgentOS 2.5.6.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field
from typing import Any

from mockserver.script.model import Tokens

Json = dict[str, Any]

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)

LINE = 80
"""How long Agno lets the text of a tool call be: the width of a terminal that there is not."""


def known_counts(tokens: Tokens) -> dict[str, int]:
    """A request's or a run's counts, without those that are 0."""
    return {name: count for name, count in zip(_COUNTS, astuple(tokens), strict=True) if count}


def request_counts(tokens: Tokens | None, time_to_first_token: float | None) -> Json:
    """The counts as ModelRequestCompleted has them: all."""
    tokens = tokens or Tokens()
    first = {} if time_to_first_token is None else {"time_to_first_token": time_to_first_token}
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.total,
        **first,
        "reasoning_tokens": tokens.reasoning,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write,
    }


@dataclass
class Usage:
    """What a run has used so far."""

    tokens: Tokens = field(default_factory=Tokens)
    is_known: bool = False
    """A request has said what it used."""
    time_to_first_token: float | None = None

    def add(self, tokens: Tokens | None) -> None:
        if tokens is not None:
            self.is_known = True
            both = zip(astuple(self.tokens), astuple(tokens), strict=True)
            # astuple gives the counts in the order in which the dataclass takes them.
            self.tokens = Tokens(*(mine + more for mine, more in both))

    def metrics(self, duration: float, model: dict[str, str] | None) -> Json:
        """The run's metrics. `model` has its id and provider; None: they are not told."""
        counts = known_counts(self.tokens)
        metrics: Json = dict(counts)
        if self.time_to_first_token is not None:
            metrics["time_to_first_token"] = self.time_to_first_token
        metrics["duration"] = duration
        if model is not None:
            metrics["details"] = {"model": [{**counts, **model}]}
        return metrics


def message(
    message_id: str,
    role: str,
    created_at: int,
    *,
    content: str | None = None,
    reasoning: str | None = None,
    **more: Any,
) -> Json:
    """A message of a run's conversation with its model."""
    said: Json = {} if content is None else {"content": content}
    if reasoning is not None:
        said["reasoning_content"] = reasoning
    rest = {"from_history": False, "stop_after_tool_call": False, "role": role, **more}
    return {"id": message_id, **said, **rest, "created_at": created_at}


@dataclass
class ToolCall:
    """One tool call of a run: asked for, then answered."""

    call_id: str
    name: str
    asked: Json
    """The arguments as the model gave them."""
    delay: float = 0.0
    result: str = ""
    is_error: bool = False
    args: Json = field(init=False)

    def __post_init__(self) -> None:
        self.args = _cleaned(self.asked)

    @property
    def request(self) -> Json:
        """As the model's message has it."""
        function = {"name": self.name, "arguments": json.dumps(self.asked)}
        return {"id": self.call_id, "type": "function", "function": function}

    @property
    def text(self) -> str:
        """The call in a line: `weather(city=Oslo)`."""
        longest = max(20, (LINE - len(self.name) - 4) // 2)
        shown = (
            f"{key}={'...' if isinstance(value, str) and len(value) > longest else value}"
            for key, value in self.args.items()
        )
        line = f"{self.name}({', '.join(shown)})"
        return line if len(line) <= LINE else f"{self.name}(...)"

    def execution(self, created_at: int) -> Json:
        """Agno's ToolExecution, before it has been answered."""
        return {
            "tool_call_id": self.call_id,
            "tool_name": self.name,
            "tool_args": self.args,
            "tool_call_error": None,
            "result": None,
            "metrics": None,
            "child_run_id": None,
            "stop_after_tool_call": False,
            "created_at": created_at,
            "requires_confirmation": None,
            "confirmed": None,
            "confirmation_note": None,
            "requires_user_input": None,
            "user_input_schema": None,
            "user_feedback_schema": None,
            "answered": None,
            "external_execution_required": None,
            "external_execution_silent": None,
            "approval_type": None,
            "approval_id": None,
        }

    def answered(self, moment: float) -> Json:
        """What its answer, at `moment` (epoch seconds), changes in the ToolExecution."""
        return {
            "tool_call_error": self.is_error,
            "result": self.result,
            "metrics": {
                "start_time": moment - self.delay,
                "end_time": moment,
                "duration": self.delay,
            },
        }

    def answer(self, message_id: str, created_at: int) -> Json:
        """The message that tells the model."""
        args: Json = {"tool_args": self.args} if self.args else {}
        return message(
            message_id,
            "tool",
            created_at,
            content=self.result,
            tool_call_id=self.call_id,
            tool_name=self.name,
            **args,
            tool_call_error=self.is_error,
        )


def _cleaned(arguments: Json) -> Json:
    """A model's arguments as Agno hands them to a tool: words that mean a value become it."""
    words = {"none": None, "null": None, "true": True, "false": False}
    cleaned: Json = {}
    for key, value in arguments.items():
        if isinstance(value, str):
            value = value.strip()
            value = words.get(value.lower(), value)
        cleaned[key] = value
    return cleaned
