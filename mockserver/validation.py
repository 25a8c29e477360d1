"""Request validation by the document: compiled once, judged on each request.

It takes the place of Connexion's own validation (Draft 4, validators built anew for each
request, bodies of problem+json): a middleware on Connexion's RoutedMiddleware, with a validator
of JSON Schema 2020-12 for each operation. What it read is handed on in the scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from starlette.types import ASGIApp, Receive, Scope, Send
from werkzeug.http import parse_options_header

from agentos_contract.document import FORM, Document
from agentos_contract.json_values import read_json
from mockserver.deviating import check_preferences, deviations_of
from mockserver.errors import ApiError
from mockserver.forms import Coercion, UnreadableForm, parse_form, parse_other

JSON = "application/json"
REQUEST_KEY = "agentos_request"
"""Where in the ASGI scope the validated request stands."""

_FORM_DEVIATIONS = frozenset({"form.any-bytes", "form.any-media-type", "form.multipart"})

DEFAULT_MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body."""


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request that keeps the document: its operation and what it was given."""

    operation_id: str
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any = None
    """The form's or JSON body's value; None where there was none."""


@dataclass(frozen=True)
class Validation:
    """What the validation layer is given."""

    document: Document
    check_path: Callable[[str, Mapping[str, Any]], None] = lambda operation_id, path: None
    """Raises ApiError(404) where a path names something that is not there. It comes before the
    body is looked at."""
    max_body: int = DEFAULT_MAX_BODY


@dataclass
class _Body:
    media_type: str
    coercion: Coercion
    validator: Any
    required: bool


@dataclass
class _Query:
    coercion: Coercion
    validator: Any
    defaults: dict[str, Any] = field(default_factory=dict)


class ValidationOperation:
    """Judges the requests for one operation."""

    def __init__(self, operation_id: str, validation: Validation, next_app: ASGIApp) -> None:
        self._operation_id = operation_id
        self._validation = validation
        self._next_app = next_app
        document = validation.document
        definition = document.operations[operation_id].definition
        self._query = _compile_query(document, definition)
        self._bodies = _compile_bodies(document, definition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_preferences(scope)
        deviations = deviations_of(scope)
        path = scope.get("path_params", {})
        if scope["method"] == "HEAD" and "routing.head-refused" in deviations:
            raise ApiError(
                405,
                "HEAD is not allowed here; expected GET",
                headers={"Allow": "GET"},
                words="Method Not Allowed",
            )
        workflow_first = "routing.form-before-workflow" not in deviations
        if workflow_first:
            self._validation.check_path(self._operation_id, path)
        query = self._read_query(scope) if self._query is not None else {}
        body = await self._read_body(scope, receive) if self._bodies else None
        if not workflow_first:
            self._validation.check_path(self._operation_id, path)
        scope[REQUEST_KEY] = ValidRequest(self._operation_id, path, query, body)
        await self._next_app(scope, receive, send)

    def _read_query(self, scope: Scope) -> dict[str, Any]:
        assert self._query is not None
        try:
            fields = parse_form(scope.get("query_string", b""))
        except UnreadableForm as error:
            raise ApiError(422, f"query: {error}") from error
        values = self._query.coercion(fields)
        _judge(self._query.validator, values, "query", self._query.coercion)
        return {**self._query.defaults, **values}

    async def _read_body(self, scope: Scope, receive: Receive) -> Any:
        header = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        raw = await _read(receive, self._validation.max_body)
        media_type, options = parse_options_header(header.decode("latin-1"))
        media_type = media_type.lower()
        deviations = deviations_of(scope)
        if self._bodies[0].media_type == FORM and deviations & _FORM_DEVIATIONS:
            fields = self._fields(raw, media_type, options.get("boundary"), deviations)
            if fields is not None:
                return self._form(self._bodies[0], fields, deviations)
        if not raw and not media_type:
            media_type = self._bodies[0].media_type
        body = next((body for body in self._bodies if body.media_type == media_type), None)
        if body is None:
            expected = " or ".join(body.media_type for body in self._bodies)
            detail = f"content type {media_type or '(none)'} is not read here; expected {expected}"
            raise ApiError(415, detail, headers={"accept-post": expected})
        if body.media_type == FORM:
            try:
                return self._form(body, parse_form(raw), deviations)
            except UnreadableForm as error:
                raise ApiError(422, f"the body is no readable form: {error}") from error
        elif not raw and not body.required:
            return None
        else:
            value: Any = _parse_json(raw)
        _judge(body.validator, value, "body", body.coercion)
        return value

    def _fields(
        self, raw: bytes, media_type: str, boundary: str | None, deviations: frozenset[str]
    ) -> list[tuple[str, str]] | None:
        """The form's fields, as a server with these deviations reads them; None: as it should."""
        if media_type == FORM:
            return parse_form(raw, lenient=True) if "form.any-bytes" in deviations else None
        is_multipart = media_type == "multipart/form-data"
        if ("form.multipart" if is_multipart else "form.any-media-type") not in deviations:
            return None
        if is_multipart and boundary is None:
            words = "Missing boundary in multipart."
            raise ApiError(400, "the multipart form has no boundary", words=words)
        return parse_other(raw, media_type, boundary)

    def _form(
        self, body: _Body, fields: list[tuple[str, str]], deviations: frozenset[str]
    ) -> dict[str, Any]:
        if "form.empty-field-absent" in deviations:
            fields = [(name, text) for name, text in fields if text]
        null_is_text = "values.pydantic" in deviations
        value = body.coercion(fields, null_is_text=null_is_text)
        _judge(body.validator, value, "body", body.coercion)
        return value


