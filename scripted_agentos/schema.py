"""Pydantic types made from JSON Schemas, which Pydantic wrote in the first place.

Agno wants a Pydantic model as input_schema; the mock as Agno judges values by them too. This module
knows Pydantic alone, so that it runs in the environments of both.
"""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Union

from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    IPvAnyAddress,
    IPvAnyInterface,
    IPvAnyNetwork,
    Json,
    NameEmail,
    create_model,
)

from scripted_agentos.errors import ScriptError

_CONSTRAINTS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minItems": "min_length",
    "maxItems": "max_length",
}
_SCALARS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": None,
}
_HTTP_URL = 2083
"""The maxLength by which the schema of an HttpUrl is told from that of another URL."""
_FORMATS: dict[str, Any] = {
    "date-time": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "uuid": uuid.UUID,
    "uri": AnyUrl,
    "email": EmailStr,
    "name-email": NameEmail,
    "ipv4": ipaddress.IPv4Address,
    "ipv4network": ipaddress.IPv4Network,
    "ipv4interface": ipaddress.IPv4Interface,
    "ipv6": ipaddress.IPv6Address,
    "ipv6network": ipaddress.IPv6Network,
    "ipv6interface": ipaddress.IPv6Interface,
    "ipvanyaddress": IPvAnyAddress,
    "ipvanynetwork": IPvAnyNetwork,
    "ipvanyinterface": IPvAnyInterface,
    "json-string": Json,
}
"""The types whose schemas are strings of these formats. Another format says nothing."""

_UNDERSTOOD = {
    *_CONSTRAINTS,
    *("type", "title", "description", "default", "examples", "enum", "const", "anyOf", "oneOf"),
    *("$ref", "$defs", "$schema", "$id", "properties", "required", "additionalProperties", "items"),
    "format",
}
# JSON Schema's additionalProperties is true unless said; Pydantic's models drop what they don't
# know, so only a plain `false` or `true` changes what Pydantic does by itself.
_EXTRA: dict[Any, Literal["allow", "ignore", "forbid"]] = {True: "allow", False: "forbid"}


class PydanticTypes:
    """Makes Pydantic types from JSON Schemas.

    `resolve` follows `$ref`s. With `enums`, `enum` becomes an Enum, as FastAPI's parameters have
    it, else a Literal. `check` may raise for a schema, of which it is told the place.
    """

    def __init__(
        self,
        resolve: Callable[[Any], Any],
        *,
        enums: bool = False,
        check: Callable[[Any, str], None] = lambda schema, place: None,
    ) -> None:
        self._resolve = resolve
        self._enums = enums
        self._check = check
        self._types: dict[str, Any] = {}

    def annotation(self, schema: Any, name: str, place: str = "") -> Any:
        """The type of the values that `schema` allows. `name` is for what has no title."""
        self._check(schema, place)
        if not isinstance(schema, Mapping):
            return Any
        if "$ref" in schema:
            return self._reference(schema, place)
        if "enum" in schema:
            values = schema["enum"]
            if self._enums and all(isinstance(value, str) for value in values):
                return Enum(schema.get("title") or name, {value: value for value in values})
            return Literal[tuple(values)]
        if "const" in schema:
            return Literal[schema["const"]]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                branches = enumerate(schema[key])
                kinds = [self.annotation(s, name, f"{place}.{key}[{i}]") for i, s in branches]
                return _union(kinds)
        if isinstance(schema.get("type"), list):
            each = [{**schema, "type": kind} for kind in schema["type"]]
            return _union([self.annotation(branch, name, place) for branch in each])
        return self._typed(schema, name, place)

    def _typed(self, schema: Mapping[str, Any], name: str, place: str) -> Any:
        kind = schema.get("type")
        found: Any = _SCALARS.get(str(kind), Any)
        if kind == "array":
            found = list[self.annotation(schema.get("items", {}), name, f"{place}.items")]  # type: ignore[misc]
        elif "properties" in schema:
            return self.model(schema, name, place)
        elif kind == "object":
            others = schema.get("additionalProperties", {})
            inner = self.annotation(others, name, f"{place}.additionalProperties")
            return dict[str, inner]  # type: ignore[valid-type]
        elif kind == "string" and schema.get("format") in _FORMATS:
            # What else such a schema says follows from the type.
            is_http = schema["format"] == "uri" and schema.get("maxLength") == _HTTP_URL
            return HttpUrl if is_http else _FORMATS[schema["format"]]
        constraints = {_CONSTRAINTS[k]: v for k, v in schema.items() if k in _CONSTRAINTS}
        if not constraints or found is None or found is Any:
            return found
        return Annotated[found, Field(**constraints)]

    def model(self, schema: Mapping[str, Any], name: str, place: str = "") -> type[BaseModel]:
        """The model of an object schema, named by its title or `name`."""
        required = set(schema.get("required", ()))
        fields: dict[str, Any] = {}
        for key, member in schema.get("properties", {}).items():
            annotation = self.annotation(member, key.title(), f"{place}.properties.{key}")
            said = member if isinstance(member, Mapping) else {}
            about = {k: said[k] for k in ("description", "examples") if k in said}
            default = ... if key in required else said.get("default")
            fields[key] = (annotation, Field(default, **about))
        extra = schema.get("additionalProperties")
        config = ConfigDict(extra=_EXTRA.get(extra if isinstance(extra, bool) else None, "ignore"))
        return create_model(
            schema.get("title") or name,
            __config__=config,
            __doc__=schema.get("description"),
            **fields,
        )

    def _reference(self, schema: Mapping[str, Any], place: str) -> Any:
        reference = schema["$ref"]
        if reference not in self._types:
            # A model that contains itself takes anything there.
            self._types[reference] = Any
            name = reference.rpartition("/")[2]
            self._types[reference] = self.annotation(self._resolve(schema), name, reference)
        return self._types[reference]


def _union(kinds: list[Any]) -> Any:
    return Union[tuple(kinds)]  # noqa: UP007 - as many as there are


def input_types(
    root: Mapping[str, Any], check: Callable[[Any, str], None] = lambda schema, place: None
) -> PydanticTypes:
    """The types of an input_schema, whose references are to its own `$defs`."""

    def resolve(schema: Any) -> Any:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        return root.get("$defs", {}).get(name, True)

    return PydanticTypes(resolve, check=check)


def model_from_schema(schema: Mapping[str, Any], place: str) -> type[BaseModel]:
    """The Pydantic model that Agno wants. Raises ScriptError for what none can be made of."""

    def check(part: Any, where: str) -> None:
        if part is True:
            return
        if not isinstance(part, Mapping):
            raise ScriptError(f"{where}: must be a JSON Schema, not {part!r}")
        unknown = sorted(set(part) - _UNDERSTOOD)
        if unknown:
            raise ScriptError(f"{where}.{unknown[0]}: not supported on the way to a Pydantic model")
        kind = part.get("type")
        if isinstance(kind, str) and kind not in (*_SCALARS, "array", "object"):
            raise ScriptError(f"{where}.type: {kind!r} is no JSON type")
        reference = str(part.get("$ref", ""))
        if reference and reference.removeprefix("#/$defs/") not in schema.get("$defs", {}):
            raise ScriptError(f"{where}.$ref: {reference!r} is not among this schema's $defs")

    if schema.get("type", "object") != "object":
        raise ScriptError(f"{place}: Agno takes objects only, not {schema['type']!r}")
    check(schema, place)
    return input_types(schema, check).model(schema, "Input", place)
