"""Connexion's part: routing, security and errors, driven by the document.

Everything that knows Connexion's classes is here and in validation.py, pinned below the next
minor version. Connexion 3.3 refuses OpenAPI 3.1 (its issue #1396) and answers problem+json; its
extension points suffice for both:

    its specification class is subclassed, the document checked by openapi-spec-validator
    its routing, security and exception layers are used as they are, in an explicit list
    its validation layer is replaced by ours (validation.py)
    behind them stands a plain ASGI application, instead of Flask or Starlette handlers
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import openapi_spec_validator
from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.main import API
from connexion.middleware.routing import RoutingAPI, RoutingMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver
from connexion.security import BearerSecurityHandler
from connexion.spec import OpenAPISpecification
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_contract.document import Document, DocumentError
from mockserver.http.cors import make_unreadable
from mockserver.http.deviating import deviations_of
from mockserver.http.errors import ApiError, ErrorCodes
from mockserver.http.hooks import HttpHooks, hooks_of
from mockserver.http.validation import (
    UNAUTHORIZED_KEY,
    ClientDisconnected,
    Validation,
    ValidationMiddleware,
)

logger = logging.getLogger(__name__)


_NO_TOKEN = "an Authorization header with a bearer token is required"
_WRONG_TOKEN = "the bearer token is not the right one"


class OpenAPI31Specification(OpenAPISpecification):
    """Connexion's view of an OpenAPI 3.1 document."""

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        """Done by `_check`."""


_CHECKED: WeakSet[Document] = WeakSet()
"""Those that are valid: to find out takes longer than everything else that starts a mock, and a
process may start many on one document."""


def _check(document: Document) -> None:
    """Raises DocumentError where openapi-spec-validator refuses the document."""
    if document in _CHECKED:
        return
    try:
        openapi_spec_validator.validate(document.content)
    except OpenAPIValidationError as error:
        raise DocumentError(f"{document.source}: no valid OpenAPI 3.1: {error.message}") from error
    _CHECKED.add(document)


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
            expected = token.encode()

            def verify(request: ConnexionRequest) -> dict[str, Any]:
                try:
                    check(request)
                except ApiError as error:
                    if "authentication.body-first" not in deviations_of(request.scope):
                        raise
                    request.scope[UNAUTHORIZED_KEY] = error
                return {}

            def check(request: ConnexionRequest) -> None:
                header = request.headers.get("authorization", "")
                scheme, _, given = header.partition(" ")
                if not header:
                    raise ApiError(401, _NO_TOKEN, kind="no-token")
                if scheme.lower() == "bearer" and not given.strip():
                    raise ApiError(401, _NO_TOKEN, kind="no-token")
                if scheme.lower() != "bearer":
                    raise ApiError(
                        401,
                        f"the scheme {scheme!r} is not known",
                        hint="expected Bearer",
                        kind="no-token",
                    )
                # Header values are Latin-1 on the wire; a token is compared byte by byte.
                if not secrets.compare_digest(given.strip().encode("latin-1", "replace"), expected):
                    raise ApiError(401, _WRONG_TOKEN, kind="wrong-token")

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


class HeadMiddleware:
    """Refuses HEAD before anybody asks for a token, where the hooks say so."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope.get("method") == "HEAD"
            and not hooks_of(scope).answers_head
            and scope["extensions"][ROUTING_CONTEXT].get("operation_id") is not None
        ):
            raise HTTPException(405)
        await self._application(scope, receive, send)


class TrailingSlashMiddleware:
    """Takes /workflows/ for /workflows, as the real server does, without a redirect."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/") or scope["path"]
        await self._application(scope, receive, send)


def connexion_application(
    application: ASGIApp, document: Document, *, token: str | None, validation: Validation
) -> ASGIApp:
    """`application` behind Connexion's layers, routed by the document.

    Raises DocumentError where openapi-spec-validator refuses the document.
    """
    _check(document)
    connexion = ConnexionMiddleware(
        application,
        middlewares=[
            ExceptionMiddleware,
            PathRoutingMiddleware,
            HeadMiddleware,
            SecurityMiddleware,
            ValidationMiddleware,
        ],
        resolver=OperationIdResolver(),
        security_map={"bearer": bearer_handler(token)},
    )
    connexion.apis.append(
        API(
            OpenAPI31Specification(document.content),
            base_path=None,
            name=None,
            validation=validation,
            **connexion.options.__dict__,
        )
    )
    handlers = _ErrorHandlers(document)
    connexion.add_error_handler(ApiError, handlers.api_error)
    connexion.add_error_handler(HTTPException, handlers.http_exception)
    connexion.add_error_handler(ProblemException, handlers.http_exception)
    connexion.add_error_handler(ClientDisconnected, handlers.nobody)
    connexion.add_error_handler(Exception, handlers.unexpected)
    return TrailingSlashMiddleware(connexion)


class _ErrorHandlers:
    """Answers every error with the document's body."""

    def __init__(self, document: Document) -> None:
        self._codes = ErrorCodes(document)
        self._paths: list[tuple[Any, list[str]]] = []
        methods: dict[str, list[str]] = {}
        for operation in document.operations.values():
            methods.setdefault(operation.path, []).append(operation.method.upper())
        for path, allowed in methods.items():
            self._paths.append((compile_path(path)[0], allowed))

    async def api_error(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        assert isinstance(error, ApiError)
        return self._response(request, error)

    async def http_exception(
        self, request: ConnexionRequest, error: Exception
    ) -> ConnexionResponse:
        """An error that Connexion or Starlette has found."""
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            allowed = self._allowed(request.scope["path"], hooks_of(request.scope))
            headers["Allow"] = ", ".join(allowed)
            statement, hint = (
                f"{request.method} is not allowed here",
                f"expected {headers['Allow']}",
            )
            return self._response(
                request, ApiError(405, statement, hint=hint, headers=headers, kind="method")
            )
        return self._response(
            request, ApiError(error.status_code, str(error.detail), headers=headers)
        )

    def _allowed(self, path: str, hooks: HttpHooks) -> Sequence[str]:
        """The methods of a path."""
        allowed: list[str] = []
        for pattern, methods in self._paths:
            if pattern.match(path):
                allowed += [method for method in methods if method not in allowed]
        if "GET" in allowed and hooks.answers_head:
            allowed.append("HEAD")
        return hooks.allowed(allowed)

    def _response(self, request: ConnexionRequest, error: ApiError) -> ConnexionResponse:
        hooks = hooks_of(request.scope)
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

    async def nobody(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        return self._response(request, ApiError(400, "the request was not whole"))

    async def unexpected(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        # What went wrong is the log's; a caller gets no traceback.
        logger.error("unexpected error in %s", request.scope.get("path"), exc_info=error)
        return self._response(request, ApiError(500, "the mock failed; its log says why"))
