"""Request validation by the document: compiled once, judged on each request.

It takes the place of Connexion's own validation (Draft 4, validators built anew for each
request, bodies of problem+json): a middleware on Connexion's RoutedMiddleware, with a validator
of JSON Schema 2020-12 for each operation. With the deviation `values.pydantic` Pydantic judges in
its place, by types made from the same schemas. What was read is handed on in the scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jsonschema_rs
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from pydantic import TypeAdapter
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.deviations import Deviations
from agentos_contract.document import FORM, Document
from mockserver.agno.pydantic_types import ABSENT, ErrorDetails, Parameter, PydanticTypes
from mockserver.http.bodies import ClientDisconnected, limited, read_form, read_json_body
from mockserver.http.deviating import check_preferences, deviations_of
from mockserver.http.errors import ApiError
from mockserver.http.forms import Coercion, UnreadableForm, parse_form
from mockserver.http.hooks import HttpHooks, hooks_of

__all__ = ["REQUEST_KEY", "ClientDisconnected", "ValidRequest", "Validation"]

REQUEST_KEY = "agentos_request"
"""Where in the ASGI scope the validated request stands."""

UNAUTHORIZED_KEY = "mockserver.unauthorized"
"""Where in the ASGI scope the 401 stands that comes after the body has been read."""

DEFAULT_MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body."""


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request that keeps the document: its operation and what it was given."""

    operation_id: str
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any
    """The form's or JSON body's value; None where there was none."""
    hooks: HttpHooks
    deviations: Deviations = frozenset()


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
    media_types: list[str]
    """Those that JSON may have; a form has one."""
    schema: Mapping[str, Any]
    names: frozenset[str]
    """The schema's properties."""
    coercion: Coercion | None
    """Of a form."""
    validator: Any
    required: bool


