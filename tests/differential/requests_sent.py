"""A request's answers by both servers, and where they differ."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.script.loader import BUNDLED_SCRIPTS
from tests.conftest import agentos, serving
from tests.differential.requests_drawn import TOKEN, HttpRequest
from tests.runs import masked

PROFILE = "agno-2.5.6"
# Not `date`, `server` and `connection`, which the HTTP server writes.
HEADERS = (
    "allow",
    "cache-control",
    "content-type",
    "location",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
)
CORS = "access-control-"
# How who runs a server names it and its database.
OWN_NAMES = {
    '"agentos-mock-db"': '"DB"',
    '"agentos-db"': '"DB"',
    '"mock-db"': '"DB"',
    '"agentos-mock"': '"OS"',
    '"agentos"': '"OS"',
}
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def comparable(self) -> dict[str, Any]:
        """The answer with ids renamed by first appearance and times masked."""
        body: Any = self.body.decode("utf-8", "backslashreplace")
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            decoder = EventStreamDecoder()
            frames = decoder.feed(self.body) + decoder.end()
            body = [[frame.event, json.loads(frame.data)] for frame in frames]
        else:
            with contextlib.suppress(ValueError):
                body = json.loads(body)
        compact = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        for name, text in OWN_NAMES.items():
            body = json.loads(json.dumps(body).replace(name, text))
        return {
            "status": self.status,
            "headers": self.headers,
            "body": _timeless(masked(body)),
            "is_compact_json": self.body == compact.encode("utf-8", "surrogatepass"),
        }


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "TIME" if key == "updated_at" else _timeless(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_timeless(member) for member in value]
    return TIMES.sub("TIME", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Found:
    """One place where the answers to a request differ."""

    place: str
    """What of the answer: a JSON path of `{status, headers, body}`."""
    signature: str
    """What differences of one cause have in common."""
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.place}: the mock {_short(self.ours)}, the real server {_short(self.theirs)}"


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:400]


def send(url: str, request: HttpRequest) -> HttpAnswer:
    """Send a request on a connection of its own, as it is."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.putrequest(
            request.method, request.target, skip_accept_encoding=True, skip_host=False
        )
        for name, value in request.headers:
            connection.putheader(name, value.encode("latin-1", "replace"))
        body = None if request.body is None else request.body.encode("latin-1")
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        headers = {
            name.lower(): value
            for name, value in response.getheaders()
            if name.lower() in HEADERS or name.lower().startswith(CORS)
        }
        return HttpAnswer(response.status, dict(sorted(headers.items())), response.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Servers:
    """The mock and the real server, open and with a key."""

    ours: dict[bool, str]
    """The mock's URLs, by whether it has a key."""
    theirs: dict[bool, str]

    def differences(self, request: HttpRequest, *, locked: bool) -> list[Found]:
        """Where the answers to a request differ: nowhere, when all is well."""
        ours, theirs = (send(urls[locked], request) for urls in (self.ours, self.theirs))
        route = _route(request)
        return list(_differences(ours.comparable(), theirs.comparable(), "", route))


@contextlib.contextmanager
def both_servers() -> Iterator[Servers]:
    """The real server and the mock as it, each open and with a key, on the bundled scripts."""
    deviations = load_profile(PROFILE).deviations
    with contextlib.ExitStack() as stack:
        ours, theirs = {}, {}
        for locked in (False, True):
            token = TOKEN if locked else None
            settings = Settings(seed=1, token=token, deviations=deviations)
            theirs[locked] = stack.enter_context(agentos(BUNDLED_SCRIPTS, token))
            ours[locked] = stack.enter_context(serving(create_app(settings)))
        yield Servers(ours, theirs)


_KNOWN = {"workflows", "runs", "cancel", "sessions", "rename", "health", "config", ""}


def _route(request: HttpRequest) -> str:
    parts = request.target.partition("?")[0].split("/")
    return f"{request.method} {'/'.join(part if part in _KNOWN else '*' for part in parts)}"


def _differences(ours: Any, theirs: Any, place: str, route: str) -> Iterator[Found]:
    def found(what: str) -> Found:
        path = re.sub(r"\[\d+\]", "[]", place)
        return Found(place, f"{route}: {path.lstrip('.')}{what}", ours, theirs)

    if isinstance(ours, dict) and isinstance(theirs, dict):
        if place == "" and ours["status"] != theirs["status"]:
            yield Found(
                "status", f"{route}: status {ours['status']} for {theirs['status']}", ours, theirs
            )
            return
        if list(ours) != list(theirs):
            missing = [key for key in theirs if key not in ours]
            more = [key for key in ours if key not in theirs]
            yield found(f" without {missing}, with {more}" if missing or more else " in order")
        for key in ours:
            if key in theirs:
                yield from _differences(ours[key], theirs[key], f"{place}.{key}", route)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield found(" in length")
        for index, (mine, yours) in enumerate(zip(ours, theirs, strict=False)):
            yield from _differences(mine, yours, f"{place}[{index}]", route)
    elif json.dumps(ours) != json.dumps(theirs):
        yield found("")
