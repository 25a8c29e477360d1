"""What recorded events show of an agent's or a team's run: what its model said when it was asked,
the tools that it asked for, and how the run ended. The server is a stranger: a member that is not
what it should be is as good as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_contract.events import MEDIA_KINDS
from agentos_contract.json_values import mapping, short
from mockserver.engine.media import CITED, FIELDS
from mockserver.script.thoughts import is_thought

Json = dict[str, Any]

_WAITS = {
    "requires_confirmation": "requires_confirmation",
    "requires_user_input": "requires_user_input",
    "external_execution_required": "external_execution",
}
"""A tool's members that have its run pause, as a script calls them."""
_TOKENS = ("input", "output", "total", "reasoning", "cache_read", "cache_write")
_MAX_SECONDS = 3600.0
"""What a server says that something took longer is not believed."""


@dataclass
class Piece:
    """Something that a model said."""

    at: float
    text: str
    is_reasoning: bool


@dataclass
class ModelRequest:
    """One request to a model, and what it answered."""

    asked: float
    """Seconds since the recording began, like all times here."""
    pieces: list[Piece] = field(default_factory=list)
    tools: dict[str, Json] = field(default_factory=dict)
    """What it asked for, by tool_call_id: `name`, `args`, and `result` or `error`."""
    tokens: dict[str, int] = field(default_factory=dict)
    ended: float | None = None
    time_to_first_token: float | None = None
    """As the server measured it, from the request to the first content."""

    @property
    def said(self) -> list[str]:
        return [piece.text for piece in self.pieces if not piece.is_reasoning]

    def note(self, name: str, data: Json, at: float) -> None:
        """Note an event of it."""
        tool = mapping(data.get("tool"))
        call_id = str(tool.get("tool_call_id"))
        match name:
            case "RunContent":
                for key, is_reasoning in (("reasoning_content", True), ("content", False)):
                    text = data.get(key)
                    # An empty reasoning_content stands beside each content.
                    if isinstance(text, str) and (text or not is_reasoning):
                        self.pieces.append(Piece(at, text, is_reasoning))
            case "ModelRequestCompleted":
                self.ended = at
                counts = {key: data.get(f"{key}_tokens") for key in _TOKENS}
                self.tokens = {key: n for key, n in counts.items() if type(n) is int and n > 0}
                self.time_to_first_token = _seconds(data.get("time_to_first_token"))
            case "ToolCallStarted":
                self.tools[call_id] = _tool(tool)
            case "ToolCallCompleted":
                known = self.tools.setdefault(call_id, _tool(tool))
                if tool.get("tool_call_error"):
                    known["error"] = str(tool.get("result"))
                else:
                    known["result"] = tool.get("result")
                known["delay"] = _seconds(mapping(tool.get("metrics")).get("duration"))
            case "ToolCallError" if call_id in self.tools:
                known = self.tools[call_id]
                known.pop("result", None)
                known["error"] = str(data.get("error"))

    def note_waiting(self, data: Json) -> None:
        """Note the tools that its run waits for, which have no events of their own."""
        listed = data.get("tools")
        asked: dict[str, Json] = {}
        for tool in map(mapping, listed if isinstance(listed, list) else ()):
            call_id = str(tool.get("tool_call_id"))
            waits = [name for key, name in _WAITS.items() if tool.get(key) is True]
            if waits and tool.get("result") is None:
                asked[call_id] = {**_tool(tool), waits[0]: True}
            elif call_id in self.tools:
                asked[call_id] = self.tools[call_id]
        self.tools = asked


