"""What the document says of each operation's query and body: compiled once, judged by it.

It takes the place of Connexion's own validation (Draft 4, validators built anew for each request,
bodies of problem+json) with validators of JSON Schema 2020-12.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs

from agentos_contract.document import FORM, RUN_OPERATION_ID, Document
from agentos_contract.names import nearest
from mockserver.http.errors import ApiError
from mockserver.http.forms import Coercion, UnreadableForm, parse_form
from mockserver.script.problems import elided, instead_of

logger = logging.getLogger(__name__)

MAX_NAME = 100
"""Characters of a field's name that is looked at."""
ABSENT: Any = object()
"""Stands for a value that was not given."""


class Validator:
    """Judges values by a schema of the document."""

    def __init__(self, document: Document, schema: Mapping[str, Any]) -> None:
        self._schema = document.self_contained(schema)
        self._validator: Any = jsonschema_rs.Draft202012Validator(self._schema)

    def judge(self, value: Any, where: str, query: bytes = b"") -> None:
        """Raises ApiError(422) with all that is wrong. `where` it stands: in the `query`, which a
        field may stand in that belongs into the body, or there."""
        if self._validator.is_valid(value):
            return
        faults, hints = [], []
        entries: list[dict[str, Any]] = []
        for error in self._validator.iter_errors(value):
            path: Iterable[Any] = error.instance_path
            given, message = error.instance, error.message
            match error.kind.name:
                case "required":
                    name = error.kind.property
                    path, given, message = [*path, name], None, "field required"
                    hints.append(_where_else(name, error.instance, query))
                case "additionalProperties":
                    known = self._at(error.schema_path[:-1]).get("properties", ())
                    unknown = [str(name) for name in error.kind.unexpected]
                    message = f"there is no member {elided(', '.join(map(repr, unknown)))}"
                    hints.append(instead_of(unknown[0], known))
            loc = (where, *path)
            faults.append(f"{'.'.join(map(str, loc))}: {message}")
            entries.append({"type": error.kind.name, "loc": loc, "msg": message, "input": given})
        hint = "; ".join(dict.fromkeys(filter(None, hints)))
        raise ApiError(422, "; ".join(faults), hint=hint, entries=entries)

    def _at(self, path: Iterable[str | int]) -> Any:
        part: Any = self._schema
        for key in path:
            part = part[key]
        return part


@lru_cache(maxsize=100)
def _say_unread(name: str, known: frozenset[str]) -> None:
    """Log, once, that a field is not read that has a known one's name but for its writing."""
    written = re.sub(r"(?<=[a-z])(?=[A-Z])|-", "_", name).lower()
    if written in known and written != name:
        logger.warning("the form's field %r is not read; expected %r", name, written)


def _where_else(name: str, given: Mapping[str, Any], query: bytes) -> str:
    """Where a field that is missing stands, if anywhere: in the query, or by another name."""
    try:
        in_query = [field for field, _ in parse_form(query)]
    except UnreadableForm:
        in_query = []
    if name in in_query:
        return f"{name!r} stands in the query; expected it in the body"
    if any(field.startswith("{") for field in given):
        return f"what was sent is JSON; expected a form, such as {name}=…"
    near = nearest(name, given)
    return "" if near is None else f"there is {near!r}; did you mean {name!r}?"


@dataclass(frozen=True, eq=False)
class QuerySchema:
    """An operation's query parameters, as one object."""

    schema: Mapping[str, Any]
    coercion: Coercion
    validator: Validator
    defaults: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class BodySchema:
    """An operation's body: a form, or JSON."""

    media_types: tuple[str, ...]
    """Those that JSON may have; a form has one."""
    schema: Mapping[str, Any]
    names: frozenset[str]
    """The schema's properties."""
    coercion: Coercion | None
    """Of a form."""
    validator: Validator
    is_required: bool


class OperationSchema:
    """What one operation may be given."""

    def __init__(self, document: Document, operation_id: str) -> None:
        definition = document.operations[operation_id].definition
        self.document = document
        self._responses: Mapping[str, Any] = definition.get("responses", {})
        self.query = _query_schema(document, definition)
        self.body = _body_schema(document, definition)

    def example_detail(self, status: int) -> str:
        """The `detail` that an error of this status has in the document's example; else HTTP's own
        words for it."""
        run = self.document.operations.get(RUN_OPERATION_ID)
        for responses in (self._responses, run.definition["responses"] if run else {}):
            response = self.document.resolve(responses.get(str(status), {}))
            media = response.get("content", {}).get("application/json", {})
            schema = self.document.resolve(media.get("schema", {}))
            example = media.get("example") or schema.get("example")
            if isinstance(example, Mapping) and isinstance(example.get("detail"), str):
                return str(example["detail"])
        return HTTPStatus(status).phrase

    def judge(self, query_string: bytes, body: Any) -> tuple[dict[str, Any], Any]:
        """The values of the query, and that of a body that was read (None: there is none).

        Raises ApiError(422).
        """
        query: dict[str, Any] = {}
        if self.query is not None:
            try:
                fields = parse_form(query_string)
            except UnreadableForm as error:
                raise ApiError(422, f"query: {error}") from error
            values = self.query.coercion(fields)
            self.query.validator.judge(values, "query")
            query = {**self.query.defaults, **values}
        if self.body is None or body is ABSENT:
            return query, None
        value = body
        if self.body.coercion is not None:
            for name in {name for name, _ in body} - self.body.names:
                if len(name) <= MAX_NAME:
                    _say_unread(name, self.body.names)
            # A multipart form's file is no text, whatever is in it.
            texts = [(n, v) for n, v in body if isinstance(v, str)]
            value = self.body.coercion(texts) | {n: {} for n, v in body if not isinstance(v, str)}
        elif isinstance(body, bytes):
            raise ApiError(422, "the body does not say that it is JSON")
        self.body.validator.judge(value, "body", query_string)
        return query, value


def _query_schema(document: Document, definition: Mapping[str, Any]) -> QuerySchema | None:
    parameters = [document.resolve(p) for p in definition.get("parameters", ())]
    parameters = [parameter for parameter in parameters if parameter["in"] == "query"]
    if not parameters:
        return None
    properties = {parameter["name"]: parameter.get("schema", {}) for parameter in parameters}
    schema = {
        "type": "object",
        "properties": properties,
        "required": [p["name"] for p in parameters if p.get("required")],
    }
    defaults = {
        name: default
        for name, member in properties.items()
        if (default := default_of(document, member)) is not None
    }
    validator = Validator(document, schema)
    return QuerySchema(schema, Coercion(document, schema), validator, defaults)


def _body_schema(document: Document, definition: Mapping[str, Any]) -> BodySchema | None:
    request_body = document.resolve(definition.get("requestBody", {}))
    content = {name.lower(): media for name, media in request_body.get("content", {}).items()}
    if not content:
        return None
    is_form = FORM in content
    media_types = (FORM,) if is_form else tuple(content)
    schema = content[media_types[0]].get("schema", {})
    return BodySchema(
        media_types,
        schema,
        frozenset(document.resolve(schema).get("properties", ())),
        Coercion(document, schema) if is_form else None,
        Validator(document, schema),
        bool(request_body.get("required")),
    )


def default_of(document: Document, schema: Mapping[str, Any]) -> Any:
    """A schema's default, which may stand beside its reference; None where it has none."""
    return schema.get("default", document.resolve(schema).get("default"))
