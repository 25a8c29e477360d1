"""What a step's model says and asks for in one try, rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from mockserver.engine.context import RunContext
from mockserver.engine.media import Media, cited, render_media
from mockserver.engine.pacing import InTokens
from mockserver.engine.results import Structured, as_text
from mockserver.engine.tool_calls import ToolCall
from mockserver.script.model import Mock, Texts, Tokens, Tool
from mockserver.script.templates import Renderer

Json = dict[str, Any]


Pieces = list[str] | InTokens


@dataclass
class ModelRequest:
    """One request to a model, with its answer."""

    reasoning: Pieces
    content: Pieces
    tools: list[ToolCall]
    """Asked for at once, and numbered through the run."""
    tokens: Tokens | None
    value: Structured | None = None
    """What `content` is the JSON of."""
    images: list[Json] = field(default_factory=list)
    citations: Json | None = None


def model_requests(context: RunContext, mock: Mock, variables: Json) -> list[ModelRequest]:
    """One try's requests; the last has the answer. Raises StepFailed where a template fails."""
    is_by_token = mock.timing.tokens_per_second > 0
    requests = []
    numbers = count(1)
    for request in mock.requests:
        reasoning = _pieces(context, request.reasoning, variables, is_by_token)
        content = _pieces(context, request.content, variables, is_by_token)
        tools = [_asked(context, tool, variables) for tool in request.tools]
        for tool in tools:
            tool.call_id = f"call_{next(numbers)}"
        requests.append(ModelRequest(reasoning, content, tools, request.tokens))
    if mock.media:
        requests[-1].images = _media(context, mock.media, variables).get("images", [])
    if mock.citations is not None:
        requests[-1].citations = cited(context.render(mock.citations, variables))
    if mock.content_type is not None:
        value = context.render(mock.content, variables)
        requests[-1].value = Structured(value)
        requests[-1].content = InTokens(as_text(value)) if is_by_token else [as_text(value)]
    return requests


def _pieces(context: RunContext, texts: Texts, variables: Json, is_by_token: bool) -> Pieces:
    values = [context.render(piece, variables) for piece in texts.pieces]
    if not texts.is_whole:
        return [as_text(value) for value in values]
    # As a function's: what is not JSON's is a text.
    text = as_text(values[0]) if isinstance(values[0], dict | list) else str(values[0])
    return InTokens(text) if is_by_token else [text]


def _media(context: RunContext, media: Mapping[str, Renderer], variables: Json) -> Media:
    return render_media(media, lambda each: context.render(each, variables), context.ids)


def _asked(context: RunContext, tool: Tool, variables: Json) -> ToolCall:
    asked = ToolCall("", tool.name, context.render(tool.args, variables), tool.delay)
    asked.waits_for = tool.waits_for
    asked.is_error = tool.error is not None
    asked.media = _media(context, tool.media, variables)
    asked.result = as_text(context.render(tool.error or tool.result, variables))
    return asked
