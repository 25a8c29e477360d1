"""Form bodies and parameters: texts in, values that a JSON Schema can judge out.

A form knows texts only. Which value a text stands for follows from its property's schema:

    a property that may be a string takes the text as it is, `null` included: four letters
    an integer is written in decimal digits, a boolean as one of BOOLEANS
    `null` is null where the property may be null and cannot be a string
    anything else stays a text, which the schema then refuses

A field that comes twice has its last value, as in the real server.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import FormDataParser

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


def parse_form(body: bytes, *, lenient: bool = False) -> list[tuple[str, str]]:
    """Decode application/x-www-form-urlencoded (URL standard): its fields in order.

    `lenient` reads any bytes, as the real server does: those as they are by Latin-1, those that
    are percent-encoded by UTF-8 with U+FFFD for what is none. Raises UnreadableForm.
    """
    if lenient:
        text = body.decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, errors="replace")
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


def parse_other(body: bytes, media_type: str, boundary: str | None) -> list[tuple[str, str]]:
    """The fields of a body that is no urlencoded form, as the real server reads it.

    Those of a multipart form (RFC 7578); none where it is broken, or of any other type.
    """
    if media_type != "multipart/form-data" or boundary is None:
        return []
    parser = FormDataParser(silent=True)
    options = {"boundary": boundary}
    _, fields, _ = parser.parse(io.BytesIO(body), media_type, len(body), options)
    return list(fields.items(multi=True))


class Coercion:
    """Turns texts into the values that an object schema's properties mean by them."""

    def __init__(self, document: Document, schema: Mapping[str, Any]) -> None:
        schema = document.resolve(schema)
        properties: Mapping[str, Any] = schema.get("properties", {})
        self._required = list(schema.get("required", ()))
        self._enums = {name: _enum(document, member) for name, member in properties.items()}
        self._types = {name: _types(document, member) for name, member in properties.items()}
        self._array_items = {
            name: _types(document, document.resolve(member).get("items", {}))
            for name, member in properties.items()
            if "array" in self._types[name]
        }

    def entries(
        self, where: str, values: Mapping[str, Any], at_fault: Collection[str]
    ) -> list[dict[str, Any]]:
        """What is missing or at fault, as FastAPI lists it, in the schema's order."""
        entries: list[dict[str, Any]] = []
        for name, types in self._types.items():
            loc = [where, name]
            if name in self._required and name not in values:
                kind, message, given = "missing", "Field required", None
            elif name not in at_fault:
                continue
            else:
                kind, message = _complaint(types)
                given = values.get(name)
            entry: dict[str, Any] = {"type": kind, "loc": loc, "msg": message, "input": given}
            if self._enums[name] and kind != "missing":
                *first, last = (repr(value) for value in self._enums[name])
                expected = f"{', '.join(first)} or {last}" if first else last
                entry |= {"type": "enum", "msg": f"Input should be {expected}"}
                entry["ctx"] = {"expected": expected}
            entries.append(entry)
        return entries

    def __call__(
        self, fields: Iterable[tuple[str, str]], *, null_is_text: bool = False
    ) -> dict[str, Any]:
        """The values by name. `null_is_text`: `null` is four letters everywhere."""
        values: dict[str, Any] = {}
        for name, text in fields:
            if name in self._array_items:
                item = coerce(text, self._array_items[name])
                present = values.get(name)
                values[name] = [*present, item] if isinstance(present, list) else [item]
            else:
                types = self._types.get(name, _STRING)
                values[name] = coerce(text, types - {"null"} if null_is_text else types)
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
    if "number" in types and _NUMBER.fullmatch(text):
        return float(text)
    if types & {"object", "array"}:
        try:
            return read_json(text)
        except ValueError:
            return text
    return text


def _complaint(types: frozenset[str]) -> tuple[str, str]:
    """What pydantic says of a text that is none of these types."""
    if "boolean" in types:
        return "bool_parsing", "Input should be a valid boolean, unable to interpret input"
    if "integer" in types:
        text = "Input should be a valid integer, unable to parse string as an integer"
        return "int_parsing", text
    if "number" in types:
        return "float_parsing", "Input should be a valid number, unable to parse string as a number"
    if "array" in types:
        return "list_type", "Input should be a valid list"
    if "object" in types:
        return "dict_type", "Input should be a valid dictionary"
    return "string_type", "Input should be a valid string"


def _enum(document: Document, schema: Any) -> list[Any]:
    schema = document.resolve(schema)
    if not isinstance(schema, Mapping):
        return []
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        branch = document.resolve(branch)
        if "enum" in branch:
            return list(branch["enum"])
    return []


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
