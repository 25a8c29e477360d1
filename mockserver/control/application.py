"""The control API in front of the mock: its own operations, and what it does to other requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_contract.document import OPENAPI_DIRECTORY, Document
from agentos_contract.json_values import to_json
from agentos_contract.sse import encode_comment
from agentos_contract.yaml_files import read_yaml
from mockserver.control.handlers import YAML, Handlers
from mockserver.control.journal import Journal
from mockserver.control.requested import Operations, Requested, Variables
from mockserver.control.rules import Rules, Use
from mockserver.control.security import check
from mockserver.control.shared import SharedControl
from mockserver.control.watch import Watch
from mockserver.faults.middleware import again, read_whole
from mockserver.http.bearer import refusal
from mockserver.http.bodies import SentBody
from mockserver.http.errors import ApiError
from mockserver.http.hooks import HOOKS_KEY, HttpHooks
from mockserver.http.openapi import connexion_application
from mockserver.http.operations import send_json
from mockserver.http.preferences import (
    ASK_RULES_KEY,
    NO_ANSWER,
    PREFERENCES_KEY,
    RULE_ANSWER_KEY,
    Preferences,
)
from mockserver.http.request import (
    MOCK_SCOPE_KEY,
    ON_RUN_KEY,
    REQUEST_KEY,
    LoadedScripts,
    PathMethods,
    Request,
    Served,
)
from mockserver.runner.active import ActiveRun
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import MockScope

PREFIX = "/__mock__"
SCOPE_HEADER = "mock-scope"

CONTROL_DOCUMENT = OPENAPI_DIRECTORY / "control.yaml"
PAGE = Path(__file__).parent / "page"

_NO_OTHER_HOST = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Access:
    """Who may use the control API."""

    token: str | None = None
    allow_origins: tuple[str, ...] = ()
    closed: str | None = None
    """Why nobody may; None: it is open."""


@cache
def load_control_document() -> Document:
    """The control API's own OpenAPI document, which is read once."""
    return Document(read_yaml(CONTROL_DOCUMENT), str(CONTROL_DOCUMENT))


class _Hooks(HttpHooks):
    """The control API reads YAML too."""

    def parse_json(self, body: SentBody) -> Any:
        return {} if body.media_type == YAML else body.json()