class ValidationAPI(RoutedAPI[ValidationOperation]):
    """The operations of one document (Connexion makes one for each API added)."""

    validation: Validation

    def __init__(self, specification: Any, *args: Any, next_app: ASGIApp, **kwargs: Any) -> None:
        self.validation = kwargs.pop("validation")
        super().__init__(
            specification,
            *args,
            next_app=next_app,
            base_path=kwargs.get("base_path"),
            resolver=kwargs.get("resolver"),
        )
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> ValidationOperation:
        return ValidationOperation(operation.operation_id, self.validation, self.next_app)


class ValidationMiddleware(RoutedMiddleware[ValidationAPI]):
    """Stands between Connexion's security and the application."""

    api_cls = ValidationAPI


def _compile_query(document: Document, definition: Mapping[str, Any]) -> _Query | None:
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
        name: document.resolve(member)["default"]
        for name, member in properties.items()
        if "default" in document.resolve(member)
    }
    validator = jsonschema_rs.Draft202012Validator(document.self_contained(schema))
    return _Query(Coercion(document, schema), validator, defaults)


def _compile_bodies(document: Document, definition: Mapping[str, Any]) -> list[_Body]:
    request_body = document.resolve(definition.get("requestBody", {}))
    bodies = []
    for media_type, media in request_body.get("content", {}).items():
        schema = media.get("schema", {})
        bodies.append(
            _Body(
                media_type.lower(),
                Coercion(document, schema),
                jsonschema_rs.Draft202012Validator(document.self_contained(schema)),
                bool(request_body.get("required")),
            )
        )
    return bodies


def _judge(validator: Any, value: Any, where: str, coercion: Coercion | None) -> None:
    if validator.is_valid(value):
        return
    faults = []
    members: set[str] = set()
    for error in validator.iter_errors(value):
        path = ".".join([where, *(str(part) for part in error.instance_path)])
        members.update(str(part) for part in list(error.instance_path)[:1])
        if error.kind.name == "required":
            faults.append(f"{path}.{error.kind.property}: field required")
        else:
            faults.append(f"{path}: {error.message}")
    entries = None
    if coercion is not None and isinstance(value, Mapping):
        entries = coercion.entries(where, value, members)
    raise ApiError(422, "; ".join(faults), entries=entries)


def _parse_json(raw: bytes) -> Any:
    try:
        return read_json(raw)
    except ValueError as error:
        raise ApiError(422, f"the body is no JSON: {error}") from error


async def _read(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises ApiError(413) beyond the limit."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > limit:
            raise ApiError(413, f"the body is longer than {limit} bytes")
        if not message.get("more_body"):
            return body


class ClientDisconnected(Exception):
    """The client went away before its request was whole: there is nobody to answer."""
