"""JSON as the real server writes it: compact, and not escaped to ASCII."""

from __future__ import annotations

import json
from typing import Any

import orjson


def to_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON, in one line.

    orjson is many times faster than the standard library, which takes over for what orjson
    refuses: integers beyond 64 bits, keys that are no texts, halves of surrogate pairs.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
