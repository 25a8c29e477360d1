"""JSON: what strangers sent, read without surprises; what is sent, as the real server writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

MAX_DEPTH = 200
"""Arrays and objects within each other. Beyond it what the reader's stack allows would decide."""


class TooDeep(ValueError):
    """JSON that is nested more than MAX_DEPTH deep."""


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text (RFC 8259: no NaN, no Infinity; UTF-8 where it is bytes; no half of
    a surrogate pair, which section 8.2 calls unpredictable and no UTF-8 can carry).

    Raises ValueError, which says why: TooDeep for what is nested more than MAX_DEPTH deep (section
    9 of the RFC allows a reader to set such a limit).
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(text, parse_constant=_refuse)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it has half of a surrogate pair") from None
    except RecursionError:
        raise TooDeep(_TOO_DEEP) from None
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return value
    raise TooDeep(_TOO_DEEP)


def read_json_object(text: str | bytes) -> dict[str, Any]:
    """As read_json, for a text that must be an object. Raises ValueError."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def parse_object(text: str | bytes) -> dict[str, Any] | None:
    """As read_json_object; None for what is no JSON object."""
    try:
        return read_json_object(text)
    except ValueError:
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; none where it is no list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def short(value: Any, limit: int = 80) -> str:
    """A value for a message: as Python writes it, cut off at so many characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def to_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON, in one line.

    orjson is many times faster than the standard library, which takes over for what orjson
    refuses: integers beyond 64 bits, keys that are no texts, halves of surrogate pairs.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def canonical(value: Any) -> str:
    """A text that is the same for equal JSON values, in whatever order their members stand."""
    return json.dumps(value, sort_keys=True, default=repr)


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} deep"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _containers(outer: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    members = outer.values() if isinstance(outer, dict) else outer
    return [member for member in members if isinstance(member, dict | list)]
