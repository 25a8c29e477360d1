"""The same calls to the mock, on each store, and to a real AgentOS, and what differs in the
answers."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.routing import Mount

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from contract_tests.target.serving import serving
from mockserver.app import MockServer, Settings, create_app
from mockserver.http.descriptions import OS_ID
from mockserver.script.loader import load_scripts
from mockserver.sessions.memory import MemoryStore
from mockserver.sessions.redis_store import RedisStore
from mockserver.sessions.sqlite import SqliteStore
from mockserver.sessions.store import SessionStore
from tests.conftest import agentos
from tests.redis_server import redis_server
from tests.runs import masked

WORKFLOWS = Path(__file__).parent / "sessions_workflows"

_PLACEHOLDER = re.compile(r"\{(run|session):(\d+)\}")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_SECOND_LEFT = 0.6
"""Of each second, so much is used to begin a call in."""


@dataclass(frozen=True)
class Call:
    """A request. `{run:2}` in its path or query stands for what each server called its third run,
    `{session:0}` for the first session that it made an id for."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    body: Any = None

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        given = self.form if self.form is not None else self.body
        sent = "" if given is None else " " + json.dumps(given, ensure_ascii=False)
        return f"{self.method} {self.path}{'?' if query else ''}{query}{sent}"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str | None
    text: str
    """The body; of a stream, its frames' events and data."""
    first: Any
    """The body's value; of a stream, its first payload."""

    @property
    def shown(self) -> str:
        return f"{self.status} {self.content_type} {self.text}"


class Server:
    """One of the two, and what it called things in this sequence."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.names: dict[str, list[str]] = {}
        self._ids: dict[str, str] = {}

    def forget(self) -> None:
        """A new sequence: no session is left, and no id is known."""
        self.names = {"run": [], "session": []}
        self._ids = {}
        for kind in ("agent", "team", "workflow"):
            query = {"type": kind, "limit": "1000"}
            listed = self.client.get("/sessions", params=query).json()["data"]
            for entry in listed:
                self.client.delete(f"/sessions/{entry['session_id']}")

    def ask(self, call: Call) -> Answer:
        response = self.client.request(
            call.method,
            self._put_in(call.path),
            params={key: self._put_in(value) for key, value in call.query.items()},
            data=None if call.form is None else dict(call.form),
            json=call.body,
        )
        kind = response.headers.get("content-type")
        if kind == "text/event-stream; charset=utf-8":
            decoder = EventStreamDecoder()
            frames = decoder.feed(response.content) + decoder.end()
            values = [json.loads(frame.data) for frame in frames]
            lines = [
                f"{frame.event} {self._text(value)}"
                for frame, value in zip(frames, values, strict=True)
            ]
            return Answer(response.status_code, kind, "\n".join(lines), values[0])
        value = response.json() if response.content else None
        return Answer(response.status_code, kind, self._text(value), value)

    def _put_in(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: self.names[found[1]][int(found[2])], text)

    def _text(self, value: Any) -> str:
        """A value with ids renamed by first appearance in the sequence, times masked, its keys in
        their order."""
        text = json.dumps(masked(value, self._ids), ensure_ascii=False)
        return _ISO_TIME.sub("TIME", text)


class Clock:
    """The mock's: it stands still during a call, so that the mock's times are the real server's."""

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        return self._now

    def set(self) -> None:
        """To now, early enough in a second for both servers to be asked in the same one."""
        now = time.time()
        if now % 1 > _SECOND_LEFT:
            time.sleep(1 - now % 1)
            now = time.time()
        self._now = now


class Differs(AssertionError):
    """The two answered a call differently."""


class Both:
    """The mock, once on each store, and the real server, asked the same."""

    def __init__(
        self, mocks: Mapping[str, httpx2.Client], real: httpx2.Client, clock: Clock
    ) -> None:
        self._mocks = {name: Server(client) for name, client in mocks.items()}
        self.mock, self.real = next(iter(self._mocks.values())), Server(real)
        self.asked = 0
        """How many calls so far."""
        self.sequence = 0
        self._calls: list[Call] = []
        """Those of this sequence."""
        self._clock = clock

    def forget(self) -> None:
        """A new sequence begins."""
        self.sequence += 1
        self._calls = []
        for server in self._servers:
            server.forget()

    def ask(self, call: Call) -> Answer:
        """The answer, the same of all. Raises Differs."""
        return self._ask(call)[0]

    @property
    def _servers(self) -> list[Server]:
        return [*self._mocks.values(), self.real]

    def called(self, kind: str, number: int) -> list[str]:
        """What each server called that thing."""
        return [server.names[kind][number] for server in self._servers]

    def _ask(self, call: Call) -> list[Answer]:
        self.asked += 1
        self._calls.append(call)
        self._clock.set()
        theirs = self.real.ask(call)
        answers = []
        for store, mock in self._mocks.items():
            ours = mock.ask(call)
            if ours.shown != theirs.shown:
                sequence = "\n".join(map(str, self._calls))
                different = _first_difference(ours.shown, theirs.shown)
                raise Differs(f"{sequence}\non the store {store}:\n{different}")
            answers.append(ours)
        return [*answers, theirs]

    def learn(self, kind: str, key: str, call: Call) -> int | None:
        """Ask, and learn what each server called the thing that this made: its number."""
        for server, answer in zip(self._servers, self._ask(call), strict=True):
            name = answer.first.get(key) if isinstance(answer.first, dict) else None
            if name is None:
                return None
            server.names[kind].append(name)
        return len(self.mock.names[kind]) - 1


def _first_difference(ours: str, theirs: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    at = min(len(ours), len(theirs)) if at is None else at
    start = max(0, at - 120)
    return (
        f"  mock: …{ours[start : at + 280]}\n  real: …{theirs[start : at + 280]}\n"
        f"  (from character {at} on)"
    )


@contextlib.contextmanager
def both_servers() -> Iterator[Both]:
    """Start them on the scripts in sessions_workflows; they end with the context. The mock is on
    the memory, on a file of SQLite, and on Redis, where there is a redis-server."""
    clock = Clock()
    # The real server closes a connection on which it crashed, without a word.
    limits = httpx2.Limits(max_keepalive_connections=0)
    with contextlib.ExitStack() as stack:

        def client(url: str) -> httpx2.Client:
            return stack.enter_context(httpx2.Client(base_url=url, timeout=60, limits=limits))

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores: dict[str, SessionStore] = {
            "memory": MemoryStore(),
            "sqlite": SqliteStore(folder / "sessions.db"),
        }
        if shutil.which("redis-server"):
            stores["redis"] = RedisStore(stack.enter_context(redis_server())[0])
        real = client(stack.enter_context(agentos(WORKFLOWS, os_id=OS_ID)))
        settings = Settings(
            workflows=load_scripts(WORKFLOWS).workflows,
            seed=1,
            clock=clock,
            deviations=load_profile("agno-2.5.6").deviations,
        )
        mocks = {}
        for name, store in stores.items():
            app = create_app(replace(settings, store=store))
            mocks[name] = client(stack.enter_context(serving(_opened(app))))
        yield Both(mocks, real, clock)


def _opened(app: MockServer) -> Starlette:
    """The mock with what belongs around it where others share its store."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await app.open()
        yield
        await app.close()

    return Starlette(routes=[Mount("/", app)], lifespan=lifespan)