@dataclass
class AgentExecution:
    """One run of an agent or a team."""

    executor_id: str
    described: Json = field(default_factory=dict)
    """`agent` or `team`, as its first event describes it."""
    is_whole: bool = False
    """All its events came, and not its contents alone."""
    requests: list[ModelRequest] = field(default_factory=list)
    failed: list[list[ModelRequest]] = field(default_factory=list)
    """What was asked in each try that failed."""
    error: str | None = None
    is_over: bool = False
    """It came to an answer."""
    is_paused: bool = False
    """It waits for tools that its last request asked for."""
    content: Any = None
    """The answer, where it is no text."""
    content_type: str | None = None
    """Its class."""
    images: list[Json] = field(default_factory=list)
    """Its model's."""
    citations: Json = field(default_factory=dict)
    unsaid: dict[str, None] = field(default_factory=dict)
    """What no script can say of it."""
    _given: dict[str, int] = field(default_factory=dict)
    """How many images, videos and audio its tools have given so far."""
    _has_begun: bool = False

    @property
    def reasons_by_tools(self) -> bool:
        tools = (tool for request in self.requests for tool in request.tools.values())
        return any(is_thought(tool["name"]) for tool in tools)

    def note(self, name: str, data: Json, at: float) -> None:
        """Note an event of it, an agent's and a team's by one name."""
        content = data.get("content")
        if name == "RunStarted" and self._has_begun:
            # Agno's own retry: what was asked before has failed.
            self.failed.append(self.requests)
            self.requests = []
        if name in ("RunContent", "RunError") and not self._has_begun:
            # A function passes on what an agent says, and nothing else.
            self.is_over = True
        self._has_begun = True
        if name == "RunContent" and not self.requests:
            self.requests.append(ModelRequest(at))
        match name:
            case "ModelRequestStarted":
                self.is_whole = True
                self.requests.append(ModelRequest(at))
            case "RunCompleted":
                self.is_over = True
                if not isinstance(content, str | None):
                    self.content, self.content_type = content, data.get("content_type")
                if is_citation(data.get("citations")):
                    self.citations = data["citations"]
                self.images = self._new_media(data).get("images", [])
            case "RunPaused":
                self.is_over = self.is_paused = True
                if self.requests:
                    self.requests[-1].note_waiting(data)
            case "RunError":
                self.failed.append(self.requests)
                self.error = str(content)
                self.is_over = False
            case _ if name.startswith("Reasoning") and not self.reasons_by_tools:
                self.unsaid[f"{short(name)} came, which no script sends"] = None
            case _ if self.requests:
                self.requests[-1].note(name, data, at)
                if name == "ToolCallCompleted":
                    tool = self.requests[-1].tools[str(mapping(data["tool"]).get("tool_call_id"))]
                    tool.update(self._new_media(data))

    def _new_media(self, data: Json) -> dict[str, list[Json]]:
        """What an event has of images, videos and audio that those before it had not: each has all
        that came so far."""
        found = {}
        for kind in MEDIA_KINDS:
            items = data.get(kind)
            if isinstance(items, list) and is_media(kind, items):
                new = items[self._given.get(kind, 0) :]
                self._given[kind] = len(items)
                if new:
                    found[kind] = new
        return found


def described_by(data: Json) -> Json:
    """An agent or a team as a script describes it, by an event of its run."""
    kind = "agent" if data.get("agent_id") else "team"
    described: Json = {"id": str(data.get(f"{kind}_id"))}
    if isinstance(data.get(f"{kind}_name"), str):
        described["name"] = data[f"{kind}_name"]
    if isinstance(data.get("model"), str):
        described["model"] = {"model": data["model"], "provider": data.get("model_provider")}
    return {kind: described}


def _tool(tool: Mapping[str, Any]) -> Json:
    return {
        "name": str(tool.get("tool_name") or "tool"),
        "args": dict(mapping(tool.get("tool_args"))),
    }


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= _MAX_SECONDS else None


def is_media(kind: str, items: Any) -> bool:
    """Whether a script can give these images, videos, ..."""
    known = set(FIELDS[kind]) - {"filepath", "content", "external"}
    return bool(items) and all(
        isinstance(item, dict) and isinstance(item.get("url"), str) and not item.keys() - known
        for item in (items if isinstance(items, list) else [items])
    )


def is_citation(value: Any) -> bool:
    """Whether a script can give these citations."""
    return isinstance(value, dict) and bool(value) and not value.keys() - set(CITED)
