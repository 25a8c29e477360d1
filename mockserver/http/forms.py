"""Form bodies and parameters: texts in, values that a JSON Schema can judge out.

A form knows texts only. Which value a text stands for follows from its property's schema:

    a property that may be a string takes the text as it is, `null` included: four letters
    an integer is written in decimal digits, a boolean as one of BOOLEANS
    `null` is null where the property may be null and cannot be a string
    anything else stays a text, which the schema then refuses

A field that comes twice has its last value, as in the real server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from agentos_contract.document import Document
from agentos_contract.json_values import read_json

BOOLEANS = {
    **dict.fromkeys(("true", "1", "on", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "off", "no", "f", "n"), False),
}
"""The texts that a real server (pydantic) takes for booleans, in any case."""

MAX_FIELDS = 1000

_INTEGER = re.compile(r"[+-]?[0-9]{1,4300}(\.0+)?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class UnreadableForm(ValueError):
    """A body that is no form: not UTF-8, or too many fields."""


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Decode application/x-www-form-urlencoded (URL standard): its fields in order."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableForm(f"byte {error.start} is not UTF-8") from error
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError as error:
        raise UnreadableForm(f"percent-encoded bytes are not UTF-8: {error.reason}") from error
    except ValueError as error:
        raise UnreadableForm(f"more than {MAX_FIELDS} fields") from error


class Coercion:
    """Turns texts into the values that an object schema's properties mean by them."""

    def __init__(self, document: Document, schema: Mapping[str, Any]) -> None:
        schema = document.resolve(schema)
        properties: Mapping[str, Any] = schema.get("properties", {})
        self._types = {name: _types(document, member) for name, member in properties.items()}
        self._array_items = {
            name: _types(document, document.resolve(member).get("items", {}))
            for name, member in properties.items()
            if "array" in self._types[name]
        }

    def __call__(self, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, text in fields:
            if name in self._array_items:
                item = coerce(text, self._array_items[name])
                present = values.get(name)
                values[name] = [*present, item] if isinstance(present, list) else [item]
            else:
                values[name] = coerce(text, self._types.get(name, _STRING))
        return values


_STRING = frozenset({"string"})


def coerce(text: str, types: frozenset[str]) -> Any:
    """The value that `text` stands for where one of `types` (JSON Schema's) is wanted."""
    if "string" in types:
        return text
    if "null" in types and text == "null":
        return None
    if "boolean" in types and text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text.partition(".")[0])
    if "number" in types and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if types & {"object", "array"}:
        try:
            return read_json(text)
        except ValueError:
            return text
    return text


def _types(document: Document, schema: Any) -> frozenset[str]:
    """The JSON types that a schema allows; all where it doesn't say."""
    schema = document.resolve(schema)
    if not isinstance(schema, Mapping):
        return _STRING
    named = schema.get("type")
    if named is not None:
        return frozenset([named] if isinstance(named, str) else named)
    types: frozenset[str] = frozenset()
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        types |= _types(document, branch)
    if "enum" in schema and not types:
        return _STRING
    return types or _STRING
