"""How Agno judges values: by Pydantic, with types made from the document's schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import QueryParams

from agentos_contract.document import Document
from mockserver.faults.registry import departure
from mockserver.http.bodies import SentBody
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HttpHooks
from mockserver.http.validation import ABSENT, OperationSchema, default_of
from scripted_agentos.schema import PydanticTypes

ErrorDetails = dict[str, Any]
"""What FastAPI's 422 lists: `{type, loc, msg, input, ctx?}`."""


@departure("values.pydantic")
class PydanticValues(HttpHooks):
    def parse_json(self, body: SentBody) -> Any:
        """JSON as the standard library reads it, and FastAPI's words for what it refuses."""
        if not body.content:
            return ABSENT
        try:
            return json.loads(body.content)
        except json.JSONDecodeError as error:
            entry = {
                "type": "json_invalid",
                "loc": ("body", error.pos),
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": error.msg},
            }
            raise ApiError(422, f"the body is no JSON: {error}", entries=[entry]) from error
        except Exception as error:
            raise ApiError(400, "There was an error parsing the body") from error

    def judge(
        self, schema: OperationSchema, query_string: bytes, body: Any
    ) -> tuple[Mapping[str, Any], Any]:
        return _parameters_of(schema).judge(query_string, body)


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


class Parameters:
    """An operation's parameters as FastAPI has them."""

    def __init__(self, schema: OperationSchema) -> None:
        self._document: Document = schema.document
        self._types = PydanticTypes(schema.document.resolve, enums=True)
        self._is_form = schema.body is not None and schema.body.coercion is not None
        self._query = self._members("query", schema.query.schema) if schema.query else {}
        self._body: dict[str, Parameter] | Parameter = {}
        if schema.body is None:
            return
        # FastAPI names `Body_…` what has a parameter for each member: forms, embedded bodies.
        reference = str(schema.body.schema.get("$ref", ""))
        if reference.rpartition("/")[2].startswith("Body_"):
            self._body = self._members("body", schema.document.resolve(schema.body.schema))
        else:
            model = TypeAdapter(self._types.annotation(schema.body.schema, "Body"))
            self._body = Parameter(("body",), model, schema.body.is_required)

    def judge(self, query_string: bytes, body: Any) -> tuple[Mapping[str, Any], Any]:
        """As HttpHooks.judge."""
        errors: list[ErrorDetails] = []
        given = QueryParams(query_string)
        query = {
            name: parameter.judge(given.get(name, ABSENT), errors)
            for name, parameter in self._query.items()
        }
        value = self._judge_body(body, errors)
        if errors:
            texts = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors)
            raise ApiError(422, "; ".join(texts), entries=errors)
        return {name: value for name, value in query.items() if value is not None}, value

    def _judge_body(self, body: Any, errors: list[ErrorDetails]) -> Any:
        if isinstance(self._body, Parameter):
            return self._body.judge(body, errors)
        if not self._body:
            return None
        members: Mapping[str, Any] = {}
        if self._is_form:
            members = dict(body)
        elif isinstance(body, Mapping):
            members = body
        judged = {
            name: parameter.judge(members.get(name, ABSENT), errors)
            for name, parameter in self._body.items()
        }
        return {**members, **judged}

    def _members(self, where: str, schema: Mapping[str, Any]) -> dict[str, Parameter]:
        required = schema.get("required", ())
        return {
            name: Parameter(
                (where, name),
                TypeAdapter(self._types.annotation(_without_default(member), name)),
                name in required,
                default_of(self._document, member),
            )
            for name, member in schema["properties"].items()
        }


@lru_cache(maxsize=64)
def _parameters_of(schema: OperationSchema) -> Parameters:
    return Parameters(schema)


def _without_default(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A reference alone where a default stands beside it."""
    return {"$ref": schema["$ref"]} if "$ref" in schema else schema
