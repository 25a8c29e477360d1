"""The checks can fail: for each requirement a server that breaks it, and what is reported of it.

The first server keeps everything. Each other breaks one thing; exactly what it breaks is reported,
and what must follow from it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from agentos_contract.document import load_document
from agentos_contract.judge import JUDGED_REQUIREMENTS
from agentos_contract.requirements import load_catalogue
from contract_tests.checks.plan import PROBE_RUNS
from contract_tests.checks.selection import Selection
from contract_tests.judging.results import Status
from contract_tests.running.run import decided_requirements
from contract_tests.target.target import DEFAULT_MESSAGE
from tests.agentos_contract import test_judge
from tests.agentos_contract.test_judge import Stream, good
from tests.conftest import Serve
from tests.contract_tests.conftest import SHORT, broken, by_status, part_for, report_on
from tests.contract_tests.server import ConformingServer, Refused, Run

TOKEN = "Let-Me-In-1"


@dataclass(frozen=True)
class Mutant:
    """A server that breaks one thing."""

    server: type[ConformingServer]
    expected: frozenset[str]
    workflows: tuple[str, ...] = ("main",)
    options: dict[str, Any] = field(default_factory=dict)


MUTANTS: list[Mutant] = []


def breaks(
    *expected: str, workflows: tuple[str, ...] = ("main",), **options: Any
) -> Callable[[type[ConformingServer]], type[ConformingServer]]:
    """What the contract tests report of the server: exactly these requirements."""

    def register(server: type[ConformingServer]) -> type[ConformingServer]:
        MUTANTS.append(Mutant(server, frozenset(expected), workflows, options))
        return server

    return register


# -- authentication


class Locked(ConformingServer):
    token = TOKEN


@breaks("authentication.token-required", token=TOKEN)
class LetsEverybodyIn(Locked):
    def let_in(self, request: Request) -> None:
        return


@breaks("authentication.wrong-token", token=TOKEN)
class ComparesTheBeginning(Locked):
    def is_token(self, credentials: str) -> bool:
        return credentials.startswith(TOKEN)


@breaks("authentication.wrong-token", token=TOKEN)
class IgnoresCase(Locked):
    def is_token(self, credentials: str) -> bool:
        return credentials.lower() == TOKEN.lower()


@breaks("authentication.other-scheme", token=TOKEN)
class TakesAnyScheme(Locked):
    def let_in(self, request: Request) -> None:
        if not request.headers.get("authorization", "").endswith(f" {TOKEN}"):
            raise Refused(401, "who are you?")


@breaks("authentication.scheme-case", token=TOKEN)
class WantsACapitalLetter(Locked):
    def let_in(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "who are you?")


@breaks("authentication.challenge", token=TOKEN)
class NamesNoScheme(Locked):
    def error(self, status: int, detail: str) -> Response:
        response = super().error(status, detail)
        if status == 401:
            del response.headers["www-authenticate"]
        return response


@breaks("authentication.before-workflow", token=TOKEN)
class TellsStrangersItsWorkflows(Locked):
    def let_in(self, request: Request) -> None:
        parts = request.url.path.split("/")
        if len(parts) > 2:
            self.find(parts[2])
        super().let_in(request)


@breaks("authentication.token-required", token=TOKEN)
class LetsCookiesIn(Locked):
    def let_in(self, request: Request) -> None:
        if "cookie" not in request.headers:
            super().let_in(request)


@breaks("authentication.token-required", token=TOKEN)
class LetsReadersIn(Locked):
    def let_in(self, request: Request) -> None:
        if request.method != "GET" or "sessions" not in request.url.path:
            super().let_in(request)


@breaks("authentication.token-required", token=TOKEN)
class RemembersWhoseSessionItIs(Locked):
    """Who has once brought the token for a session need not bring it again."""

    async def answer(self, request: Request) -> Response:
        form = self.read_form(await request.body())
        self.is_known = form.get("session_id") in self.sessions
        return await super().answer(request)

    def let_in(self, request: Request) -> None:
        if not self.is_known:
            super().let_in(request)


@breaks("authentication.token-required", token=TOKEN)
class GuardsThePathAsItIsWritten(Locked):
    def let_in(self, request: Request) -> None:
        if request.url.path.startswith("/workflows"):
            super().let_in(request)


@breaks("authentication.other-scheme", token=TOKEN)
class TakesTheTokenFromTheUrl(Locked):
    def let_in(self, request: Request) -> None:
        if request.query_params.get("token") != TOKEN:
            super().let_in(request)


@breaks("authentication.wrong-token", token=TOKEN)
class KnowsOneSpelling(Locked):
    def let_in(self, request: Request) -> None:
        if not request.headers.get("authorization", "").startswith("BEARER "):
            super().let_in(request)


@breaks("authentication.right-token", token=TOKEN)
class ForgetsTheToken(Locked):
    async def batch(self, run: Run) -> Response:
        raise Refused(401, "who are you?")


@breaks("authentication.token-secret", token=TOKEN)
class TellsItsToken(Locked):
    def error(self, status: int, detail: str) -> Response:
        return super().error(status, f"expected {TOKEN}" if status == 401 else detail)


# -- routing


@breaks("routing.unknown-workflow")
class FindsWorkflowsInAnyCase(ConformingServer):
    def find(self, workflow_id: str) -> None:
        super().find(workflow_id.lower())


@breaks("routing.unknown-workflow")
class RunsWhateverIsAskedFor(ConformingServer):
    def find(self, workflow_id: str) -> None:
        return


@breaks("routing.unknown-workflow")
class FindsTheNearest(ConformingServer):
    def find(self, workflow_id: str) -> None:
        if not workflow_id.startswith("main"):
            raise Refused(404, "there is no such workflow")


@breaks("routing.known-workflow")
class LosesItsWorkflow(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        if form.get("user_id"):
            raise Refused(404, "there is no such workflow")
        return super().make_run(workflow_id, form)


@breaks("routing.method-not-allowed")
class SaysNotFoundToOtherMethods(ConformingServer):
    def method_not_allowed(self) -> Response:
        return self.error(404, "there is nothing")


@breaks("routing.allow-header")
class NamesNoMethods(ConformingServer):
    def method_not_allowed(self) -> Response:
        return JSONResponse({"detail": "no"}, 405)


# -- the form


@breaks("form.message-required")
class NeedsNoMessage(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        return {"message": "", **super().read_form(body)}


@breaks("form.message-any-string")
class WantsSomeMessage(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("message") == "":
            raise Refused(422, "message is empty")
        return super().judge_form(form)


@breaks("form.stream-boolean")
class StreamsWhateverIsSaid(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        stream = form.pop("stream", "true")
        return super().judge_form(form) and stream != "false"


@breaks("form.stream-default")
class DoesNotStreamUnlessAsked(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        return super().judge_form(form) and "stream" in form


@breaks("form.version-integer")
class TakesAnyVersion(ConformingServer):
    def judge_version(self, version: str) -> None:
        return


@breaks("form.version-null")
class WantsAVersion(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("version") == "null":
            raise Refused(422, "version is no integer")
        return super().judge_form(form)


@breaks("form.unknown-fields")
class WantsKnownFields(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if set(form) - load_document().form_fields:
            raise Refused(422, "what is this?")
        return super().judge_form(form)


@breaks("form.text-kept")
class TidiesTheMessage(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        form = super().read_form(body)
        return {name: value.replace("\r\n", "\n") for name, value in form.items()}


@breaks("form.text-kept")
class TrimsInStreams(ConformingServer):
    async def stream(self, run: Run) -> Response:
        run.message = run.message.strip()
        return await super().stream(run)


@breaks("form.text-kept")
class GuessesTypes(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        form = super().read_form(body)
        is_number = form.get("message", "").isdecimal()
        return {**form, "message": str(int(form["message"]))} if is_number else form


@breaks("form.text-kept")
class ReadsLatin1(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        text = run.message.encode().decode("latin-1")
        return {**super().batch_body(run), "input": text}


@breaks("form.text-kept")
class FailsOnNonAscii(ConformingServer):
    async def batch(self, run: Run) -> Response:
        if not run.message.isascii():
            raise Refused(500, "'ascii' codec can't encode")
        return await super().batch(run)


@breaks("batch.equals-stream", "identity.ids-kept", workflows=("main", "echo"))
class StreamsAscii(ConformingServer):
    """The workflow `echo` repeats its message; in streams, what is no ASCII is lost, of ids too."""

    def events(self, run: Run) -> Stream:
        text = json.dumps(super().events(run))
        message = json.dumps(run.message)[1:-1]
        if run.workflow_id == "echo":
            text = text.replace("said chosen", message)
        events: Stream = json.loads(text)
        return events

    def frame(self, event: dict[str, Any]) -> bytes:
        return super().frame(event).replace(b"\\ud83d\\ude00", b"?")


@breaks("form.long-message")
class CutsMessages(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        return super().make_run(workflow_id, {**form, "message": form["message"][:65_535]})


@breaks("form.long-message")
class TakesShortFormsOnly(ConformingServer):
    async def run(self, request: Request, workflow_id: str) -> Response:
        if len(await request.body()) > 65_536:
            raise Refused(413, "too long")
        return await super().run(request, workflow_id)


@breaks("form.control-characters")
class EndsTextsAtNul(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        return super().make_run(workflow_id, {**form, "message": form["message"].split("\0")[0]})


@breaks("form.control-characters")
class FailsOnNul(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        if "\0" in form["message"]:
            raise Refused(500, "null character in string")
        return super().make_run(workflow_id, form)


@breaks("form.repeated-field")
class JoinsRepeats(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        super().read_form(body)
        joined: dict[str, str] = {}
        for name, text in parse_qsl(body.decode(), keep_blank_values=True, errors="strict"):
            joined[name] = f"{joined[name]},{text}" if name in joined else text
        return joined


@breaks("form.media-type")
class WantsNoParameters(ConformingServer):
    async def run(self, request: Request, workflow_id: str) -> Response:
        if (
            "charset" in request.headers.get("content-type", "")
            and "x-www" in request.headers["content-type"]
        ):
            raise Refused(415, "a form, please")
        return await super().run(request, workflow_id)


@breaks("form.empty-session")
class KeepsASessionForTheNameless(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        if form.get("session_id") == "":
            form["session_id"] = "nameless"
        return super().make_run(workflow_id, form)


@breaks("form.stream-boolean")
class TakesAnyTextForTrue(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("stream") == "False":
            form["stream"] = "true"
        return super().judge_form(form)


@breaks("form.unknown-fields")
class FailsOnUnknownFields(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        stream = super().judge_form(form)
        if set(form) - load_document().form_fields:
            raise Refused(500, "unexpected keyword argument")
        return stream


@breaks("form.message-any-string")
class FailsOnTheEmptyMessage(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("message") == "":
            raise Refused(500, "list index out of range")
        return super().judge_form(form)


@breaks("form.json-refused")
class TakesJson(ConformingServer):
    async def run(self, request: Request, workflow_id: str) -> Response:
        if request.headers.get("content-type") != "application/json":
            return await super().run(request, workflow_id)
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise Refused(422, "no JSON") from error
        return await self.batch(Run(workflow_id, body))


@breaks("session.apart")
class KeepsSessionsInLowerCase(ConformingServer):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        alike = [name for name in self.sessions if name.lower() == session_id.lower()]
        return [{"run_id": run_id} for name in alike for run_id in self.sessions[name]]


@breaks("results.metrics")
class MeasuresInMilliseconds(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "metrics": {"duration": 84_000, "steps": {}}}


@breaks("results.metrics")
class MeasuresInNobodysUnit(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "metrics": {"duration": 10**400, "steps": {}}}


@breaks("batch.body")
class NamesTheRunTwice(ConformingServer):
    async def batch(self, run: Run) -> Response:
        body = json.dumps(self.batch_body(run)).replace("{", '{"run_id": "another", ', 1)
        return Response(body, headers={"content-type": "application/json"})


@breaks("session.listed")
class ListsTheLastRunFirst(ConformingServer):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        return super().listed_runs(session_id)[::-1]


@breaks("session.listed")
class ListsRunsTwice(ConformingServer):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        return [run for run in super().listed_runs(session_id) for _ in range(2)]


@breaks("session.listed")
class ListsRunsAsRunning(ConformingServer):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        return [{**run, "status": "RUNNING"} for run in super().listed_runs(session_id)]


@breaks("session.run-read")
class GivesARunToAnySession(ConformingServer):
    def read_run(self, run_id: str, session_id: str | None) -> Any:
        session_id = self.runs[run_id].session_id if run_id in self.runs else session_id
        return super().read_run(run_id, session_id)


@breaks("session.run-read", workflows=("main", "slow"))
class ForgetsThatARunWasCancelled(ConformingServer):
    def read_run(self, run_id: str, session_id: str | None) -> Any:
        return {**super().read_run(run_id, session_id), "status": "COMPLETED"}


@breaks("session.pages")
class GivesTheFirstPageAgain(ConformingServer):
    def page(self, query: Mapping[str, str]) -> Any:
        return super().page({**query, "page": "1"})


@breaks("session.pages")
class CountsAPage(ConformingServer):
    def page(self, query: Mapping[str, str]) -> Any:
        data = super().page(query)["data"]
        return {"data": data, "meta": {"total_count": len(data)}}


@breaks("session.changed")
class KeepsItsNames(ConformingServer):
    def rename(self, session_id: str, name: str) -> None:
        return


@breaks("session.changed")
class DeletesAllOfIt(ConformingServer):
    def delete(self, session_id: str) -> None:
        self.sessions.clear()


@breaks("session.changed")
class DeletesNothing(ConformingServer):
    def delete(self, session_id: str) -> None:
        return


@breaks("routing.unknown-others")
class MakesUpSessions(ConformingServer):
    def session(self, session_id: str) -> dict[str, Any]:
        self.sessions.setdefault(session_id, [])
        return super().session(session_id)


@breaks("routing.unknown-others", workflows=("main", "slow"))
class FailsToCancelWhatThereIsNot(ConformingServer):
    def cancel(self, run_id: str) -> Response:
        if run_id not in self.runs:
            raise Refused(500, "KeyError")
        return super().cancel(run_id)


@breaks("session.users-apart")
class ShowsSessionsToAnybody(ConformingServer):
    def require_owner(self, session_id: str, user_id: str | None) -> None:
        return


@breaks("session.users-apart")
class GivesSessionsAway(ConformingServer):
    """To the user who ran in it last."""

    def require_owner(self, session_id: str, user_id: str | None) -> None:
        runs = [self.runs[run_id] for run_id in self.sessions.get(session_id, [])]
        if user_id is not None and (not runs or runs[-1].user_id != user_id):
            raise Refused(404, "there is no such session")


@breaks("session.continuity", workflows=("main", "slow"))
class KeepsTheRunThatEndsLast(ConformingServer):
    """A stream's end writes the session as it was when the stream began, and itself."""

    def __init__(self, workflows: tuple[str, ...] = ("main",)) -> None:
        super().__init__(workflows)
        self.over: set[str] = set()

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        before = [run_id for run_id in self.sessions[run.session_id] if run_id in self.over]
        async for frame in super().frames(run):
            yield frame
        self.over.add(run.run_id)
        self.sessions[run.session_id] = [*before, run.run_id]


