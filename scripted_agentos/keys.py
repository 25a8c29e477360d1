"""The keys that a `mock` may have, and their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripted_agentos.errors import ScriptError
from scripted_agentos.templates import Json

MEDIA_KINDS = ("images", "videos", "audio", "files")
REQUEST_KEYS = frozenset({"content", "chunks", "reasoning", "tools", "tokens"})
MOCK_KEYS = REQUEST_KEYS | {
    "pauses",
    *("requests", "timing", "delay", "fails", "error", "fails_after", "stop", "session_state"),
    *("gate", "runs", "content_type", "success", "events", "citations", *MEDIA_KINDS),
}
WAITS = ("requires_confirmation", "requires_user_input", "external_execution")
"""Those that pause an agent's run instead of calling its tool."""
TOOL_KEYS = frozenset({"name", "args", "result", "error", "delay", *WAITS, *MEDIA_KINDS})
TOKEN_KEYS = frozenset({"input", "output", "total", "reasoning", "cache_read", "cache_write"})
TIMING_KEYS = frozenset({"time_to_first_token", "tokens_per_second", "jitter"})


def checked_keys(value: Json, known: frozenset[str], place: str) -> Mapping[str, Any]:
    """A mapping of these keys; nothing is an empty one. Raises ScriptError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ScriptError(f"{place}: must be a mapping, not {value!r}")
    unknown = sorted(set(value) - known)
    if unknown:
        there_are = ", ".join(sorted(known))
        raise ScriptError(f"{place}: unknown key {unknown[0]!r}; there are {there_are}")
    return value


def member(
    value: Mapping[str, Any], place: str, key: str, kind: type | tuple[type, ...], default: Any
) -> Any:
    """A member of one of these kinds. Raises ScriptError."""
    found = value.get(key, default)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ScriptError(f"{place}.{key}: must be a {names}, not {found!r}")
    return found


def checked_tool(value: Json, place: str) -> dict[str, Any]:
    """A tool call as a script has it. Raises ScriptError."""
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ScriptError(f"{place}: must be {{name, args, result}}, not {value!r}")
    return dict(checked_keys(value, TOOL_KEYS, place))
