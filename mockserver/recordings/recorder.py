"""Records a server: its workflows' descriptions, and runs as they come.

The server is a stranger: what one workflow answers, however wrong, long or slow, is that workflow's
failure and not the recording's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import yaml

from agentos_contract.connection import PLAIN, Connection, below, why_untrusted
from agentos_contract.document import EVENT_STREAM
from agentos_contract.json_values import mapping, read_json, read_json_object, short
from agentos_contract.sse import EventStreamDecoder
from mockserver.defaults import RECORDED_MESSAGE
from mockserver.recordings.format import FOLDER, SUFFIX, End, Frame, Recording, save_recording
from mockserver.script.loader import load_scripts
from mockserver.script.problems import ScriptError, elided

REDACTED = "[redacted]"

# Members that hold a credential; not those that count tokens.
_SECRET = re.compile(
    r"(.*[_-])?(api[_-]?key|secret|secret[_-]?key|password|passwd|authorization|cookie|credentials"
    r"|private[_-]?key|(access|auth|bearer|refresh|session|id)[_-]?token)",
    re.IGNORECASE,
)


class CouldNotRecord(Exception):
    """The server cannot be recorded; str() says why in one line."""


class NotRecorded(Exception):
    """One answer cannot be recorded; str() says why in one line."""


@dataclass(frozen=True)
class Limits:
    """How much is read of one answer."""

    idle: float = 60.0
    """Seconds without a byte."""
    seconds: float = 3600.0
    """From the request to the answer's last byte."""
    bytes: int = 64_000_000
    values: int = 4_000_000
    """Of JSON; a stream's together."""
    description: int = 2_000_000
    """Bytes of a workflow's description, which becomes a script."""
    events: int = 100_000
    workflows: int = 1000
    """That are recorded because the server lists them."""


