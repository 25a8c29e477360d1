"""A request and its response as faults see them, and the way that a response goes out by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode

from starlette.types import Receive, Send

from agentos_contract.document import FORM
from agentos_contract.json_values import read_json, to_json
from mockserver.faults.memory import Memories, Memory
from mockserver.http.request import LoadedScripts

Headers = list[tuple[bytes, bytes]]
Fields = list[tuple[str, str]]

_RUNS = re.compile(r"/workflows/([^/]+)/runs/?")


class Cut(BaseException):
    """The connection is closed where it is.

    It is no Exception, so that no layer between makes a response of it.
    """


@dataclass
class Server:
    """What faults know of the server."""

    token: str | None = None
    """The one that it asks for."""
    scripts: LoadedScripts = field(default_factory=lambda: LoadedScripts({}))
    form_fields: frozenset[str] = frozenset()
    """The names that the document has for a run's form."""
    memories: Memories = field(default_factory=Memories)

    @property
    def workflow_ids(self) -> tuple[str, ...]:
        return tuple(self.scripts.workflows)

    def is_recorded(self, workflow_id: str) -> bool:
        """Whether its runs are replayed."""
        return bool(self.scripts.recordings.of(workflow_id))


class _Headed:
    headers: Headers

    def header(self, name: str) -> str | None:
        """The value of a header; the first where there are several."""
        wanted = name.lower().encode()
        return next((v.decode("latin-1") for k, v in self.headers if k.lower() == wanted), None)

    def set_header(self, name: str, value: str | None) -> None:
        """Replace a header; None takes it away."""
        key = name.lower().encode()
        self.headers = [(k, v) for k, v in self.headers if k.lower() != key]
        if value is not None:
            self.headers.append((key, value.encode("latin-1")))


@dataclass
class Request(_Headed):
    """A request, as the server is to see it."""

    method: str
    path: str
    headers: Headers
    body: bytes
    server: Server
    memory: Memory = field(default_factory=Memory)
    """Of the fault that is being performed."""
    query: str = ""

    @property
    def run_of(self) -> str | None:
        """The workflow's id, where it is a request for a run."""
        match = _RUNS.fullmatch(self.path)
        return match[1] if match and self.method == "POST" else None

    @property
    def media_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether it is a request for a run with a form in it."""
        return self.run_of is not None and self.media_type == FORM

    @property
    def fields(self) -> Fields:
        """The fields of a form in order; none where it is no form, or not readable."""
        if not self.is_form:
            return []
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True, errors="strict")
        except ValueError:
            return []

    @fields.setter
    def fields(self, fields: Iterable[tuple[str, str]]) -> None:
        self.set_header("content-type", FORM)
        self.body = urlencode(list(fields)).encode()

    def field(self, name: str) -> str | None:
        """The text of a form's field; the last where it comes twice."""
        return dict(self.fields).get(name)

    @property
    def bearer(self) -> str | None:
        """What stands after the scheme Bearer."""
        scheme, _, given = (self.header("authorization") or "").partition(" ")
        return given.strip() if scheme.lower() == "bearer" else None

    @property
    def state(self) -> tuple[object, ...]:
        """What a fault may change, to compare."""
        return (self.method, self.path, self.query, tuple(self.headers), self.body)

    def copy(self) -> Request:
        return replace(self, headers=list(self.headers))


@dataclass
class Response(_Headed):
    """A response, as the client is to see it."""

    request: Request
    """As it was sent."""
    status: int
    headers: Headers
    body: bytes = b""
    """Of what is no stream."""
    original: bytes = b""
    """The same as the server came to it."""
    memory: Memory = field(default_factory=Memory)
    """Of the fault that is being performed."""
    notes: dict[Any, Any] = field(default_factory=dict)
    """For the length of this response."""

    is_stream: bool = False
    """Whether it is a run's stream, whatever content type it is made to say."""
    is_at_end: bool = False
    """Whether the piece of a stream that is going out begins with the run's WorkflowCompleted."""

    @property
    def state(self) -> tuple[object, ...]:
        """What a fault may change, to compare."""
        return (self.status, tuple(self.headers), self.body)

    @property
    def is_batch(self) -> bool:
        """Whether it is a batch run's body."""
        return self.request.run_of is not None and self.status == 200 and not self.is_stream

    @property
    def is_error(self) -> bool:
        return self.status >= 400

    @property
    def json(self) -> Any:
        """The body's value; None where it is no JSON."""
        try:
            return read_json(self.body)
        except ValueError:
            return None

    @json.setter
    def json(self, value: Any) -> None:
        self.body = to_json(value)

    @property
    def facts(self) -> dict[str, Any]:
        """What a rule can ask of the exchange."""
        request = self.request
        return {
            "run": request.run_of,
            "is_known": request.run_of in request.server.workflow_ids,
            "media_type": request.media_type,
            "headers": {
                k.decode("latin-1").lower(): v.decode("latin-1") for k, v in request.headers
            },
            "bearer": request.bearer,
            "form": dict(request.fields),
            "content": request.body.decode("latin-1"),
            "body": self.json,
        }

    def refuse(self, status: int, detail: str, error_code: str = "ERROR") -> None:
        """Make it an error, with the document's body."""
        self.status = status
        self.json = {"detail": detail, "error_code": error_code}
        self.set_header("content-type", "application/json")
        self.set_header("content-length", str(len(self.body)))


class Wire:
    """One fault's place on the way of a response's bytes."""

    def __init__(self, connection: Connection, onward: Onward) -> None:
        self.response = connection.response
        self.notes: dict[str, Any] = {}
        """The fault's own, for the length of this response."""
        self._connection = connection
        self._onward = onward

    async def write(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Send a piece on."""
        await self._onward(chunk, is_last)

    async def hang(self) -> NoReturn:
        """Send nothing more until the client disconnects."""
        await self._connection.client_disconnected()
        raise Cut

    def has_client_left(self) -> bool:
        """Whether the client has disconnected."""
        return self._connection.has_client_left()

    def cut(self) -> NoReturn:
        """Close the connection in the middle of the response."""
        raise Cut


class Connection:
    """What a response goes out by. Its head is sent with its first piece."""

    def __init__(self, response: Response, receive: Receive, send: Send) -> None:
        self.response = response
        self._receive = receive
        self._send = send
        self._has_begun = False
        self._watcher: asyncio.Task[None] | None = None

    def way_out(self, faults: Iterable[Callable[[bytes, bool, Wire], Awaitable[None]]]) -> Onward:
        """What to give each piece to, and whether it is the last: the first of the faults."""
        onward: Onward = self._write
        for fault in reversed(tuple(faults)):
            onward = partial(_passed_on, fault, Wire(self, onward))
        return onward

    async def _write(self, chunk: bytes, is_last: bool) -> None:
        if not self._has_begun:
            self._has_begun = True
            head = {"status": self.response.status, "headers": self.response.headers}
            await self._send({"type": "http.response.start", **head})
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not is_last})

    async def client_disconnected(self) -> None:
        """Returns when the client has disconnected."""
        await asyncio.shield(self._watch())

    def has_client_left(self) -> bool:
        return self._watch().done()

    def _watch(self) -> asyncio.Task[None]:
        if self._watcher is None:
            self._watcher = asyncio.create_task(_disconnected(self._receive))
        return self._watcher

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


Onward = Callable[[bytes, bool], Awaitable[None]]


async def _passed_on(
    fault: Callable[[bytes, bool, Wire], Awaitable[None]], wire: Wire, chunk: bytes, is_last: bool
) -> None:
    await fault(chunk, is_last, wire)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
