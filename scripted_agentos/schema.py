"""The Pydantic model that Agno wants as input_schema, made from a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, create_model

from scripted_agentos.errors import ScriptError
from scripted_agentos.templates import Json

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
_UNDERSTOOD = {
    *_CONSTRAINTS,
    *("type", "title", "description", "default", "examples", "enum", "const", "anyOf", "oneOf"),
    *("$ref", "$defs", "$schema", "$id", "properties", "required", "additionalProperties", "items"),
}


class ModelFromSchema:
    """The Pydantic model that Agno wants, made from a JSON Schema."""

    def __init__(self, schema: Mapping[str, Any], place: str) -> None:
        self._root = schema
        self._place = place
        self._models: dict[str, type[BaseModel]] = {}

    def build(self, name: str) -> type[BaseModel]:
        if self._root.get("type", "object") != "object":
            raise ScriptError(f"{self._place}: Agno takes objects only, not {self._root['type']!r}")
        return self._model(self._root, self._place, name)

    def _model(self, schema: Mapping[str, Any], place: str, name: str) -> type[BaseModel]:
        self._check(schema, place)
        name = schema.get("title") or name
        required = set(schema.get("required", ()))
        fields: dict[str, Any] = {}
        for key, member in schema.get("properties", {}).items():
            annotation = self._annotation(member, f"{place}.properties.{key}", key.title())
            about = {k: member[k] for k in ("description", "examples") if k in member}
            default = ... if key in required else member.get("default")
            fields[key] = (annotation, Field(default, **about))
        # JSON Schema's additionalProperties is true unless said; Agno's models drop what they
        # don't know, so only a plain `false` or `true` changes what Pydantic does by itself.
        extra = {True: "allow", False: "forbid"}.get(schema.get("additionalProperties"), "ignore")
        description = schema.get("description")
        return create_model(name, __config__=ConfigDict(extra=extra), __doc__=description, **fields)

    def _annotation(self, schema: Json, place: str, name: str) -> Any:
        if schema is True or schema == {}:
            return Any
        if not isinstance(schema, Mapping):
            raise ScriptError(f"{place}: must be a JSON Schema, not {schema!r}")
        self._check(schema, place)
        if "$ref" in schema:
            return self._reference(schema["$ref"], place)
        if "enum" in schema:
            return Literal[tuple(schema["enum"])]
        if "const" in schema:
            return Literal[schema["const"]]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                branches = enumerate(schema[key])
                kinds = [self._annotation(s, f"{place}.{key}[{i}]", name) for i, s in branches]
                return Union[tuple(kinds)]  # noqa: UP007 - as many as there are
        if isinstance(schema.get("type"), list):
            branches = ({**schema, "type": kind} for kind in schema["type"])
            kinds = [self._annotation(branch, place, name) for branch in branches]
            return Union[tuple(kinds)]  # noqa: UP007
        constraints = {_CONSTRAINTS[k]: v for k, v in schema.items() if k in _CONSTRAINTS}
        kind = self._typed(schema, place, name)
        return Annotated[kind, Field(**constraints)] if constraints else kind

    def _typed(self, schema: Mapping[str, Any], place: str, name: str) -> Any:
        kind = schema.get("type")
        if kind == "array":
            return list[self._annotation(schema.get("items", {}), f"{place}.items", name)]  # type: ignore[misc]
        if kind == "object" or "properties" in schema:
            if "properties" in schema:
                return self._model(schema, place, name)
            others = schema.get("additionalProperties", {})
            return dict[str, self._annotation(others, f"{place}.additionalProperties", name)]  # type: ignore[misc]
        if kind is None:
            return Any
        if kind not in _SCALARS:
            raise ScriptError(f"{place}.type: {kind!r} is no JSON type")
        return _SCALARS[kind]

    def _reference(self, reference: str, place: str) -> type[BaseModel]:
        name = reference.removeprefix("#/$defs/")
        definition = self._root.get("$defs", {}).get(name)
        if definition is None:
            raise ScriptError(f"{place}.$ref: {reference!r} is not among this schema's $defs")
        if name not in self._models:
            self._models[name] = self._model(definition, f"{self._place}.$defs.{name}", name)
        return self._models[name]

    def _check(self, schema: Mapping[str, Any], place: str) -> None:
        unknown = sorted(set(schema) - _UNDERSTOOD)
        if unknown:
            raise ScriptError(f"{place}.{unknown[0]}: not supported on the way to a Pydantic model")