@dataclass
class Recorder:
    """Records one server into a folder."""

    url: str
    out: Path
    token: str | None = None
    connection: Connection = PLAIN
    messages: Sequence[str] = (RECORDED_MESSAGE,)
    modes: Sequence[bool] = (True, False)
    """True is a stream, False a batch run."""
    session_id: str | None = None
    user_id: str | None = None
    say: Callable[[str], None] = lambda line: None
    limits: Limits = Limits()
    written: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What was not recorded, and why, a line each."""
    _names: dict[str, str] = field(default_factory=dict)

    def record(self, workflow_ids: Sequence[str] = ()) -> None:
        """Record these workflows, or all that the server lists. Raises CouldNotRecord, OSError."""
        asyncio.run(self._record(workflow_ids))

    async def _record(self, workflow_ids: Sequence[str]) -> None:
        # Encoded answers would have other times, and more bytes than were read.
        headers = {"accept-encoding": "identity"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        timeout = httpx2.Timeout(self.limits.idle, connect=10.0)
        is_tls = self.url.lower().startswith("https:")
        async with httpx2.AsyncClient(
            headers=[*self.connection.headers, *headers.items()],
            timeout=timeout,
            verify=self.connection.tls(httpx2.create_ssl_context) if is_tls else False,
            proxy=self.connection.proxy,
            # A gateway's cookie would make later requests other than the first.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        ) as client:
            try:
                ids = list(dict.fromkeys(workflow_ids or await self._listed(client)))
                for workflow_id in ids:
                    await self._workflow(client, workflow_id)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
                why = why_untrusted(error) or f"cannot be reached: {error or type(error).__name__}"
                raise CouldNotRecord(why) from error
            except NotRecorded as error:
                raise CouldNotRecord(str(error)) from error
        if not self.written:
            raise CouldNotRecord("; ".join(self.failures) or "nothing was recorded")

    async def _listed(self, client: httpx2.AsyncClient) -> list[str]:
        listed = await self._get(client, "/workflows")
        items = listed if isinstance(listed, list) else []
        ids = [item.get("id") for item in items if isinstance(item, dict)]
        named = [found for found in ids if isinstance(found, str) and found]
        if not named:
            raise CouldNotRecord("it lists no workflow; name one with --workflow")
        if len(named) > self.limits.workflows:
            message = f"it lists {len(named):,} workflows; name those to record with --workflow"
            raise CouldNotRecord(message)
        return named

    async def _workflow(self, client: httpx2.AsyncClient, workflow_id: str) -> None:
        shown = workflow_id if workflow_id.isprintable() else ascii(workflow_id)
        path = f"/workflows/{quote(workflow_id, safe='')}"
        name = self._file_name(workflow_id)
        try:
            await self._describe(client, path, workflow_id, name)
        except NotRecorded as error:
            self._fail(shown, str(error))
            return
        number = 0
        for message in self.messages:
            for stream in self.modes:
                number += 1
                mode = "stream" if stream else "batch"
                target = self.out / FOLDER / f"{name}-{number}-{mode}{SUFFIX}"
                try:
                    recording = await self._run(client, path, workflow_id, message, stream)
                except NotRecorded as error:
                    self._fail(f"{shown}: {mode}", str(error))
                    continue
                save_recording(recording, target)
                self.written.append(target)
                count = f", {len(recording.frames)} events" if stream else ""
                self.say(f"{shown}: {mode}: {recording.status}{count}")

    def _fail(self, what: str, reason: str) -> None:
        reason = " ".join(elided(reason).split())
        self.failures.append(f"{what}: not recorded: {reason}")

    def _file_name(self, workflow_id: str) -> str:
        """A name that no other id has, also where letters of either case are the same file's."""
        name = re.sub(r"[^\w.-]", "_", workflow_id)[:80].lstrip(".")
        taken = self._names.get(name.casefold(), workflow_id) != workflow_id
        if name != workflow_id or taken:
            name += f"-{hashlib.sha256(workflow_id.encode()).hexdigest()[:8]}"
        self._names[name.casefold()] = workflow_id
        return name

    async def _describe(
        self, client: httpx2.AsyncClient, path: str, workflow_id: str, name: str
    ) -> None:
        """Write a workflow's description, which the mock can serve as a script."""
        description = self._clean(await self._get(client, path, self.limits.description))
        found = description.get("id") if isinstance(description, dict) else None
        if found != workflow_id:
            raise NotRecorded(f"GET {path} describes another workflow: its id is {found!r}")
        self.out.mkdir(parents=True, exist_ok=True)
        file = self.out / f"{name}.yaml"
        text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
        file.write_text(f"# {workflow_id!a}, as its server describes it\n{text}", "utf-8")
        try:
            load_scripts(file)
        except ScriptError as error:
            file.unlink()
            raise NotRecorded(f"its description is no script: {error.problems[0]}") from error
        self.written.append(file)

    async def _run(
        self, client: httpx2.AsyncClient, path: str, workflow_id: str, message: str, stream: bool
    ) -> Recording:
        form = {"message": message, "stream": "true" if stream else "false"}
        if self.session_id is not None:
            form["session_id"] = self.session_id
        if self.user_id is not None:
            form["user_id"] = self.user_id
        kept: dict[str, str] = self._clean(form)
        started = time.monotonic()
        async with self._answer(client, "POST", f"{path}/runs", data=form) as (response, chunks):
            if response.headers.get("content-type", "").startswith(EVENT_STREAM):
                frames, end = await self._frames(chunks, started)
                return Recording(workflow_id, kept, response.status_code, tuple(frames), end=end)
            body = await self._json(f"POST {path}/runs", chunks)
        at = time.monotonic() - started
        return Recording(workflow_id, kept, response.status_code, body=body, body_at=at)

    async def _frames(
        self, chunks: AsyncIterator[bytes], started: float
    ) -> tuple[list[Frame], End]:
        decoder = EventStreamDecoder()
        frames: list[Frame] = []
        try:
            async for chunk in chunks:
                at = time.monotonic() - started
                for event in decoder.feed(chunk):
                    data = self._clean(read_json_object(event.data))
                    frames.append(Frame(at, event.event, data))
                    if len(frames) > self.limits.events:
                        raise NotRecorded(f"a stream of more than {self.limits.events:,} events")
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            return frames, "cut"
        except ValueError as error:
            message = f"event {len(frames) + 1} has no JSON object for its data: {error}"
            raise NotRecorded(message) from error
        return frames, "complete"

    # -- what the server answers

    async def _get(self, client: httpx2.AsyncClient, path: str, limit: int | None = None) -> Any:
        async with self._answer(client, "GET", path, limit) as (response, chunks):
            if response.status_code != 200:
                said = ""
                with contextlib.suppress(NotRecorded):
                    answer = mapping(await self._json(f"GET {path}", chunks))
                    said = f": {short(answer['detail'], 200)}" if "detail" in answer else ""
                raise NotRecorded(f"GET {path} was answered with {response.status_code}{said}")
            return await self._json(f"GET {path}", chunks)

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        client: httpx2.AsyncClient,
        method: str,
        path: str,
        limit: int | None = None,
        **options: Any,
    ) -> AsyncIterator[tuple[httpx2.Response, AsyncIterator[bytes]]]:
        """An answer and its bytes, within limits. Raises NotRecorded, CouldNotRecord."""
        asked, seconds = f"{method} {path}", self.limits.seconds
        try:
            async with (
                asyncio.timeout(seconds),
                client.stream(method, below(self.url, path), **options) as response,
            ):
                if response.status_code in (401, 403):
                    status = response.status_code
                    raise CouldNotRecord(f"{status}: it asks for a token; give --token")
                encoding = response.headers.get("content-encoding", "identity")
                if encoding != "identity":
                    raise NotRecorded(f"{asked}: it is encoded ({encoding}), unasked")
                yield response, self._chunks(asked, response, limit or self.limits.bytes)
        except TimeoutError as error:
            raise NotRecorded(f"{asked}: not over after {seconds:g} s") from error
        except (httpx2.ConnectTimeout, httpx2.ConnectError, httpx2.ProxyError):
            raise
        except httpx2.TimeoutException as error:
            raise NotRecorded(f"{asked}: silent for {self.limits.idle:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if (why := why_untrusted(error)) is not None:
                raise CouldNotRecord(why) from error
            raise NotRecorded(f"{asked}: {error or type(error).__name__}") from error

    async def _chunks(
        self, asked: str, response: httpx2.Response, limit: int
    ) -> AsyncIterator[bytes]:
        length = values = 0
        async for chunk in response.aiter_raw():
            length += len(chunk)
            values += sum(map(chunk.count, (b"[", b"{", b",")))
            if length > limit:
                raise NotRecorded(f"{asked}: an answer of more than {limit:,} bytes")
            if values > self.limits.values:
                raise NotRecorded(f"{asked}: an answer of some {self.limits.values:,} values")
            yield chunk

    async def _json(self, asked: str, chunks: AsyncIterator[bytes]) -> Any:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
        try:
            return self._clean(read_json(bytes(body)))
        except ValueError as error:
            raise NotRecorded(f"{asked}: the answer is no JSON: {error}") from error

    def _clean(self, value: Any) -> Any:
        """The value without secrets that were sent, which a server may echo, and without members
        that are named as secrets."""
        if isinstance(value, dict):
            return {
                self._clean(key): REDACTED if _SECRET.fullmatch(key) and item else self._clean(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._clean(item) for item in value]
        if isinstance(value, str):
            if self.token:
                value = value.replace(self.token, "[token]")
            for secret, _ in self.connection.secrets:
                value = value.replace(secret, REDACTED)
        return value