@dataclass
class _Query:
    schema: Mapping[str, Any]
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
        self._body = _compile_body(document, definition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_preferences(scope)
        deviations = deviations_of(scope)
        path = scope.get("path_params", {})
        body: Any = ABSENT
        if "authentication.body-first" in deviations:
            body = await self._read_body(scope, receive, deviations)
            if UNAUTHORIZED_KEY in scope:
                raise scope[UNAUTHORIZED_KEY]
        if "routing.form-before-workflow" not in deviations:
            self._validation.check_path(self._operation_id, path)
        judge = self._judge_as_pydantic if "values.pydantic" in deviations else self._judge
        if "authentication.body-first" not in deviations:
            body = await self._read_body(scope, receive, deviations)
        query_values, body_value = judge(scope, body)
        if "routing.form-before-workflow" in deviations:
            self._validation.check_path(self._operation_id, path)
        scope[REQUEST_KEY] = ValidRequest(
            self._operation_id, path, query_values, body_value, hooks_of(scope), deviations
        )
        await self._next_app(scope, receive, send)

    async def _read_body(self, scope: Scope, receive: Receive, deviations: Deviations) -> Any:
        """The form's fields, or the JSON value; ABSENT where there is none."""
        if self._body is None:
            return ABSENT
        receive = limited(receive, self._validation.max_body)
        if self._body.coercion is None:
            return await read_json_body(
                scope,
                receive,
                deviations,
                media_types=self._body.media_types,
                is_required=self._body.required,
            )
        fields = await read_form(scope, receive, deviations)
        if "form.empty-field-absent" in deviations:
            # The last of a repeated field decides, and that may be the empty one. What the document
            # does not name may be empty.
            last = dict(fields)
            empty = {name for name in self._body.names if last.get(name) == ""}
            fields = [(name, value) for name, value in fields if name not in empty]
        return fields

    # -- by the document

    def _judge(self, scope: Scope, body: Any) -> tuple[dict[str, Any], Any]:
        query: dict[str, Any] = {}
        if self._query is not None:
            try:
                fields = parse_form(scope.get("query_string", b""))
            except UnreadableForm as error:
                raise ApiError(422, f"query: {error}") from error
            values = self._query.coercion(fields)
            _judge(self._query.validator, values, "query")
            query = {**self._query.defaults, **values}
        if self._body is None or body is ABSENT:
            return query, None
        value = body
        if self._body.coercion is not None:
            # A multipart form's file is no text, whatever is in it.
            texts = [(n, v) for n, v in body if isinstance(v, str)]
            value = self._body.coercion(texts) | {n: {} for n, v in body if not isinstance(v, str)}
        elif isinstance(body, bytes):
            raise ApiError(422, "the body does not say that it is JSON")
        _judge(self._body.validator, value, "body")
        return query, value

    # -- by Pydantic

    def _judge_as_pydantic(self, scope: Scope, body: Any) -> tuple[dict[str, Any], Any]:
        errors: list[ErrorDetails] = []
        given = QueryParams(scope.get("query_string", b""))
        query = {
            name: parameter.judge(given.get(name, ABSENT), errors)
            for name, parameter in self._query_parameters.items()
        }
        value = self._judge_body_as_pydantic(body, errors)
        if errors:
            texts = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors)
            raise ApiError(422, "; ".join(texts), entries=errors)
        return {name: value for name, value in query.items() if value is not None}, value

    def _judge_body_as_pydantic(self, body: Any, errors: list[ErrorDetails]) -> Any:
        parameters = self._body_parameters
        if isinstance(parameters, Parameter):
            return parameters.judge(body, errors)
        if not parameters:
            return None
        assert self._body is not None
        members: Mapping[str, Any] = {}
        if self._body.coercion is not None:
            members = dict(body)
        elif isinstance(body, Mapping):
            members = body
        judged = {
            name: parameter.judge(members.get(name, ABSENT), errors)
            for name, parameter in parameters.items()
        }
        return {**members, **judged}

    @cached_property
    def _types(self) -> PydanticTypes:
        return PydanticTypes(self._validation.document.resolve, enums=True)

    @cached_property
    def _query_parameters(self) -> dict[str, Parameter]:
        return self._parameters("query", self._query.schema) if self._query is not None else {}

    @cached_property
    def _body_parameters(self) -> dict[str, Parameter] | Parameter:
        """One for each member of what FastAPI names `Body_…` (forms, embedded bodies); else one."""
        if self._body is None:
            return {}
        reference = str(self._body.schema.get("$ref", ""))
        schema = self._validation.document.resolve(self._body.schema)
        if reference.rpartition("/")[2].startswith("Body_"):
            return self._parameters("body", schema)
        model = TypeAdapter(self._types.annotation(self._body.schema, "Body"))
        return Parameter(("body",), model, self._body.required)

    def _parameters(self, where: str, schema: Mapping[str, Any]) -> dict[str, Parameter]:
        document = self._validation.document
        required = schema.get("required", ())
        return {
            name: Parameter(
                (where, name),
                TypeAdapter(self._types.annotation(_without_default(member), name)),
                name in required,
                _default(document, member),
            )
            for name, member in schema["properties"].items()
        }


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
        name: default
        for name, member in properties.items()
        if (default := _default(document, member)) is not None
    }
    validator = jsonschema_rs.Draft202012Validator(document.self_contained(schema))
    return _Query(schema, Coercion(document, schema), validator, defaults)


def _compile_body(document: Document, definition: Mapping[str, Any]) -> _Body | None:
    request_body = document.resolve(definition.get("requestBody", {}))
    content = {name.lower(): media for name, media in request_body.get("content", {}).items()}
    if not content:
        return None
    is_form = FORM in content
    media_types = [FORM] if is_form else list(content)
    schema = content[media_types[0]].get("schema", {})
    return _Body(
        media_types,
        schema,
        frozenset(document.resolve(schema).get("properties", ())),
        Coercion(document, schema) if is_form else None,
        jsonschema_rs.Draft202012Validator(document.self_contained(schema)),
        bool(request_body.get("required")),
    )


def _default(document: Document, schema: Mapping[str, Any]) -> Any:
    """A schema's default, which may stand beside its reference; None where it has none."""
    return schema.get("default", document.resolve(schema).get("default"))


def _without_default(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A reference alone where a default stands beside it."""
    return {"$ref": schema["$ref"]} if "$ref" in schema else schema


def _judge(validator: Any, value: Any, where: str) -> None:
    if validator.is_valid(value):
        return
    faults = []
    entries: list[ErrorDetails] = []
    for error in validator.iter_errors(value):
        path: Iterable[Any] = error.instance_path
        given = error.instance
        if error.kind.name == "required":
            path, given, message = [*path, error.kind.property], None, "field required"
        else:
            message = error.message
        loc = (where, *path)
        faults.append(f"{'.'.join(map(str, loc))}: {message}")
        entries.append({"type": error.kind.name, "loc": loc, "msg": message, "input": given})
    raise ApiError(422, "; ".join(faults), entries=entries)
