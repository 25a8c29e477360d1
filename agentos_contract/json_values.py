"""JSON: what strangers sent, read without surprises; what is sent, as the real server writes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

MAX_DEPTH = 200
"""Arrays and objects within each other. Beyond it what the reader's stack allows would decide."""
MAX_DIGITS = 4300
"""Of an integer, as Python reads and writes them."""
MAX_VALUES = 1_000_000
"""Of one text. Two bytes of it may be a value, which takes a hundred in memory."""

Scalar = bool | int | float | str | None


class BeyondLimits(ValueError):
    """JSON that no reader has to take (RFC 8259 section 9): nested more than MAX_DEPTH deep, more
    than MAX_VALUES values, an integer of more than MAX_DIGITS digits, a number that a double cannot
    hold."""


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text (RFC 8259: no NaN, no Infinity; UTF-8 where it is bytes; no half of
    a surrogate pair, which section 8.2 calls unpredictable and no UTF-8 can carry).

    Raises ValueError, which says why: BeyondLimits for what only its size forbids. What is read
    can be written again: 1e400 is no Infinity here.
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        if len(text) > MAX_VALUES and _marks(text) > MAX_VALUES:
            raise BeyondLimits(f"it has more than {MAX_VALUES:,} values")
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it has half of a surrogate pair") from None
    except ValueError as error:
        if str(error).startswith("Exceeds the limit"):  # int's, which advises to change it
            raise BeyondLimits(_TOO_MANY_DIGITS) from None
        raise
    except RecursionError:
        raise BeyondLimits(_TOO_DEEP) from None
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return value
    raise BeyondLimits(_TOO_DEEP)


def read_json_object(text: str | bytes) -> dict[str, Any]:
    """As read_json, for a text that must be an object. Raises ValueError."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def repeated_name(text: str | bytes) -> str | None:
    """A name that an object of a JSON text has twice: of which value it is, is another with each
    reader (RFC 8259 section 4). None where there is none such, or the text is no JSON."""
    try:
        _WITH_NAMES_ONCE.decode(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except _NameRepeated as repeated:
        return str(repeated)
    except (ValueError, RecursionError):
        return None
    return None


class _NameRepeated(Exception):
    """str() is the name."""


def _names_once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise _NameRepeated(next(name for name in names if names.count(name) > 1))


def parse_json(text: str | bytes) -> Any:
    """As read_json; None for what is no JSON."""
    try:
        return read_json(text)
    except ValueError:
        return None


def parse_object(text: str | bytes) -> dict[str, Any] | None:
    """As read_json_object; None for what is no JSON object."""
    value = parse_json(text)
    return value if isinstance(value, dict) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; none where it is no list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def kind_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case Mapping():
            return "object"
    return "array"


def short(value: Any, limit: int = 80) -> str:
    """A value for a message: as Python writes it, cut off at so many characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def unlike(one: Any, other: Any, limit: int = 80) -> tuple[str, str]:
    """Two values for a message, as Python writes them; where they are long, both are cut so that
    what they differ in is seen."""
    if one == other:
        return short(one, limit), short(other, limit)
    shown: Callable[[str], str] = repr
    if not (isinstance(one, str) and isinstance(other, str)):
        one, other, shown = repr(one), repr(other), str
    same = _same_length(one, other)
    start = same - limit // 2 if same > limit * 3 // 4 and max(len(one), len(other)) > limit else 0
    return _part(one, start, limit, shown), _part(other, start, limit, shown)


def _same_length(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _part(text: str, start: int, length: int, shown: Callable[[str], str]) -> str:
    before = "…" if start else ""
    after = "…" if len(text) > start + length else ""
    return f"{before}{shown(text[start : start + length])}{after}"


def to_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON, in one line.

    orjson is many times faster than the standard library, which takes over for what orjson
    refuses: integers beyond 64 bits, keys that are no texts, halves of surrogate pairs. Raises
    ValueError or TypeError for what is no JSON value (`check_json_value`).
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        try:
            return text.encode()
        except UnicodeEncodeError:  # half a character is said by its escape
            return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def check_json_value(value: Any) -> None:
    """Raise ValueError, which names it, for what in a Python value JSON cannot say.

    That is a number that is not finite, an integer beyond MAX_DIGITS, a key that is no scalar, an
    object of another kind, nesting beyond MAX_DEPTH.
    """
    _check(value, MAX_DEPTH)


def _check(value: Any, depth: int) -> None:
    match value:
        case None | bool() | str():
            return
        case float() if math.isfinite(value):
            return
        case int() if abs(value) < _TOO_LONG:
            return
        case dict() | list() | tuple() if not depth:
            raise BeyondLimits(_TOO_DEEP)
        case dict():
            for key, item in value.items():
                if not isinstance(key, Scalar):
                    raise ValueError(f"the key {short(key)} is no text")
                _check(key, depth)
                _check(item, depth - 1)
        case list() | tuple():
            for item in value:
                _check(item, depth - 1)
        case float():
            raise ValueError(f"{value} is no JSON number")
        case int():
            raise BeyondLimits(_TOO_MANY_DIGITS)
        case _:
            raise ValueError(f"{short(value)} ({type(value).__name__}) is no JSON value")


def canonical(value: Any) -> str:
    """A text that is the same for equal JSON values, in whatever order their members stand."""
    return json.dumps(value, sort_keys=True, default=repr)


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} deep"
_TOO_MANY_DIGITS = f"it has an integer of more than {MAX_DIGITS} digits"
_TOO_LONG = 10**MAX_DIGITS


_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _marks(text: str) -> int:
    """How many values a text has at most, but for the first one in each container."""
    count = sum(map(text.count, "[{,"))
    return count if count <= MAX_VALUES else sum(map(_STRING.sub("", text).count, "[{,"))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BeyondLimits(f"the number {short(text)[1:-1]} is greater than a double can hold")
    return number


_DECODER = json.JSONDecoder(parse_float=_float, parse_constant=_refuse)
_WITH_NAMES_ONCE = json.JSONDecoder(object_pairs_hook=_names_once)


def _containers(outer: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    members = outer.values() if isinstance(outer, dict) else outer
    return [member for member in members if isinstance(member, dict | list)]
