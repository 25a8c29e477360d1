"""Puts the mock together: document, scripts, store, runner, Connexion's layers, CORS."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from starlette.types import ASGIApp, Receive, Scope, Send

import mockserver.agno  # noqa: F401 - its departures are registered
from agentos_contract.deviations import Deviations
from agentos_contract.document import Document, load_document
from mockserver import defaults
from mockserver.control.application import Access, Control
from mockserver.control.handlers import Facts, Handlers
from mockserver.control.journal import Journal
from mockserver.control.rules import Rules
from mockserver.control.shared import SharedControl
from mockserver.control.state import ReloadState
from mockserver.control.watch import Watch
from mockserver.faults.exchange import Server
from mockserver.faults.middleware import FaultsMiddleware
from mockserver.http.cors import Cors
from mockserver.http.documentation import Documentation
from mockserver.http.log import RequestLog
from mockserver.http.openapi import connexion_application
from mockserver.http.operations import operations
from mockserver.http.request import LoadedScripts, PathMethods, Served
from mockserver.http.websocket import WorkflowSocket
from mockserver.recordings.format import Recordings
from mockserver.runner.runner import Runner
from mockserver.script.loader import bundled_workflows
from mockserver.script.model import Workflow
from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.store import SessionStore, StoreError

logger = logging.getLogger(__name__)

READERS = {"multipart/form-data": "serve --as agno-2.5.6, or --fault form.multipart,"}
"""A browser's FormData is sent so, and a real server reads it."""


@dataclass(frozen=True)
class Settings:
    """What a mock is made from. All have the defaults of `mockserver serve`."""

    document: Document | None = None
    """None: the kit's own."""
    workflows: Mapping[str, Workflow] | None = None
    """By id. None: the bundled scripts."""
    recordings: Recordings | None = None
    """Runs that are replayed instead of carried out."""
    token: str | None = None
    """The bearer token to ask for. None: everybody is let in."""
    store: SessionStore | None = None
    """None: memory."""
    max_memory: int = defaults.MAX_MEMORY
    """Bytes for all that is remembered: three quarters for sessions (`MemoryStore` says which are
    forgotten first), the rest for the streams that the websocket gives again. No run starts while
    those under way were asked and have said as much."""
    seed: int | None = None
    """The same seed gives the same ids to the same requests in the same order."""
    speed: float = 1.0
    """How much faster than their scripts runs go."""
    max_body: int = defaults.MAX_BODY
    """Bytes of a request's body."""
    max_runs: int = defaults.MAX_RUNS
    """Runs under way at one time, of all clients; one more is answered 503."""
    max_run_time: float = defaults.MAX_RUN_TIME
    """Seconds after which a run fails."""
    deviations: Deviations | Callable[[], Deviations] = frozenset()
    """What the mock does that it should not, or differently: deviations of the catalogue, a
    profile's, and variations; or what says so of each request."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    allow_origins: tuple[str, ...] = ()
    """Pages of these origins may read answers whatever a profile says, and use the control API."""
    control: Access | None = field(default_factory=Access)
    """Who may use the control API under /__mock__/; None: there is none. Its token and origins are
    those above."""
    profile: str | None = None
    """The name of the profile that `deviations` are of, to be shown."""


class MockServer:
    """The mock as an ASGI application, whose scripts and document can be replaced while it serves.

    What is under way when they are goes on with what it began with.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises DocumentError for a document that cannot be served, ScriptError for scripts."""
        self.settings = settings
        workflows = settings.workflows
        if workflows is None:
            workflows = bundled_workflows()
        self.scripts = LoadedScripts(workflows, settings.recordings or Recordings())
        self._store = settings.store or MemoryStore(settings.max_memory * 3 // 4)
        self.runner = Runner(
            self._store,
            seed=settings.seed,
            speed=settings.speed,
            clock=settings.clock,
            max_recent=settings.max_memory // 4,
            max_held=settings.max_memory,
            max_runs=settings.max_runs,
            max_run_time=settings.max_run_time,
        )
        self.document = settings.document or load_document()
        self.reload = ReloadState()
        self.watch = Watch()
        self._rules = Rules(self.document)
        self._journal = Journal(settings.token)
        self._started_at = settings.clock()
        if settings.control is not None:
            self.runner.observer = self.watch
        self._shared_control: SharedControl | None = None
        self._application = self._built(self.document)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application(scope, receive, send)

    async def open(self) -> None:
        """Be there for the other processes that share the store, if any, with what they have of
        scopes and rules."""
        if self.runner.sharing is not None:
            try:
                await self.runner.sharing.open()
                if self._shared_control is not None:
                    await self._shared_control.join()
            except StoreError as error:
                logger.error("the other processes do not hear this one: %s", error)

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    def replace_scripts(self, workflows: Mapping[str, Workflow], recordings: Recordings) -> None:
        """Serve these from now on."""
        self.scripts.workflows, self.scripts.recordings = workflows, recordings

    def replace_document(self, document: Document) -> None:
        """Serve by this one from now on. Raises DocumentError, and then nothing is changed."""
        self._application = self._built(document)
        self.document = self._rules.document = document

    def _built(self, document: Document) -> ASGIApp:
        settings, token, scripts = self.settings, self.settings.token, self.scripts
        served = Served(
            scripts,
            self.runner,
            PathMethods(document),
            settings.max_body,
            started_at=self._started_at,
            readers=READERS,
        )
        application = connexion_application(operations, document, served, token=token)
        readable = Cors(Documentation(application, document), settings.allow_origins)
        socket = WorkflowSocket(readable, scripts, self.runner, token=token)
        server = Server(token, scripts, document.form_fields)
        application = FaultsMiddleware(socket, server, settings.deviations)
        if settings.control is not None:
            application = self._controlled(application, document, settings.control)
        return RequestLog(application)

    def _controlled(self, application: ASGIApp, document: Document, access: Access) -> ASGIApp:
        """The mock with the control API in front of it."""
        settings, deviations = self.settings, self.settings.deviations
        facts = Facts(
            document,
            settings.speed,
            settings.seed,
            frozenset() if callable(deviations) else deviations,
            settings.profile,
        )
        handlers = Handlers(
            self.runner,
            self.scripts,
            self._rules,
            self.watch,
            self._journal,
            self.reload,
            facts,
        )
        return Control(
            application,
            document,
            handlers,
            self.runner,
            self.scripts,
            self._rules,
            self.watch,
            self._journal,
            replace(access, token=settings.token, allow_origins=settings.allow_origins),
            max_body=settings.max_body,
            started_at=self._started_at,
            shared=self._shared(handlers),
        )

    def _shared(self, handlers: Handlers) -> SharedControl | None:
        """The control API's part in those of the other processes that share the store."""
        sharing = self.runner.sharing
        if sharing is None:
            return None
        self._shared_control = SharedControl(
            handlers,
            self._rules,
            self.watch,
            self._journal,
            self.runner.scopes,
            sharing.peers,
        )
        return self._shared_control


def create_app(settings: Settings | None = None) -> MockServer:
    """The mock as an ASGI application.

    Raises DocumentError for a document that cannot be served, ScriptError for scripts that can't.
    """
    return MockServer(settings or Settings())