@breaks("form.input-schema", workflows=("main", "typed"))
class LooksAtTypedInputInBatchOnly(ConformingServer):
    def judge_message(self, message: str, stream: bool) -> None:
        if not stream:
            super().judge_message(message, stream)


@breaks("form.valid-accepted", "identity.ids-kept", max_examples=10)
class TakesTheWordNullForNothing(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("user_id") == "null":
            raise Refused(422, "user_id is null")
        return super().judge_form(form)


@breaks("form.invalid-refused", max_examples=10)
class TakesCapitals(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if form.get("stream") == "AAA":
            form["stream"] = "true"
        return super().judge_form(form)


# -- errors


@breaks("error.documented-status")
class IsATeapot(ConformingServer):
    async def answer(self, request: Request) -> Response:
        response = await super().answer(request)
        if request.method == "POST" and b"%ff" in await request.body():
            return self.error(418, "I am a teapot")
        return response

    def read_form(self, body: bytes) -> dict[str, str]:
        if b"%ff" in body:
            raise Refused(418, "I am a teapot")
        return super().read_form(body)


@breaks("error.body-schema")
class ListsFaults(ConformingServer):
    def error(self, status: int, detail: str) -> Response:
        if status == 422:
            return JSONResponse({"detail": [{"msg": detail}]}, 422)
        return super().error(status, detail)


@breaks("error.body-schema")
class SaysErrorInsteadOfDetail(ConformingServer):
    def error(self, status: int, detail: str) -> Response:
        return JSONResponse({"error": detail}, status)


@breaks("error.content-type")
class SpeaksPlainly(ConformingServer):
    def error(self, status: int, detail: str) -> Response:
        return PlainTextResponse(detail, status)


@breaks("error.no-traceback")
class ShowsItsInside(ConformingServer):
    def error(self, status: int, detail: str) -> Response:
        if status == 422:
            detail = 'Traceback (most recent call last):\n  File "/srv/app.py", line 7, in run'
        return super().error(status, detail)


@breaks("error.no-server-error")
class FailsOnBrokenJson(ConformingServer):
    async def run(self, request: Request, workflow_id: str) -> Response:
        if await request.body() == b'{"message": ':
            raise Refused(500, "Expecting value")
        return await super().run(request, workflow_id)


@breaks("error.no-server-error")
class FailsOnBrokenPercentEncoding(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        if re.search(rb"%(?![0-9A-Fa-f]{2})", body):
            raise Refused(500, "malformed escape")
        return super().read_form(body)


@breaks("error.answered", limits=SHORT)
class HangsOnBinaries(ConformingServer):
    async def run(self, request: Request, workflow_id: str) -> Response:
        if await request.body() == b"\x00\x01\x02\x03":
            await asyncio.sleep(60)
        return await super().run(request, workflow_id)


@breaks("error.recovery")
class DoesNotRecover(ConformingServer):
    bad = 0

    async def run(self, request: Request, workflow_id: str) -> Response:
        body = await request.body()
        self.bad += body == b"\x00\x01\x02\x03"
        if self.bad >= 2 and b"contract-tests-user" in body:
            self.bad = -9
            raise Refused(422, "I have had enough")
        return await super().run(request, workflow_id)


@breaks("error.after-disconnect")
class DiesOfADisconnect(ConformingServer):
    failures = 0
    ended: asyncio.Event | None = None
    """Whether the last stream has."""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        is_whole = False
        ended = self.ended = asyncio.Event()
        try:
            number = 0
            async for frame in super().frames(run):
                yield frame
                number += 1
                if number == 3:  # for who leaves after two to be gone
                    await asyncio.sleep(0.1)
            is_whole = True
        finally:
            self.failures += not is_whole
            ended.set()

    async def batch(self, run: Run) -> Response:
        if self.ended is not None:
            await self.ended.wait()  # that a client has gone may be noticed after it asks again
        if self.failures:
            self.failures -= 1
            raise Refused(500, "broken pipe")
        return await super().batch(run)


@breaks("http.request-forms")
class StumblesOverALanguage(ConformingServer):
    def let_in(self, request: Request) -> None:
        if "*;q=0.5" in request.headers.get("accept-language", ""):
            raise Refused(500, "no such locale")
        super().let_in(request)


@breaks("http.side-by-side")
class FailsAtTheThird(ConformingServer):
    at_once = 0
    has_failed = False

    async def batch(self, run: Run) -> Response:
        self.at_once += 1
        try:
            if self.at_once > 2:
                self.has_failed = True
                raise Refused(500, "the pool has two connections")
            waited = 0.0  # for others to come; where one has, a third is near
            while waited < (2 if self.at_once > 1 else 0.1) and not self.has_failed:
                await asyncio.sleep(0.05)
                waited += 0.05
            return await super().batch(run)
        finally:
            self.at_once -= 1
            self.has_failed = self.has_failed and self.at_once > 0


@breaks("form.length-limit")
class FailsOnLongIds(ConformingServer):
    def judge_form(self, form: dict[str, str]) -> bool:
        if len(form.get("session_id", "")) > 1000:
            raise Refused(500, "the column is too narrow")
        return super().judge_form(form)


@breaks("form.broken-characters")
class FailsOnHalfACharacter(ConformingServer):
    def read_form(self, body: bytes) -> dict[str, str]:
        if b"%ED%A0%BD" in body:
            raise Refused(500, "codec can't decode")
        return super().read_form(body)


@breaks("error.sporadic")
class FailsNowAndThen(ConformingServer):
    number = 0

    async def batch(self, run: Run) -> Response:
        self.number += 1
        if self.number % 4 == 0:
            raise Refused(500, "database is locked")
        return await super().batch(run)


@breaks("error.sporadic")
class FailsInAStreamNowAndThen(ConformingServer):
    streams = 0

    async def stream(self, run: Run) -> Response:
        self.streams += 1
        run.visit = -1 if self.streams % 5 == 0 else run.visit
        return await super().stream(run)

    def events(self, run: Run) -> Stream:
        events = super().events(run)
        if run.visit < 0:
            return [*events[:1], {**events[0], "event": "WorkflowError", "error": "locked"}]
        return events


class Forgetful(ConformingServer):
    """Whatever it forgets, it does so in every eighth run of each mode."""

    streams = batches = 0

    async def stream(self, run: Run) -> Response:
        self.streams += 1
        run.visit = -1 if self.streams % 8 == 0 else run.visit
        return await super().stream(run)

    def events(self, run: Run) -> Stream:
        if run.visit >= 0:
            return super().events(run)
        run.visit = 0
        return self.forgotten(super().events(run))

    def forgotten(self, events: Stream) -> Stream:
        return events


@breaks("order.step-output")
class ForgetsOutputsNowAndThen(Forgetful):
    def forgotten(self, events: Stream) -> Stream:
        return [event for event in events if event["event"] != "StepOutput"]


@breaks("order.content-completed")
class ForgetsTheEndOfATalkNowAndThen(Forgetful):
    def forgotten(self, events: Stream) -> Stream:
        return [event for event in events if event["event"] != "RunContentCompleted"]


@breaks("batch.body")
class ForgetsResultsNowAndThen(Forgetful):
    def batch_body(self, run: Run) -> Any:
        self.batches += 1
        body = super().batch_body(run)
        return body | ({"step_results": []} if self.batches % 8 == 0 else {})


# -- pages of another origin

PAGE = "http://localhost:5173"
BY_A_PAGE: dict[str, Any] = {"browser_origin": PAGE, "selection": Selection(areas=["browser"])}


class Readable(ConformingServer):
    """Lets the page read everything."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Request(scope)

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = self.said(asked, message["status"])
                headers = [(name.encode(), value.encode()) for name, value in said]
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await super().__call__(scope, receive, readable)

    async def answer(self, request: Request) -> Response:
        self.let_in(request)
        return Response() if request.method == "OPTIONS" else await super().answer(request)

    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        if request.headers.get("origin") != PAGE:
            return [("vary", "Origin")]
        headers = [("access-control-allow-origin", PAGE), ("vary", "Origin")]
        if request.method == "OPTIONS":
            headers.append(("access-control-allow-headers", "Authorization, Content-Type"))
        return headers


class LetsOnePageReadWithAToken(Readable):
    token = TOKEN

    def let_in(self, request: Request) -> None:
        if request.method != "OPTIONS":
            super().let_in(request)


class LetsAllPagesRead(Readable):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        return [("access-control-allow-origin", "*"), ("access-control-allow-headers", "*")]


@breaks("browser.readable", **BY_A_PAGE)
class KnowsNoPages(ConformingServer):
    """As it was before."""


@breaks("browser.preflight", **BY_A_PAGE, token=TOKEN)
class WantsATokenOfABrowser(Readable):
    token = TOKEN


@breaks("browser.preflight", **BY_A_PAGE, token=TOKEN)
class AllowsAllHeadersButTheOne(LetsOnePageReadWithAToken):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        said = super().said(request, status)
        return [(n, "*" if n == "access-control-allow-headers" else value) for n, value in said]


@breaks("browser.readable", **BY_A_PAGE)
class HidesStreams(Readable):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        is_run = status == 200 and request.method == "POST"
        return [] if is_run else super().said(request, status)


@breaks("browser.errors-readable", **BY_A_PAGE)
class HidesUnknownWorkflows(Readable):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        return [] if status == 404 else super().said(request, status)


@breaks("browser.one-origin", **BY_A_PAGE)
class AllowsAsItsGatewayDoes(Readable):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        return [*super().said(request, status), ("access-control-allow-origin", PAGE)]


@breaks("browser.credentials", **BY_A_PAGE)
class AllowsAllWithCredentials(LetsAllPagesRead):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        return [*super().said(request, status), ("access-control-allow-credentials", "true")]


@breaks("browser.vary", **BY_A_PAGE)
class ForgetsCaches(Readable):
    def said(self, request: Request, status: int) -> list[tuple[str, str]]:
        return [(name, value) for name, value in super().said(request, status) if name != "vary"]


# -- batch


@breaks("batch.content-type")
class SendsTextInBatch(ConformingServer):
    async def batch(self, run: Run) -> Response:
        return PlainTextResponse("done")


@breaks("batch.answered", limits=SHORT)
class NeverFinishesABatch(ConformingServer):
    async def batch(self, run: Run) -> Response:
        if run.user_id:
            await asyncio.sleep(60)
        return await super().batch(run)


@breaks("batch.body")
class ForgetsWhenItWas(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        del body["created_at"]
        return body


@breaks("batch.body")
class AnswersAListInBatch(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return [super().batch_body(run)]


@breaks("batch.paused", "batch.equals-stream")
class PausesForNobodyKnowsWhat(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "status": "PAUSED", "paused_step_name": "s"}


@breaks("batch.status-completed")
class IsStillRunning(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "status": "RUNNING"}


@breaks("batch.content-in-results", "batch.equals-stream")
class SaysSomethingElseInBatch(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "content": "something else"}


@breaks("batch.equals-stream")
class LosesAResultInBatch(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        del body["step_results"][1]
        return body


@breaks("batch.input")
class AnswersToSomethingElse(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        is_usual = body["input"] == DEFAULT_MESSAGE
        return {**body, "input": "Good day"} if is_usual else body


@breaks("batch.executor-runs")
class ForgetsToolCallsInBatch(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        body = super().batch_body(run)
        body["step_executor_runs"][0]["tools"] = []
        return body


@breaks("identity.ids-kept")
class TidiesIds(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        ids = ("session_id", "user_id")
        tidy = {name: re.sub(r"[^\w-]", "_", form[name]) for name in ids if name in form}
        return super().make_run(workflow_id, form | tidy)


@breaks("identity.batch-echo")
class MixesUpUsers(ConformingServer):
    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), **({"user_id": "bob"} if run.user_id else {})}


@breaks("identity.workflow-name")
class RenamesItsWorkflowInBatch(ConformingServer):
    """Describes it without a name, so that nothing but its stream says what it is called."""

    def events(self, run: Run) -> Stream:
        return [{**event, "workflow_name": "Main"} for event in super().events(run)]

    def batch_body(self, run: Run) -> Any:
        return {**super().batch_body(run), "workflow_name": "Other"}


# -- the stream's framing and transfer


@breaks("sse.content-type")
class StreamsAsText(ConformingServer):
    async def stream(self, run: Run) -> Response:
        response = await super().stream(run)
        response.headers["content-type"] = "text/plain"
        return response

    def judge_form(self, form: dict[str, str]) -> bool:
        return super().judge_form(form)


class Framed(ConformingServer):
    """Changes the whole stream's bytes."""

    def change(self, content: bytes) -> bytes:
        raise NotImplementedError

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        yield self.change(b"".join([frame async for frame in super().frames(run)]))


@breaks("sse.utf-8", max_runs=1)
class StreamsLatin1(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"said chosen", b"said \xe9")


@breaks("sse.complete", max_runs=1)
class ForgetsTheLastLineEnd(Framed):
    def change(self, content: bytes) -> bytes:
        return content[:-1]


@breaks("sse.known-fields", max_runs=1)
class StreamsOtherFields(Framed):
    def change(self, content: bytes) -> bytes:
        return content.replace(b"event: StepStarted", b"name: x\nevent: StepStarted", 1)


class Ending(ConformingServer):
    """Goes wrong before its last event."""

    async def before_end(self) -> AsyncIterator[bytes]:
        yield b""

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        frames = [frame async for frame in super().frames(run)]
        for frame in frames[:-1]:
            yield frame
        async for frame in self.before_end():
            yield frame
        yield frames[-1]


@breaks("sse.idle", max_runs=1, limits=SHORT)
class FallsSilent(Ending):
    async def before_end(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""


@breaks("sse.ends", max_runs=1, limits=SHORT)
class CommentsForEver(Ending):
    async def before_end(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.1)
            yield b": still here\n\n"


@breaks("sse.ends", max_runs=1, limits=SHORT)
class StaysOpen(ConformingServer):
    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in super().frames(run):
            yield frame
        await asyncio.sleep(60)


@breaks("sse.transfer", max_runs=1)
class CutsTheConnection(Ending):
    async def stream(self, run: Run) -> Response:
        frames = [frame async for frame in ConformingServer.frames(self, run)]
        # The server stops before it has sent what it announced, and closes the connection.
        content = b"".join(frames)
        return _Cut(content)


class _Cut(StreamingResponse):
    def __init__(self, content: bytes) -> None:
        async def half() -> AsyncIterator[bytes]:
            yield content[: len(content) // 2]
            raise ConnectionAbortedError

        super().__init__(half(), headers={"content-type": "text/event-stream"})


@breaks("sse.pacing", max_runs=1)
class SendsAllAtOnce(ConformingServer):
    def events(self, run: Run) -> Stream:
        events = super().events(run)
        for position, event in enumerate(events):
            event["created_at"] = 1000 + position // 5
        return events


@breaks("time.advances", max_runs=2)
class StampsARunOnce(ConformingServer):
    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in super().frames(run):
            if b"event: WorkflowCompleted" in frame:
                await asyncio.sleep(3.6)
            yield frame

    def events(self, run: Run) -> Stream:
        return [{**event, "created_at": 1000} for event in super().events(run)]


# -- runs compared


@breaks("identity.run-id-fresh", max_runs=20)
class NumbersRunsAnew(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        run = super().make_run(workflow_id, form)
        if form.get("stream") == "false":
            run.run_id = "run"
        return run


@breaks("identity.session-id-fresh")
class SharesASession(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        run = super().make_run(workflow_id, form)
        run.session_id = form.get("session_id") or "everybody"
        return run


@breaks("session.continuity")
class ForgetsTheSession(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        run = super().make_run(workflow_id, form)
        if run.session_id in self.sessions:
            run.session_id += "-again"
        return run


@breaks("session.continuity")
class ForgetsTheSessionAndTakesTime(ForgetsTheSession):
    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in super().frames(run):
            yield frame
            await asyncio.sleep(0.02)


@breaks("session.continuity")
class RemembersTheLastRunOnly(ConformingServer):
    def listed_runs(self, session_id: str) -> list[dict[str, str]]:
        return super().listed_runs(session_id)[-1:]


@breaks("session.isolation")
class MixesUpRunsSideBySide(ConformingServer):
    last = None

    async def frames(self, run: Run) -> AsyncIterator[bytes]:
        async for frame in super().frames(run):
            await asyncio.sleep(0.002)
            if self.active > 1 and self.last not in (None, run.session_id):
                frame = frame.replace(run.session_id.encode(), str(self.last).encode())
            self.last = run.session_id
            yield frame


@breaks("session.kept-state", workflows=("main", "counting"))
class ForgetsItsStateInBatch(ConformingServer):
    def make_run(self, workflow_id: str, form: dict[str, str]) -> Run:
        run = super().make_run(workflow_id, form)
        if form.get("stream") == "false":
            self.counts.pop(run.session_id, None)
        return run


@breaks("session.fresh-state", workflows=("main", "counting"))
class GoesOnFromAnothersState(ConformingServer):
    everybodys = 0

    def count_visit(self, run: Run) -> int:
        self.everybodys += 1
        self.counts[run.session_id] = self.everybodys
        return self.everybodys


# -- cancelling


@breaks("cancel.answered", workflows=("main", "slow"))
class CancelsWithAnError(ConformingServer):
    def cancel(self, run_id: str) -> Response:
        super().cancel(run_id)
        return self.error(500, "it is gone")


@breaks("cancel.only-one", workflows=("main", "slow"))
class CancelsEverything(ConformingServer):
    def cancel(self, run_id: str) -> Response:
        for one in self.runs:
            super().cancel(one)
        return JSONResponse({})


@breaks("cancel.unasked", max_runs=1)
class CancelsByItself(ConformingServer):
    def events(self, run: Run) -> Stream:
        events = super().events(run)
        return [*events[:-1], {**events[-1], "event": "WorkflowCancelled"}]


@breaks("cancel.one-terminal-event", workflows=("main", "slow"))
class CompletesWhatWasCancelled(ConformingServer):
    def after_cancel(self, run: Run) -> Stream:
        return [*super().after_cancel(run), self.events(run)[-1]]


@breaks("cancel.one-terminal-event", workflows=("main", "slow"))
class DoesNotCancel(ConformingServer):
    def cancel(self, run_id: str) -> Response:
        return JSONResponse({})


@breaks("cancel.idempotent", workflows=("main", "slow"))
class CancelsOnce(ConformingServer):
    def cancel(self, run_id: str) -> Response:
        run = self.runs.get(run_id)
        if run is not None and run.cancelled.is_set():
            return self.error(500, "it is cancelled")
        return super().cancel(run_id)


# -- the tests


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_conforming_server_keeps_everything(stage: Serve, token: str | None) -> None:
    server = (Locked if token else ConformingServer)(("main", "typed", "slow", "counting"))
    report = report_on(stage(server), token=token, max_examples=20)
    assert not broken(report)
    skipped = set(by_status(report, Status.SKIPPED))
    expected = {"sse.pacing", "time.advances", "batch.paused"}  # it is quick, and never pauses
    not_asked_for = ("browser.",) if token else ("authentication.", "browser.")
    expected |= {name for name in decided_requirements() if name.startswith(not_asked_for)}
    assert skipped == expected


@pytest.mark.parametrize(
    "mutant", MUTANTS, ids=[f"{m.server.__name__}-{min(m.expected)}" for m in MUTANTS]
)
def test_a_broken_server_is_caught(mutant: Mutant, stage: Serve) -> None:
    """By `--only` what it breaks; for some by everything."""
    part = part_for(mutant.server.__name__, mutant.expected, every=20)
    report = report_on(stage(mutant.server(mutant.workflows)), **{**part, **mutant.options})
    assert not report.crashes
    assert {breach.requirement for breach in report.breaches} == mutant.expected
    for result in by_status(report, Status.FAILED).values():
        assert result.message
        assert result.reproduce.startswith(("curl ", "printf "))
        assert TOKEN not in result.message + result.reproduce


@pytest.mark.parametrize("server", [Readable, LetsOnePageReadWithAToken, LetsAllPagesRead])
def test_a_server_that_lets_the_page_read_is_not(
    server: type[ConformingServer], stage: Serve
) -> None:
    report = report_on(stage(server()), token=server.token, **BY_A_PAGE)
    assert not broken(report)
    skipped = set(by_status(report, Status.SKIPPED))
    assert skipped == ({"browser.vary"} if server is LetsAllPagesRead else set())


class BrokenStreams(ConformingServer):
    """Each mutation of the judge's tests as a workflow of its own, and a good one."""

    stories: ClassVar[dict[str, Any]] = {
        mutation.__name__: mutation for _, _, mutation in test_judge.MUTATIONS
    }

    def events(self, run: Run) -> Stream:
        stream = good()
        if run.workflow_id in self.stories:
            self.stories[run.workflow_id](stream)
        return self.with_ids(stream, run)


@pytest.fixture(scope="module")
def broken_streams(stage: Serve) -> dict[str, set[str]]:
    """What was broken in each mutation's stream."""
    server = BrokenStreams((*BrokenStreams.stories, "good"))
    count = len(server.workflows) + PROBE_RUNS
    report = report_on(stage(server), max_runs=count)
    assert not report.crashes
    found: dict[str, set[str]] = {name: set() for name in server.workflows}
    for breach in report.breaches:
        # Not what probes saw: they run the workflow that was quickest, which may be any.
        if breach.check == "streams":
            for name in re.findall(r"/workflows/([a-z_]+)/runs", breach.reproduce):
                found[name].add(breach.requirement)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [(mutation.__name__, expected) for _, expected, mutation in test_judge.MUTATIONS],
)
def test_a_broken_stream_is_caught(
    name: str, expected: set[str], broken_streams: dict[str, set[str]]
) -> None:
    """Over the wire, with the events' schemas, which see more than the mutation names."""
    assert broken_streams[name] >= expected
    assert broken_streams[name] - expected <= {"event.schema"}


def test_a_good_stream_among_them_is_not(broken_streams: dict[str, set[str]]) -> None:
    assert broken_streams["good"] == set()


def test_every_requirement_is_shown_broken() -> None:
    shown = set().union(*(mutant.expected for mutant in MUTANTS))
    shown |= {requirement for requirement, _, _ in test_judge.MUTATIONS}
    assert shown == set(load_catalogue().requirements)


def test_every_requirement_is_decided_by_some_check() -> None:
    assert decided_requirements() == set(load_catalogue().requirements)
    assert decided_requirements() >= JUDGED_REQUIREMENTS
