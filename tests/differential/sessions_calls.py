"""The same calls to the mock and to a real AgentOS, and what differs in the answers."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from agentos_contract.profiles import load_profile
from agentos_contract.sse import EventStreamDecoder
from mockserver.app import Settings, create_app
from mockserver.http.descriptions import OS_ID
from mockserver.script.loader import load_scripts
from tests.conftest import agentos, serving
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
    """Both servers, asked the same."""

    def __init__(self, mock: httpx2.Client, real: httpx2.Client, clock: Clock) -> None:
        self.mock, self.real = Server(mock), Server(real)
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
        self.mock.forget()
        self.real.forget()

    def ask(self, call: Call) -> Answer:
        """Both answers, which are the same; that of the mock. Raises Differs."""
        return self._ask(call)[0]

    def _ask(self, call: Call) -> tuple[Answer, Answer]:
        self.asked += 1
        self._calls.append(call)
        self._clock.set()
        theirs, ours = self.real.ask(call), self.mock.ask(call)
        if ours.shown != theirs.shown:
            sequence = "\n".join(map(str, self._calls))
            raise Differs(f"{sequence}\n{_first_difference(ours.shown, theirs.shown)}")
        return ours, theirs

    def learn(self, kind: str, key: str, call: Call) -> int | None:
        """Ask, and learn what each server called the thing that this made: its number."""
        for server, answer in zip((self.mock, self.real), self._ask(call), strict=True):
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
    """Start both on the scripts in sessions_workflows; they end with the context."""
    clock = Clock()
    settings = Settings(
        workflows=load_scripts(WORKFLOWS).workflows,
        seed=1,
        clock=clock,
        deviations=load_profile("agno-2.5.6").deviations,
    )
    # The real server closes a connection on which it crashed, without a word.
    limits = httpx2.Limits(max_keepalive_connections=0)
    with (
        agentos(WORKFLOWS, os_id=OS_ID) as theirs,
        serving(create_app(settings)) as ours,
        httpx2.Client(base_url=ours, timeout=60, limits=limits) as mock,
        httpx2.Client(base_url=theirs, timeout=60, limits=limits) as real,
    ):
        yield Both(mock, real, clock)
