"""JSON that strangers sent, read without surprises."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 200
"""Arrays and objects within each other. Beyond it what the reader's stack allows would decide."""


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text (RFC 8259: no NaN, no Infinity).

    Raises ValueError, which says why: also for what is nested more than MAX_DEPTH deep (section 9
    of the RFC allows a reader to set such a limit).
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return value
    if any(isinstance(outer, dict | list) for outer in level):
        raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} deep"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in inner if isinstance(member, dict | list)]
