"""Connexion's part: routing, security and errors, driven by the document.

Everything that knows Connexion's classes is here, pinned below the next minor version. Connexion
3.3 refuses OpenAPI 3.1 (its issue #1396) and answers problem+json; its extension points suffice
for both:

    its specification class is subclassed, the document checked by openapi-spec-validator
    its routing and exception layers are used as they are, in an explicit list
    its security operations say whether a request is let in, when it is their stage's turn
    its validation layer is replaced by the stages after that (stages.py)
    behind them stands a plain ASGI application, instead of Flask or Starlette handlers
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.document import OPENAPI_DIRECTORY, Document, DocumentError
from mockserver.http.bearer import refusal
from mockserver.http.bodies import ClientDisconnected
from mockserver.http.cors import make_unreadable
from mockserver.http.errors import ApiError, ErrorCodes
from mockserver.http.hooks import hooks_of
from mockserver.http.preferences import preferences_of
from mockserver.http.request import MOCK_SCOPE_KEY, REQUEST_KEY, Operation, Request, Served
from mockserver.http.stages import pass_stages
from mockserver.http.validation import OperationSchema
from mockserver.sessions.store import StoreError

with warnings.catch_warnings():
    # Of packages that it imports; whoever runs tests with warnings as errors can change nothing.
    warnings.simplefilter("ignore")
    from connexion.lifecycle import ConnexionRequest, ConnexionResponse
    from connexion.middleware import ConnexionMiddleware
    from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
    from connexion.middleware.exceptions import ExceptionMiddleware
    from connexion.middleware.main import API
    from connexion.middleware.routing import RoutingAPI, RoutingMiddleware
    from connexion.middleware.security import SecurityAPI, SecurityOperation
    from connexion.operations import AbstractOperation
    from connexion.resolver import Resolution, Resolver
    from connexion.security import BearerSecurityHandler
    from connexion.spec import OpenAPISpecification

logger = logging.getLogger(__name__)


OTHER_METHODS = "mockserver.other_methods"
"""In Connexion's routing: the path has other methods than the request's."""


class OpenAPI31Specification(OpenAPISpecification):
    """Connexion's view of an OpenAPI 3.1 document."""

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        """Done by `_check`."""


_SPECIFICATIONS: WeakKeyDictionary[Document, OpenAPI31Specification] = WeakKeyDictionary()
"""Connexion's form of documents that are valid: to find that out and to make it takes most of the
time in which a mock starts, and a process may start many on one document."""


def _specification(document: Document) -> OpenAPI31Specification:
    """Raises DocumentError where openapi-spec-validator refuses the document."""
    if document not in _SPECIFICATIONS:
        if Path(document.source).parent != OPENAPI_DIRECTORY:  # the kit's tests hold its own
            _check(document)
        _SPECIFICATIONS[document] = OpenAPI31Specification(document.content)
    return _SPECIFICATIONS[document]


def _check(document: Document) -> None:
    # Here: loading it is a fifth of the time in which a mock starts, and it is seldom wanted.
    import openapi_spec_validator
    from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

    try:
        openapi_spec_validator.validate(document.content)
    except OpenAPIValidationError as error:
        raise DocumentError(f"{document.source}: no valid OpenAPI 3.1: {error.message}") from error


class OperationIdResolver(Resolver):
    """Resolves nothing: the ASGI application dispatches by operationId itself."""

    def resolve(self, operation: AbstractOperation) -> Resolution:
        operation_id = operation.operation_id or f"{operation.method} {operation.path}"
        return Resolution(None, operation_id)


def bearer_handler(token: str | None) -> type[BearerSecurityHandler]:
    """A security handler that lets in who has `token`, or everybody where there is none."""

    class Handler(BearerSecurityHandler):
        def get_fn(self, security_scheme: Any, required_scopes: Any) -> Any:
            if token is None:
                return lambda request: {}

            def verify(request: ConnexionRequest) -> dict[str, Any]:
                error = refusal(request.headers.get("authorization", ""), token)
                if error is not None:
                    raise error
                return {}

            return verify

    return Handler


class PathRoutingMiddleware(RoutingMiddleware):
    """Connexion's routing, for any path.

    Connexion mounts each API, and a Starlette mount does not match a path with a line feed in it:
    such a path got past Connexion's security, or was 404 where its route has a parameter.
    """

    router: Any

    def add_api(self, specification: Any, base_path: str | None = None, **kwargs: Any) -> None:
        api = RoutingAPI(specification, base_path=base_path, next_app=self.app, **kwargs)
        if api.base_path:
            self.router.mount(api.base_path, app=api.router)
        else:
            self.router = api.router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except HTTPException as error:
            if error.status_code != 405:
                raise
            # Starlette's router raises it; the stages say so when it is its turn.
            routing = {"operation_id": None, OTHER_METHODS: True}
            scope.setdefault("extensions", {})[ROUTING_CONTEXT] = routing
            await self.app(scope, receive, send)


