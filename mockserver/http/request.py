"""A request on its way through the stages, and what is served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.routing import compile_path
from starlette.types import Receive, Scope

from agentos_contract.document import Document
from agentos_contract.names import nearest
from mockserver.http.bodies import SentBody
from mockserver.http.hooks import NO_INPUT, HttpHooks, RunInput
from mockserver.http.preferences import Preferences
from mockserver.http.validation import ABSENT, OperationSchema
from mockserver.recordings.format import Recordings
from mockserver.runner.runner import Runner
from mockserver.runner.scopes import MockScope
from mockserver.script.model import Workflow
from mockserver.sessions.store import SessionStore

REQUEST_KEY = "mockserver.request"
"""Where in the ASGI scope the request stands, once it has passed the stages."""

ON_RUN_KEY = "mockserver.on_run"
"""Where in the ASGI scope stands who is told of the run that a request has started."""

MOCK_SCOPE_KEY = "mockserver.scope"
"""Where in the ASGI scope the mock's own scope stands, for a request of one that has a name."""


MAX_PATH = 200
"""Characters of a path for which another is looked for: that takes the square of them."""


class PathMethods:
    """Which methods the document's paths have."""

    def __init__(self, document: Document, prefix: str = "") -> None:
        """`prefix`: what stands before them, and not in a request's path."""
        self.prefix = prefix
        methods: dict[str, list[str]] = {}
        for operation in document.operations.values():
            methods.setdefault(operation.path, []).append(operation.method.upper())
        self._paths = [(compile_path(path)[0], found) for path, found in methods.items()]
        self._templates = [path.strip("/").split("/") for path in methods]

    def nearest(self, path: str) -> str | None:
        """The path that was probably meant by one that there is not."""
        if len(path) > MAX_PATH:
            return None
        parts = path.strip("/").split("/")
        likely: dict[str, None] = {}
        for template in self._templates:
            given = parts[-len(template) :]  # what comes before may be a proxy's, such as /api
            if len(given) != len(template):
                continue
            pairs = list(zip(template, given, strict=True))
            filled = "/".join(is_ if name.startswith("{") else name for name, is_ in pairs)
            if "/".join(given) == filled and not template[0].startswith("{"):
                return f"{self.prefix}/{filled}"
            likely[f"/{filled}"] = None
        found = nearest(path, likely, 0.8)
        return None if found is None else self.prefix + found

    def of(self, path: str) -> list[str]:
        """The methods of a request's path, in the document's order."""
        found = (methods for pattern, methods in self._paths if pattern.match(path))
        return list(dict.fromkeys(method for methods in found for method in methods))


@dataclass
class LoadedScripts:
    """What there is to run. Replaced as a whole, where scripts are read again."""

    workflows: Mapping[str, Workflow]
    recordings: Recordings = field(default_factory=Recordings)


@dataclass(frozen=True)
class Served:
    """What a mock serves: the workflows, and what carries them out."""

    scripts: LoadedScripts
    runner: Runner
    methods: PathMethods
    max_body: int
    """Bytes of a request's body."""
    started_at: float
    """Seconds since the epoch."""
    readers: Mapping[str, str] = field(default_factory=dict)
    """By media types that the document does not name: how a mock is served that reads them."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    operation_id: str
    schema: OperationSchema
    let_in: Callable[[Scope], Awaitable[None]] | None
    """Raises ApiError(401) for a request that is not let in. None: everybody is."""


@dataclass(slots=True)
class Request:
    """A request, and what its stages have found so far."""

    scope: Scope
    receive: Receive
    hooks: HttpHooks
    preferences: Preferences
    served: Served
    mock_scope: MockScope
    """Whose request it is."""
    workflows: Mapping[str, Workflow]
    """Those that there are for it."""
    recordings: Recordings
    is_path_known: bool
    routed: Operation | None
    """None: its path, or its method there, is none of the document's."""

    sent: SentBody | None = None
    """The body, where the operation has one."""
    body: Any = ABSENT
    """The body: as it was read, a form's fields; once it was judged, its value (None: no body)."""
    query: Mapping[str, Any] = field(default_factory=dict)
    input: RunInput = NO_INPUT
    """Of a run."""
    failure: str | None = None
    """Why the run that is asked for fails before it starts."""

    @property
    def operation(self) -> Operation:
        """What its path and method stand for, once they are known to be right."""
        assert self.routed is not None
        return self.routed

    @property
    def path(self) -> Mapping[str, Any]:
        """The path's parameters."""
        found: Mapping[str, Any] = self.scope.get("path_params", {})
        return found

    @property
    def workflow(self) -> Workflow:
        """The workflow that the path names."""
        return self.workflows[self.path["workflow_id"]]

    @property
    def store(self) -> SessionStore:
        """The sessions that it may know of."""
        return self.mock_scope.store

    def now(self) -> int:
        """Whole seconds since the epoch, as its scope has them."""
        return int(self.mock_scope.clock())


Answer = tuple[int, Any]
"""A status and a JSON value (None: no body)."""

Handler = Callable[[Request], Awaitable[Answer]]
"""What an operation does. Raises ApiError."""
