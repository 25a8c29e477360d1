"""The tool calls of an agent's or a team's run, in Agno's forms: asked for, carried out, answered.

Keys, their order, and what is left out are those of a real AgentOS 2.5.6.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from mockserver.engine.agent_records import message
from mockserver.engine.media import Media
from mockserver.script.model import WaitsFor
from mockserver.script.thoughts import cleaned

Json = dict[str, Any]

LINE = 80
"""How long Agno lets the text of a tool call be: the width of a terminal that there is not."""


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
    waits_for: WaitsFor | None = None
    """What has its run pause instead of calling it."""
    media: Media = field(default_factory=dict)
    """What it gives beside its result."""
    args: Json = field(init=False)

    def __post_init__(self) -> None:
        self.args = cleaned(self.asked)

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
        execution: Json = {
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
        if self.waits_for is not None:
            execution[self.waits_for] = True
        return execution

    def answered(self, time: float) -> Json:
        """What its answer, at `time` (epoch seconds), changes in the ToolExecution."""
        return {
            "tool_call_error": self.is_error,
            "result": self.result,
            "metrics": {
                "start_time": time - self.delay,
                "end_time": time,
                "duration": self.delay,
            },
        }

    def answer(self, message_id: str, created_at: int) -> Json:
        """The message to the model that has the result."""
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