class StagedAPI(SecurityAPI):
    """The operations of one document; whether a request is let in is Connexion's to say."""

    def __init__(self, *args: Any, document: Document, is_open: bool, **kwargs: Any) -> None:
        """`is_open`: whoever may give a bearer token need not."""
        self._document = document
        self._is_open = is_open
        super().__init__(*args, **kwargs)

    def make_operation(self, operation: AbstractOperation) -> Operation:
        operation_id = operation.operation_id
        schema = OperationSchema(self._document, operation_id)
        security: SecurityOperation = super().make_operation(operation)
        names = [name for required in security.security or () for name in required]
        schemes = {security.security_schemes[name].get("scheme", "").lower() for name in names}
        is_open = not schemes or (self._is_open and schemes == {"bearer"})
        return Operation(operation_id, schema, None if is_open else _let_in(security))


class StagesMiddleware(SpecMiddleware):
    """Passes a request through its stages (stages.py) before its operation."""

    _operations: Mapping[str | None, Operation]
    _served: Served

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def add_api(self, specification: Any, *, served: Served, **kwargs: Any) -> None:
        self._served = served
        self._operations = StagedAPI(specification, next_app=self.app, **kwargs).operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            routing = scope["extensions"][ROUTING_CONTEXT]
            operation = self._operations.get(routing["operation_id"])
            served = self._served
            mock_scope = scope.get(MOCK_SCOPE_KEY) or served.runner.scopes.unnamed
            request = Request(
                scope,
                receive,
                hooks_of(scope),
                preferences_of(scope),
                served,
                mock_scope,
                mock_scope.over(served.scripts.workflows),
                served.scripts.recordings,
                is_path_known=operation is not None or OTHER_METHODS in routing,
                routed=operation,
            )
            await pass_stages(request)
            request.preferences.is_reached = True
            scope[REQUEST_KEY] = request
        try:
            await self.app(scope, receive, send)
        finally:
            # The request knows its scope: left as they are, only the garbage collector would free
            # them, with all that the request has led to.
            scope.pop(REQUEST_KEY, None)


def _let_in(security: SecurityOperation) -> Callable[[Scope], Awaitable[None]]:
    """Connexion's decision whether a request is let in."""

    def let_in(scope: Scope) -> Awaitable[None]:
        decision: Awaitable[None] = security.verification_fn(ConnexionRequest(scope))
        return decision

    return let_in


class TrailingSlashMiddleware:
    """Takes /workflows/ for /workflows, as the real server does, without a redirect."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/") or scope["path"]
        await self._application(scope, receive, send)


def connexion_application(
    application: ASGIApp, document: Document, served: Served, *, token: str | None
) -> ASGIApp:
    """`application` behind Connexion's layers, routed by the document.

    Raises DocumentError where openapi-spec-validator refuses the document.
    """
    specification = _specification(document)
    connexion = ConnexionMiddleware(
        application,
        middlewares=[ExceptionMiddleware, PathRoutingMiddleware, StagesMiddleware],
        resolver=OperationIdResolver(),
        security_map={"bearer": bearer_handler(token)},
    )
    connexion.apis.append(
        API(
            specification,
            base_path=None,
            name=None,
            document=document,
            served=served,
            is_open=token is None,
            **connexion.options.__dict__,
        )
    )
    handlers = _ErrorHandlers(document)
    connexion.add_error_handler(ApiError, handlers.api_error)
    connexion.add_error_handler(HTTPException, handlers.http_exception)
    connexion.add_error_handler(ClientDisconnected, handlers.client_disconnected)
    connexion.add_error_handler(StoreError, handlers.store_error)
    connexion.add_error_handler(Exception, handlers.unexpected)
    return TrailingSlashMiddleware(connexion)


class _ErrorHandlers:
    """Answers every error with the document's body."""

    def __init__(self, document: Document) -> None:
        self._codes = ErrorCodes(document)

    async def api_error(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        assert isinstance(error, ApiError)
        return self._response(request, error)

    async def http_exception(
        self, request: ConnexionRequest, error: Exception
    ) -> ConnexionResponse:
        """An error that Connexion or Starlette has found."""
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        found = ApiError(error.status_code, str(error.detail), headers=headers)
        return self._response(request, found)

    def _response(self, request: ConnexionRequest, error: ApiError) -> ConnexionResponse:
        hooks = hooks_of(request.scope)
        if error.body is not None:
            sent = dict(error.headers)
            names = {name.lower(): name for name in sent}
            media_type = sent.pop(names.get("content-type", ""), "application/json")
            return ConnexionResponse(
                error.status, media_type, media_type, body=error.body, headers=sent
            )
        if error.is_crash and not hooks.crashes_are_readable:
            make_unreadable(request.scope)
        members = {"detail": hooks.error_detail(error)}
        if hooks.has_error_codes:
            members["error_code"] = error.error_code or self._codes[error.status]
        try:
            body = hooks.error_body(members)
        except (TypeError, ValueError) as unwritable:
            return self._response(request, ApiError(500, str(unwritable), is_crash=True))
        headers = error.headers
        if error.status == 401 and hooks.challenges:
            headers["WWW-Authenticate"] = "Bearer"
        media_type = "application/json"
        return ConnexionResponse(error.status, media_type, media_type, body=body, headers=headers)

    async def client_disconnected(
        self, request: ConnexionRequest, error: Exception
    ) -> ConnexionResponse:
        return self._response(request, ApiError(400, "the request was not whole"))

    async def store_error(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        return self._response(request, ApiError(500, str(error)))

    async def unexpected(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        # What went wrong is the log's; a caller gets no traceback.
        logger.error("unexpected error in %s", request.scope.get("path"), exc_info=error)
        return self._response(request, ApiError(500, "the mock failed; its log says why"))
