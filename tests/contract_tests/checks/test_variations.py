"""The checks cry no wolf: servers that differ legally keep everything."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from contract_tests.target.client import Limits
from tests.agentos_contract.test_judge import Stream, event
from tests.conftest import Serve
from tests.contract_tests.conftest import broken, by_status, report_on
from tests.contract_tests.server import ConformingServer, Refused, Run

VARIANTS: list[type[ConformingServer]] = []


def legal(server: type[ConformingServer]) -> type[ConformingServer]:
    VARIANTS.append(server)
    return server


class Framed(ConformingServer):
    """Changes the whole stream's bytes, and how they are cut into chunks."""

    def change(self, content: bytes) -> bytes:
        return content

    def cut(self, content: bytes) -> list[bytes]:
        return [content]

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        content = self.change(b"".join([frame async for frame in super().frames(run)]))
        for chunk in self.cut(content):
            yield chunk


@legal
class EndsLinesWithCRLF(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"\n", b"\r\n")


@legal
class EndsLinesWithCR(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"\n", b"\r")


@legal
class BeginsWithABom(Framed):
    def change(self, content: bytes) -> bytes:
        return b"\xef\xbb\xbf" + content


@legal
class PutsNoSpaceAfterTheColon(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"event: ", b"event:").replace(b"data: ", b"data:")


@legal
class SendsCommentsIdsAndRetries(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"event: ", b": ping\n\nid: 7\nretry: 3000\nevent: ")


@legal
class PutsDataFirst(Framed):
    def change(self, content: bytes) -> bytes:
        return re.sub(rb"(event: .*)\n(data: .*)\n\n", rb"\2\n\1\n\n", content)


@legal
class SpreadsDataOverLines(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b', "event"', b',\ndata:  "event"')


@legal
class SendsByteByByte(Framed):
    """But for the middle of long frames, which would take seconds."""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in ConformingServer.frames(self, run):
            begin, middle, end = frame[:60], frame[60:-60], frame[60:][-60:]
            for piece in (*begin, middle, *end):
                yield bytes([piece]) if isinstance(piece, int) else piece


@legal
class CutsAnywhere(Framed):
    def cut(self, content: bytes) -> list[bytes]:
        return [content[i : i + 37] for i in range(0, len(content), 37)]


@legal
class SaysMore(ConformingServer):
    def events(self, run: Run) -> Stream:
        events = super().events(run)
        custom = {**event("CustomEvent"), "run_id": run.run_id, "session_id": run.session_id}
        custom["workflow_id"] = run.workflow_id
        for payload in events:
            payload["nested_depth"] = 0
        return [events[0], custom, *events[1:]]

    def error(self, status: int, detail: str) -> Response:
        response = super().error(status, detail)
        response.headers["content-type"] = "application/json; charset=utf-8"
        response.headers["x-request-id"] = "1"
        return response


@legal
class PutsMembersInAnotherOrder(ConformingServer):
    """In batch, of objects in objects too."""

    def batch_body(self, run: Run) -> Any:
        return json.loads(json.dumps(super().batch_body(run), sort_keys=True))


@legal
class AnswersInOtherWords(ConformingServer):
    """No error_code, a reading of booleans as pydantic's, 415 as 422, 405 without a body."""

    def error(self, status: int, detail: str) -> Response:
        headers = {"www-authenticate": 'Digest realm="x", Bearer'} if status == 401 else {}
        return JSONResponse({"detail": detail}, 422 if status == 415 else status, headers=headers)

    def judge_form(self, form: dict[str, str]) -> bool:
        words = {"0": "false", "1": "true", "off": "false", "on": "true", "": "true"}
        stream = form.get("stream", "true").lower()
        form["stream"] = words.get(stream, stream)
        form["version"] = form.get("version") or "null"
        return super().judge_form(form)

    def method_not_allowed(self) -> Response:
        return Response(status_code=405, headers={"allow": "POST, OPTIONS"})


@legal
class AnswersDifferently(ConformingServer):
    """A model's answers: other words each time."""

    count = 0

    def events(self, run: Run) -> Stream:
        events = super().events(run)
        self.count += 1
        last = events[-1]
        last["content"] = f"answer {self.count}"
        last["step_results"][-1]["steps"][-1]["content"] = last["content"]
        for payload in events:
            if payload.get("step_name") in ("chosen", "route"):
                for result in [payload.get("step_response"), *payload.get("step_results", [])]:
                    if result:
                        result["content"] = last["content"]
                if "content" in payload:
                    payload["content"] = last["content"]
        return events


@legal
class KnowsNoVersion(ConformingServer):
    def judge_version(self, version: str) -> None:
        super().judge_version(version)
        if version != "null":
            raise Refused(400, "there is no such version")


@legal
class ListsRunsToo(ConformingServer):
    """Agno 3: GET on the path lists runs."""

    async def answer(self, request: Request) -> Response:
        if request.method == "GET" and request.url.path.endswith("/main/runs"):
            return JSONResponse([])
        return await super().answer(request)


@legal
class ListsRunsOfASession(ConformingServer):
    """AgentOS from 2.6 on: GET on the path wants a session in its query."""

    async def answer(self, request: Request) -> Response:
        if request.method == "GET" and request.url.path.endswith("/main/runs"):
            missing = {"type": "missing", "loc": ["query", "session_id"], "msg": "Field required"}
            return JSONResponse({"detail": [missing]}, 422)
        return await super().answer(request)


@legal
class StartsColdOnce(ConformingServer):
    """The first run waits for something that later ones don't."""

    is_warm = False

    async def run(self, request: Request, workflow_id: str) -> Response:
        body = await request.body()
        if not self.is_warm and b"stream=true" in body and b"maybe" not in body:
            form = self.read_form(body)
            if form.get("message") and set(form) == {"message", "stream"}:
                await asyncio.sleep(1.2)
                self.is_warm = True
        return await super().run(request, workflow_id)


@pytest.mark.parametrize("variant", VARIANTS, ids=[v.__name__ for v in VARIANTS])
def test_a_legal_difference_is_no_breach(variant: type[ConformingServer], stage: Serve) -> None:
    # Another framing is of each stream alike: a few are enough, and these are read byte by byte.
    few = {"max_examples": 0, "max_runs": 5} if issubclass(variant, Framed) else {"max_examples": 6}
    report = report_on(stage(variant(("main",))), **few)
    assert broken(report) == set()
    assert {"order.ended", "sse.complete"} <= set(by_status(report, Status.PASSED))


class SpeaksSlowly(ConformingServer):
    """A model that says the message again takes as long as the message is long."""

    async def run(self, request: Request, workflow_id: str) -> Response:
        await asyncio.sleep(len(await request.body()) / 10_000)
        return await super().run(request, workflow_id)


def test_a_message_that_would_take_too_long_is_not_sent(stage: Serve) -> None:
    """70,000 characters would take longer than an answer may."""
    server = SpeaksSlowly(("main",))
    chosen = Selection(only=["form.long-message", "form.length-limit"])
    report = report_on(stage(server), selection=chosen, limits=Limits(idle=8.0))
    assert broken(report) == set()
    skipped = by_status(report, Status.SKIPPED)["form.length-limit"]
    assert "one of 70000 would take some" in skipped.message
    assert max(len(run.message) for run in server.runs.values()) < 10_000
