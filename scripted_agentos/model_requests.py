"""What an agent's model says and asks for, request by request, as its `mock` has it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from agno.media import Audio, File, Image, Video
from agno.models.message import Citations

from scripted_agentos.calls import Request, ToolCall
from scripted_agentos.keys import (
    REQUEST_KEYS,
    TIMING_KEYS,
    TOKEN_KEYS,
    checked_keys,
    checked_tool,
    member,
)
from scripted_agentos.templates import Json, as_text, compile_value

MEDIA = {"images": Image, "videos": Video, "audio": Audio, "files": File}


class RequestScript:
    """One of `mock.requests`, or what `mock` says of the last; compiled."""

    def __init__(self, value: Json, place: str) -> None:
        value = checked_keys(value, REQUEST_KEYS, place)
        get = partial(member, value, place)
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
            checked_keys(value.get("tokens"), TOKEN_KEYS, f"{place}.tokens")
        )
        tools = enumerate(get("tools", list, []))
        self.tools = [checked_tool(tool, f"{place}.tools[{i}]") for i, tool in tools]
        self._tools = compile_value(self.tools, f"{place}.tools")

    def content(self, variables: Mapping[str, Any]) -> Json:
        """What it answers: None where it says nothing."""
        if self._chunks is not None:
            return "".join(as_text(chunk) for chunk in self._chunks(variables))
        if self._content is None:
            return None
        return _answered(self._content(variables))

    def render(self, variables: Mapping[str, Any], timing: Timing) -> Request:
        """The request, of these variables."""
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
        value = checked_keys(value, TIMING_KEYS, place)
        number = (int, float)
        self._first: float = member(value, place, "time_to_first_token", number, 0)
        self._rate: float = member(value, place, "tokens_per_second", number, 0)
        self._jitter: float = member(value, place, "jitter", number, 0)
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


def media_of(kind: str, items: list[Json]) -> list[Any]:
    """Agno's objects; one without an id gets one."""
    return [MEDIA[kind](**{"id": str(uuid4()), **item}) for item in items]


def citations_of(found: Json) -> Citations | None:
    """Agno's object; None where there are none."""
    return Citations.model_validate(found) if found else None