class Control:
    """ASGI middleware: serves the control API, and puts requests into their scopes, asks the rules
    for them, and notes them in the journal."""

    def __init__(
        self,
        application: ASGIApp,
        document: Document,
        handlers: Handlers,
        runner: Runner,
        scripts: LoadedScripts,
        rules: Rules,
        watch: Watch,
        journal: Journal,
        access: Access,
        *,
        max_body: int,
        started_at: float,
        shared: SharedControl | None = None,
    ) -> None:
        """`document` is that of the AgentOS API; `shared`: where other processes have a part."""
        self._application = application
        self._handlers = handlers
        self._shared = shared
        self._scopes = runner.scopes
        self._rules = rules
        self._watch = watch
        self._journal = journal
        self._access = access
        self._operations = Operations(document)
        self._scripts = scripts
        own = load_control_document()
        self._document = own.content
        # Requests come without the prefix that its `servers` say.
        own = Document({**own.content, "servers": [{"url": "/"}]}, own.source)
        served = Served(scripts, runner, PathMethods(own, PREFIX), max_body, started_at)
        self._control = connexion_application(self._operate, own, served, token=access.token)
        self._page = StaticFiles(directory=PAGE)
        self._readable = CORSMiddleware(
            self._checked,
            allow_origins=access.allow_origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PREFIX}/"):
            await self._readable(scope, receive, send)
        elif scope["type"] == "websocket":
            if (mock_scope := await self._by_header(scope)) is not None:
                scope[MOCK_SCOPE_KEY] = mock_scope
            if self._rules:
                scope[ASK_RULES_KEY] = self._ask_for_message
            await self._application(scope, receive, send)
        else:
            await self._noted(scope, receive, send)

    # -- requests of the AgentOS API

    async def _noted(self, scope: Scope, receive: Receive, send: Send) -> None:
        mock_scope = await self._by_header(scope)
        use = Use()
        is_method = scope["method"] != "OPTIONS"
        if is_method and (self._rules or (mock_scope is None and self._scopes.are_some)):
            body, is_whole = await read_whole(receive)
            receive = again(body, is_whole, receive)
            variables = await self._operations.variables(scope, body if is_whole else b"")
            mock_scope = mock_scope or self._scopes.of_session(variables["session_id"])
            if self._rules and self._is_let_in(scope):
                whose = mock_scope or self._scopes.unnamed
                use = await self._rules.ask(whose.name, self._requested(whose, variables))
                if use.answer is not NO_ANSWER:
                    scope[RULE_ANSWER_KEY] = use.answer
                    self._watch.happened("rules", whose.name)
        if mock_scope is not None:
            scope[MOCK_SCOPE_KEY] = mock_scope
        whose = mock_scope or self._scopes.unnamed
        entry = self._journal.begin(scope, whose.name, whose.clock())
        self._watch.happened("request", whose.name, entry)

        def on_run(active: ActiveRun) -> None:
            entry.run_id = active.run.run_id
            if active.request.is_background and use.taken:
                # It goes on when its request is answered.
                taken, use.taken = use.taken, []
                later = Use(use.answer, taken)
                active.on_over = lambda: self._settle(whose.name, later)

        scope[ON_RUN_KEY] = on_run
        try:
            await self._application(scope, entry.receive_by(receive), entry.send_by(send))
        finally:
            self._settle(whose.name, use)
            self._journal.end(entry)
            self._watch.happened("response", whose.name, entry)

    async def _by_header(self, scope: Scope) -> MockScope | None:
        for header, value in scope["headers"]:
            if header == b"mock-scope" and value:
                name = value.decode("latin-1")
                if self._shared is not None and self._scopes.get(name) is None:
                    await self._shared.open_scope(name)
                return self._scopes.of(name)
        return None

    def _is_let_in(self, scope: Scope) -> bool:
        token = self._access.token
        return (
            token is None or refusal(Headers(scope=scope).get("authorization", ""), token) is None
        )

    async def _ask_for_message(
        self, mock_scope: MockScope, message: Mapping[str, Any]
    ) -> Preferences:
        """What rules ask of a websocket's message that starts a run."""
        requested = self._requested(mock_scope, self._operations.of_message(message))
        use = await self._rules.ask(mock_scope.name, requested)

        def on_over() -> None:
            self._settle(mock_scope.name, use)

        return Preferences(rule_answer=use.answer, on_over=on_over)

    def _settle(self, scope: str, use: Use) -> None:
        """A request, with its run, is over."""
        if use.taken and self._rules.settle(use):
            self._watch.happened("rules", scope)

    def _requested(self, mock_scope: MockScope, variables: Variables) -> Requested:
        scripts = self._scripts
        return Requested(
            variables,
            mock_scope.over(scripts.workflows),
            scripts.recordings,
            self._access.token is not None,
        )

    # -- the control API

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(PREFIX)
        try:
            if self._access.closed is not None:
                raise ApiError(403, self._access.closed)
            check(
                scope,
                has_token=self._access.token is not None,
                allow_origins=self._access.allow_origins,
            )
        except ApiError as error:
            await _refused(error)(scope, receive, send)
            return
        if not path:
            await RedirectResponse(f"{scope.get('root_path', '')}{PREFIX}/")(scope, receive, send)
        elif path == "/" or path.startswith("/page/"):
            await self._serve_page(path, scope, receive, send)
        elif path == "/openapi.json":
            await JSONResponse(self._document)(scope, receive, send)
        else:
            await self._control(
                {
                    **scope,
                    "path": path,
                    "raw_path": path.encode(),
                    HOOKS_KEY: _Hooks(),
                    PREFERENCES_KEY: Preferences(),
                },
                receive,
                send,
            )

    async def _serve_page(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", _NO_OTHER_HOST.encode()),
                    (b"cache-control", b"no-cache"),
                ]
            await send(message)

        file = "index.html" if path == "/" else path.removeprefix("/page/")
        inner = {**scope, "path": f"/{file}", "root_path": ""}
        try:
            await self._page(inner, receive, sent)
        except Exception as error:
            if getattr(error, "status_code", 500) not in (404, 405):
                raise
            await _refused(ApiError(404, f"there is nothing at {scope['path']}"))(
                scope, receive, send
            )

    async def _operate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application behind Connexion's layers."""
        request: Request = scope[REQUEST_KEY]
        operation_id = request.operation.operation_id
        if operation_id == "get_feed":
            await self._feed(request, send)
            return
        operations = self._handlers if self._shared is None else self._shared
        status, body = await operations.of(operation_id)(request)
        await send_json(send, status, body)

    async def _feed(self, request: Request, send: Send) -> None:
        last = Headers(scope=request.scope).get("last-event-id", "")
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        if request.scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        operations: Handlers | SharedControl = self._handlers
        if self._shared is not None:
            await self._shared.begin_to_follow()
            operations = self._shared
        await send(start)
        await send(
            {"type": "http.response.body", "body": encode_comment("here"), "more_body": True}
        )
        after = int(last) if re.fullmatch(r"\d{1,18}", last) else None
        async for id, item in operations.follow(request.query.get("scope"), after):
            piece = b"id: %d\ndata: %s\n\n" % (id, to_json(item)) if item else encode_comment("")
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _refused(error: ApiError) -> Response:
    codes = {403: "FORBIDDEN", 404: "NOT_FOUND"}
    body = {"detail": error.detail, "error_code": codes[error.status]}
    return JSONResponse(body, error.status)
