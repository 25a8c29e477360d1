"""JSON Schemas as Pydantic types: what a FastAPI server makes of the values that it is given.

Pydantic is laxer than JSON Schema ("7" is an integer, unknown keys are dropped) and has its own
words for what is wrong. Both come from Pydantic itself; only the types are made here, from the
document's schemas and from the input_schema of scripts, which Pydantic wrote in the first place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from mockserver.http.validation import ABSENT

ErrorDetails = dict[str, Any]
"""What FastAPI's 422 lists: `{type, loc, msg, input, ctx?}`."""

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
# JSON Schema's additionalProperties is true unless said; Pydantic's models then drop what they
# do not know.
_EXTRA: dict[Any, Literal["allow", "ignore", "forbid"]] = {True: "allow", False: "forbid"}


class PydanticTypes:
    """Makes Pydantic types from JSON Schemas.

    `resolve` follows `$ref`s. With `enums`, `enum` becomes an Enum, as FastAPI's parameters have
    it, else a Literal.
    """

    def __init__(self, resolve: Callable[[Any], Any], *, enums: bool) -> None:
        self._resolve = resolve
        self._enums = enums
        self._models: dict[str, Any] = {}

    def annotation(self, schema: Any, name: str) -> Any:
        """The type of the values that `schema` allows. `name` is for what has no title."""
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if reference is None:
            return self._annotation(schema, name)
        if reference not in self._models:
            # A model that contains itself takes anything there.
            self._models[reference] = Any
            resolved = self._resolve(schema)
            self._models[reference] = self._annotation(resolved, reference.rpartition("/")[2])
        return self._models[reference]

    def _annotation(self, schema: Any, name: str) -> Any:
        if not isinstance(schema, Mapping):
            return Any
        if "enum" in schema:
            values = schema["enum"]
            if self._enums and all(isinstance(value, str) for value in values):
                return Enum(schema.get("title") or name, {value: value for value in values})
            return Literal[tuple(values)]
        if "const" in schema:
            return Literal[schema["const"]]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return _union([self.annotation(branch, name) for branch in schema[key]])
        if isinstance(schema.get("type"), list):
            kinds = [{**schema, "type": kind} for kind in schema["type"]]
            return _union([self._annotation(kind, name) for kind in kinds])
        constraints = {_CONSTRAINTS[k]: v for k, v in schema.items() if k in _CONSTRAINTS}
        kind = self._typed(schema, name)
        if kind is None or kind is Any or not constraints:
            return kind
        return Annotated[kind, Field(**constraints)]

    def _typed(self, schema: Mapping[str, Any], name: str) -> Any:
        kind = schema.get("type")
        if kind == "array":
            return list[self.annotation(schema.get("items", {}), name)]  # type: ignore[misc]
        if "properties" in schema:
            return self.model(schema, name)
        if kind == "object":
            others = schema.get("additionalProperties", {})
            return dict[str, self.annotation(others, name)]  # type: ignore[misc]
        return _SCALARS.get(str(kind), Any)

    def model(self, schema: Mapping[str, Any], name: str) -> type[BaseModel]:
        """The model of an object schema, named by its title or `name`."""
        required = set(schema.get("required", ()))
        fields: dict[str, Any] = {
            key: (
                self.annotation(member, key.title()),
                ... if key in required else _default(member),
            )
            for key, member in schema.get("properties", {}).items()
        }
        extra = schema.get("additionalProperties")
        config = ConfigDict(extra=_EXTRA.get(extra if isinstance(extra, bool) else None, "ignore"))
        return create_model(schema.get("title") or name, __config__=config, **fields)


def _union(kinds: list[Any]) -> Any:
    return Union[tuple(kinds)]  # noqa: UP007 - as many as there are


def _default(schema: Any) -> Any:
    return schema.get("default") if isinstance(schema, Mapping) else None


@dataclass(frozen=True)
class Parameter:
    """One value that a request may give, as FastAPI judges it."""

    location: tuple[str, ...]
    """Where errors say that it is, such as ("query", "limit")."""
    adapter: TypeAdapter[Any]
    is_required: bool
    default: Any = None

    def judge(self, given: Any, errors: list[ErrorDetails]) -> Any:
        """The value that was meant, or the default; ABSENT where it is wrong, with its errors."""
        if given is ABSENT:
            if not self.is_required:
                return self.default
            errors.append(
                {"type": "missing", "loc": self.location, "msg": "Field required", "input": None}
            )
            return ABSENT
        try:
            value = self.adapter.validate_python(given, from_attributes=True)
        except ValidationError as error:
            errors += [
                {**details, "loc": (*self.location, *details["loc"])}
                for details in error.errors(include_url=False)
            ]
            return ABSENT
        return self.adapter.dump_python(value, mode="json", exclude_unset=True)


class InputRefused(ValueError):
    """A message breaks its workflow's input_schema; str() has Agno's words."""


class InputModel:
    """A workflow's input_schema as the Pydantic model that Agno reads messages with."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        def resolve(value: Any) -> Any:
            name = str(value["$ref"]).removeprefix("#/$defs/")
            return schema.get("$defs", {}).get(name, True)

        self._model = PydanticTypes(resolve, enums=False).model(schema, "Input")

    def read(self, message: str) -> dict[str, Any]:
        """The model's dump of a message (`agno.utils.agent.validate_input`).

        Raises InputRefused.
        """
        name = self._model.__name__
        try:
            value = json.loads(message)
        except Exception as error:
            why = f"Failed to parse input. Is it a valid JSON string?: {error}"
            raise InputRefused(why) from error
        if not isinstance(value, dict):
            raise InputRefused(
                f"Cannot validate {type(value)} against input_schema. "
                f"Expected dict or {name} instance."
            )
        try:
            read = self._model(**value)
        except Exception as error:
            raise InputRefused(f"Failed to parse dict into {name}: {error}") from error
        return read.model_dump(exclude_none=True)


def input_model(schema: Mapping[str, Any]) -> InputModel:
    """The model of an input_schema, made once."""
    return _input_model(json.dumps(schema))


@lru_cache(maxsize=64)
def _input_model(schema: str) -> InputModel:
    return InputModel(json.loads(schema))
